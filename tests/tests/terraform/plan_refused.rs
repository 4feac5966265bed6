//! Bad input that can be known early: refused at validate or plan, with the attribute's own line, and nothing is made.

use acceptance::terraform::Diagnostic;
use acceptance::{Account, Terraform, world};
use anyhow::{Result, ensure};

use crate::common::{APP, account, configuration, proceso, stack};

/// Where a mistake is to be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Validate,
    Plan,
}

/// A configuration with one mistake.
struct Case {
    what: &'static str,
    stage: Stage,
    main: String,
    /// The line that the error points at begins with this attribute.
    attribute: &'static str,
    /// What the error must tell.
    tells: &'static str,
}

/// Stands for the account that a test works in.
const ACCOUNT: &str = "123456789012";
const ROLE: &str = "arn:aws:iam::123456789012:role/proceso-x";
const FUNCTION: &str = "arn:aws:lambda:us-east-1:123456789012:function:destino";

/// A process of the stack in the same configuration, with one attribute as given.
fn with(attribute: &str, value: &str) -> String {
    let attributes = [
        ("nombre", "\"Cierre\""),
        ("cron", "\"rate(1 day)\""),
        ("arn_rol", &format!("\"{ROLE}\"")),
        ("arn_proceso", &format!("\"{FUNCTION}\"")),
    ]
    .map(|(name, usual)| format!("{name} = {}", if name == attribute { value } else { usual }));
    let usual = attributes.join("\n  ");
    let more = if usual.contains(&format!("{attribute} = ")) {
        String::new()
    } else {
        format!("{attribute} = {value}")
    };
    configuration(&proceso(
        "p",
        &format!("stack = kairos_stack.this.name\n  {usual}\n  {more}"),
    ))
}

fn cases() -> Vec<Case> {
    let validate = |what, attribute, value: &str, tells| Case {
        what,
        stage: Stage::Validate,
        main: with(attribute, value),
        attribute,
        tells,
    };
    let name = |what, value: &str, tells| {
        let main = configuration("").replace(&format!("\"{APP}\""), &format!("\"{value}\""));
        Case {
            what,
            stage: Stage::Validate,
            main,
            attribute: "name",
            tells,
        }
    };
    vec![
        validate("cron with an hour out of range", "cron", "\"cron(0 25 * * ? *)\"", "25"),
        validate("cron with both days", "cron", "\"cron(0 3 1 * MON *)\"", "?"),
        validate("cron that never occurs", "cron", "\"cron(0 3 30 2 ? *)\"", "never"),
        validate("rate of zero", "cron", "\"rate(0 minutes)\"", "rate(0 minutes)"),
        validate("rate with the wrong plural", "cron", "\"rate(5 minute)\"", "minutes"),
        validate(
            "at that is no time",
            "cron",
            "\"at(2030-13-01T00:00:00)\"",
            "2030-13-01",
        ),
        validate(
            "unknown zone",
            "zona_horaria",
            "\"America/Atlantis\"",
            "America/Atlantis",
        ),
        validate("unsupported target", "arn_proceso", "\"arn:aws:s3:::cubo\"", "s3"),
        validate("malformed target", "arn_proceso", "\"destino\"", "destino"),
        validate("malformed role", "arn_rol", "\"proceso-x\"", "proceso-x"),
        validate(
            "parameters that are no JSON for a Lambda",
            "parametros",
            "\"{hola\"",
            "JSON",
        ),
        validate(
            "name of a process that is too long",
            "nombre",
            &format!("\"{}\"", "x".repeat(129)),
            "128",
        ),
        name(
            "name of a stack that is too long",
            "PruebaConUnNombreDemasiadoLargo",
            "24",
        ),
        name("reserved name of a stack", "AwsPrueba", "aws"),
        Case {
            what: "at in the past",
            stage: Stage::Plan,
            main: with("cron", "\"at(2020-01-01T00:00:00)\""),
            attribute: "cron",
            tells: "past",
        },
        Case {
            what: "role without the stack's prefix",
            stage: Stage::Plan,
            main: with("arn_rol", "\"arn:aws:iam::123456789012:role/otro-x\""),
            attribute: "arn_rol",
            tells: "proceso-",
        },
        Case {
            what: "target of another partition",
            stage: Stage::Plan,
            main: with(
                "arn_proceso",
                "\"arn:aws-cn:lambda:cn-north-1:123456789012:function:destino\"",
            ),
            attribute: "arn_proceso",
            tells: "aws-cn",
        },
        Case {
            what: "the stack's own function as target",
            stage: Stage::Plan,
            main: with("arn_proceso", "kairos_stack.this.executor_arn"),
            attribute: "arn_proceso",
            tells: "Executor",
        },
        Case {
            what: "prefix of the executor that is too short",
            stage: Stage::Validate,
            main: stack("executor = { role_prefix = \"p\" }"),
            attribute: "executor",
            tells: "3",
        },
    ]
}

#[tokio::test]
async fn each_mistake_is_refused_early_at_its_own_attribute() -> Result<()> {
    let account = account(false).await?;
    let terraform = Terraform::new(&account, &configuration(""))?;
    let wrong: Vec<String> = cases()
        .iter()
        .filter_map(|case| refused(&terraform, &account, case).err())
        .map(|e| e.to_string())
        .collect();
    ensure!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert_eq!(world::list(&account).await?, Vec::<String>::new(), "nothing is created");
    Ok(())
}

fn refused(terraform: &Terraform, account: &Account, case: &Case) -> Result<()> {
    terraform.write("main.tf", &case.main.replace(ACCOUNT, &account.id))?;
    let what = case.what;
    let validated = terraform.validate()?;
    let report = match case.stage {
        Stage::Validate => validated,
        Stage::Plan => {
            ensure!(
                validated.success,
                "{what}: already refused at validate: {:#?}",
                validated.diagnostics
            );
            terraform.plan(&[])?
        }
    };
    ensure!(!report.success, "{what}: not refused at {:?}", case.stage);
    let fits = |error: &Diagnostic| {
        let line = error.code.as_deref().unwrap_or_default();
        line.starts_with(case.attribute) && error.text().contains(case.tells)
    };
    ensure!(
        report.errors().iter().any(fits),
        "{what}: no error at \"{}\" that tells {:?}: {:#?}",
        case.attribute,
        case.tells,
        report.errors()
    );
    Ok(())
}

#[tokio::test]
async fn without_credentials_or_region_the_plan_says_so() -> Result<()> {
    let account = account(false).await?;
    for (variables, tells) in [
        (&["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"][..], "credentials"),
        (&["AWS_REGION"][..], "region"),
    ] {
        let mut terraform = Terraform::new(&account, &configuration(""))?;
        for variable in variables {
            terraform.unset(variable);
        }
        let errors = terraform.plan(&[])?.failed("plan")?;
        assert_eq!(errors.len(), 1, "one clear error: {errors:#?}");
        ensure!(
            errors[0].text().to_lowercase().contains(tells),
            "the error does not tell {tells:?}: {}",
            errors[0].text()
        );
    }
    nothing_created(&account).await
}

async fn nothing_created(account: &Account) -> Result<()> {
    assert_eq!(world::list(account).await?, Vec::<String>::new());
    Ok(())
}
