//! Kairos.
