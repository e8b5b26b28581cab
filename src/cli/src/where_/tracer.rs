//! Puts the kernel's records together: each fault with its region, its function and its order.
//!
//! What must hold here: records are taken in the order of their time, although each processor has a ring of its own;
//! what was lost is counted.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::caller::{Callers, Code, Id};
use super::evidence::{Evidence, Group, Share};
use super::pattern::{Steps, Track};
use super::perf::{self, Events};
use super::record::{self, Fault, Record, What};
use super::space::{Kind, Region, Space};

/// A record may be written so much later than it says, in ns.
const LATE: u64 = 2_000_000;
/// Regions of a group that are told apart.
const PIECES: usize = 1 << 16;

/// What faults have in common.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    kind: Kind,
    path: Option<Rc<[u8]>>,
    /// who took the block, of malloc
    taker: Option<Id>,
    /// 2 MiB or more, of anon: no huge page fits into less
    fits_huge: bool,
}

#[derive(Default)]
struct Tally {
    minor: u64,
    major: u64,
    steps: Steps,
    functions: HashMap<Id, u64>,
    /// sizes by process and start
    pieces: HashMap<(u32, u64), u64>,
    blocks: u64,
    pages: HashSet<u64>,
}

#[derive(Default)]
struct Process {
    space: Space,
    code: Code,
    tracks: HashMap<(u32, u64), Track>,
}

/// What has been put together so far.
#[derive(Default)]
pub struct Tracer {
    processes: HashMap<u32, Process>,
    callers: Callers,
    tallies: HashMap<Key, Tally>,
    pending: Vec<Record>,
    major: HashSet<u64>,
    seen: HashSet<u32>,
    lost: u64,
}

impl Tracer {
    /// For these events; `running` if the process is there already.
    pub fn new(events: &Events, running: Option<u32>) -> Tracer {
        let mut tracer = Tracer { major: events.major.iter().copied().collect(), ..Tracer::default() };
        if let Some(pid) = running {
            tracer.processes.entry(pid).or_default().space.look(pid);
        }
        tracer
    }

    /// Takes what the rings hold. What is too young may still be overtaken and waits, but not the last time.
    pub fn drain(&mut self, events: &mut Events, is_last: bool) {
        let until = if is_last { u64::MAX } else { perf::now().saturating_sub(LATE) };
        events.take().into_iter().for_each(|bytes| record::parse(bytes, &mut self.pending));
        let mut records = std::mem::take(&mut self.pending);
        records.sort_by_key(|r| r.time);
        let young = records.split_off(records.partition_point(|r| r.time < until));
        self.pending = young;
        records.into_iter().for_each(|r| self.take(r.what));
    }

    fn take(&mut self, what: What) {
        match what {
            What::Fault(fault) => self.fault(&fault),
            What::Map(pid, map) => {
                let process = self.processes.entry(pid).or_default();
                process.space.map(&map);
                if map.protection & libc::PROT_EXEC as u32 != 0 {
                    process.code = Code::default();
                }
            }
            What::Exec(pid) => drop(self.processes.insert(pid, Process::default())),
            What::Fork(child, parent) if child != parent => {
                let space = self.processes.get(&parent).map(|p| p.space.forked()).unwrap_or_default();
                self.processes.insert(child, Process { space, ..Process::default() });
            }
            What::Fork(..) => {}
            What::Exit(pid, tid) if pid == tid => {}
            What::Exit(pid, tid) => {
                if let Some(process) = self.processes.get_mut(&pid) {
                    process.tracks.retain(|(thread, _), _| *thread != tid);
                }
            }
            What::Lost(records) => self.lost += records,
        }
    }

    fn fault(&mut self, fault: &Fault) {
        self.seen.insert(fault.pid);
        let process = self.processes.entry(fault.pid).or_default();
        let found = process.space.find(fault.pid, fault.address);
        let site = self.callers.site(&mut process.code, &process.space, fault);
        let mut taken = false;
        let region = match &found {
            Some((start, piece)) => {
                let region = process.space.region(fault.address, *start, piece, fault.registers.stack);
                // malloc writes the head of a block that it has just mapped.
                let page = fault.address & !4095;
                let is_head = site.in_malloc
                    && fault.address - page < 32
                    && (region.kind == Kind::Anon || region.kind == Kind::Malloc);
                taken = is_head && process.space.add_block(fault.pid, page, site.function).is_some();
                if taken { process.space.region(fault.address, *start, piece, fault.registers.stack) } else { region }
            }
            None => Region { start: 0, end: 0, kind: Kind::Other, path: None, taker: None },
        };
        let size = region.end - region.start;
        let again = process.space.again(fault.address);
        let key = Key {
            kind: region.kind,
            path: region.path,
            taker: region.taker,
            fits_huge: region.kind == Kind::Anon && size >= 2 << 20,
        };
        let tally = self.tallies.entry(key).or_default();
        let is_major = self.major.contains(&fault.id);
        *(if is_major { &mut tally.major } else { &mut tally.minor }) += 1;
        *tally.functions.entry(site.function).or_default() += 1;
        tally.blocks += u64::from(taken);
        let page = fault.address >> 12;
        let is_file = matches!(region.kind, Kind::File | Kind::Text | Kind::Data);
        match process.tracks.get_mut(&(fault.tid, region.start)) {
            Some(track) => tally.steps.add(track, page, is_file, again),
            None => {
                // Where a region begins to be touched says nothing about the order, but counts.
                tally.steps.faults += 1;
                tally.steps.again += u64::from(again);
                process.tracks.insert((fault.tid, region.start), Track::at(page));
            }
        }
        if is_file && tally.pages.len() < 1 << 20 {
            tally.pages.insert(page);
        }
        let piece = (fault.pid, region.start);
        if tally.pieces.len() < PIECES || tally.pieces.contains_key(&piece) {
            let largest = tally.pieces.entry(piece).or_default();
            *largest = size.max(*largest);
        }
    }

    /// What it comes to.
    pub fn finish(self, kernel: bool) -> Evidence {
        let Tracer { tallies, callers, lost, seen, .. } = self;
        let mut groups: Vec<_> = tallies.into_iter().map(|(key, tally)| group(&callers, key, tally)).collect();
        groups.sort_by(|a, b| b.faults().cmp(&a.faults()).then_with(|| a.path.cmp(&b.path)));
        Evidence { groups, lost, processes: seen.len(), kernel, by_function: true }
    }
}

fn group(callers: &Callers, key: Key, tally: Tally) -> Group {
    let mut functions: Vec<_> = tally.functions.into_iter().collect();
    functions.sort_by_key(|(id, faults)| (std::cmp::Reverse(*faults), *id));
    let share = |(id, faults)| Share { function: callers.function(id).clone(), faults };
    let sizes = tally.pieces.values();
    Group {
        kind: key.kind,
        path: key.path.map(|p| String::from_utf8_lossy(&p).into_owned()),
        taken_by: key.taker.map(|id| callers.function(id).clone()),
        minor: tally.minor,
        major: tally.major,
        smallest: sizes.clone().copied().min().unwrap_or(0),
        largest: sizes.clone().copied().max().unwrap_or(0),
        regions: (tally.pieces.len() as u64).max(tally.blocks),
        pages: tally.pages.len() as u64,
        pattern: tally.steps.pattern(),
        order: tally.steps.order(),
        functions: functions.into_iter().map(share).collect(),
    }
}
