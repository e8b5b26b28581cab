//! `doctor`: what it says on this machine, under filters and limits made for it, and of programs of every sort.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::fixtures::{Output, compile, empty_library, faultless, is_root, output, real_library, skip};

/// `faultless doctor` with a library that does nothing.
fn doctor(arguments: &[&str]) -> Output {
    output(faultless().args(["doctor", "--lib"]).arg(empty_library()).args(arguments))
}

/// The findings of a JSON answer, by their ids.
fn findings(done: &Output) -> Vec<Value> {
    let value: Value = serde_json::from_str(&done.out).unwrap_or_else(|e| panic!("{e}: {}{}", done.out, done.err));
    let groups = value["groups"].as_array().unwrap().clone();
    groups.iter().flat_map(|g| g["findings"].as_array().unwrap().clone()).collect()
}

fn level(findings: &[Value], id: &str) -> String {
    let found = findings.iter().find(|f| f["id"] == id).unwrap_or_else(|| panic!("no {id}"));
    found["level"].as_str().unwrap().to_owned()
}

/// The findings about a program, which need not exist as more than a file.
fn about(program: &str) -> Vec<Value> {
    findings(&doctor(&["--json", "--", program]))
}

#[test]
fn no_line_is_longer_than_80_columns_and_no_sequence_is_for_a_terminal() {
    let done = doctor(&["--", "sh", "-c", "true"]);
    for line in done.out.lines() {
        assert!(line.chars().count() <= 80 && !line.contains('\x1b'), "{line}");
    }
}

#[test]
fn the_exit_status_is_that_of_the_worst_finding() {
    for arguments in [&["--json"][..], &["--json", "--lib", "/nonexistent"]] {
        let done = output(faultless().arg("doctor").args(arguments));
        let levels: BTreeSet<_> = findings(&done).iter().map(|f| f["level"].as_str().unwrap().to_owned()).collect();
        let expected = if levels.contains("fail") { 2 } else { i32::from(levels.contains("warn")) };
        assert_eq!(done.status, Some(expected), "{levels:?}");
    }
}

#[test]
fn the_text_and_the_json_have_the_same_findings() {
    let (text, json) = (doctor(&[]), findings(&doctor(&["--json"])));
    let words = |f: &Value| format!("  {:<6}{}", f["level"].as_str().unwrap(), f["what"].as_str().unwrap());
    for finding in json.iter().filter(|f| f["level"] != "unknown") {
        assert!(text.out.contains(&words(finding)), "{finding} is not in\n{}", text.out);
    }
    let last = text.out.lines().last().unwrap();
    let counts = last.split(", ").filter_map(|n| n.split(' ').next()?.parse::<usize>().ok());
    assert_eq!(counts.sum::<usize>(), json.len(), "{last}");
}

#[test]
fn the_json_has_what_its_schema_requires() {
    let schema = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/doctor.schema.json")).unwrap();
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let keys = |v: &Value| v.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    let value: Value = serde_json::from_str(&doctor(&["--json"]).out).unwrap();
    assert_eq!(keys(&value), keys(&schema["properties"]));
    let group = &schema["properties"]["groups"]["items"]["properties"];
    assert_eq!(keys(&value["groups"][0]), keys(group));
    assert_eq!(keys(&value["groups"][0]["findings"][0]), keys(&group["findings"]["items"]["properties"]));
    assert_eq!(value["version"], schema["properties"]["version"]["const"]);
}

#[test]
fn a_library_that_is_not_there_is_a_failure_with_a_remedy() {
    let done = output(faultless().args(["doctor", "--lib", "/nonexistent", "--", "sh"]));
    assert_eq!(done.status, Some(2), "{}", done.err);
    assert!(done.out.contains("  fail  libfaultless.so"), "{}", done.out);
    assert!(done.out.contains("try: make install, or --lib PATH, or FAULTLESS_LIB=PATH"), "{}", done.out);
}

#[test]
fn a_library_that_does_nothing_is_found_out_by_running_a_program_under_it() {
    assert_eq!(level(&findings(&doctor(&["--json"])), "library.loads"), "warn");
}

#[test]
fn the_library_itself_loads_and_leaves_nothing_behind() {
    let Some(library) = real_library() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut command = faultless();
    command.args(["doctor", "--json", "--lib"]).arg(library).env("FAULTLESS_PAGES", folder.path());
    assert_eq!(level(&findings(&output(&mut command)), "library.loads"), "ok");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_static_program_is_a_failure() {
    let Some(program) = compile("doctor-static", "int main(void) { return 0; }\n", &["-static"]) else { return };
    let done = doctor(&["--", program.to_str().unwrap()]);
    assert_eq!(done.status, Some(2));
    assert!(done.out.contains("preloading does not reach it: static executable"), "{}", done.out);
}

#[test]
fn a_program_that_is_not_there_is_a_failure() {
    assert_eq!(level(&about("/nonexistent/program"), "program.file"), "fail");
}

#[test]
fn a_file_that_may_not_be_run_is_a_failure_with_what_to_type() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("script");
    fs::write(&script, "#!/bin/sh\n").unwrap();
    let found = about(script.to_str().unwrap());
    assert_eq!(level(&found, "program.file"), "fail");
    let remedies = &found.iter().find(|f| f["id"] == "program.file").unwrap()["remedies"];
    assert_eq!(remedies[0], format!("chmod +x {}", script.display()));
}

