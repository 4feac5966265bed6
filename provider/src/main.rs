//! The provider's binary.

use std::process::ExitCode;

use terraform_provider_kairos::provider::Kairos;
use tfplugin::About;

fn main() -> ExitCode {
    let about = About {
        name: "kairos",
        version: env!("CARGO_PKG_VERSION"),
        source: "kairos/kairos",
        crates: &["terraform_provider_kairos", "kairos", "kairos_aws"],
    };
    tfplugin::serve(Kairos, about)
}
