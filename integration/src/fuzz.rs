//! `make fuzz`: builds the targets of integration/fuzz and runs each for its time.
//!
//! What must hold here: a target that could not be built or did not run is no PASS; an input that fails is kept, and the
//! command that repeats it is said; the corpora of the project change only when asked for (KEEP=1).

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::artefacts::workspace;
use crate::bench::peers::succeed;
use crate::prove::Line;

/// Every target, with what it feeds.
pub const TARGETS: &[(&str, &str)] = &[
    ("rules", "rules, policy files, patterns"),
    ("options", "values of options"),
    ("page", "counter pages of strangers, in every form of the report"),
    ("proc", "/proc/PID/maps, smaps and buddyinfo"),
    ("elf", "programs, as the command looks at them"),
    ("exec", "programs and scripts, as the library looks at them"),
];

/// What cargo-fuzz passes too, but for the sanitizer, which stable Rust lacks: coverage of edges and comparisons.
const FLAGS: &str = "--cfg fuzzing -Ccodegen-units=1 -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";
/// Seconds for one input, after which it counts as a hang.
const HANG: u32 = 10;
/// MiB, beyond which an input counts as taking memory without bound.
const MEMORY: u32 = 2048;

fn folder() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from);
    target.join("fuzz")
}

/// The host's own: with a target named, build scripts and macros are compiled without the flags.
fn triple() -> String {
    format!("{}-unknown-linux-gnu", std::env::consts::ARCH)
}

fn kept(target: &str) -> PathBuf {
    workspace().join("integration/fuzz/corpus").join(target)
}

fn program(target: &str) -> PathBuf {
    folder().join(triple()).join("release").join(target)
}

/// Builds all targets.
pub fn build() -> Result<(), String> {
    let cargo = std::env::var_os("CARGO").unwrap_or("cargo".into());
    let manifest = workspace().join("integration/fuzz/Cargo.toml");
    let mut command = Command::new(cargo);
    command.args(["build", "-q", "--release", "--locked", "--target", &triple(), "--manifest-path"]).arg(manifest);
    succeed(command.arg("--target-dir").arg(folder()).env("RUSTFLAGS", FLAGS))
}

/// Runs one target, and adds what it found of new ways through the code to the kept corpus if asked.
pub fn run(target: &str, about: &str, time: Duration, keep: bool) -> Line {
    let (criterion, goal) = (format!("fuzz {target}: {about}"), format!("no input fails in {} s", time.as_secs()));
    match tried(target, time, keep) {
        Err(why) => Line::broken(&criterion, &goal, why),
        Ok((measured, None)) => Line::judged(&criterion, &goal, measured, true),
        Ok((measured, Some(found))) => Line::judged(&criterion, &goal, measured, false).noted(found),
    }
}

/// What was done, and the input that failed.
fn tried(target: &str, time: Duration, keep: bool) -> Result<(String, Option<String>), String> {
    let (own, found) = (folder().join("corpus").join(target), folder().join("found"));
    for path in [&own, &found, &kept(target)] {
        std::fs::create_dir_all(path).map_err(|e| format!("{}: {e}", path.display()))?;
    }
    let prefix = found.join(format!("{target}-"));
    let mut command = Command::new(program(target));
    command.arg(&own).arg(kept(target));
    command.arg(format!("-max_total_time={}", time.as_secs())).arg(format!("-timeout={HANG}"));
    command.arg(format!("-rss_limit_mb={MEMORY}")).arg(format!("-artifact_prefix={}", prefix.display()));
    command.args(["-print_final_stats=1", "-verbosity=1"]);
    let done = command.output().map_err(|e| format!("{}: {e}", program(target).display()))?;
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    let number = |name: &str| said.lines().find_map(|l| l.strip_prefix(name)?.trim().parse::<u64>().ok());
    let inputs = number("stat::number_of_executed_units:").unwrap_or(0);
    let covered = said.lines().rev().find_map(|l| l.split(" cov: ").nth(1)?.split(' ').next()?.parse::<u64>().ok());
    let measured = format!("{inputs} inputs, {} edges", covered.map_or("unknown".into(), |n| n.to_string()));
    if done.status.success() {
        if keep {
            merge(target, &own)?;
        }
        return Ok((measured, None));
    }
    let artefact = said.lines().find_map(|l| l.split("Test unit written to ").nth(1));
    let why = said.lines().find(|l| l.contains("panicked at") || l.contains("ERROR: libFuzzer"));
    match artefact {
        Some(file) => {
            let repeat = format!("{} {file}", program(target).display());
            Ok((measured, Some(format!("{}; again: {repeat}", why.unwrap_or("failed").trim()))))
        }
        None => Err(said.lines().last().unwrap_or("it said nothing").to_owned()),
    }
}

/// Keeps those of its inputs that reach code which no kept one does, small ones first.
fn merge(target: &str, own: &Path) -> Result<(), String> {
    let mut command = Command::new(program(target));
    succeed(command.args(["-merge=1", "-use_counters=0", "-max_len=4096"]).arg(kept(target)).arg(own))
}
