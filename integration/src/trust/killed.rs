//! SIGKILL at random moments: each time a page is left that `faultless report` reads, and whose figures agree.
//!
//! What must hold here: moments are drawn, not measured; a process that was killed before it had a page is counted apart.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use faultless_core::counters::{C, TABLE};
use faultless_core::page::{End, Snapshot};

use super::Trial;
use super::works::{POLICIES, Works};
use crate::artefacts::{command, preload};
use crate::pages;
use crate::prove::{Line, Sink};

const KILLS: u64 = 1000;
/// The latest moment.
const MOST_US: u64 = 120_000;

/// The line.
pub fn prove(sink: Sink<'_>) {
    let kills = std::env::var("FAULTS_KILLS").ok().and_then(|k| k.parse().ok()).unwrap_or(KILLS);
    let criterion = format!("SIGKILL at {kills} random moments: the page is read, and agrees");
    let goal = "every page";
    let Some(works) = Works::or_broken(&criterion, goal, sink) else { return };
    let progress = Trial::progress("kills", kills as usize);
    let (mut read, mut early, mut first) = (0, 0, None);
    let mut seed = 0x9e37_79b9_7f4a_7c15u64;
    for turn in 0..kills {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let policy = POLICIES.get(turn as usize % POLICIES.len()).copied().unwrap_or("auto");
        match kill_once(&works, policy, (seed >> 33) % MOST_US) {
            Ok(true) => read += 1,
            Ok(false) => early += 1,
            Err(why) => drop(first.get_or_insert(format!("{policy}, kill {turn}: {why}"))),
        }
        progress.step();
    }
    let note = first.unwrap_or_else(|| format!("{early} more before there was a page"));
    // Every second one at least must have come so far as to have a page, or this says little.
    let met = read + early == kills && read * 2 >= kills;
    sink(Line::judged(&criterion, goal, format!("{read} of {}", kills - early), met).noted(note));
}

/// True: there was a page, and all is well. False: there was none yet.
fn kill_once(works: &Works, policy: &str, after_us: u64) -> Result<bool, String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let at = folder.path().join("pages");
    let mut child = Command::new(works.program("storm"))
        .arg("endless")
        .env_clear()
        .envs(preload(policy, &at))
        .env("FAULTLESS_TREE", "00000000000c7e57")
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| e.to_string())?;
    std::thread::sleep(Duration::from_micros(after_us));
    let pid = child.id();
    child.kill().and_then(|()| child.wait()).map_err(|e| e.to_string())?;
    let found = settled(&at)?;
    let Some(own) = found.iter().find(|page| page.pid == pid) else {
        return if found.is_empty() { Ok(false) } else { Err("no page of its own".into()) };
    };
    if own.end != End::None as u32 {
        return Err(format!("its page says end {}", own.end));
    }
    found.iter().try_for_each(agrees)?;
    let report = Command::new(command()).arg("report").arg(&at).output().map_err(|e| e.to_string())?;
    let text = String::from_utf8_lossy(&report.stdout);
    match report.status.success() && text.contains("storm") {
        true => Ok(true),
        false => Err(format!("report: {} {}", report.status, String::from_utf8_lossy(&report.stderr))),
    }
}

/// The pages, once the children, which may be killed by nobody, have ended: a page that is just being written is none yet, and
/// one whose process was killed meanwhile never is (its name still ends in `~`; the report, which finds it there, passes it by).
fn settled(at: &Path) -> Result<Vec<Snapshot>, String> {
    let mut why = String::new();
    for _ in 0..50 {
        match pages::read_whole(at) {
            Ok(found) => return Ok(found),
            Err(e) => why = e,
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Err(why)
}

/// What must agree however the process ended. Counters are added to one after the other by each thread, so each thread may
/// be one ahead in some of them.
fn agrees(page: &Snapshot) -> Result<(), String> {
    const THREADS: u64 = 8;
    let get = |c: C| page.counters.get(c as usize).copied().unwrap_or(0);
    for (counter, value) in TABLE.iter().zip(page.counters) {
        if value > 1 << 50 {
            return Err(format!("{} is {value}", counter.name));
        }
    }
    let regions: u64 = page.rules().map(|(rule, _)| rule.regions).max().unwrap_or(0);
    if regions > get(C::RegionsRuled) + THREADS {
        return Err(format!("a rule has {regions} regions, of {} ruled", get(C::RegionsRuled)));
    }
    if get(C::MunmapCalls) > get(C::MmapCalls) + THREADS && page.forked == 0 {
        return Err(format!("{} munmap, {} mmap calls", get(C::MunmapCalls), get(C::MmapCalls)));
    }
    Ok(())
}
