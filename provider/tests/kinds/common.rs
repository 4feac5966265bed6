//! What the tests of several kinds need: stacks of accounts of their own, and the stages of an object's life.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use acceptance::Account;
use acceptance::ministack::{MiniStack, Options};
use expect_test::Expect;
use kairos::names::{Names, Place};
use serde_json::json;
use terraform_provider_kairos::stack::context::{Clients, Context};
use terraform_provider_kairos::stack::kind::{Held, Kind, Owner, Tags};
use terraform_provider_kairos::stack::policy::PolicyDocument;

/// An account of its own, and the stack `Acme` in it.
pub(crate) fn stack() -> (Account, Context) {
    let account = MiniStack::shared(Options::default()).unwrap().account();
    let context = named(&account, "Acme");
    (account, context)
}

/// The contexts of two stacks of one account, `Acme` and `Otro`.
pub(crate) fn stacks() -> (Context, Context) {
    let (account, context) = stack();
    (context, named(&account, "Otro"))
}

pub(crate) fn named(account: &Account, app: &str) -> Context {
    let place = Place {
        partition: "aws".into(),
        account: account.id.clone(),
        region: account.region.clone(),
    };
    Context::new(Names::new(app, place), Clients::new(&account.sdk_config()))
}

/// The tags of a stack's objects, with one of the user's.
pub(crate) fn tags(context: &Context, key: &str) -> Tags {
    Tags::from([
        (Names::OWNER_TAG.into(), context.names.owner()),
        (key.into(), "data".into()),
    ])
}

/// Other tags than those: one changed, one gone, one new.
pub(crate) fn other_tags(context: &Context) -> Tags {
    Tags::from([
        (Names::OWNER_TAG.into(), context.names.owner()),
        ("cost".into(), "42".into()),
    ])
}

/// Leads an object through its life: `first` is created, and then changed into `second`, which `expect` shows.
pub(crate) async fn live<K: Kind>(context: &Context, first: K, second: K, expect: &Expect) {
    assert_eq!(first.observe(context).await.unwrap(), None, "nothing is there before");
    let created = first.create(context).await.unwrap();
    if let Some(id) = first.known_id(context) {
        assert_eq!(created.id, id, "the id was known before");
    }
    let held = first.observe(context).await.unwrap().unwrap();
    assert_eq!((&held.id, &held.owner), (&created.id, &Owner::Ours));
    assert_eq!(first.diff(&held.value), [], "what was created is what was wanted");
    let again = first.create(context).await.unwrap();
    assert_eq!(again.id, created.id, "a create whose answer was lost may be made again");

    let changes = second.diff(&held.value);
    let lines: Vec<String> = changes.iter().map(ToString::to_string).collect();
    expect.assert_eq(&lines.join("\n").replace(&context.names.place.account, "{account}"));
    second.update(&held, &changes, context).await.unwrap();
    let held = second.observe(context).await.unwrap().unwrap();
    assert_eq!(second.diff(&held.value), [], "what was changed is what was wanted");
    assert_eq!(held.id, created.id, "it is the same object");

    second.delete(&held.id, context).await.unwrap();
    assert_eq!(second.observe(context).await.unwrap(), None, "nothing is there after");
    second.delete(&held.id, context).await.unwrap();
}

/// What belongs to another stack is seen as such and never taken over.
pub(crate) async fn refuse<K: Kind>(theirs: K, their_context: &Context, ours: K, context: &Context) {
    theirs.create(their_context).await.unwrap();
    let held = ours.observe(context).await.unwrap().unwrap();
    assert_eq!(held.owner, Owner::Foreign(Some("us-east-1/Otro".into())));
    let error = ours.create(context).await.unwrap_err().to_string();
    assert!(
        error.ends_with("it exists already and belongs to the stack \"us-east-1/Otro\""),
        "{error}"
    );
    let held = theirs.observe(their_context).await.unwrap().unwrap();
    assert_eq!(theirs.diff(&held.value), [], "it is as it was");
    theirs.delete(&held.id, their_context).await.unwrap();
}

pub(crate) fn key(context: &Context) -> String {
    context.names.arn("kms", "key/1234abcd-12ab-34cd-56ef-1234567890ab")
}

/// Creates an object, twice as after a lost answer, and reads it back; `component` is how others refer to it.
pub(crate) async fn born<K: Kind>(context: &Context, component: &str, wanted: &K) -> Held<K> {
    assert_eq!(wanted.observe(context).await.unwrap(), None, "nothing is there before");
    let created = wanted.create(context).await.unwrap();
    if let Some(id) = wanted.known_id(context) {
        assert_eq!(created.id, id, "the id was known before");
    }
    let held = read(context, wanted).await;
    assert_eq!(held.id, created.id);
    let again = wanted.create(context).await.unwrap();
    assert_eq!(again.id, created.id, "a create whose answer was lost may be made again");
    context.learn(component, &created.id);
    read(context, wanted).await
}

/// Reads an object that is ours and as it is wanted.
pub(crate) async fn read<K: Kind>(context: &Context, wanted: &K) -> Held<K> {
    let held = wanted.observe(context).await.unwrap().unwrap();
    assert_eq!(held.owner, Owner::Ours);
    assert_eq!(wanted.diff(&held.value), [], "what is there is what was wanted");
    held
}

/// Changes an object into `wanted`; `expect` shows what differs before.
pub(crate) async fn changed<K: Kind>(context: &Context, wanted: &K, expect: Expect) -> Held<K> {
    changed_with(context, wanted, &[], expect).await
}

/// The same, with other words for texts that differ from run to run.
pub(crate) async fn changed_with<K: Kind>(
    context: &Context,
    wanted: &K,
    words: &[(&str, &str)],
    expect: Expect,
) -> Held<K> {
    let held = wanted.observe(context).await.unwrap().unwrap();
    let changes = wanted.diff(&held.value);
    let lines: Vec<String> = changes.iter().map(ToString::to_string).collect();
    let mut text = lines.join("\n").replace(&context.names.place.account, "ACCOUNT");
    for (text_of_this_run, word) in words {
        text = text.replace(text_of_this_run, word);
    }
    expect.assert_eq(&text);
    wanted.update(&held, &changes, context).await.unwrap();
    read(context, wanted).await
}

/// Deletes an object, twice.
pub(crate) async fn gone<K: Kind>(context: &Context, wanted: &K, id: &str) {
    wanted.delete(id, context).await.unwrap();
    assert_eq!(wanted.observe(context).await.unwrap(), None, "nothing is there after");
    wanted.delete(id, context).await.unwrap();
}

pub(crate) fn allow(action: &str) -> PolicyDocument {
    PolicyDocument::new([json!({ "Effect": "Allow", "Action": [action], "Resource": "*" })])
}

pub(crate) fn trust(service: &str) -> PolicyDocument {
    let principal = json!({ "Service": service });
    PolicyDocument::new([json!({ "Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole" })])
}
