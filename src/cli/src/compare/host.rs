//! Where it was measured: what of the machine decides over the result.
//!
//! What must hold here: what cannot be read is left out, not guessed.

use std::fs;
use std::thread;

use faultless_core::size::Human;
use procfs::{Current, Meminfo};
use serde_json::{Value, json};

use crate::cgroup;

/// The machine.
pub struct Host {
    /// that this process may use
    pub cores: Option<usize>,
    /// uname -r
    pub kernel: Option<String>,
    /// the mode of transparent huge pages
    pub thp: Option<String>,
    /// MemTotal, in bytes
    pub memory: Option<u64>,
    /// the smallest limit of a control group, in bytes
    pub limit: Option<u64>,
    /// what the processor does not count; `None` if it counts all that was asked for
    pub pmu: Option<String>,
}

impl Host {
    /// As it is now.
    pub fn look() -> Host {
        let read = |path: &str| fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
        let thp = read("/sys/kernel/mm/transparent_hugepage/enabled");
        let chosen = |modes: String| Some(modes.split_once('[')?.1.split_once(']')?.0.to_owned());
        Host {
            cores: thread::available_parallelism().ok().map(Into::into),
            kernel: read("/proc/sys/kernel/osrelease"),
            thp: thp.and_then(chosen),
            memory: Meminfo::current().ok().map(|memory| memory.mem_total),
            limit: cgroup::standing(std::process::id() as i32).limit,
            pmu: None,
        }
    }

    /// In one line: `2 cores, Linux 6.18, THP madvise, no memory limit`.
    pub fn line(&self) -> String {
        let major_minor = |release: &String| release.split(['.', '-']).take(2).collect::<Vec<_>>().join(".");
        let facts = [
            self.cores.map(|cores| if cores == 1 { "1 core".into() } else { format!("{cores} cores") }),
            self.kernel.as_ref().map(|kernel| format!("Linux {}", major_minor(kernel))),
            self.thp.as_ref().map(|thp| format!("THP {thp}")),
            Some(self.limit.map_or("no memory limit".into(), |limit| format!("memory limit {}", Human(limit)))),
            self.pmu.clone(),
        ];
        facts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    /// For JSON.
    pub fn json(&self) -> Value {
        json!({
            "cores": self.cores,
            "kernel": self.kernel,
            "thp": self.thp,
            "memory_bytes": self.memory,
            "memory_limit_bytes": self.limit,
            "pmu_missing": self.pmu,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_names_what_decides() {
        let host = Host {
            cores: Some(2),
            kernel: Some("6.18.5-cloud".into()),
            thp: Some("madvise".into()),
            memory: None,
            limit: Some(8 << 30),
            pmu: None,
        };
        assert_eq!(host.line(), "2 cores, Linux 6.18, THP madvise, memory limit 8 GiB");
        assert_eq!(
            Host { cores: Some(1), kernel: None, thp: None, limit: None, pmu: Some("no PMU".into()), ..host }.line(),
            "1 core, no memory limit, no PMU"
        );
    }
}
