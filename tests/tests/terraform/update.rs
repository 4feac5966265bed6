//! Every attribute of a stack changes in place, alone and together: the plan names just the objects that it concerns, AWS
//! holds the new value afterwards, and nothing is left to do.
//!
//! The plan of each step is also the proof for the step before: had that left anything unsettled, it would show here.

mod asked;

use std::collections::{BTreeMap, BTreeSet};

use acceptance::{Account, Moto, Terraform, fixtures};
use anyhow::{Context, Result, ensure};
use aws_sdk_apigatewayv2::types::{DomainNameConfiguration, EndpointType};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::LayerVersionContentInput;
use serde_json::Value;

use crate::common::{account, assert_holds, stack};
use crate::shown::{self, STACK};

/// An attribute that is changed, and the objects that its change concerns.
struct Row {
    /// The attribute, with a dot before one of a nested object.
    attribute: &'static str,
    before: &'static str,
    after: &'static str,
    /// The components, separated by blanks; `*` stands for any text.
    concerns: &'static str,
}

const fn row(attribute: &'static str, before: &'static str, after: &'static str, concerns: &'static str) -> Row {
    Row {
        attribute,
        before,
        after,
        concerns,
    }
}

/// What is asked of the function `dispatcher`, and of nothing that the other two share.
const DISPATCHER: &[Row] = &[
    row("dispatcher.memory_size", "256", "512", "dispatcher_function"),
    row("dispatcher.timeout", "900", "600", "dispatcher_function"),
    row("dispatcher.log_level", "\"INFO\"", "\"DEBUG\"", "dispatcher_function"),
    row("dispatcher.layers", "null", "[\"{layer}\"]", "dispatcher_function"),
    row("dispatcher.reserved_concurrency", "null", "7", "dispatcher_function"),
    row(
        "notification_emails",
        "[\"a@example.com\"]",
        "[\"b@example.com\"]",
        "subscription/*",
    ),
    row("log_retention_days", "30", "7", "*_logs"),
    row("history_retention_days", "90", "60", "executor_function api_function"),
    row(
        "tracing",
        "true",
        "false",
        "*_function dispatcher_role executor_role api_role stage",
    ),
    row("permissions_boundary_arn", "null", "\"{boundary}\"", "*_role"),
    row(
        "tags",
        "{ equipo = \"a\" }",
        "{ equipo = \"b\", centro = \"7\" }",
        TAGGED,
    ),
    row("deletion_protection", "false", "true", "*_table marker"),
];

const EXECUTOR_AND_API: &[Row] = &[
    row("executor.memory_size", "256", "512", "executor_function"),
    row("executor.timeout", "120", "60", "executor_function queue api_function"),
    row("executor.log_level", "\"INFO\"", "\"WARN\"", "executor_function"),
    row("executor.layers", "null", "[\"{layer}\"]", "executor_function"),
    row("executor.reserved_concurrency", "null", "20", "executor_function"),
    row("executor.maximum_concurrency", "null", "5", "executor_event_source"),
    row("executor.batch_size", "10", "4", "executor_event_source"),
    row(
        "executor.role_prefix",
        "\"proceso-\"",
        "\"tarea-\"",
        "executor_role executor_function api_function parameter/Executor/PrefixRoles",
    ),
    row("executor.external_id", "null", "\"kairos-7\"", "executor_function"),
    row("api.memory_size", "256", "512", "api_function"),
    row("api.timeout", "29", "20", "api_function"),
    row("api.log_level", "\"INFO\"", "\"ERROR\"", "api_function"),
    row("api.layers", "null", "[\"{layer}\"]", "api_function"),
    row(
        "api.domain_name",
        "null",
        "\"api.example.com\"",
        "api_mapping parameter/Api/Url",
    ),
    row(
        "api.mapping_key",
        "null",
        "\"kairos/v1\"",
        "api_mapping parameter/Api/Url",
    ),
];

/// What MiniStack cannot change: it knows no call that gives a log group another key, and keeps the numbers of a patched usage
/// plan as texts, which nobody can read. Moto can, over its bridge.
const ON_MOTO: &[Row] = &[
    row(
        "kms_key_arn",
        "null",
        "\"{key}\"",
        "*_table queue *_dlq topic *_function *_logs *_role",
    ),
    row("api.throttle_rate", "10", "20", "stage usage_plan"),
    row("api.throttle_burst", "5", "40", "stage usage_plan"),
    row("api.quota_per_day", "null", "1000", "usage_plan"),
];

/// Every object that takes tags: all but subscriptions, alarms' and functions' settings, and what lives under an API.
const TAGGED: &str = "*_table queue *_dlq topic *_alarm *_role *_logs *_function executor_event_source schedule_group \
                      rest_api stage usage_plan api_key parameter/* marker";

