//! Resource limits at and near nothing: what a program can still do under them alone, it does under every policy.
//!
//! What must hold here: the limit is there before the program begins, and holds for it alone: what it prints goes through a
//! pipe, because a file would have the limit too.

use super::works::{POLICIES, Same, WORKS, Works};
use crate::prove::Sink;

/// Limits as `ulimit` takes them: option, unit in words, values. Where nothing can be started at all, both fail alike.
const LIMITS: &[(&str, &str, &[u64])] = &[
    ("RLIMIT_AS", "-v", &[0, 16 << 10, 64 << 10, 256 << 10]),
    ("RLIMIT_DATA", "-d", &[0, 64, 4 << 10, 32 << 10]),
    ("RLIMIT_MEMLOCK", "-l", &[0, 4, 64]),
    ("RLIMIT_NOFILE", "-n", &[0, 3, 4, 5, 8]),
    ("RLIMIT_FSIZE", "-f", &[0, 1, 8]),
    ("RLIMIT_STACK", "-s", &[64, 256]),
];
/// RLIMIT_MEMLOCK binds nobody who has these.
const DROP: &str =
    "setpriv --bounding-set=-ipc_lock,-sys_resource,-sys_admin --inh-caps=-ipc_lock,-sys_resource,-sys_admin";

/// The status of the works when a call of theirs fails.
const GAVE_UP: i32 = 9;

/// A line for each limit.
pub fn prove(sink: Sink<'_>) {
    let goal = "same status; if it ends well, output";
    let Some(works) = Works::or_broken("resource limits", goal, sink) else { return };
    for (name, option, values) in LIMITS {
        let mut same = Same { gives_up: Some(GAVE_UP), ..Same::default() };
        for value in *values {
            for work in WORKS {
                let line = format!(
                    "(ulimit {option} {value} && exec {DROP} {{with}} {{work}} {work}) 2>&1 | cat; exit ${{PIPESTATUS[0]}}"
                );
                // Under a limit on memory the loader speaks for itself, and differently of each library. And which of its
                // calls is the one at which a child gives up depends on every byte that is mapped: that it does is compared.
                let said = "2>&1 | grep -v 'error while loading shared libraries\\|ERROR: ld.so' \
                    | sed 's/^line [0-9]*: .*: Cannot allocate memory$/out of memory/'";
                let line = line.replace("2>&1 | cat", said);
                same.add(&works, &line, POLICIES, |run, _| run);
            }
        }
        let values: Vec<String> = values.iter().map(u64::to_string).collect();
        sink(same.line(&format!("{name} ({option} {})", values.join(" ")), goal));
    }
}
