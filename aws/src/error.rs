//! What went wrong in a call to AWS: what was being done, to what, in AWS's own words, and what kind of failure it is.
//!
//! Invariant: every failed SDK call in the workspace becomes an [`AwsError`], so that every message names the action,
//! the object, the error code and the request id, and every retry decision is taken from its [`Class`].

use std::fmt;

use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::operation::RequestId;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use kairos::registry::{PortError, PortErrorKind};

/// What kind of failure an error is, which decides what may be done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// Throttling, 5xx, time-outs, broken connections: the same call may succeed later.
    Transient,
    /// IAM has not yet propagated what was just created: the same call succeeds once it has.
    Propagation,
    /// The object exists already, is busy, or was changed by somebody else.
    Conflict,
    /// The object does not exist.
    NotFound,
    /// The caller may not do this, or its credentials are not accepted.
    Denied,
    /// Nothing but a change of input or of the world will help.
    Terminal,
}

/// A failed call to AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsError {
    /// What was being done, as the operation's name (`CreateQueue`).
    pub action: String,
    /// The object that it was done to (a name or an ARN).
    pub object: String,
    /// AWS's error code (`QueueDeletedRecently`), where an answer came at all.
    pub code: Option<String>,
    /// AWS's message, or what broke on the way.
    pub message: String,
    /// The request's id, for AWS support.
    pub request_id: Option<Box<str>>,
    /// What kind of failure it is.
    pub class: Class,
    /// True where the request may have been carried out although no answer came.
    pub ambiguous: bool,
}

impl AwsError {
    /// Describes a failed SDK call.
    pub fn new<E>(action: &str, object: &str, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let meta = error.as_service_error().map(ProvideErrorMetadata::meta);
        let code = meta.and_then(|m| m.code()).map(str::to_owned);
        let message = meta
            .and_then(|m| m.message())
            .map_or_else(|| root_cause(error), str::to_owned);
        let status = error.raw_response().map(|r| r.status().as_u16());
        let request_id = meta
            .and_then(RequestId::request_id)
            .or_else(|| error.raw_response().and_then(|r| r.headers().get("x-amzn-requestid")))
            .map(Into::into);
        let class = match error {
            SdkError::ServiceError(_) => classify(code.as_deref(), &message, status),
            SdkError::ConstructionFailure(_) => Class::Terminal,
            SdkError::DispatchFailure(failure) if failure.is_user() => Class::Terminal,
            SdkError::DispatchFailure(failure) if credentials_missing(&message) && !failure.is_io() => Class::Denied,
            _ => Class::Transient,
        };
        let ambiguous = match error {
            SdkError::TimeoutError(_) | SdkError::ResponseError(_) | SdkError::DispatchFailure(_) => true,
            SdkError::ServiceError(_) => status.is_some_and(|s| s >= 500),
            _ => false,
        };
        Self {
            action: action.into(),
            object: object.into(),
            code,
            message,
            request_id,
            class,
            ambiguous,
        }
    }

    /// Whether the object does not exist.
    pub fn is_not_found(&self) -> bool {
        self.class == Class::NotFound
    }

    /// Whether AWS answered with this error code.
    pub fn is(&self, code: &str) -> bool {
        self.code
            .as_deref()
            .is_some_and(|c| c.rsplit(['#', '.']).next() == Some(code))
    }
}

impl fmt::Display for AwsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of \"{}\" failed: ", self.action, self.object)?;
        if let Some(code) = &self.code {
            write!(f, "{code}: ")?;
        }
        f.write_str(&self.message)?;
        if let Some(id) = &self.request_id {
            write!(f, " (request id {id})")?;
        }
        Ok(())
    }
}

impl std::error::Error for AwsError {}

/// A failed call as the registry looks at it.
impl From<AwsError> for PortError {
    fn from(error: AwsError) -> Self {
        let kind = match error.class {
            Class::Transient | Class::Conflict => PortErrorKind::Transient,
            Class::Propagation => PortErrorKind::Propagation,
            Class::Denied => PortErrorKind::Denied,
            Class::NotFound => PortErrorKind::NotFound,
            Class::Terminal => PortErrorKind::Other,
        };
        Self::new(kind, error.ambiguous, error)
    }
}

/// Says, of a failed SDK call, what was being done and to what.
pub trait Doing<T> {
    /// Turns an SDK error into an [`AwsError`] that names `action` and `object`.
    fn doing(self, action: &str, object: &str) -> Result<T, AwsError>;
    /// The same, with *not found* as `None`.
    fn found(self, action: &str, object: &str) -> Result<Option<T>, AwsError>;
}

impl<T, E> Doing<T> for Result<T, SdkError<E, HttpResponse>>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    fn doing(self, action: &str, object: &str) -> Result<T, AwsError> {
        self.map_err(|e| AwsError::new(action, object, &e))
    }

    fn found(self, action: &str, object: &str) -> Result<Option<T>, AwsError> {
        match self.doing(action, object) {
            Ok(value) => Ok(Some(value)),
            Err(e) if e.is_not_found() => Ok(None),
            Err(e) => Err(e),
        }
    }
}

