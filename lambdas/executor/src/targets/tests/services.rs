//! Each kind that is called without a client of its own: what goes out, and what its answer means.

use expect_test::{Expect, expect};

use super::*;

const PLACE: &str = "sa-east-1:123456789012";

fn arn(resource: &str) -> String {
    let (service, rest) = resource.split_once(' ').unwrap();
    format!("arn:aws:{service}:{PLACE}:{rest}")
}

/// A request in words: method and address, for what it was signed, what it says beyond the signature.
fn told(request: &HttpRequest) -> String {
    let header = |name: &str| request.headers().get(name).map(str::to_owned);
    let authorization = header("authorization").unwrap();
    let scope = authorization.split("Credential=").nth(1).unwrap();
    let scope: Vec<_> = scope.split(',').next().unwrap().split('/').collect();
    let mut told = format!(
        "{} {}\nsigned {} {} {}\n",
        request.method(),
        request.uri(),
        scope[0],
        scope[2],
        scope[3]
    );
    for name in ["x-amz-target", "content-type", "accept", "idempotency-key"] {
        if let Some(value) = header(name) {
            told.extend([name, ": ", &value, "\n"]);
        }
    }
    assert_eq!(header("x-amz-security-token").as_deref(), Some("token"));
    told + &sorted(&form_body(request))
}

/// A body with its members in order, where it is JSON: in which they are sent says nothing.
fn sorted(body: &str) -> String {
    fn in_order(value: &Value) -> Value {
        match value {
            Value::Object(members) => {
                let sorted: std::collections::BTreeMap<_, _> = members.iter().collect();
                sorted
                    .into_iter()
                    .map(|(name, value)| (name.clone(), in_order(value)))
                    .collect()
            }
            Value::Array(items) => items.iter().map(in_order).collect(),
            other => other.clone(),
        }
    }
    serde_json::from_str(body).map_or_else(|_| body.to_owned(), |value| in_order(&value).to_string())
}

async fn one(arn: &str, payload: &Value, reply: Reply) -> (Result<Answer, Failure>, HttpRequest) {
    let (outcome, requests) = send(arn, &payload.to_string(), InvocationMode::Event, reply).await;
    assert_eq!(requests.len(), 1, "one call, whatever the answer");
    (outcome, requests.into_iter().next().unwrap())
}

/// What goes out for a payload, and how its success is recorded.
async fn check(resource: &str, payload: Value, reply: Value, expected: Expect) {
    let (outcome, request) = one(&arn(resource), &payload, ok(&reply)).await;
    expected.assert_eq(&format!("{}\n{}\n", told(&request), outcome.unwrap()));
}

async fn failure(resource: &str, payload: Value, reply: Reply) -> Failure {
    one(&arn(resource), &payload, reply).await.0.unwrap_err()
}

const BUS: &str = "events event-bus/ventas";

