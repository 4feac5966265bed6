//! The rules that a user's value can break.
//!
//! Invariant: a variant carries all that a message in any language needs; the limits in it come from where they are
//! enforced.

use std::fmt;

use super::field::{CronField, accepted, alone};
use crate::arn::services::Unsupported;
use crate::instant::{Timestamp, rfc3339_millis};

/// A rule that a value breaks. `Display` says in English what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rule {
    // The schedule language.
    /// A value is required and there is none.
    #[error("must not be empty")]
    Empty,
    /// Neither `cron(…)`, `rate(…)`, `at(…)` nor six fields.
    #[error(
        "must be cron(minutes hours day-of-month month day-of-week year), rate(value unit) or at(yyyy-mm-ddThh:mm:ss)"
    )]
    NotAnExpression,
    /// The closing parenthesis is missing, or something follows it.
    #[error("must end with the one parenthesis that closes it")]
    Parenthesis,
    /// Not six fields.
    #[error("must have six fields (minutes hours day-of-month month day-of-week year), not {found}{}", year_hint(*found))]
    FieldCount {
        /// How many there are.
        found: usize,
    },
    /// Something is missing in a field: an empty entry of a list, a range without an end, a step without a number.
    #[error("{part}: a value is missing here: it must be {}", accepted(*part))]
    Incomplete {
        /// The field.
        part: CronField,
    },
    /// Neither a number nor, where there are names, a name.
    #[error("{part} must be {}", accepted(*part))]
    NotAValue {
        /// The field.
        part: CronField,
    },
    /// A number outside of the field's range.
    #[error("{part} must be between {min} and {max}")]
    OutOfRange {
        /// The field.
        part: CronField,
        /// The least that is accepted.
        min: u16,
        /// The greatest that is accepted.
        max: u16,
    },
    /// A range of years that ends before it begins. Other ranges wrap around.
    #[error("{part}: a range must not end before it begins: write the earlier {part} first")]
    BackwardsRange {
        /// The field.
        part: CronField,
    },
    /// A step of zero or beyond the field.
    #[error("{part}: a step must be between 1 and {max}")]
    Step {
        /// The field.
        part: CronField,
        /// The greatest that is accepted.
        max: u16,
    },
    /// A wildcard that the field does not take, or not in this place.
    #[error("\"{wildcard}\" is not accepted here in {part}: it must be {}, or * alone", accepted(*part))]
    Wildcard {
        /// The field.
        part: CronField,
        /// The wildcard: `?`, `L`, `W` or `#`.
        wildcard: char,
    },
    /// `?`, `L`, `W` and `#` stand alone in their field.
    #[error("{part}: \"{wildcard}\" cannot be combined with other values: write it alone, as in {}", alone(*part, *wildcard))]
    NotAlone {
        /// The field.
        part: CronField,
        /// The wildcard.
        wildcard: char,
    },
    /// The `n` of `d#n`.
    #[error("{part}: the number after # must be between 1 and 5")]
    Nth {
        /// The field.
        part: CronField,
    },
    /// Both day fields are given.
    #[error("day of month and day of week cannot both be given: one of them must be ?")]
    BothDays,
    /// Both day fields are `?`.
    #[error("day of month and day of week cannot both be ?: write * for every day")]
    NoDay,
    /// No date of the calendar fits.
    #[error("never occurs: no date in the years given fits day, month and year")]
    NeverOccurs,
    /// The form that is sent to AWS does not fit.
    #[error(
        "is too long: written out it has {found} characters, and the scheduler takes {max}; {part} takes most of them"
    )]
    ExpressionTooLong {
        /// The field that takes most of them.
        part: CronField,
        /// The length of the canonical form.
        found: usize,
        /// The scheduler's limit.
        max: usize,
    },
    /// `rate(…)` is not a number and a unit.
    #[error("must be rate(value unit), such as rate(5 minutes)")]
    RateSyntax,
    /// The number of a rate is zero or beyond what we count.
    #[error("the number of a rate must be between 1 and {max}")]
    RateValue {
        /// The greatest that is accepted.
        max: u32,
    },
    /// The unit of a rate is none.
    #[error("the unit of a rate must be minute, minutes, hour, hours, day or days")]
    RateUnit,
    /// `rate(1 minutes)`, `rate(5 minute)`.
    #[error("the unit must agree with the number: write {expected}")]
    RatePlural {
        /// The unit as it should be.
        expected: &'static str,
    },
    /// `at(…)` is not a local time.
    #[error("must be at(yyyy-mm-ddThh:mm:ss), without an offset: the time zone is given apart")]
    AtSyntax,
    /// `at(…)` has seconds that are none. Its other parts are told as the fields of a cron expression are.
    #[error("seconds must be between 0 and 59")]
    AtSeconds,
    /// Every local time at which it would fire is one that the zone skips.
    #[error("never occurs in {zone}: clocks jump over it there")]
    SkippedInZone {
        /// The zone.
        zone: String,
    },
    /// `at(…)` is over.
    #[error("is in the past: it was {at}, and now is {now}", at = rfc3339_millis(*at), now = rfc3339_millis(*now))]
    AtPast {
        /// When it would have fired.
        at: Timestamp,
        /// The time of the check.
        now: Timestamp,
    },
    /// The years of a cron expression are over.
    #[error("never fires again: its last time was before {now}", now = rfc3339_millis(*now))]
    Over {
        /// The time of the check.
        now: Timestamp,
    },

    // What goes with a schedule.
    /// Not a name of the tz database.
    #[error("is not a time zone of the IANA database, such as America/Santiago or UTC{}", hint(suggestion.as_deref()))]
    UnknownZone {
        /// A name that was perhaps meant.
        suggestion: Option<String>,
    },
    /// A whole number outside of its range.
    #[error("must be between {min} and {max}")]
    Between {
        /// The least that is accepted.
        min: i64,
        /// The greatest that is accepted.
        max: i64,
    },
    /// Not an RFC 3339 instant.
    #[error("must be a date and time with an offset (RFC 3339), such as 2026-03-01T00:00:00Z")]
    NotAnInstant,
    /// The end is not after the start.
    #[error("must be after the start ({start})", start = rfc3339_millis(*start))]
    EndBeforeStart {
        /// The start.
        start: Timestamp,
    },
    /// The end is before the next occurrence.
    #[error(
        "leaves nothing that could fire: the next time would be {next}, and now is {now}",
        next = rfc3339_millis(*next),
        now = rfc3339_millis(*now)
    )]
    EndsTooSoon {
        /// The first occurrence that the end cuts off.
        next: Timestamp,
        /// The time of the check.
        now: Timestamp,
    },
    // Names, ARNs and payloads.
    /// More characters than there is room for.
    #[error("must have at most {max} characters, and has {found}")]
    TooLong {
        /// How many there are.
        found: usize,
        /// The limit.
        max: usize,
    },
    /// Control characters in a name or in a message that cannot carry them.
    #[error("must not contain control characters")]
    ControlCharacter,
    /// The name of an existing process cannot change: the id is made from it.
    #[error("cannot be changed to another name: register a new process instead")]
    NameIsPermanent,
    /// Not `arn:partition:service:region:account:resource`.
    #[error("is not an ARN (arn:partition:service:region:account:resource): {detail}")]
    MalformedArn {
        /// What is wrong with it.
        detail: &'static str,
    },
    /// An ARN, but not of an IAM role.
    #[error("must be the ARN of an IAM role, such as arn:{partition}:iam::{account}:role/name")]
    NotARole {
        /// The installation's partition.
        partition: String,
        /// The installation's account.
        account: String,
    },
    /// Another partition than the installation's.
    #[error("must be in the partition of the stack, \"{expected}\"")]
    OtherPartition {
        /// The installation's partition.
        expected: String,
    },
    /// Another account than the installation's.
    #[error("must be in the account of the stack, {expected}")]
    OtherAccount {
        /// The installation's account.
        expected: String,
    },
    /// The role is outside of what the executor may assume.
    #[error("must begin with the stack's role prefix \"{prefix}\" after role/, since the executor may assume no other")]
    RolePrefix {
        /// The prefix.
        prefix: String,
    },
    /// No kind of target has such an ARN.
    #[error("is not a target that a process can have")]
    UnknownTarget,
    /// A universal target of a service that nobody knows.
    #[error("names the service \"{service}\", which no AWS API has{}", proposal(similar))]
    UnknownService {
        /// The service as it was written.
        service: String,
        /// The nearest names that there are, nearest first.
        similar: Box<[String]>,
    },
    /// A universal target of a service that this version cannot speak to.
    #[error("names the service \"{service}\", which cannot be called: {reason}")]
    UnsupportedService {
        /// The service.
        service: String,
        /// Why it cannot.
        reason: Unsupported,
    },
    /// A universal target with an action that the service does not have.
    #[error(
        "names the action \"{action}\", which \"{service}\" does not have{}",
        proposal(similar)
    )]
    UnknownAction {
        /// The service.
        service: String,
        /// The action as it was written.
        action: String,
        /// The nearest names that there are, nearest first.
        similar: Box<[String]>,
    },
    /// A universal target with an action that this version cannot call.
    #[error("names the action \"{action}\", which cannot be called: {reason}")]
    UnsupportedAction {
        /// The action.
        action: String,
        /// Why it cannot.
        reason: Unsupported,
    },
    /// A universal target with an action whose only purpose is its answer.
    #[error("names the action \"{action}\", which only reads: universal targets change something, as Scheduler's do")]
    ReadOnlyAction {
        /// The action.
        action: String,
    },
    /// The installation's own functions and queues are no targets.
    #[error("belongs to the stack itself and cannot be the target of a process")]
    OwnResource,
    /// A payload that has to be JSON and is not.
    #[error("must be JSON for this target: {detail}")]
    NotJson {
        /// What the parser says.
        detail: String,
    },
    /// A payload that has to be a JSON object and is another JSON value.
    #[error("must be a JSON object for this target, such as {example}")]
    NotAnObject {
        /// One that would do.
        example: &'static str,
    },
    /// A member that the request must have, and that is missing, empty or no text.
    #[error("must have \"{member}\", which {action} asks for, such as {{\"{member}\":\"{example}\"}}")]
    MissingMember {
        /// The member.
        member: &'static str,
        /// What asks for it.
        action: &'static str,
        /// A value that would do.
        example: &'static str,
    },
    /// A member that the request does not have.
    #[error("has \"{member}\", which {action} does not take{}", meant(suggestion.as_deref()))]
    UnknownMember {
        /// The member, as it was written.
        member: String,
        /// What does not take it.
        action: &'static str,
        /// The member that was perhaps meant.
        suggestion: Option<&'static str>,
    },
    /// A member twice, with its first letter in both cases.
    #[error("has \"{member}\" twice, with its first letter in both cases")]
    RepeatedMember {
        /// The member.
        member: String,
    },
    /// A member that says another thing than the target's ARN.
    #[error("contradicts arn_proceso: leave \"{member}\" out{}", or_write(expected.as_deref()))]
    ContradictsTarget {
        /// The member.
        member: &'static str,
        /// What the ARN says, where the member can say it as well.
        expected: Option<String>,
    },
    /// A member that asks for what the target's ARN does not name.
    #[error("\"{member}\" must be like \"{pattern}\", as arn_proceso says")]
    OutsideTarget {
        /// The member.
        member: &'static str,
        /// What it must be like; a `*` stands for any characters.
        pattern: String,
    },
    /// A member that is of another kind than the request's.
    #[error("\"{member}\" must be {expected}")]
    MemberKind {
        /// The member; a dot leads to one that is inside.
        member: String,
        /// What it must be.
        expected: Expected,
    },
    /// A member that is larger than the service takes: its text, or what it is as JSON without spaces.
    #[error("\"{member}\" must have at most {max} characters, and has {found}")]
    MemberTooLong {
        /// The member.
        member: &'static str,
        /// Its length.
        found: usize,
        /// The service's limit.
        max: usize,
    },
    /// A payload that is larger than the target takes or the table can hold.
    #[error("must be at most {max} bytes for this target once its placeholders are replaced, and has {found}")]
    PayloadTooLarge {
        /// Its size, in bytes.
        found: usize,
        /// The limit, in bytes.
        max: usize,
    },
    /// A word that is none of those accepted.
    #[error("must be one of {accepted}")]
    NotOneOf {
        /// Those that are.
        accepted: &'static str,
    },
    /// An attribute that only makes sense for Lambda targets.
    #[error("is only for targets that are Lambda functions")]
    OnlyForLambda,
    /// An attribute that only makes sense for synchronous invocations.
    #[error("is only for modo_invocacion \"RequestResponse\": an asynchronous invocation is not waited for")]
    OnlyForRequestResponse,
    /// A time to wait that the stack's executor does not have.
    #[error(
        "must be at most {longest}: the stack's executor has a timeout of {timeout} s, and keeps the rest to record what came \
         of it; give the stack an executor.timeout of {needed} s or more to wait that long"
    )]
    LongerThanExecutor {
        /// The longest that the executor waits, in seconds.
        longest: u32,
        /// Its function's time-out, in seconds.
        timeout: u32,
        /// The least time-out that would do, in seconds.
        needed: u32,
    },
}

