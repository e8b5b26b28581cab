//! Faults injected: each system call that the shim makes fails with each errno that its man page lists, and with those of
//! a seccomp filter; the program must end as it does alone, with the same output.
//!
//! What must hold here: a call that was never made to fail proves nothing, so hits are counted, and a call that no program
//! brings the shim to make is a FAIL; a call without a row in `errnos` is one too.

mod errnos;
mod shim;
mod tracer;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use errnos::Call;
use shim::Shim;
use tracer::{Fault, Traced, When};

use super::Trial;
use crate::artefacts::{compile_with, preload};
use crate::child::Run;
use crate::prove::{Line, Sink};

/// What threads of ours are for.
const OURS: &str = "malloc@64K:huge+populate=async+recycle,heap:huge,anon@64K:huge=collapse+populate=async+lock=hot,\
    file@4K:drop-behind+lock=hot+populate=async,shm:populate";

/// A policy by a short name, its rules, and further environment; `{pages}` is the folder for pages.
type Policy = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

/// The reports go to a file, whose folder is there.
const POLICIES: &[Policy] = &[
    ("throughput", "throughput", &[]),
    ("latency", "latency", &[]),
    ("files", "files", &[]),
    ("everything", "everything", &[]),
    ("threads", OURS, &[]),
];
/// Budgets that are used up at once, so that those of dead processes are looked for; no folder for pages; a report to a
/// descriptor.
const TIGHT: Policy = (
    "small budgets",
    "everything",
    &[("FAULTLESS_RETAIN_MAX", "1M"), ("FAULTLESS_POPULATE_MAX", "1M"), ("FAULTLESS_LOCK_MAX", "1M")],
);
const NO_FOLDER: Policy = ("everything, no folder", "everything", &[("FAULTLESS_PAGES", "/proc/self")]);
const ALOUD: Policy = ("everything, aloud", "everything", &[]);

/// A sort of work, and what runs it; `{work}` is the program of `fixtures/trust/work.c`.
const WORKS: &[(&str, &str)] = &[
    ("blocks", "exec {work} blocks"),
    ("maps", "exec {work} maps"),
    ("threads", "exec {work} threads"),
    ("children", "exec {work} children"),
    ("reads", "exec {work} reads"),
    ("watched", "exec {work} watched"),
];
/// What makes the shim call what it seldom does: a parent that was killed, a reader that is gone, a filter, a child with
/// one that has our memory, a real-time class, a program that would change its user.
const RARE: &[(&str, &str, Policy)] = &[
    ("killed before", "{ {work} killed; } 2>/dev/null; exec {work} children", TIGHT),
    ("no folder", "exec {work} maps", NO_FOLDER),
    (
        "nobody reads",
        "exec 3>&1; { sleep 0.2; FAULTLESS_REPORT=all exec {work} blocks 2>&1 1>&3; } | true; exit ${PIPESTATUS[0]}",
        ALOUD,
    ),
    // Of a socket, unlike a pipe, poll says that it can be written to.
    (
        "nobody hears",
        "FAULTLESS_REPORT=all exec perl -MSocket -e 'socketpair(A, B, AF_UNIX, SOCK_STREAM, 0); close B; \
         open(STDERR, q(>&A)); exec @ARGV' {work} blocks",
        ALOUD,
    ),
    ("under a filter", "exec {work} filtered watched", ("threads", OURS, &[])),
    ("in a filtered child", "exec {work} confines", ("throughput", "throughput", &[])),
    ("in real time", "exec chrt -f 1 {work} watched", ("threads", OURS, &[])),
    (
        "changes user",
        "cp /bin/true own && chown 1:1 own && chmod 6755 own && ./own; exec {work} reads",
        ("latency", "latency", &[]),
    ),
];

/// One program under one policy.
struct Scene {
    work: &'static str,
    policy: &'static str,
    argv: Vec<String>,
    rules: &'static str,
    env: &'static [(&'static str, &'static str)],
}

/// What came of one sort of call.
#[derive(Default)]
struct Tally {
    runs: u64,
    same: u64,
    hits: u64,
    unhit: u64,
    errnos: BTreeSet<i32>,
    first: Option<String>,
}

/// A run that is to be made.
#[derive(Clone, Copy)]
struct Job {
    scene: usize,
    fault: Fault,
}

