//! `metrics`, on pages made by hand, and what deploy/ makes of its names.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::fixtures::{Output, faultless, output, skip};
use crate::pages::{Bytes, Holder};

/// No process has this id: pid_max is at most 2^22.
const NOBODY: u32 = 1 << 23;

fn metrics(folder: &Path, flags: &[&str]) -> Output {
    output(faultless().arg("metrics").args(flags).env("FAULTLESS_PAGES", folder))
}

fn deployed(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(name)).unwrap()
}

#[test]
fn one_program_under_one_policy_is_one_series_whatever_its_pids() {
    let folder = tempfile::tempdir().unwrap();
    Bytes::new(NOBODY, 7, 1).save(folder.path());
    Bytes::new(NOBODY + 1, 8, 2).save(folder.path());
    let done = metrics(folder.path(), &[]);
    let ours: Vec<_> = done.out.lines().filter(|l| l.starts_with("faultless_rule_bytes_total")).collect();
    let expected =
        "faultless_rule_bytes_total{exe=\"server\",policy=\"throughput\",n=\"1\",rule=\"anon@2M:huge\"} 6442450944";
    assert_eq!(ours, [expected], "{}", done.err);
    assert!(!done.out.contains("pid="), "{}", done.out);
}

#[test]
fn only_what_runs_counts_as_a_process() {
    let folder = tempfile::tempdir().unwrap();
    Bytes::new(NOBODY, 7, 1).save(folder.path());
    let processes = |n: u32| format!("faultless_processes{{exe=\"server\",policy=\"throughput\"}} {n}\n");
    assert!(metrics(folder.path(), &[]).out.contains(&processes(0)));
    let Some(_holder) = Holder::start(&[], Some(folder.path()), 7) else { return };
    let out = metrics(folder.path(), &[]).out;
    assert!(out.contains(&processes(1)) && out.contains("faultless_resident_bytes{"), "{out}");
}

#[test]
fn per_process_has_the_pids_of_what_runs_and_of_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    Bytes::new(NOBODY, 7, 1).save(folder.path());
    let Some(holder) = Holder::start(&[], Some(folder.path()), 7) else { return };
    let out = metrics(folder.path(), &["--per-process"]).out;
    let samples: Vec<_> = out.lines().filter(|l| !l.starts_with('#')).collect();
    let pid = format!("pid=\"{}\"", holder.child.id());
    assert!(!samples.is_empty() && samples.iter().all(|l| l.contains(&pid)), "{out}");
}

#[test]
fn a_file_is_replaced_as_a_whole_and_may_be_read_by_the_collector() {
    let (folder, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    Bytes::new(NOBODY, 7, 1).save(folder.path());
    let file = target.path().join("faultless.prom");
    fs::write(&file, "old\n").unwrap();
    let before = fs::File::open(&file).unwrap();
    let done = metrics(folder.path(), &["--output", file.to_str().unwrap()]);
    assert_eq!((done.status, done.out.as_str()), (Some(0), ""), "{}", done.err);
    assert!(fs::read_to_string(&file).unwrap().ends_with('\n'));
    assert_eq!(std::io::read_to_string(before).unwrap(), "old\n", "who had it open keeps what it had");
    assert_eq!(fs::read_dir(target.path()).unwrap().count(), 1, "nothing else is left there");
}

#[test]
fn a_file_that_cannot_be_written_is_an_error_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let done = metrics(folder.path(), &["--output", "/nonexistent/faultless.prom"]);
    assert_eq!(done.status, Some(1));
    assert!(done.err.contains("/nonexistent/faultless.prom"), "{}", done.err);
}

#[test]
fn no_page_at_all_is_an_empty_but_valid_answer() {
    let folder = tempfile::tempdir().unwrap();
    let done = metrics(folder.path(), &[]);
    assert_eq!(done.status, Some(0));
    assert!(done.out.lines().all(|l| l.starts_with('#')), "{}", done.out);
}

#[test]
fn the_dashboard_and_the_alerts_name_only_what_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let written: BTreeSet<String> = metrics(folder.path(), &[])
        .out
        .lines()
        .filter_map(|l| Some(l.strip_prefix("# TYPE ")?.split(' ').next()?.to_owned()))
        .collect();
    let dashboard = deployed("grafana-dashboard.json");
    serde_json::from_str::<serde_json::Value>(&dashboard).expect("valid JSON");
    let is_name = |c: char| c.is_ascii_lowercase() || c == '_';
    let mut named = 0;
    for text in [dashboard, deployed("alerts.yml")] {
        for (at, _) in text.match_indices("faultless_") {
            let name: String = text[at..].chars().take_while(|c| is_name(*c)).collect();
            assert!(written.contains(&name), "{name}");
            named += 1;
        }
    }
    assert!(named > 10, "{named}");
}

#[test]
fn promtool_finds_no_fault() {
    let folder = tempfile::tempdir().unwrap();
    Bytes::new(NOBODY, 7, 1).save(folder.path());
    let file = folder.path().join("text");
    fs::write(&file, metrics(folder.path(), &[]).out).unwrap();
    let input = Stdio::from(fs::File::open(&file).unwrap());
    match Command::new("promtool").args(["check", "metrics"]).stdin(input).output() {
        Ok(done) => assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr)),
        Err(_) => skip("no promtool; apt-get install prometheus").unwrap_or(()),
    }
    let alerts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/alerts.yml");
    if let Ok(done) = Command::new("promtool").args(["check", "rules"]).arg(alerts).output() {
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
}
