//! `examples/api-health`: its part of Kairos alone, with an API and an alarm that the test makes, and the whole of it with
//! hashicorp/aws. The server keeps a record of the requests, so that the API's is seen as it was sent.

use std::time::Duration;

use acceptance::fixtures::{self, TargetQueue};
use acceptance::ministack::Options;
use acceptance::{Account, MiniStack, Terraform, emf, peer, wait};
use anyhow::{Context, Result, ensure};
use aws_sdk_apigateway::types::{EndpointConfiguration, EndpointType, IntegrationType};
use aws_sdk_cloudwatch::types::{ComparisonOperator, Dimension, MetricDatum, StandardUnit, StateValue, Statistic};
use serde_json::{Value, json};

use crate::common::{APP, assert_holds};
use crate::example::{
    applied_and_nothing_to_do, copied, counted, folder, nothing_to_do, output, role, run_now, variables,
};
use crate::oracle::in_full;

const ALARM: &str = "PruebaApi";

/// What the local AWS tells of an API that nobody has set, and AWS does not.
const INVENTED: &str = r#"
resource "aws_api_gateway_integration" "salud" {
  lifecycle { ignore_changes = [integration_http_method] }
}

resource "aws_api_gateway_stage" "prod" {
  lifecycle { ignore_changes = [access_log_settings] }
}
"#;

const LIMIT: Duration = Duration::from_mins(3);

#[tokio::test]
async fn a_signed_request_is_sent_and_its_failure_is_what_the_alarm_watches() -> Result<()> {
    let server = MiniStack::recording(Options::default())?;
    let account = server.account();
    fixtures::api_gateway_logging(&account).await?;
    let api = sample(&account).await?;
    reachable(&account, &api).await?;
    let terraform = copied(&account, &folder("api-health/kairos"))?;
    let arn_rol = format!("arn:aws:iam::{}:role/proceso-chequeo", account.id);
    variables(
        &terraform,
        &json!({
            "name": APP,
            "deletion_protection": false,
            "cron": "cron(0 3 1 1 ? *)",
            "reintentos": 0,
            "arn_metodo": format!("arn:aws:execute-api:{}:{}:{api}/prod/GET/salud", account.region, account.id),
            "arn_rol": arn_rol,
        }),
    )?;
    applied_and_nothing_to_do(&terraform)?;
    let rol = terraform.output("rol")?;
    let role = role(&account, &rol).await?;
    assert_eq!(role.arn, arn_rol, "as the process says");
    let permissions: Value = serde_json::from_str(rol["permisos"].as_str().unwrap_or_default())?;
    assert_eq!(permissions["Statement"][0]["Action"], "execute-api:Invoke");
    let topic = account.sns().create_topic().name("PruebaGuardia").send().await?;
    let topic = topic.topic_arn().context("a topic without an ARN")?.to_owned();
    alarm(&account, &terraform.output("metrica")?, &topic).await?;

    answered(&server, &account, &terraform).await?;
    answering(&account, &api, 503).await?;
    failed(&account, &terraform, &topic).await?;

    account.cloudwatch().delete_alarms().alarm_names(ALARM).send().await?;
    account.sns().delete_topic().topic_arn(&topic).send().await?;
    terraform.destroy(&[])?.succeeded("destroy")?;
    role.delete().await?;
    unreachable_again(&account).await?;
    account.apigateway().delete_rest_api().rest_api_id(&api).send().await?;
    assert_holds(&account, &[]).await
}

#[tokio::test]
async fn the_whole_example_tells_of_a_failing_api() -> Result<()> {
    if let Err(reason) = peer::mirror() {
        peer::skipped("the whole of examples/api-health", reason);
        return Ok(());
    }
    let server = MiniStack::recording(Options::default())?;
    let account = server.account();
    fixtures::api_gateway_logging(&account).await?;
    let mut terraform = copied(&account, &folder("api-health"))?;
    variables(
        &terraform,
        &json!({
            "region": account.region,
            "name": APP,
            "deletion_protection": false,
            "cron": "cron(0 3 1 1 ? *)",
            "reintentos": 0,
        }),
    )?;
    terraform.write("local_override.tf", INVENTED)?;
    terraform.init()?;
    terraform.apply(&[])?.succeeded("apply")?;
    {
        // Over the protocol that hashicorp/aws speaks, the local AWS leaves out half of an alarm.
        let (_gate, seen) = in_full(&account).await?;
        terraform.set("AWS_ENDPOINT_URL", &seen.endpoint);
        nothing_to_do(&terraform)?;
    }
    terraform.set("AWS_ENDPOINT_URL", &account.endpoint);
    let apis = account.apigateway().get_rest_apis().send().await?;
    let api = apis.items().iter().find(|api| api.name() == Some("prueba-muestra"));
    let api = api.and_then(|api| api.id()).context("no sample API")?;
    reachable(&account, api).await?;
    assert_eq!(output(&terraform, "alarma")?, ALARM);

    answered(&server, &account, &terraform).await?;
    // Not by `respuesta`: the local AWS does not take in a changed template, whose path it reads with its `~1` as it stands.
    answering(&account, api, 503).await?;
    failed(&account, &terraform, &output(&terraform, "arn_topico")?).await?;

    unreachable_again(&account).await?;
    terraform.destroy(&[])?.succeeded("destroy")?;
    assert_holds(&account, &[]).await
}