/// Attributes without a row, each for a reason.
const ELSEWHERE: &[(&str, &str)] = &[
    ("name", "replaces the stack: plan_truth"),
    ("role_path", "replaces the stack: plan_truth"),
    ("architecture", "a build carries one architecture: the plan's own tests"),
    ("force_destroy", "known to no object of AWS's: below"),
    ("timeouts.create", "known to no object of AWS's: below"),
    ("timeouts.update", "known to no object of AWS's: below"),
    ("timeouts.delete", "known to no object of AWS's: below"),
];

/// A configuration: the value of each attribute.
#[derive(Clone, Default)]
struct Configuration(BTreeMap<&'static str, String>);

impl Configuration {
    fn of(rows: &[Row], value: impl Fn(&Row) -> &'static str) -> Self {
        let mut all = Self::default();
        all.set("executor.role_prefix", "\"proceso-\"");
        all.set("api.memory_size", "256");
        for row in rows {
            all.set(row.attribute, value(row));
        }
        all
    }

    fn set(&mut self, attribute: &'static str, value: &str) {
        self.0.insert(attribute, value.to_owned());
    }

    /// As HCL, with the ARNs of this account.
    fn main(&self, account: &Account) -> String {
        let mut nested: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        let mut lines = Vec::new();
        for (attribute, value) in &self.0 {
            match attribute.split_once('.') {
                Some((object, name)) => nested.entry(object).or_default().push(format!("    {name} = {value}")),
                None => lines.push(format!("  {attribute} = {value}")),
            }
        }
        for (object, members) in nested {
            lines.push(format!("  {object} = {{\n{}\n  }}", members.join("\n")));
        }
        let arn = |service: &str, region: &str, rest: &str| format!("arn:aws:{service}:{region}:{}:{rest}", account.id);
        let text = lines.join("\n");
        let text = text.replace("{layer}", &arn("lambda", &account.region, "layer:extension:1"));
        let text = text.replace(
            "{key}",
            &arn("kms", &account.region, "key/1234abcd-12ab-34cd-56ef-1234567890ab"),
        );
        let main = stack(&text.replace("{boundary}", &arn("iam", "", "policy/limite")));
        if self.0.contains_key("deletion_protection") {
            main.replacen("  deletion_protection = false\n", "", 1)
        } else {
            main
        }
    }
}

/// What the rows refer to: a layer, a policy, a custom domain.
async fn surroundings(account: &Account) -> Result<()> {
    let empty_zip = [b"PK\x05\x06".as_slice(), &[0; 18]].concat();
    let content = LayerVersionContentInput::builder()
        .zip_file(Blob::new(empty_zip))
        .build();
    let layer = account
        .lambda()
        .publish_layer_version()
        .layer_name("extension")
        .content(content);
    layer.send().await.context("publishing a layer")?;
    let document = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
    let policy = account
        .iam()
        .create_policy()
        .policy_name("limite")
        .policy_document(document);
    policy.send().await.context("creating a policy")?;
    domain(account, "api.example.com").await
}

/// A custom domain.
async fn domain(account: &Account, name: &str) -> Result<()> {
    let certificate = format!("arn:aws:acm:{}:{}:certificate/c", account.region, account.id);
    let regional = DomainNameConfiguration::builder().endpoint_type(EndpointType::Regional);
    let domain = account.apigatewayv2().create_domain_name().domain_name(name);
    domain
        .domain_name_configurations(regional.certificate_arn(certificate).build())
        .send()
        .await
        .context("creating a domain")?;
    Ok(())
}

/// A stack that changes step by step.
struct Stack {
    terraform: Terraform,
    account: Account,
    /// All its components.
    components: BTreeSet<String>,
}

impl Stack {
    fn create(account: Account, configuration: &Configuration) -> Result<Self> {
        let terraform = Terraform::new(&account, &configuration.main(&account))?;
        terraform.apply(&[])?.succeeded("create")?;
        let components = terraform.resource(STACK)?["components"]
            .as_object()
            .cloned()
            .context("no components")?;
        Ok(Self {
            terraform,
            account,
            components: components.into_iter().map(|(name, _)| name).collect(),
        })
    }

    /// Plans a change in place and carries it out: the components that the plan touches, and what it shows.
    fn change(&self, what: &str, configuration: &Configuration) -> Result<(BTreeSet<String>, String)> {
        self.terraform.write("main.tf", &configuration.main(&self.account))?;
        let plan = self.terraform.plan_summary(&[])?;
        ensure!(
            plan.action(STACK) == "update",
            "{what} is planned as {}",
            plan.action(STACK)
        );
        let applied = self.terraform.run(&["apply", "-json", "plan.bin"])?;
        applied.report().succeeded(what)?;
        Ok((shown::touched(&plan)?, shown::lines(&plan)?))
    }

    /// Each row alone, on top of those before; then all of them back together, and forth again together.
    async fn live(&self, rows: &[Row]) -> Result<()> {
        let mut configuration = Configuration::of(rows, |row| row.before);
        let mut all = BTreeSet::new();
        for row in rows {
            configuration.set(row.attribute, row.after);
            let (touched, lines) = self.change(row.attribute, &configuration)?;
            let expected = self.expand(row.concerns, &touched);
            ensure!(
                touched == expected,
                "{}: the plan touches {touched:?}, not {expected:?}:\n{lines}",
                row.attribute
            );
            all.extend(touched);
        }
        self.holds(rows).await?;
        let (back, _) = self.change("all of them back", &Configuration::of(rows, |row| row.before))?;
        ensure!(back == all, "together they touch {back:?}, one by one {all:?}");
        let (forth, _) = self.change("all of them forth", &configuration)?;
        ensure!(forth == all, "together they touch {forth:?}, one by one {all:?}");
        self.holds(rows).await?;
        ensure!(
            self.terraform.plan_summary(&[])?.is_empty(),
            "there is something left to do"
        );
        Ok(())
    }

    /// The components that patterns stand for, of those that are there or are touched.
    fn expand(&self, patterns: &str, touched: &BTreeSet<String>) -> BTreeSet<String> {
        let known = self.components.iter().chain(touched);
        let fits = |name: &&String| patterns.split_whitespace().any(|pattern| matches(pattern, name));
        known.filter(fits).cloned().collect()
    }

    /// Asks AWS for what the rows have changed.
    async fn holds(&self, rows: &[Row]) -> Result<()> {
        for row in rows {
            let held = self
                .ask(row.attribute)
                .await
                .with_context(|| format!("asking for {}", row.attribute))?;
            if let Some(held) = held {
                let wanted = row.after.trim_matches(['"', '[', ']']);
                let wanted = wanted
                    .replace("{layer}", "extension:1")
                    .replace("{boundary}", "policy/limite");
                let wanted = wanted.replace("{key}", "1234abcd-12ab-34cd-56ef-1234567890ab");
                ensure!(
                    held.contains(&wanted),
                    "{}: AWS holds {held}, not {wanted}",
                    row.attribute
                );
            }
        }
        Ok(())
    }
}

/// Whether a pattern, in which `*` stands for any text, stands for a name.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        Some((before, after)) => name.strip_prefix(before).is_some_and(|rest| rest.ends_with(after)),
        None => pattern == name,
    }
}

