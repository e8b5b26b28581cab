//! Start-up: the syscalls that the shim adds to /bin/true, and the time, over 1000 starts side by side.
//!
//! What must hold here: the contenders take turns in the order ABBA, so that neither always comes first; syscalls
//! are told apart by the object that made them (strace -i), so that what the loader does to map the library is
//! shown beside the shim's own.

use std::path::Path;
use std::time::Instant;

use super::{Line, Sink, first_line};
use crate::artefacts::{library, preload, present};
use crate::child::Run;
use crate::stats::{difference, median};

const STARTS: usize = 1000;
const PROGRAM: &str = "/bin/true";

const POLICIES: [&str; 2] = ["observe", "throughput"];

/// Counts and times starts, under the default policy and under throughput.
pub fn prove(sink: Sink<'_>) {
    calls_added(sink);
    time_added(sink);
}

/// The system calls alone: no machine changes them.
pub fn calls_added(sink: Sink<'_>) {
    let Ok(scratch) = tempfile::tempdir() else { return sink(Line::broken("start-up", "", "no temporary folder")) };
    for policy in POLICIES {
        let criterion = format!("start-up under {policy}: syscalls of the shim's own");
        let goal = "at most 12";
        if !present("strace") {
            sink(Line::skipped(&criterion, goal, "no strace; apt-get install strace"));
            continue;
        }
        sink(match (calls(scratch.path(), None), calls(scratch.path(), Some(policy))) {
            (Ok(alone), Ok(under)) => {
                let own = under.shim + under.libc.saturating_sub(alone.libc);
                let loader = under.loader.saturating_sub(alone.loader);
                let line = Line::judged(&criterion, goal, format!("{own}, and {loader} of the loader"), own <= 12);
                line.noted(under.names.join(" "))
            }
            (Err(why), _) | (_, Err(why)) => Line::broken(&criterion, goal, why),
        });
    }
}

fn time_added(sink: Sink<'_>) {
    let Ok(scratch) = tempfile::tempdir() else { return sink(Line::broken("start-up", "", "no temporary folder")) };
    for policy in POLICIES {
        let criterion = format!("start-up under {policy}: time added, {STARTS} starts each");
        sink(match time(scratch.path(), policy) {
            Ok((with, without)) => {
                let (low, high) = difference(&with, &without);
                let added = median(&with) - median(&without);
                let measured = format!("{added:.3} ms [{low:.3}, {high:.3}]");
                let line = Line::judged(&criterion, "at most 0.15 ms", measured, high <= 0.15 * 1.05);
                line.noted(format!("{:.3} ms alone", median(&without)))
            }
            Err(why) => Line::broken(&criterion, "at most 0.15 ms", why),
        });
    }
}

/// Milliseconds of each start, with and without.
fn time(folder: &Path, policy: &str) -> Result<(Vec<f64>, Vec<f64>), String> {
    let pages = folder.join("pages");
    let (mut with, mut without) = (vec![], vec![]);
    // As `make install` lays it down. A file that the linker has just written lies in the page cache in single pages, and each
    // start then takes 0.03 ms longer to map it; copied, or read back from disk, it doesn't.
    let installed = folder.join("libfaultless.so");
    std::fs::copy(library(), &installed).map_err(|e| e.to_string())?;
    let mut under_policy = preload(policy, &pages);
    for (name, value) in &mut under_policy {
        if name == "LD_PRELOAD" {
            *value = installed.to_string_lossy().into_owned();
        }
    }
    let start = |under: bool| {
        let env = if under { under_policy.clone() } else { vec![] };
        let mut command = Run::new(folder, [PROGRAM]).env(env).command();
        let begun = Instant::now();
        let ended = command.spawn().and_then(|mut c| c.wait()).map_err(|e| e.to_string())?;
        let took = begun.elapsed().as_secs_f64() * 1e3;
        if ended.success() { Ok(took) } else { Err(format!("{PROGRAM} failed")) }
    };
    for round in 0..STARTS + 10 {
        for under in [round % 2 == 0, round % 2 == 1] {
            let took = start(under)?;
            // the first ten warm the page cache
            match (round >= 10, under) {
                (true, true) => with.push(took),
                (true, false) => without.push(took),
                (false, _) => {}
            }
        }
    }
    Ok((with, without))
}

