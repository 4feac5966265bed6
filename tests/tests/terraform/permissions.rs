//! The printed policies under a local AWS that enforces IAM: with each duty's policies its terraform runs, and no more of them
//! is allowed than is used.

mod calls;
mod documents;
mod roles;

use std::collections::BTreeSet;

use acceptance::fixtures::{self, ProcesoRole, TargetFunction};
use acceptance::ministack::Options;
use acceptance::terraform::REQUIRED_PROVIDERS;
use acceptance::{Account, MiniStack, Terraform, world};
use anyhow::{Context, Result, ensure};
use aws_sdk_lambda::primitives::Blob;
use serde_json::{Value, json};

use self::calls::{Call, Need};
use self::documents::{Allowed, Printed, matches};
use crate::common::{APP, executor_role, only_proceso, stack};

const STACK: &str = "kairos_stack.this";

const WITH_API: &str = r#"
  executor            = { role_prefix = "proceso-" }
  api                 = {}
  notification_emails = ["operaciones@example.com"]
"#;

const CHANGED: &str = r#"
  executor            = { role_prefix = "proceso-", memory_size = 512, timeout = 60, reserved_concurrency = 5, batch_size = 5 }
  api                 = { memory_size = 512 }
  notification_emails = ["operaciones@example.com"]
  log_retention_days  = 7
  tags                = { equipo = "plataforma" }
"#;

const WITHOUT_API: &str = r#"
  executor = { role_prefix = "proceso-" }
"#;

/// What is allowed and not asked for in the run below, and why.
const UNUSED: &[(&str, &str)] = &[
    (
        "apigateway:GET /domainnames",
        "asked for where a domain is configured, and by an import",
    ),
    (
        "iam:DeleteRolePermissionsBoundary",
        "`a_role_path_and_a_boundary…` removes one",
    ),
    (
        "iam:PutRolePermissionsBoundary",
        "`a_role_path_and_a_boundary…` sets one",
    ),
    ("logs:AssociateKmsKey", "asked for once the stack has a key"),
    (
        "logs:DisassociateKmsKey",
        "asked for once the stack has no key any more",
    ),
    ("logs:DeleteRetentionPolicy", "asked for where lines are kept for ever"),
];

/// The service that the local AWS lets everybody call: it does not see the operation in a request of the CBOR protocol. What is
/// needed of it is compared below like the rest.
const UNASKED: &str = "cloudwatch";

/// Somebody with policies of their own.
struct Principal {
    key: String,
    secret: String,
    allowed: Allowed,
}