/// What a member of a payload must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// A text that is not empty.
    Text,
    /// A list of texts.
    Texts,
    /// A JSON object, or a text that is one.
    Object,
    /// An RFC 3339 instant, or seconds since 1970.
    Instant,
    /// A method that API Gateway routes.
    Method,
    /// A path without a query.
    Path,
    /// An object whose values are texts.
    Headers,
    /// An object whose values are texts, numbers, truth values, or lists of these.
    Query,
    /// A header that the caller may set.
    FreeHeader,
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "a text that is not empty",
            Self::Texts => "a list of texts",
            Self::Object => "a JSON object, or a text that is one",
            Self::Instant => "a date and time with an offset (RFC 3339), such as \"2026-03-01T00:00:00Z\"",
            Self::Method => "DELETE, GET, HEAD, OPTIONS, PATCH, POST or PUT",
            Self::Path => "a path such as \"/clientes/42\"; what follows a ? goes into \"query\"",
            Self::Headers => "an object of headers whose values are texts, such as {\"Accept\":\"application/json\"}",
            Self::Query => "an object whose values are texts, numbers, truth values or lists of these",
            Self::FreeHeader => "left out: the signature and the connection set it",
        })
    }
}

fn meant(suggestion: Option<&str>) -> String {
    suggestion
        .map(|name| format!("; did you mean \"{name}\"?"))
        .unwrap_or_default()
}

fn or_write(expected: Option<&str>) -> String {
    expected
        .map(|value| format!(", or write \"{value}\""))
        .unwrap_or_default()
}

/// The names that may have been meant.
fn proposal(similar: &[String]) -> String {
    if similar.is_empty() {
        return String::new();
    }
    format!("; did you mean \"{}\"?", similar.join("\", \""))
}

/// Five fields are those of Unix, which has no year.
fn year_hint(found: usize) -> &'static str {
    match found {
        5 => "; unlike in Unix, the last is the year (* for every year)",
        _ => "",
    }
}

fn hint(suggestion: Option<&str>) -> String {
    suggestion
        .map(|name| format!("; did you mean {name}?"))
        .unwrap_or_default()
}
