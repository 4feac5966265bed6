//! `examples/api-health`.
