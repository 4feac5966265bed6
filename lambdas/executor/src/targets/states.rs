//! Step Functions: `StartExecution`, named after the run, so that a standard workflow runs it once.

use aws_sdk_sfn::Client;
use aws_sdk_sfn::config::Builder;
use aws_sdk_sfn::operation::start_execution::StartExecutionError;
use kairos_aws::error::AwsError;

use super::{Answer, Call, Caller};
use crate::failure::Failure;

pub(super) async fn start(client: &Client, call: &Call, machine: &str, caller: Caller) -> Result<Answer, Failure> {
    let arn = call.target.arn.to_string();
    let started = client
        .start_execution()
        .state_machine_arn(&arn)
        .name(call.id_ejecucion.to_string())
        .input(&call.payload)
        .customize()
        .config_override(
            Builder::new()
                .region(caller.region)
                .credentials_provider(caller.credentials),
        )
        .send()
        .await;
    match started {
        Ok(answer) => Ok(Answer::Accepted(answer.execution_arn)),
        Err(error) => {
            if let Some(StartExecutionError::ExecutionAlreadyExists(exists)) = error.as_service_error()
                && let Some(execution) = ours(call, machine, exists.message().unwrap_or_default())
            {
                return Ok(Answer::Accepted(execution));
            }
            Err(AwsError::new("StartExecution", &arn, &error).into())
        }
    }
}

/// The execution that exists, where it is this run's: one that an earlier attempt started whose answer was lost.
///
/// Its input may differ, since `<kairos.intento>` does. The error's message quotes the ARN of the execution that exists.
fn ours(call: &Call, machine: &str, message: &str) -> Option<String> {
    let mut arn = call.target.arn.clone();
    arn.resource = format!("execution:{machine}:{}", call.id_ejecucion);
    let execution = arn.to_string();
    let quoted = message.split(['\'', '"', ' ']).any(|word| word == execution);
    quoted.then_some(execution)
}
