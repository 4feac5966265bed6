//! `kairos_rol_ejecucion`: the trust and the permissions of a role that a process may use with a given target.
//!
//! Invariant: pure but for the stack, which this run plans or AWS has; the same stack and target always give the same documents.

mod name;
mod target;
mod universal;

use kairos::arn::{Target, check_target};
use kairos::error::UserError;
use kairos::names::Names;
use serde_json::{Value, json};
use tfplugin::{Attr, Attribute, Ctx, DataSource, Diagnostics, Path, Schema, Type, model};

use self::target::{Lacking, Wish};
use super::installation::{self, connection};
use super::{document, settle, stack_attribute};
use crate::configuration::Configured;
use crate::sentence::sentence;

model! {
    /// The attributes of `kairos_rol_ejecucion`.
    pub struct RolModel {
        /// The stack's name.
        pub stack: Attr<String>,
        /// The target.
        pub arn_proceso: Attr<String>,
        /// What the role is called behind the stack's prefix.
        pub nombre: Attr<String>,
        /// What the target receives.
        pub parametros: Attr<String>,
        /// The roles that the target is started with.
        pub roles_a_pasar: Attr<Vec<Attr<String>>>,
        /// The actions of a universal target.
        pub acciones: Attr<Vec<Attr<String>>>,
        /// The objects of a universal target.
        pub recursos: Attr<Vec<Attr<String>>>,
        /// The trust policy.
        pub politica_confianza: Attr<String>,
        /// The permissions.
        pub politica_permisos: Attr<String>,
        /// The role's name.
        pub nombre_rol: Attr<String>,
        /// The role's path.
        pub ruta_rol: Attr<String>,
        /// The role's ARN.
        pub arn_rol: Attr<String>,
        /// The role that assumes it.
        pub arn_rol_ejecutor: Attr<String>,
    }
}

/// The data source.
#[derive(Debug, Default)]
pub struct RolDataSource;

impl DataSource for RolDataSource {
    const NAME: &'static str = "kairos_rol_ejecucion";
    type Model = RolModel;
    type Configured = Configured;

    fn schema(&self) -> Schema {
        let texts = |text: &str| Attribute::list(Type::String).optional().description(text);
        let computed = |text: &str| Attribute::string().computed().description(text);
        Schema::new(0)
            .description(
                "What a role must be so that a process of a stack may use it with a given target: trust and permissions as JSON \
                 documents, and a name that carries the stack's prefix. Nothing is created, and IAM is not asked.",
            )
            .attribute("stack", stack_attribute("Name of the stack: one that exists, or one of this configuration."))
            .attribute(
                "arn_proceso",
                Attribute::string().required().description("ARN of the target, of any kind that a process may have."),
            )
            .attribute(
                "nombre",
                Attribute::string()
                    .optional()
                    .description(
                        "What the role is called behind the stack's prefix; after the target where it is left out. Accents and spaces \
                         are written as names of IAM allow; what is too long is cut and told apart by a digest.",
                    ),
            )
            .attribute(
                "parametros",
                Attribute::string().optional().description(
                    "What the target receives, as in `kairos_proceso`. Needed where it names what is to be allowed: a task or job \
                     definition, a database, a secret.",
                ),
            )
            .attribute(
                "roles_a_pasar",
                texts(
                    "ARNs of the roles that the target is started with. Required for ECS (`[]` where the task definition has none); \
                     may be set for universal targets.",
                ),
            )
            .attribute(
                "acciones",
                texts("For universal targets: the IAM actions, where they do not follow from the call."),
            )
            .attribute(
                "recursos",
                texts(
                    "For universal targets: the ARNs of the objects that the call may work on; `*` where it is left out, since the \
                     ARN of a universal target does not tell.",
                ),
            )
            .attribute("politica_confianza", computed(
                    "Trust policy, as JSON: the account, for whoever acts as the executor's role (`aws:PrincipalArn`), with the \
                     stack's external id where it has one.",
                ))
            .attribute("politica_permisos", computed("Permissions, as JSON: the one action on the one target."))
            .attribute("nombre_rol", computed("Suggested name of the role."))
            .attribute("ruta_rol", computed("Path of the role, with a slash at both ends."))
            .attribute("arn_rol", computed("ARN that the role has once it is created with this name and path: the `arn_rol` of the process."))
            .attribute("arn_rol_ejecutor", computed("ARN of the executor's role, which the role trusts."))
    }

