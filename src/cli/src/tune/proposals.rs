//! Which policies are worth a try, from what the program does.
//!
//! What must hold here: at most five, those that change least first, because of two that help alike the first is taken;
//! nothing is proposed to a program whose memory no rule is about.

use super::evidence::Evidence;
use crate::compare::args::Entry;

/// A comparison with more contenders takes too long, and finds a winner by chance.
const MOST: usize = 5;
/// Less memory than this takes few faults and is mostly within reach of the TLB, so that huge pages gain nothing; in bytes.
const LITTLE: f64 = 16.0 * 1024.0 * 1024.0;
/// What a first touch of 4 KiB costs, in seconds: the least that is seen (docs/kernel.md: 0.55 to 0.9 s for 262,144, but
/// half of it where memory lies ready).
const FAULT: f64 = 1e-6;
/// The share of a run that is worth a comparison.
const SHARE: f64 = 0.01;

/// The policies, `available` being bytes of memory that are free for use.
pub fn propose(evidence: &Evidence, available: u64) -> Vec<Entry> {
    let mut found: Vec<Entry> = Vec::new();
    let mut add = |entry: Entry| {
        if !found.contains(&entry) && found.len() < MOST {
            found.push(entry);
        }
    };
    let advice: Vec<&str> = evidence.advice.iter().flatten().map(|one| one.rule.as_str()).collect();
    let is_file = |rule: &&str| ["file", "text", "shm"].iter().any(|kind| rule.starts_with(kind));
    let (files, memory): (Vec<&str>, Vec<&str>) = advice.iter().partition(|rule| is_file(rule));
    let rules = |rules: &[&str]| Entry::Rules(rules.join(",").into());
    let policy = |name: &str| Entry::Policy(name.into());

    let run = &evidence.run;
    let faulting = run.minor * FAULT >= run.wall * SHARE;
    // Small blocks are no region of their own, but their pages are touched once each.
    let known = (evidence.malloc + evidence.anon) as f64 >= LITTLE || run.minor * 4096.0 >= LITTLE;
    let has_memory = run.peak_rss >= LITTLE && (faulting || known);
    let has_files = evidence.files > 0 && (run.major > 0.0 || run.disk_read > 0.0 || faulting);
    if has_memory {
        if !memory.is_empty() {
            add(rules(&memory));
        }
        add(policy("throughput"));
    }
    if !files.is_empty() {
        add(rules(&files));
    }
    if has_memory && !memory.is_empty() && !files.is_empty() {
        add(rules(&advice));
    }
    if has_files {
        add(policy("scan"));
        add(Entry::Rules("file@16M:populate".into()));
        add(Entry::Rules("file@16M:random".into()));
    }
    // It makes all resident at once: only where that leaves room.
    if has_memory && run.peak_rss < available as f64 / 4.0 {
        add(policy("latency"));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::evidence::Advice;
    use super::*;
    use crate::compare::figures::Run;
    use crate::wait::End;

    fn evidence(peak_rss: f64, minor: f64, rules: &[&str]) -> Evidence {
        let run = Run {
            round: 0,
            position: 0,
            contender: 0,
            wall: 1.0,
            user: 1.0,
            sys: 0.0,
            minor,
            major: 0.0,
            disk_read: 0.0,
            peak_rss,
            huge: None,
            locked: None,
            ruled: None,
            pmu: Default::default(),
            by_rule: Vec::new(),
            end: End::Exited(0),
            output: 0,
            difference: None,
            metrics: Vec::new(),
        };
        let advice = rules.iter().map(|rule| Advice { rule: (*rule).into(), faults: 1, cost_ms: None });
        Evidence { run, malloc: 0, anon: 0, files: 0, advice: Some(advice.collect()) }
    }

    fn names(evidence: &Evidence) -> Vec<String> {
        let name = |entry: Entry| match entry {
            Entry::Policy(text) | Entry::Rules(text) => text.into_string().unwrap(),
        };
        propose(evidence, 8 << 30).into_iter().map(name).collect()
    }

    #[test]
    fn a_program_that_computes_gets_no_proposal() {
        assert!(names(&evidence(4e6, 300.0, &[])).is_empty());
        assert!(names(&evidence(1e9, 300.0, &[])).is_empty());
    }

    #[test]
    fn memory_that_is_touched_once_in_a_long_run_is_tried_too() {
        let long = evidence(1e9, 250_000.0, &[]);
        let long = Evidence { run: Run { wall: 1000.0, ..long.run }, ..long };
        assert_eq!(names(&long), ["throughput", "latency"]);
    }

    #[test]
    fn a_program_that_faults_in_memory_gets_what_where_says_before_what_is_built_in() {
        let found = names(&evidence(1e9, 250_000.0, &["heap:huge", "malloc@1M:huge"]));
        assert_eq!(found, ["heap:huge,malloc@1M:huge", "throughput", "latency"]);
    }

    #[test]
    fn latency_is_not_tried_where_memory_would_run_out() {
        assert_eq!(names(&evidence(5e9, 250_000.0, &[])), ["throughput"]);
    }

    #[test]
    fn mapped_files_are_tried_each_way_and_there_are_at_most_five() {
        let mut evidence = evidence(1e9, 250_000.0, &["file=/data/x:random", "heap:huge"]);
        evidence.files = 1 << 30;
        let found = names(&evidence);
        assert_eq!(found, ["heap:huge", "throughput", "file=/data/x:random", "file=/data/x:random,heap:huge", "scan"]);
    }
}
