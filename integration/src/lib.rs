//! Helpers of the integration tests.

pub mod artefacts;
pub mod bench;
pub mod child;
pub mod compile;
pub mod ctest;
pub mod directives;
pub mod fuzz;
pub mod launch;
pub mod matrix;
pub mod pages;
pub mod programs;
pub mod prove;
pub mod readme;
pub mod soak;
pub mod stage;
pub mod stats;
pub mod suites;
pub mod trust;
