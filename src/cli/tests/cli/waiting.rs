//! `run --wait`: the status, the signals that it hands on, and the pages that it leaves behind: none.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdout, Stdio};

use crate::fixtures::{compile, faultless, output, real_library, run, with_signals};

#[test]
fn the_status_is_the_programs_or_128_and_the_signal() {
    for (script, status) in [("exit 0", 0), ("exit 7", 7), ("kill -KILL $$", 137), ("kill -TERM $$", 143)] {
        assert_eq!(output(&mut run(&["--wait", "--", "sh", "-c", script])).status, Some(status), "{script}");
    }
}

/// A shell that says `ready`, then what it gets.
fn listener(script: &str) -> (Child, BufReader<ChildStdout>) {
    // A shell cannot trap what was ignored when it started.
    let mut command = with_signals(run(&["--wait", "--policy", "none", "--", "bash", "-c", script]));
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut ready = String::new();
    lines.read_line(&mut ready).unwrap();
    assert_eq!(ready, "ready\n");
    (child, lines)
}

fn kill(pid: u32, signal: i32) {
    // SAFETY: a process that this test started and has not waited for.
    unsafe { libc::kill(pid as i32, signal) };
}

#[test]
fn signals_are_handed_on() {
    for (name, number) in [
        ("HUP", libc::SIGHUP),
        ("INT", libc::SIGINT),
        ("QUIT", libc::SIGQUIT),
        ("USR1", libc::SIGUSR1),
        ("USR2", libc::SIGUSR2),
        ("TERM", libc::SIGTERM),
        ("WINCH", libc::SIGWINCH),
    ] {
        let script = format!("trap 'echo {name}; exit 9' {name}; echo ready; while :; do sleep 0.05; done");
        let (mut child, mut lines) = listener(&script);
        kill(child.id(), number);
        let mut said = String::new();
        lines.read_to_string(&mut said).unwrap();
        assert_eq!((said.trim(), child.wait().unwrap().code()), (name, Some(9)));
    }
}

/// Says each SIGINT, also one that comes together with the SIGUSR1 that ends it.
const COUNTER: &str = r#"
#include <signal.h>
#include <unistd.h>
static void say(int s) { (void)s; (void)!write(1, "INT\n", 4); }
static volatile sig_atomic_t over;
static void end(int s) { (void)s; over = 1; }
int main(void) {
    signal(SIGINT, say);
    signal(SIGUSR1, end);
    (void)!write(1, "ready\n", 6);
    while (!over) usleep(1000);
    return 9;
}
"#;

#[test]
fn what_the_terminal_sends_arrives_once() {
    let Some(program) = compile("counter", COUNTER, &[]) else { return };
    let (mut master, mut slave) = (0, 0);
    // SAFETY: both descriptors are writable; the other arguments may be null.
    let opened = unsafe {
        libc::openpty(&mut master, &mut slave, std::ptr::null_mut(), std::ptr::null_mut(), std::ptr::null_mut())
    };
    assert_eq!(opened, 0);
    let mut command = run(&["--wait", "--policy", "none", "--"]);
    // SAFETY: setsid and ioctl are async-signal-safe.
    unsafe {
        command.pre_exec(move || {
            libc::setsid();
            libc::ioctl(slave, libc::TIOCSCTTY, 0);
            Ok(())
        });
    }
    let mut child = command.arg(program).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert_eq!(lines.next().as_deref(), Some("ready"));
    // Stopped meanwhile, so that a second SIGINT could only come after the first has been taken.
    kill(child.id(), libc::SIGSTOP);
    // SAFETY: one readable byte: ^C, which the terminal turns into SIGINT for its foreground group.
    unsafe { libc::write(master, b"\x03".as_ptr().cast(), 1) };
    assert_eq!(lines.next().as_deref(), Some("INT"));
    kill(child.id(), libc::SIGCONT);
    kill(child.id(), libc::SIGUSR1);
    assert_eq!(lines.next(), None);
    assert_eq!(child.wait().unwrap().code(), Some(9));
}

#[test]
fn a_stop_stops_both_and_a_continue_wakes_both() {
    let (mut child, mut lines) = listener("echo ready; kill -STOP $$; echo awake; exit 3");
    let mut status = 0;
    // SAFETY: waits for our own child; `status` is writable.
    unsafe { libc::waitpid(child.id() as i32, &mut status, libc::WUNTRACED) };
    assert!(libc::WIFSTOPPED(status));
    kill(child.id(), libc::SIGCONT);
    let mut said = String::new();
    lines.read_to_string(&mut said).unwrap();
    assert_eq!((said.trim(), child.wait().unwrap().code()), ("awake", Some(3)));
}

#[test]
fn a_static_program_is_in_the_table_as_not_reached() {
    let Some(program) = compile("waited", "int main(void) { return 4; }\n", &["-static"]) else { return };
    let done = output(run(&["--wait", "--"]).arg(&program));
    assert_eq!(done.status, Some(4));
    assert!(done.err.contains("not reached: static executable"), "{}", done.err);
}

/// The table of a program that was run with the library; `None` if there is no library.
fn table(script: &str) -> Option<(String, usize)> {
    let library = real_library()?;
    let folder = tempfile::tempdir().unwrap();
    let mut command = faultless();
    command.args(["run", "--wait", "--policy", "latency", "--lib"]).arg(library).arg("--pages").arg(folder.path());
    let done = output(command.args(["--", "bash", "-c", script]));
    Some((done.err, std::fs::read_dir(folder.path()).unwrap().count()))
}

#[test]
fn the_table_has_the_whole_tree_and_its_pages_are_gone_afterwards() {
    let Some((err, left)) = table("python3 -c 'x = bytearray(1 << 24)'; exit 3") else { return };
    assert!(err.contains("bash exited 3") && err.contains("policy latency (built in)"), "{err}");
    assert!(err.contains("malloc@1M:huge+recycle+populate+lock"), "{err}");
    assert_eq!(left, 0);
}

#[test]
fn a_killed_program_is_in_the_table() {
    let Some((err, left)) = table("kill -KILL $$") else { return };
    assert!(err.contains("signal 9"), "{err}");
    assert_eq!(left, 0);
}

#[test]
fn a_killed_child_is_in_the_table() {
    let Some((err, _)) = table("bash -c 'kill -KILL $$'; true") else { return };
    assert!(err.contains("bash exited 0"), "{err}");
    assert!(err.contains("killed"), "{err}");
}
