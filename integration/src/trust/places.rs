//! Where pages and reports go is full, read-only, or out of inodes: the program neither ends nor says anything.
//!
//! What must hold here: each scene has a mount namespace of its own, so that nothing is left mounted.

use super::works::{POLICIES, Same, Works};
use crate::prove::{Line, Sink};

/// What is wrong with the place, and how it is made.
const SCENES: &[(&str, &str)] = &[
    ("ENOSPC at once", "mount -t tmpfs -o size=4k,mode=700 x {pages} && { cat /dev/zero > {pages}/filler; true; }"),
    ("ENOSPC for a page", "mount -t tmpfs -o size=8k,mode=700 x {pages}"),
    ("ENOSPC after a page", "mount -t tmpfs -o size=16k,mode=700 x {pages}"),
    ("no inode is left", "mount -t tmpfs -o nr_inodes=1,mode=700 x {pages}"),
    ("one inode is left", "mount -t tmpfs -o nr_inodes=2,mode=700 x {pages}"),
    ("EROFS", "mount -t tmpfs -o ro,mode=700 x {pages}"),
];
const REPORTS: &[&str] = &["json", "text", "prom"];

/// A line for each.
pub fn prove(sink: Sink<'_>) {
    let goal = "same status, same output";
    let Some(works) = Works::or_broken("places for pages and reports", goal, sink) else { return };
    let may = std::process::Command::new("unshare").args(["-m", "mount", "-t", "tmpfs", "x", "/tmp"]).output();
    if !may.is_ok_and(|done| done.status.success()) {
        return sink(Line::skipped("places for pages and reports", goal, "needs the right to mount"));
    }
    for (name, mount) in SCENES {
        let mut same = Same::default();
        for (turn, work) in ["blocks", "maps", "children"].into_iter().enumerate() {
            let report = REPORTS.get(turn % REPORTS.len()).unwrap_or(&"json");
            let inner = format!(
                "{mount} 2>/dev/null; exec {{with}} FAULTLESS_REPORT={report}={{pages}}/out.{{pid}} {{work}} {work}"
            );
            let line = format!("mkdir -m 700 {{pages}}; exec unshare -m bash -c \"{inner}\"");
            same.add(&works, &line, POLICIES, |run, _| run);
        }
        sink(same.line(&format!("pages and reports: {name}"), goal));
    }
}