    fn validate(&self, config: &RolModel, diagnostics: &mut Diagnostics) {
        if let Some(Err(error)) = config.arn_proceso.as_str().map(Target::parse) {
            diagnostics.extend(refused(&error));
        }
    }

    async fn read(&self, ctx: &Ctx<Configured>, config: RolModel, diagnostics: &mut Diagnostics) -> Option<RolModel> {
        let executor = settle(executor(ctx.configured(), &config).await, diagnostics)?;
        settle(described(&executor, config), diagnostics)
    }
}

/// Who assumes the roles of a stack's processes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Executor {
    names: Names,
    role_arn: String,
    role_prefix: String,
    external_id: Option<String>,
}

/// The stack's executor: as this run plans it, otherwise as it is installed.
async fn executor(configured: &Configured, config: &RolModel) -> Result<Executor, Diagnostics> {
    let name = config.stack.as_str().unwrap_or_default();
    let connection = connection(configured)?;
    if let Some(planned) = configured.stacks.planned(name) {
        let known = planned.role_prefix.zip(planned.executor_role_arn);
        let (Some((role_prefix, role_arn)), false) = (known, planned.external_id.is_unknown()) else {
            return Err(not_known_yet(name));
        };
        return Ok(Executor {
            names: connection.names(name),
            role_arn,
            role_prefix,
            external_id: planned.external_id.into_known(),
        });
    }
    let installation = installation::find(configured, name).await?;
    Ok(Executor {
        names: installation.names.clone(),
        role_arn: installation.executor_role_arn().to_owned(),
        role_prefix: installation.role_prefix().to_owned(),
        external_id: installation.external_id.clone(),
    })
}

/// The documents for a target.
fn described(executor: &Executor, config: RolModel) -> Result<RolModel, Diagnostics> {
    let text = config.arn_proceso.as_str().unwrap_or_default();
    let target = check_target(text, &executor.names).map_err(|error| refused(&error))?;
    let parametros = config.parametros.as_str();
    let parametros: Option<Value> = parametros.and_then(|text| serde_json::from_str(text).ok());
    let lists = [&config.roles_a_pasar, &config.acciones, &config.recursos].map(texts);
    let [roles_a_pasar, acciones, recursos] = &lists;
    let wish = Wish {
        target: &target,
        parametros: parametros.as_ref(),
        roles_a_pasar: roles_a_pasar.as_deref(),
        acciones: acciones.as_deref(),
        recursos: recursos.as_deref(),
    };
    let statements = target::statements(&wish).map_err(|lacking| asked(&lacking))?;
    let nombre = config
        .nombre
        .as_str()
        .map_or_else(|| name::of_target(&target), str::to_owned);
    let role = name::suggest(&executor.role_prefix, &nombre).ok_or_else(|| no_room(executor))?;
    Ok(RolModel {
        politica_confianza: document([trust(executor)]).into(),
        politica_permisos: document(statements).into(),
        arn_rol: executor.names.role_arn(&role.path, &role.name).into(),
        arn_rol_ejecutor: executor.role_arn.as_str().into(),
        nombre_rol: role.name.into(),
        ruta_rol: role.path.into(),
        ..config
    })
}

/// Whoever acts as the executor's role, of this account, and tells the external id where there is one. The role is no principal
/// itself: IAM would bind the policy to that role's id, which dies with it.
fn trust(executor: &Executor) -> Value {
    let place = &executor.names.place;
    let root = format!("arn:{}:iam::{}:root", place.partition, place.account);
    let mut condition = json!({ "ArnEquals": { "aws:PrincipalArn": executor.role_arn } });
    if let Some(id) = &executor.external_id {
        condition["StringEquals"] = json!({ "sts:ExternalId": id });
    }
    json!({
        "Effect": "Allow",
        "Principal": { "AWS": root },
        "Action": "sts:AssumeRole",
        "Condition": condition,
    })
}

fn texts(list: &Attr<Vec<Attr<String>>>) -> Option<Vec<String>> {
    let elements = list.known()?.iter();
    Some(
        elements
            .filter_map(|element| element.as_str().map(str::to_owned))
            .collect(),
    )
}

fn refused(error: &UserError) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    diagnostics.error_at(Path::root("arn_proceso"), "Invalid arn_proceso", sentence(error));
    diagnostics
}

