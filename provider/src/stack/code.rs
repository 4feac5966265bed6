//! The Lambda zips that this build carries.
//!
//! Invariant: an architecture is carried with all three functions or not at all.

use super::config::Architecture;
use super::kinds::function::Code;
use super::topology::Codes;

/// The command that makes the zips.
pub const PACKAGE_COMMAND: &str = "cargo xtask package";

/// One zip.
struct Zip {
    function: &'static str,
    architecture: &'static str,
    /// Base64, as Lambda writes `CodeSha256`.
    sha256: &'static str,
    bytes: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// The architectures that this build carries.
pub fn architectures() -> Vec<Architecture> {
    let carried = |a: &Architecture| EMBEDDED.iter().any(|zip| zip.architecture == a.as_str());
    [Architecture::X86, Architecture::Arm64]
        .into_iter()
        .filter(carried)
        .collect()
}

/// The code for an architecture; `None` where this build does not carry it.
pub fn codes(architecture: Architecture) -> Option<Codes> {
    let of = |function: &str| {
        let zip = EMBEDDED
            .iter()
            .find(|z| z.function == function && z.architecture == architecture.as_str())?;
        Some(Code::digested(zip.sha256, zip.bytes))
    };
    Some(Codes {
        dispatcher: of("dispatcher")?,
        executor: of("executor")?,
        api: of("api")?,
    })
}

/// Code that nothing in AWS is equal to: what a build without zips compares with, so that it can still read.
pub fn none() -> Codes {
    let missing = || Code::held("(not embedded)");
    Codes {
        dispatcher: missing(),
        executor: missing(),
        api: missing(),
    }
}
