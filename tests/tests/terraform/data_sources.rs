//! The data sources: the examples of their documentation, run against one stack, and the role that one of them describes,
//! assumed by the executor.

use std::fs;

use acceptance::fixtures::{self, ProcesoRole, TargetFunction};
use acceptance::terraform::REQUIRED_PROVIDERS;
use acceptance::{Account, Terraform, workspace};
use anyhow::{Context, Result, ensure};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_sts::error::ProvideErrorMetadata;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::common::{
    APP, account, assert_told, configuration, dispatch, ended_runs, executor_role, firing, marker, proceso, stack, text,
};

const STACK: &str = "kairos_stack.this";

/// The stack and its processes: two on one schedule, whose role is described by a data source, and one that is paused.
fn everything(function: &TargetFunction) -> String {
    let of = |label: &str, nombre: &str, cron: &str, habilitado: bool| {
        proceso(
            label,
            &format!(
                r#"stack        = kairos_stack.this.name
  nombre       = "{nombre}"
  cron         = "{cron}"
  zona_horaria = "America/Santiago"
  arn_rol      = data.kairos_rol_ejecucion.destino.arn_rol
  arn_proceso  = "{}"
  parametros   = jsonencode({{ quien = "{label}" }})
  habilitado   = {habilitado}"#,
                function.arn
            ),
        )
    };
    stack(
        r#"executor = { role_prefix = "kairos/proceso-", external_id = "externo" }
  api      = {}"#,
    ) + &format!(
        r#"
# Read in the plan: a direct reference to what is to be created makes terraform wait for it.
locals {{
  stack = kairos_stack.this.name
}}

data "kairos_rol_ejecucion" "destino" {{
  stack       = local.stack
  arn_proceso = "{}"
  nombre      = "Cierre anual"
}}
"#,
        function.arn
    ) + &of("cierre", "Cierre anual", "cron(0 3 1 1 ? *)", true)
        + &of("aviso", "aviso de cierre", "00 3 1 JAN ? *", true)
        + &of("informe", "Informe", "0 4 1 1 ? *", false)
}

#[tokio::test]
async fn the_examples_run_and_the_executor_assumes_the_role_that_is_described() -> Result<()> {
    let account = account(true).await?;
    let function = TargetFunction::create(&account, "Destino").await?;
    let terraform = Terraform::new(&account, &everything(&function))?;

    let role = format!("arn:aws:iam::{}:role/kairos/proceso-Cierre-anual", account.id);
    let plan = terraform.plan_summary(&[])?;
    let planned = plan.after("kairos_proceso.cierre").context("no planned process")?;
    assert_eq!(planned["arn_rol"], role, "known while the stack is only planned");
    terraform.apply(&["plan.bin"])?.succeeded("apply")?;

    create_role(&account, &terraform.resource("data.kairos_rol_ejecucion.destino")?).await?;
    // To AWS a batch is SendMessage, which the stack's role has; the local AWS asks for an action that AWS does not know.
    let dispatcher = format!("{APP}-{}-DispatcherRole", account.region);
    let queue = format!("arn:aws:sqs:{}:{}:{APP}Queue", account.region, account.id);
    fixtures::permit(&account, &dispatcher, "sqs:SendMessageBatch", &queue).await?;
    let calendarizacion = text(&terraform, "kairos_proceso.cierre", "id_calendarizacion")?;
    let programada = (Timestamp::now() + SignedDuration::from_secs(1)).to_string();
    dispatch(&account, &firing(&calendarizacion, &programada)).await?;
    let runs = ended_runs(&account, 2).await?;
    for run in &runs {
        assert_eq!(run.estado, "EjecutadoOk", "{run:#?}");
    }
    function.seen_at_least(2).await?;
    nobody_else_may_assume(&account, &role).await?;

    let reader = Terraform::bare(&account)?;
    copy_examples(&reader)?;
    let day = runs[0].programada.strftime("%Y-%m-%d").to_string();
    reader.write("extra.tf", &(extra(&account) + &of_day(&day)))?;
    let mut ran: Vec<&str> = runs.iter().map(|run| run.id_proceso.as_str()).collect();
    ran.sort_unstable();
    reader.init()?;
    reader.apply(&[])?.succeeded("apply of the examples")?;
    the_stack_is_shown_as_its_resource_is(&terraform, &reader)?;
    let fecha = runs[0].programada.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
    for (name, expected) in [
        ("executor_role_arn", json!(executor_role(&account))),
        ("api_url", terraform.resource(STACK)?["api_url"].clone()),
        (
            "cierre",
            json!({ "corre": true, "cron": "cron(0 3 1 1 ? *)", "id": text(&terraform, "kairos_proceso.cierre", "id")? }),
        ),
        ("anuales", json!(["aviso de cierre", "Cierre anual"])),
        ("en_pausa", json!(["Informe"])),
        ("ultimas", json!([format!("{fecha} EjecutadoOk")])),
        ("fallidas", json!([])),
        ("de_un_dia", json!(ran)),
        ("por_id", json!("Cierre anual")),
        ("por_parte", json!(["aviso de cierre", "Cierre anual"])),
    ] {
        assert_eq!(reader.output(name)?, expected, "{name}");
    }
    the_documents_are_what_iam_reads(&account, &reader)?;
    ensure!(reader.plan_summary(&[])?.is_empty(), "what is read changes nothing");

    reader.write("errors.tf", TWICE)?;
    let errors = reader
        .validate()?
        .failed("validation of what names no process, or two")?;
    for told in [
        "Either \"nombre\" or \"id\" must be set",
        "Only one of \"nombre\" and \"id_proceso\" may be set",
        "with \"estado\", \"dia\" must be set as well",
        "\"nombre\" cannot be set beside them",
        "\"Perdido\" is no state of a run, which is one of \"Pendiente\", ",
        "\"2026-1-2\" is no day",
        "\"limite\" is not valid: it must be between 1 and 1000, not 0",
    ] {
        assert_told(&errors, told);
    }
    reader.write("errors.tf", MISSING)?;
    let errors = reader.plan(&[])?.failed("plan of what is not there")?;
    for told in [
        "There is no stack \"Ninguno\" in account",
        "has no process \"Nadie\"",
        "\"x\" is not the id of a process",
    ] {
        assert_told(&errors, told);
    }
    reader.write("errors.tf", "")?;
    what_is_not_whole_is_refused(&account, &reader).await?;
    Ok(())
}

