//! The protocol's messages and services, generated from `proto/`.

#![expect(unreachable_pub, clippy::pedantic, reason = "generated")]

pub mod tfplugin6 {
    tonic::include_proto!("tfplugin6");
}

pub mod plugin {
    tonic::include_proto!("plugin");
}
