//! Everything that users read in HCL, the blocks of the documentation and the examples: as `terraform fmt` writes it, and
//! valid for the real providers.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use acceptance::pages::{self, Block, StandIns};
use acceptance::together::{Problem, Together};
use acceptance::{peer, workspace};
use anyhow::{Context, Result, bail, ensure};

/// The module of ours that pages call as a registry would have it, and where it is.
const MODULE: (&str, &str) = ("acme/kairos/aws", "examples/module");

/// Where pages are among what is validated together.
const PAGES: &str = "pages/";

/// Folders of the registry's layout: each file is shown in a page by itself, and stands alone.
const ALONE: [&str; 4] = ["provider", "resources", "data-sources", "functions"];

#[test]
fn every_block_of_the_documentation_is_formatted_and_valid() -> Result<()> {
    let (mut check, mut count) = (Check::new()?, 0);
    let mut blocks = BTreeMap::new();
    for page in pages_of(&workspace::root())? {
        let text = fs::read_to_string(workspace::root().join(&page)).with_context(|| format!("reading {page}"))?;
        let found = pages::blocks(&text).with_context(|| page.clone())?;
        count += found.len();
        blocks.insert(page, found);
    }
    in_form(&blocks)?;
    for (page, blocks) in &blocks {
        check.page(page, blocks)?;
    }
    let problems = check.problems("of the blocks of")?;
    ensure!(problems.is_empty(), "{}", problems.join("\n"));
    ensure!(count >= 60, "only {count} blocks were found");
    Ok(())
}

/// The test above finds what is wrong, and says where.
#[test]
fn a_wrong_block_is_named_by_page_and_line() -> Result<()> {
    let stack =
        "resource \"kairos_stack\" \"this\" {\n  name     = \"Kairos\"\n  executor = { role_prefix = \"proceso-\" }";
    let page = |code: &str| format!("# Page\n\n```terraform\n{code}\n```\n");
    // In two of the page's configurations, and told once.
    let twice =
        page(&format!("{stack}\n  color    = \"rojo\"\n}}\nlocals {{\n  a = 1\n}}")) + &page("locals {\n  a = 2\n}");
    let pages = [
        ("right.md", page(&format!("{stack}\n}}"))),
        ("attribute.md", page(&format!("{stack}\n  color    = \"rojo\"\n}}"))),
        ("twice.md", twice),
        ("local.md", page("output \"uno\" {\n  value = local.nada\n}")),
        (
            "value.md",
            page(
                "data \"kairos_ejecuciones\" \"uno\" {\n  stack  = \"Kairos\"\n  estado = \"Bien\"\n  dia    = \"2026-01-01\"\n}",
            ),
        ),
        (
            "import.md",
            page("import {\n  to = kairos_stack.this\n  id = local.nada\n}"),
        ),
        ("type.md", page("output \"uno\" {\n  value = kairos_pila.this\n}")),
    ];
    let mut check = Check::new()?;
    for (name, text) in &pages {
        check.page(&format!("docs/{name}"), &pages::blocks(text)?)?;
    }
    let problems = check.problems("of the mutants of")?;
    let places: Vec<&str> = problems
        .iter()
        .filter_map(|problem| problem.split(": ").next())
        .collect();
    assert_eq!(
        places,
        [
            "docs/attribute.md:7",
            "docs/import.md:6",
            "docs/local.md:5",
            "docs/twice.md:7",
            "docs/type.md:5",
            "docs/value.md:6"
        ],
        "{problems:#?}"
    );
    let told = |text: &str| problems.iter().any(|problem| problem.contains(text));
    ensure!(
        told("An argument named \"color\" is not expected here"),
        "{problems:#?}"
    );
    ensure!(told("kairos_pila.this is not declared"), "{problems:#?}");

    let unformatted = BTreeMap::from([("docs/a.md".to_owned(), pages::blocks(&page("locals {\n  uno=1\n}"))?)]);
    let changes = in_form(&unformatted)
        .err()
        .map(|error| error.to_string())
        .unwrap_or_default();
    ensure!(
        changes.contains("docs/a.md") && changes.contains("+  uno = 1"),
        "{changes}"
    );
    Ok(())
}

