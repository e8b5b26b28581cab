//! `run` becomes the program: status, pid, signals, descriptors are the program's own.

use std::os::unix::process::{CommandExt, ExitStatusExt};

use crate::fixtures::{faultless, output, run};

#[test]
fn the_status_is_the_programs() {
    for status in [0, 7, 255] {
        let done = output(&mut run(&["--", "sh", "-c", &format!("exit {status}")]));
        assert_eq!((done.status, done.err.as_str()), (Some(status), ""));
    }
}

#[test]
fn what_is_not_found_is_127_and_what_cannot_be_run_126_with_and_without_wait() {
    for wait in [&[][..], &["--wait"]] {
        assert_eq!(output(run(wait).args(["--", "no-such-program"])).status, Some(127));
        assert_eq!(output(run(wait).args(["--", "/nonexistent"])).status, Some(127));
        assert_eq!(output(run(wait).args(["--", "/etc/passwd"])).status, Some(126));
        assert_eq!(output(run(wait).args(["--", "/"])).status, Some(126));
    }
}

#[test]
fn a_signal_kills_the_program_itself() {
    let status = run(&["--", "sh", "-c", "kill -TERM $$"]).status().unwrap();
    assert_eq!(status.signal(), Some(libc::SIGTERM));
}

#[test]
fn the_pid_is_the_programs() {
    let child = run(&["--", "sh", "-c", "echo $$"]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let pid = child.id();
    let done = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&done.stdout).trim(), pid.to_string());
}

/// SigBlk, SigIgn and the open descriptors of whoever runs it.
const STATE: &str = "grep -E '^Sig(Blk|Ign)' /proc/self/status; ls /proc/self/fd | wc -w";

#[test]
fn signal_mask_dispositions_and_descriptors_are_handed_on_as_they_were() {
    for wait in [&[][..], &["--wait", "--policy", "none"]] {
        let strange = |command: &mut std::process::Command| {
            // SAFETY: only async-signal-safe calls between fork and exec.
            unsafe {
                command.pre_exec(|| {
                    let mut set = std::mem::zeroed();
                    libc::sigemptyset(&mut set);
                    libc::sigaddset(&mut set, libc::SIGUSR1);
                    libc::sigprocmask(libc::SIG_BLOCK, &set, std::ptr::null_mut());
                    libc::signal(libc::SIGPIPE, libc::SIG_IGN);
                    libc::signal(libc::SIGCHLD, libc::SIG_IGN);
                    libc::close(0);
                    Ok(())
                });
            }
        };
        let mut plain = std::process::Command::new("bash");
        plain.args(["-c", STATE]);
        strange(&mut plain);
        let mut wrapped = run(wait);
        wrapped.args(["--", "bash", "-c", STATE]);
        strange(&mut wrapped);
        let (plain, wrapped) = (output(&mut plain), output(&mut wrapped));
        assert_eq!(plain.out, wrapped.out, "{wait:?}: {}", wrapped.err);
    }
}

#[test]
fn help_and_version_are_no_errors() {
    for flag in ["--help", "--version"] {
        assert_eq!(output(faultless().arg(flag)).status, Some(0));
    }
    assert_eq!(output(faultless().arg("run")).status, Some(2));
}

#[test]
fn an_answer_that_nobody_reads_is_no_crash() {
    let mut command = faultless();
    command.args(["policy", "list"]);
    // SAFETY: signal is async-signal-safe.
    unsafe {
        command.pre_exec(|| {
            libc::signal(libc::SIGPIPE, libc::SIG_IGN);
            Ok(())
        });
    }
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    assert_eq!(command.stdout(writer).status().unwrap().code(), Some(0));
}
