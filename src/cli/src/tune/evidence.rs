//! What the program does with memory: one run under rules that leave everything, one under `faultless where`.
//!
//! What must hold here: nothing is changed for the program; what could not be found out is missing, not zero.

use std::env;
use std::ffi::OsString;
use std::io::{Read, Seek};
use std::os::fd::AsRawFd;

use serde_json::Value;

use crate::compare::contender::Contender;
use crate::compare::figures::Run;
use crate::compare::runner::Stop;
use crate::compare::setup::{Begun, Setup};

/// What the counter page tells apart: a rule, and what its regions are.
const KINDS: [(&str, &str); 4] = [
    ("malloc@1M:leave", "blocks of malloc from 1 MiB"),
    ("anon@2M:leave", "anonymous mappings from 2 MiB"),
    ("file@16M:leave", "mappings of files from 16 MiB"),
    ("shm@2M:leave", "shared memory from 2 MiB"),
];

/// A rule that `where` proposes.
#[derive(Clone, PartialEq, Debug)]
pub struct Advice {
    /// as `--rule` takes it
    pub rule: String,
    /// that it would treat
    pub faults: u64,
    /// what these cost, in ms
    pub cost_ms: Option<f64>,
}

/// All of it.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// the run that was counted
    pub run: Run,
    /// bytes in blocks of malloc
    pub malloc: u64,
    /// bytes in anonymous mappings
    pub anon: u64,
    /// bytes of mapped files
    pub files: u64,
    /// from `where`, the costliest first; `None` if it could not tell
    pub advice: Option<Vec<Advice>>,
}

/// The rules of the run that is counted.
pub fn rules() -> OsString {
    KINDS.map(|(rule, _)| rule).join(",").into()
}

impl Evidence {
    /// Runs the program twice.
    ///
    /// # Errors
    /// [`Stop`], as of any run.
    pub fn gather(begun: &Begun, setup: &Setup<'_>, alone: &Contender, counted: &Contender) -> Result<Evidence, Stop> {
        let (run, _) = begun.runner(setup, &setup.measure.command).run(counted)?;
        let bytes = |kind: usize| run.by_rule.get(kind).copied().unwrap_or(0);
        let (malloc, anon, files) = (bytes(0), bytes(1), bytes(2));
        let advice = match ask_where(begun, setup, alone) {
            Ok(advice) => advice,
            // Anything else that goes wrong there costs advice, not the comparison.
            Err(Stop::Failed(..)) => None,
            Err(signal) => return Err(signal),
        };
        Ok(Evidence { run, malloc, anon, files, advice })
    }

    /// What was found, for a person: a word, and what is said about it.
    pub fn lines(&self) -> Vec<(String, String)> {
        use crate::compare::table::{bytes, count};
        let run = &self.run;
        let text = format!(
            "{:.3} s, {} minor and {} major faults, {} at most, {} read from disk",
            run.wall,
            count(run.minor),
            count(run.major),
            bytes(run.peak_rss),
            bytes(run.disk_read),
        );
        let mut lines = vec![("one run".to_owned(), text)];
        for ((_, what), found) in KINDS.iter().zip(&run.by_rule).filter(|(_, found)| **found > 0) {
            lines.push((String::new(), format!("{} in {what}", bytes(*found as f64))));
        }
        match self.advice.as_deref() {
            None => lines.push(("where".into(), "could not tell".into())),
            Some([]) => lines.push(("where".into(), "no faults worth a rule".into())),
            Some(advice) => lines.extend(advice.iter().map(|one| {
                let cost = one.cost_ms.map_or(String::new(), |ms| format!(", {ms:.0} ms"));
                ("where".into(), format!("{}: {} faults{cost}", one.rule, count(one.faults as f64)))
            })),
        }
        lines
    }
}

/// As a process of its own, in the program's group, so that however we end it ends with the program.
fn ask_where(begun: &Begun, setup: &Setup<'_>, alone: &Contender) -> Result<Option<Vec<Advice>>, Stop> {
    let mut answer = tempfile::tempfile()?;
    // By our own descriptor: no name is left behind, and the program does not inherit it.
    let path = format!("/proc/{}/fd/{}", std::process::id(), answer.as_raw_fd());
    let own = env::current_exe()?.into_os_string();
    let words = ["where", "--json", "--output", &path, "--"].map(OsString::from);
    let command: Vec<OsString> = [own].into_iter().chain(words).chain(setup.measure.command.iter().cloned()).collect();
    begun.runner(setup, &command).run(alone)?;
    let mut text = String::new();
    answer.rewind()?;
    answer.read_to_string(&mut text)?;
    Ok(serde_json::from_str::<Value>(&text).ok().and_then(|answer| advice(&answer)))
}

fn advice(answer: &Value) -> Option<Vec<Advice>> {
    let mut found: Vec<Advice> = Vec::new();
    for region in answer["regions"].as_array()? {
        let Some(rule) = region["rule"].as_str() else { continue };
        let number = |name: &str| region[name].as_u64().unwrap_or(0);
        let (faults, cost_ms) = (number("minor") + number("major"), region["cost_ms"].as_f64());
        // One rule may be the answer to several groups.
        match found.iter_mut().find(|one| one.rule == rule) {
            Some(one) => {
                one.faults += faults;
                one.cost_ms = one.cost_ms.zip(cost_ms).map(|(a, b)| a + b);
            }
            None => found.push(Advice { rule: rule.into(), faults, cost_ms }),
        }
    }
    let cost = |one: &Advice| one.cost_ms.unwrap_or(f64::INFINITY);
    found.sort_by(|a, b| cost(b).total_cmp(&cost(a)));
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn groups_with_one_rule_are_put_together_and_the_costliest_comes_first() {
        let answer = json!({"regions": [
            {"rule": "heap:huge", "minor": 5, "major": 0, "cost_ms": 1.0},
            {"rule": null, "minor": 500, "major": 0, "cost_ms": 9.0},
            {"rule": "anon@2M:huge", "minor": 7, "major": 1, "cost_ms": 2.0},
            {"rule": "heap:huge", "minor": 6, "major": 0, "cost_ms": 1.5},
        ]});
        let found: Vec<_> = advice(&answer).unwrap().into_iter().map(|a| (a.rule, a.faults, a.cost_ms)).collect();
        let expected = [("heap:huge".to_owned(), 11, Some(2.5)), ("anon@2M:huge".to_owned(), 8, Some(2.0))];
        assert_eq!(found, expected);
    }

    #[test]
    fn an_answer_of_another_shape_is_none() {
        assert_eq!(advice(&json!({"version": 7})), None);
    }
}
