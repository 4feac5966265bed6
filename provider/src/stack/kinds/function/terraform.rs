//! A function as a resource of hashicorp/aws, its zip beside.

use super::Function;
use crate::render::{At, Block, Body, Expr, Render};

impl Render for Function {
    fn render(&self, at: &At<'_>) -> Vec<Block> {
        let arn = at.names.function_arn(&self.name);
        let zip = format!("{}.zip", self.name);
        let path = format!("\"${{path.module}}/{zip}\"");
        let mut variables: Vec<_> = self.environment.variables().into_iter().collect();
        variables.sort();
        let variables = variables.into_iter().map(|(key, value)| (key, Expr::Link(value)));
        let function = Block::resource("aws_lambda_function")
            .set("function_name", &self.name)
            .set("description", &self.description)
            .set("role", Expr::Link(self.role.clone()))
            .set("runtime", &self.runtime)
            .set("handler", &self.handler)
            .set("architectures", vec![&self.architecture])
            .set("filename", Expr::Raw(path.clone()))
            .set("source_code_hash", Expr::Raw(format!("filebase64sha256({path})")))
            .set("memory_size", self.memory)
            .set("timeout", self.timeout)
            .set_some("layers", Some(&self.layers).filter(|l| !l.is_empty()).map(Expr::links))
            .set_some("reserved_concurrent_executions", self.reserved_concurrency)
            .set_some("kms_key_arn", self.kms_key.clone().map(Expr::Link))
            .set("tags", &self.tags)
            .nested(
                "environment",
                Body::default().set("variables", Expr::Map(variables.collect())),
            )
            .nested(
                "logging_config",
                Body::default()
                    .set("log_format", "JSON")
                    .set("application_log_level", &self.log_level)
                    .set("log_group", Expr::name_of("aws_cloudwatch_log_group", &self.log_group)),
            )
            .nested(
                "tracing_config",
                Body::default().set("mode", if self.tracing { "Active" } else { "PassThrough" }),
            )
            .value(invocation(&arn, at), "invoke_arn")
            .value(arn, "arn")
            .name(&self.name, "function_name")
            .import(at.if_held(&self.name))
            .file(zip, &self.code);
        vec![function]
    }
}

/// How API Gateway names the invocation of a function.
fn invocation(arn: &str, at: &At<'_>) -> String {
    let place = &at.names.place;
    format!(
        "arn:{}:apigateway:{}:lambda:path/2015-03-31/functions/{arn}/invocations",
        place.partition, place.region
    )
}