fn asked(lacking: &Lacking) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    let attribute = lacking.attribute;
    let summary = format!("Cannot tell the permissions without \"{attribute}\"");
    diagnostics.error_at(Path::root(attribute), summary, lacking.detail.clone());
    diagnostics
}

fn no_room(executor: &Executor) -> Diagnostics {
    let detail = format!(
        "The stack \"{}\" wants roles whose names begin with \"{}\", which leaves no room for a name: IAM takes 64 characters.",
        executor.names.app, executor.role_prefix
    );
    let mut diagnostics = Diagnostics::new();
    diagnostics.error_at(Path::root("stack"), "Cannot suggest a name", detail);
    diagnostics
}

fn not_known_yet(name: &str) -> Diagnostics {
    let detail = format!(
        "\"role_path\", \"executor.role_prefix\" or \"executor.external_id\" of the stack \"{name}\" is not known before apply. \
         Write stack = kairos_stack.<name>.name here, or depends_on = [kairos_stack.<name>]: Terraform then reads this after the \
         stack has been created or changed."
    );
    let mut diagnostics = Diagnostics::new();
    diagnostics.error_at(Path::root("stack"), "The stack is not known yet", detail);
    diagnostics
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use kairos::names::Place;

    use super::*;

    fn stack(external_id: Option<&str>) -> Executor {
        let place = Place {
            partition: "aws-us-gov".into(),
            account: "123456789012".into(),
            region: "us-gov-west-1".into(),
        };
        let names = Names::new("Demo", place);
        Executor {
            role_arn: names.role_arn("/kairos/", &names.executor_role()),
            names,
            role_prefix: "kairos/demo-".into(),
            external_id: external_id.map(str::to_owned),
        }
    }

    fn asks(arn: &str) -> RolModel {
        RolModel {
            stack: "Demo".into(),
            arn_proceso: arn.into(),
            ..RolModel::default()
        }
    }

    #[test]
    fn the_documents_of_a_role() {
        let config = asks("arn:aws-us-gov:sqs:us-gov-west-1:123456789012:trabajo");
        let found = described(&stack(Some("externo")), config).unwrap();
        let read = |text: &Attr<String>| serde_json::from_str::<Value>(text.as_str().unwrap()).unwrap();
        let trust = json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Principal": { "AWS": "arn:aws-us-gov:iam::123456789012:root" },
                "Action": "sts:AssumeRole",
                "Condition": {
                    "ArnEquals": {
                        "aws:PrincipalArn": "arn:aws-us-gov:iam::123456789012:role/kairos/Demo-us-gov-west-1-ExecutorRole",
                    },
                    "StringEquals": { "sts:ExternalId": "externo" },
                },
            }],
        });
        assert_eq!(read(&found.politica_confianza), trust);
        let permissions = json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Action": "sqs:SendMessage",
                "Resource": "arn:aws-us-gov:sqs:us-gov-west-1:123456789012:trabajo",
            }],
        });
        assert_eq!(read(&found.politica_permisos), permissions);
        assert_eq!(
            found.arn_rol.as_str(),
            Some("arn:aws-us-gov:iam::123456789012:role/kairos/demo-sqs-trabajo")
        );
    }

    #[test]
    fn a_stack_without_an_external_id_asks_for_none() {
        assert_eq!(
            trust(&stack(None))["Condition"].as_object().map(serde_json::Map::len),
            Some(1)
        );
    }

    #[test]
    fn what_no_process_may_have_is_refused() {
        let told = |arn: &str| {
            let found = described(&stack(None), asks(arn));
            found.map_or_else(|errors| errors.into_iter().map(|d| d.detail).collect(), |_| Vec::new())
        };
        let errors = told("arn:aws-us-gov:sqs:us-gov-west-1:123456789012:DemoQueue");
        assert!(errors[0].starts_with("arn_proceso \"arn:aws-us-gov:sqs:"), "{errors:?}");
        assert_eq!(
            told("arn:aws:sqs:us-east-1:123456789012:trabajo").len(),
            1,
            "another partition"
        );
        assert_eq!(
            told("arn:aws-us-gov:glue:us-gov-west-1:210987654321:job/x").len(),
            1,
            "another account"
        );
        assert_eq!(
            told("arn:aws-us-gov:glue:us-gov-west-1:123456789012:job/x"),
            Vec::<String>::new()
        );
        let mut diagnostics = Diagnostics::new();
        RolDataSource.validate(&asks("cierre"), &mut diagnostics);
        assert!(diagnostics.has_errors());
    }
}