/// A stack that somebody is still creating or destroying, and one that lacks a parameter.
async fn what_is_not_whole_is_refused(account: &Account, reader: &Terraform) -> Result<()> {
    let (ssm, name) = (account.ssm(), format!("/{APP}/Kairos/Instalacion"));
    let whole = marker(account).await?;
    for (phase, told) in [
        ("creando", "has never been complete"),
        ("destruyendo", "is being destroyed"),
    ] {
        let mut marker = whole.clone();
        marker["fase"] = json!(phase);
        let put = ssm.put_parameter().name(&name).value(marker.to_string());
        put.overwrite(true).send().await?;
        assert_told(
            &reader.plan(&[])?.failed("plan")?,
            &format!("The stack \"{APP}\" {told}"),
        );
    }
    ssm.delete_parameter().name(&name).send().await?;
    let shown = reader.plan_summary(&[])?;
    assert_eq!(
        shown.raw["planned_values"]["outputs"]["executor_role_arn"]["value"],
        executor_role(account),
        "a stack without its marker is still shown"
    );
    let prefix = format!("/{APP}/Executor/PrefixRoles");
    ssm.delete_parameter().name(&prefix).send().await?;
    let errors = reader.plan(&[])?.failed("plan")?;
    assert_told(&errors, &format!("lacks the SSM parameter \"{prefix}\""));
    Ok(())
}

/// What the examples do not show.
fn extra(account: &Account) -> String {
    format!(
        r#"{REQUIRED_PROVIDERS}
provider "kairos" {{}}

data "kairos_stack" "con_llave" {{
  name         = "{APP}"
  with_api_key = true
}}

data "kairos_proceso" "por_id" {{
  stack = "{APP}"
  id    = data.kairos_proceso.cierre.id
}}

data "kairos_procesos" "por_parte" {{
  stack              = "{APP}"
  id_calendarizacion = data.kairos_proceso.cierre.id_calendarizacion
  nombre_contiene    = "CIERRE"
  arn_rol            = "arn:aws:iam::{}:role/kairos/proceso-Cierre-anual"
}}

output "por_id" {{
  value = data.kairos_proceso.por_id.nombre
}}

output "por_parte" {{
  value = data.kairos_procesos.por_parte.procesos[*].nombre
}}
"#,
        account.id
    )
}