#[tokio::test]
async fn what_the_dispatcher_and_the_stack_are_told_changes_alone_and_together() -> Result<()> {
    let account = account(false).await?;
    surroundings(&account).await?;
    let stack = Stack::create(account, &Configuration::of(DISPATCHER, |row| row.before))?;
    stack.live(DISPATCHER).await?;

    // What no object of AWS's knows of is planned without touching one.
    let mut configuration = Configuration::of(DISPATCHER, |row| row.after);
    configuration.set("deletion_protection", "false");
    for (attribute, value) in [("force_destroy", "true"), ("timeouts.create", "\"40m\"")] {
        configuration.set(attribute, value);
    }
    configuration.set("timeouts.update", "\"41m\"");
    configuration.set("timeouts.delete", "\"42m\"");
    let (touched, _) = stack.change("what only the provider knows of", &configuration)?;
    assert_eq!(touched, stack.expand("*_table marker", &touched), "only the protection");
    stack.terraform.destroy(&[])?.succeeded("destroy")?;
    Ok(())
}

#[tokio::test]
async fn what_the_executor_and_the_api_are_told_changes_alone_and_together() -> Result<()> {
    let account = account(false).await?;
    surroundings(&account).await?;
    let stack = Stack::create(account, &Configuration::of(EXECUTOR_AND_API, |row| row.before))?;
    stack.live(EXECUTOR_AND_API).await?;
    stack.terraform.destroy(&[])?.succeeded("destroy")?;
    Ok(())
}

#[tokio::test]
async fn key_throttle_and_quota_change_alone_and_together() -> Result<()> {
    let account = Moto::shared()?.account();
    fixtures::api_gateway_logging(&account).await?;
    let stack = Stack::create(account, &Configuration::of(ON_MOTO, |row| row.before))?;
    stack.live(ON_MOTO).await?;
    stack.terraform.destroy(&[])?.succeeded("destroy")?;
    Ok(())
}