#[test]
fn every_example_is_formatted_and_valid() -> Result<()> {
    formatted(&workspace::root().join("examples"))?;
    let mut check = Check::new()?;
    for path in files_below(&workspace::root(), "examples")? {
        let alone = ALONE
            .iter()
            .any(|alone| path.starts_with(&format!("examples/{alone}/")));
        if alone && is_configuration(&path) {
            let code = fs::read_to_string(workspace::root().join(&path)).with_context(|| format!("reading {path}"))?;
            let block = Block {
                line: 1,
                code,
                reason: None,
            };
            check.page(&path, &[block])?;
        }
        check.file(&path)?;
    }
    for (name, files) in folders()? {
        check.folder(&name, &files)?;
    }
    let count = check.together.count();
    let problems = check.problems("of")?;
    ensure!(problems.is_empty(), "{}", problems.join("\n"));
    ensure!(count >= 20, "only {count} configurations were found");
    Ok(())
}

#[test]
fn the_table_has_a_row_for_every_example() -> Result<()> {
    let folder = workspace::root().join("examples");
    let page = fs::read_to_string(folder.join("README.md"))?;
    let mut told = BTreeSet::new();
    for row in page.lines().filter(|line| line.starts_with("| [")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let ["", examples, shows, needs, applied, ""] = cells[..] else {
            bail!("a row that has not four cells: {row}");
        };
        ensure!(
            !shows.is_empty() && !needs.is_empty(),
            "a row that is not complete: {row}"
        );
        ensure!(
            ["yes", "no"].iter().any(|word| applied.starts_with(word)),
            "a row that does not say whether it is applied: {row}"
        );
        for example in examples.split(", ") {
            let name = example.split(['[', ']']).nth(1).unwrap_or_default();
            ensure!(
                example == format!("[{name}]({name})"),
                "a link that leads elsewhere: {example}"
            );
            ensure!(told.insert(name.to_owned()), "{name} has two rows");
        }
    }
    let files = files_below(&workspace::root(), "examples")?;
    let there: BTreeSet<String> = files
        .iter()
        .filter(|path| is_configuration(path))
        .filter_map(|path| example_of(path.strip_prefix("examples/")?))
        .collect();
    assert_eq!(told, there, "the rows of examples/README.md and the folders");
    Ok(())
}

/// The example that a file belongs to.
fn example_of(path: &str) -> Option<String> {
    let (folder, _) = path.rsplit_once('/')?;
    let depth = if folder.starts_with("pipelines/") { 2 } else { 1 };
    Some(folder.split('/').take(depth).collect::<Vec<_>>().join("/"))
}

/// What is validated together, and what was found before.
#[derive(Debug)]
struct Check {
    together: Together,
    stand_ins: StandIns,
    problems: BTreeSet<String>,
    /// Why hashicorp/aws is not at hand, if so.
    no_aws: Option<&'static str>,
    /// Of which it must judge all or a part.
    unjudged: BTreeSet<String>,
}

impl Check {
    fn new() -> Result<Self> {
        let stand_ins = fs::read_to_string(workspace::root().join("tests").join("stand-ins.tf"))?;
        let check = Self {
            together: Together::new()?,
            stand_ins: StandIns::of(&stand_ins),
            problems: BTreeSet::new(),
            no_aws: peer::mirror().err(),
            unjudged: BTreeSet::new(),
        };
        if check.no_aws.is_none() {
            for path in files_below(&workspace::root(), MODULE.1)? {
                check.file(&path)?;
            }
        }
        Ok(check)
    }

    /// The configurations that a page shows.
    fn page(&mut self, page: &str, blocks: &[Block]) -> Result<()> {
        for (configuration, number) in pages::configurations(blocks).into_iter().zip(1..) {
            let configuration = if self.no_aws.is_some() && configuration.needs_aws() {
                self.unjudged.insert(page.to_owned());
                configuration.without_aws()
            } else {
                let up = "../".repeat(page.split('/').count() + 2);
                Some(configuration.with_module(MODULE.0, &format!("{up}{}", MODULE.1)))
            };
            let Some(configuration) = configuration else { continue };
            match configuration.files(&self.stand_ins) {
                Ok(files) => self.together.add(&format!("{PAGES}{page}/{number}"), &files)?,
                Err(missing) => drop(self.problems.insert(format!("{page}:{missing}"))),
            }
        }
        Ok(())
    }

