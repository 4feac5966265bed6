//! Whether processes are registered in a stack.
//!
//! Invariant: read-only. A stack whose table is gone has none.

use aws_sdk_dynamodb::types::Select;
use kairos::names::Names;
use kairos_aws::Doing;
use tfplugin::{Diagnostic, Path};

use super::context::Context;
use super::kind::Tags;
use super::marker::{self, Phase, Ssm};
use crate::permissions::{Permissions, Scope};
use crate::sentence::sentence;

/// What IAM must allow for this check, which comes before a deletion, and for reading the processes' roles where their prefix changes.
pub fn permissions(names: &Names, kms_key_arn: Option<&str>) -> Permissions {
    let table = Scope::of([names.table_arn(&names.procesos_table())]);
    let read: &[&str] = &["dynamodb:Scan"];
    let permissions = Permissions::default().observe(&table, read).delete(&table, read);
    let Some(key) = kms_key_arn else {
        return permissions;
    };
    let key = Scope::key(key, "dynamodb", names);
    permissions
        .observe(&key, &["kms:Decrypt"])
        .delete(&key, &["kms:Decrypt"])
}

/// Refuses where processes are registered.
///
/// # Errors
/// There are some, or whether there are could not be read.
pub async fn unused(context: &Context) -> Result<(), Diagnostic> {
    let table = context.names.procesos_table();
    let call = context
        .aws
        .dynamodb
        .scan()
        .table_name(&table)
        .select(Select::Count)
        .limit(1)
        .consistent_read(true);
    let name = &context.names.app;
    match call.send().await.found("Scan", &table) {
        Ok(None) => Ok(()),
        Ok(Some(page)) if page.count() == 0 && page.last_evaluated_key().is_none() => Ok(()),
        Ok(Some(_)) => Err(Diagnostic::error(
            format!("Processes are registered in the stack \"{name}\""),
            format!(
                "The table \"{table}\" is not empty. {} Nothing was deleted.",
                advice(context).await
            ),
        )
        .at(Path::root("force_destroy"))),
        Err(error) => Err(Diagnostic::error(
            format!("Cannot tell whether processes are registered in the stack \"{name}\""),
            format!("{} Nothing was deleted.", sentence(&error)),
        )),
    }
}

/// What can be done about processes that are registered. A stack that has never been complete is tainted, and Terraform
/// replaces it: nothing of its configuration is applied before that.
async fn advice(context: &Context) -> &'static str {
    let shelf = Ssm::new(context.clone(), Tags::new());
    match marker::read(&shelf, &context.names).await {
        Ok(Some(marker)) if marker.fase == Phase::Creando => {
            "The stack has never been complete, which is why Terraform would replace it: run \"terraform untaint\" with the \
             stack's address and apply again, which completes it in place and keeps its processes. Or destroy the processes first \
             (kairos_proceso, or DELETE /Procesos/{id} of the API)."
        }
        _ => {
            "Destroy the processes first (kairos_proceso, or DELETE /Procesos/{id} of the API), or set \"force_destroy\" to true \
             and apply that: they are then destroyed with the stack."
        }
    }
}
