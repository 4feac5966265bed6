//! The API's binary, invoked as API Gateway invokes it.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::installation::{Installation, ROLE_PREFIX};

/// One request, and its answer: status and body.
async fn ask(installation: &Installation, method: &str, path: &str, body: Option<&Value>) -> Result<(u64, Value)> {
    let event = json!({
        "resource": "/{proxy+}", "path": format!("/{path}"), "httpMethod": method,
        "headers": {"Host": "abc.execute-api.us-east-1.amazonaws.com"}, "multiValueHeaders": {},
        "queryStringParameters": null, "multiValueQueryStringParameters": null,
        "pathParameters": {"proxy": path}, "stageVariables": null,
        "requestContext": {"accountId": installation.account.id, "apiId": "abc", "stage": "prod", "requestId": "r-1",
            "resourcePath": "/{proxy+}", "resourceId": "r", "httpMethod": method, "path": format!("/prod/{path}"),
            "identity": {"sourceIp": "203.0.113.1"}},
        "body": body.map(ToString::to_string), "isBase64Encoded": false
    });
    let (error, said) = installation.invoke(&installation.names.api_function(), &event).await?;
    assert_eq!(error, None, "{said}");
    let status = said["statusCode"].as_u64().context("no status")?;
    let body = said["body"]
        .as_str()
        .filter(|body| !body.is_empty())
        .map(serde_json::from_str)
        .transpose()?;
    Ok((status, body.unwrap_or_default()))
}

#[tokio::test]
async fn a_process_is_registered_shown_and_deleted_with_its_schedule() -> Result<()> {
    let installation = Installation::create().await?;
    installation.api().await?;
    let account = &installation.account;
    let body = json!({
        "nombre": "Cobro diario", "cron": "0 3 * * ? *", "habilitado": true, "parametros": "{}",
        "arnRol": format!("arn:aws:iam::{}:role/{ROLE_PREFIX}cobro", account.id),
        "arnProceso": format!("arn:aws:lambda:{}:{}:function:cobro", account.region, account.id)
    });
    let (status, made) = ask(&installation, "POST", "Procesos", Some(&body)).await?;
    assert_eq!(status, 201, "{made}\n{}", Installation::log());
    let schedule = account
        .scheduler()
        .get_schedule()
        .group_name(installation.names.schedule_group());
    let schedule = schedule.name(made["IdCalendarizacion"].as_str().unwrap());
    assert_eq!(
        schedule.clone().send().await?.schedule_expression(),
        Some("cron(0 3 * * ? *)")
    );

    assert_eq!(
        ask(&installation, "POST", "Procesos", Some(&body)).await?,
        (200, made.clone())
    );
    let mut other = body.clone();
    other["cron"] = json!("0 4 * * ? *");
    let (status, problem) = ask(&installation, "POST", "Procesos", Some(&other)).await?;
    assert_eq!(
        (status, &problem["type"]),
        (409, &json!("urn:kairos:problema:nombre-ocupado"))
    );
    other["arnRol"] = json!(format!("arn:aws:iam::{}:role/Otro", account.id));
    let (status, problem) = ask(&installation, "POST", "Procesos", Some(&other)).await?;
    assert_eq!((status, &problem["errores"][0]["campo"]), (400, &json!("arnRol")));

    let path = format!("Procesos/{}", made["IdProceso"].as_str().unwrap());
    let (status, shown) = ask(&installation, "GET", &path, None).await?;
    assert_eq!(
        (status, &shown["Cron"], &shown["Nombre"]),
        (200, &json!("cron(0 3 * * ? *)"), &made["Nombre"])
    );
    assert_eq!(ask(&installation, "DELETE", &path, None).await?, (204, Value::Null));
    assert!(
        schedule.send().await.is_err(),
        "the schedule went with its last process"
    );
    assert_eq!(ask(&installation, "DELETE", &path, None).await?.0, 404);
    assert_eq!(ask(&installation, "GET", &path, None).await?.0, 404);
    assert_eq!(ask(&installation, "GET", "salud", None).await?.0, 200);
    Ok(())
}
