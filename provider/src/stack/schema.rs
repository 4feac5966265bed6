//! The schema of `kairos_stack`.
//!
//! Invariant: every limit that AWS documents for a single attribute is checked here, at validate.

use tfplugin::{Attribute, Nested, Schema, Type, Value};

use super::{rules, upgrade};

/// The attributes of `kairos_stack`.
pub fn schema() -> Schema {
    let schema = Schema::new(upgrade::VERSION).description(
        "A whole installation of Kairos, cron as a service: tables, queues, functions, roles, alarms and, where wanted, an \
         HTTP API, as one resource.",
    );
    computed(options(schema))
}

fn options(schema: Schema) -> Schema {
    let string = Attribute::string;
    schema
        .attribute(
            "name",
            string().required().requires_replace().validate(rules::name).description(
                "The stack's name, the prefix of every AWS name: a letter, then up to 23 letters, digits and hyphens, not \
                 beginning with `aws` or `ssm` in any case. Two stacks of one account and region must differ in more than case.",
            ),
        )
        .attribute(
            "notification_emails",
            Attribute::set(Type::String)
                .optional()
                .validate(rules::emails)
                .description(
                    "E-mail addresses that the alarm topic tells when something is wrong. Each owner confirms by a link; until \
                     then the subscription is `pending`, which is no drift, and one that expired is sent again by the next apply. \
                     None where it is left out.",
                ),
        )
        .attribute(
            "dispatcher",
            Attribute::single(function(256, 900, DISPATCHER_TIMEOUT).attribute("reserved_concurrency", reserved(DISPATCHER_RESERVED)))
                .default(function_defaults(900, &["reserved_concurrency"]))
                .description(
                    "The function that a schedule invokes, and that sends a message for each enabled process to the queue. Left \
                     out, it has the defaults below. Changes are made in place.",
                ),
        )
        .attribute("executor", Attribute::single(executor()).required().description(
                "The function that takes runs from the queue, assumes each process's role and starts its target. Changes are \
                 made in place.",
            ),
        )
        .attribute(
            "api",
            Attribute::single(api()).optional().description(
                "The HTTP API, by which processes are registered, run and looked at with an API key; `{}` takes the defaults \
                 below. Without this attribute there is none, and taking it away deletes function, API and key, in place.",
            ),
        )
        .attribute(
            "log_retention_days",
            Attribute::int()
                .default(30)
                .validate(rules::retention)
                .description(
                    "How long log lines are kept, in days: one of the numbers that CloudWatch Logs takes, such as 7, 14, 30, 90, \
                     180, 365, 731 or 3653.",
                ),
        )
        .attribute(
            "history_retention_days",
            Attribute::int()
                .default(90)
                .validate(|v| rules::between(v, 30, 3650))
                .description(
                    "How long the history of runs is kept, in days: 30 to 3650. A change counts for runs that are recorded from \
                     then on.",
                ),
        )
        .attribute(
            "kms_key_arn",
            string().optional().validate(rules::kms_key).description(
                "ARN of the KMS key, of the stack's region, that encrypts tables, queues, topic, logs and environments; an alias \
                 is refused. Its policy needs the statements of the data source `kairos_politica_kms`, which are also in the \
                 plan that sets it. Without it, AWS's own keys. Changed in place.",
            ),
        )
        .attribute("tracing", Attribute::bool().default(true).description("Whether X-Ray traces functions and API: each trace costs."))
        .attribute(
            "architecture",
            string()
                .default("x86_64")
                .validate(rules::architecture)
                .description(
                    "The functions' instruction set, `x86_64` or `arm64`, where this build of the provider carries it. Changed in \
                     place, with code and layers.",
                ),
        )
        .attribute(
            "role_path",
            string().default("/").requires_replace().validate(rules::role_path).description(
                "The path of the stack's own roles, such as `/kairos/`: it begins and ends with a slash and has at most 512 \
                 characters. Every schedule holds its role's ARN, of which the path is a part.",
            ),
        )
        .attribute(
            "permissions_boundary_arn",
            string().optional().validate(rules::policy_arn).description(
                "ARN of the policy that bounds the stack's own roles; none where it is left out. A boundary that somebody else puts \
                 on them is drift. Changed in place.",
            ),
        )
        .attribute(
            "tags",
            Attribute::map(Type::String).optional().validate(rules::tags).description(
                "Tags of every object that takes tags, over the provider's `default_tags`: at most 49 together, keys that differ \
                 in more than case, none that begins with `aws:` and not `kairos:stack`.",
            ),
        )
        .attribute(
            "deletion_protection",
            Attribute::bool().default(true).description(
                "Whether a plan that would destroy or replace the stack is refused. To take it down, set this to `false`, apply \
                 that, and destroy then: what counts is the value in the state. A stack that has never been complete is not \
                 protected.",
            ),
        )
        .attribute(
            "force_destroy",
            Attribute::bool()
                .default(false)
                .description(
                    "Whether the stack may be destroyed while processes are registered in it. Otherwise the apply is refused before \
                     anything is deleted. What counts is the value in the state.",
                ),
        )
        .attribute(
            "timeouts",
            Attribute::single(timeouts()).optional().description(
                "How long operations on the stack may take, waits and repeated calls included. What is not done by then is told, \
                 and the next apply goes on from there.",
            ),
        )
}

