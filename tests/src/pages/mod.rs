//! The configurations that pages of the documentation show, put together as their readers do it.
//!
//! A page is read from top to bottom as one configuration: what a later block declares again takes the place of what stood
//! there. Invariant: every part keeps the line that it has in its page, so that what terraform says of it can be found there.

mod parts;
mod references;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail, ensure};

use crate::terraform::REQUIRED_PROVIDERS;

pub use parts::{Part, parts};
use references::references;

/// The languages of fences that hold a configuration.
const LANGUAGES: [&str; 3] = ["hcl", "terraform", "tf"];

/// The comment before a fence whose content is no configuration, with the reason; any other content must be valid.
const MARKER: &str = "<!-- not a configuration:";

/// What hashicorp/aws would tell, where it is not at hand.
const ELSEWHERE: &str = "var.elsewhere";

/// A fenced block of HCL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The line of the page at which the content begins; the first is 1.
    pub line: usize,
    /// The content, without the indentation of the fence.
    pub code: String,
    /// Why it is no configuration, where it is none.
    pub reason: Option<String>,
}

/// What stands in for objects that a page refers to and leaves to its reader: a block for each type, with the name `_`.
#[derive(Debug)]
pub struct StandIns(BTreeMap<String, Part>);

/// A configuration that a page shows.
#[derive(Debug, Clone)]
pub struct Configuration {
    parts: Vec<Part>,
}

/// The fenced blocks of HCL of a page.
///
/// # Errors
/// A fence is not closed or not seen as one, or a marker stands before something else.
pub fn blocks(text: &str) -> Result<Vec<Block>> {
    let (mut blocks, mut reason) = (Vec::new(), None);
    let mut lines = text.lines().zip(1..);
    while let Some((line, at)) = lines.next() {
        let Some(fence) = Fence::opened_by(line) else {
            let hidden = LANGUAGES
                .iter()
                .any(|language| line.contains(&format!("```{language}")));
            ensure!(!hidden, "line {at}: a block that is not seen as one");
            ensure!(
                reason.is_none() || line.trim().is_empty(),
                "line {at}: \"{MARKER} …\" must stand right before a block"
            );
            reason = reason.or_else(|| marked(line));
            continue;
        };
        let mut code = String::new();
        loop {
            let (line, _) = lines
                .next()
                .with_context(|| format!("line {at}: the block has no end"))?;
            if fence.is_closed_by(line) {
                break;
            }
            code.push_str(line.get(fence.indent..).unwrap_or_default());
            code.push('\n');
        }
        ensure!(
            LANGUAGES.contains(&fence.language) || !code.lines().any(is_hcl),
            "line {at}: HCL in a block whose fence does not say so"
        );
        if LANGUAGES.contains(&fence.language) {
            let reason = reason.take();
            blocks.push(Block {
                line: at + 1,
                code,
                reason,
            });
        }
        ensure!(reason.is_none(), "line {at}: \"{MARKER} …\" before what is no HCL");
    }
    Ok(blocks)
}

/// Whether a line opens a block of a configuration: `resource "kairos_stack" "this" {`. A plan has a sign before it.
fn is_hcl(line: &str) -> bool {
    let kinds = ["resource \"", "data \"", "provider \"", "module \""];
    kinds.iter().any(|kind| line.starts_with(kind)) && line.ends_with('{')
}

/// The reason in a marker; one without a reason is none.
fn marked(line: &str) -> Option<String> {
    let reason = line.trim().strip_prefix(MARKER)?.strip_suffix("-->")?.trim();
    (!reason.is_empty()).then(|| reason.to_owned())
}

#[derive(Debug)]
struct Fence<'a> {
    indent: usize,
    mark: &'a str,
    language: &'a str,
}

impl<'a> Fence<'a> {
    fn opened_by(line: &'a str) -> Option<Self> {
        let content = line.trim_start_matches(' ');
        let mark = content.len() - content.trim_start_matches('`').len();
        let mark = content.get(..mark).filter(|mark| mark.len() >= 3)?;
        let language = content.get(mark.len()..)?.split_whitespace().next().unwrap_or_default();
        let indent = line.len() - content.len();
        (!language.contains('`')).then_some(Self { indent, mark, language })
    }

    fn is_closed_by(&self, line: &str) -> bool {
        let line = line.trim();
        line.len() >= self.mark.len() && line.bytes().all(|byte| byte == b'`')
    }
}

/// The blocks where they stand in their page, and nothing else: what `terraform fmt` is asked about.
pub fn in_place(blocks: &[Block]) -> String {
    let shown = blocks.iter().filter(|block| block.reason.is_none());
    laid_out(shown.map(|block| (block.line, block.code.as_str())))
}

