//! Many configurations validated by one run of terraform: each is a module of a root that does nothing but call them, so that
//! every provider is started for all of them at once, and not for each.
//!
//! Invariant: what is found is told with the file and the line at which it was given.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::fs;

use anyhow::{Context, Result};

use crate::pages::{Part, parts};
use crate::terraform::REQUIRED_PROVIDERS;
use crate::{Account, Terraform};

/// The configurations, in folders below one of terraform's.
#[derive(Debug)]
pub struct Together {
    terraform: Terraform,
    root: Vec<String>,
    count: usize,
    /// The files of the root that hold a block of a module: where it comes from, and how many lines it stood further down.
    moved: BTreeMap<String, (String, u64)>,
}

/// What is wrong with one of them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file, with its folder, and the line; none where terraform tells none.
    pub place: Option<(String, u64)>,
    /// What terraform says.
    pub text: String,
}

impl Together {
    /// None yet. Nothing is asked of AWS while validating.
    pub fn new() -> Result<Self> {
        let account = Account::new("http://127.0.0.1:9", "123456789012", "sa-east-1");
        Ok(Self {
            terraform: Terraform::bare(&account)?,
            // Unknown, whatever it is asked for.
            root: vec![REQUIRED_PROVIDERS.to_owned(), "variable \"any\" {}\n".to_owned()],
            count: 0,
            moved: BTreeMap::new(),
        })
    }

    /// A file that a configuration takes something from.
    pub fn add_file(&self, path: &str, content: &[u8]) -> Result<()> {
        let file = self.terraform.dir().join(path);
        fs::create_dir_all(file.parent().unwrap_or(&file)).with_context(|| format!("making the folder of {path}"))?;
        fs::write(&file, content).with_context(|| format!("writing {path}"))
    }

    /// The configuration of a folder: its files by name.
    pub fn add(&mut self, folder: &str, files: &[(String, String)]) -> Result<()> {
        let module = format!("m{}", self.count);
        self.count += 1;
        self.root
            .push(format!("module \"{module}\" {{\n  source = \"./{folder}\"\n"));
        for (name, text) in files {
            let (mut text, path) = (text.clone(), format!("{folder}/{name}"));
            for part in parts(&text.clone(), 1) {
                if let Some(variable) = wanted(&part) {
                    self.root.push(format!("  {variable} = var.any\n"));
                }
                // Only a root may import; there the address has the module before it.
                if part.text.starts_with("import ") {
                    let root = format!("{}-{}.tf", path.replace('/', "-"), part.line);
                    let address = part.value("to").unwrap_or_default();
                    let import = part.text.replacen(address, &format!("module.{module}.{address}"), 1);
                    self.terraform.write(&root, &import)?;
                    self.moved
                        .insert(root, (path.clone(), u64::try_from(part.line)?.saturating_sub(1)));
                    let lines = part.text.matches('\n').count();
                    text = text.replacen(&part.text, &"\n".repeat(lines), 1);
                }
            }
            self.add_file(&path, text.as_bytes())?;
        }
        self.root.push("}\n".to_owned());
        Ok(())
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// What is wrong with them.
    ///
    /// # Errors
    /// Terraform cannot read them at all, which it says with file and line.
    pub fn problems(&self) -> Result<Vec<Problem>> {
        self.terraform.write("main.tf", &self.root.concat())?;
        let init = ["init", "-no-color", "-backend=false"];
        self.terraform.run(&init)?.succeeded("init of all configurations")?;
        let report = self.terraform.validate()?;
        let mut problems: Vec<Problem> = report
            .errors()
            .iter()
            .map(|error| Problem {
                place: error.place.clone().map(|place| self.given(place)),
                text: error.text(),
            })
            .collect();
        if !report.success && problems.is_empty() {
            problems.push(Problem {
                place: None,
                text: report.raw,
            });
        }
        problems.sort();
        Ok(problems)
    }

    fn given(&self, (file, line): (String, u64)) -> (String, u64) {
        match self.moved.get(&file) {
            Some((from, further)) => (from.clone(), line + further),
            None => (file, line),
        }
    }
}

/// The variable that must be given for a part, if it is one.
fn wanted(part: &Part) -> Option<&str> {
    let name = part.declares.first()?.strip_prefix("var.")?;
    let optional = part.value("default").is_some() || part.text.contains("{ default");
    (!optional).then_some(name)
}

impl Display for Problem {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some((file, line)) => write!(f, "{file}:{line}: {}", self.text),
            None => f.write_str(&self.text),
        }
    }
}
