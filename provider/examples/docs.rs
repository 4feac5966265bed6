//! Writes the registry's documentation, `docs/{index.md,resources,data-sources,functions}`, for `cargo xtask docs`.

use std::error::Error;
use std::fs;
use std::path::Path;

use terraform_provider_kairos::docs;

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for (page, text) in docs::pages(&root)? {
        let file = root.join("docs").join(&page);
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&file, text).map_err(|error| format!("writing docs/{page} failed: {error}"))?;
    }
    Ok(())
}
