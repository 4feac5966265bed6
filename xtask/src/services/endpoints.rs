//! The hosts of services, by carrying out the endpoint rules that come with each model, for every region.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};

use super::model::{Model, read, word};

/// The partitions of which installations can be.
const PARTITIONS: [&str; 3] = ["aws", "aws-cn", "aws-us-gov"];

/// A partition, with its regions.
#[derive(Debug)]
pub(super) struct Partition {
    id: String,
    outputs: Value,
    regions: Vec<String>,
}

impl Partition {
    fn suffix(&self) -> &str {
        word(&self.outputs, "dnsSuffix")
    }

    fn dual_stack(&self) -> &str {
        word(&self.outputs, "dualStackDnsSuffix")
    }

    /// A host with the partition's domain left open.
    fn domain(&self, host: &str) -> String {
        let open = |suffix: &str, letter: &str| {
            let rest = host.strip_suffix(suffix)?;
            rest.ends_with('.').then(|| format!("{rest}{letter}"))
        };
        open(self.dual_stack(), "{d}")
            .or_else(|| open(self.suffix(), "{s}"))
            .unwrap_or_else(|| host.to_owned())
    }
}

/// The partitions that the rules know.
pub(super) fn partitions(data: &Path) -> Result<Vec<Partition>> {
    let file = data.join("partitions.json");
    let text = fs::read_to_string(&file).with_context(|| format!("reading \"{}\"", file.display()))?;
    let all: Value = serde_json::from_str(&text)?;
    PARTITIONS
        .iter()
        .map(|id| {
            let found = all["partitions"]
                .as_array()
                .into_iter()
                .flatten()
                .find(|partition| partition["id"] == **id)
                .with_context(|| format!("partitions.json has no \"{id}\""))?;
            let regions = found["regions"].as_object().into_iter().flatten();
            Ok(Partition {
                id: (*id).to_owned(),
                outputs: found["outputs"].clone(),
                regions: regions
                    .map(|(region, _)| region.clone())
                    .filter(|region| !region.ends_with("-global"))
                    .collect(),
            })
        })
        .collect()
}

/// The endpoint rules of a service.
#[derive(Debug)]
pub(super) struct Rules {
    tree: Value,
    parameters: Map<String, Value>,
    prefix: String,
}

/// Where a service is in one region: host, and the region of signatures where it is another.
type Place = (String, Option<String>);

impl Rules {
    pub(super) fn read(model: &Model) -> Result<Self> {
        let file = model.folder.join("endpoint-rule-set-1.json.gz");
        let set = if file.is_file() { read(&file)? } else { json!({}) };
        Ok(Self {
            tree: set["rules"].clone(),
            parameters: set["parameters"].as_object().cloned().unwrap_or_default(),
            prefix: word(model.metadata(), "endpointPrefix").to_owned(),
        })
    }

    /// Whether there is a host in some region without anything that only a request could tell.
    pub(super) fn is_resolved(&self, partitions: &[Partition], context: &Map<String, Value>) -> bool {
        partitions.iter().any(|partition| {
            let mut regions = partition.regions.iter();
            regions.any(|region| self.place(partition, region, context).is_ok())
        })
    }

    /// The hosts that are not the usual ones, as the table has them.
    pub(super) fn exceptions(&self, partitions: &[Partition], context: &Map<String, Value>) -> String {
        let usual: Place = (format!("{}.{{r}}.{{s}}", self.prefix), None);
        let mut templates = Vec::new();
        let mut regions = Vec::new();
        for partition in partitions {
            let places: Vec<(&str, Place)> = partition
                .regions
                .iter()
                .filter_map(|region| Some((region.as_str(), self.place(partition, region, context).ok()?)))
                .collect();
            // A service without a host in a partition would have the usual one.
            let template = template(&places, partition).unwrap_or_else(|| usual.clone());
            let other = |(region, place): &&(&str, Place)| filled(&template, region, partition) != *place;
            regions.extend(places.iter().filter(other).map(|(region, place)| entry(region, place)));
            templates.push((partition.id.as_str(), template));
        }
        let mut entries: Vec<String> = match &templates[..] {
            [(_, first), others @ ..] if others.iter().all(|(_, template)| template == first) => Some(first)
                .filter(|first| **first != usual)
                .map(|first| entry("*", first))
                .into_iter()
                .collect(),
            all => all
                .iter()
                .filter(|(_, template)| *template != usual)
                .map(|(id, template)| entry(id, template))
                .collect(),
        };
        entries.extend(regions);
        entries.join(",")
    }

    fn place(&self, partition: &Partition, region: &str, context: &Map<String, Value>) -> Result<Place> {
        let mut scope: BTreeMap<String, Value> = self
            .parameters
            .iter()
            .filter_map(|(name, parameter)| Some((name.clone(), parameter.get("default")?.clone())))
            .collect();
        scope.extend(context.iter().map(|(name, value)| (name.clone(), value.clone())));
        scope.insert("Region".to_owned(), json!(region));
        let world = World { partition };
        let endpoint = world.endpoint(&self.tree, &scope)?.context("no rule fits")?;
        let url = world.value(&endpoint.0["url"], &endpoint.1)?;
        let host = url
            .as_str()
            .and_then(|url| url.strip_prefix("https://"))
            .context("not an https URL")?;
        let scheme = endpoint.0["properties"]["authSchemes"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|scheme| scheme["name"] == "sigv4");
        let signing = match scheme {
            Some(scheme) => world.value(&scheme["signingRegion"], &endpoint.1)?,
            None => Value::Null,
        };
        let signing = signing.as_str().filter(|signing| *signing != region);
        Ok((host.trim_end_matches('/').to_owned(), signing.map(str::to_owned)))
    }
}

