//! `tune`: what it prints and where, what it refuses, and that it leaves nothing.
//!
//! What must hold here: no test depends on a policy winning, which is a matter of time; what wins is `make
//! prove-compare`'s to show.

use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::fixtures::{compile, empty_library, faultless, output, real_library};

fn tune(flags: &[&str]) -> Command {
    let mut command = faultless();
    command.args(["tune", "--lib"]).arg(empty_library()).args(["--warmup", "0", "--runs", "6"]).args(flags);
    command
}

#[test]
fn a_program_without_memory_to_speak_of_is_left_alone() {
    let done = output(&mut tune(&["--", "true"]));
    assert_eq!(done.status, Some(0), "{}", done.err);
    assert!(done.out.starts_with("# leave it alone: "), "{}", done.out);
    assert!(done.err.starts_with("one run"), "{}", done.err);
}

#[test]
fn what_is_left_alone_gets_no_file_and_an_old_one_stays() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("site.rules");
    output(tune(&["--output"]).arg(&file).args(["--", "true"]));
    assert!(!file.exists());
    fs::write(&file, "heap:huge\n").unwrap();
    output(tune(&["--output"]).arg(&file).args(["--", "true"]));
    assert_eq!(fs::read_to_string(&file).unwrap(), "heap:huge\n");
}

#[test]
fn a_program_with_much_memory_is_compared_with_none_and_the_answer_is_a_file_that_policy_check_takes() {
    let Some(library) = real_library() else { return };
    let source = "#include <stdlib.h>\n#include <string.h>\nint main(void) {\n\
                  char *p = malloc(64 << 20);\nmemset(p, 1, 64 << 20);\nreturn p[7] != 1;\n}\n";
    let Some(program) = compile("much_memory", source, &["-O0"]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut command = faultless();
    command.args(["tune", "--lib"]).arg(library).args(["--runs", "6", "--pages"]).arg(folder.path());
    let done = output(command.arg("--").arg(program));
    assert_eq!(done.status, Some(0), "{}", done.err);
    assert!(done.err.contains("6 rounds interleaved after 2 warm-ups"), "{}", done.err);
    assert!(done.err.contains("\nthroughput "), "{}", done.err);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);

    let file = folder.path().join("site.rules");
    fs::write(&file, &done.out).unwrap();
    let checked = output(faultless().args(["policy", "check"]).arg(&file));
    assert_eq!(checked.status, Some(0), "{}{}", done.out, checked.err);
}

#[test]
fn too_few_rounds_and_a_file_that_cannot_be_written_are_refused_before_anything_runs() {
    for (flags, why) in [(["--runs", "5"], "at least 6"), (["--output", "/nonexistent/x"], "cannot write it")] {
        let mut command = faultless();
        command.args(["tune", "--lib"]).arg(empty_library()).args(flags);
        let done = output(command.args(["--", "touch", "/nonexistent/never-run"]));
        assert_eq!(done.status, Some(2), "{flags:?}: {}", done.err);
        assert!(done.err.contains(why), "{flags:?}: {}", done.err);
        assert!(!done.err.contains("never-run"), "{flags:?} ran: {}", done.err);
    }
}

#[test]
fn a_program_that_fails_is_not_tuned() {
    let done = output(&mut tune(&["--", "sh", "-c", "echo no such table >&2; exit 3"]));
    assert_eq!((done.status, done.out.as_str()), (Some(1), ""));
    assert!(done.err.contains("exit 3") && done.err.contains("no such table"), "{}", done.err);
}

#[test]
fn a_signal_ends_it_with_all_that_runs() {
    let folder = tempfile::tempdir().unwrap();
    let pid = folder.path().join("pid");
    let script = format!("echo $$ > {0}.new; mv {0}.new {0}; exec sleep 1000", pid.display());
    let child = tune(&["--", "sh", "-c", &script]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let until = Instant::now() + Duration::from_secs(30);
    while !pid.exists() {
        assert!(Instant::now() < until, "it never began");
        thread::sleep(Duration::from_millis(5));
    }
    // SAFETY: takes no memory; the child has not been waited for.
    unsafe { libc::kill(child.id() as i32, libc::SIGTERM) };
    let done = child.wait_with_output().unwrap();
    assert_eq!((done.status.code(), done.stdout.is_empty()), (Some(143), true));
    let pid = fs::read_to_string(&pid).unwrap();
    let state = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    assert!(state.is_empty() || state.contains(") Z "), "{state}");
}