/// System calls by who made them.
#[derive(Default)]
struct Calls {
    shim: usize,
    libc: usize,
    loader: usize,
    /// names of the shim's
    names: Vec<String>,
}

fn calls(folder: &Path, policy: Option<&str>) -> Result<Calls, String> {
    let trace = folder.join("trace");
    let mut argv = vec!["strace".to_owned(), "-i".into(), "-o".into(), trace.to_string_lossy().into_owned()];
    for (name, value) in policy.map(|p| preload(p, &folder.join("pages"))).unwrap_or_default() {
        argv.extend(["-E".to_owned(), format!("{name}={value}")]);
    }
    argv.push(PROGRAM.into());
    let ran = Run::new(folder, argv).run()?;
    match ran.status {
        0 => Ok(attribute(&std::fs::read_to_string(&trace).map_err(|e| e.to_string())?)),
        status => Err(format!("strace: exit status {status}: {}", first_line(&ran.stderr))),
    }
}

/// Reads `[address] call(arguments) = result` lines. What lies in neither mapped library is the loader itself.
fn attribute(trace: &str) -> Calls {
    let mut found = Calls::default();
    let mut opened = String::new();
    let mut ranges: Vec<(u64, u64, bool)> = vec![];
    let hex = |s: &str| u64::from_str_radix(s.trim().trim_start_matches("0x"), 16).ok();
    for line in trace.lines() {
        let Some((address, call)) = line.strip_prefix('[').and_then(|l| l.split_once("] ")) else { continue };
        let Some((name, arguments)) = call.split_once('(') else { continue };
        let at = hex(address).unwrap_or(0);
        // the first call is the kernel's: execve itself
        if name == "execve" {
            continue;
        }
        match ranges.iter().find(|(from, to, _)| (*from..*to).contains(&at)) {
            Some((.., true)) => {
                found.shim += 1;
                found.names.push(name.to_owned());
            }
            Some((.., false)) => found.libc += 1,
            None => found.loader += 1,
        }
        let result = call.rsplit_once(" = ").map_or("", |(_, r)| r);
        if name == "openat" && !result.starts_with('-') {
            opened = arguments.split('"').nth(1).unwrap_or_default().to_owned();
        }
        // the first mapping of a library covers the whole of it
        let fields: Vec<&str> = arguments.split(", ").collect();
        if name == "mmap" && fields.first() == Some(&"NULL") && fields.get(3).is_some_and(|f| f.contains("DENYWRITE")) {
            let (Some(from), Some(bytes)) = (hex(result), fields.get(1).and_then(|b| b.parse::<u64>().ok())) else {
                continue;
            };
            ranges.push((from, from + bytes, opened.ends_with("libfaultless.so")));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_belongs_to_the_object_that_holds_its_address() {
        let trace = "[00007f0000000001] execve(\"/bin/true\", [\"/bin/true\"], 0x7ffd /* 3 vars */) = 0\n\
            [00007f0000000002] openat(AT_FDCWD, \"/x/libfaultless.so\", O_RDONLY|O_CLOEXEC) = 3\n\
            [00007f0000000003] mmap(NULL, 8192, PROT_READ, MAP_PRIVATE|MAP_DENYWRITE, 3, 0) = 0x7f1000000000\n\
            [00007f1000001000] madvise(0x7f2000000000, 4096, MADV_HUGEPAGE) = 0\n\
            [00007f0000000004] exit_group(0) = ?\n";
        let found = attribute(trace);
        assert_eq!((found.shim, found.libc, found.loader), (1, 0, 3));
        assert_eq!(found.names, ["madvise"]);
    }
}
