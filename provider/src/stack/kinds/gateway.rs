//! What the kinds of API Gateway do alike: patches, tags, and creating once what AWS would gladly create twice.
//!
//! Invariant: an object whose id AWS makes and whose name may repeat is created with the SDK's own retry off; a create whose
//! answer was lost is looked up by the ownership tag before it is made again.

use std::collections::HashMap;
use std::future::Future;
use std::time::Duration;

use aws_sdk_apigateway::config::Builder;
use aws_sdk_apigateway::config::retry::RetryConfig;
use aws_sdk_apigateway::primitives::DateTime;
use aws_sdk_apigateway::types::{Op, PatchOperation};
use kairos::names::Names;
use kairos_aws::{AwsError, Class, Doing};

use super::support::{Retag, unresolved};
use crate::permissions::{Permissions, Scope};
use crate::stack::context::Context;
use crate::stack::kind::{Change, Held, Kind, Owner, Ref, Tags};

/// How often a create whose answer was lost is made again, each time after a look at what is there.
const ATTEMPTS: u32 = 3;
/// The pause before that look.
const PAUSE: Duration = Duration::from_millis(500);

/// A kind whose id AWS makes, and whose name AWS lets repeat.
pub(super) trait Made: Kind {
    /// The objects that are this one by their tag or mark.
    fn twins(&self, context: &Context) -> impl Future<Output = Result<Vec<Twin>, AwsError>> + Send;
    /// Creates one with a single request, and returns its id.
    fn make(&self, context: &Context) -> impl Future<Output = Result<String, AwsError>> + Send;
}

/// One of possibly several objects that are the same component; they sort by which is kept, the first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Twin {
    /// Carries our tag under a name that is not ours: taken up when there is no other, and never deleted as a double.
    pub(super) renamed: bool,
    /// When it was created: seconds and nanoseconds.
    pub(super) created: Option<(i64, u32)>,
    /// The id that AWS made.
    pub(super) id: String,
}

impl Twin {
    /// An object of ours.
    pub(super) fn new(id: Option<String>, created: Option<DateTime>, renamed: bool) -> Self {
        let created = created.map(|time| (time.secs(), time.subsec_nanos()));
        Self {
            renamed,
            created,
            id: id.unwrap_or_default(),
        }
    }
}

/// An object as a list of AWS's shows it.
#[derive(Debug)]
pub(super) struct Listed {
    /// The id that AWS made.
    pub(super) id: Option<String>,
    /// Its name.
    pub(super) name: Option<String>,
    /// When it was created, where the list says so.
    pub(super) created: Option<DateTime>,
    /// Its tags; not every list has them.
    pub(super) tags: Option<HashMap<String, String>>,
}

impl Listed {
    /// The object as one of those that are called `name`, where it is: it carries our tag, in the list or, where the list
    /// leaves the tags of an object of that name out, by its own. `arn` makes an ARN of an id.
    pub(super) async fn twin(
        self,
        name: &str,
        arn: impl Fn(&str, &Context) -> String,
        context: &Context,
    ) -> Result<Option<Twin>, AwsError> {
        let id = self.id.unwrap_or_default();
        let renamed = self.name.as_deref() != Some(name);
        let listed = self.tags.unwrap_or_default();
        let tags = if listed.is_empty() && !renamed {
            tags(&arn(&id, context), None, context).await?
        } else {
            listed.into_iter().collect()
        };
        let twin = Twin::new(Some(id), self.created, renamed);
        Ok((Owner::of(&tags, context) == Owner::Ours).then_some(twin))
    }
}

/// The id of the object that is kept, where there is one.
pub(super) async fn find<K: Made>(kind: &K, context: &Context) -> Result<Option<String>, AwsError> {
    Ok(kind.twins(context).await?.into_iter().min().map(|twin| twin.id))
}

/// Creates an object so that one of it is left, whatever was lost on the way: the oldest stays, later doubles go.
pub(super) async fn make_once<K: Made>(kind: &K, context: &Context) -> Result<String, AwsError> {
    for attempt in 1..=ATTEMPTS {
        if let Some(id) = keep_oldest(kind, context).await? {
            return Ok(id);
        }
        match kind.make(context).await {
            Ok(id) if attempt == 1 => return Ok(id),
            Ok(id) => return Ok(keep_oldest(kind, context).await?.unwrap_or(id)),
            Err(e) if e.ambiguous && attempt < ATTEMPTS => {
                context.bounds().pause(PAUSE * attempt).await.map_err(|_| e)?;
            }
            Err(e) => return Err(e),
        }
    }
    Err(invisible(kind, K::TYPE))
}

async fn keep_oldest<K: Made>(kind: &K, context: &Context) -> Result<Option<String>, AwsError> {
    let mut twins = kind.twins(context).await?;
    twins.sort();
    let mut twins = twins.into_iter();
    let Some(kept) = twins.next() else { return Ok(None) };
    for double in twins.filter(|twin| !twin.renamed) {
        kind.delete(&double.id, context).await?;
    }
    Ok(Some(kept.id))
}

/// Brings what a create left to what is wanted. A create that was cut short ends here as well, when it is made again.
pub(super) async fn converge<K: Kind>(kind: &K, object: &str, context: &Context) -> Result<Held<K>, AwsError> {
    super::support::resume(kind, invisible(kind, object), object, context).await
}