fn timeouts() -> Nested {
    ["create", "update", "delete"]
        .into_iter()
        .fold(Nested::new(), |nested, operation| {
            let counts = if operation == "delete" {
                " What counts is the value in the state."
            } else {
                ""
            };
            let text = format!(
                "How long `{operation}` may take, such as `90s`, `45m` or `1h30m`; `30m` where it is left out.{counts}"
            );
            nested.attribute(
                operation,
                Attribute::string()
                    .optional()
                    .validate(rules::duration)
                    .description(text),
            )
        })
}

const DISPATCHER_TIMEOUT: &str =
    "Time-out in seconds, 1 to 900. A firing that needs longer goes on in a further invocation.";
const DISPATCHER_RESERVED: &str = "How many instances are set apart for it, which other functions of the account then lack: at least 0, \
                                   which pauses the stack and is told by each plan. Without it, the account's are shared.";
const EXECUTOR_RESERVED: &str = "How many instances are set apart for it, which other functions of the account then lack: 1 or more, and \
                                 not fewer than `maximum_concurrency`. Without it, the account's are shared.";
const EXECUTOR_TIMEOUT: &str = "Time-out in seconds, 1 to 900. The queue hides a message for six times as long, which is how late a \
                                run is tried again after a crash; a target that is waited for has 6 s less.";
const API_TIMEOUT: &str = "Time-out in seconds, 1 to 900. API Gateway waits 29 s unless AWS raised that for the account; more is \
                           met with a warning.";

/// What the three functions have in common.
fn function(memory: i64, timeout: i64, timeout_text: &str) -> Nested {
    Nested::new()
        .attribute(
            "memory_size",
            Attribute::int()
                .default(memory)
                .validate(|v| rules::between(v, 128, 10_240))
                .description("Memory in MB, with which CPU grows: 128 to 10240."),
        )
        .attribute(
            "timeout",
            Attribute::int()
                .default(timeout)
                .validate(|v| rules::between(v, 1, 900))
                .description(timeout_text),
        )
        .attribute(
            "log_level",
            Attribute::string()
                .default("INFO")
                .validate(rules::log_level)
                .description("The least level that is logged: `TRACE`, `DEBUG`, `INFO`, `WARN`, `ERROR` or `FATAL`."),
        )
        .attribute(
            "layers",
            Attribute::list(Type::String)
                .optional()
                .validate(rules::layers)
                .description("ARNs of layer versions, in order, at most 5, such as an extension of your monitoring; none where it is left out."),
        )
}

fn reserved(text: &str) -> Attribute {
    Attribute::int()
        .optional()
        .validate(|v| rules::between(v, 0, i64::from(i32::MAX)))
        .description(text)
}

/// What a function is where the user says nothing of it.
fn function_defaults(timeout: i64, nulls: &[&str]) -> Value {
    let known = [
        ("memory_size", Value::from(256)),
        ("timeout", Value::from(timeout)),
        ("log_level", Value::from("INFO")),
        ("layers", Value::Null),
    ];
    Value::object(known.into_iter().chain(nulls.iter().map(|name| (*name, Value::Null))))
}

fn executor() -> Nested {
    function(256, 120, EXECUTOR_TIMEOUT)
        .attribute("reserved_concurrency", reserved(EXECUTOR_RESERVED))
        .attribute(
            "role_prefix",
            Attribute::string().required().validate(rules::role_prefix).description(
                "What the names of the roles of processes begin with: compared with everything after `role/`, path \
                 included. The executor may assume no others. At least 3 characters, no `*` or `?`, and no `/` at its \
                 beginning. Changed in place; the plan warns of registered processes whose role it no longer covers, and whose runs \
                 fail from then on.",
            ),
        )
        .attribute(
            "maximum_concurrency",
            Attribute::int()
                .optional()
                .validate(|v| rules::between(v, 2, i64::from(i32::MAX)))
                .description(
                    "How many invocations the queue may start at once: at least 2, and not more than `reserved_concurrency`, where that is set. Without \
                     it, as many as Lambda lets.",
                ),
        )
        .attribute(
            "batch_size",
            Attribute::int()
                .default(10)
                .validate(|v| rules::between(v, 1, 10))
                .description("How many runs an invocation gets at most, which it works on at once: 1 to 10."),
        )
        .attribute(
            "external_id",
            Attribute::string()
                .optional()
                .validate(rules::external_id)
                .description(
                    "External id that the executor sends when it assumes a role, for trust policies that ask for it: 2 to 1224 \
                     letters, digits and `+=,.@:/_-`. None where it is left out.",
                ),
        )
}