/// The configurations that a page shows: the last, and before it each that a later block takes something away from.
pub fn configurations(blocks: &[Block]) -> Vec<Configuration> {
    let (mut all, mut parts): (Vec<_>, Vec<Part>) = (Vec::new(), Vec::new());
    for block in blocks.iter().filter(|block| block.reason.is_none()) {
        let fresh = self::parts(&block.code, block.line);
        let again = |part: &Part| {
            fresh
                .iter()
                .any(|other| other.declares.iter().any(|name| part.declares.contains(name)))
        };
        if parts.iter().any(again) {
            all.push(Configuration { parts: parts.clone() });
            parts.retain(|part| !again(part));
        }
        parts.extend(fresh);
    }
    if !parts.is_empty() {
        all.push(Configuration { parts });
    }
    all
}

impl StandIns {
    /// Those of a file.
    pub fn of(text: &str) -> Self {
        let part = |part: Part| Some((part.declares.first()?.strip_suffix("._")?.to_owned(), part));
        Self(parts(text, 1).into_iter().filter_map(part).collect())
    }

    fn named(&self, address: &str) -> Option<Part> {
        let (kind, name) = address.rsplit_once('.')?;
        let part = self.0.get(kind)?;
        let text = part.text.replacen("\"_\"", &format!("\"{name}\""), 1);
        Some(Part {
            text,
            declares: vec![address.to_owned()],
            ..part.clone()
        })
    }
}

impl Configuration {
    /// Whether hashicorp/aws must judge it.
    pub fn needs_aws(&self) -> bool {
        self.parts
            .iter()
            .any(|part| part.is_of_aws() || references(&part.text).iter().any(|(_, address)| is_of_aws(address)))
    }

    /// The same without what hashicorp/aws must judge, and what the rest takes from that unknown; nothing where nothing is
    /// left.
    pub fn without_aws(&self) -> Option<Self> {
        let left = self.parts.iter().filter(|part| !part.is_of_aws());
        let parts: Vec<Part> = left.cloned().map(Part::without_aws).collect();
        (!parts.is_empty()).then_some(Self { parts })
    }

    /// The same with a module from another place than the page tells.
    #[must_use]
    pub fn with_module(mut self, source: &str, place: &str) -> Self {
        for part in &mut self.parts {
            part.text = part.text.replace(&format!("{source:?}"), &format!("{place:?}"));
        }
        self
    }

    /// Its files, by name: `page.tf` with every line where it is in the page, and what the page leaves to its reader.
    ///
    /// # Errors
    /// It refers to an object that neither the page nor `stand_ins` has.
    pub fn files(&self, stand_ins: &StandIns) -> Result<Vec<(String, String)>> {
        let declared: BTreeSet<&String> = self.parts.iter().flat_map(|part| &part.declares).collect();
        let mut missing = BTreeMap::new();
        for part in self.parts.iter().filter(|part| !part.is_of_the_past()) {
            for (range, address) in references(&part.text) {
                if !declared.contains(&address) && !missing.contains_key(&address) {
                    let line = part.line + part.text.get(..range.start).unwrap_or_default().matches('\n').count();
                    missing.insert(address.clone(), stand_in(&address, line, stand_ins)?);
                }
            }
        }
        let missing: Vec<String> = missing.into_values().flatten().collect();
        let page = laid_out(self.parts.iter().map(|part| (part.line, part.text.as_str())));
        let mut files = vec![
            ("page.tf".to_owned(), page),
            ("stand-ins.tf".to_owned(), missing.join("\n")),
        ];
        if !files.iter().any(|(_, text)| text.contains("\"kairos/kairos\"")) {
            files.push(("versions.tf".to_owned(), REQUIRED_PROVIDERS.to_owned()));
        }
        Ok(files)
    }
}

/// The block for what a page refers to at `line` and does not declare; none where terraform is to judge.
fn stand_in(address: &str, line: usize, stand_ins: &StandIns) -> Result<Option<String>> {
    if let Some(name) = address.strip_prefix("var.") {
        return Ok(Some(format!("variable \"{name}\" {{}}\n")));
    }
    if ["local.", "module."].iter().any(|kind| address.starts_with(kind)) {
        return Ok(None);
    }
    match stand_ins.named(address) {
        Some(part) => Ok(Some(part.text + "\n")),
        None => {
            bail!("{line}: {address} is not declared in the page, and nothing stands in for objects of its type")
        }
    }
}

fn is_of_aws(address: &str) -> bool {
    address.strip_prefix("data.").unwrap_or(address).starts_with("aws_")
}

