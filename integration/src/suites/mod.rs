//! `make suites`: other people's test suites, without the shim and under every policy.
//!
//! What must hold here: only a test that came to the same thing in every run without the shim is compared; what a suite
//! could not get or build is a SKIP with its reason; a suite that the shim did not reach proves nothing and is a FAIL.

mod cgo;
mod compare;
mod cpython;
mod crates;
mod engine;
mod glibc;
mod jemalloc;
mod jobs;
mod nix;
mod part;
mod perl;
pub mod settings;
mod source;
mod sqlite;
mod stress;
mod table;
mod tcl;

use std::collections::BTreeMap;
use std::path::Path;

pub use engine::run;
pub use part::{Ended, Part, kill_those_of};
pub use table::write;

/// What each test came to, by its name: [`PASS`], [`FAIL`], [`SKIP`], or in its own words.
pub type Results = BTreeMap<String, String>;

/// The test holds.
pub const PASS: &str = "pass";
/// It does not.
pub const FAIL: &str = "fail";
/// The suite itself left it out, here.
pub const SKIP: &str = "skip";

/// A test suite of somebody else's.
pub trait Suite: Sync {
    /// The name that SUITE can give.
    fn name(&self) -> &'static str;
    /// Gets it and builds it in `cache`, where it stays, and says what it is, with its version. The error says what is
    /// missing and how to get it.
    fn prepare(&self, cache: &Path) -> Result<String, String>;
    /// What is run, each part a process of its own. Called once it is prepared.
    fn parts(&self, cache: &Path) -> Result<Vec<Part>, String>;
    /// Reads what each test came to. A part that says nothing of its tests is a test itself.
    fn results(&self, part: &Part, ended: &Ended) -> Results;
}

/// Every suite, the quick ones first.
pub const SUITES: &[&dyn Suite] = &[
    &stress::Stress,
    &glibc::Glibc,
    &cgo::Cgo,
    &nix::Nix,
    &jemalloc::Jemalloc,
    &tcl::Tcl,
    &perl::Perl,
    &sqlite::Sqlite,
    &jobs::Jobs,
    &cpython::CPython,
];

/// What came of a suite under one policy.
pub struct Compared {
    /// the policy
    pub policy: &'static str,
    /// how many tests there are
    pub tests: usize,
    /// how many were compared: steady without the shim, and not left out by the suite itself
    pub compared: usize,
    /// processes in which the policy was in force
    pub reached: usize,
    /// tests that came to something else, and to what
    pub differences: Vec<String>,
    /// tests that did so once, and in none of the runs that followed
    pub once: Vec<String>,
}

/// What came of a suite.
pub struct Report {
    /// its name
    pub suite: &'static str,
    /// what it is, with its version
    pub what: String,
    /// under each policy that was asked for
    pub compared: Vec<Compared>,
}

/// The one result of a part that is a single test: how it ended. 77 is the status by which a test says that it can't run.
fn by_status(ended: &Ended) -> Results {
    let came = match ended.status {
        Some(0) => PASS.to_owned(),
        Some(77) => SKIP.to_owned(),
        status => format!("ends with {status:?}"),
    };
    [("it ends".to_owned(), came)].into()
}