#[tokio::test]
async fn an_event() {
    let reply = json!({"FailedEntryCount": 0, "Entries": [{"EventId": "event-1"}]});
    check(BUS, json!({"monto": 3}), reply.clone(), expect![[r#"
        POST https://events.sa-east-1.amazonaws.com/
        signed ASIAPROCESO sa-east-1 events
        x-amz-target: AWSEvents.PutEvents
        content-type: application/x-amz-json-1.1
        {"Entries":[{"Detail":"{\"monto\":3}","DetailType":"proceso-a","EventBusName":"arn:aws:events:sa-east-1:123456789012:event-bus/ventas","Source":"kairos"}]}
        Aceptado: event-1
    "#]]).await;
    let entry = json!({"Detail": {}, "DetailType": "cierre", "Source": "tienda", "Time": "2026-01-02T03:04:00Z"});
    check(BUS, entry, reply, expect![[r#"
        POST https://events.sa-east-1.amazonaws.com/
        signed ASIAPROCESO sa-east-1 events
        x-amz-target: AWSEvents.PutEvents
        content-type: application/x-amz-json-1.1
        {"Entries":[{"Detail":"{}","DetailType":"cierre","EventBusName":"arn:aws:events:sa-east-1:123456789012:event-bus/ventas","Source":"tienda","Time":1767323040}]}
        Aceptado: event-1
    "#]]).await;
}

#[tokio::test]
async fn an_event_that_was_not_taken_is_a_failure_by_its_code() {
    for (code, transient) in [
        ("ThrottlingException", true),
        ("InternalFailure", true),
        ("InternalException", true),
        ("AccessDeniedException", false),
        ("NotAuthorizedForSourceException", false),
        ("MalformedDetail", false),
    ] {
        let entries = json!({"FailedEntryCount": 1, "Entries": [{"ErrorCode": code, "ErrorMessage": "no"}]});
        let failure = failure(BUS, json!({}), ok(&entries)).await;
        assert_eq!(failure.transient, transient, "{code}");
        assert_eq!(
            failure.message,
            format!(
                "PutEvents of \"{}\" failed: {code}: no (request id request-1)",
                arn(BUS)
            )
        );
    }
}

#[tokio::test]
async fn records_of_streams() {
    let reply = json!({"ShardId": "shardId-000000000000", "SequenceNumber": "495"});
    check("kinesis stream/x", json!({"a": "ñ"}), reply, expect![[r#"
        POST https://kinesis.sa-east-1.amazonaws.com/
        signed ASIAPROCESO sa-east-1 kinesis
        x-amz-target: Kinesis_20131202.PutRecord
        content-type: application/x-amz-json-1.1
        {"Data":"eyJhIjoiw7EifQ==","PartitionKey":"proceso-a","StreamARN":"arn:aws:kinesis:sa-east-1:123456789012:stream/x"}
        Aceptado: shardId-000000000000:495
    "#]]).await;
    let reply = json!({"RecordId": "record-1"});
    check(
        "firehose deliverystream/x",
        json!({"a": 1}),
        reply,
        expect![[r#"
        POST https://firehose.sa-east-1.amazonaws.com/
        signed ASIAPROCESO sa-east-1 firehose
        x-amz-target: Firehose_20150804.PutRecord
        content-type: application/x-amz-json-1.1
        {"DeliveryStreamName":"x","Record":{"Data":"eyJhIjoxfQ=="}}
        Aceptado: record-1
    "#]],
    )
    .await;
}

const CLUSTER: &str = "ecs cluster/noche";
const DEFINITION: &str = "ecs task-definition/cierre:3";

#[tokio::test]
async fn a_task() {
    let reply = json!({"tasks": [{"taskArn": "task-1"}, {"taskArn": "task-2"}], "failures": []});
    let request = json!({"TaskDefinition": "cierre", "count": 2, "Tags": [{"Key": "k", "Value": "V"}]});
    check(CLUSTER, request, reply.clone(), expect![[r#"
        POST https://ecs.sa-east-1.amazonaws.com/
        signed ASIAPROCESO sa-east-1 ecs
        x-amz-target: AmazonEC2ContainerServiceV20141113.RunTask
        content-type: application/x-amz-json-1.1
        {"clientToken":"6b616972-6f73-5e0f-a1d2-07c593be48f6","cluster":"arn:aws:ecs:sa-east-1:123456789012:cluster/noche","count":2,"startedBy":"6b616972-6f73-5e0f-a1d2-07c593be48f6","tags":[{"key":"k","value":"V"}],"taskDefinition":"cierre"}
        Aceptado: task-1, task-2
    "#]]).await;
    let own = json!({"clientToken": "mine", "startedBy": "me"});
    check(DEFINITION, own, reply, expect![[r#"
        POST https://ecs.sa-east-1.amazonaws.com/
        signed ASIAPROCESO sa-east-1 ecs
        x-amz-target: AmazonEC2ContainerServiceV20141113.RunTask
        content-type: application/x-amz-json-1.1
        {"clientToken":"mine","startedBy":"me","taskDefinition":"arn:aws:ecs:sa-east-1:123456789012:task-definition/cierre:3"}
        Aceptado: task-1, task-2
    "#]]).await;
}

#[tokio::test]
async fn a_task_that_was_not_placed_is_a_failure_by_its_reason() {
    for (reason, transient) in [
        ("RESOURCE:MEMORY", true),
        ("AGENT", true),
        ("Capacity is unavailable at this time. Please try again later", true),
        ("MISSING", false),
        ("ATTRIBUTE", false),
        ("INACTIVE", false),
    ] {
        let body = json!({"tasks": [], "failures": [{"arn": "instance-1", "reason": reason, "detail": "d"}]});
        let failure = failure(DEFINITION, json!({}), ok(&body)).await;
        assert_eq!(failure.transient, transient, "{reason}");
        assert!(
            failure.message.contains(&format!("failed: {reason} (instance-1): d")),
            "{failure:?}"
        );
    }
    let some = json!({"tasks": [{"taskArn": "task-1"}], "failures": [{"reason": "RESOURCE:CPU"}]});
    let some = failure(DEFINITION, json!({"count": 2}), ok(&some)).await;
    assert!(
        some.transient && some.message.contains("other tasks were started: task-1"),
        "{some:?}"
    );
    let none = failure(DEFINITION, json!({}), ok(&json!({}))).await;
    assert!(
        none.transient && none.message.contains("no task was started"),
        "{none:?}"
    );
}

#[tokio::test]
async fn a_task_of_an_earlier_attempt_is_found_by_our_token_and_by_no_other() {
    let conflict = |message: &str| {
        let body = json!({"__type": "ConflictException", "message": message});
        Reply(400, &[], body.to_string())
    };
    let taken = "The provided clientToken is already in use with a different RunTask request.";
    let (outcome, _) = one(&arn(DEFINITION), &json!({}), conflict(taken)).await;
    assert_eq!(outcome.unwrap(), Answer::Accepted(format!("startedBy {RUN}")));
    for (payload, message) in [
        (json!({"clientToken": "mine"}), taken),
        (json!({}), "The cluster is busy"),
    ] {
        let failure = failure(DEFINITION, payload, conflict(message)).await;
        assert!(
            failure.transient && failure.message.contains("ConflictException"),
            "{failure:?}"
        );
    }
}

#[tokio::test]
async fn jobs_and_builds() {
    let reply = json!({"jobId": "job-1", "jobName": "x"});
    let request = json!({"jobDefinition": "cierre:3", "Parameters": {"Dia": "1"}});
    check("batch job-queue/noche", request, reply, expect![[r#"
        POST https://batch.sa-east-1.amazonaws.com/v1/submitjob
        signed ASIAPROCESO sa-east-1 batch
        content-type: application/json
        {"jobDefinition":"cierre:3","jobName":"kairos-6b616972-6f73-5e0f-a1d2-07c593be48f6","jobQueue":"arn:aws:batch:sa-east-1:123456789012:job-queue/noche","parameters":{"Dia":"1"}}
        Aceptado: job-1
    "#]]).await;
    let request = json!({"jobDefinition": "cierre:3", "jobName": "mio"});
    check(
        "batch job-queue/noche",
        request,
        json!({}),
        expect![[r#"
        POST https://batch.sa-east-1.amazonaws.com/v1/submitjob
        signed ASIAPROCESO sa-east-1 batch
        content-type: application/json
        {"jobDefinition":"cierre:3","jobName":"mio","jobQueue":"arn:aws:batch:sa-east-1:123456789012:job-queue/noche"}
        Aceptado: request-1
    "#]],
    )
    .await;
    let reply = json!({"build": {"id": "cierre:build-1"}});
    let request = json!({"sourceVersion": "main", "environmentVariablesOverride": [{"name": "A", "value": "1"}]});
    check("codebuild project/cierre", request, reply, expect![[r#"
        POST https://codebuild.sa-east-1.amazonaws.com/
        signed ASIAPROCESO sa-east-1 codebuild
        x-amz-target: CodeBuild_20161006.StartBuild
        content-type: application/x-amz-json-1.1
        {"environmentVariablesOverride":[{"name":"A","value":"1"}],"idempotencyToken":"6b616972-6f73-5e0f-a1d2-07c593be48f6","projectName":"cierre","sourceVersion":"main"}
        Aceptado: cierre:build-1
    "#]]).await;
    let arguments = json!({"--dia": "2026-01-02"});
    check(
        "glue job/carga",
        arguments,
        json!({"JobRunId": "jr_1"}),
        expect![[r#"
        POST https://glue.sa-east-1.amazonaws.com/
        signed ASIAPROCESO sa-east-1 glue
        x-amz-target: AWSGlue.StartJobRun
        content-type: application/x-amz-json-1.1
        {"Arguments":{"--dia":"2026-01-02"},"JobName":"carga"}
        Aceptado: jr_1
    "#]],
    )
    .await;
    let properties = json!({"RunProperties": {"dia": "1"}});
    check(
        "glue workflow/carga",
        properties,
        json!({"RunId": "wr_1"}),
        expect![[r#"
        POST https://glue.sa-east-1.amazonaws.com/
        signed ASIAPROCESO sa-east-1 glue
        x-amz-target: AWSGlue.StartWorkflowRun
        content-type: application/x-amz-json-1.1
        {"Name":"carga","RunProperties":{"dia":"1"}}
        Aceptado: wr_1
    "#]],
    )
    .await;
}

const BODEGA: &str = "redshift cluster:bodega";
const AURORA: &str = "rds cluster:ventas";

#[tokio::test]
async fn statements() {
    let sql = json!({"Sql": "call cierre()", "Database": "ventas", "DbUser": "kairos"});
    check(BODEGA, sql.clone(), json!({"Id": "statement-1"}), expect![[r#"
        POST https://redshift-data.sa-east-1.amazonaws.com/
        signed ASIAPROCESO sa-east-1 redshift-data
        x-amz-target: RedshiftData.ExecuteStatement
        content-type: application/x-amz-json-1.1
        {"ClientToken":"6b616972-6f73-5e0f-a1d2-07c593be48f6","ClusterIdentifier":"bodega","Database":"ventas","DbUser":"kairos","Sql":"call cierre()"}
        Aceptado: statement-1
    "#]]).await;
    let reply = json!({"Id": "statement-1", "Status": "FINISHED"});
    check("redshift-serverless workgroup/0a1b", sql, reply, expect![[r#"
        POST https://redshift-data.sa-east-1.amazonaws.com/
        signed ASIAPROCESO sa-east-1 redshift-data
        x-amz-target: RedshiftData.ExecuteStatement
        content-type: application/x-amz-json-1.1
        {"ClientToken":"6b616972-6f73-5e0f-a1d2-07c593be48f6","Database":"ventas","DbUser":"kairos","Sql":"call cierre()","WorkgroupName":"arn:aws:redshift-serverless:sa-east-1:123456789012:workgroup/0a1b"}
        Completado: statement-1
    "#]]).await;
    let sql = json!({"sql": "call cierre()", "SecretArn": "arn:secreto", "database": "ventas"});
    check(AURORA, sql, json!({"numberOfRecordsUpdated": 0}), expect![[r#"
        POST https://rds-data.sa-east-1.amazonaws.com/Execute
        signed ASIAPROCESO sa-east-1 rds-data
        content-type: application/json
        {"database":"ventas","resourceArn":"arn:aws:rds:sa-east-1:123456789012:cluster:ventas","secretArn":"arn:secreto","sql":"call cierre()"}
        Completado: request-1
    "#]]).await;
}

#[tokio::test]
async fn a_statement_that_failed_while_it_was_waited_for_is_a_failure() {
    let sql = json!({"Sql": "x", "Database": "ventas", "WaitTimeSeconds": 5});
    let reply = ok(&json!({"Id": "statement-1", "Status": "FAILED"}));
    let failure = failure(BODEGA, sql, reply).await;
    assert!(!failure.transient, "the token would give the same statement");
    assert!(failure.message.contains("FAILED: statement statement-1"), "{failure:?}");
}

#[tokio::test]
async fn codes_of_limits_that_pass_are_tried_again() {
    let sql = json!({"sql": "x", "secretArn": "s", "Database": "d"});
    for (resource, payload, status, code, transient) in [
        ("glue job/x", json!({}), 400, "ConcurrentRunsExceededException", true),
        ("glue job/x", json!({}), 400, "EntityNotFoundException", false),
        (
            "codebuild project/x",
            json!({}),
            400,
            "AccountLimitExceededException",
            true,
        ),
        ("codebuild project/x", json!({}), 400, "InvalidInputException", false),
        (AURORA, sql.clone(), 400, "DatabaseResumingException", true),
        (AURORA, sql.clone(), 504, "DatabaseUnavailableException", true),
        (AURORA, sql, 400, "BadRequestException", false),
        (
            "kinesis stream/x",
            json!({}),
            400,
            "ProvisionedThroughputExceededException",
            true,
        ),
        (
            "firehose deliverystream/x",
            json!({}),
            500,
            "ServiceUnavailableException",
            true,
        ),
        (DEFINITION, json!({}), 400, "ClusterNotFoundException", false),
        (DEFINITION, json!({}), 500, "ServerException", true),
        (BUS, json!({}), 500, "InternalException", true),
    ] {
        let body = json!({"__type": code, "message": "no"}).to_string();
        let failure = failure(resource, payload, Reply(status, &[], body)).await;
        assert_eq!(failure.transient, transient, "{code}");
        assert!(
            failure.message.contains(code) && failure.message.contains(&arn(resource)),
            "{failure:?}"
        );
    }
    let redshift = json!({"Sql": "x", "Database": "d"});
    let body = json!({"__type": "ActiveStatementsExceededException", "Message": "200"}).to_string();
    assert!(failure(BODEGA, redshift, Reply(400, &[], body)).await.transient);
}

const METHOD: &str = "execute-api abc123/prod/POST/cierres/*";

#[tokio::test]
async fn a_request_to_an_api() {
    let payload = json!({
        "path": "/cierres/ñ", "query": {"dia": 1}, "headers": {"Accept": "text/plain"}, "body": {"a": 1}
    });
    check(
        METHOD,
        payload,
        json!({}),
        expect![[r#"
        POST https://abc123.execute-api.sa-east-1.amazonaws.com/prod/cierres/%C3%B1?dia=1
        signed ASIAPROCESO sa-east-1 execute-api
        content-type: application/json
        accept: text/plain
        idempotency-key: 6b616972-6f73-5e0f-a1d2-07c593be48f6
        {"a":1}
        Completado: 200, request-1
    "#]],
    )
    .await;
    let own = json!({"headers": {"Idempotency-Key": "mia"}});
    check(
        "execute-api abc123/$default/GET/cierres",
        own,
        json!("x"),
        expect![[r"
        GET https://abc123.execute-api.sa-east-1.amazonaws.com/cierres
        signed ASIAPROCESO sa-east-1 execute-api
        idempotency-key: mia

        Completado: 200, request-1
    "]],
    )
    .await;
}

#[tokio::test]
async fn the_status_of_an_api_decides_and_not_what_its_body_says() {
    for (status, transient) in [
        (301, false),
        (400, false),
        (403, false),
        (404, false),
        (408, true),
        (409, false),
        (429, true),
        (500, true),
        (503, true),
    ] {
        let body = json!({"code": "NotFound", "__type": "ThrottlingException", "message": "no"}).to_string();
        let reply = Reply(status, &[("apigw-requestid", "request-2")], body);
        let failure = failure(METHOD, json!({"path": "/cierres/1"}), reply).await;
        assert_eq!(failure.transient, transient, "{status}");
        let said = format!("POST of \"{}\" was answered with {status}", arn(METHOD));
        assert!(
            failure.message.starts_with(&said) && failure.message.contains("request-2"),
            "{failure:?}"
        );
    }
}

#[tokio::test]
async fn hosts_follow_region_and_partition() {
    let china = "arn:aws-cn:execute-api:cn-north-1:123456789012:abc123/prod/GET/x";
    let (_, request) = one(china, &json!({}), ok(&json!({}))).await;
    assert_eq!(
        request.uri(),
        "https://abc123.execute-api.cn-north-1.amazonaws.com.cn/prod/x"
    );
    let gov = "arn:aws-us-gov:glue:us-gov-west-1:123456789012:job/x";
    let (_, request) = one(gov, &json!({}), ok(&json!({}))).await;
    assert_eq!(request.uri(), "https://glue.us-gov-west-1.amazonaws.com/");
    assert_eq!(signed(&request), "ASIAPROCESO us-gov-west-1");
}

#[tokio::test]
async fn what_cannot_be_sent_is_a_terminal_failure_that_says_why() {
    for (resource, payload, expected) in [
        (BUS, "[]", "parametros: must be a JSON object"),
        (CLUSTER, "{}", "parametros: must have \"taskDefinition\""),
        (
            CLUSTER,
            r#"{"taskDefinition":"x","cluster":"dia"}"#,
            "parametros: contradicts arn_proceso: leave \"cluster\" out",
        ),
        ("batch job-queue/x", "hola", "parametros: must be JSON"),
        (BODEGA, r#"{"Sql":"x"}"#, "parametros: must have \"Database\""),
        (
            METHOD,
            r#"{"path":"/otros"}"#,
            "parametros: \"path\" must be like \"/cierres/*\"",
        ),
    ] {
        let reply = ok(&json!({}));
        let (outcome, requests) = send(&arn(resource), payload, InvocationMode::Event, reply).await;
        let failure = outcome.unwrap_err();
        assert!(
            !failure.transient && failure.message.starts_with(expected),
            "{failure:?}"
        );
        assert_eq!(requests.len(), 0, "nothing goes out");
    }
}

#[test]
fn what_answers_at_its_end_is_given_the_time_that_its_service_gives() {
    let seconds = |resource: &str| answers_within(&arn(resource)).as_secs();
    assert_eq!([seconds(AURORA), seconds(METHOD)], [45, 29]);
    assert_eq!([seconds(BODEGA), seconds(BUS), seconds("lambda function:x")], [0, 0, 0]);
    assert_eq!(answers_within("x").as_secs(), 0);
}
