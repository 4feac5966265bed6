//! Every name, ARN and URL of an installation, derived from the stack's name and where it lives.
//!
//! Invariant: nothing here asks AWS anything; the same [`Place`] and name always give the same strings.

use serde::{Deserialize, Serialize};

/// Where an installation lives: what STS and the configuration tell before anything exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: String,
    /// The twelve-digit account.
    pub account: String,
    /// The region, such as `sa-east-1`.
    pub region: String,
}

/// The names of one installation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Names {
    /// The stack's name, the prefix of every other.
    pub app: String,
    /// Where it lives.
    pub place: Place,
}

impl Names {
    /// The names of the stack `app` at `place`.
    pub fn new(app: impl Into<String>, place: Place) -> Self {
        Self { app: app.into(), place }
    }

    /// The ownership tag's key.
    pub const OWNER_TAG: &'static str = "kairos:stack";

    /// The ownership tag's value: `{region}/{app}`, since IAM is global and the same name may live in two regions.
    pub fn owner(&self) -> String {
        format!("{}/{}", self.place.region, self.app)
    }

    /// An ARN of this account and region.
    pub fn arn(&self, service: &str, resource: &str) -> String {
        let Place {
            partition,
            account,
            region,
        } = &self.place;
        format!("arn:{partition}:{service}:{region}:{account}:{resource}")
    }

    fn suffixed(&self, suffix: &str) -> String {
        format!("{}{suffix}", self.app)
    }

    /// The table of processes.
    pub fn procesos_table(&self) -> String {
        self.suffixed("Procesos")
    }

    /// The table of calendarizaciones.
    pub fn calendarizaciones_table(&self) -> String {
        self.suffixed("Calendarizaciones")
    }

    /// The table of runs.
    pub fn ejecuciones_table(&self) -> String {
        self.suffixed("Ejecuciones")
    }

    /// The ARN of a table.
    pub fn table_arn(&self, table: &str) -> String {
        self.arn("dynamodb", &format!("table/{table}"))
    }

    /// The work queue.
    pub fn queue(&self) -> String {
        self.suffixed("Queue")
    }

    /// Where runs end that the executor gave up.
    pub fn queue_dlq(&self) -> String {
        self.suffixed("DeadLetterQueue")
    }

    /// Where the dispatcher's failed invocations end.
    pub fn dispatcher_dlq(&self) -> String {
        self.suffixed("DispatcherDeadLetterQueue")
    }

    /// Where firings end that Scheduler could not deliver.
    pub fn schedule_dlq(&self) -> String {
        self.suffixed("ScheduleDeadLetterQueue")
    }

    /// The ARN of a queue.
    pub fn queue_arn(&self, queue: &str) -> String {
        self.arn("sqs", queue)
    }

    /// The alarm topic.
    pub fn topic(&self) -> String {
        self.suffixed("Notificaciones")
    }

    /// The ARN of the alarm topic.
    pub fn topic_arn(&self) -> String {
        self.arn("sns", &self.topic())
    }

    /// A role's name, `{app}-{region}-{function}Role` (IAM: at most 64 characters).
    fn role(&self, of: &str) -> String {
        format!("{}-{}-{of}Role", self.app, self.place.region)
    }

    /// The dispatcher's role.
    pub fn dispatcher_role(&self) -> String {
        self.role("Dispatcher")
    }

    /// The executor's role.
    pub fn executor_role(&self) -> String {
        self.role("Executor")
    }

    /// The API's role.
    pub fn api_role(&self) -> String {
        self.role("Api")
    }

    /// The role that EventBridge Scheduler assumes.
    pub fn scheduler_role(&self) -> String {
        self.role("Scheduler")
    }

    /// The ARN of a role under `path` (which begins and ends with `/`).
    pub fn role_arn(&self, path: &str, role: &str) -> String {
        let Place { partition, account, .. } = &self.place;
        format!("arn:{partition}:iam::{account}:role{path}{role}")
    }

    /// The dispatcher's function.
    pub fn dispatcher_function(&self) -> String {
        self.suffixed("Dispatcher")
    }

    /// The executor's function.
    pub fn executor_function(&self) -> String {
        self.suffixed("Executor")
    }

    /// The API's function.
    pub fn api_function(&self) -> String {
        self.suffixed("Api")
    }

    /// The ARN of a function.
    pub fn function_arn(&self, function: &str) -> String {
        self.arn("lambda", &format!("function:{function}"))
    }

    /// The log group of a function.
    pub fn function_logs(&self, function: &str) -> String {
        format!("/aws/lambda/{function}")
    }

    /// The log group of the API's access log.
    pub fn access_logs(&self) -> String {
        format!("/aws/apigateway/{}/access", self.app)
    }

    /// The ARN of a log group, without the `:*` that IAM wants behind it.
    pub fn log_group_arn(&self, group: &str) -> String {
        self.arn("logs", &format!("log-group:{group}"))
    }

    /// The group of the schedules.
    pub fn schedule_group(&self) -> String {
        self.suffixed("ScheduleGroup")
    }

    /// The ARN of the group of the schedules.
    pub fn schedule_group_arn(&self) -> String {
        self.arn("scheduler", &format!("schedule-group/{}", self.schedule_group()))
    }

    /// The ARN of a schedule of the group.
    pub fn schedule_arn(&self, schedule: &str) -> String {
        self.arn("scheduler", &format!("schedule/{}/{schedule}", self.schedule_group()))
    }

    /// The REST API in front of the API's function.
    pub fn rest_api(&self) -> String {
        self.suffixed("Api")
    }

    /// The usage plan of the REST API.
    pub fn usage_plan(&self) -> String {
        self.suffixed("UsagePlan")
    }

    /// The API key.
    pub fn api_key(&self) -> String {
        self.suffixed("ApiKey")
    }

    /// An SSM parameter, `/{app}/{path}`.
    pub fn parameter(&self, path: &str) -> String {
        format!("/{}/{path}", self.app)
    }

    /// The marker that says whose installation this is.
    pub fn marker(&self) -> String {
        self.parameter("Kairos/Instalacion")
    }
}
