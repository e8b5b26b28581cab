//! `make soak`: redis and postgres under clients for an hour, with what they hold looked at twice a minute.
//!
//! What must hold here: only processes that are there from the first sample that counts to the last are summed up (a
//! server's workers come and go); what was too short to say anything is said to be so.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use crate::artefacts::{library, preload, workspace};
use crate::bench::guard::Guard;
use crate::child::Run;

/// The servers, each a script of integration/soak.
pub const SERVERS: &[&str] = &["redis", "postgres"];
/// Time between two samples.
const EVERY: Duration = Duration::from_secs(30);
/// The most by which the largest RSS may exceed the smallest.
const SPREAD: f64 = 0.02;
/// Looks that make a sample, and the time between two. What is open for a moment is no leak: redis itself reads
/// /proc/self/stat ten times a second, its clients connect anew, postgres changes to another segment.
const LOOKS: (usize, Duration) = (5, Duration::from_millis(100));
/// The most time until a server and its clients are at work.
const START: Duration = Duration::from_secs(600);

/// What a process holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// resident memory, KiB
    pub rss: u64,
    /// mappings
    pub vmas: u64,
    /// descriptors
    pub descriptors: u64,
}

/// What descriptors are, by process and number: what a server holds more or less of has a name then.
pub type Open = BTreeMap<(i32, String), String>;

/// One look at a server: what each of its processes holds.
pub type Sample = BTreeMap<i32, Held>;

/// Smallest and largest sums of all samples.
#[derive(Debug, PartialEq, Eq)]
pub struct Spread {
    /// processes that were there all the time
    pub processes: usize,
    /// resident memory, KiB
    pub rss: (u64, u64),
    /// mappings
    pub vmas: (u64, u64),
    /// descriptors
    pub descriptors: (u64, u64),
}

impl Spread {
    /// Of the processes that are in every sample.
    pub fn of(samples: &[Sample]) -> Option<Spread> {
        let first = samples.first()?;
        let stayed: Vec<i32> =
            first.keys().copied().filter(|pid| samples.iter().all(|s| s.contains_key(pid))).collect();
        let ends = |what: fn(&Held) -> u64| {
            let sums = samples.iter().map(|s| stayed.iter().filter_map(|pid| s.get(pid)).map(what).sum::<u64>());
            Some((sums.clone().min()?, sums.max()?))
        };
        Some(Spread {
            processes: stayed.len(),
            rss: ends(|h| h.rss)?,
            vmas: ends(|h| h.vmas)?,
            descriptors: ends(|h| h.descriptors)?,
        })
    }

    /// By how much of the smallest the largest RSS exceeds it.
    pub fn rss_spread(&self) -> f64 {
        self.rss.1 as f64 / self.rss.0.max(1) as f64 - 1.0
    }

    /// Whether nothing leaks.
    pub fn holds(&self) -> bool {
        let constant = self.vmas.0 == self.vmas.1 && self.descriptors.0 == self.descriptors.1;
        self.processes > 0 && constant && self.rss_spread() <= SPREAD
    }
}

/// A server at work, with its clients. Gone when dropped, or when this process ends otherwise.
pub struct Server {
    script: Child,
    guard: Guard,
    folder: tempfile::TempDir,
    /// which one
    pub name: &'static str,
    pid: i32,
}