fn api() -> Nested {
    function(256, 29, API_TIMEOUT)
        .attribute(
            "domain_name",
            Attribute::string()
                .optional()
                .validate(rules::domain)
                .description(
                    "A custom domain of API Gateway, which is regional and exists by the time of apply. Without it, the API answers \
                     at its stage's own URL.",
                ),
        )
        .attribute(
            "mapping_key",
            Attribute::string()
                .optional()
                .validate(rules::mapping_key)
                .description(
                    "Path below `domain_name`, which it needs, such as `kairos` or `kairos/v1`: at most 300 characters. Without it, \
                     the domain's root.",
                ),
        )
        .attribute(
            "throttle_rate",
            Attribute::number()
                .optional()
                .validate(rules::positive)
                .description(
                    "Requests a second that the API key may make, more than 0; together with `throttle_burst`. Without both, the \
                     account's limits.",
                ),
        )
        .attribute(
            "throttle_burst",
            Attribute::int()
                .optional()
                .validate(|v| rules::between(v, 1, i64::from(i32::MAX)))
                .description("How many requests may come at once, at least 1; together with `throttle_rate`."),
        )
        .attribute(
            "quota_per_day",
            Attribute::int()
                .optional()
                .validate(|v| rules::between(v, 1, i64::from(i32::MAX)))
                .description("Requests a day that the API key may make, at least 1; without it, no quota."),
        )
}

fn computed(schema: Schema) -> Schema {
    let texts = [
        ("id", "The stack's name."),
        (
            "installation_id",
            "Id of the installation, a UUID: made at creation, and compared with the marker in AWS before every change, so that a \
             state never works on another installation of the same name.",
        ),
        ("dispatcher_arn", "ARN of the dispatcher's function."),
        ("dispatcher_role_arn", "ARN of the dispatcher's role."),
        ("executor_arn", "ARN of the executor's function."),
        (
            "executor_role_arn",
            "ARN of the executor's role, which the roles of processes trust.",
        ),
        (
            "scheduler_role_arn",
            "ARN of the role that EventBridge Scheduler assumes.",
        ),
        ("api_arn", "ARN of the API's function; null without an API."),
        ("api_role_arn", "ARN of the API's role; null without an API."),
        ("api_id", "Id of the REST API; null without an API."),
        (
            "api_url",
            "URL of the HTTP API, with a slash at its end: of the domain, otherwise of the stage; null without an API.",
        ),
        ("api_key_id", "Id of the API key; null without an API."),
        ("queue_url", "URL of the work queue."),
        ("queue_arn", "ARN of the work queue."),
        ("dead_letter_queue_url", "URL of the queue of runs that were given up."),
        ("dead_letter_queue_arn", "ARN of the queue of runs that were given up."),
        (
            "dispatcher_dead_letter_queue_arn",
            "ARN of the queue of firings that could not be dispatched.",
        ),
        (
            "schedule_dead_letter_queue_arn",
            "ARN of the queue of firings that did not reach the dispatcher.",
        ),
        ("schedule_group", "Name of the schedules' group."),
        ("schedule_group_arn", "ARN of the schedules' group."),
        ("topic_arn", "ARN of the alarms' topic."),
        ("procesos_table", "Name of the table of processes."),
        ("calendarizaciones_table", "Name of the table of schedules."),
        ("ejecuciones_table", "Name of the table of runs."),
    ];
    let schema = texts.into_iter().fold(schema, |schema, (name, text)| {
        schema.attribute(name, Attribute::string().computed().description(text))
    });
    let component = Nested::new()
        .attribute(
            "type",
            Attribute::string().computed().description("Its type, by CloudFormation's name."),
        )
        .attribute(
            "id",
            Attribute::string()
                .computed()
                .description("The id that AWS knows it by."),
        )
        .attribute(
            "digest",
            Attribute::string().computed().description("Digest of the properties that it is to have."),
        )
        .attribute(
            "status",
            Attribute::string()
                .computed()
                .description("`in_sync`, `drifted` or `missing`; of subscriptions also `pending`."),
        )
        .attribute(
            "drift",
            Attribute::list(Type::String)
                .computed()
                .description("What differs, as `property: actual → wanted`."),
        )
        .attribute(
            "change",
            Attribute::list(Type::String).computed().description(
                "What the plan that touched it last does to it: `property: held → wanted`, and whether it is replaced. Null \
                 where it was only created.",
            ),
        );
    schema
        .attribute(
            "api_key",
            Attribute::string()
                .computed()
                .sensitive()
                .description(
                    "Value of the API key, for the header `x-api-key`; null without an API, or where it may not be read. It is in the \
                     state in clear text.",
                ),
        )
        .attribute(
            "tags_all",
            Attribute::map(Type::String)
                .computed()
                .description("`tags` together with the provider's `default_tags`."),
        )
        .attribute(
            "components",
            Attribute::nested_map(component)
                .computed()
                .description(
                    "Every AWS object of the stack, by component, such as `queue` or `executor_function`. The planned value is the \
                     wanted one, so that whatever differs shows as a change of one entry.",
                ),
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terraform_takes_the_schema() {
        assert_eq!(schema().problems(), Vec::<String>::new());
    }
}
