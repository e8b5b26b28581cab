//! A memory cgroup whose limit is reached while a rule acts: the program, which fits, is not killed, and nothing changes.
//!
//! What must hold here: every action, one rule at a time, on memory that is larger than the limit; the group is gone
//! afterwards; the program fits alone, or the row says so.

use super::works::{POLICIES, Same, Works};
use crate::prove::{Line, Sink};
use crate::stage::group::{Group, Hierarchy};

/// MiB: the program touches some 25 and has mapped 184.
const LIMIT: u64 = 64;

/// Every action of the rule language.
const ACTIONS: &[&str] = &[
    "anon@64K:populate,malloc@64K:populate,shm:populate",
    "anon@64K:populate=async,malloc@64K:populate=async,file@4K:populate=async",
    "anon@64K:huge,malloc@64K:huge,heap:huge",
    "anon@64K:huge=collapse,malloc@64K:huge=collapse",
    "malloc@64K:huge=hugetlb",
    "anon@64K:nohuge,malloc@64K:nohuge,heap:nohuge",
    "anon@64K:lock,malloc@64K:lock,heap:lock,file@4K:lock,stack:lock,text:lock,shm:lock",
    "anon@64K:lock=onfault,malloc@64K:lock=onfault,file@4K:lock=onfault",
    "anon@64K:lock=hot,malloc@64K:lock=hot,file@4K:lock=hot",
    "malloc@64K:recycle",
    "malloc@64K:huge+populate+recycle",
    "file@4K:random",
    "file@4K:sequential",
    "file@4K:willneed",
    "file@4K:noreuse",
    "file@4K:drop-behind",
    "file@4K:auto",
    "file@4K:populate",
    "any@4K:dontdump",
];

/// A line for all actions, one for the policies.
pub fn prove(sink: Sink<'_>) {
    let (criterion, goal) = ("a memory limit is reached in every action", "none killed, same output");
    let Some(works) = Works::or_broken(criterion, goal, sink) else { return };
    let hierarchy = match Hierarchy::find() {
        Ok(hierarchy) => hierarchy,
        Err(why) => return sink(Line::skipped(criterion, goal, why)),
    };
    hierarchy.clear_leftovers();
    let mut killed = 0;
    for (what, policies) in [(criterion, ACTIONS), ("a memory limit is reached under every policy", POLICIES)] {
        let mut same = Same::default();
        for (number, work) in ["watched", "blocks", "maps", "reads"].into_iter().enumerate() {
            let group = match Group::new(&hierarchy, number, LIMIT, None) {
                Ok(group) => group,
                Err(why) => return sink(Line::skipped(what, goal, why)),
            };
            let line = format!("exec {{with}} {{work}} {work}");
            let procs = group.procs();
            let inside = format!("echo $$ > {procs} && {line}");
            same.add(&works, &inside, policies, |run, _| run);
            killed += group.killed();
        }
        let line = same.line(&format!("{what} (cgroup {}, {LIMIT} MiB)", hierarchy.name()), goal);
        sink(if killed > 0 {
            Line { verdict: crate::prove::Verdict::Fail, ..line }.noted(format!("{killed} killed"))
        } else {
            line
        });
    }
}
