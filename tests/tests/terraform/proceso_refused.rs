//! What is wrong with a process and can be known is refused while planning, at its attribute, and nothing is created.

use std::collections::BTreeMap;

use acceptance::terraform::Diagnostic;
use acceptance::{Account, Terraform, world};
use anyhow::{Context, Result, ensure};

use crate::common::{APP, account, assert_holds, configuration};
use crate::registered::{calendarizaciones, procesos, rows, stack_up};

/// A process that cannot be taken: its label, the attribute that is wrong, its lines, and part of what is told of it. What the
/// lines leave out is right; `{id}` and `{region}` are the account's.
type Wrong = (&'static str, &'static str, &'static str, &'static str);

/// What is refused before anything is known of account and stack.
const WRONG: &[Wrong] = &[
    ("rol", "arn_rol", r#""proceso-x""#, "arn:"),
    ("s3", "arn_proceso", r#""arn:aws:s3:::cubo""#, "target"),
    (
        "capa",
        "arn_proceso",
        r#""arn:aws:lambda:{region}:{id}:layer:x:1""#,
        "target",
    ),
    (
        "metodo",
        "arn_proceso",
        r#""arn:aws:execute-api:{region}:{id}:a/prod/get/x""#,
        "target",
    ),
    (
        "bus",
        "parametros",
        "jsonencode([1])\n  arn_proceso = \"arn:aws:events:{region}:{id}:event-bus/default\"",
        "object",
    ),
    (
        "ecs",
        "parametros",
        "jsonencode({})\n  arn_proceso = \"arn:aws:ecs:{region}:{id}:cluster/x\"",
        "\"taskDefinition\":\"cierre:3\"",
    ),
    (
        "tarea",
        "parametros",
        "jsonencode({ TaskDefinition = \"y\" })\n  arn_proceso = \"arn:aws:ecs:{region}:{id}:task-definition/x:3\"",
        "contradicts arn_proceso",
    ),
    (
        "batch",
        "parametros",
        "jsonencode({ jobName = \"x\" })\n  arn_proceso = \"arn:aws:batch:{region}:{id}:job-queue/x\"",
        "SubmitJob asks for",
    ),
    (
        "codebuild",
        "parametros",
        "jsonencode({ environmentVariables = [] })\n  arn_proceso = \"arn:aws:codebuild:{region}:{id}:project/x\"",
        "environmentVariablesOverride",
    ),
    (
        "glue",
        "parametros",
        "jsonencode({ argumentos = {} })\n  arn_proceso = \"arn:aws:glue:{region}:{id}:job/x\"",
        "StartJobRun does not take",
    ),
    (
        "redshift",
        "parametros",
        "jsonencode({ Sql = \"select 1\" })\n  arn_proceso = \"arn:aws:redshift:{region}:{id}:cluster:x\"",
        "\"Database\"",
    ),
    (
        "rds",
        "parametros",
        "jsonencode({ sql = \"select 1\" })\n  arn_proceso = \"arn:aws:rds:{region}:{id}:cluster:x\"",
        "\"secretArn\"",
    ),
    (
        "http",
        "parametros",
        "jsonencode({ path = \"/y\" })\n  arn_proceso = \"arn:aws:execute-api:{region}:{id}:a/prod/GET/x/*\"",
        "must be like",
    ),
    (
        "sdk",
        "parametros",
        "jsonencode([])\n  arn_proceso = \"arn:aws:scheduler:::aws-sdk:sqs:sendMessage\"",
        "object",
    ),
    ("horas", "cron", r#""0 25 * * ? *""#, "hours must be between 0 and 23"),
    ("zona", "zona_horaria", r#""Chile""#, "Chile"),
    ("ventana", "ventana_flexible_minutos", "1441", "1440"),
    (
        "fin",
        "fin",
        "\"2039-01-01T00:00:00Z\"\n  inicio = \"2040-01-01T00:00:00Z\"",
        "2040-01-01",
    ),
    ("reintentos", "reintentos", "11", "10"),
    ("modo", "modo_invocacion", r#""RequestResponse""#, "Lambda"),
    ("tiempo", "tiempo_maximo_segundos", "30", "Lambda"),
    ("vacio", "parametros", r#""""#, "empty"),
    (
        "no_json",
        "parametros",
        "\"hola\"\n  arn_proceso = \"arn:aws:lambda:{region}:{id}:function:x\"",
        "JSON",
    ),
    (
        "aviso_enorme",
        "parametros",
        "join(\"\", [for n in range(263) : format(\"%01000d\", n)])\n  arn_proceso = \"arn:aws:sns:{region}:{id}:x\"",
        "262144",
    ),
    (
        "entrada_enorme",
        "parametros",
        "jsonencode([for n in range(263) : format(\"%01000d\", n)])\n  arn_proceso = \
         \"arn:aws:states:{region}:{id}:stateMachine:x\"",
        "262144",
    ),
    (
        "mensaje_enorme",
        "parametros",
        "join(\"\", [for n in range(401) : format(\"%01000d\", n)])",
        "400000",
    ),
];

/// What is refused once account and stack are known.
const WRONG_HERE: &[Wrong] = &[
    ("sin_prefijo", "arn_rol", r#""arn:aws:iam::{id}:role/otro""#, "proceso-"),
    (
        "ruta",
        "arn_rol",
        r#""arn:aws:iam::{id}:role/equipo/proceso-x""#,
        "proceso-",
    ),
    (
        "otra_cuenta",
        "arn_rol",
        r#""arn:aws:iam::999999999999:role/proceso-x""#,
        "{id}",
    ),
    (
        "otra_particion",
        "arn_rol",
        r#""arn:aws-cn:iam::{id}:role/proceso-x""#,
        "aws",
    ),
    ("usuario", "arn_rol", r#""arn:aws:iam::{id}:user/proceso-x""#, "role"),
    ("comodin", "arn_rol", r#""arn:aws:iam::{id}:role/proceso-*""#, "role"),
    (
        "despachador",
        "arn_proceso",
        r#""arn:aws:lambda:{region}:{id}:function:PruebaDispatcher""#,
        "stack itself",
    ),
    (
        "ejecutor",
        "arn_proceso",
        r#""arn:aws:lambda:{region}:{id}:function:PruebaExecutor:live""#,
        "stack itself",
    ),
    (
        "api",
        "arn_proceso",
        r#""arn:aws:lambda:{region}:{id}:function:PruebaApi""#,
        "stack itself",
    ),
    (
        "cola",
        "arn_proceso",
        r#""arn:aws:sqs:{region}:{id}:PruebaQueue""#,
        "stack itself",
    ),
    (
        "dlq",
        "arn_proceso",
        r#""arn:aws:sqs:{region}:{id}:PruebaDeadLetterQueue""#,
        "stack itself",
    ),
    (
        "dlq2",
        "arn_proceso",
        r#""arn:aws:sqs:{region}:{id}:PruebaDispatcherDeadLetterQueue""#,
        "stack itself",
    ),
    (
        "dlq3",
        "arn_proceso",
        r#""arn:aws:sqs:{region}:{id}:PruebaScheduleDeadLetterQueue""#,
        "stack itself",
    ),
    (
        "gobierno",
        "arn_proceso",
        r#""arn:aws-us-gov:sqs:us-gov-west-1:{id}:x""#,
        "aws",
    ),
    (
        "glue_ajeno",
        "arn_proceso",
        r#""arn:aws:glue:{region}:999999999999:job/x""#,
        "{id}",
    ),
    ("pasado", "cron", r#""at(2020-01-01T00:00:00)""#, "2020"),
];

/// The blocks of wrong processes, and what is to be told of each: the attribute and part of the text.
fn wrong(account: &Account, cases: &[Wrong]) -> (String, BTreeMap<String, (&'static str, String)>) {
    let place = |text: &str| text.replace("{id}", &account.id).replace("{region}", &account.region);
    let (mut blocks, mut expected) = (String::new(), BTreeMap::new());
    for (label, attribute, lines, tells) in cases {
        let right = [
            ("cron", "\"0 3 * * ? *\""),
            ("arn_rol", "\"arn:aws:iam::{id}:role/proceso-x\""),
            ("arn_proceso", "\"arn:aws:sqs:{region}:{id}:Destino\""),
        ];
        let wrong = format!("  {attribute} = {lines}\n");
        let left_out = |name: &str| !wrong.contains(&format!("  {name} = "));
        let right = right.iter().filter(|(name, _)| left_out(name));
        let right: Vec<String> = right.map(|(name, value)| format!("  {name} = {value}\n")).collect();
        let block = format!("  stack = \"{APP}\"\n  nombre = \"{label}\"\n{}{wrong}", right.concat());
        blocks.extend(["resource \"kairos_proceso\" \"", label, "\" {\n", &place(&block), "}\n"]);
        expected.insert(format!("kairos_proceso.{label}"), (*attribute, place(tells)));
    }
    (blocks, expected)
}

/// Every process is refused at its attribute, and nothing else is.
fn refused(errors: &[Diagnostic], expected: &BTreeMap<String, (&str, String)>) -> Result<()> {
    let mut left = expected.clone();
    for error in errors {
        let address = error.address.clone().unwrap_or_default();
        let (attribute, tells) = left
            .remove(&address)
            .with_context(|| format!("{address} is refused twice, or should not be: {error:#?}"))?;
        assert_eq!(error.summary, format!("Invalid {attribute}"), "{address}");
        ensure!(
            error.detail.contains(&tells),
            "{address} does not tell {tells:?}: {}",
            error.detail
        );
        let code = error.code.clone().unwrap_or_default();
        ensure!(code.starts_with(attribute), "{address} points at {code:?}");
    }
    ensure!(left.is_empty(), "not refused: {left:#?}");
    Ok(())
}

#[tokio::test]
async fn what_can_be_known_is_refused_while_planning_and_nothing_is_created() -> Result<()> {
    let account = account(false).await?;
    let (blocks, expected) = wrong(&account, WRONG);
    let terraform = Terraform::new(&account, &(procesos(&[]) + &blocks))?;
    refused(&terraform.validate()?.errors(), &expected)?;
    refused(
        &terraform.plan(&[])?.failed("plan of what is wrong anywhere")?,
        &expected,
    )?;

    // The stack of the same configuration says the prefix, before there is one.
    let (blocks, expected) = wrong(&account, WRONG_HERE);
    let of_this = blocks.replace(&format!("\"{APP}\""), "kairos_stack.this.name");
    terraform.write("main.tf", &configuration(&of_this))?;
    terraform.validate()?.succeeded("validate")?;
    refused(&terraform.plan(&[])?.failed("plan with the stack")?, &expected)?;
    refused(&terraform.apply(&[])?.failed("apply with the stack")?, &expected)?;
    assert_holds(&account, &[]).await?;

    // The stack is there: its parameters say the prefix.
    let stack = stack_up(&account)?;
    let held = world::list(&account).await?;
    terraform.write("main.tf", &(procesos(&[]) + &blocks))?;
    refused(&terraform.plan(&[])?.failed("plan beside the stack")?, &expected)?;
    refused(&terraform.apply(&[])?.failed("apply beside the stack")?, &expected)?;
    assert_eq!(world::list(&account).await?, held);
    ensure!(rows(&account).await?.is_empty() && calendarizaciones(&account).await?.is_empty());
    stack.destroy(&[])?.succeeded("destroy")?;
    assert_holds(&account, &[]).await
}
