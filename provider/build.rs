//! Embeds the Lambda zips that `cargo xtask package` wrote, each with its digest.
//!
//! Invariant: without zips the crate still compiles; it embeds none, and says so when a stack is planned.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

const FUNCTIONS: [&str; 3] = ["dispatcher", "executor", "api"];
const ARCHITECTURES: [&str; 2] = ["x86_64", "arm64"];

fn main() -> Result<(), Box<dyn Error>> {
    let zips = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../target/lambdas");
    // It is watched, and a folder that is missing would count as changed at every build.
    fs::create_dir_all(&zips)?;
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={}", zips.display());

    let out = PathBuf::from(env::var("OUT_DIR")?);
    let mut table = String::from("static EMBEDDED: &[Zip] = &[\n");
    for architecture in ARCHITECTURES {
        // All three, or none: a stack needs them all.
        let files = FUNCTIONS.map(|function| (function, zips.join(format!("{function}-{architecture}.zip"))));
        if !files.iter().all(|(_, file)| file.is_file()) {
            continue;
        }
        for (function, file) in files {
            let bytes = fs::read(&file)?;
            let name = format!("{function}-{architecture}.zip");
            fs::write(out.join(&name), &bytes)?;
            let sha256 = BASE64_STANDARD.encode(Sha256::digest(&bytes));
            writeln!(
                table,
                "    Zip {{ function: {function:?}, architecture: {architecture:?}, sha256: {sha256:?}, \
                 bytes: include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{name}\")) }},"
            )?;
        }
    }
    table.push_str("];\n");
    fs::write(out.join("embedded.rs"), table)?;
    Ok(())
}
