//! The files of a rendering: one of resources a service, the imports, the zips, and how to go on from there.

use std::collections::BTreeMap;

use super::block::Body;
use super::compose::compose;
use super::expr::Expr;
use super::links::Links;
use super::subject::Subject;
use super::write::Writer;
use crate::stack::kind::Tags;
use crate::stack::topology::{Codes, topology};

/// The version of hashicorp/aws that the rendering is tested with, and those after it that break nothing.
const AWS_PROVIDER: &str = "~> 5.100";

/// `import` blocks with ids that are looked up, and `removed` blocks: Terraform 1.7.
const TERRAFORM: &str = ">= 1.7";

/// A rendering.
#[derive(Debug)]
pub struct Files {
    /// The contents by name.
    pub files: BTreeMap<String, Vec<u8>>,
    /// How many resources there are.
    pub resources: usize,
    /// How many of them are imported.
    pub imports: usize,
    /// Components that the state holds otherwise than they are written here.
    pub differing: Vec<String>,
}

/// Writes a stack whose functions have this code.
pub fn render(subject: &Subject, codes: &Codes) -> Files {
    let components = topology(&subject.config, &subject.names, codes);
    let (written, _) = compose(subject, &components);
    let mut texts: BTreeMap<String, String> =
        BTreeMap::from([("main.tf".into(), main(subject)), ("README.md".into(), readme(subject))]);
    let mut files = BTreeMap::new();
    let mut imports = Vec::new();
    let mut resources = 0;
    for component in written {
        resources += component.resources.len();
        let text = texts.entry(format!("{}.tf", component.service)).or_default();
        for block in component.resources {
            append(text, &block);
        }
        imports.extend(component.imports);
        for (name, code) in component.files {
            files.insert(name, code.bytes().unwrap_or_default().to_vec());
        }
    }
    let imported = imports.len();
    if imported > 0 {
        let mut text = IMPORTS.to_owned();
        for block in imports {
            append(&mut text, &block);
        }
        texts.insert("imports.tf".into(), text);
    }
    files.extend(texts.into_iter().map(|(name, text)| (name, text.into_bytes())));
    let differs = |name: &String, digest: String| subject.digests.get(name).is_some_and(|held| *held != digest);
    let differing = components.iter().filter(|c| differs(&c.name, c.node.digest()));
    Files {
        files,
        resources,
        imports: imported,
        differing: differing.map(|c| c.name.clone()).collect(),
    }
}

fn append(text: &mut String, block: &str) {
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(block);
}

/// Versions, provider, and the tags that everything carries.
fn main(subject: &Subject) -> String {
    let (links, none) = (Links::default(), Tags::new());
    let writer = Writer::new(&links, "", &none);
    let place = &subject.names.place;
    let provider = Body::default()
        .set("region", &place.region)
        .set("allowed_account_ids", vec![place.account.as_str()]);
    let mut tags = subject.config.tags.clone();
    tags.insert(kairos::names::Names::OWNER_TAG.into(), subject.names.owner());
    let aws = Expr::Map(vec![
        ("source".into(), "hashicorp/aws".into()),
        ("version".into(), AWS_PROVIDER.into()),
    ]);
    let terraform = Body::default()
        .set("required_version", TERRAFORM)
        .nested("required_providers", Body::default().set("aws", aws));
    let locals = Body::default()
        .set_some("kms_key_arn", subject.config.kms_key_arn.as_ref())
        .set("tags", Expr::Tags(tags));
    let file = Body::default()
        .nested("terraform", terraform)
        .nested("provider \"aws\"", provider)
        .nested("locals", locals);
    format!(
        "# The stack \"{}\" of Kairos as plain resources.\n\n{}",
        subject.names.app,
        writer.body(&file, 0)
    )
}

/// Above the imports.
const IMPORTS: &str = "\
# What exists already is taken over as it is. Once this has been applied, this file has done its work: delete it.
";

/// How to go on from here.
fn readme(subject: &Subject) -> String {
    let Subject { address, names, .. } = subject;
    let marker = names.marker();
    format!(
        r#"# The stack "{app}" without Kairos

This folder is `{address}`
(account {account}, region {region}) as plain resources of hashicorp/aws: a file for each service, the zips of the
functions beside, and in `imports.tf` the ids of what exists. Reading and scanning it changes nothing.

## To leave

1. Make Terraform forget the stack and keep its objects. In the configuration that has it, put this in the place of the
   stack's block, and apply:

   ```hcl
   removed {{
     from = {block}

     lifecycle {{
       destroy = false
     }}
   }}
   ```

   `terraform state rm '{address}'` does the same at once.
2. In this folder, `terraform init` and `terraform plan`: everything is imported, nothing is added or destroyed. Two types
   show a change. A function's code cannot be read back, so that it is uploaded once more, the same bytes; an e-mail
   subscription gets two settings that are hashicorp/aws's own and never reach AWS.
3. `terraform apply`, and delete `imports.tf`.

An e-mail subscription that nobody has confirmed yet has no id to import, and is asked for once more.
The value of the API key is not written here; the key keeps it.

## To come back

The SSM parameter `{marker}` still says that the installation is complete, and takes it back:

    terraform import '{address}' {app}

When you are sure that you never will, delete it: `aws ssm delete-parameter --name {marker}`.
"#,
        app = names.app,
        account = names.place.account,
        region = names.place.region,
        block = without_keys(address),
    )
}

/// `removed` takes no instance keys.
fn without_keys(address: &str) -> String {
    let mut text = String::new();
    let mut depth = 0;
    for c in address.chars() {
        match c {
            '[' => depth += 1,
            ']' => depth -= 1,
            c if depth == 0 => text.push(c),
            _ => {}
        }
    }
    text
}
