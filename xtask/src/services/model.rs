//! The models of services, as AWS publishes them for its SDKs and botocore keeps them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context, Result, bail};
use flate2::read::GzDecoder;
use serde_json::{Map, Value};

/// How the names of actions begin that universal targets refuse, one a line: what `kairos::arn::services` reads as well.
const READ_ONLY: &str = include_str!("../../../core/src/arn/read_only.txt");

/// Actions whose requests need what no model says: a checksum over a tree of hashes, or the host of the one model asked.
const PECULIAR: [(&str, &str, &str); 3] = [
    ("glacier", "uploadArchive", "checksum"),
    ("glacier", "uploadMultipartPart", "checksum"),
    ("machinelearning", "predict", "endpoint"),
];

/// The newest model of one service.
#[derive(Debug)]
pub(super) struct Model {
    /// The `serviceId` in lower case without blanks.
    pub(super) id: String,
    /// The folder of its version.
    pub(super) folder: PathBuf,
    json: Value,
}

/// Whether a service can be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Support {
    Json,
    Rest,
    Unsupported(&'static str),
}

/// One action of a service.
#[derive(Debug)]
pub(super) struct Action<'a> {
    /// Its name, beginning in lower case.
    pub(super) name: String,
    pub(super) operation: &'a Value,
    model: &'a Model,
}

/// All services, by id. Two folders may hold one service; the first is taken.
pub(super) fn all(data: &Path) -> Result<Vec<Model>> {
    let folders = folders(data)?;
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let parts: Vec<Result<Vec<Model>>> = thread::scope(|scope| {
        let started: Vec<_> = folders
            .chunks(folders.len().div_ceil(workers).max(1))
            .map(|part| scope.spawn(move || part.iter().filter_map(|folder| newest(folder).transpose()).collect()))
            .collect();
        let ended = started.into_iter().map(|part| match part.join() {
            Ok(models) => models,
            Err(_) => bail!("a reader of models ended early"),
        });
        ended.collect()
    });
    let mut found = BTreeMap::new();
    for part in parts {
        for model in part? {
            found.entry(model.id.clone()).or_insert(model);
        }
    }
    Ok(found.into_values().collect())
}

/// The newest model in a folder, which may hold none.
fn newest(folder: &Path) -> Result<Option<Model>> {
    let versions = folders(folder)?;
    let newest = versions
        .into_iter()
        .rfind(|version| version.join("service-2.json.gz").is_file());
    let Some(folder) = newest else {
        return Ok(None);
    };
    let json = read(&folder.join("service-2.json.gz"))?;
    let id = word(&json["metadata"], "serviceId").to_lowercase().replace(' ', "");
    if id.is_empty() {
        bail!("\"{}\" has no serviceId", folder.display());
    }
    Ok(Some(Model { id, folder, json }))
}

/// A gzipped JSON file.
pub(super) fn read(file: &Path) -> Result<Value> {
    let open = File::open(file).with_context(|| format!("reading \"{}\"", file.display()))?;
    serde_json::from_reader(std::io::BufReader::new(GzDecoder::new(open)))
        .with_context(|| format!("reading \"{}\"", file.display()))
}

fn folders(path: &Path) -> Result<Vec<PathBuf>> {
    let mut found: Vec<PathBuf> = fs::read_dir(path)
        .with_context(|| format!("reading \"{}\"", path.display()))?
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    found.sort();
    Ok(found)
}

/// The text of a member, empty where there is none.
pub(super) fn word<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// Whether a member is `true`.
pub(super) fn flag(value: &Value, key: &str) -> bool {
    value[key].as_bool().unwrap_or_default()
}

/// A name that begins in lower case.
pub(super) fn lower(name: &str) -> String {
    let mut letters = name.chars();
    match letters.next() {
        Some(letter) => format!("{}{}", letter.to_ascii_lowercase(), letters.as_str()),
        None => String::new(),
    }
}

impl Model {
    pub(super) fn metadata(&self) -> &Value {
        &self.json["metadata"]
    }