/// The processes that ran well on a day, and that the history says how long that took.
fn of_day(day: &str) -> String {
    format!(
        r#"
data "kairos_ejecuciones" "de_un_dia" {{
  stack  = "{APP}"
  estado = "EjecutadoOk"
  dia    = "{day}"
}}

output "de_un_dia" {{
  value = sort([for e in data.kairos_ejecuciones.de_un_dia.ejecuciones : e.id_proceso if e.duracion_ms != null])
}}
"#
    )
}

const TWICE: &str = r#"
data "kairos_proceso" "cual" {
  stack = "Prueba"
}

data "kairos_ejecuciones" "cual" {
  stack      = "Prueba"
  nombre     = "Cierre anual"
  id_proceso = "proceso-a"
  limite     = 0
}

data "kairos_ejecuciones" "sin_dia" {
  stack  = "Prueba"
  estado = "Omitido"
  nombre = "Cierre anual"
}

data "kairos_ejecuciones" "sin_forma" {
  stack  = "Prueba"
  estado = "Perdido"
  dia    = "2026-1-2"
}
"#;

const MISSING: &str = r#"
data "kairos_stack" "ninguno" {
  name = "Ninguno"
}

data "kairos_proceso" "nadie" {
  stack  = "Prueba"
  nombre = "Nadie"
}

data "kairos_ejecuciones" "x" {
  stack      = "Prueba"
  id_proceso = "x"
}
"#;

/// The examples of all data sources, with the stack of these tests.
fn copy_examples(terraform: &Terraform) -> Result<()> {
    let folder = workspace::root().join("examples").join("data-sources");
    let mut count = 0;
    for entry in fs::read_dir(&folder).context("reading the examples")? {
        let entry = entry?;
        let name = entry.file_name().into_string().unwrap_or_default();
        let example = fs::read_to_string(entry.path().join("data-source.tf")).with_context(|| name.clone())?;
        ensure!(example.contains("\"Kairos\""), "{name} is about another stack");
        terraform.write(
            &format!("{name}.tf"),
            &example.replace("\"Kairos\"", &format!("\"{APP}\"")),
        )?;
        count += 1;
    }
    assert_eq!(count, 6, "examples");
    Ok(())
}

/// A role as the data source describes it. The local AWS gives a session's ARN for `aws:PrincipalArn`, where AWS gives its
/// role's: what the condition names is changed accordingly, and all else stays.
async fn create_role(account: &Account, described: &Value) -> Result<()> {
    let text = |attribute: &str| described[attribute].as_str().unwrap_or_default().to_owned();
    let (name, executor) = (text("nombre_rol"), text("arn_rol_ejecutor"));
    assert_eq!(executor, executor_role(account));
    let session = executor.replace(":iam:", ":sts:").replace(":role/", ":assumed-role/") + "/*";
    let trust = text("politica_confianza");
    ensure!(
        trust.contains(&format!("\"{executor}\"")),
        "the trust names another role: {trust}"
    );
    let trust = trust.replace(&executor, &session);
    let iam = account.iam();
    let create = iam.create_role().role_name(&name).path(text("ruta_rol"));
    let created = create.assume_role_policy_document(trust).send().await?;
    assert_eq!(created.role().map(|role| role.arn().to_owned()), Some(text("arn_rol")));
    let policy = iam.put_role_policy().role_name(&name).policy_name("destino");
    policy.policy_document(text("politica_permisos")).send().await?;
    Ok(())
}

/// Somebody whose own policies let them assume every role, and who knows the external id, is refused by the role's trust.
async fn nobody_else_may_assume(account: &Account, role: &str) -> Result<()> {
    let iam = account.iam();
    iam.create_user().user_name("otro").send().await?;
    let anything = json!([{ "Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*" }]);
    let document = json!({ "Version": "2012-10-17", "Statement": anything });
    let policy = iam.put_user_policy().user_name("otro").policy_name("roles");
    policy.policy_document(document.to_string()).send().await?;
    let key = iam.create_access_key().user_name("otro").send().await?;
    let key = key.access_key().context("an answer without a key")?;
    let credentials = Credentials::new(key.access_key_id(), key.secret_access_key(), None, None, "test");
    let config = account.sdk_config().to_builder();
    let config = config
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build();
    let assume = |role: &str| {
        let call = aws_sdk_sts::Client::new(&config).assume_role().role_arn(role);
        call.role_session_name("otro").external_id("externo").send()
    };
    let user = format!("arn:aws:iam::{}:user/otro", account.id);
    let theirs = ProcesoRole::create(account, "suyo", &user, "sqs:SendMessage", "*").await?;
    assume(&theirs.arn).await.context("a role that trusts them")?;
    let answer = assume(role).await;
    let refused = answer.err().and_then(|error| error.code().map(str::to_owned));
    assert_eq!(refused.as_deref(), Some("AccessDenied"));
    Ok(())
}