#[tokio::test]
async fn each_duty_runs_under_exactly_its_policies() -> Result<()> {
    let server = MiniStack::recording(Options { auth: true })?;
    let account = server.account();
    fixtures::api_gateway_logging(&account).await?;
    let function = TargetFunction::create(&account, "Destino").await?;
    let executor = executor_role(&account);
    let role = ProcesoRole::create(
        &account,
        "proceso-destino",
        &executor,
        "lambda:InvokeFunction",
        &function.arn,
    )
    .await?;
    let before = world::list(&account).await?;
    let printed = Printed::of(&account, APP)?;
    let planner = Principal::create(&account, "plan", printed.duties(&["plan"])).await?;
    let builder = Principal::create(&account, "apply", printed.duties(&["plan", "apply"])).await?;
    let registrar = Principal::create(&account, "procesos", printed.duties(&["procesos"])).await?;
    let reader = Principal::create(&account, "data", printed.duties(&["data"])).await?;
    let destroyer = Principal::create(&account, "destroy", printed.duties(&["plan", "destroy"])).await?;
    let mut terraform = Terraform::new(&account, &stack(WITH_API))?;

    planner.takes(&mut terraform);
    assert_eq!(terraform.plan_summary(&[])?.action(STACK), "create");
    let refused = terraform.apply(&[])?.failed("apply of who may only plan")?;
    ensure!(
        refused.iter().any(|error| error.text().contains("ssm:PutParameter")),
        "the refusal does not name the action: {refused:#?}"
    );
    assert_eq!(world::list(&account).await?, before, "who may only plan has written");

    builder.takes(&mut terraform);
    terraform.apply(&[])?.succeeded("apply")?;
    planner.takes(&mut terraform);
    ensure!(terraform.plan_summary(&[])?.is_empty(), "the second plan is not empty");

    let asked = |service: &String| *service != UNASKED;
    for service in planner.allowed.services().into_iter().filter(asked) {
        let lesser = Principal::create(&account, &format!("sin-{service}"), planner.allowed.without(&service)).await?;
        lesser.takes(&mut terraform);
        let errors = terraform.plan(&[])?.failed(&format!("plan without {service}"))?;
        let denied = ["AccessDenied", "not authorized", "AuthorizationError"];
        ensure!(
            errors
                .iter()
                .any(|error| denied.iter().any(|word| error.text().contains(word))),
            "a plan without {service} fails for another reason: {errors:#?}"
        );
    }

    let mut procesos = Terraform::new(&account, &only_proceso(&proceso("cron(0 3 1 1 ? *)", &role, &function)))?;
    registrar.takes(&mut procesos);
    procesos.apply(&[])?.succeeded("apply of the process")?;
    procesos.write(
        "main.tf",
        &only_proceso(&proceso("cron(0 4 1 1 ? *)", &role, &function)),
    )?;
    procesos.apply(&[])?.succeeded("change of the process")?;
    let paused = proceso("cron(0 4 1 1 ? *)", &role, &function) + "\n  habilitado  = false";
    procesos.write("main.tf", &only_proceso(&paused))?;
    procesos.apply(&[])?.succeeded("pause of the process")?;
    ensure!(
        procesos.plan_summary(&[])?.is_empty(),
        "the plan of the process is not empty"
    );
    let mut data = Terraform::new(&account, &reads())?;
    reader.takes(&mut data);
    data.apply(&[])?.succeeded("reading")?;
    procesos.destroy(&[])?.succeeded("destroy of the process")?;

    drift(&account).await?;
    builder.takes(&mut terraform);
    for (what, attributes) in [
        ("change", CHANGED),
        ("way back", WITH_API),
        ("end of the API", WITHOUT_API),
    ] {
        terraform.write("main.tf", &stack(attributes))?;
        terraform.apply(&[])?.succeeded(what)?;
        ensure!(
            terraform.plan_summary(&[])?.is_empty(),
            "the plan after the {what} is not empty"
        );
    }
    terraform.write("main.tf", &stack(WITH_API))?;
    terraform.apply(&[])?.succeeded("return of the API")?;
    destroyer.takes(&mut terraform);
    terraform.destroy(&[])?.succeeded("destroy")?;
    assert_eq!(world::list(&account).await?, before, "the destruction left something");

    let calls = server.recorded()?;
    let calls = calls
        .iter()
        .filter(|call| call["authorization"].as_str().is_some_and(|a| !a.is_empty()));
    let calls: Vec<Call> = calls.map(Call::of).collect::<Result<_>>()?;
    planner.was_asked_only_what_it_may(&calls, &account, &["ssm:PutParameter", "ssm:AddTagsToResource"])?;
    let mut used = BTreeSet::new();
    for principal in [&builder, &registrar, &reader, &destroyer] {
        used.extend(principal.was_asked_only_what_it_may(&calls, &account, &[])?);
    }
    nothing_is_allowed_in_vain(&printed, &used)
}

