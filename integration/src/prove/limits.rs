//! Resource limits: under RLIMIT_MEMLOCK=0 and RLIMIT_AS of 64 MiB nothing changes but the report.
//!
//! What must hold here: each job runs alone under the same limit first; what a rule then couldn't do must stand in
//! the report with a reason.

use std::path::Path;
use std::process::Command;

use faultless_core::page::Snapshot;

use super::{Line, Sink};
use crate::artefacts::{command, policies, preload};
use crate::child::Run;

/// Small deterministic jobs, one shell line each.
const JOBS: &[&str] = &[
    "seq 1 60000 | sort -rn -S 4M | tac | sha256sum; ls / >/dev/null; exit 3",
    "seq 1 60000 | awk '{s += $1} END {print s}' | tee copy; cat copy no-such-file",
    "perl -e 'my %h = map { $_ => \"x\" x 20 } 1 .. 30000; print scalar(keys %h), \"\\n\"; exit 5'",
    "python3 -S -c 'd = {i: str(i) for i in range(30000)}; b = bytearray(8 << 20); print(len(d), sum(b)); exit(7)'",
    "python3 -S -c 'b = bytearray(1 << 40)' 2>&1 | tail -n 1",
    "perl -e 'my $p = fork // die; if (!$p) { my $s = \"y\" x (4 << 20); exit 9 } waitpid $p, 0; print $? >> 8, \"\\n\"'",
];

/// Runs the jobs under each limit and every policy.
pub fn prove(sink: Sink<'_>) {
    one("RLIMIT_MEMLOCK=0", libc::RLIMIT_MEMLOCK, 0, Some("RLIMIT_MEMLOCK"), sink);
    one("RLIMIT_AS=64 MiB", libc::RLIMIT_AS, 64 << 20, None, sink);
}

fn one(name: &str, resource: libc::__rlimit_resource_t, value: u64, reason: Option<&str>, sink: Sink<'_>) {
    let criterion = format!("{name}: the same status and output");
    let goal = "every job, every policy";
    let Ok(scratch) = tempfile::tempdir() else { return sink(Line::broken(&criterion, goal, "no temporary folder")) };
    let pages = scratch.path().join("pages");
    let (mut runs, mut same, mut note) = (0, 0, String::new());
    for job in JOBS {
        let run = |env| {
            let mut run = Run::new(scratch.path(), ["/bin/sh", "-c", job]).env(env);
            run.limits = vec![(resource, value)];
            run.run()
        };
        let alone = run(vec![]);
        for policy in policies() {
            runs += 1;
            match (&alone, run(preload(policy, &pages))) {
                (Ok(alone), Ok(under)) => match under.differs(alone) {
                    None => same += 1,
                    Some(why) => note = format!("{policy}: {why}"),
                },
                (Err(why), _) => note = format!("alone: {why}"),
                (_, Err(why)) => note = why,
            }
        }
    }
    sink(Line::judged(&criterion, goal, format!("{same} of {runs}"), same == runs).noted(note));
    sink(said_why(name, &pages, reason));
}

/// What was not applied has its reason, in the page and in what `faultless report` prints.
fn said_why(name: &str, pages: &Path, reason: Option<&str>) -> Line {
    let criterion = format!("{name}: the report says why");
    let goal = reason.map_or("a reason for all not done".into(), |r| format!("`{r}` and a remedy"));
    let found = match crate::pages::read(pages) {
        Ok(found) if !found.is_empty() => found,
        Ok(_) => return Line::broken(&criterion, &goal, "no counter page"),
        Err(why) => return Line::broken(&criterion, &goal, why),
    };
    let undone = |p: &Snapshot| p.rules().any(|(r, _)| r.outcomes[1..].iter().sum::<u64>() > 0);
    let silent = |p: &Snapshot| {
        p.rules().any(|(r, _)| r.outcomes[1..].iter().sum::<u64>() > 0 && r.notes.iter().all(|n| n.count == 0))
    };
    let report = Command::new(command()).arg("report").arg(pages).output();
    let text = report.map(|r| String::from_utf8_lossy(&r.stdout).into_owned()).unwrap_or_default();
    let without = found.iter().filter(|p| silent(p)).count();
    let with = found.iter().filter(|p| undone(p)).count();
    let says = reason.is_none_or(|r| text.contains(r) && text.contains("try:"));
    let measured = format!("{} of {with} pages, report {} B", with - without, text.len());
    Line::judged(&criterion, &goal, measured, without == 0 && says && !text.is_empty())
}
