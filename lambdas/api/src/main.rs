//! Kairos.
fn main() {}
