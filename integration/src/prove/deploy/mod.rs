//! How Faultless gets to where programs run: containers, Kubernetes, systemd, packages, and who may tamper with it there.
//!
//! What must hold here: real engines and real tools, run as a user runs them; what is missing is a SKIP with its reason.
//! What stays between runs (a Debian root, images) lies under target/deploy; nothing else of this machine is changed.

mod containers;
mod engine;
mod kubernetes;
mod limits;
mod packages;
mod process1;
mod readme;
mod root;
mod security;
mod systemd;

use std::path::PathBuf;

use super::{Line, Sink};
use crate::artefacts::{command, library, workspace};
use crate::stage::settings;

/// A row, as ROWS takes it, and what judges it.
type Row = (&'static str, fn(Sink<'_>) -> Result<(), String>);

/// The quick ones first.
const ROWS: &[Row] = &[
    ("systemd", systemd::prove),
    ("security", security::prove),
    ("containers", containers::prove),
    ("process1", process1::prove),
    ("limits", limits::prove),
    ("kubernetes", kubernetes::prove),
    ("packages", packages::prove),
    ("readme", readme::prove),
];

/// What ROWS can name.
pub fn row_names() -> Vec<&'static str> {
    ROWS.iter().map(|(name, _)| *name).collect()
}

/// Every row, or those that ROWS names.
pub fn prove(sink: Sink<'_>) {
    let wanted = settings::rows();
    for (name, row) in ROWS {
        if (wanted.is_empty() || wanted.iter().any(|w| w == name))
            && let Err(why) = row(sink)
        {
            let criterion = format!("deploy: {name}");
            sink(match why.strip_prefix("skip: ") {
                Some(why) => Line::skipped(&criterion, "", why),
                None => Line::broken(&criterion, "", why),
            });
        }
    }
}

/// The command and the library as they are delivered: what `make dist` has made, if it has, else the release build. The
/// variables that name a build for all tests name it here too.
fn files() -> (PathBuf, PathBuf) {
    let is_named = ["FAULTLESS_TEST_LIB", "FAULTLESS_TEST_COMMAND"].iter().any(|name| std::env::var_os(name).is_some());
    let dist = dist().map(|tree| (tree.join("bin/faultless"), tree.join("lib/faultless/libfaultless.so")));
    dist.filter(|_| !is_named).unwrap_or_else(|| (command(), library()))
}

/// The tree that `make dist` has made.
fn dist() -> Option<PathBuf> {
    let entries = std::fs::read_dir(workspace().join("target/dist")).ok()?.flatten();
    let is_tree = |path: &PathBuf| path.join("bin/faultless").exists();
    entries.map(|entry| entry.path()).find(is_tree)
}

/// What was found, against what must be.
type Found = Result<(String, bool), String>;

/// One criterion of this part.
fn judge(sink: Sink<'_>, criterion: &str, goal: &str, found: impl FnOnce() -> Found) {
    let criterion = format!("deploy: {criterion}");
    sink(match found() {
        Ok((measured, met)) => Line::judged(&criterion, goal, measured, met),
        Err(why) => match why.strip_prefix("skip: ") {
            Some(why) => Line::skipped(&criterion, goal, why),
            None => Line::broken(&criterion, goal, why),
        },
    });
}
