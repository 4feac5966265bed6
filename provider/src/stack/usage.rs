//! Whether processes are registered in a stack.
//!
//! Invariant: read-only. A stack whose table is gone has none.

use aws_sdk_dynamodb::types::Select;
use kairos_aws::Doing;
use tfplugin::{Diagnostic, Path};

use super::context::Context;

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
                "The table \"{table}\" is not empty. Destroy the processes first (kairos_proceso, or DELETE /Procesos/{{id}} of \
                 the API), or set \"force_destroy\" to true and apply that: they are then destroyed with the stack. Nothing was \
                 deleted."
            ),
        )
        .at(Path::root("force_destroy"))),
        Err(error) => Err(Diagnostic::error(
            format!("Cannot tell whether processes are registered in the stack \"{name}\""),
            format!("{error}. Nothing was deleted."),
        )),
    }
}