/// Decides the class of a service's answer from its code, message and HTTP status. Pure.
pub fn classify(code: Option<&str>, message: &str, status: Option<u16>) -> Class {
    let code = code
        .map(|c| c.rsplit(['#', '.']).next().unwrap_or(c))
        .unwrap_or_default();
    if is_propagation(code, message) {
        return Class::Propagation;
    }
    match code {
        "ResourceNotFoundException"
        | "NotFoundException"
        | "NotFound"
        | "NoSuchEntity"
        | "NoSuchEntityException"
        | "QueueDoesNotExist"
        | "NonExistentQueue"
        | "ParameterNotFound"
        | "ResourceNotFound"
        | "StateMachineDoesNotExist" => Class::NotFound,
        "AccessDenied"
        | "AccessDeniedException"
        | "UnauthorizedOperation"
        | "AuthorizationError"
        | "AuthorizationErrorException"
        | "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "ExpiredToken"
        | "ExpiredTokenException"
        | "SignatureDoesNotMatch"
        | "InvalidSignatureException"
        | "MissingAuthenticationToken"
        | "IncompleteSignature" => Class::Denied,
        "ResourceConflictException"
        | "ConflictException"
        | "ConflictExceptionException"
        | "EntityAlreadyExists"
        | "EntityAlreadyExistsException"
        | "ResourceInUseException"
        | "ResourceAlreadyExistsException"
        | "QueueAlreadyExists"
        | "QueueNameExists"
        | "QueueDeletedRecently"
        | "ParameterAlreadyExists"
        | "OperationAbortedException"
        | "DeleteConflict"
        | "DeleteConflictException"
        | "ConcurrentModification"
        | "ConcurrentModificationException"
        | "ConditionalCheckFailedException"
        | "TransactionConflictException"
        | "TransactionInProgressException"
        | "ResourceInUse"
        | "TooManyUpdates" => Class::Conflict,
        "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "TooManyRequestsException"
        | "RequestLimitExceeded"
        | "ProvisionedThroughputExceededException"
        | "LimitExceededException"
        | "SlowDown"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "ServiceUnavailable"
        | "ServiceUnavailableException"
        | "InternalFailure"
        | "InternalServerError"
        | "InternalServerException"
        | "InternalError"
        | "InternalErrorException"
        | "RequestTimeout"
        | "RequestTimeoutException"
        | "ServiceException" => Class::Transient,
        _ => match status {
            Some(404) => Class::NotFound,
            Some(401 | 403) => Class::Denied,
            Some(409) => Class::Conflict,
            Some(429 | 500..=599) => Class::Transient,
            _ => Class::Terminal,
        },
    }
}

/// The errors that mean that a role or its policy is not visible everywhere yet, by type and message.
///
/// Lambda: `InvalidParameterValueException`, "The role defined for the function cannot be assumed by Lambda" and
/// "The provided execution role does not have permissions to call …"; Scheduler: `ValidationException`, "The execution
/// role you provide must allow AWS EventBridge Scheduler to assume the role"; SQS, SNS and KMS: "Invalid principal".
fn is_propagation(code: &str, message: &str) -> bool {
    let m = message.to_ascii_lowercase();
    match code {
        "InvalidParameterValueException" => {
            m.contains("cannot be assumed by lambda")
                || m.contains("execution role does not have permissions")
                || m.contains("function execution role")
        }
        "ValidationException" => m.contains("must allow aws eventbridge scheduler to assume the role"),
        "MalformedPolicyDocument" | "InvalidAttributeValue" | "InvalidParameter" => m.contains("invalid principal"),
        _ => false,
    }
}

fn credentials_missing(message: &str) -> bool {
    let m = message.to_ascii_lowercase();
    m.contains("credential")
}

/// The innermost error of a chain: what the outer ones wrap ("dispatch failure") says nothing to a user.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(code: &str, message: &str, status: u16, expect: Class) {
        assert_eq!(classify(Some(code), message, Some(status)), expect, "{code}: {message}");
    }

    #[test]
    fn codes_decide_before_statuses() {
        check("ResourceNotFoundException", "", 400, Class::NotFound);
        check("AWS.SimpleQueueService.NonExistentQueue", "", 400, Class::NotFound);
        check("com.amazonaws.dynamodb#ThrottlingException", "", 400, Class::Transient);
        check("QueueDeletedRecently", "", 400, Class::Conflict);
        check("AccessDeniedException", "", 400, Class::Denied);
        check("ValidationException", "1 validation error", 400, Class::Terminal);
        check("Unheard", "", 503, Class::Transient);
    }

    #[test]
    fn propagation_is_told_by_type_and_message() {
        check(
            "InvalidParameterValueException",
            "The role defined for the function cannot be assumed by Lambda.",
            400,
            Class::Propagation,
        );
        check(
            "InvalidParameterValueException",
            "Memory is too large",
            400,
            Class::Terminal,
        );
        check(
            "ValidationException",
            "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.",
            400,
            Class::Propagation,
        );
    }
}
