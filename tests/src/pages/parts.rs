//! The top-level blocks of a configuration, as `terraform fmt` writes it: each begins at the margin, and so does its end.

use super::{ELSEWHERE, is_of_aws, references::references};

/// A top-level block, or whatever else stands at the margin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Where it begins; the first line is 1.
    pub line: usize,
    /// All of it.
    pub text: String,
    /// The addresses that are no longer free with it, such as `kairos_stack.this`, `local.a`, `output.b`.
    pub declares: Vec<String>,
}

/// The parts of a configuration whose first line has this number.
pub fn parts(code: &str, first: usize) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let mut open = false;
    for (line, at) in code.lines().zip(first..) {
        match parts.last_mut().filter(|_| open) {
            Some(part) => {
                part.text.push_str(line);
                part.text.push('\n');
                open = !line.starts_with('}');
            }
            None if line.starts_with(|first: char| first.is_ascii_alphabetic()) => {
                open = line.matches('{').count() > line.matches('}').count();
                let text = format!("{line}\n");
                parts.push(Part {
                    line: at,
                    text,
                    declares: Vec::new(),
                });
            }
            // A comment, or nothing.
            None => {}
        }
    }
    for part in &mut parts {
        part.declares = part.declared();
    }
    parts
}

impl Part {
    /// Its header: `["resource", "kairos_stack", "this"]`.
    fn header(&self) -> Vec<&str> {
        let line = self.text.lines().next().unwrap_or_default();
        let header = line.split('{').next().unwrap_or_default();
        header.split_whitespace().map(|word| word.trim_matches('"')).collect()
    }

    fn declared(&self) -> Vec<String> {
        match self.header()[..] {
            ["resource", kind, name] => vec![format!("{kind}.{name}")],
            ["variable", name] => vec![format!("var.{name}")],
            ["locals"] => self.attributes().map(|name| format!("local.{name}")).collect(),
            ["provider", name] => vec![format!("provider.{name} {}", self.value("alias").unwrap_or_default())],
            ["removed"] => self.value("from").map(str::to_owned).into_iter().collect(),
            ["import"] => self.value("to").map(|to| format!("import.{to}")).into_iter().collect(),
            ["moved"] => self
                .value("from")
                .map(|from| format!("moved.{from}"))
                .into_iter()
                .collect(),
            [] => Vec::new(),
            // data.TYPE.NAME, module.NAME, output.NAME, terraform and so on.
            ref header => vec![header.join(".")],
        }
    }

    /// The attributes of the block itself.
    fn attributes(&self) -> impl Iterator<Item = &str> {
        self.lines_inside()
            .filter_map(|line| Some(line.split_once('=')?.0.trim()))
    }

    /// The value of one of them, as it is written.
    pub fn value(&self, attribute: &str) -> Option<&str> {
        let values = self.lines_inside().filter_map(|line| line.split_once('='));
        let mut of = values.filter(|(name, _)| name.trim() == attribute);
        of.next().map(|(_, value)| value.trim())
    }

    fn lines_inside(&self) -> impl Iterator<Item = &str> {
        let inside = self.text.lines().filter_map(|line| line.strip_prefix("  "));
        inside.filter(|line| line.starts_with(|first: char| first.is_ascii_alphabetic()))
    }

    /// Whether it tells terraform of what is no longer so: what it names is not there.
    pub(super) fn is_of_the_past(&self) -> bool {
        matches!(self.header()[..], ["removed" | "moved"])
    }

    pub(super) fn is_of_aws(&self) -> bool {
        match self.header()[..] {
            ["provider", name] => name == "aws",
            ["terraform"] => self.text.contains("\"hashicorp/aws\""),
            // Modules of ours make the roles of their processes.
            ["module", _] => true,
            _ => self
                .declares
                .iter()
                .any(|name| is_of_aws(name.strip_prefix("import.").unwrap_or(name))),
        }
    }

    /// What it takes from objects of hashicorp/aws is unknown.
    pub(super) fn without_aws(mut self) -> Self {
        for (range, address) in references(&self.text).into_iter().rev() {
            if is_of_aws(&address) || address.starts_with("module.") {
                self.text.replace_range(range, ELSEWHERE);
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_block_says_what_it_declares() {
        let code = "# a comment\nterraform {\n  required_version = \">= 1.8\"\n}\n\nprovider \"aws\" {\n  alias = \"otra\"\n}\nvariable \"v\" { type = string }\nlocals {\n  a = {\n    b = 1\n  }\n  c = 2\n}\ndata \"kairos_stack\" \"d\" {}\nimport {\n  to = kairos_stack.this\n  id = \"S\"\n}\nremoved {\n  from = kairos_stack.that\n}\nstray = 1\n";
        let parts = parts(code, 10);
        let declared: Vec<String> = parts.iter().map(|part| part.declares.join(",")).collect();
        assert_eq!(
            declared,
            [
                "terraform",
                "provider.aws \"otra\"",
                "var.v",
                "local.a,local.c",
                "data.kairos_stack.d",
                "import.kairos_stack.this",
                "kairos_stack.that",
                "stray.=.1"
            ]
        );
        let lines: Vec<usize> = parts.iter().map(|part| part.line).collect();
        assert_eq!(lines, [11, 15, 18, 19, 25, 26, 30, 33]);
    }
}
