//! What the names of a service's members become on the wire, condensed to a few lists.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::model::{Action, Model, flag, lower, members, word};

/// The most names that may begin in upper case where the rule is lower case, or nothing is said of case at all.
const EXCEPTIONS: usize = 30;

/// What the wire makes of a member's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// Structures, lists of them, and values that are no text which could be an instant.
    Plain,
    /// Text that may be an instant and stays text.
    Text,
    /// A map: its keys are the user's.
    Map,
    /// Nothing of it is touched.
    Free,
    /// An instant that is sent as a number.
    Seconds,
}

/// The rules of one service.
#[derive(Debug, Default)]
pub(super) struct Names {
    lower: bool,
    keep: BTreeSet<String>,
    renamed: BTreeMap<String, String>,
    kinds: BTreeMap<String, Kind>,
}

/// All that the bodies of a service's requests name.
#[derive(Debug, Default)]
struct Seen<'a> {
    shapes: BTreeSet<&'a str>,
    wire: BTreeMap<&'a str, BTreeSet<&'a str>>,
    kinds: BTreeMap<&'a str, BTreeSet<Kind>>,
}

/// The name of a member on the wire.
fn wire<'a>(name: &'a str, member: &'a Value) -> &'a str {
    member["locationName"].as_str().unwrap_or(name)
}

impl Names {
    pub(super) fn of(model: &Model) -> Self {
        let mut seen = Seen::default();
        for action in model.actions().filter(|action| action.unsupported().is_none()) {
            seen.structure(model, word(&action.operation["input"], "shape"), true);
        }
        let on_wire: BTreeSet<&str> = seen.wire.values().flatten().copied().collect();
        let (upper, lower_count) = {
            let is_upper = |name: &&&str| name.starts_with(|letter: char| letter.is_ascii_uppercase());
            let upper: BTreeSet<String> = on_wire.iter().filter(is_upper).map(|name| (*name).to_owned()).collect();
            let count = on_wire.len() - upper.len();
            (upper, count)
        };
        let mut names = Self {
            lower: upper.len() <= EXCEPTIONS && upper.len() < lower_count,
            ..Self::default()
        };
        if names.lower {
            names.keep = upper;
        }
        for (name, found) in &seen.wire {
            if let (1, Some(only)) = (found.len(), found.first())
                && names.name(name) != *only
            {
                names.renamed.insert((*name).to_owned(), (*only).to_owned());
            }
        }
        for (name, kinds) in &seen.kinds {
            let has = |kind: Kind| kinds.contains(&kind);
            let kind = match (has(Kind::Map) || has(Kind::Free), kinds.len()) {
                (true, 1) if has(Kind::Map) => Kind::Map,
                (true, _) => Kind::Free,
                // Where some instants under this name are text, the user writes the others as numbers.
                (false, _) if has(Kind::Seconds) && !has(Kind::Text) => Kind::Seconds,
                (false, _) => Kind::Plain,
            };
            if kind != Kind::Plain {
                names.kinds.insert((*name).to_owned(), kind);
            }
        }
        names
    }

    /// What the caller makes of a name.
    fn name(&self, name: &str) -> String {
        if let Some(renamed) = self.renamed.get(name) {
            return renamed.clone();
        }
        if self.lower && !self.keep.contains(name) {
            lower(name)
        } else {
            name.to_owned()
        }
    }

    /// The rules as words of the service's line.
    pub(super) fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        let mut add = |key: &str, values: Vec<&str>| {
            if !values.is_empty() {
                words.push(format!("{key}={}", values.join(",")));
            }
        };
        let of = |kind: Kind| -> Vec<&str> {
            let kinds = self.kinds.iter().filter(|(_, found)| **found == kind);
            kinds.map(|(name, _)| name.as_str()).collect()
        };
        if self.lower {
            add("c", vec!["l"]);
            add("k", self.keep.iter().map(String::as_str).collect());
        }
        let renamed: Vec<String> = self
            .renamed
            .iter()
            .map(|(name, wire)| format!("{name}:{wire}"))
            .collect();
        add("r", renamed.iter().map(String::as_str).collect());
        add("s", of(Kind::Seconds));
        // Where nothing is changed, nothing has to be spared.
        if self.lower || !self.renamed.is_empty() || !of(Kind::Seconds).is_empty() {
            add("m", of(Kind::Map));
            add("d", of(Kind::Free));
        }
        words
    }

    /// The members of an action's body whose names on the wire the rules do not tell.
    pub(super) fn exceptions(&self, action: &Action<'_>) -> Vec<String> {
        let body = action.members().filter(|(_, member)| member["location"].is_null());
        body.filter(|(name, member)| self.name(name) != wire(name, member))
            .map(|(name, member)| format!("{name}:{}", wire(name, member)))
            .collect()
    }
}

impl<'a> Seen<'a> {
    fn structure(&mut self, model: &'a Model, name: &'a str, is_request: bool) {
        if name.is_empty() || !self.shapes.insert(name) {
            return;
        }
        for (name, member) in members(model.shape(name)) {
            let is_elsewhere = is_request && !member["location"].is_null();
            if !is_elsewhere {
                let wire = wire(name, member);
                self.wire.entry(name).or_default().insert(wire);
                let kind = self.value(model, member, member);
                self.kinds.entry(wire).or_default().insert(kind);
            }
        }
    }

    /// Looks into the value of a member, and tells its kind.
    fn value(&mut self, model: &'a Model, member: &'a Value, outer: &Value) -> Kind {
        let shape = model.target(member);
        if flag(shape, "document") {
            return Kind::Free;
        }
        match word(shape, "type") {
            "structure" => {
                self.structure(model, word(member, "shape"), false);
                Kind::Plain
            }
            "list" => self.value(model, &shape["member"], outer),
            "map" => match self.value(model, &shape["value"], outer) {
                Kind::Plain | Kind::Text => Kind::Map,
                // A map of maps, of documents or of instants.
                _ => Kind::Free,
            },
            "timestamp" => {
                let format = [outer, shape]
                    .iter()
                    .find_map(|holder| holder["timestampFormat"].as_str())
                    .unwrap_or("unixTimestamp");
                if format == "unixTimestamp" {
                    Kind::Seconds
                } else {
                    Kind::Text
                }
            }
            "string" => Kind::Text,
            _ => Kind::Plain,
        }
    }
}
