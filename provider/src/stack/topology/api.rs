//! The HTTP API: its function, the REST API in front of it, its key and its domain.
//!
//! Invariant: a stack without `api` has none of these.

use std::collections::BTreeMap;

use kairos::names::Names;

use super::{Builder, STAGE, dns_suffix, roles};
use crate::stack::config::ApiConfig;
use crate::stack::kind::{Extras, Ref};
use crate::stack::kinds::api_key::ApiKey;
use crate::stack::kinds::api_mapping::ApiMapping;
use crate::stack::kinds::deployment::Deployment;
use crate::stack::kinds::function::Function;
use crate::stack::kinds::parameter::{Part, Text};
use crate::stack::kinds::permission::Permission;
use crate::stack::kinds::rest_api::{RestApi, Route};
use crate::stack::kinds::stage::{ACCESS_LOG_FORMAT, Stage};
use crate::stack::kinds::usage_plan::{ApiStage, UsagePlan};
use crate::stack::kinds::usage_plan_key::UsagePlanKey;

/// The API's URL, with a slash at its end: on the custom domain where there is one, otherwise the stage's.
pub fn url(api: &ApiConfig, names: &Names) -> Text {
    if let Some(domain) = &api.domain_name {
        let key = &api.mapping_key;
        return Text::from(if key.is_empty() {
            format!("https://{domain}/")
        } else {
            format!("https://{domain}/{key}/")
        });
    }
    let place = &names.place;
    let host = format!(
        ".execute-api.{}.{}/{STAGE}/",
        place.region,
        dns_suffix(&place.partition)
    );
    Text::of([
        Part::Plain("https://".into()),
        Part::Id(Ref::to("rest_api")),
        Part::Plain(host),
    ])
}

impl Builder<'_> {
    pub(super) fn api(&mut self, api: &ApiConfig) {
        let names = self.names;
        let name = names.api_function();
        let logs = [names.function_logs(&name), names.access_logs()].map(|group| self.log_group(group));
        for (component, group) in ["api_logs", "access_logs"].into_iter().zip(logs) {
            self.add(component, group, &[]);
        }
        let role = roles::api(self);
        self.add("api_role", role, &[]);
        let environment = self.environment([
            ("KAIROS_ROLE_PREFIX", self.config.executor.role_prefix.clone()),
            ("KAIROS_SCHEDULER_ROLE_ARN", self.role_arn(&names.scheduler_role())),
            ("KAIROS_HISTORY_DAYS", self.config.history_retention_days.to_string()),
            (
                "KAIROS_EXECUTOR_TIMEOUT",
                self.config.executor.function.timeout.to_string(),
            ),
        ]);
        let function = Function {
            description: format!("Kairos {}: the HTTP API", names.app),
            role: self.role_arn(&names.api_role()),
            code: self.codes.api.clone(),
            environment: environment.into(),
            ..self.function(name.clone(), &api.function)
        };
        self.add("api_function", function, &["api_role", "api_logs"]);

        let route = Route::proxy(names.function_arn(&name));
        let rest_api = RestApi {
            name: names.rest_api(),
            description: format!("Kairos {}: processes and their runs", names.app),
            endpoint: "REGIONAL".into(),
            routes: BTreeMap::from([("ANY /".to_owned(), route.clone()), ("ANY /{proxy+}".to_owned(), route)]),
            tags: self.tags.clone(),
            extras: Extras::default(),
        };
        let (shape, at) = (rest_api.shape(), Ref::to("rest_api"));
        self.add("rest_api", rest_api, &[]);
        self.add(
            "deployment",
            Deployment {
                rest_api: at.clone(),
                shape: shape.clone(),
            },
            &["rest_api"],
        );
        let stage = Stage {
            rest_api: at.clone(),
            name: STAGE.into(),
            description: format!("Kairos {}", names.app),
            shape,
            access_log: Some(names.log_group_arn(&names.access_logs())),
            access_log_format: Some(ACCESS_LOG_FORMAT.into()),
            throttle_rate: api.throttle_rate,
            throttle_burst: api.throttle_burst,
            metrics: true,
            tracing: self.config.tracing,
            tags: self.tags.clone(),
            extras: Extras::default(),
        };
        self.add("stage", stage, &["deployment", "access_logs"]);
        let permission = Permission {
            function: name,
            statement_id: "KairosApi".into(),
            rest_api: at.clone(),
            stage: STAGE.into(),
            extras: Extras::default(),
        };
        self.add("api_permission", permission, &["api_function", "rest_api"]);

        let plan = UsagePlan {
            name: names.usage_plan(),
            description: format!("Kairos {}", names.app),
            stages: vec![ApiStage {
                rest_api: at.clone(),
                stage: STAGE.into(),
            }],
            throttle_rate: api.throttle_rate,
            throttle_burst: api.throttle_burst,
            quota_per_day: api.quota_per_day,
            tags: self.tags.clone(),
        };
        self.add("usage_plan", plan, &["stage"]);
        let key = ApiKey {
            name: names.api_key(),
            description: format!("Kairos {}", names.app),
            enabled: true,
            tags: self.tags.clone(),
        };
        self.add("api_key", key, &[]);
        let member = UsagePlanKey {
            usage_plan: Ref::to("usage_plan"),
            api_key: Ref::to("api_key"),
        };
        self.add("usage_plan_key", member, &["usage_plan", "api_key"]);
        if let Some(domain) = &api.domain_name {
            let mapping = ApiMapping {
                domain: domain.clone(),
                key: api.mapping_key.clone(),
                rest_api: at,
                stage: STAGE.into(),
            };
            self.add("api_mapping", mapping, &["stage"]);
        }
    }
}
