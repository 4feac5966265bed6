//! Where things are: the workspace, its virtual environment of Python tools, its built binaries.
//!
//! Every lookup that can fail names the command that provides what is missing.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

/// The variable that names another virtual environment than the workspace's `.venv`.
pub const VENV_VARIABLE: &str = "KAIROS_VENV";

/// The variable that names another virtual environment for the scanner than the workspace's `.venv-scanner`.
pub const SCANNER_VARIABLE: &str = "KAIROS_SCANNER_VENV";

/// The variable that names another provider binary than the one of the dev profile.
pub const PROVIDER_VARIABLE: &str = "KAIROS_PROVIDER";

/// The variable that names another program than `terraform`, such as `tofu`.
pub const TERRAFORM_VARIABLE: &str = "KAIROS_TERRAFORM";

/// The workspace's top-level folder.
pub fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_path_buf()
}

/// Cargo's target folder.
pub fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir))
}

/// A Python tool of the virtual environment, such as `python` or `ministack`.
pub fn venv_tool(tool: &str) -> Result<PathBuf> {
    python_tool(VENV_VARIABLE, ".venv", "requirements.txt", tool)
}

/// A Python tool of the scanner's virtual environment, such as `python`: what it pins cannot stand beside the others.
pub fn scanner_tool(tool: &str) -> Result<PathBuf> {
    python_tool(SCANNER_VARIABLE, ".venv-scanner", "requirements-scanner.txt", tool)
}

fn python_tool(variable: &str, folder: &str, requirements: &str, tool: &str) -> Result<PathBuf> {
    let venv = env::var_os(variable).map_or_else(|| root().join(folder), PathBuf::from);
    let path = venv.join("bin").join(tool);
    if !path.exists() {
        bail!(
            "\"{}\" is missing: run `cargo xtask venv`, which installs {requirements} there",
            path.display()
        );
    }
    Ok(path)
}

/// The provider's binary: `KAIROS_PROVIDER`, otherwise the dev profile's.
pub fn provider() -> Result<PathBuf> {
    let built = || target().join("debug").join("terraform-provider-kairos");
    let path = env::var_os(PROVIDER_VARIABLE).map_or_else(built, PathBuf::from);
    if !path.exists() {
        bail!(
            "the provider's binary \"{}\" is missing: run `cargo xtask package`, then `cargo build --package terraform-provider-kairos`",
            path.display()
        );
    }
    Ok(path)
}

/// Terraform, or the program that `KAIROS_TERRAFORM` names in its place.
pub fn terraform() -> Result<PathBuf> {
    let program = env::var(TERRAFORM_VARIABLE).unwrap_or_else(|_| "terraform".to_owned());
    on_path(
        &program,
        "install it from https://developer.hashicorp.com/terraform/install",
    )
}

/// A program on the `PATH`.
pub fn on_path(program: &str, how_to_get_it: &str) -> Result<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    match env::split_paths(&path)
        .map(|dir| dir.join(program))
        .find(|candidate| candidate.is_file())
    {
        Some(found) => Ok(found),
        None => bail!("\"{program}\" is not on the PATH: {how_to_get_it}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_the_folder_of_the_lock_file() {
        assert!(root().join("Cargo.lock").is_file());
    }

    #[test]
    fn a_missing_program_is_named_with_how_to_get_it() {
        let error = on_path("no-such-program", "install it from its site")
            .err()
            .map(|e| e.to_string());
        assert_eq!(
            error.as_deref(),
            Some("\"no-such-program\" is not on the PATH: install it from its site")
        );
    }
}