/// Calls the API while it answers: the request is signed for it as the process's role.
async fn answered(server: &MiniStack, account: &Account, terraform: &Terraform) -> Result<()> {
    let run = run_now(account, terraform, &output(terraform, "id_proceso")?).await?;
    let told = run.respuesta.unwrap_or_default();
    ensure!(
        run.estado == "EjecutadoOk" && told.starts_with("Completado: 200"),
        "{}: {told} {:?}",
        run.estado,
        run.error
    );
    let recorded = server.recorded()?;
    let sent = recorded.iter().find(|request| request["path"] == "/prod/salud");
    let sent = sent.context("nobody called the API")?;
    assert_eq!(
        (&sent["method"], &sent["query"]),
        (&json!("GET"), &json!(format!("ejecucion={}&intento=1", run.id)))
    );
    let authorization = sent["authorization"].as_str().unwrap_or_default();
    let part = |name: &str| {
        let (_, rest) = authorization.split_once(name)?;
        rest.split(',').next()
    };
    let scope = format!("/{}/execute-api/aws4_request", account.region);
    ensure!(authorization.starts_with("AWS4-HMAC-SHA256 "), "{sent}");
    ensure!(
        part("Credential=").is_some_and(|credential| credential.ends_with(&scope)),
        "{sent}"
    );
    ensure!(
        part("SignedHeaders=").is_some_and(|headers| headers.contains("x-amz-security-token")),
        "{sent}"
    );
    ensure!(
        part("Signature=").is_some_and(|signature| signature.len() == 64),
        "{sent}"
    );
    Ok(())
}

/// Calls the API when it fails: the run is given up, and the alarm rings.
async fn failed(account: &Account, terraform: &Terraform, topic: &str) -> Result<()> {
    let told = TargetQueue::create(account, "Guardia").await?;
    let subscribe = account.sns().subscribe().topic_arn(topic).protocol("sqs");
    let subscription = subscribe
        .endpoint(&told.arn)
        .return_subscription_arn(true)
        .send()
        .await?;

    let run = run_now(account, terraform, &output(terraform, "id_proceso")?).await?;
    let error = run.error.unwrap_or_default();
    ensure!(
        run.estado == "ErrorAlEjecutar" && error.contains("was answered with 503"),
        "{}: {error}",
        run.estado
    );
    let line = counted(account, "Fallidas", 1).await?;
    let dead = account.sqs().receive_message().visibility_timeout(0);
    let dead = dead
        .queue_url(output(terraform, "dead_letter_queue_url")?)
        .send()
        .await?;
    let bodies: Vec<&str> = dead.messages().iter().filter_map(|message| message.body()).collect();
    ensure!(
        bodies.iter().any(|body| body.contains(&run.id)),
        "no dead letter: {bodies:?}"
    );

    // The local AWS makes no metric of a log's line, as CloudWatch does: here the test does it, with what the line says.
    let alarms = account.cloudwatch().describe_alarms().alarm_names(ALARM).send().await?;
    let alarm = alarms.metric_alarms().first().context("no alarm")?;
    let watched: Vec<_> = alarm.dimensions().iter().map(|d| (d.name(), d.value())).collect();
    assert_eq!(
        (alarm.namespace(), alarm.metric_name(), watched),
        (
            Some(line.namespace.as_str()),
            Some("Fallidas"),
            vec![(Some("Stack"), Some(APP))]
        ),
        "the alarm watches what the executor writes"
    );
    let dimensions: Vec<_> = line.dimensions.iter().collect();
    assert_eq!(dimensions, [(&"Stack".to_owned(), &APP.to_owned())]);
    assert_ne!(
        alarm.state_value(),
        Some(&StateValue::Alarm),
        "nothing has failed before"
    );
    let datum = MetricDatum::builder()
        .metric_name("Fallidas")
        .dimensions(Dimension::builder().name("Stack").value(APP).build())
        .unit(StandardUnit::Count)
        .value(emf::sum(std::slice::from_ref(&line), "Fallidas"));
    let put = account.cloudwatch().put_metric_data().namespace(&line.namespace);
    put.metric_data(datum.build()).send().await?;
    let notice = wait::until("the alarm's notice", LIMIT, || async {
        let notices = told.take().await?;
        Ok(notices.into_iter().find(|notice| notice.contains(ALARM)))
    })
    .await?;
    ensure!(notice.contains("ALARM"), "{notice}");

    let subscription = subscription.subscription_arn().context("no subscription")?;
    account
        .sns()
        .unsubscribe()
        .subscription_arn(subscription)
        .send()
        .await?;
    told.delete().await
}