#[tokio::test]
async fn an_api_is_turned_on_and_off_and_on_and_addresses_come_and_go() -> Result<()> {
    let account = account(false).await?;
    let executor = "executor = { role_prefix = \"proceso-\" }";
    let emails = |list: &str| format!("{executor}\n  notification_emails = [{list}]");
    let terraform = Terraform::new(&account, &stack(executor))?;
    terraform.apply(&[])?.succeeded("create")?;
    let step = |attributes: &str| -> Result<BTreeSet<String>> {
        terraform.write("main.tf", &stack(attributes))?;
        let plan = terraform.plan_summary(&[])?;
        ensure!(
            plan.action(STACK) == "update",
            "{attributes} is planned as {}",
            plan.action(STACK)
        );
        terraform
            .run(&["apply", "-json", "plan.bin"])?
            .report()
            .succeeded(attributes)?;
        shown::touched(&plan)
    };
    let with_api = format!("{executor}\n  api = {{}}");
    let on = step(&with_api)?;
    let first = key(&terraform)?;
    let off = step(executor)?;
    assert_eq!(on, off, "what comes with the API goes with it");
    ensure!(
        on.contains("rest_api") && on.contains("api_key") && !on.contains("queue"),
        "{on:?}"
    );
    assert_eq!(account.apigateway().get_rest_apis().send().await?.items().len(), 0);
    assert_eq!(step(&with_api)?, on);
    ensure!(key(&terraform)? != first, "another API has another key");

    // On another domain the mapping alone is replaced: the new one first, and then the old one goes.
    let on = |domain: &str| format!("{executor}\n  api = {{ domain_name = \"{domain}\" }}");
    for name in ["api.example.com", "otra.example.com"] {
        domain(&account, name).await?;
    }
    step(&on("api.example.com"))?;
    let moved = step(&on("otra.example.com"))?;
    assert_eq!(
        moved.into_iter().collect::<Vec<_>>(),
        ["api_mapping", "parameter/Api/Url"]
    );
    for (domain, mappings) in [("api.example.com", 0), ("otra.example.com", 1)] {
        let held = account
            .apigatewayv2()
            .get_api_mappings()
            .domain_name(domain)
            .send()
            .await?;
        assert_eq!(held.items().len(), mappings, "{domain}");
    }
    step(executor)?;

    for (list, touched) in [
        ("\"a@example.com\"", &["a"][..]),
        ("\"a@example.com\", \"b@example.com\"", &["b"]),
        ("\"b@example.com\", \"c@example.com\"", &["a", "c"]),
        ("", &["b", "c"]),
    ] {
        let expected: BTreeSet<String> = touched
            .iter()
            .map(|a| format!("subscription/{a}@example.com"))
            .collect();
        assert_eq!(step(&emails(list))?, expected, "{list}");
    }
    ensure!(terraform.plan_summary(&[])?.is_empty(), "there is something left to do");
    terraform.destroy(&[])?.succeeded("destroy")?;
    assert_holds(&account, &[]).await
}

fn key(terraform: &Terraform) -> Result<String> {
    let stack = terraform.resource(STACK)?;
    Ok(stack["api_key"].as_str().context("no key")?.to_owned())
}

#[tokio::test]
async fn no_attribute_is_forgotten() -> Result<()> {
    let terraform = Terraform::new(
        &account(false).await?,
        &stack("executor = { role_prefix = \"proceso-\" }"),
    )?;
    let schemas = terraform
        .run(&["providers", "schema", "-json"])?
        .succeeded("providers schema")?;
    let schemas: Value = serde_json::from_str(&schemas.stdout)?;
    let block = &schemas["provider_schemas"]["registry.terraform.io/kairos/kairos"]["resource_schemas"]["kairos_stack"]
        ["block"];
    let settable = |attribute: &Value| attribute["required"] == true || attribute["optional"] == true;
    let mut all = BTreeSet::new();
    for (name, attribute) in block["attributes"].as_object().context("no schema")? {
        match attribute["nested_type"]["attributes"].as_object() {
            _ if !settable(attribute) => {}
            Some(nested) => all.extend(nested.keys().map(|member| format!("{name}.{member}"))),
            None => drop(all.insert(name.clone())),
        }
    }
    let rows = [DISPATCHER, EXECUTOR_AND_API, ON_MOTO]
        .into_iter()
        .flatten()
        .map(|row| row.attribute);
    let known: BTreeSet<String> = rows
        .chain(ELSEWHERE.iter().map(|(attribute, _)| *attribute))
        .map(str::to_owned)
        .collect();
    assert_eq!(all, known);
    Ok(())
}