    /// A shape by its name; `null` where there is none.
    pub(super) fn shape(&self, name: &str) -> &Value {
        &self.json["shapes"][name]
    }

    /// The shape of a member or of a list's or map's element.
    pub(super) fn target(&self, member: &Value) -> &Value {
        self.shape(word(member, "shape"))
    }

    pub(super) fn support(&self) -> Support {
        let metadata = self.metadata();
        let listed = |key: &str, value: &str| {
            metadata[key]
                .as_array()
                .is_some_and(|all| all.iter().any(|one| one == value))
        };
        let speaks = |protocol: &str| listed("protocols", protocol) || metadata["protocol"] == protocol;
        if !(speaks("json") || speaks("rest-json")) {
            return Support::Unsupported("protocol");
        }
        if metadata["auth"].is_array() && !listed("auth", "aws.auth#sigv4") || metadata["signatureVersion"] == "bearer"
        {
            return Support::Unsupported("signature");
        }
        if speaks("json") { Support::Json } else { Support::Rest }
    }

    /// Its actions but those that only read.
    pub(super) fn actions(&self) -> impl Iterator<Item = Action<'_>> {
        self.json["operations"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, operation)| Action {
                name: lower(name),
                operation,
                model: self,
            })
            .filter(|action| !READ_ONLY.lines().any(|prefix| action.name.starts_with(prefix)))
    }
}

impl<'a> Action<'a> {
    /// Why it cannot be called, where it cannot.
    pub(super) fn unsupported(&self) -> Option<&'static str> {
        let peculiar = PECULIAR
            .iter()
            .find(|(service, action, _)| *service == self.model.id && *action == self.name)
            .map(|(_, _, reason)| *reason);
        let streams = |key: &str| {
            self.members_of(&self.operation[key])
                .any(|(_, member)| flag(self.model.target(member), "eventstream"))
        };
        if streams("input") || streams("output") {
            return Some("stream");
        }
        if flag(&self.operation["endpointdiscovery"], "required") {
            return Some("endpoint");
        }
        peculiar
    }

    /// The structure of its request.
    pub(super) fn input(&self) -> &'a Value {
        self.model.target(&self.operation["input"])
    }

    /// The members of its request.
    pub(super) fn members(&self) -> impl Iterator<Item = (&'a String, &'a Value)> {
        self.members_of(&self.operation["input"])
    }

    fn members_of(&self, reference: &'a Value) -> impl Iterator<Item = (&'a String, &'a Value)> {
        members(self.model.target(reference))
    }

    /// The values that its endpoint rules take from the operation itself.
    pub(super) fn context(&self) -> Map<String, Value> {
        self.operation["staticContextParams"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, given)| (name.clone(), given["value"].clone()))
            .collect()
    }
}

/// The members of a structure.
pub(super) fn members(shape: &Value) -> impl Iterator<Item = (&String, &Value)> {
    shape["members"].as_object().into_iter().flatten()
}

#[cfg(test)]
mod unit {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_only_reads_is_left_out_and_nothing_else() {
        let mut operations: Map<String, Value> = READ_ONLY
            .lines()
            .map(|prefix| {
                let mut letters = prefix.chars();
                let first = letters.next().map(|letter| letter.to_ascii_uppercase());
                (
                    first.into_iter().chain(letters).chain("Thing".chars()).collect(),
                    json!({}),
                )
            })
            .collect();
        assert!(operations.contains_key("BatchGetThing") && operations.contains_key("InvokeModelThing"));
        for name in ["CreateThing", "BatchWriteThing", "Invoke", "PutThing"] {
            operations.insert(name.to_owned(), json!({}));
        }
        let model = Model {
            id: "thing".to_owned(),
            folder: PathBuf::new(),
            json: json!({ "operations": operations }),
        };
        let mut left: Vec<String> = model.actions().map(|action| action.name).collect();
        left.sort();
        assert_eq!(left, ["batchWriteThing", "createThing", "invoke", "putThing"]);
    }
}
