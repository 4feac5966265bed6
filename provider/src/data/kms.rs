//! `kairos_politica_kms`: what the policy of a customer's key must allow, so that a stack can use it.
//!
//! Invariant: pure but for account, region and partition; the statements are those that the plan of a new `kms_key_arn` tells.

use tfplugin::{Attr, Attribute, Ctx, DataSource, Diagnostics, Schema, model};

use super::installation::connection;
use super::{document, settle, stack_attribute};
use crate::configuration::Configured;
use crate::stack::key;

model! {
    /// The attributes of `kairos_politica_kms`.
    pub struct PoliticaKmsModel {
        /// The stack's name.
        pub stack: Attr<String>,
        /// The statements, as a JSON list.
        pub declaraciones: Attr<String>,
        /// A document that holds them.
        pub politica: Attr<String>,
    }
}

/// The data source.
#[derive(Debug, Default)]
pub struct PoliticaKmsDataSource;

impl DataSource for PoliticaKmsDataSource {
    const NAME: &'static str = "kairos_politica_kms";
    type Model = PoliticaKmsModel;
    type Configured = Configured;

    fn schema(&self) -> Schema {
        Schema::new(0)
            .description(
                "The statements that the policy of a customer's KMS key must have beside those of its administrators, so that a \
                 stack can use it as its `kms_key_arn`. They are those that the plan of a new `kms_key_arn` tells. Neither the stack nor \
                 the key need exist.",
            )
            .attribute("stack", stack_attribute("Name of the stack that uses the key."))
            .attribute(
                "declaraciones",
                Attribute::string().computed().description("The statements, as a JSON list, to be joined with others."),
            )
            .attribute(
                "politica",
                Attribute::string().computed().description(
                    "A policy document of these statements alone, as JSON, for `source_policy_documents` of `aws_iam_policy_document`. A \
                     key needs a statement for its administrators as well: AWS refuses a policy that nobody could change any more.",
                ),
            )
    }

    async fn read(
        &self,
        ctx: &Ctx<Configured>,
        config: PoliticaKmsModel,
        diagnostics: &mut Diagnostics,
    ) -> Option<PoliticaKmsModel> {
        let connection = settle(connection(ctx.configured()), diagnostics)?;
        let statements = key::statements(&connection.names(config.stack.as_str().unwrap_or_default()));
        Some(PoliticaKmsModel {
            declaraciones: statements.to_string().into(),
            politica: document(statements.as_array().cloned().unwrap_or_default()).into(),
            ..config
        })
    }
}
