//! The `provider` block, and what it is made into: clients, the place where they work, and what this run knows of stacks.
//!
//! Invariant: account, region and partition come from AWS itself (STS) before anything is planned, so that ARNs can be
//! known at plan time; a value that is not known yet stops nobody who does not need it.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use kairos::names::{Names, Place};
use kairos_aws::{AwsError, Doing};
use tfplugin::{Attr, Attribute, Diagnostics, Nested, Path, Schema, Type, Value, model};

use crate::data::Installations;
use crate::proceso::stacks::Stacks;
use crate::stack::context::Clients;
use crate::stack::kind::Tags;
use crate::stack::rules;

/// How often a call is tried again where the user does not say: AWS throttles bursts of control-plane calls.
const MAX_RETRIES: i64 = 9;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);

/// How long one attempt of a call may take: a function's code is some megabytes, which a slow line takes a while for.
const ATTEMPT: Duration = Duration::from_mins(1);

model! {
    /// The attributes of the `provider` block.
    pub struct ProviderModel {
        /// The region.
        pub region: Attr<String>,
        /// A profile of the shared configuration files.
        pub profile: Attr<String>,
        /// Where all services answer, instead of AWS's own endpoints.
        pub endpoint_url: Attr<String>,
        /// A role to work as.
        pub assume_role: Attr<AssumeRoleModel>,
        /// Tags of everything that is created.
        pub default_tags: Attr<BTreeMap<String, Attr<String>>>,
        /// How often a call that failed in passing is tried again.
        pub max_retries: Attr<i64>,
    }
}

model! {
    /// A role to work as.
    pub struct AssumeRoleModel {
        /// Its ARN.
        pub role_arn: Attr<String>,
        /// The session's name.
        pub session_name: Attr<String>,
        /// The external id that its trust policy asks for.
        pub external_id: Attr<String>,
    }
}

/// The schema of the `provider` block.
pub fn schema() -> Schema {
    let assume_role = Nested::new()
        .attribute(
            "role_arn",
            Attribute::string()
                .required()
                .description("ARN of the role, which the credentials must be allowed to assume.")
                .validate(role_arn),
        )
        .attribute(
            "session_name",
            Attribute::string()
                .optional()
                .description("Name of the session, as CloudTrail shows it; `kairos` where it is left out."),
        )
        .attribute(
            "external_id",
            Attribute::string()
                .optional()
                .description("External id that the role's trust policy asks for; none where it is left out."),
        );
    Schema::new(0)
        .description("Cron as a service on AWS: one resource for the whole stack, one for each scheduled process.")
        .attribute(
            "region",
            Attribute::string()
                .optional()
                .validate(not_empty)
                .description(
                    "AWS region. Where it is left out, that of `AWS_REGION`, `AWS_DEFAULT_REGION` or the profile; without any, the \
                     provider stops with `No AWS region`.",
                ),
        )
        .attribute(
            "profile",
            Attribute::string()
                .optional()
                .validate(not_empty)
                .description(
                    "Profile of the shared configuration and credentials files. Where it is left out, that of `AWS_PROFILE`.",
                ),
        )
        .attribute(
            "endpoint_url",
            Attribute::string().optional().validate(url).description(
                "Endpoint of all services, for a local AWS, with `http://` or `https://`. Where it is left out, that of \
                 `AWS_ENDPOINT_URL`, otherwise AWS's own.",
            ),
        )
        .attribute(
            "assume_role",
            Attribute::single(assume_role)
                .optional()
                .description("Role to work as, once the credentials are found."),
        )
        .attribute(
            "default_tags",
            Attribute::map(Type::String)
                .optional()
                .validate(rules::tags)
                .description(
                    "Tags of every AWS object of a stack that takes tags; a stack's own `tags` win. At most 49 together with those.",
                ),
        )
        .attribute(
            "max_retries",
            Attribute::int()
                .optional()
                .validate(retries)
                .description(
                    "How often a throttled or interrupted call is tried again, 0 to 100; 9 where it is left out.",
                ),
        )
}