    /// A configuration in a folder, whose other files are there already.
    fn folder(&mut self, name: &str, files: &[(String, String)]) -> Result<()> {
        // What it calls asks for the same providers, and so does it.
        if self.no_aws.is_some() && files.iter().any(|(_, text)| text.contains("\"hashicorp/aws\"")) {
            self.unjudged.insert(name.to_owned());
            return Ok(());
        }
        self.together.add(name, files)
    }

    /// A file of the workspace, at its place.
    fn file(&self, path: &str) -> Result<()> {
        let content = fs::read(workspace::root().join(path)).with_context(|| format!("reading {path}"))?;
        self.together.add_file(path, &content)
    }

    /// Everything that is wrong, by page and line. `what` could not be judged is told.
    fn problems(self, what: &str) -> Result<Vec<String>> {
        let mut problems = self.problems;
        problems.extend(self.together.problems()?.iter().map(in_page));
        if let (Some(reason), false) = (self.no_aws, self.unjudged.is_empty()) {
            let names: Vec<String> = self.unjudged.into_iter().collect();
            peer::skipped(&format!("what hashicorp/aws says {what} {}", names.join(", ")), reason);
        }
        Ok(problems.into_iter().collect())
    }
}

/// A problem at `pages/docs/page.md/2/page.tf`, told as one of the page.
fn in_page(problem: &Problem) -> String {
    let page = |file: &str| -> Option<String> {
        let (page, _number) = file.strip_prefix(PAGES)?.strip_suffix("/page.tf")?.rsplit_once('/')?;
        Some(page.to_owned())
    };
    match &problem.place {
        Some((file, line)) => format!(
            "{}:{line}: {}",
            page(file).unwrap_or_else(|| file.clone()),
            problem.text
        ),
        None => problem.to_string(),
    }
}

/// Fails where `terraform fmt` would change a block of a page.
fn in_form(pages: &BTreeMap<String, Vec<Block>>) -> Result<()> {
    let folder = tempfile::tempdir()?;
    for (page, blocks) in pages {
        let path = folder.path().join(format!("{page}.tf"));
        fs::create_dir_all(path.parent().unwrap_or(&path))?;
        fs::write(&path, pages::in_place(blocks)).with_context(|| format!("writing {}", path.display()))?;
    }
    formatted(folder.path())
}

/// Fails where `terraform fmt` would change something in a folder.
fn formatted(folder: &Path) -> Result<()> {
    let output = Command::new(workspace::terraform()?)
        .args(["fmt", "-check", "-diff", "-no-color", "-recursive"])
        .current_dir(folder)
        .output()
        .context("starting terraform fmt")?;
    ensure!(
        output.status.success(),
        "`terraform fmt` changes, or cannot read:\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// The pages of the project, from its top.
fn pages_of(root: &Path) -> Result<Vec<String>> {
    let top = fs::read_dir(root)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let mut all = top.collect::<Result<Vec<String>>>()?;
    all.retain(|name| root.join(name).is_file());
    all.extend(files_below(root, "docs")?);
    all.extend(files_below(root, "examples")?);
    all.retain(|name| Path::new(name).extension().is_some_and(|extension| extension == "md"));
    Ok(all)
}

/// The folders of examples that hold a configuration, and its files by name.
fn folders() -> Result<BTreeMap<String, Vec<(String, String)>>> {
    let mut found: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for path in files_below(&workspace::root(), "examples")? {
        let alone = ALONE
            .iter()
            .any(|alone| path.starts_with(&format!("examples/{alone}/")));
        if let (Some((folder, name)), false, true) = (path.rsplit_once('/'), alone, is_configuration(&path)) {
            let text = fs::read_to_string(workspace::root().join(&path)).with_context(|| format!("reading {path}"))?;
            found
                .entry(folder.to_owned())
                .or_default()
                .push((name.to_owned(), text));
        }
    }
    Ok(found)
}

fn is_configuration(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|extension| extension == "tf")
}

/// The files below a folder, from `root`, without what is hidden: what terraform leaves behind.
fn files_below(root: &Path, folder: &str) -> Result<Vec<String>> {
    let (mut found, mut waiting) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(next) = waiting.pop() {
        for entry in fs::read_dir(root.join(&next)).with_context(|| format!("reading {next}"))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with('.') {
                continue;
            }
            let path = format!("{next}/{name}");
            if entry.path().is_dir() {
                waiting.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}