impl Principal {
    /// A user who may do what is `allowed`.
    async fn create(account: &Account, name: &str, allowed: Allowed) -> Result<Self> {
        let iam = account.iam();
        iam.create_user()
            .user_name(name)
            .send()
            .await
            .context("creating a user")?;
        let quirks = quirks(account, &allowed);
        for (index, document) in allowed.documents.iter().chain(Some(&quirks)).enumerate() {
            let policy = iam.create_policy().policy_name(format!("{name}-{index}"));
            let policy = policy.policy_document(document.to_string()).send().await;
            let policy = policy.with_context(|| format!("creating the policy {document}"))?;
            let arn = policy
                .policy()
                .and_then(|p| p.arn())
                .context("a policy without an ARN")?;
            iam.attach_user_policy().user_name(name).policy_arn(arn).send().await?;
        }
        let key = iam.create_access_key().user_name(name).send().await?;
        let key = key.access_key().context("an answer without a key")?;
        Ok(Self {
            key: key.access_key_id().into(),
            secret: key.secret_access_key().into(),
            allowed,
        })
    }

    /// From now on, terraform is run by this principal.
    fn takes(&self, terraform: &mut Terraform) {
        terraform.set("AWS_ACCESS_KEY_ID", &self.key);
        terraform.set("AWS_SECRET_ACCESS_KEY", &self.secret);
    }

    /// What it needed, all of which it must be allowed by AWS's reading of the policies, `refused` aside.
    fn was_asked_only_what_it_may(
        &self,
        calls: &[Call],
        account: &Account,
        refused: &[&str],
    ) -> Result<BTreeSet<Need>> {
        let mut used = BTreeSet::new();
        for call in calls.iter().filter(|call| call.key == self.key) {
            used.extend(call.needs(account)?);
        }
        let undeclared: Vec<&Need> = used
            .iter()
            .filter(|need| !self.allowed.allows(need) && !refused.contains(&need.action.as_str()))
            .collect();
        ensure!(undeclared.is_empty(), "used, and not declared: {undeclared:#?}");
        ensure!(used.len() > 5, "hardly a call was recorded: {used:?}");
        Ok(used)
    }
}

/// Every action was used on something, and something was used of every object.
fn nothing_is_allowed_in_vain(printed: &Printed, used: &BTreeSet<Need>) -> Result<()> {
    let all = printed.duties(&["plan", "apply", "destroy", "procesos", "data"]);
    let excused = |what: &str| {
        UNUSED
            .iter()
            .any(|(unused, _)| what.contains(unused) || *unused == what)
    };
    let idle: Vec<String> = all
        .actions()
        .into_iter()
        .filter(|action| !used.iter().any(|need| need.action == *action) && !excused(action))
        .collect();
    ensure!(idle.is_empty(), "allowed, and never used: {idle:#?}");
    let idle: Vec<String> = all
        .resources()
        .into_iter()
        .filter(|(on, actions)| {
            !used
                .iter()
                .any(|need| actions.contains(&need.action) && matches(on, &need.resource))
        })
        .map(|(on, actions)| format!("{actions:?} on {on}"))
        .filter(|idle| !idle.contains("/domainnames"))
        .collect();
    ensure!(idle.is_empty(), "allowed on what is never used: {idle:#?}");
    let stale: Vec<&str> = UNUSED
        .iter()
        .map(|(unused, _)| *unused)
        .filter(|unused| used.iter().any(|need| need.action == *unused))
        .collect();
    ensure!(stale.is_empty(), "used, though it is excused: {stale:?}");
    Ok(())
}

