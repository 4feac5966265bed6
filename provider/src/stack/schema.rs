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
                 beginning with `aws` or `ssm`.",
            ),
        )
        .attribute(
            "notification_emails",
            Attribute::set(Type::String)
                .optional()
                .validate(rules::emails)
                .description("E-mail addresses that are told when something is wrong. Each owner confirms by a link."),
        )
        .attribute(
            "dispatcher",
            Attribute::single(function(256, 900).attribute("reserved_concurrency", reserved()))
                .default(function_defaults(900, &["reserved_concurrency"]))
                .description("The function that sends the runs of a schedule to the queue."),
        )
        .attribute("executor", Attribute::single(executor()).required().description("The function that starts targets."))
        .attribute(
            "api",
            Attribute::single(api()).optional().description("The HTTP API; without this attribute there is none."),
        )
        .attribute(
            "log_retention_days",
            Attribute::int()
                .default(30)
                .validate(rules::retention)
                .description("How long log lines are kept, in days, one of the numbers that CloudWatch Logs takes."),
        )
        .attribute(
            "history_retention_days",
            Attribute::int()
                .default(90)
                .validate(|v| rules::between(v, 30, 3650))
                .description("How long the history of runs is kept, in days: 30 to 3650."),
        )
        .attribute(
            "kms_key_arn",
            string().optional().validate(rules::kms_key).description(
                "ARN of the KMS key that encrypts tables, queues, topic, logs and environments. Without it, AWS's own keys.",
            ),
        )
        .attribute("tracing", Attribute::bool().default(true).description("Whether X-Ray traces functions and API."))
        .attribute(
            "architecture",
            string()
                .default("x86_64")
                .validate(rules::architecture)
                .description("The functions' instruction set: `x86_64` or `arm64`, where this build carries it."),
        )
        .attribute(
            "role_path",
            string().default("/").requires_replace().validate(rules::role_path).description(
                "The path of the stack's roles, such as `/kairos/`. Another one replaces the stack: every schedule holds its \
                 role's ARN.",
            ),
        )
        .attribute(
            "permissions_boundary_arn",
            string().optional().validate(rules::policy_arn).description("ARN of the policy that bounds the stack's roles."),
        )
        .attribute(
            "tags",
            Attribute::map(Type::String).optional().validate(rules::tags).description("Tags of every object."),
        )
        .attribute(
            "deletion_protection",
            Attribute::bool().default(true).description("Whether destroying or replacing the stack is refused."),
        )
        .attribute(
            "force_destroy",
            Attribute::bool()
                .default(false)
                .description("Whether the stack may be destroyed while processes are registered in it."),
        )
        .attribute(
            "timeouts",
            Attribute::single(timeouts()).optional().description("How long operations may take, such as `30m`."),
        )
}

fn timeouts() -> Nested {
    ["create", "update", "delete"]
        .into_iter()
        .fold(Nested::new(), |nested, operation| {
            let text = format!("How long `{operation}` may take: `30m` by default, units `s`, `m`, `h`.");
            nested.attribute(
                operation,
                Attribute::string()
                    .optional()
                    .validate(rules::duration)
                    .description(text),
            )
        })
}

/// What the three functions have in common.
fn function(memory: i64, timeout: i64) -> Nested {
    Nested::new()
        .attribute(
            "memory_size",
            Attribute::int()
                .default(memory)
                .validate(|v| rules::between(v, 128, 10_240))
                .description("Memory in MB: 128 to 10240."),
        )
        .attribute(
            "timeout",
            Attribute::int()
                .default(timeout)
                .validate(|v| rules::between(v, 1, 900))
                .description("Time-out in seconds: 1 to 900."),
        )
        .attribute(
            "log_level",
            Attribute::string()
                .default("INFO")
                .validate(rules::log_level)
                .description("Log level: `TRACE`, `DEBUG`, `INFO`, `WARN`, `ERROR` or `FATAL`."),
        )
        .attribute(
            "layers",
            Attribute::list(Type::String)
                .optional()
                .validate(rules::layers)
                .description("ARNs of layer versions, at most 5."),
        )
}

fn reserved() -> Attribute {
    Attribute::int()
        .optional()
        .validate(|v| rules::between(v, 0, i64::from(i32::MAX)))
        .description("How many instances are set apart for it. Without it, the account's are shared.")
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
    function(256, 120)
        .attribute("reserved_concurrency", reserved())
        .attribute(
            "role_prefix",
            Attribute::string().required().validate(rules::role_prefix).description(
                "What the names of the roles of processes begin with: compared with everything after `role/`, path \
                 included. The executor may assume no others. At least 3 characters, no `*` or `?`.",
            ),
        )
        .attribute(
            "maximum_concurrency",
            Attribute::int()
                .optional()
                .validate(|v| rules::between(v, 2, i64::from(i32::MAX)))
                .description("How many invocations may run at once: at least 2. Without it, as many as Lambda lets."),
        )
        .attribute(
            "batch_size",
            Attribute::int()
                .default(10)
                .validate(|v| rules::between(v, 1, 10))
                .description("How many messages an invocation gets at most: 1 to 10."),
        )
        .attribute(
            "external_id",
            Attribute::string()
                .optional()
                .validate(rules::external_id)
                .description("External id that the trust policies of the processes' roles ask for."),
        )
}

fn api() -> Nested {
    function(256, 29)
        .attribute(
            "domain_name",
            Attribute::string()
                .optional()
                .validate(rules::domain)
                .description("A custom domain of API Gateway (regional), which exists already."),
        )
        .attribute(
            "mapping_key",
            Attribute::string()
                .optional()
                .validate(rules::mapping_key)
                .description("Path below the domain; it may contain `/`. Without it, the domain's root."),
        )
        .attribute(
            "throttle_rate",
            Attribute::number()
                .optional()
                .validate(rules::positive)
                .description("Requests a second."),
        )
        .attribute(
            "throttle_burst",
            Attribute::int()
                .optional()
                .validate(|v| rules::between(v, 1, i64::from(i32::MAX)))
                .description("How many requests may come at once."),
        )
        .attribute(
            "quota_per_day",
            Attribute::int()
                .optional()
                .validate(|v| rules::between(v, 1, i64::from(i32::MAX)))
                .description("Requests a day."),
        )
}

fn computed(schema: Schema) -> Schema {
    let texts = [
        ("id", "The stack's name."),
        (
            "installation_id",
            "The installation: made at creation, and compared before every change.",
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
        ("api_arn", "ARN of the API's function."),
        ("api_role_arn", "ARN of the API's role."),
        ("api_id", "Id of the REST API."),
        ("api_url", "URL of the HTTP API, with a slash at its end."),
        ("api_key_id", "Id of the API key."),
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
            Attribute::string().computed().description("CloudFormation type."),
        )
        .attribute(
            "id",
            Attribute::string()
                .computed()
                .description("The id that AWS knows it by."),
        )
        .attribute(
            "digest",
            Attribute::string().computed().description("Digest of its properties."),
        )
        .attribute(
            "status",
            Attribute::string()
                .computed()
                .description("`in_sync`, `drifted` or `missing`; subscriptions also `pending`."),
        )
        .attribute(
            "drift",
            Attribute::list(Type::String)
                .computed()
                .description("What differs: `property: actual → wanted`."),
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
                .description("Value of the API key."),
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
                .description("Every AWS object of the stack, by component."),
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