/// What was created is not seen yet: API Gateway answers reads from more than one place.
fn invisible<K: Kind>(_: &K, object: &str) -> AwsError {
    AwsError {
        action: format!("Create {}", K::TYPE),
        object: object.into(),
        code: Some(INVISIBLE.into()),
        message: "it was created, but cannot be read yet".into(),
        request_id: None,
        class: Class::Conflict,
        ambiguous: false,
    }
}

/// Our own code for what was created and is not seen yet.
const INVISIBLE: &str = "NotVisibleYet";

/// The errors of API Gateway that pass by themselves: its control plane takes one CreateRestApi in 3 s and one DeleteRestApi
/// in 30 s for an account, and refuses two changes of one API at once.
pub(super) fn passing(error: &AwsError) -> bool {
    error.is("TooManyRequestsException")
        || error.is(INVISIBLE)
        || (error.is("ConflictException") && error.message.to_ascii_lowercase().contains("concurrent modification"))
}

/// A configuration for one operation that the SDK may send only once.
pub(super) fn unrepeated() -> Builder {
    Builder::new().retry_config(RetryConfig::disabled())
}

/// A patch that sets a property.
pub(super) fn replace(path: &str, value: impl Into<String>) -> PatchOperation {
    PatchOperation::builder()
        .op(Op::Replace)
        .path(path)
        .value(value)
        .build()
}

/// A patch that adds to a property.
pub(super) fn add(path: &str, value: impl Into<String>) -> PatchOperation {
    PatchOperation::builder().op(Op::Add).path(path).value(value).build()
}

/// A patch that removes a property, or `value` from a list.
pub(super) fn remove(path: &str, value: Option<String>) -> PatchOperation {
    PatchOperation::builder()
        .op(Op::Remove)
        .path(path)
        .set_value(value)
        .build()
}

/// The ARN of an object of API Gateway, whose path begins with `/`; such ARNs carry no account.
pub(super) fn arn(path: &str, context: &Context) -> String {
    path_arn(path, &context.names)
}

/// The same, before anything is asked of AWS.
pub(in crate::stack) fn path_arn(path: &str, names: &Names) -> String {
    format!(
        "arn:{}:apigateway:{}::{path}",
        names.place.partition, names.place.region
    )
}

/// What the tagged objects of a collection (`/apikeys`) need of IAM, each read on its own and in lists. Doubles that a lost
/// answer left are deleted as an object is created.
pub(super) fn collection(path: &str, names: &Names) -> Permissions {
    let (all, each, tags) = (
        made(path, names),
        made(&format!("{path}/*"), names),
        made("/tags/*", names),
    );
    Permissions::default()
        .observe(&all, &["apigateway:GET"])
        .observe(&each, &["apigateway:GET"])
        .observe(&tags, &["apigateway:GET"])
        .create(&all, &["apigateway:POST"])
        .create(&tags, &["apigateway:PUT"])
        .create(&each, &["apigateway:DELETE"])
        .update(&each, &["apigateway:PATCH"])
        .update(&tags, &["apigateway:DELETE", "apigateway:PUT"])
        .delete(&each, &["apigateway:DELETE"])
}

/// Objects of API Gateway whose ids it makes, by their path.
pub(super) fn made(path: &str, names: &Names) -> Scope {
    Scope::wide([path_arn(path, names)], "API Gateway makes the ids of its objects")
}

/// The tags of an object: those that the tag operations know, otherwise those that its own answer carried.
pub(super) async fn tags(
    arn: &str,
    carried: Option<HashMap<String, String>>,
    context: &Context,
) -> Result<Tags, AwsError> {
    let call = context.aws.apigateway.get_tags().resource_arn(arn);
    let known = call.send().await.found("GetTags", arn)?.and_then(|answer| answer.tags);
    Ok(known.or(carried).unwrap_or_default().into_iter().collect())
}

/// Sets and removes the tags that `changes` name.
pub(super) async fn retag(arn: &str, wanted: &Tags, changes: &[Change], context: &Context) -> Result<(), AwsError> {
    let gateway = &context.aws.apigateway;
    let tags = Retag::of(wanted, changes);
    if !tags.set.is_empty() {
        let call = gateway
            .tag_resource()
            .resource_arn(arn)
            .set_tags(Some(tags.set.into_iter().collect()));
        call.send().await.doing("TagResource", arn)?;
    }
    if !tags.remove.is_empty() {
        let call = gateway
            .untag_resource()
            .resource_arn(arn)
            .set_tag_keys(Some(tags.remove));
        call.send().await.doing("UntagResource", arn)?;
    }
    Ok(())
}

/// The id of a component that must exist by now.
pub(super) fn resolve(component: &Ref, action: &str, object: &str, context: &Context) -> Result<String, AwsError> {
    context
        .id(component)
        .ok_or_else(|| unresolved(action, object, &component.0))
}

#[cfg(test)]
mod tests {

    use super::*;

    #[test]
    fn the_oldest_of_our_name_is_kept() {
        let twin = |id: &str, secs, renamed| Twin::new(Some(id.into()), Some(DateTime::from_secs(secs)), renamed);
        let mut twins = [twin("renamed", 1, true), twin("b", 3, false), twin("a", 2, false)];
        twins.sort();
        let order: Vec<&str> = twins.iter().map(|twin| twin.id.as_str()).collect();
        assert_eq!(order, ["a", "b", "renamed"]);
    }
}
