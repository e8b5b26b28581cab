//! What the processor itself counts of a run: cycles, misses of the TLBs, cycles in page walks (perf_event_open(2)).
//!
//! What must hold here: only what was counted is told; an event that the processor, the hypervisor or
//! perf_event_paranoid withholds is `None`, never 0. Events are opened on ourselves and handed down by fork: that needs
//! no process id, and they begin with the exec of whoever inherits them, so that nothing of ours is counted.

use std::fs;
use std::io;

use perf_event::events::{Cache, CacheId, CacheOp, CacheResult, Event, Hardware, Raw};
use perf_event::{Builder, Counter};

/// How many there are.
pub const EVENTS: usize = 4;

/// A count of each, in the order of [`NAMES`].
pub type Counts = [Option<f64>; EVENTS];

/// In JSON and CSV.
pub const NAMES: [&str; EVENTS] = ["cycles", "dtlb_load_misses", "itlb_load_misses", "page_walk_cycles"];

/// What can be counted here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pmu {
    /// each of [`NAMES`]
    has: [bool; EVENTS],
    /// also what the kernel does for the program
    kernel: bool,
    walks: Option<u64>,
}

/// The events of the run that comes next.
pub struct Counters(Vec<Option<Counter>>);

impl Pmu {
    /// Tries each event once.
    pub fn look() -> Pmu {
        let walks = fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| walk_event(&text));
        let all = Pmu { has: [true; EVENTS], kernel: true, walks };
        let tried = |pmu: Pmu| Pmu { has: pmu.open().0.each_has(), ..pmu };
        // perf_event_paranoid 2 lets a user count what its programs do themselves.
        let with_kernel = tried(all);
        if with_kernel.is_absent() { tried(Pmu { kernel: false, ..all }) } else { with_kernel }
    }

    /// Whether nothing can be counted.
    pub fn is_absent(&self) -> bool {
        self.has == [false; EVENTS]
    }

    /// What is missing, for the line about the machine; `None` if nothing is.
    pub fn missing(&self) -> Option<String> {
        if self.is_absent() {
            return Some("no PMU".into());
        }
        let names: Vec<&str> = NAMES.into_iter().zip(self.has).filter(|(_, has)| !has).map(|(name, _)| name).collect();
        let names = (!names.is_empty()).then(|| format!("PMU without {}", names.join(", ")));
        let kernel = (!self.kernel).then(|| "PMU counts user mode only".to_owned());
        let parts: Vec<String> = names.into_iter().chain(kernel).collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }

    /// Opens what is there; counts nothing until somebody who was forked meanwhile executes a program.
    pub fn open(&self) -> Counters {
        let miss = |which| Cache { which, operation: CacheOp::READ, result: CacheResult::MISS };
        let one = |at: usize| -> Option<Counter> {
            let opened = match at {
                _ if !self.has[at] => return None,
                0 => open(Hardware::CPU_CYCLES, self.kernel),
                1 => open(miss(CacheId::DTLB), self.kernel),
                2 => open(miss(CacheId::ITLB), self.kernel),
                _ => open(Raw::new(self.walks?), self.kernel),
            };
            opened.ok()
        };
        Counters((0..EVENTS).map(one).collect())
    }
}

impl Counters {
    /// What has been counted in all that inherited them.
    pub fn read(&mut self) -> Counts {
        let mut counts = Counts::default();
        for (count, counter) in counts.iter_mut().zip(&mut self.0) {
            *count = counter.as_mut().and_then(|counter| {
                let data = counter.read_full().ok()?;
                scaled(data.count(), data.time_enabled()?.as_nanos(), data.time_running()?.as_nanos())
            });
        }
        counts
    }
}

/// The one, less what `others` counted of those who were started beside it.
pub fn less(own: Counts, others: &[Counts]) -> Counts {
    let mut left = own;
    for (at, count) in left.iter_mut().enumerate() {
        let beside = others.iter().map(|other| other[at]).sum::<Option<f64>>();
        *count = count.zip(beside).map(|(count, beside)| (count - beside).max(0.0));
    }
    left
}

trait Each {
    fn each_has(&self) -> [bool; EVENTS];
}

impl Each for Vec<Option<Counter>> {
    fn each_has(&self) -> [bool; EVENTS] {
        std::array::from_fn(|at| self.get(at).is_some_and(Option::is_some))
    }
}

fn open(event: impl Event, kernel: bool) -> io::Result<Counter> {
    let mut builder = Builder::new(event);
    builder.inherit(true).enable_on_exec(true).exclude_kernel(!kernel).exclude_hv(true);
    builder.build()
}

/// Where there are more events than counters the kernel lets them take turns: what it counted stands for the whole time.
fn scaled(count: u64, enabled: u128, running: u128) -> Option<f64> {
    (running > 0).then(|| count as f64 * (enabled as f64 / running as f64))
}