/// The example's alarm, on the metric that its part of Kairos names.
async fn alarm(account: &Account, metric: &Value, topic: &str) -> Result<()> {
    let text = |member: &str| {
        metric[member]
            .as_str()
            .with_context(|| format!("no \"{member}\" in {metric}"))
    };
    let mut put = account
        .cloudwatch()
        .put_metric_alarm()
        .alarm_name(ALARM)
        .namespace(text("namespace")?)
        .metric_name(text("nombre")?)
        .statistic(Statistic::Sum)
        .period(300)
        .evaluation_periods(2)
        .datapoints_to_alarm(1)
        .comparison_operator(ComparisonOperator::GreaterThanOrEqualToThreshold)
        .threshold(1.0)
        .treat_missing_data("notBreaching")
        .alarm_actions(topic);
    for (name, value) in metric["dimensiones"].as_object().context("no dimensions")? {
        let value = value.as_str().unwrap_or_default();
        put = put.dimensions(Dimension::builder().name(name).value(value).build());
    }
    put.send().await.context("making the alarm")?;
    Ok(())
}

/// An API with the method `GET /salud`, whose callers IAM authorises, in the stage `prod`: its id.
async fn sample(account: &Account) -> Result<String> {
    let gateway = account.apigateway();
    let api = gateway.create_rest_api().name("prueba-muestra").send().await?;
    let id = api.id().context("an API without an id")?.to_owned();
    let root = gateway.get_resources().rest_api_id(&id).send().await?;
    let root = root
        .items()
        .iter()
        .find_map(|resource| resource.id())
        .context("no root")?
        .to_owned();
    let create = gateway
        .create_resource()
        .rest_api_id(&id)
        .parent_id(root)
        .path_part("salud");
    let resource = create
        .send()
        .await?
        .id()
        .context("a resource without an id")?
        .to_owned();
    let put = gateway
        .put_method()
        .rest_api_id(&id)
        .resource_id(&resource)
        .http_method("GET");
    put.authorization_type("AWS_IAM").send().await?;
    for status in ["200", "503"] {
        let put = gateway.put_method_response().rest_api_id(&id).resource_id(&resource);
        put.http_method("GET").status_code(status).send().await?;
    }
    answering(account, &id, 200).await?;
    Ok(id)
}

/// From now on the sample answers with this status.
async fn answering(account: &Account, api: &str, status: u16) -> Result<()> {
    let gateway = account.apigateway();
    let resources = gateway.get_resources().rest_api_id(api).send().await?;
    let resource = resources
        .items()
        .iter()
        .find(|resource| resource.path() == Some("/salud"));
    let resource = resource.and_then(|resource| resource.id()).context("no /salud")?;
    let put = gateway
        .put_integration()
        .rest_api_id(api)
        .resource_id(resource)
        .http_method("GET");
    let template = json!({ "statusCode": status }).to_string();
    let put = put
        .r#type(IntegrationType::Mock)
        .request_templates("application/json", template);
    put.send().await?;
    for (status, pattern) in [("200", None), ("503", Some("503"))] {
        let put = gateway
            .put_integration_response()
            .rest_api_id(api)
            .resource_id(resource);
        let put = put
            .http_method("GET")
            .status_code(status)
            .set_selection_pattern(pattern.map(str::to_owned));
        put.send().await?;
    }
    gateway
        .create_deployment()
        .rest_api_id(api)
        .stage_name("prod")
        .send()
        .await?;
    Ok(())
}

/// Lets the API be found under the address of the local AWS itself: a target's request goes there, with the path that the API's
/// own host would get.
async fn reachable(account: &Account, api: &str) -> Result<()> {
    let gateway = account.apigateway();
    let regional = EndpointConfiguration::builder().types(EndpointType::Regional).build();
    let create = gateway.create_domain_name().domain_name(HOST);
    create.endpoint_configuration(regional).send().await?;
    let map = gateway.create_base_path_mapping().domain_name(HOST).base_path("prod");
    map.rest_api_id(api).stage("prod").send().await?;
    Ok(())
}

async fn unreachable_again(account: &Account) -> Result<()> {
    account
        .apigateway()
        .delete_domain_name()
        .domain_name(HOST)
        .send()
        .await?;
    Ok(())
}

/// The local AWS's own host.
const HOST: &str = "127.0.0.1";
