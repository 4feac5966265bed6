//! Compiles the protocol's messages and services without `protoc`.
//!
//! Clients are generated too: the tests of this crate speak to the server as terraform does.

use std::error::Error;

/// For messages that nobody sends.
const NAMESPACE: &str = r#"#[expect(dead_code, reason = "only the namespace of other messages")]"#;

fn main() -> Result<(), Box<dyn Error>> {
    let files = ["proto/tfplugin6.proto", "proto/plugin.proto"];
    println!("cargo:rerun-if-changed=proto");
    let descriptors = protox::compile(files, ["proto"])?;
    let mut builder = tonic_prost_build::configure()
        .build_transport(false)
        .generate_default_stubs(true)
        .btree_map(".");
    for file in &descriptors.file {
        for message in &file.message_type {
            if message.field.is_empty() && !message.nested_type.is_empty() {
                // Without a leading dot the path is this message's alone, and not that of what is nested in it.
                let path = format!("{}.{}", file.package(), message.name());
                builder = builder.message_attribute(path, NAMESPACE);
            }
        }
    }
    builder.compile_fds(descriptors)?;
    Ok(())
}
