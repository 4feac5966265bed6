//! An alarm as a resource of hashicorp/aws.

use super::Alarm;
use crate::render::{At, Block, Expr, Render};

impl Render for Alarm {
    fn render(&self, at: &At<'_>) -> Vec<Block> {
        let dimensions = self.dimensions.iter();
        let dimensions = dimensions.map(|(key, value)| (key.clone(), dimension(key, value)));
        let listed = |actions: &std::collections::BTreeSet<String>| (!actions.is_empty()).then(|| Expr::links(actions));
        vec![
            Block::resource("aws_cloudwatch_metric_alarm")
                .set("alarm_name", &self.name)
                .set("alarm_description", &self.description)
                .set("namespace", &self.namespace)
                .set("metric_name", &self.metric)
                .set("dimensions", Expr::Map(dimensions.collect()))
                .set("statistic", &self.statistic)
                .set("period", self.period_seconds)
                .set("evaluation_periods", self.evaluation_periods)
                .set("datapoints_to_alarm", self.datapoints_to_alarm)
                .set("comparison_operator", &self.comparison)
                .set("threshold", self.threshold)
                .set("treat_missing_data", &self.missing_data)
                .set("actions_enabled", self.actions_enabled)
                .set_some("alarm_actions", listed(&self.alarm_actions))
                .set_some("ok_actions", listed(&self.ok_actions))
                .set("tags", &self.tags)
                .import(at.if_held(&self.name)),
        ]
    }
}

/// A dimension's value: CloudWatch knows each kind of object by a dimension of its own.
fn dimension(key: &str, value: &str) -> Expr {
    match key {
        "QueueName" => Expr::name_of("aws_sqs_queue", value),
        "FunctionName" => Expr::name_of("aws_lambda_function", value),
        "ScheduleGroup" => Expr::name_of("aws_scheduler_schedule_group", value),
        "ApiName" => Expr::name_of("aws_api_gateway_rest_api", value),
        "Stage" => Expr::name_of("aws_api_gateway_stage", value),
        _ => Expr::from(value),
    }
}