/// The template that gives the hosts of most regions of a partition.
fn template(places: &[(&str, Place)], partition: &Partition) -> Option<Place> {
    let candidates: BTreeSet<Place> = places
        .iter()
        .map(|(region, (host, signing))| (partition.domain(&host.replace(*region, "{r}")), signing.clone()))
        .collect();
    let fitting = |candidate: &Place| {
        let fits = |(region, place): &&(&str, Place)| filled(candidate, region, partition) == *place;
        places.iter().filter(fits).count()
    };
    // The last of the greatest wins: which one that is follows from the set's order.
    candidates.into_iter().max_by_key(fitting)
}

/// A template in one region.
fn filled((host, signing): &Place, region: &str, partition: &Partition) -> Place {
    let host = host
        .replace("{r}", region)
        .replace("{s}", partition.suffix())
        .replace("{d}", partition.dual_stack());
    let signing = signing.as_deref().filter(|signing| *signing != region);
    (host, signing.map(str::to_owned))
}

fn entry(place: &str, (host, signing): &Place) -> String {
    match signing {
        Some(signing) => format!("{place}:{host}@{signing}"),
        None => format!("{place}:{host}"),
    }
}

type Scope = BTreeMap<String, Value>;

/// What rules are carried out in.
struct World<'a> {
    partition: &'a Partition,
}

impl World<'_> {
    /// The endpoint of the first rule that fits, with what its conditions named.
    fn endpoint(&self, rules: &Value, scope: &Scope) -> Result<Option<(Value, Scope)>> {
        for rule in rules.as_array().into_iter().flatten() {
            let mut inner = scope.clone();
            if !self.fits(&rule["conditions"], &mut inner)? {
                continue;
            }
            match word(rule, "type") {
                "endpoint" => return Ok(Some((rule["endpoint"].clone(), inner))),
                "tree" => {
                    if let Some(found) = self.endpoint(&rule["rules"], &inner)? {
                        return Ok(Some(found));
                    }
                }
                _ => bail!("{}", rule["error"]),
            }
        }
        Ok(None)
    }

    fn fits(&self, conditions: &Value, scope: &mut Scope) -> Result<bool> {
        for condition in conditions.as_array().into_iter().flatten() {
            let found = self.function(condition, scope)?;
            if matches!(found, Value::Null | Value::Bool(false)) {
                return Ok(false);
            }
            if let Some(name) = condition["assign"].as_str() {
                scope.insert(name.to_owned(), found);
            }
        }
        Ok(true)
    }

    fn function(&self, call: &Value, scope: &Scope) -> Result<Value> {
        let given = |at: usize| self.value(&call["argv"][at], scope);
        Ok(match word(call, "fn") {
            "isSet" => json!(!given(0)?.is_null()),
            "not" => json!(matches!(given(0)?, Value::Null | Value::Bool(false))),
            "booleanEquals" | "stringEquals" => json!(given(0)? == given(1)?),
            "getAttr" => attribute(&given(0)?, given(1)?.as_str().unwrap_or_default()),
            "aws.partition" => self.partition.outputs.clone(),
            "isValidHostLabel" => json!(
                given(0)?
                    .as_str()
                    .is_some_and(|label| !label.is_empty() && !label.contains('.'))
            ),
            "substring" => substring(&given(0)?, &given(1)?, &given(2)?),
            // Without an ARN or a URL among the parameters there is nothing to take apart.
            "aws.parseArn" | "parseURL" => Value::Null,
            other => bail!("the endpoint rules use \"{other}\", which is not known here"),
        })
    }

    /// An argument: a reference, a call, a template or a plain value.
    fn value(&self, argument: &Value, scope: &Scope) -> Result<Value> {
        if let Some(name) = argument["ref"].as_str() {
            return Ok(scope.get(name).cloned().unwrap_or_default());
        }
        if argument["fn"].is_string() {
            return self.function(argument, scope);
        }
        let Some(template) = argument.as_str() else {
            return Ok(argument.clone());
        };
        let mut out = String::new();
        let mut rest = template;
        while let Some((before, (name, after))) = rest
            .split_once('{')
            .and_then(|(before, after)| Some((before, after.split_once('}')?)))
        {
            let (name, path) = name.split_once('#').unwrap_or((name, ""));
            let value = scope.get(name).cloned().unwrap_or_default();
            let value = if path.is_empty() {
                value
            } else {
                attribute(&value, path)
            };
            out.push_str(before);
            out.push_str(value.as_str().context("a template needs what is not set")?);
            rest = after;
        }
        Ok(json!(out + rest))
    }
}

/// A part of a value: `resourceId[1]`, `name`.
fn attribute(value: &Value, path: &str) -> Value {
    path.split('.')
        .fold(value.clone(), |value, part| match part.split_once('[') {
            Some((name, index)) => {
                let list = if name.is_empty() { value } else { value[name].clone() };
                let index = index.trim_end_matches(']').parse::<usize>().unwrap_or(usize::MAX);
                list[index].clone()
            }
            None => value[part].clone(),
        })
}

fn substring(text: &Value, start: &Value, end: &Value) -> Value {
    let at = |value: &Value| value.as_u64().and_then(|at| usize::try_from(at).ok());
    let found = text.as_str().and_then(|text| text.get(at(start)?..at(end)?));
    found.map_or(Value::Null, |found| json!(found))
}