/// The part.
pub fn prove(sink: Sink<'_>) {
    let goal = "same status, same output";
    let made = Shim::read().and_then(|shim| Ok((shim, tempfile::tempdir().map_err(|e| e.to_string())?)));
    let (shim, folder) = match made {
        Ok(made) => made,
        Err(why) => return sink(Line::broken("faults injected", goal, why)),
    };
    let work = match compile_with("integration/fixtures/trust/work.c", folder.path(), &["-pthread"]) {
        Ok(work) => work,
        Err(why) => return sink(Line::broken("faults injected", goal, why)),
    };
    let scenes = scenes(&work);
    let mut jobs = Vec::new();
    let mut makers: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
    let mut alone: Vec<Option<Traced>> = Vec::new();
    let mut unknown = BTreeSet::new();
    for (index, scene) in scenes.iter().enumerate() {
        let (plain, counted) = match (scene.run(&shim, None, false), scene.run(&shim, None, true)) {
            (Ok(plain), Ok(counted)) => (plain, counted),
            (Err(why), _) | (_, Err(why)) => {
                sink(Line::broken(&scene.name(), goal, why));
                alone.push(None);
                continue;
            }
        };
        if let Some(why) = differs(&counted, &plain) {
            sink(Line::judged(&scene.name(), goal, "without a fault", false).noted(why));
        }
        for nr in counted.calls.keys() {
            match errnos::of(*nr) {
                Some(_) => makers.entry(*nr).or_default().push(index),
                None if matches!(*nr, libc::SYS_exit | libc::SYS_exit_group) => {}
                None => drop(unknown.insert(*nr)),
            }
        }
        alone.push(Some(plain));
    }
    // This is made where that can't be had.
    if let Some(those) = makers.get(&libc::SYS_close_range).cloned() {
        makers.insert(libc::SYS_unshare, those);
    }
    for (call, makers) in errnos::CALLS.iter().filter_map(|call| Some((call, makers.get(&call.nr)?))) {
        jobs.extend(faults(call, makers));
    }
    if !unknown.is_empty() {
        sink(Line::judged(
            "every call of the shim is known",
            "a row in inject/errnos.rs",
            format!("{unknown:?}"),
            false,
        ));
    }
    for (name, tally) in run_all(&scenes, &alone, &shim, &jobs) {
        let measured = format!("{} of {} runs, {} calls failed", tally.same, tally.runs, tally.hits);
        let note = match (&tally.first, tally.unhit) {
            (Some(why), _) => why.clone(),
            (None, 0) => format!("{} errnos", tally.errnos.len()),
            (None, unhit) => format!("{} errnos; not reached in {unhit} more runs", tally.errnos.len()),
        };
        let criterion = format!("{name} fails: the program ends as alone");
        sink(Line::judged(&criterion, goal, measured, tally.same == tally.runs && tally.hits > 0).noted(note));
    }
    sink(never_made(&jobs));
}

/// The calls that no program brought the shim to make.
fn never_made(jobs: &[Job]) -> Line {
    let made: BTreeSet<i64> = jobs.iter().map(|job| job.fault.call.nr).collect();
    let missing: Vec<&str> = errnos::CALLS.iter().filter(|c| !made.contains(&c.nr)).map(|c| c.name).collect();
    let measured = format!("{} of {}", made.len(), errnos::CALLS.len());
    Line::judged("every call in the list was made, and failed", "all", measured, missing.is_empty())
        .noted(missing.join(" "))
}

fn scenes(work: &Path) -> Vec<Scene> {
    let only = std::env::var("FAULTS_WORK").unwrap_or_default();
    let is_wanted = |name: &str| only.is_empty() || only.split(',').any(|o| o == name);
    let usual = WORKS.iter().flat_map(|(name, line)| POLICIES.iter().map(move |policy| (*name, *line, *policy)));
    let all = usual.chain(RARE.iter().copied()).filter(|(name, ..)| is_wanted(name));
    all.map(|(name, line, (policy, rules, env))| Scene {
        work: name,
        policy,
        argv: vec!["/bin/bash".into(), "-c".into(), line.replace("{work}", &work.to_string_lossy())],
        rules,
        env,
    })
    .collect()
}