/// What others change of a stack, such that mending it takes what no change of the configuration does.
async fn drift(account: &Account) -> Result<()> {
    let (iam, role) = (account.iam(), format!("{APP}-{}-DispatcherRole", account.region));
    let document = |action: &str| {
        json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": action, "Resource": "*" }] })
            .to_string()
    };
    let extra = iam.put_role_policy().role_name(&role).policy_name("Extra");
    extra.policy_document(document("s3:GetObject")).send().await?;
    let managed = iam
        .create_policy()
        .policy_name("Ajena")
        .policy_document(document("s3:PutObject"));
    let managed = managed.send().await?;
    let arn = managed
        .policy()
        .and_then(|p| p.arn())
        .context("a policy without an ARN")?;
    iam.attach_role_policy().role_name(&role).policy_arn(arn).send().await?;
    let trust = json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "AWS": account.id } }],
    });
    let call = iam.update_assume_role_policy().role_name(&role);
    call.policy_document(trust.to_string()).send().await?;
    iam.update_role()
        .role_name(&role)
        .description("Otra cosa")
        .send()
        .await?;
    let table = account
        .dynamodb()
        .update_table()
        .table_name(format!("{APP}Ejecuciones"));
    table.deletion_protection_enabled(true).send().await?;
    let topic = format!("arn:aws:sns:{}:{}:{APP}Notificaciones", account.region, account.id);
    let topic = account.sns().set_topic_attributes().topic_arn(topic);
    topic
        .attribute_name("DisplayName")
        .attribute_value("Otro")
        .send()
        .await?;
    let code = account
        .lambda()
        .update_function_code()
        .function_name(format!("{APP}Dispatcher"));
    code.zip_file(Blob::new(fixtures::other_code()?)).send().await?;
    Ok(())
}

/// Where the local AWS asks otherwise than AWS does. None of it allows another action, nor an object of anybody else.
fn quirks(account: &Account, allowed: &Allowed) -> Value {
    // Where it cannot tell the object, since it does not read the body, it asks on `*`: that is what `?`, one letter, matches.
    let mut statements = vec![json!({ "Effect": "Allow", "Action": allowed.actions(), "Resource": "?" })];
    for (resource, actions) in allowed.resources() {
        // It names a log group without the `:*` that AWS puts behind it.
        if let Some(group) = resource.strip_suffix(":*").filter(|arn| arn.contains(":log-group:")) {
            statements.push(json!({ "Effect": "Allow", "Action": actions, "Resource": group }));
        }
        // It asks for every schedule in the group `default`.
        if resource.contains(":schedule/") {
            let prefix = format!(
                "arn:aws:scheduler:{}:{}:schedule/default/calendarizacion-*",
                account.region, account.id
            );
            statements.push(json!({ "Effect": "Allow", "Action": actions, "Resource": prefix }));
        }
    }
    json!({ "Version": "2012-10-17", "Statement": statements })
}

/// Each data source, in each way that asks AWS otherwise.
fn reads() -> String {
    let of = |kind: &str, label: &str, attributes: &str| {
        format!("data \"kairos_{kind}\" \"{label}\" {{\n  {attributes}\n}}\n")
    };
    let on = |attributes: &str| format!("stack = \"{APP}\"\n  {attributes}");
    format!("{REQUIRED_PROVIDERS}\nprovider \"kairos\" {{}}\n")
        + &of("stack", "this", &format!("name = \"{APP}\""))
        + &of("proceso", "p", &on("nombre = \"Permisos\""))
        + &of("procesos", "todos", &on(""))
        + &of("procesos", "suyos", &on("cron = \"cron(0 4 1 1 ? *)\""))
        + &of("ejecuciones", "p", &on("nombre = \"Permisos\""))
        + &of(
            "ejecuciones",
            "dia",
            &on("estado = \"ErrorAlEjecutar\"\n  dia = \"2026-01-02\""),
        )
        + &of(
            "rol_ejecucion",
            "cola",
            &on("arn_proceso = \"arn:aws:sqs:us-east-1:123456789012:trabajo\""),
        )
        + &of("politica_kms", "llave", &on(""))
}

fn proceso(cron: &str, role: &ProcesoRole, function: &TargetFunction) -> String {
    format!(
        "nombre      = \"Permisos\"\n  cron        = \"{cron}\"\n  arn_rol     = \"{}\"\n  arn_proceso = \"{}\"\n  \
         modo_invocacion = \"RequestResponse\"\n  tiempo_maximo_segundos = 20",
        role.arn, function.arn
    )
}
