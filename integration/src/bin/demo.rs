//! `make run`: the same unmodified programs with and without, side by side, and the report of one run.
//!
//! What must hold here: each measured run follows at once on an unmeasured one of the same program and policy
//! (memory that the hypervisor took back costs far more on its next first touch, and what was freed as 4K pages does
//! not serve for huge ones); the contenders take turns; what is shown is the median.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use faultless_core::counters::C;
use faultless_integration::artefacts::{command, compile, library, preload, present, workspace};
use faultless_integration::child::Run;
use faultless_integration::pages;
use faultless_integration::stats::median;

const RUNS: usize = 3;
const POLICIES: [&str; 3] = ["none", "throughput", "latency"];

/// A program, what it shows, and its command line.
struct Contender {
    title: &'static str,
    argv: Vec<String>,
}

/// What one run came to.
struct Sample {
    wall: f64,
    /// minor faults, less those that our own populate took
    faults: f64,
    /// bytes on huge pages and of how many; nothing without the shim
    huge: Option<(u64, u64)>,
    /// (name, seconds, faults if the program counts them)
    phases: Vec<(String, f64, Option<f64>)>,
}

fn main() -> ExitCode {
    match show() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn show() -> Result<(), String> {
    let scratch = tempfile::tempdir().map_err(|e| e.to_string())?;
    let touch = compile("bench/touch.c", scratch.path())?;
    println!("Unmodified programs, alone (none) and under two policies; medians of {RUNS}, taken in turns.\n");
    println!(
        "{:<22} {:<10} {:>9} {:>8} {:>22}  phases of the program: time, minor faults in it",
        "program", "policy", "faults", "wall", "on huge pages"
    );
    for contender in contenders(&touch, scratch.path()) {
        let mut samples: Vec<Vec<Sample>> = POLICIES.iter().map(|_| vec![]).collect();
        for _ in 0..RUNS {
            for (policy, taken) in POLICIES.iter().zip(&mut samples) {
                run(&contender, policy, scratch.path())?;
                taken.push(run(&contender, policy, scratch.path())?);
            }
        }
        for (policy, taken) in POLICIES.iter().zip(&samples) {
            println!("{}", row(contender.title, policy, taken));
        }
        println!();
    }
    let shown = Contender { title: "", argv: vec![touch.to_string_lossy().into_owned(), "malloc".into()] };
    run(&shown, "throughput", scratch.path())?;
    println!("The report of one of them:\n\n$ faultless run --policy throughput --wait -- ./touch malloc");
    let status = Command::new(command())
        .args(["run", "--policy", "throughput", "--wait", "--lib"])
        .args([&library(), Path::new("--"), Path::new("./touch"), Path::new("malloc")])
        .env_clear()
        .env("FAULTLESS_PAGES", scratch.path().join("shown"))
        .current_dir(&scratch)
        .stdin(Stdio::null())
        .status()
        .map_err(|e| format!("{}: {e}", command().display()))?;
    if status.success() { Ok(()) } else { Err(format!("faultless run: {status}")) }
}

fn contenders(touch: &Path, scratch: &Path) -> Vec<Contender> {
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let bench = |name: &str| text(&workspace().join("bench").join(name));
    let mut all = vec![
        Contender { title: "C: 1 GiB by malloc", argv: vec![text(touch), "malloc".into()] },
        Contender { title: "C: 1 GiB by mmap", argv: vec![text(touch), "mmap".into()] },
    ];
    match java(scratch) {
        Ok(argv) => all.push(Contender { title: "Java: allocateDirect", argv }),
        Err(why) => println!("skipped: the Java program: {why}"),
    }
    match present("python3") {
        true => all.push(Contender { title: "python3: a dictionary", argv: vec!["python3".into(), bench("dict.py")] }),
        false => println!("skipped: the Python program: no python3; apt-get install python3"),
    }
    all
}

fn java(scratch: &Path) -> Result<Vec<String>, String> {
    if !present("javac") {
        return Err("no JDK; apt-get install default-jdk-headless".into());
    }
    let source: PathBuf = workspace().join("bench/Direct.java");
    let folder = scratch.to_string_lossy().into_owned();
    let compiled = Run::new(scratch, ["javac", "-d", &folder, &source.to_string_lossy()]).run()?;
    match compiled.status {
        0 => Ok(["java", "-Xmx64m", "-XX:MaxDirectMemorySize=2g", "-cp", &folder, "Direct"].map(String::from).into()),
        _ => Err(String::from_utf8_lossy(&compiled.stderr).into_owned()),
    }
}

fn run(contender: &Contender, policy: &str, scratch: &Path) -> Result<Sample, String> {
    let folder = tempfile::tempdir_in(scratch).map_err(|e| e.to_string())?;
    let under = policy != "none";
    let env = if under { preload(policy, folder.path()) } else { vec![] };
    let ran = Run::new(scratch, contender.argv.clone()).env(env).run()?;
    if ran.status != 0 {
        let said = String::from_utf8_lossy(&ran.stderr);
        return Err(format!("{} under {policy}: exit status {}: {said}", contender.title, ran.status));
    }
    let left = pages::read(folder.path())?;
    let sum = |counter| left.iter().map(|p| p.get(counter)).sum::<u64>();
    let huge = (sum(C::HugeNow) + sum(C::HugeGoneBytes), sum(C::HugeNowOf) + sum(C::HugeGoneOf));
    Ok(Sample {
        wall: ran.wall.as_secs_f64(),
        faults: ran.minor_faults.saturating_sub(sum(C::OwnMinorFaults)) as f64,
        huge: under.then_some(huge),
        phases: String::from_utf8_lossy(&ran.stdout).lines().filter_map(phase).collect(),
    })
}

/// `NAME seconds=S [faults=N]`.
fn phase(line: &str) -> Option<(String, f64, Option<f64>)> {
    let (name, rest) = line.split_once(" seconds=")?;
    let mut words = rest.split_whitespace();
    let seconds = words.next()?.parse().ok()?;
    let faults = words.next().and_then(|w| w.strip_prefix("faults=")).and_then(|n| n.parse().ok());
    Some((name.to_owned(), seconds, faults))
}

fn row(title: &str, policy: &str, taken: &[Sample]) -> String {
    let of = |value: fn(&Sample) -> f64| median(&taken.iter().map(value).collect::<Vec<_>>());
    let mid = |value: &dyn Fn(&Sample) -> Option<f64>| median(&taken.iter().filter_map(value).collect::<Vec<_>>());
    let huge = match taken.first().and_then(|s| s.huge) {
        None => "-".into(),
        Some((_, 0)) => "unknown".into(),
        Some((on, all)) => {
            let mib = |b: u64| thousands((b >> 20) as f64);
            format!("{} of {} MiB", mib(on), mib(all))
        }
    };
    let phases = taken.first().map_or(&[][..], |s| &s.phases).iter().enumerate().map(|(i, (name, _, faults))| {
        let seconds = mid(&|s: &Sample| s.phases.get(i).map(|p| p.1));
        let counted = faults.map(|_| format!(" {}", thousands(mid(&|s: &Sample| s.phases.get(i).and_then(|p| p.2)))));
        format!("{name} {seconds:.3} s{}", counted.unwrap_or_default())
    });
    let phases: Vec<String> = phases.collect();
    let (faults, wall) = (thousands(of(|s| s.faults)), of(|s| s.wall));
    format!("{title:<22} {policy:<10} {faults:>9} {wall:>6.2} s {huge:>22}  {}", phases.join(", "))
}

fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let first = digits.len() % 3;
    let (head, tail) = digits.split_at(first);
    let groups = tail.as_bytes().chunks(3).map(|c| String::from_utf8_lossy(c).into_owned());
    let head = (!head.is_empty()).then(|| head.to_owned());
    head.into_iter().chain(groups).collect::<Vec<_>>().join(",")
}