/// The ways in which a call fails: the likeliest errno in every scene that makes the call, at each time, at the first alone,
/// and at all others; every errno in some scene, one after the other (all scenes with FAULTS_ALL=1).
fn faults(call: &'static Call, makers: &[usize]) -> Vec<Job> {
    let only = std::env::var("FAULTS_CALL").unwrap_or_default();
    if !only.is_empty() && only.split(' ').all(|o| o != call.name) {
        return vec![];
    }
    let everywhere = std::env::var_os("FAULTS_ALL").is_some();
    let likeliest = *call.errnos.first().unwrap_or(&libc::EPERM);
    let ways = [When::Every, When::First, When::Later];
    let also = (call.nr == libc::SYS_unshare).then_some(libc::SYS_close_range);
    let mut jobs: Vec<Job> = Vec::new();
    for (turn, scene) in makers.iter().enumerate() {
        let fault = Fault { call, errno: likeliest, when: ways[turn % ways.len()], also };
        jobs.push(Job { scene: *scene, fault });
    }
    for (turn, errno) in call.all().into_iter().enumerate() {
        let fault = Fault { call, errno, when: When::Every, also };
        let some = makers.iter().cycle().skip(turn * 3).take(if everywhere { makers.len() } else { 1 });
        jobs.extend(some.map(|scene| Job { scene: *scene, fault }));
    }
    jobs
}

impl Scene {
    fn name(&self) -> String {
        format!("{} under {}", self.work, self.policy)
    }

    fn run(&self, shim: &Shim, fault: Option<Fault>, with: bool) -> Result<Traced, String> {
        let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
        let mut run = Run::new(folder.path(), self.argv.clone());
        if with {
            let pages = folder.path().join("pages");
            run = run.env(preload(self.rules, &pages));
            run = run.env([("FAULTLESS_REPORT".to_owned(), format!("prom={}", folder.path().join("prom").display()))]);
            run = run.env([("FAULTLESS_POPULATE_TIME_MAX".to_owned(), "2s".to_owned())]);
            run = run.env(self.env.iter().map(|(n, v)| (n.to_string(), v.to_string())));
        }
        tracer::run(&run, shim, fault)
    }
}

/// Runs them, two at a time or as many as there are processors, and counts by call.
fn run_all(scenes: &[Scene], alone: &[Option<Traced>], shim: &Shim, jobs: &[Job]) -> BTreeMap<&'static str, Tally> {
    let next = AtomicUsize::new(0);
    let tallies = Mutex::new(BTreeMap::<&'static str, Tally>::new());
    let progress = Trial::progress("faults injected", jobs.len());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(job) = jobs.get(next.fetch_add(1, Relaxed)) {
                    progress.step();
                    let (Some(scene), Some(Some(alone))) = (scenes.get(job.scene), alone.get(job.scene)) else {
                        continue;
                    };
                    let ran = scene.run(shim, Some(job.fault), true);
                    let mut tallies = tallies.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    tallies.entry(job.fault.call.name).or_default().add(scene, job.fault, ran, alone);
                }
            });
        }
    });
    tallies.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Tally {
    fn add(&mut self, scene: &Scene, fault: Fault, ran: Result<Traced, String>, alone: &Traced) {
        let (hits, why) = match &ran {
            Ok(ran) => (ran.hits, differs(ran, alone)),
            Err(why) => (1, Some(why.clone())),
        };
        if hits == 0 && why.is_none() {
            self.unhit += 1; // threads come to other calls from one run to the next
            return;
        }
        self.runs += 1;
        self.hits += hits;
        self.errnos.insert(fault.errno);
        match why {
            None => self.same += 1,
            Some(why) => {
                let which = match fault.when {
                    When::Every => "",
                    When::First => ", the first",
                    When::Later => ", all but the first",
                };
                let text = format!("{}, errno {}{which}: {why}", scene.name(), fault.errno);
                if std::env::var_os("FAULTS_VERBOSE").is_some() {
                    eprintln!("{}: {text}", fault.call.name);
                }
                self.first.get_or_insert(text);
            }
        }
    }
}

fn differs(ran: &Traced, alone: &Traced) -> Option<String> {
    if ran.status != alone.status {
        let said = String::from_utf8_lossy(&ran.stderr);
        return Some(format!(
            "status {} instead of {}: {}",
            ran.status,
            alone.status,
            said.lines().last().unwrap_or("")
        ));
    }
    let streams = [("stdout", &ran.stdout, &alone.stdout), ("stderr", &ran.stderr, &alone.stderr)];
    streams.into_iter().find(|(_, mine, theirs)| mine != theirs).map(|(name, mine, theirs)| {
        format!("{name} {:?} instead of {:?}", String::from_utf8_lossy(mine), String::from_utf8_lossy(theirs))
    })
}
