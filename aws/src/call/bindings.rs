//! The table of bindings: how each service is spoken to, and where each action's members go.
//!
//! Invariant: `cargo xtask services` writes the text from the public models; its lines are sorted by their first word, a
//! service or `service.action`, and a lookup is one binary search.

use kairos::arn::services;

/// One line a service, `name protocol key=…`, and one an action with something to say, `service.action key=…`:
///
/// | key | of a service |
/// |---|---|
/// | `t` | the prefix of the target header |
/// | `p` | the first labels of the host, where they are not the service's name |
/// | `n` | the name in signatures, where it is not that of `p` |
/// | `e` | other hosts: `partition-or-region:host[@signing region]`, `{r}` the region, `{s}` and `{d}` the domains |
/// | `x` | headers that every request carries: `name:value` |
/// | `c` | `l`: the names of members begin in lower case on the wire |
/// | `k` | names that stay as they are |
/// | `r` | names that differ on the wire: `Member:wire` |
/// | `m` | members whose own keys are the user's, not names |
/// | `d` | members of which nothing is touched |
/// | `s` | members that are instants, sent as seconds since 1970 |
///
/// | key | of an action |
/// |---|---|
/// | (first two words) | REST: method and path |
/// | `q`, `h`, `f` | members in the query, in a header, in headers that begin so: `Member:name`, headers ending in `~` are instants, in `^` JSON in base64 |
/// | `b` | the member that is the body; ending in `!` where the body is its text or its bytes |
/// | `j` | there are members that go into a JSON body |
/// | `i` | members that make a repetition harmless |
/// | `o` | what the host begins with |
/// | `u` | the action takes no signature |
/// | `e`, `r` | as of a service |
const TABLE: &str = include_str!("bindings.txt");

/// How a service is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    /// `awsJson1.0` or `awsJson1.1`: its version.
    Json(&'static str),
    /// `restJson1`.
    Rest,
}

/// What the table says of an action.
#[derive(Debug, Clone, Copy)]
pub(super) struct Binding {
    pub(super) protocol: Protocol,
    pub(super) name: &'static str,
    pub(super) service: Words,
    pub(super) action: Words,
}

impl Binding {
    /// What the table says of `action` of `service`; actions of the JSON protocols may have no line of their own.
    pub(super) fn find(service: &str, action: &str) -> Result<Self, String> {
        let unknown = || format!("the action \"{action}\" of the service \"{service}\" is not known");
        let name = services::canonical(service).ok_or_else(unknown)?;
        let (name, rest) = services::line(TABLE, name).ok_or_else(unknown)?;
        let (protocol, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        let line = services::line(TABLE, &format!("{name}.{action}"));
        let protocol = match (protocol, line) {
            ("rest", None) => return Err(unknown()),
            ("rest", Some(_)) => Protocol::Rest,
            (version, _) => Protocol::Json(version),
        };
        Ok(Self {
            protocol,
            name,
            service: Words(rest),
            action: Words(line.map_or("", |(_, words)| words)),
        })
    }
}

/// The members of an action that make a repetition harmless.
pub fn tokens(service: &str, action: &str) -> Vec<&'static str> {
    Binding::find(service, action).map_or_else(|_| Vec::new(), |binding| binding.action.list("i").collect())
}

/// The words of a line after its first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words(&'static str);

impl Words {
    /// What stands after `key=`.
    pub(super) fn get(self, key: &str) -> Option<&'static str> {
        self.0
            .split(' ')
            .find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
    }

    /// Whether the key stands there on its own.
    pub(super) fn has(self, key: &str) -> bool {
        self.0.split(' ').any(|word| word == key)
    }

    /// The words without a key: method and path.
    pub(super) fn plain(self) -> Option<(&'static str, &'static str)> {
        let mut words = self.0.split(' ');
        Some((words.next()?, words.next()?))
    }

    /// The values of a key.
    pub(super) fn list(self, key: &str) -> impl Iterator<Item = &'static str> {
        self.get(key)
            .into_iter()
            .flat_map(|values| values.split(','))
            .filter(|value| !value.is_empty())
    }

    /// The values of a key as pairs; the second is the first where it is left out.
    pub(super) fn pairs(self, key: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.list(key)
            .map(|value| value.split_once(':').unwrap_or((value, value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_are_sorted_and_each_is_found() {
        let keys: Vec<&str> = TABLE.lines().filter_map(|line| line.split(' ').next()).collect();
        assert!(keys.is_sorted());
        for key in keys {
            assert_eq!(services::line(TABLE, key).map(|(found, _)| found), Some(key));
        }
    }

    #[test]
    fn what_is_not_in_the_table_is_refused() {
        for (service, action) in [("ec2", "runInstances"), ("nothing", "x"), ("lambda", "invoked")] {
            assert!(Binding::find(service, action).is_err(), "{service}:{action}");
        }
    }

    #[test]
    fn tokens_are_known() {
        assert_eq!(tokens("ecs", "runTask"), ["clientToken"]);
        assert_eq!(tokens("redshiftdata", "executeStatement"), ["ClientToken"]);
        assert!(tokens("sqs", "sendMessage").is_empty());
    }
}
