//! The hooks equal the plain calls: random sequences of mmap, munmap, mprotect, mremap, madvise, mlock, msync, brk, System V
//! memory and malloc's family, in one to three threads and their forked children (`c-tests/equal_calls`), give the same
//! answers, errnos, content and /proc/self/maps (advice aside) with the shim as without.
//!
//! EQUAL_MEMLOCK (bytes) is RLIMIT_MEMLOCK for all of them: what rules lock then is locked in part. One case has it anyway.
//!
//! What must hold here: each case takes EQUAL_SECONDS (7 where nothing is said) and has seeds of its own, from EQUAL_SEED on if
//! that is set; a failure says the fewest steps after which the two differ, the first answer that does, and how to see it
//! again; a run that the shim did not reach is a failure.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime};

use faultless_integration::artefacts::{self, preload};
use faultless_integration::child::{Ran, Run};

/// Steps of each thread.
const STEPS: u32 = 400;

macro_rules! cases {
    ($($name:ident: $policy:expr, $memlock:expr;)*) => {$(
        #[test]
        fn $name() -> Result<(), String> {
            run(stringify!($name), $policy, $memlock)
        }
    )*};
}

cases! {
    calls_answer_as_alone_under_observe: "observe", None;
    calls_answer_as_alone_under_throughput: "throughput", None;
    calls_answer_as_alone_under_latency: "latency", None;
    calls_answer_as_alone_under_files: "files", None;
    calls_answer_as_alone_under_scan: "scan", None;
    calls_answer_as_alone_under_lean: "lean", None;
    calls_answer_as_alone_under_auto: "auto", None;
    calls_answer_as_alone_under_everything: "everything", None;
    calls_answer_as_alone_where_little_may_be_locked: "everything", Some(4 << 20);
}

fn run(name: &str, policy: &str, memlock: Option<u64>) -> Result<(), String> {
    let number = |name: &str| std::env::var(name).ok().and_then(|v| v.parse::<u64>().ok());
    let memlock = number("EQUAL_MEMLOCK").or(memlock);
    let seconds = Duration::from_secs(number("EQUAL_SECONDS").unwrap_or(7));
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_err(|e| e.to_string())?;
    let first = number("EQUAL_SEED").unwrap_or(since_1970.as_nanos() as u64 >> 10);
    let (began, mut seeds) = (Instant::now(), 0);
    while seeds == 0 || began.elapsed() < seconds {
        let seed = first + seeds;
        if let Some(why) = differs(policy, memlock, seed, STEPS)? {
            let again = format!("EQUAL_SEED={seed} cargo test -p faultless-integration --test equal {name}");
            return Err(format!("{why}\n{}\nagain: {again}", shrunk(policy, memlock, seed)));
        }
        seeds += 1;
    }
    println!("{seeds} sequences");
    Ok(())
}

/// What differs between a run alone and one under the policy.
fn differs(policy: &str, memlock: Option<u64>, seed: u64, steps: u32) -> Result<Option<String>, String> {
    let alone = one(None, memlock, seed, steps, false)?;
    let under = one(Some(policy), memlock, seed, steps, false)?;
    match alone.status {
        0 => Ok(under.differs(&alone)),
        status => Err(format!("alone: status {status}: {}", String::from_utf8_lossy(&alone.stderr))),
    }
}

/// The fewest steps that still differ, as far as halving finds them, and the first answer that does. Threads may make of it
/// something that comes only now and then.
fn shrunk(policy: &str, memlock: Option<u64>, seed: u64) -> String {
    let (mut fits, mut fails) = (0, STEPS);
    while fails - fits > 1 {
        let middle = fits.midpoint(fails);
        match differs(policy, memlock, seed, middle) {
            Ok(Some(_)) => fails = middle,
            _ => fits = middle,
        }
    }
    let told = |policy| one(policy, memlock, seed, fails, true).map(|ran| ran.stderr).unwrap_or_default();
    let (alone, under) = (told(None), told(Some(policy)));
    let (alone, under) = (String::from_utf8_lossy(&alone), String::from_utf8_lossy(&under));
    for thread in ["0", "0c", "1", "1c", "2", "2c"] {
        let of = |text: &str| -> Vec<String> {
            let start = format!("{thread}.");
            text.lines().filter(|l| l.starts_with(&start)).map(str::to_owned).collect()
        };
        let (alone, under) = (of(&alone), of(&under));
        if let Some(at) = alone.iter().zip(&under).position(|(a, u)| a != u) {
            let before = alone[at.saturating_sub(8)..at].join("\n  ");
            return format!("{fails} steps\n  {before}\nalone {}\nunder {}", alone[at], under[at]);
        }
    }
    format!("{fails} steps; the next time it did not differ")
}

fn one(policy: Option<&str>, memlock: Option<u64>, seed: u64, steps: u32, trace: bool) -> Result<Ran, String> {
    let program = program().as_ref()?;
    let folder = tempfile::tempdir_in(program.parent().ok_or("no folder")?).map_err(|e| e.to_string())?;
    let pages = folder.path().join("pages");
    // A limit is one for all threads: whose call meets it would be chance.
    let threads = if memlock.is_some() { 1 } else { 1 + seed % 3 };
    let argv = [program.to_string_lossy().into_owned(), seed.to_string(), steps.to_string(), threads.to_string()];
    let mut run = Run::new(folder.path(), argv);
    if let Some(policy) = policy {
        run = run.env(preload(policy, &pages)).env([("FAULTLESS_TREE".into(), "00000000000c7e57".into())]);
    }
    if trace {
        run = run.env([("EQUAL_TRACE".to_owned(), "1".to_owned())]);
    }
    run.limits = memlock.map(|bytes| (libc::RLIMIT_MEMLOCK, bytes)).into_iter().collect();
    let ran = run.run()?;
    if policy.is_some()
        && ran.status == 0
        && !faultless_integration::pages::read(&pages)?.iter().any(|p| p.exe() == b"equal")
    {
        return Err("the shim did not reach it".into());
    }
    Ok(ran)
}

/// The program, compiled once.
fn program() -> &'static Result<PathBuf, String> {
    static PROGRAM: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("equal");
        std::fs::create_dir_all(&folder).map_err(|e| e.to_string())?;
        let source = artefacts::workspace().join("c-tests/equal_calls");
        let entries = std::fs::read_dir(&source).map_err(|e| format!("{}: {e}", source.display()))?;
        let files = entries.flatten().map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "c"));
        let program = folder.join("equal");
        let done = Command::new("gcc")
            .args(["-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-pthread", "-fno-builtin", "-o"])
            .arg(&program)
            .args(files)
            .output()
            .map_err(|e| format!("gcc: {e}"))?;
        match done.status.success() {
            true => Ok(program),
            false => Err(String::from_utf8_lossy(&done.stderr).into_owned()),
        }
    })
}
