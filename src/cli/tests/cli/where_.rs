//! `where`: which function and which region faults are put down to, and that the program does not notice.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::fixtures::{compile, empty_library, faultless, output, skip, with_signals};

const PROGRAM: &str = r#"
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#define MIB (1 << 20)
static void touches(volatile char *p, size_t n) { for (size_t i = 0; i < n; i += 4096) p[i] = 1; }
static char *takes(size_t n) { return malloc(n); }
static void fills(char *p, size_t n) { memset(p, 1, n); }
static void block(void) { touches(takes(32 * MIB), 32 * MIB); }
static void filled(void) { fills(takes(32 * MIB), 32 * MIB); }
static void again(void) { for (int i = 0; i < 8; i++) { char *p = takes(40 * MIB); touches(p, 40 * MIB); free(p); } }
static void small(void) { for (int i = 0; i < 8000; i++) { char *p = malloc(4000); memset(p, 1, 4000); } }
static void mapped(void) {
    touches(mmap(0, 32 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 32 * MIB);
}
static void jumps(const char *path) {
    volatile char *p = mmap(0, 64 * MIB, PROT_READ, MAP_SHARED, open(path, O_RDONLY), 0);
    unsigned x = 1;
    for (int i = 0; i < 300; i++) { x = x * 1103515245u + 12345u; (void)p[(size_t)(x >> 16 & 1023) << 16]; }
}
static void gets_signal(int signal) { (void)signal; _exit(42); }
int main(int argc, char **argv) {
    if (!strcmp(argv[1], "block")) block();
    if (!strcmp(argv[1], "filled")) filled();
    if (!strcmp(argv[1], "again")) again();
    if (!strcmp(argv[1], "small")) small();
    if (!strcmp(argv[1], "mapped")) mapped();
    if (!strcmp(argv[1], "jumps")) jumps(argv[2]);
    if (!strcmp(argv[1], "waits")) { signal(SIGINT, gets_signal); puts("ready"); fflush(stdout); pause(); }
    if (!strcmp(argv[1], "later")) {
        puts("ready"); fflush(stdout);
        for (;;) { mapped(); usleep(100000); }
    }
    return 0;
}
"#;

/// The program, built without optimisation; `None`, with one line, if this machine cannot.
fn program() -> Option<String> {
    static BUILT: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    BUILT.get_or_init(|| Some(compile("faults", PROGRAM, &["-O0"])?.to_str()?.to_owned())).clone()
}

/// The report on a run of the program; `None`, with one line, where perf_event_open is refused.
fn report(arguments: &[&str]) -> Option<Value> {
    let program = program()?;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report");
    let done = output(faultless().args(["where", "--json", "-o"]).arg(&file).arg("--").arg(program).args(arguments));
    assert_eq!(done.status, Some(0), "{}", done.err);
    seen(&fs::read_to_string(file).unwrap())
}

fn seen(text: &str) -> Option<Value> {
    let value: Value = serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"));
    if value["source"] == "perf" { Some(value) } else { skip("perf_event_open is refused") }
}

/// The group with the most faults.
fn first(value: &Value) -> &Value {
    &value["regions"][0]
}

/// The share of a group's faults that are put down to this function.
fn share(group: &Value, function: &str) -> f64 {
    let all = group["minor"].as_f64().unwrap() + group["major"].as_f64().unwrap();
    let of = group["functions"].as_array().unwrap().iter().filter(|f| f["function"] == function);
    of.map(|f| f["faults"].as_f64().unwrap()).sum::<f64>() / all
}

#[test]
fn faults_in_a_block_are_those_of_who_touches_it_and_the_block_is_whose_who_took_it() {
    let Some(value) = report(&["block"]) else { return };
    let group = first(&value);
    assert_eq!((&group["kind"], &group["taken_by"]["function"]), (&"malloc".into(), &"takes".into()), "{group}");
    assert!(share(group, "touches") >= 0.95, "{group}");
    assert_eq!(group["pattern"], "sequential");
}

#[test]
fn faults_within_memset_are_those_of_its_caller() {
    let Some(value) = report(&["filled"]) else { return };
    assert!(share(first(&value), "fills") >= 0.95, "{value}");
}

#[test]
fn blocks_that_are_freed_and_taken_again_are_to_be_recycled() {
    let Some(value) = report(&["again"]) else { return };
    let group = first(&value);
    assert_eq!(group["pattern"], "reuse", "{group}");
    assert!(group["rule"].as_str().unwrap().ends_with(":huge+recycle"), "{group}");
}

#[test]
fn what_small_blocks_touch_is_the_heap() {
    let Some(value) = report(&["small"]) else { return };
    let group = first(&value);
    assert_eq!((&group["kind"], &group["pattern"]), (&"heap".into(), &"sequential".into()), "{group}");
    assert!(share(group, "small") >= 0.95, "{group}");
}

#[test]
fn a_mapping_of_the_program_is_no_block_of_malloc() {
    let Some(value) = report(&["mapped"]) else { return };
    assert_eq!((&first(&value)["kind"], &first(&value)["taken_by"]), (&"anon".into(), &Value::Null), "{value}");
}

#[test]
fn a_file_read_in_no_order_is_random() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.idx");
    fs::write(&path, vec![1; 64 << 20]).unwrap();
    let Some(value) = report(&["jumps", path.to_str().unwrap()]) else { return };
    let group = value["regions"]
        .as_array()
        .unwrap()
        .iter()
        .find(|g| g["kind"] == "file" && g["path"] == *path.to_str().unwrap());
    let group = group.unwrap_or_else(|| panic!("{value}"));
    assert_eq!(group["order"], "random", "{group}");
    assert!(share(group, "jumps") >= 0.95, "{group}");
}

