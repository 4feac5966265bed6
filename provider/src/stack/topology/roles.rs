//! Who may do what: the four roles, each with one policy of its own and none of AWS's.
//!
//! Invariant: no `Resource: *` but for X-Ray's two write actions, which have no resource level.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::Builder;
use crate::stack::kinds::role::Role;
use crate::stack::policy::PolicyDocument;

/// The name of the one inline policy.
const POLICY: &str = "Kairos";

/// EventBridge Scheduler, for schedules of this stack's group only: it invokes the dispatcher, and leaves what it cannot
/// deliver in its queue.
pub(super) fn scheduler(t: &Builder<'_>) -> Role {
    let n = t.names;
    let trust = json!({
        "Effect": "Allow",
        "Principal": { "Service": "scheduler.amazonaws.com" },
        "Action": "sts:AssumeRole",
        "Condition": { "StringEquals": {
            "aws:SourceAccount": n.place.account,
            "aws:SourceArn": n.schedule_group_arn(),
        } },
    });
    let may = vec![
        allow(
            "Invoke",
            &["lambda:InvokeFunction"],
            &[n.function_arn(&n.dispatcher_function())],
        ),
        allow("Undelivered", &["sqs:SendMessage"], &[n.queue_arn(&n.schedule_dlq())]),
    ];
    role(
        t,
        n.scheduler_role(),
        "EventBridge Scheduler invokes the dispatcher",
        trust,
        may,
    )
}

/// The dispatcher reads who is to run and sends their messages; near its deadline it invokes itself.
pub(super) fn dispatcher(t: &Builder<'_>) -> Role {
    let n = t.names;
    let by_schedule = format!("{}/index/PorIdCalendarizacion", n.table_arn(&n.procesos_table()));
    let may = vec![
        allow("Processes", &["dynamodb:Query"], &[by_schedule]),
        allow(
            "Schedule",
            &["dynamodb:GetItem"],
            &[n.table_arn(&n.calendarizaciones_table())],
        ),
        allow(
            "Send",
            &["sqs:SendMessage"],
            &[n.queue_arn(&n.queue()), n.queue_arn(&n.dispatcher_dlq())],
        ),
        allow(
            "Continue",
            &["lambda:InvokeFunction"],
            &[n.function_arn(&n.dispatcher_function())],
        ),
    ];
    function_role(
        t,
        n.dispatcher_role(),
        "The dispatcher of Kairos",
        &n.dispatcher_function(),
        may,
    )
}

/// The executor consumes the queue, records runs, and assumes the roles of processes: those with the prefix, no others.
pub(super) fn executor(t: &Builder<'_>) -> Role {
    let n = t.names;
    let consume = [
        "sqs:ReceiveMessage",
        "sqs:DeleteMessage",
        "sqs:ChangeMessageVisibility",
        "sqs:GetQueueAttributes",
    ];
    let assumable = n.role_arn("/", &format!("{}*", t.config.executor.role_prefix));
    let may = vec![
        allow("Consume", &consume, &[n.queue_arn(&n.queue())]),
        allow("GiveUp", &["sqs:SendMessage"], &[n.queue_arn(&n.queue_dlq())]),
        allow(
            "Processes",
            &["dynamodb:BatchGetItem"],
            &[n.table_arn(&n.procesos_table())],
        ),
        allow(
            "Runs",
            &["dynamodb:UpdateItem", "dynamodb:GetItem"],
            &[n.table_arn(&n.ejecuciones_table())],
        ),
        allow("Assume", &["sts:AssumeRole"], &[assumable]),
    ];
    function_role(
        t,
        n.executor_role(),
        "The executor of Kairos",
        &n.executor_function(),
        may,
    )
}

/// The API keeps the registry: its rows and their schedules. It hands the scheduler's role on, to Scheduler only.
pub(super) fn api(t: &Builder<'_>) -> Role {
    let n = t.names;
    let tables =
        [n.procesos_table(), n.calendarizaciones_table(), n.ejecuciones_table()].map(|table| n.table_arn(&table));
    let with_indexes: Vec<String> = tables
        .iter()
        .flat_map(|arn| [arn.clone(), format!("{arn}/index/*")])
        .collect();
    let rows = [
        "dynamodb:GetItem",
        "dynamodb:BatchGetItem",
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
        "dynamodb:DeleteItem",
        "dynamodb:ConditionCheckItem",
        "dynamodb:Query",
        "dynamodb:Scan",
    ];
    let schedules = [
        "scheduler:CreateSchedule",
        "scheduler:GetSchedule",
        "scheduler:UpdateSchedule",
        "scheduler:DeleteSchedule",
    ];
    let mut pass = allow("PassRole", &["iam:PassRole"], &[t.role_arn(&n.scheduler_role())]);
    pass["Condition"] = json!({ "StringEquals": { "iam:PassedToService": "scheduler.amazonaws.com" } });
    let may = vec![
        allow("Registry", &rows, &with_indexes),
        allow("Schedules", &schedules, &[n.schedule_arn("*")]),
        // Scheduler authorises its listing on every group, and on nothing narrower.
        allow(
            "List",
            &["scheduler:ListSchedules"],
            &[n.arn("scheduler", "schedule/*/*")],
        ),
        pass,
        allow("RunNow", &["sqs:SendMessage"], &[n.queue_arn(&n.queue())]),
        allow(
            "Replay",
            &["lambda:InvokeFunction"],
            &[n.function_arn(&n.dispatcher_function())],
        ),
    ];
    function_role(t, n.api_role(), "The HTTP API of Kairos", &n.api_function(), may)
}

/// A role that Lambda assumes: beside its own, it writes to its function's log group, and traces.
fn function_role(t: &Builder<'_>, name: String, description: &str, function: &str, mut may: Vec<Value>) -> Role {
    let trust = json!({
        "Effect": "Allow",
        "Principal": { "Service": "lambda.amazonaws.com" },
        "Action": "sts:AssumeRole",
    });
    let group = t.names.log_group_arn(&t.names.function_logs(function));
    may.push(allow(
        "Log",
        &["logs:CreateLogStream", "logs:PutLogEvents"],
        &[format!("{group}:*")],
    ));
    if t.config.tracing {
        may.push(allow(
            "Trace",
            &["xray:PutTraceSegments", "xray:PutTelemetryRecords"],
            &["*".into()],
        ));
    }
    role(t, name, description, trust, may)
}

fn role(t: &Builder<'_>, name: String, description: &str, trust: Value, mut may: Vec<Value>) -> Role {
    if let Some(key) = &t.config.kms_key_arn {
        may.push(allow(
            "Key",
            &["kms:Decrypt", "kms:GenerateDataKey"],
            std::slice::from_ref(key),
        ));
    }
    Role {
        name,
        path: t.config.role_path.clone(),
        description: format!("{description} ({})", t.names.app),
        trust: PolicyDocument::new([trust]),
        policies: BTreeMap::from([(POLICY.to_owned(), PolicyDocument::new(may))]),
        attached: BTreeSet::new(),
        permissions_boundary: t.config.permissions_boundary_arn.clone(),
        max_session: 3600,
        tags: t.tags.clone(),
    }
}

fn allow(sid: &str, actions: &[&str], resources: &[String]) -> Value {
    json!({ "Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources })
}