/// The raw event for cycles in which a page walk for a load was under way, by processor, from Intel's event lists
/// (tools/perf/pmu-events in Linux): DTLB_LOAD_MISSES.WALK_ACTIVE, before Skylake WALK_DURATION. AMD has none, and
/// where there are cores of two kinds a raw event would need one of each.
fn walk_event(cpuinfo: &str) -> Option<u64> {
    const ACTIVE: u64 = 1 << 24 | 0x10 << 8;
    let field = |name: &str| {
        let line = cpuinfo.lines().find(|line| line.split(':').next().is_some_and(|key| key.trim() == name))?;
        Some(line.split_once(':')?.1.trim())
    };
    if field("vendor_id")? != "GenuineIntel" || field("cpu family")? != "6" {
        return None;
    }
    match field("model")?.parse::<u32>().ok()? {
        // Haswell, Broadwell
        0x3c | 0x3f | 0x45 | 0x46 | 0x3d | 0x47 | 0x4f | 0x56 => Some(0x10 << 8 | 0x08),
        // Skylake to Rocket Lake
        0x4e | 0x5e | 0x55 | 0x8e | 0x9e | 0xa5 | 0xa6 | 0x66 => Some(ACTIVE | 0x08),
        0x7d | 0x7e | 0x6a | 0x6c | 0x8c | 0x8d | 0xa7 => Some(ACTIVE | 0x08),
        // Sapphire, Emerald, Granite Rapids
        0x8f | 0xcf | 0xad | 0xae => Some(ACTIVE | 0x12),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use perf_event::events::Software;
    use std::process::Command;

    fn cpu(vendor: &str, model: u32) -> String {
        format!("processor\t: 0\nvendor_id\t: {vendor}\ncpu family\t: 6\nmodel\t\t: {model}\nmodel name\t: x\n")
    }

    #[test]
    fn page_walks_are_counted_by_the_event_of_the_processor_or_not_at_all() {
        assert_eq!(walk_event(&cpu("GenuineIntel", 0x55)), Some(0x0100_1008));
        assert_eq!(walk_event(&cpu("GenuineIntel", 0x8f)), Some(0x0100_1012));
        assert_eq!(walk_event(&cpu("GenuineIntel", 0x3f)), Some(0x1008));
        assert_eq!(walk_event(&cpu("GenuineIntel", 0x97)), None);
        assert_eq!(walk_event(&cpu("AuthenticAMD", 0x55)), None);
        assert_eq!(walk_event("processor: 0\n"), None);
    }

    #[test]
    fn an_event_that_took_turns_is_scaled_and_one_that_never_ran_is_unknown() {
        assert_eq!(scaled(100, 10, 10), Some(100.0));
        assert_eq!(scaled(100, 30, 10), Some(300.0));
        assert_eq!(scaled(0, 30, 0), None);
    }

    #[test]
    fn a_server_is_counted_without_its_load_and_what_is_unknown_of_the_load_is_unknown() {
        let own = [Some(10.0), Some(5.0), None, Some(1.0)];
        let load = [Some(4.0), None, Some(1.0), Some(2.0)];
        assert_eq!(less(own, &[load]), [Some(6.0), None, None, Some(0.0)]);
        assert_eq!(less(own, &[]), own);
    }

    #[test]
    fn what_is_missing_is_said_and_nothing_where_all_is_there() {
        let all = Pmu { has: [true; EVENTS], kernel: true, walks: Some(1) };
        assert_eq!(all.missing(), None);
        assert_eq!(Pmu { has: [false; EVENTS], ..all }.missing().as_deref(), Some("no PMU"));
        let few = Pmu { has: [true, true, true, false], kernel: false, ..all };
        assert_eq!(few.missing().as_deref(), Some("PMU without page_walk_cycles, PMU counts user mode only"));
    }

    /// An event that needs no PMU is handed down in the same way.
    #[test]
    fn events_begin_with_the_exec_of_a_child_and_count_its_children_too() {
        let Ok(faults) = open(Software::PAGE_FAULTS, false) else {
            return eprintln!("SKIP: perf_event_open is refused here");
        };
        let mut counters = Counters(vec![Some(faults)]);
        assert!(counters.read()[0].is_none_or(|count| count == 0.0));
        let script = "sh -c :; sh -c :; sh -c :";
        assert!(Command::new("sh").args(["-c", script]).status().expect("sh").success());
        let three = counters.read()[0].expect("it has run");
        assert!(three > 0.0);
        // Four shells have taken more than one would alone.
        let mut one = Counters(vec![open(Software::PAGE_FAULTS, false).ok()]);
        assert!(Command::new("sh").args(["-c", ":"]).status().expect("sh").success());
        let one = one.read()[0].expect("it has run");
        assert!(three > 2.0 * one, "{three} {one}");
    }
}