/// What resources and data sources work with.
#[derive(Debug)]
pub struct Configured {
    connection: Result<Connection, Unknown>,
    /// What this run knows of the stacks that processes name.
    pub stacks: Stacks,
    /// What this run knows of the stacks that data sources read.
    pub installations: Installations,
}

/// A way to AWS.
#[derive(Debug, Clone)]
pub struct Connection {
    /// Account, region and partition, as STS tells them.
    pub place: Place,
    /// One client a service.
    pub clients: Clients,
    /// The configuration that the clients share.
    pub config: SdkConfig,
    /// The provider's default tags.
    pub default_tags: Tags,
}

/// Which attribute of the `provider` block is not known yet.
#[derive(Debug, Clone, thiserror::Error)]
#[error(
    "the provider's \"{0}\" is not known before apply, so that nothing can be planned that needs AWS: give it a value that \
     is known, or apply what it comes from first (`-target`)"
)]
pub struct Unknown(&'static str);

impl Configured {
    /// The way to AWS.
    ///
    /// # Errors
    /// An attribute of the `provider` block is not known yet.
    pub fn connection(&self) -> Result<&Connection, Unknown> {
        self.connection.as_ref().map_err(Clone::clone)
    }

    /// Forgets what AWS said of a stack: it has just been created, changed or destroyed.
    pub fn forget(&self, stack: &str) {
        self.stacks.forget(stack);
        self.installations.forget(stack);
    }
}

impl Connection {
    /// The names of the stack `app` here.
    pub fn names(&self, app: &str) -> Names {
        Names::new(app, self.place.clone())
    }

    /// A stack's tags: the provider's default ones, overridden by its own.
    pub fn tags(&self, own: &Tags) -> Tags {
        self.default_tags
            .iter()
            .chain(own)
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }
}

/// Makes the `provider` block into something to work with: one call to AWS, which proves the credentials.
pub async fn configure(model: ProviderModel, diagnostics: &mut Diagnostics) -> Option<Configured> {
    let stacks = Stacks::default();
    if let Some(unknown) = first_unknown(&model) {
        return Some(Configured {
            connection: Err(unknown),
            stacks,
            installations: Installations::default(),
        });
    }
    let config = load(&model).await;
    if config.region().is_none() {
        diagnostics.error_at(
            Path::root("region"),
            "No AWS region",
            "Neither the provider's \"region\" nor AWS_REGION, AWS_DEFAULT_REGION or the profile names a region, such as \
             \"sa-east-1\".",
        );
        return None;
    }
    match place(&config).await {
        Ok(place) => {
            tracing::info!(account = place.account, region = place.region, "configured");
            let connection = Connection {
                place,
                clients: Clients::new(&config),
                config,
                default_tags: tags(&model.default_tags),
            };
            Some(Configured {
                connection: Ok(connection),
                stacks,
                installations: Installations::default(),
            })
        }
        Err(error) => {
            diagnostics.error("Cannot use the AWS credentials", credentials_help(&error));
            None
        }
    }
}

/// The known entries of a map of tags.
pub fn tags(map: &Attr<BTreeMap<String, Attr<String>>>) -> Tags {
    let entries = map.known().into_iter().flatten();
    entries
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect()
}

fn first_unknown(model: &ProviderModel) -> Option<Unknown> {
    let role = model.assume_role.known().cloned().unwrap_or_default();
    [
        ("region", model.region.is_unknown()),
        ("profile", model.profile.is_unknown()),
        ("endpoint_url", model.endpoint_url.is_unknown()),
        ("assume_role", model.assume_role.is_unknown()),
        ("assume_role.role_arn", role.role_arn.is_unknown()),
        ("assume_role.session_name", role.session_name.is_unknown()),
        ("assume_role.external_id", role.external_id.is_unknown()),
        ("max_retries", model.max_retries.is_unknown()),
        (
            "default_tags",
            model.default_tags.is_unknown() || has_unknown(&model.default_tags),
        ),
    ]
    .into_iter()
    .find_map(|(name, unknown)| unknown.then_some(Unknown(name)))
}

fn has_unknown(map: &Attr<BTreeMap<String, Attr<String>>>) -> bool {
    map.known().is_some_and(|map| map.values().any(Attr::is_unknown))
}

/// The SDK's standard chain of region, credentials and endpoint, with what the block says on top.
async fn load(model: &ProviderModel) -> SdkConfig {
    let retries = model.max_retries.known().copied().unwrap_or(MAX_RETRIES);
    let attempts = u32::try_from(retries).unwrap_or(0).saturating_add(1);
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .retry_config(RetryConfig::standard().with_max_attempts(attempts))
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(CONNECT)
                .operation_attempt_timeout(ATTEMPT)
                .build(),
        );
    if let Some(region) = model.region.as_str() {
        loader = loader.region(Region::new(region.to_owned()));
    }
    if let Some(profile) = model.profile.as_str() {
        loader = loader.profile_name(profile);
    }
    if let Some(url) = model.endpoint_url.as_str() {
        loader = loader.endpoint_url(url);
    }
    let config = loader.load().await;
    match model.assume_role.known() {
        None => config,
        Some(role) => as_role(config, role).await,
    }
}

