//! The stack to write, read from what `terraform show -json` prints of a state or of a plan.
//!
//! Invariant: nothing but the configuration, the names and the ids is taken; the API key's value is not looked at.

use std::collections::BTreeMap;

use kairos::names::{Names, Place};
use serde_json::Value as Json;
use tfplugin::{Attr, Resource as _};

use crate::stack::StackResource;
use crate::stack::config::StackConfig;
use crate::stack::kind::Tags;
use crate::stack::model::StackModel;
use crate::stack::outputs::MISSING;
use crate::stack::schema;

/// A stack, as a state or a plan has it.
#[derive(Debug, Clone)]
pub struct Subject {
    /// Its address in the configuration (`module.cron.kairos_stack.this`).
    pub address: String,
    /// What its user wants.
    pub config: StackConfig,
    /// Its names.
    pub names: Names,
    /// The ids of the components that exist; none in a plan.
    pub ids: BTreeMap<String, String>,
    /// What the state says of each component's properties.
    pub digests: BTreeMap<String, String>,
}

/// Why there is no stack to write.
#[derive(Debug, thiserror::Error)]
pub enum SubjectError {
    /// It is not Terraform's JSON.
    #[error("this is not what `terraform show -json` prints: {0}")]
    Format(String),
    /// No stack is in it.
    #[error("there is no kairos_stack in it")]
    None,
    /// Several are.
    #[error("there is more than one kairos_stack in it: choose one with --address from {}", .0.join(", "))]
    Several(Vec<String>),
    /// None has the address.
    #[error("there is no kairos_stack at \"{wanted}\"; there is {}", .there.join(", "))]
    Address {
        /// The address that was asked for.
        wanted: String,
        /// Those that are there.
        there: Vec<String>,
    },
    /// A stack cannot be written yet.
    #[error("{address}: {problem}")]
    Stack {
        /// Its address.
        address: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl Subject {
    /// The one stack in `text`, or the one at `address`.
    ///
    /// # Errors
    /// See [`SubjectError`].
    pub fn read(text: &str, address: Option<&str>) -> Result<Self, SubjectError> {
        let document: Json = serde_json::from_str(text).map_err(|e| SubjectError::Format(e.to_string()))?;
        let planned = document.get("planned_values");
        let Some(values) = planned.or(document.get("values")) else {
            return Err(match document.get("format_version") {
                // An empty state has no values at all.
                Some(_) => SubjectError::None,
                None => SubjectError::Format("it has neither \"values\" nor \"planned_values\"".into()),
            });
        };
        let mut found = Vec::new();
        stacks(&values["root_module"], &mut found);
        let chosen = choose(&found, address)?;
        Self::of(chosen, planned.is_some())
    }

    fn of(resource: &Json, planned: bool) -> Result<Self, SubjectError> {
        let address = address_of(resource);
        let problem = |problem: String| SubjectError::Stack {
            address: address.clone(),
            problem,
        };
        let model: StackModel = schema::schema()
            .read_stored(&resource["values"])
            .map_err(|e| problem(format!("its attributes cannot be read: {e}")))?;
        let unknown = || problem("its name, its tags or its ARNs are not known yet: apply it first".into());
        let place = model.executor_arn.as_str().and_then(place).ok_or_else(unknown)?;
        let tags = model.tags_all.known().ok_or_else(unknown)?;
        let text = |(key, value): (&String, &Attr<String>)| Some((key.clone(), value.as_str()?.to_owned()));
        let tags: Tags = tags.iter().filter_map(text).collect();
        let config = StackConfig {
            tags,
            ..model.known_config(&Tags::new()).ok_or_else(unknown)?
        };
        let components = model.components.known().into_iter().flatten();
        let components = components.filter_map(|(name, component)| Some((name.clone(), component.known()?)));
        let held = components.filter(|(_, component)| !planned && component.status.as_str() != Some(MISSING));
        let (mut ids, mut digests) = (BTreeMap::new(), BTreeMap::new());
        for (name, component) in held {
            if let Some(id) = component.id.as_str().filter(|id| !id.is_empty()) {
                ids.insert(name.clone(), id.to_owned());
            }
            digests.extend(component.digest.as_str().map(|digest| (name, digest.to_owned())));
        }
        let names = Names::new(&config.name, place);
        Ok(Self {
            address,
            config,
            names,
            ids,
            digests,
        })
    }
}

/// The stacks of a module and of those within it.
fn stacks<'a>(module: &'a Json, found: &mut Vec<&'a Json>) {
    let list = |key: &str| module[key].as_array().into_iter().flatten();
    found.extend(list("resources").filter(|r| r["mode"] == "managed" && r["type"] == StackResource::NAME));
    for child in list("child_modules") {
        stacks(child, found);
    }
}

fn choose<'a>(found: &[&'a Json], address: Option<&str>) -> Result<&'a Json, SubjectError> {
    let addresses = || found.iter().map(|resource| address_of(resource)).collect();
    match (address, found) {
        (_, []) => Err(SubjectError::None),
        (None, [one]) => Ok(one),
        (None, _) => Err(SubjectError::Several(addresses())),
        (Some(wanted), found) => found
            .iter()
            .find(|resource| address_of(resource) == wanted)
            .copied()
            .ok_or_else(|| SubjectError::Address {
                wanted: wanted.into(),
                there: addresses(),
            }),
    }
}

fn address_of(resource: &Json) -> String {
    resource["address"].as_str().unwrap_or_default().to_owned()
}

/// Partition, region and account of an ARN.
fn place(arn: &str) -> Option<Place> {
    match arn.split(':').collect::<Vec<_>>().as_slice() {
        ["arn", partition, _, region, account, ..] => Some(Place {
            partition: (*partition).into(),
            account: (*account).into(),
            region: (*region).into(),
        }),
        _ => None,
    }
}
