//! A storm of mappings, blocks, forks, vforks, spawns and signals in four threads; and a process that has all but a few of its
//! mappings.
//!
//! What must hold here: the program checks what it reads; what it did is counted, so that an idle run is seen.

use super::works::{self, POLICIES, Same, Works};
use crate::prove::{Line, Sink};

const ROUNDS: u32 = 600;

/// The lines.
pub fn prove(sink: Sink<'_>) {
    let (criterion, goal) = ("a storm of mappings, forks, spawns and signals", "nothing read that wasn't written");
    let Some(works) = Works::or_broken(criterion, goal, sink) else { return };
    for policy in POLICIES {
        let line = format!("exec {{with}} {{storm}} storm {ROUNDS}");
        let criterion = format!("{criterion}: {policy}");
        sink(match works::run(&works, &line, Some(policy), |run, _| run) {
            Err(why) => Line::broken(&criterion, goal, why),
            Ok(ran) => {
                let counts = String::from_utf8_lossy(&ran.stderr).trim().to_owned();
                let is_well = ran.status == 0 && ran.stdout == b"weathered\n" && counts.contains(" spawns");
                Line::judged(&criterion, goal, format!("status {}", ran.status), is_well).noted(counts)
            }
        });
    }
    let mut same = Same::default();
    for left in [16, 24, 64] {
        same.add(&works, &format!("exec {{with}} {{storm}} crowded {left}"), POLICIES, |run, _| run);
    }
    sink(same.line("vm.max_map_count is all but reached (16, 24, 64 left)", "same status, same output"));
}
