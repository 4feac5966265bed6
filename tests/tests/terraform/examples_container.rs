//! `examples/container-service`.