#[test]
fn nearly_all_faults_that_the_kernel_counted_are_seen() {
    let Some(value) = report(&["block"]) else { return };
    let number = |name: &str| value["faults"][name].as_f64().unwrap();
    let seen = number("seen_minor") + number("seen_major") + number("lost");
    assert!(seen >= 0.98 * (number("minor") + number("major")), "{}", value["faults"]);
}

#[test]
fn the_program_notices_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report");
    let done =
        output(faultless().arg("where").arg("-o").arg(&file).args(["sh", "-c", "echo out; echo err >&2; exit 7"]));
    assert_eq!((done.out.as_str(), done.err.as_str(), done.status), ("out\n", "err\n", Some(7)));
    assert!(fs::read_to_string(file).unwrap().starts_with("sh -c echo out"));
}

#[test]
fn the_report_comes_on_stderr_behind_what_the_program_says() {
    let done = output(faultless().args(["where", "--", "sh", "-c", "echo err >&2; kill -9 $$"]));
    assert_eq!(done.status, Some(128 + 9));
    assert!(
        done.err.starts_with("err\nfaultless: sh -c echo err >&2; kill -9 $$ was killed by signal 9\n"),
        "{}",
        done.err
    );
    for line in done.err.lines() {
        assert!(line.chars().count() <= 80 && !line.contains('\x1b'), "{line}");
    }
}

#[test]
fn what_cannot_be_run_ends_as_env_would_end() {
    assert_eq!(output(faultless().args(["where", "--", "/nonexistent/program"])).status, Some(127));
    assert_eq!(output(faultless().args(["where", "--", "/etc/passwd"])).status, Some(126));
    assert_eq!(output(faultless().args(["where", "-o", "/nonexistent/x", "true"])).status, Some(2));
    assert_eq!(output(faultless().args(["where", "999999999"])).status, Some(2));
}

#[test]
fn the_program_runs_without_the_library() {
    let folder = tempfile::tempdir().unwrap();
    let library = folder.path().join("libfaultless.so");
    fs::copy(empty_library(), &library).unwrap();
    let both = format!("{}:{}", library.display(), empty_library().display());
    let mut command = faultless();
    command.env("LD_PRELOAD", both).args(["where", "--", "sh", "-c", "echo $LD_PRELOAD"]);
    assert_eq!(output(&mut command).out, format!("{}\n", empty_library().display()));
}

/// Starts the program and waits until it says that it is ready.
fn ready(command: &mut Command) -> (Child, BufReader<std::process::ChildStdout>) {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    (child, lines)
}

#[test]
fn a_signal_is_handed_on_and_the_report_still_comes() {
    let Some(program) = program() else { return };
    let (child, _lines) = ready(with_signals(faultless()).args(["where", "--", &program, "waits"]));
    // SAFETY: takes no memory; the child has not been waited for.
    unsafe { libc::kill(child.id() as i32, libc::SIGINT) };
    let done = child.wait_with_output().unwrap();
    assert_eq!(done.status.code(), Some(42));
    assert!(String::from_utf8_lossy(&done.stderr).contains("exited 42"));
}

#[test]
fn a_running_process_is_looked_at_until_the_time_is_over() {
    let Some(program) = program() else { return };
    let (mut child, _lines) = ready(Command::new(program).arg("later"));
    let done = output(faultless().args(["where", "--json", "--for", "2", &child.id().to_string()]));
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(done.status, Some(0), "{}", done.err);
    let Some(value) = seen(&done.err) else { return };
    assert_eq!(first(&value)["kind"], "anon", "{value}");
    assert!(share(first(&value), "touches") >= 0.95, "{value}");
}

#[test]
fn where_events_cannot_be_had_regions_are_told_and_the_remedy() {
    let Some(program) = program() else { return };
    let faultless = assert_cmd::cargo::cargo_bin!("faultless");
    // A few descriptors are enough for smaps, but not for two events for each processor.
    // What another test has open while this one forks must not be among them.
    let script =
        format!("exec 3>&- 4>&- 5>&- 6>&- 7>&-; ulimit -n 8; exec {} where -- {program} again", faultless.display());
    let done = output(Command::new("sh").arg("-c").arg(script).env_remove("LD_PRELOAD"));
    assert_eq!(done.status, Some(0), "{}", done.err);
    assert!(done.err.contains("regions  only, from smaps: too few descriptors; try: ulimit -Hn"), "{}", done.err);
    assert!(!done.err.contains("(unknown caller)"), "{}", done.err);
}

#[test]
fn the_json_has_what_its_schema_requires() {
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/where.schema.json");
    let schema: Value = serde_json::from_str(&fs::read_to_string(schema).unwrap()).unwrap();
    let keys = |v: &Value| v.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    let Some(value) = report(&["block"]) else { return };
    let of = &schema["properties"];
    assert_eq!(keys(&value), keys(of));
    for part in ["faults", "cost"] {
        assert_eq!(keys(&value[part]), keys(&of[part]["properties"]));
    }
    let region = &of["regions"]["items"]["properties"];
    assert_eq!(keys(first(&value)), keys(region));
    assert_eq!(keys(&first(&value)["functions"][0]), keys(&region["functions"]["items"]["properties"]));
    assert_eq!(keys(&first(&value)["taken_by"]), keys(&region["taken_by"]["properties"]));
    assert_eq!(value["version"], of["version"]["const"]);
}
