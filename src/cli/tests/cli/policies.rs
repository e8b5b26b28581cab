//! `policy list`, `show` and `check`: golden output, and where values come from.

use std::io::Write;
use std::process::Stdio;

use crate::fixtures::{faultless, output};

#[test]
fn the_list_names_each_built_in_policy_with_its_rules_and_fits_a_terminal() {
    let out = output(faultless().args(["policy", "list"])).out;
    let lines: Vec<_> = out.lines().collect();
    for built_in in faultless_core::policies::TABLE {
        let from = lines.iter().position(|l| l.split_whitespace().next() == Some(built_in.name)).expect(&out);
        let rules = built_in.rules.split(',').filter(|rule| !rule.is_empty());
        let missing = rules.filter(|rule| !lines[from + 1..].iter().any(|line| line.trim() == *rule)).count();
        assert_eq!(missing, 0, "{}: {out}", built_in.name);
    }
    assert!(lines.iter().all(|line| line.chars().count() <= 80), "{out}");
}

#[test]
fn show_prints_rules_and_options_with_their_sources() {
    let mut command = faultless();
    command.args(["policy", "show", "throughput", "--lock-max", "1M"]).env("FAULTLESS_RETAIN_MAX", "2M");
    assert_eq!(
        output(&mut command).out,
        "\
policy throughput (built in)
  1 malloc@1M:huge+recycle
  2 heap:huge
  3 anon@2M:huge

option             value       from
policy             throughput  flag
rules                          built in
only                           built in
skip                           built in
disable            0           built in
lock-max           1M          flag
populate-max       50pct       built in
retain-max         2M          environment
huge-growth-max    25pct       built in
populate-time-max  10s         built in
report             auto        built in
log                off         built in
pages                          built in\nheat                           built in
"
    );
}

#[test]
fn show_reads_a_file_of_rules() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("site.rules");
    std::fs::write(&file, "# ours\n\nheap:huge, anon@2M:huge\nfile=/data/*.idx:populate+lock\n").unwrap();
    let done = output(faultless().args(["policy", "show"]).arg(&file));
    assert!(
        done.out.contains("(file)\n  1 heap:huge\n  2 anon@2M:huge\n  3 file=/data/*.idx:"),
        "{}{}",
        done.out,
        done.err
    );
}

#[test]
fn check_reads_standard_input() {
    for (rules, status, said) in
        [("heap:huge\n", 0, "standard input: 1 rule, no fault"), ("heap:hug\n", 2, "did you mean huge?")]
    {
        let mut command = faultless();
        command.args(["policy", "check", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(rules.as_bytes()).unwrap();
        let done = child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
        assert_eq!(done.status.code(), Some(status), "{text}");
        assert!(text.contains(said), "{text}");
    }
}

#[test]
fn the_options_table_for_the_readme_has_every_option() {
    let out = output(faultless().args(["policy", "show", "--markdown-options"])).out;
    for row in faultless_core::options::TABLE {
        assert_eq!(out.contains(&format!("`{}`", row.env)), !row.internal, "{}", row.env);
    }
}

#[test]
fn the_readme_shows_the_options_as_the_table_has_them() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md")).unwrap();
    let shown = readme.split_once("markdown-options -->\n").and_then(|(_, rest)| rest.split_once("<!-- end -->"));
    let table = output(faultless().args(["policy", "show", "--markdown-options"])).out;
    assert_eq!(shown.map(|(shown, _)| shown.trim()), Some(table.trim()));
}
