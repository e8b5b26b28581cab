//! Runs a suite: three times without the shim, once under each policy, and again what differed.
//!
//! What must hold here: a difference is never explained away by one more run: it is gone only if none of the runs that
//! follow shows it, or if a run without the shim shows it too.

use std::collections::BTreeSet;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::compare::Baseline;
use super::settings::Settings;
use super::{Compared, Part, Report, Results, Suite};
use crate::artefacts::workspace;

/// Runs without the shim.
const BASELINES: usize = 3;
/// Further runs of a part in which something differed, with and without.
const AGAIN: usize = 3;

/// Runs one suite. The error is why it could not be.
pub fn run(suite: &dyn Suite, settings: &Settings) -> Result<Report, String> {
    let cache = workspace().join("target/suites").join(suite.name());
    std::fs::create_dir_all(&cache).map_err(|e| format!("{}: {e}", cache.display()))?;
    eprintln!("{}: getting it ready in {}", suite.name(), cache.display());
    let what = suite.prepare(&cache)?;
    let mut parts = suite.parts(&cache)?;
    parts.retain(|p| settings.parts.is_empty() || settings.parts.contains(&p.name));
    if parts.is_empty() {
        return Err(format!("none of its parts is named {}", settings.parts.join(", ")));
    }
    let bench = Bench { suite, parts: &parts, jobs: settings.jobs, logs: workspace().join("target/suites/log") };
    let mut baseline = Baseline::default();
    for round in 1..=BASELINES {
        baseline.add(bench.go(None, &format!("alone-{round}"), None)?.0);
    }
    let mut compared = Vec::new();
    for policy in &settings.policies {
        compared.push(bench.judge(policy, &mut baseline)?);
    }
    // what later runs without the shim have shown to be unsteady says nothing about earlier policies either
    let steady: BTreeSet<String> = baseline.steady().into_keys().map(str::to_owned).collect();
    for c in &mut compared {
        (c.tests, c.compared) = (baseline.tests(), steady.len());
    }
    Ok(Report { suite: suite.name(), what, compared })
}

struct Bench<'a> {
    suite: &'a dyn Suite,
    parts: &'a [Part],
    jobs: usize,
    logs: PathBuf,
}

impl Bench<'_> {
    fn judge(&self, policy: &'static str, baseline: &mut Baseline) -> Result<Compared, String> {
        let (results, reached) = self.go(Some(policy), policy, None)?;
        let first = baseline.differing(&results);
        let mut again = BTreeSet::new();
        if !first.is_empty() {
            let parts: BTreeSet<&str> = first.keys().filter_map(|n| n.split_once(": ")).map(|(part, _)| part).collect();
            for round in 1..=AGAIN {
                baseline.add_parts(self.go(None, &format!("alone-{policy}-{round}"), Some(&parts))?.0);
                let (results, _) = self.go(Some(policy), &format!("{policy}-{round}"), Some(&parts))?;
                again.extend(first.keys().filter(|n| baseline.differing(&results).contains_key(*n)).cloned());
            }
        }
        let steady = baseline.steady();
        let told = |wanted: bool| -> Vec<String> {
            let those = first.iter().filter(|(n, _)| steady.contains_key(n.as_str()) && again.contains(*n) == wanted);
            those.map(|(n, came)| format!("{n}: {came} instead of {}", steady[n.as_str()])).collect()
        };
        Ok(Compared { policy, tests: 0, compared: 0, reached, differences: told(true), once: told(false) })
    }

    /// Runs all parts, or those that are named, several at a time.
    fn go(&self, policy: Option<&str>, label: &str, only: Option<&BTreeSet<&str>>) -> Result<(Results, usize), String> {
        let parts: Vec<&Part> =
            self.parts.iter().filter(|p| only.is_none_or(|o| o.contains(p.name.as_str()))).collect();
        let logs = self.logs.join(self.suite.name()).join(label);
        std::fs::create_dir_all(&logs).map_err(|e| format!("{}: {e}", logs.display()))?;
        let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let all = Mutex::new((Results::new(), 0, None));
        std::thread::scope(|scope| {
            for _ in 0..self.jobs {
                scope.spawn(|| {
                    while let Some(part) = parts.get(next.fetch_add(1, Relaxed)) {
                        let one = self.one(part, policy, &logs);
                        let mut all = all.lock().unwrap_or_else(|e| e.into_inner());
                        match one {
                            Ok((results, reached)) => {
                                all.0.extend(results);
                                all.1 += reached;
                            }
                            Err(why) => all.2 = Some(why),
                        }
                        drop(all);
                        progress(self.suite.name(), label, done.fetch_add(1, Relaxed) + 1, parts.len(), &part.name);
                    }
                });
            }
        });
        match all.into_inner().unwrap_or_else(|e| e.into_inner()) {
            (_, _, Some(why)) => Err(why),
            (results, reached, None) => Ok((results, reached)),
        }
    }

    fn one(&self, part: &Part, policy: Option<&str>, logs: &Path) -> Result<(Results, usize), String> {
        let log = logs.join(part.name.replace('/', "_"));
        part.run(policy, &log, |ended| {
            let mut results = self.suite.results(part, ended);
            if ended.status.is_none() {
                let hung = format!("killed after {} s", part.limit.as_secs());
                eprintln!("{}: {} [{}]: {hung}", self.suite.name(), part.name, policy.unwrap_or("alone"));
                results.insert("it ends".into(), hung);
            }
            if results.is_empty() {
                results.insert("it ends".into(), format!("with status {}", ended.status.unwrap_or_default()));
            }
            let named = results.into_iter().map(|(name, came)| (format!("{}: {name}", part.name), came));
            (named.collect(), ended.reached)
        })
    }
}

fn progress(suite: &str, label: &str, done: usize, of: usize, part: &str) {
    let mut out = std::io::stderr();
    if out.is_terminal() {
        let end = if done == of { "\r\x1b[K" } else { "" };
        let _ = write!(out, "\r\x1b[K{suite} [{label}] {done} of {of}: {part}{end}");
    } else if done == of {
        eprintln!("{suite} [{label}] {done} of {of}");
    }
}