/// Texts at their lines.
fn laid_out<'a>(pieces: impl Iterator<Item = (usize, &'a str)>) -> String {
    let mut text = String::new();
    let mut pieces: Vec<_> = pieces.collect();
    pieces.sort_unstable();
    for (line, piece) in pieces {
        let at = text.matches('\n').count() + 1;
        text.push_str(&"\n".repeat(line.saturating_sub(at)));
        text.push_str(piece.trim_end_matches('\n'));
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# Page\n\n```terraform\nresource \"kairos_stack\" \"this\" {\n  name = var.name\n}\n\nlocals {\n  a = 1\n}\n```\n\n1. Later:\n\n   ```hcl\n   resource \"kairos_stack\" \"this\" {\n     name = local.a\n     arn  = aws_iam_role.r[0].arn\n   }\n   ```\n\n<!-- not a configuration: the CLI's own file -->\n\n```hcl\nprovider_installation {}\n```\n\n```sh\nterraform init\n```\n";

    #[test]
    fn blocks_are_found_with_their_lines() -> Result<()> {
        let blocks = blocks(PAGE)?;
        let lines: Vec<_> = blocks.iter().map(|block| block.line).collect();
        assert_eq!(lines, [4, 16, 25]);
        assert!(blocks.get(1).is_some_and(|block| block.code.starts_with("resource ")));
        let reasons: Vec<_> = blocks.iter().filter_map(|block| block.reason.as_deref()).collect();
        assert_eq!(reasons, ["the CLI's own file"]);
        Ok(())
    }

    #[test]
    fn what_would_be_passed_over_is_refused() {
        for (page, told) in [
            ("```hcl\nlocals {}\n", "line 1: the block has no end"),
            (
                "> ```hcl\n> locals {}\n> ```\n",
                "line 1: a block that is not seen as one",
            ),
            ("```\nresource \"a\" \"b\" {\n}\n```\n", "line 1: HCL in a block"),
            ("<!-- not a configuration: why -->\ntext\n", "line 2: "),
            ("<!-- not a configuration: why -->\n```sh\n```\n", "line 2: "),
        ] {
            let error = blocks(page).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.starts_with(told), "{page:?}: {error}");
        }
        assert_eq!(marked("<!-- not a configuration: -->"), None);
    }

    #[test]
    fn a_later_block_takes_the_place_of_an_earlier_one() -> Result<()> {
        let all = configurations(&blocks(PAGE)?);
        assert_eq!(all.len(), 2);
        let files = |at: usize| -> Result<BTreeMap<String, String>> {
            let stand_ins = StandIns::of("resource \"aws_iam_role\" \"_\" {\n  count = 1\n}\n");
            Ok(all.get(at).context("too few")?.files(&stand_ins)?.into_iter().collect())
        };
        let first = files(0)?;
        let line = |text: &str, at: usize| text.lines().nth(at - 1).map(str::to_owned);
        assert_eq!(line(&first["page.tf"], 5).as_deref(), Some("  name = var.name"));
        assert_eq!(first["stand-ins.tf"], "variable \"name\" {}\n");
        assert_eq!(first["versions.tf"], REQUIRED_PROVIDERS);
        let last = files(1)?;
        assert_eq!(line(&last["page.tf"], 4).as_deref(), Some(""));
        assert_eq!(line(&last["page.tf"], 9).as_deref(), Some("  a = 1"));
        assert_eq!(line(&last["page.tf"], 17).as_deref(), Some("  name = local.a"));
        assert!(last["stand-ins.tf"].starts_with("resource \"aws_iam_role\" \"r\" {"));
        Ok(())
    }

    #[test]
    fn what_nothing_stands_in_for_is_told_with_its_line() -> Result<()> {
        let all = configurations(&blocks(PAGE)?);
        let error = all.last().context("none")?.files(&StandIns::of("")).err();
        let error = error.map(|error| error.to_string()).unwrap_or_default();
        assert!(error.starts_with("18: aws_iam_role.r is not declared"), "{error}");
        Ok(())
    }

    #[test]
    fn without_aws_the_rest_is_left() -> Result<()> {
        let page = "```hcl\nresource \"aws_iam_role\" \"r\" {}\nresource \"kairos_proceso\" \"p\" {\n  arn_rol = aws_iam_role.r.arn # aws_iam_role.r\n  nombre  = \"${aws_iam_role.r.name} aws_iam_role.r\"\n}\n```\n";
        let all = configurations(&blocks(page)?);
        let one = all.first().context("none")?;
        assert!(one.needs_aws());
        let rest = one.without_aws().context("nothing is left")?;
        assert!(!rest.needs_aws());
        let files: BTreeMap<_, _> = rest.files(&StandIns::of(""))?.into_iter().collect();
        assert_eq!(
            files["page.tf"],
            "\n\nresource \"kairos_proceso\" \"p\" {\n  arn_rol = var.elsewhere.arn # aws_iam_role.r\n  nombre  = \"${var.elsewhere.name} aws_iam_role.r\"\n}\n"
        );
        assert_eq!(files["stand-ins.tf"], "variable \"elsewhere\" {}\n");
        let only = configurations(&blocks("```hcl\nprovider \"aws\" {}\n```\n")?);
        assert!(only.first().is_some_and(|only| only.without_aws().is_none()));
        Ok(())
    }
}
