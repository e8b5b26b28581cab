//! What the results of docs/trust.md share.

pub mod section;