#[test]
fn a_setuid_program_of_another_user_is_a_failure() {
    let Some(program) = compile("doctor-setuid", "int main(void) { return 0; }\n", &[]) else { return };
    if !is_root() {
        return skip("only root can make a file of another user").unwrap_or(());
    }
    std::os::unix::fs::chown(&program, Some(65534), None).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o4755)).unwrap();
    assert_eq!(level(&about(program.to_str().unwrap()), "program.privileges"), "fail");
}

#[test]
fn a_program_with_a_malloc_of_its_own_is_told_from_one_without() {
    let own = "#include <stddef.h>\nvoid *malloc(size_t n) { (void)n; return 0; }\nint main(void) { return 0; }\n";
    let Some(own) = compile("doctor-malloc", own, &[]) else { return };
    assert_eq!(level(&about(own.to_str().unwrap()), "program.allocator"), "warn");
    assert_eq!(level(&about("/bin/sh"), "program.allocator"), "ok");
}

#[test]
fn of_a_script_the_interpreter_is_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("script");
    fs::write(&script, "#!/bin/sh\n").unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let found = about(script.to_str().unwrap());
    let reason = found.iter().find(|f| f["id"] == "program.script").unwrap()["reason"].to_string();
    assert!(reason.contains("/bin/sh"), "{reason}");
    assert_eq!(level(&found, "program.verdict"), "ok");
}

/// Sets something up for the program that it becomes.
const BEFORE: &str = r#"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>
int main(int argc, char **argv) {
    (void)argc;
    if (!strcmp(argv[1], "thp")) {
        if (prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0)) return 99;
    } else {
        unsigned action = strcmp(argv[1], "kill") ? SECCOMP_RET_ERRNO | 1 : SECCOMP_RET_KILL_PROCESS;
        struct sock_filter code[] = {
            BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, atoi(argv[2]), 0, 1),
            BPF_STMT(BPF_RET | BPF_K, action),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        struct sock_fprog filter = {4, code};
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, 2, &filter)) return 99;
    }
    execv(argv[3], argv + 3);
    return 98;
}
"#;

/// `doctor --json` started by a program that has done `what` with system call `number` before.
fn after(what: &str, number: i64) -> Option<Vec<Value>> {
    let before: PathBuf = compile(&format!("doctor-before-{what}"), BEFORE, &[])?;
    let mut command = Command::new(before);
    command.arg(what).arg(number.to_string()).arg(assert_cmd::cargo::cargo_bin!("faultless"));
    let done = output(command.args(["doctor", "--json", "--lib"]).arg(empty_library()).env_remove("FAULTLESS_POLICY"));
    match done.status {
        Some(98 | 99) => skip("prctl is not possible here"),
        _ => Some(findings(&done)),
    }
}

#[test]
fn a_filter_that_kills_is_survived_and_a_failure() {
    let Some(found) = after("kill", libc::SYS_mlock2) else { return };
    assert_eq!(level(&found, "kernel.mlock_onfault"), "fail");
    assert_eq!(level(&found, "kernel.madv_pageout"), "ok");
}

#[test]
fn a_call_that_a_filter_refuses_is_a_warning_with_a_remedy() {
    let Some(found) = after("refuse", libc::SYS_perf_event_open) else { return };
    let perf = found.iter().find(|f| f["id"] == "access.perf").unwrap();
    assert_eq!(perf["level"], "warn");
    assert!(!perf["remedies"].as_array().unwrap().is_empty());
}

#[test]
fn huge_pages_that_are_disabled_for_the_process_are_a_warning() {
    let Some(found) = after("thp", 0) else { return };
    assert_eq!(level(&found, "kernel.thp_disable"), "warn");
}

#[test]
fn a_folder_of_pages_on_a_disk_is_a_warning_and_one_on_a_tmpfs_is_none() {
    for (place, expected) in [(env!("CARGO_TARGET_TMPDIR"), "warn"), ("/dev/shm", "ok")] {
        let stat = std::process::Command::new("stat").args(["-f", "-c", "%T", place]).output().unwrap();
        if (stat.stdout == b"tmpfs\n") != (expected == "ok") {
            continue; // another kind of place on this machine
        }
        let folder = tempfile::tempdir_in(place).unwrap();
        let mut command = faultless();
        command.args(["doctor", "--json", "--lib"]).arg(empty_library()).env("FAULTLESS_PAGES", folder.path());
        assert_eq!(level(&findings(&output(&mut command)), "pages.folder"), expected, "{place}");
    }
}

#[test]
fn a_folder_of_pages_that_is_a_link_is_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(folder.path(), &link).unwrap();
    let mut command = faultless();
    let done = output(command.args(["doctor", "--json", "--lib"]).arg(empty_library()).env("FAULTLESS_PAGES", link));
    assert_eq!(level(&findings(&done), "pages.folder"), "warn");
}
