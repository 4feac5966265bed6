//! The links of the documentation: what a page of ours names in the repository is there, heading and all.
//!
//! Links to other sites are left alone: they are nobody's to check without a network.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::shell::{ask, command, root};

/// Follows every link of every page; fails with a list of those that lead nowhere.
pub(crate) fn check() -> Result<()> {
    let pages = pages()?;
    let headings = |page: &Path| -> Result<BTreeSet<String>> {
        let text = fs::read_to_string(root().join(page)).with_context(|| format!("reading \"{}\"", page.display()))?;
        Ok(anchors(&text))
    };
    let (mut known, mut broken, mut followed) = (BTreeMap::new(), Vec::new(), 0);
    for page in &pages {
        let text = fs::read_to_string(root().join(page)).with_context(|| format!("reading \"{}\"", page.display()))?;
        for (line, link) in links(&text) {
            followed += 1;
            let (file, anchor) = link
                .split_once('#')
                .map_or((link.as_str(), None), |(file, anchor)| (file, Some(anchor)));
            let target = match (file, page.parent()) {
                ("", _) => page.clone(),
                (file, Some(folder)) => plain(&folder.join(file)),
                (file, None) => plain(Path::new(file)),
            };
            let told = || format!("{}:{line}: {link}", page.display());
            if !root().join(&target).exists() {
                broken.push(told());
            } else if let Some(anchor) = anchor
                && target.extension().is_some_and(|extension| extension == "md")
            {
                if !known.contains_key(&target) {
                    known.insert(target.clone(), headings(&target)?);
                }
                if !known.get(&target).is_some_and(|headings| headings.contains(anchor)) {
                    broken.push(told());
                }
            }
        }
    }
    ensure!(
        followed > 50,
        "only {followed} links were found in {} pages",
        pages.len()
    );
    ensure!(broken.is_empty(), "links that lead nowhere:\n{}", broken.join("\n"));
    println!("{followed} links of {} pages lead somewhere", pages.len());
    Ok(())
}

/// What git knows, or would take, of Markdown.
fn pages() -> Result<Vec<PathBuf>> {
    let list = ["ls-files", "--cached", "--others", "--exclude-standard", "--", "*.md"];
    let listed = ask(command("git").args(list)).context("asking git for the pages")?;
    let pages = listed.lines().map(PathBuf::from);
    Ok(pages.filter(|page| root().join(page).is_file()).collect())
}

/// The links of a page into the repository, each with its line, and none out of code.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in prose(text) {
        for (start, _) in line.match_indices("](") {
            // An odd number of backticks before it: it stands in code.
            let in_code = line[..start].matches('`').count() % 2 == 1;
            let link = line[start + 2..].split([')', ' ']).next().unwrap_or_default();
            if !in_code && !link.is_empty() && !link.contains("://") && !link.starts_with("mailto:") {
                found.push((number, link.to_owned()));
            }
        }
    }
    found
}

/// The lines outside of code blocks, counted from one.
fn prose(text: &str) -> impl Iterator<Item = (usize, String)> {
    let mut fence: Option<String> = None;
    let lines: Vec<_> = text
        .lines()
        .enumerate()
        .filter_map(|(index, line)| {
            let start = line.trim_start();
            let ticks: String = start.chars().take_while(|c| *c == '`').collect();
            match &fence {
                Some(open) if ticks.len() >= open.len() => fence = None,
                Some(_) => {}
                None if ticks.len() >= 3 => fence = Some(ticks),
                None => return Some((index + 1, line.to_owned())),
            }
            None
        })
        .collect();
    lines.into_iter()
}

/// The anchors that GitHub makes of a page's headings, and those that it has itself, each on a line of its own.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    for (_, line) in prose(text) {
        if let Some(name) = line
            .strip_prefix("<a id=\"")
            .and_then(|rest| rest.strip_suffix("\"></a>"))
        {
            anchors.insert(name.to_owned());
        }
        let title = line.trim_start_matches('#');
        if title.len() == line.len() || !title.starts_with(' ') {
            continue;
        }
        let slug: String = title
            .trim()
            .to_lowercase()
            .chars()
            .filter_map(|c| match c {
                ' ' => Some('-'),
                c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
                _ => None,
            })
            .collect();
        let again = (1..).map(|n| format!("{slug}-{n}"));
        let free = std::iter::once(slug.clone())
            .chain(again)
            .find(|name| !anchors.contains(name));
        anchors.extend(free);
    }
    anchors
}

/// A path without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => drop(plain.pop()),
            other => plain.push(other),
        }
    }
    plain
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn links_are_found_outside_of_code() {
        let text = "a [b](c.md) and [`d`](../e.rs#f)\n```text\n[no](no.md)\n```\n`[no](no.md)` [far](https://example.com) [g](#h)";
        let expected = [(1, "c.md"), (1, "../e.rs#f"), (5, "#h")];
        assert_eq!(links(text), expected.map(|(line, link)| (line, link.to_owned())));
    }

    #[test]
    fn headings_are_anchors_as_github_makes_them() {
        let text = "# The API, `v1`\n## Same\n```\n# no\n```\n## Same\n### Qué pasó\n#no\n<a id=\"nested--x\"></a>\n";
        let expected = ["nested--x", "qué-pasó", "same", "same-1", "the-api-v1"];
        assert_eq!(anchors(text), expected.map(str::to_owned).into());
    }

    #[test]
    fn a_path_loses_its_detours() {
        assert_eq!(
            plain(Path::new("docs/guides/../api/./README.md")),
            Path::new("docs/api/README.md")
        );
    }
}
