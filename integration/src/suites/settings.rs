//! What SUITE, POLICY, JOBS and PARTS ask for.
//!
//! What must hold here: a word that names nothing is an error, never a run of nothing.

use super::SUITES;
use crate::artefacts::policies;

/// The settings, for `--help`.
pub const HELP: &str = "SUITE=\"cpython\"       these suites alone
POLICY=\"throughput\"   these policies alone (docs/trust.md is written only by a run of all of them)
PARTS=\"test_mmap\"     these parts of a suite alone (nor is it then)
JOBS=4                parts at a time; two for each processor where nothing is said";

/// What is to be run.
pub struct Settings {
    /// names of suites
    pub suites: Vec<&'static str>,
    /// names of policies
    pub policies: Vec<&'static str>,
    /// whether the suites are run under all of them and in full
    pub whole: bool,
    /// names of parts; none is all of them
    pub parts: Vec<String>,
    /// parts at a time
    pub jobs: usize,
}

/// Reads them from the environment.
pub fn read() -> Result<Settings, String> {
    let all = SUITES.iter().map(|s| s.name()).collect();
    let (suites, policies) = (named("SUITE", all)?, named("POLICY", policies())?);
    let parts = words("PARTS");
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = match words("JOBS").first() {
        None => processors * 2,
        Some(n) => n.parse().ok().filter(|n| *n > 0).ok_or_else(|| format!("JOBS={n}: it is a number from 1 on"))?,
    };
    let whole = parts.is_empty() && words("POLICY").is_empty();
    Ok(Settings { suites, policies, whole, parts, jobs })
}

fn words(name: &str) -> Vec<String> {
    std::env::var(name).unwrap_or_default().split_whitespace().map(str::to_owned).collect()
}

fn named(variable: &str, all: Vec<&'static str>) -> Result<Vec<&'static str>, String> {
    let wanted = words(variable);
    if let Some(unknown) = wanted.iter().find(|w| !all.contains(&w.as_str())) {
        return Err(format!("{variable}: there is no {unknown}; there are: {}", all.join(" ")));
    }
    Ok(all.into_iter().filter(|name| wanted.is_empty() || wanted.iter().any(|w| w == name)).collect())
}