async fn as_role(base: SdkConfig, role: &AssumeRoleModel) -> SdkConfig {
    let arn = role.role_arn.as_str().unwrap_or_default();
    let mut provider = AssumeRoleProvider::builder(arn)
        .session_name(role.session_name.as_str().unwrap_or("kairos"))
        .configure(&base);
    if let Some(id) = role.external_id.as_str() {
        provider = provider.external_id(id);
    }
    if let Some(region) = base.region() {
        provider = provider.region(region.clone());
    }
    let provider = provider.build().await;
    base.to_builder()
        .credentials_provider(aws_credential_types::provider::SharedCredentialsProvider::new(provider))
        .build()
}

/// Asks STS who we are: the account, and with the ARN the partition.
async fn place(config: &SdkConfig) -> Result<Place, AwsError> {
    let identity = aws_sdk_sts::Client::new(config)
        .get_caller_identity()
        .send()
        .await
        .doing("GetCallerIdentity", "the caller")?;
    let partition = identity.arn().and_then(|arn| arn.split(':').nth(1)).unwrap_or("aws");
    Ok(Place {
        partition: partition.to_owned(),
        account: identity.account().unwrap_or_default().to_owned(),
        region: config.region().map(ToString::to_string).unwrap_or_default(),
    })
}

fn credentials_help(error: &AwsError) -> String {
    format!(
        "{error}\n\nThe provider takes credentials as AWS's own tools do: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, the \
         provider's \"profile\" or AWS_PROFILE, single sign-on, web identity, or the role of the machine; with \
         \"assume_role\" it then works as that role."
    )
}

fn not_empty(value: &Value) -> Result<(), String> {
    match value {
        Value::String(text) if text.trim().is_empty() => Err("it must not be empty".into()),
        _ => Ok(()),
    }
}

fn url(value: &Value) -> Result<(), String> {
    match value {
        Value::String(text) if !(text.starts_with("http://") || text.starts_with("https://")) => {
            Err(format!("\"{text}\" is not a URL that begins with http:// or https://"))
        }
        _ => Ok(()),
    }
}

fn role_arn(value: &Value) -> Result<(), String> {
    match value {
        Value::String(text) if !(text.starts_with("arn:") && text.contains(":iam::") && text.contains(":role/")) => {
            Err(format!(
                "\"{text}\" is not the ARN of a role, such as arn:aws:iam::123456789012:role/deploy"
            ))
        }
        _ => Ok(()),
    }
}

fn retries(value: &Value) -> Result<(), String> {
    match value {
        Value::Number(number) if !number.as_i64().is_some_and(|n| (0..=100).contains(&n)) => {
            Err(format!("it must be a whole number between 0 and 100, not {number}"))
        }
        _ => Ok(()),
    }
}
