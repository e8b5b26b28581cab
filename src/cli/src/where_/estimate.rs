//! Where faults come from when perf_event_open is refused: what becomes resident, region by region, from smaps.
//!
//! What must hold here: takes little time of the processor, however large the process is; what was given back
//! between two looks is not seen, and said so by the caller.

use std::collections::HashMap;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::evidence::{Evidence, Group};
use super::pattern::Pattern;
use super::record::Map;
use super::space::{Kind, Space};
use crate::maps;

const PAGE: u64 = 4096;
const HUGE: u64 = 2 << 20;
/// Between two looks, at least.
const PAUSE: Duration = Duration::from_millis(10);
/// A look may take one part in so many of the time.
const SHARE: u32 = 20;

/// A mapping at a look, in bytes.
#[derive(Clone, Copy, Default)]
struct Resident {
    rss: u64,
    huge: u64,
}

#[derive(Default)]
struct Tally {
    faults: u64,
    regions: HashMap<(i32, u64), u64>,
}

/// Looks at a process and what it starts until told to stop.
pub fn watch(pid: i32, stop: &AtomicBool) -> Evidence {
    let mut before: HashMap<(i32, u64), Resident> = HashMap::new();
    let mut tallies: HashMap<(Kind, Option<String>), Tally> = HashMap::new();
    let mut is_first = true;
    let mut all = std::collections::HashSet::new();
    while !stop.load(Ordering::Acquire) {
        let begun = Instant::now();
        let mut now = HashMap::new();
        for pid in tree(pid) {
            all.insert(pid);
            look(pid, |region, resident| {
                let at = (pid, region.start);
                let had = before.get(&at).copied().unwrap_or_default();
                let huge = resident.huge.saturating_sub(had.huge) / HUGE;
                let pages = resident.rss.saturating_sub(had.rss) / PAGE;
                let faults = pages.saturating_sub(huge * (HUGE / PAGE)) + huge;
                now.insert(at, resident);
                if is_first || faults == 0 {
                    return;
                }
                let tally = tallies.entry((region.kind, region.path)).or_default();
                tally.faults += faults;
                let size = tally.regions.entry(at).or_default();
                *size = region.size.max(*size);
            });
        }
        (before, is_first) = (now, false);
        thread::sleep(PAUSE.max(begun.elapsed() * SHARE).min(Duration::from_secs(1)));
    }
    let mut groups: Vec<_> = tallies.into_iter().map(|((kind, path), tally)| group(kind, path, &tally)).collect();
    groups.sort_by_key(|g| std::cmp::Reverse(g.minor));
    Evidence { groups, lost: 0, processes: all.len(), kernel: false, by_function: false }
}

fn group(kind: Kind, path: Option<String>, tally: &Tally) -> Group {
    Group {
        kind,
        path,
        taken_by: None,
        minor: tally.faults,
        major: 0,
        smallest: tally.regions.values().copied().min().unwrap_or(0),
        largest: tally.regions.values().copied().max().unwrap_or(0),
        regions: tally.regions.len() as u64,
        pages: tally.faults,
        pattern: Pattern::Few,
        order: Pattern::Few,
        functions: Vec::new(),
    }
}

/// The process and its descendants.
fn tree(pid: i32) -> Vec<i32> {
    let mut all = vec![pid];
    let mut at = 0;
    while let Some(pid) = all.get(at).copied() {
        let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
        let children = threads.filter_map(|t| fs::read_to_string(t.path().join("children")).ok());
        let children: Vec<i32> =
            children.flat_map(|c| c.split(' ').filter_map(|w| w.parse().ok()).collect::<Vec<_>>()).collect();
        all.extend(children);
        at += 1;
    }
    all
}

struct Found {
    start: u64,
    size: u64,
    kind: Kind,
    path: Option<String>,
}

/// Each mapping of smaps with what is resident of it.
fn look(pid: i32, mut each: impl FnMut(Found, Resident)) {
    let Ok(text) = fs::read(format!("/proc/{pid}/smaps")) else { return };
    let mut found: Vec<(maps::Mapping, Resident)> = Vec::new();
    for line in text.split(|b| *b == b'\n') {
        if let Some(mapping) = maps::line(line) {
            found.push((mapping, Resident::default()));
        } else if let Some((_, resident)) = found.last_mut() {
            let kib = |name: &str| {
                let line = str::from_utf8(line.strip_prefix(name.as_bytes())?).ok()?;
                line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()
            };
            if let Some(kib) = kib("Rss:") {
                resident.rss = kib * 1024;
            } else if let Some(kib) = kib("AnonHugePages:") {
                resident.huge = kib * 1024;
            }
        }
    }
    let mut space = Space::default();
    for (m, _) in &found {
        let bit = |at: usize, flag: i32| if m.permissions[at] == b'-' { 0 } else { flag as u32 };
        let protection = bit(0, libc::PROT_READ) | bit(1, libc::PROT_WRITE) | bit(2, libc::PROT_EXEC);
        let name = if m.path.is_empty() { b"//anon".to_vec() } else { m.path.clone() };
        space.map(&Map { start: m.start, end: m.end, offset: m.offset, protection, shared: m.is_shared(), name });
    }
    for (mapping, resident) in found {
        let Some((start, piece)) = space.piece(mapping.start) else { continue };
        let region = space.region(mapping.start, start, piece, 0);
        let path = region.path.map(|p| String::from_utf8_lossy(&p).into_owned());
        each(Found { start: mapping.start, size: mapping.size(), kind: region.kind, path }, resident);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_becomes_resident_is_counted_by_region() {
        let stop = AtomicBool::new(false);
        let evidence = thread::scope(|scope| {
            let watcher = scope.spawn(|| watch(std::process::id() as i32, &stop));
            // Past the first look, which only says what was there; then once more, to be seen.
            thread::sleep(Duration::from_millis(300));
            let block = vec![1u8; 64 << 20];
            thread::sleep(Duration::from_millis(600));
            stop.store(true, Ordering::Release);
            drop(block);
            watcher.join().unwrap()
        });
        let anonymous: u64 = evidence.groups.iter().filter(|g| g.kind == Kind::Anon).map(|g| g.minor).sum();
        assert!(anonymous >= 32, "{evidence:?}");
    }
}
