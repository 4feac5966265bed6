//! The API's binary, invoked as API Gateway invokes it.

use anyhow::{Context, Result};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::installation::{Installation, ROLE_PREFIX};

/// An answer of the API's.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u64,
    headers: Value,
    pub(crate) body: Value,
}

impl Reply {
    /// A header, by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let single = self.headers["headers"][name].as_str();
        single.or_else(|| self.headers["multiValueHeaders"][name][0].as_str())
    }
}

/// One request with these headers, and its answer. A query follows its path, with nothing in it to be decoded.
pub(crate) async fn send(
    installation: &Installation,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<&Value>,
) -> Result<Reply> {
    let headers: Value = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), json!(value)))
        .collect();
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let query: Value = pairs.map(|(name, value)| (name.to_owned(), json!([value]))).collect();
    let event = json!({
        "resource": "/{proxy+}", "path": format!("/{path}"), "httpMethod": method,
        "headers": headers, "multiValueHeaders": {},
        "queryStringParameters": null, "multiValueQueryStringParameters": query,
        "pathParameters": {"proxy": path}, "stageVariables": null,
        "requestContext": {"accountId": installation.account.id, "apiId": "abc", "stage": "prod", "requestId": "r-1",
            "resourcePath": "/{proxy+}", "resourceId": "r", "httpMethod": method, "path": format!("/prod/{path}"),
            "identity": {"sourceIp": "203.0.113.1"}},
        "body": body.map(ToString::to_string), "isBase64Encoded": false
    });
    let (error, said) = installation.invoke(&installation.names.api_function(), &event).await?;
    assert_eq!(error, None, "{said}\n{}", Installation::log());
    let status = said["statusCode"].as_u64().context("no status")?;
    let body = said["body"]
        .as_str()
        .filter(|body| !body.is_empty())
        .map(serde_json::from_str)
        .transpose()?;
    Ok(Reply {
        status,
        body: body.unwrap_or_default(),
        headers: said,
    })
}

/// One request, and its answer: status and body.
pub(crate) async fn ask(
    installation: &Installation,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> Result<(u64, Value)> {
    let reply = send(installation, method, path, &[], body).await?;
    Ok((reply.status, reply.body))
}

/// A process that nobody runs.
pub(crate) fn process(installation: &Installation) -> Value {
    let account = &installation.account;
    json!({
        "nombre": "Cobro diario", "cron": "0 3 * * ? *", "habilitado": true, "parametros": "{}",
        "arnRol": format!("arn:aws:iam::{}:role/{ROLE_PREFIX}cobro", account.id),
        "arnProceso": format!("arn:aws:lambda:{}:{}:function:cobro", account.region, account.id)
    })
}

#[tokio::test]
async fn a_process_is_registered_shown_and_deleted_with_its_schedule() -> Result<()> {
    let installation = Installation::create().await?;
    installation.api().await?;
    let account = &installation.account;
    let body = process(&installation);
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

#[tokio::test]
async fn a_process_is_replaced_by_who_saw_it_last_and_its_schedule_follows() -> Result<()> {
    let installation = Installation::create().await?;
    installation.api().await?;
    let body = process(&installation);
    let made = send(&installation, "POST", "Procesos", &[], Some(&body)).await?;
    assert_eq!(made.status, 201, "{made:?}");
    let path = format!("Procesos/{}", made.body["IdProceso"].as_str().unwrap());
    let tag = made.header("etag").context("no tag")?;
    let shown = send(&installation, "GET", &path, &[], None).await?;
    assert_eq!(shown.header("etag"), Some(tag));
    assert_eq!(shown.header("x-id-solicitud"), Some("r-1"));

    // Four who saw the same: one replaces it, the others are told.
    let replacements = (4..8).map(|hour| {
        let mut body = body.clone();
        body["cron"] = json!(format!("0 {hour} * * ? *"));
        let (installation, path, tag) = (&installation, &path, tag);
        async move {
            let headers = [("If-Match", tag), ("Content-Type", "application/json")];
            send(installation, "PUT", path, &headers, Some(&body)).await
        }
    });
    let replies = join_all(replacements).await.into_iter().collect::<Result<Vec<_>>>()?;
    let (done, told): (Vec<_>, Vec<_>) = replies.iter().partition(|reply| reply.status == 200);
    assert_eq!(done.len(), 1, "{replies:?}");
    for reply in told {
        assert_eq!(
            (reply.status, &reply.body["type"]),
            (412, &json!("urn:kairos:problema:precondicion-fallida"))
        );
    }
    let shown = send(&installation, "GET", &path, &[], None).await?;
    assert_eq!(
        (&shown.body, shown.header("etag")),
        (&done[0].body, done[0].header("etag"))
    );
    let schedules = installation
        .account
        .scheduler()
        .list_schedules()
        .group_name(installation.names.schedule_group());
    let schedules = schedules.send().await?;
    let names: Vec<_> = schedules
        .schedules()
        .iter()
        .filter_map(|schedule| schedule.name())
        .collect();
    assert_eq!(names, [shown.body["IdCalendarizacion"].as_str().unwrap()], "no orphan");

    let stale = send(&installation, "DELETE", &path, &[("If-Match", tag)], None).await?;
    assert_eq!(stale.status, 412);
    let last = [("If-Match", shown.header("etag").unwrap())];
    assert_eq!(send(&installation, "DELETE", &path, &last, None).await?.status, 204);
    Ok(())
}