/// Every attribute that resource and data source have in common, but for the key, which is read where it is asked for.
fn the_stack_is_shown_as_its_resource_is(terraform: &Terraform, reader: &Terraform) -> Result<()> {
    let resource = terraform.resource(STACK)?;
    let shown = reader.resource("data.kairos_stack.cron")?;
    let mut compared = 0;
    for (name, value) in shown.as_object().context("no attributes")? {
        if let Some(held) = resource.get(name).filter(|_| name != "api_key") {
            assert_eq!(value, held, "{name}");
            assert_ne!(value, &Value::Null, "{name}");
            compared += 1;
        }
    }
    assert_eq!(compared, 26, "attributes in common: {shown:#}");
    assert_eq!(shown["role_prefix"], "kairos/proceso-");
    assert_eq!(shown["external_id"], "externo");
    assert_eq!(shown["api_key"], Value::Null, "read without being asked for");
    assert_eq!(
        reader.resource("data.kairos_stack.con_llave")?["api_key"],
        resource["api_key"]
    );
    Ok(())
}

fn the_documents_are_what_iam_reads(account: &Account, reader: &Terraform) -> Result<()> {
    let document = |text: &Value| serde_json::from_str::<Value>(text.as_str().unwrap_or_default());
    let role = reader.output("rol")?;
    assert_eq!(
        (&role["path"], &role["name"]),
        (&json!("/kairos/"), &json!("proceso-cierre"))
    );
    let trust = document(&role["assume_role_policy"])?;
    let expected = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": { "AWS": format!("arn:aws:iam::{}:root", account.id) },
            "Action": "sts:AssumeRole",
            "Condition": {
                "ArnEquals": { "aws:PrincipalArn": executor_role(account) },
                "StringEquals": { "sts:ExternalId": "externo" },
            },
        }],
    });
    assert_eq!(trust, expected);
    let allowed = document(&role["policy"])?;
    let target = "arn:aws:lambda:us-east-1:123456789012:function:cierre";
    let expected = json!([{ "Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": target }]);
    assert_eq!(allowed["Statement"], expected);
    let task = reader.output("permisos_informe")?;
    assert_eq!(task[0]["Action"], "ecs:RunTask");
    assert_eq!(task[1]["Action"], "iam:PassRole");
    let key = document(&reader.output("politica_llave")?)?;
    let sids: Vec<&Value> = key["Statement"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|s| &s["Sid"])
        .collect();
    assert_eq!(sids, ["Administradores", "AccountByIam", "AlarmsToTopic", "LogGroups"]);
    ensure!(
        key.to_string().contains(&format!("log-group:/aws/lambda/{APP}*")),
        "{key}"
    );
    Ok(())
}

#[tokio::test]
async fn a_stack_that_is_only_planned_is_known_as_far_as_its_plan_is() -> Result<()> {
    let account = account(false).await?;
    let of = |stack: &str| {
        format!(
            r#"
locals {{
  stack = kairos_stack.this.name
}}

data "kairos_rol_ejecucion" "r" {{
  stack       = {stack}
  arn_proceso = "arn:aws:glue:us-east-1:123456789012:job/x"
}}
"#
        )
    };
    let unknown = |name: &str| {
        stack(r#"executor = { role_prefix = "proceso-", external_id = terraform_data.id.output }"#)
            + "\nresource \"terraform_data\" \"id\" {\n  input = \"externo\"\n}\n"
            + &of(name)
    };
    let terraform = Terraform::new(&account, &unknown("local.stack"))?;
    let errors = terraform.plan(&[])?.failed("plan of a role whose stack is not known")?;
    assert_told(&errors, "Write stack = kairos_stack.<name>.name here");
    terraform.write("main.tf", &unknown("kairos_stack.this.name"))?;
    assert_eq!(terraform.plan_summary(&[])?.action(STACK), "create");

    let known = configuration(&(of("local.stack") + "data \"kairos_stack\" \"s\" {\n  name = local.stack\n}\n"));
    terraform.write("main.tf", &known)?;
    let report = terraform.plan(&[])?;
    let errors = report.failed("plan that reads the stack that it is to create")?;
    assert_told(&errors, "This configuration is to create it");
    Ok(())
}