impl Server {
    /// Starts the script and waits until its clients are at work.
    pub fn start(name: &'static str, policy: &str) -> Result<Server, String> {
        let folder = tempfile::Builder::new().prefix("soak").tempdir().map_err(|e| e.to_string())?;
        open(folder.path())?;
        let work = folder.path().join("work");
        std::fs::create_dir(&work).map_err(|e| e.to_string())?;
        let pages = folder.path().join("pages");
        // A checkout may lie where a server's user can't read.
        let copy = |from: PathBuf, name: &str| -> Result<String, String> {
            let to = folder.path().join(name);
            std::fs::copy(&from, &to).map_err(|e| format!("{}: {e}", from.display()))?;
            Ok(to.to_string_lossy().into_owned())
        };
        let script = copy(workspace().join(format!("integration/soak/{name}.sh")), "script")?;
        let mut run = Run::new(&work, ["/bin/bash", &script]);
        if policy != "none" {
            run =
                run.env(preload(policy, &pages)).env([("LD_PRELOAD".to_owned(), copy(library(), "libfaultless.so")?)]);
        }
        let mut guard = Guard::new()?;
        guard.undo("folder", &format!("rm -rf -- '{}'", folder.path().display()))?;
        let script = run.command().spawn().map_err(|e| format!("{name}: {e}"))?;
        let mut server = Server { script, guard, folder, name, pid: 0 };
        server.guard.started(server.script.id())?;
        let (started, file) = (Instant::now(), work.join("pid"));
        loop {
            if let Some(pid) = std::fs::read_to_string(&file).ok().and_then(|t| t.trim().parse().ok()) {
                server.pid = pid;
                return Ok(server);
            }
            if let Some(status) = server.script.try_wait().map_err(|e| e.to_string())? {
                return Err(format!("{name} did not start: {status}"));
            }
            if started.elapsed() > START {
                return Err(format!("{name}: not at work after {} s", START.as_secs()));
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// What the server's processes hold now, and what their descriptors are: of several looks the one whose number of
    /// descriptors is the median. An error is that it is gone.
    pub fn sample(&self) -> Result<(Sample, Open), String> {
        let mut looks = Vec::new();
        for _ in 0..LOOKS.0 {
            looks.push(self.look()?);
            std::thread::sleep(LOOKS.1);
        }
        looks.sort_by_key(|(_, open)| open.len());
        Ok(looks.swap_remove(LOOKS.0 / 2))
    }

    fn look(&self) -> Result<(Sample, Open), String> {
        let (mut sample, mut all) = (Sample::new(), Open::new());
        for pid in std::iter::once(self.pid).chain(children(self.pid)) {
            let mut open = open_files(pid);
            if let Some(held) = held(pid, open.len()) {
                sample.insert(pid, held);
                all.append(&mut open);
            }
        }
        match sample.contains_key(&self.pid) {
            true => Ok((sample, all)),
            false => Err(format!("{} is gone", self.name)),
        }
    }

    /// Whether the library is in the server.
    pub fn reached(&self) -> bool {
        std::fs::read_to_string(format!("/proc/{}/maps", self.pid)).is_ok_and(|maps| maps.contains("libfaultless.so"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // SAFETY: kill has no memory of ours to harm; the group is the script's own and not yet waited for.
        unsafe { libc::kill(-(self.script.id() as i32), libc::SIGKILL) };
        let _ = self.script.wait();
        let _ = self.guard.ended();
        crate::suites::kill_those_of(&self.folder.path().join("work"));
    }
}

/// Takes samples of all servers for so long, once `warm` is over; `tell` hears of each.
pub fn watch(
    servers: &[Server],
    warm: Duration,
    total: Duration,
    mut tell: impl FnMut(Duration, &str, &Spread, &str),
) -> Result<Vec<Vec<Sample>>, String> {
    let (started, mut all) = (Instant::now(), vec![Vec::new(); servers.len()]);
    let mut opens = vec![Open::new(); servers.len()];
    while started.elapsed() < total {
        std::thread::sleep(EVERY.min(total.saturating_sub(started.elapsed())));
        for ((server, samples), open) in servers.iter().zip(&mut all).zip(&mut opens) {
            let (sample, now_open) = server.sample()?;
            let before = std::mem::replace(open, now_open);
            if let Some(now) = Spread::of(std::slice::from_ref(&sample)) {
                let is_news = !before.is_empty() && before.len() != open.len();
                let news = if is_news { news(&before, open) } else { String::new() };
                tell(started.elapsed(), server.name, &now, &news);
            }
            if started.elapsed() >= warm {
                samples.push(sample);
            }
        }
    }
    Ok(all)
}

/// Which descriptors came and went.
fn news(before: &Open, after: &Open) -> String {
    let beyond = |sign: char, these: &Open, those: &Open| {
        let other = these.iter().filter(|(at, is)| those.get(*at) != Some(is));
        other.map(|((pid, number), is)| format!("  {sign}{pid}/{number} {is}")).collect::<String>()
    };
    beyond('-', before, after) + &beyond('+', after, before)
}

fn open(folder: &Path) -> Result<(), String> {
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(folder, mode).map_err(|e| e.to_string())
}

fn children(pid: i32) -> Vec<i32> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = tasks.filter_map(|t| std::fs::read_to_string(t.path().join("children")).ok());
    lists.flat_map(|l| l.split_whitespace().filter_map(|p| p.parse().ok()).collect::<Vec<_>>()).collect()
}

fn open_files(pid: i32) -> Open {
    let entries = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let named = entries.map(|entry| {
        let is = std::fs::read_link(entry.path()).unwrap_or_default();
        ((pid, entry.file_name().to_string_lossy().into_owned()), is.to_string_lossy().into_owned())
    });
    named.collect()
}

fn held(pid: i32, descriptors: usize) -> Option<Held> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let rss = status.lines().find_map(|l| l.strip_prefix("VmRSS:"))?.split_whitespace().next()?.parse().ok()?;
    let vmas = std::fs::read_to_string(format!("/proc/{pid}/maps")).ok()?.lines().count() as u64;
    Some(Held { rss, vmas, descriptors: descriptors as u64 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(pids: &[(i32, u64, u64)]) -> Sample {
        pids.iter().map(|(pid, rss, vmas)| (*pid, Held { rss: *rss, vmas: *vmas, descriptors: 3 })).collect()
    }

    #[test]
    fn a_process_that_comes_and_goes_does_not_count() {
        let spread = Spread::of(&[sample(&[(1, 100, 5), (2, 50, 2)]), sample(&[(1, 101, 5), (3, 90, 9)])]).unwrap();
        assert_eq!((spread.processes, spread.rss, spread.vmas), (1, (100, 101), (5, 5)));
        assert!(spread.holds());
    }

    #[test]
    fn growth_and_a_leaked_mapping_are_seen() {
        assert!(!Spread::of(&[sample(&[(1, 100, 5)]), sample(&[(1, 103, 5)])]).unwrap().holds());
        assert!(!Spread::of(&[sample(&[(1, 100, 5)]), sample(&[(1, 100, 6)])]).unwrap().holds());
    }
}
