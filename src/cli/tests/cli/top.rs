//! `top`: once on processes that hold a page made by hand, and live in a terminal (tmux).

use std::collections::BTreeSet;
use std::fs;
use std::mem::offset_of;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use faultless_core::page::Page;
use serde_json::Value;

use crate::fixtures::{Output, faultless, output, skip};
use crate::pages::{Bytes, Holder};

/// No process has this id: pid_max is at most 2^22.
const NOBODY: u32 = 1 << 23;

fn once(folder: &Path, flags: &[&str]) -> Output {
    output(faultless().args(["top", "--once", "--interval", "0.1"]).args(flags).env("FAULTLESS_PAGES", folder))
}

#[test]
fn once_prints_a_row_for_what_runs_and_none_for_what_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    Bytes::new(NOBODY, 7, 1).save(folder.path());
    let Some(holder) = Holder::start(&[], Some(folder.path()), 7) else { return };
    let done = once(folder.path(), &[]);
    assert_eq!(done.status, Some(0), "{}", done.err);
    let rows: Vec<_> = done.out.lines().filter(|l| l.contains("server")).collect();
    assert_eq!(rows.len(), 1, "{}", done.out);
    assert!(rows[0].contains(&holder.child.id().to_string()) && rows[0].contains("throughput"), "{}", rows[0]);
    assert!(done.out.lines().all(|l| l.chars().count() <= 80 && !l.contains('\x1b')), "{}", done.out);
}

#[test]
fn once_with_nothing_to_show_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let done = once(folder.path(), &[]);
    assert!(done.out.contains("no wrapped process runs"), "{}", done.out);
    assert_eq!(done.status, Some(0));
}

#[test]
fn json_has_what_its_schema_requires_and_rates_that_are_known() {
    let folder = tempfile::tempdir().unwrap();
    let Some(holder) = Holder::start(&[], Some(folder.path()), 7) else { return };
    let done = once(folder.path(), &["--json"]);
    let value: Value = serde_json::from_str(&done.out).unwrap_or_else(|e| panic!("{e}: {}{}", done.out, done.err));
    let schema = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/top.schema.json")).unwrap();
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let keys = |v: &Value| v.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    let (all, process) = (&schema["properties"], &value["processes"][0]);
    assert_eq!(keys(&value), keys(all));
    assert_eq!(keys(&value["machine"]), keys(&all["machine"]["properties"]));
    let of_process = &all["processes"]["items"]["properties"];
    assert_eq!(keys(process), keys(of_process));
    assert_eq!(keys(&process["rules"][0]), keys(&of_process["rules"]["items"]["properties"]));
    assert_eq!(process["pid"], holder.child.id());
    assert_eq!(process["major_faults_per_s"], 0, "{process}");
    assert_eq!(process["rules"][0]["rule"], "anon@2M:huge");
}

#[test]
fn a_process_of_a_container_is_found_through_its_root() {
    let folder = tempfile::tempdir().unwrap();
    // A mount namespace of its own, in which the folder is another one than here.
    let inside = folder.path().display().to_string();
    let mount = format!("mount -t tmpfs none '{inside}' && exec \"$0\" \"$@\"");
    let unshare = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-c", &mount];
    let Some(holder) = Holder::start(&unshare, Some(folder.path()), 7) else {
        return skip("unshare of a mount namespace is not possible here").unwrap_or(());
    };
    let done = once(folder.path(), &["--json"]);
    let value: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(value["processes"][0]["pid_inside"], holder.pid_inside, "{}{}", done.out, done.err);
    assert_ne!(value["processes"][0]["pid"], holder.pid_inside);
}

#[test]
fn a_process_under_another_version_is_said_to_be_missing_but_a_page_that_was_left_is_not() {
    let folder = tempfile::tempdir().unwrap();
    for pid in [NOBODY, std::process::id()] {
        let mut page = Bytes::new(pid, 7, 1);
        page.u32(offset_of!(Page, version), 99);
        page.save(folder.path());
    }
    let file = fs::File::open(folder.path().join(format!("{}.0000002a", std::process::id()))).unwrap();
    let (protection, flags) = (libc::PROT_READ, libc::MAP_SHARED);
    // SAFETY: a new mapping of one page of a file that has it, at an address that the kernel chooses.
    let at = unsafe { libc::mmap(std::ptr::null_mut(), 4096, protection, flags, file.as_raw_fd(), 0) };
    assert_ne!(at, libc::MAP_FAILED);
    let done = once(folder.path(), &[]);
    // SAFETY: that mapping, which nothing uses.
    unsafe { libc::munmap(at, 4096) };
    assert!(done.out.contains("1 process not shown: under a library of another version"), "{}", done.out);
}

#[test]
fn without_a_terminal_it_names_what_works_there() {
    let done = output(faultless().arg("top").stdin(Stdio::null()));
    assert_eq!(done.status, Some(1));
    assert!(done.err.contains("try: faultless top --once"), "{}", done.err);
}

#[test]
fn an_interval_that_is_none_is_refused() {
    for bad in ["0", "-1", "x", "nan", "1e9"] {
        let done = output(faultless().args(["top", &format!("--interval={bad}")]));
        assert_eq!(done.status, Some(2), "{bad}");
        assert!(done.err.contains("not a number from 0.1 to 3600"), "{}", done.err);
    }
}

/// A terminal of 80 columns, in which a shell runs.
struct Terminal {
    server: String,
    folder: tempfile::TempDir,
}

impl Terminal {
    fn open(name: &str) -> Option<Terminal> {
        let terminal = Terminal {
            server: format!("faultless-{name}-{}", std::process::id()),
            folder: tempfile::tempdir().unwrap(),
        };
        let size = ["-x", "80", "-y", "24"];
        match terminal.tmux(&[&["-f", "/dev/null", "new-session", "-d"][..], &size, &["sh"]].concat()) {
            Some(_) => Some(terminal),
            None => skip("no tmux, or it does not start; apt-get install tmux"),
        }
    }

    fn tmux(&self, arguments: &[&str]) -> Option<String> {
        let mut command = Command::new("tmux");
        command.arg("-L").arg(&self.server).args(arguments).env_remove("TMUX").env_remove("NO_COLOR");
        let done = command.env("FAULTLESS_PAGES", self.folder.path()).output().ok()?;
        done.status.success().then(|| String::from_utf8_lossy(&done.stdout).into_owned())
    }

    fn press(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat()).expect("keys can be sent");
    }

    /// Starts `top` between two looks at the terminal's settings; its status stands between them.
    fn start(&self, before: &str) {
        let (top, folder) = (assert_cmd::cargo::cargo_bin!("faultless"), self.folder.path().display());
        let (top, one, two) = (top.display(), format!("{folder}/one"), format!("{folder}/two"));
        let line = format!(
            "stty -g > {one}; {before}{top} top --interval 0.2; echo $? > {two}.new; stty -g >> {two}.new; mv {two}.new {two}"
        );
        self.press(&[&line, "Enter"]);
    }

    /// The screen, once it has this on it.
    fn shows(&self, text: &str) -> String {
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            let screen = self.tmux(&["capture-pane", "-p"]).expect("the screen can be read");
            if screen.contains(text) {
                return screen;
            }
            assert!(Instant::now() < end, "{text} is not on the screen:\n{screen}");
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// The status of `top` once it has ended, and whether the terminal is as it was: its settings, and the shell's
    /// own screen with a cursor.
    fn ended(&self) -> (String, bool) {
        let (one, two) = (self.folder.path().join("one"), self.folder.path().join("two"));
        let end = Instant::now() + Duration::from_secs(20);
        while !two.exists() {
            assert!(Instant::now() < end, "it has not ended");
            thread::sleep(Duration::from_millis(50));
        }
        let (before, after) = (fs::read_to_string(one).unwrap(), fs::read_to_string(two).unwrap());
        let (status, settings) = after.split_once('\n').unwrap();
        let flags = self.tmux(&["display-message", "-p", "#{alternate_on} #{cursor_flag} #{wrap_flag}"]).unwrap();
        (status.to_owned(), settings == before && flags == "0 1 1\n")
    }

    fn pid_of_top(&self) -> String {
        let shell = self.tmux(&["display-message", "-p", "#{pane_pid}"]).unwrap();
        let children = format!("/proc/{0}/task/{0}/children", shell.trim());
        fs::read_to_string(children).unwrap().split_whitespace().next().expect("top runs").to_owned()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

#[test]
fn it_shows_processes_then_the_rules_of_one_and_ends_with_q() {
    let Some(terminal) = Terminal::open("keys") else { return };
    let Some(_holder) = Holder::start(&[], Some(terminal.folder.path()), 7) else { return };
    terminal.start("");
    let screen = terminal.shows("server");
    assert!(screen.starts_with("faultless top: 1 process in 1 tree, every 0.2 s"), "{screen}");
    terminal.press(&["r"]);
    assert!(terminal.shows("applied").contains("anon@2M:huge"));
    terminal.press(&["r"]);
    terminal.shows("min/s");
    terminal.press(&["q"]);
    assert_eq!(terminal.ended(), ("0".into(), true));
}

#[test]
fn arrows_select_the_process_whose_rules_are_shown() {
    let Some(terminal) = Terminal::open("arrows") else { return };
    let Some(first) = Holder::start(&[], Some(terminal.folder.path()), 7) else { return };
    let Some(second) = Holder::start(&[], Some(terminal.folder.path()), 8) else { return };
    terminal.start("");
    let screen = terminal.shows("2 processes in 2 trees");
    let at = |holder: &Holder| screen.find(&format!(" {} server", holder.child.id())).expect("it is there");
    let lower = if at(&first) < at(&second) { &second } else { &first };
    // Before r, the row under the selection may change its place, but not its process.
    terminal.press(&["Down"]);
    thread::sleep(Duration::from_millis(300));
    terminal.press(&["r"]);
    terminal.shows(&format!("server[{}]", lower.pid_inside));
    terminal.press(&["q"]);
    terminal.ended();
}

#[test]
fn the_terminal_is_as_it_was_after_every_signal_that_ends_it() {
    for (signal, status) in [("TERM", "143"), ("INT", "130"), ("HUP", "129"), ("QUIT", "131")] {
        let Some(terminal) = Terminal::open(signal) else { return };
        terminal.start("");
        terminal.shows("faultless top: ");
        let pid = terminal.pid_of_top();
        assert!(Command::new("kill").args(["-s", signal, &pid]).status().unwrap().success());
        assert_eq!(terminal.ended(), (status.into(), true), "{signal}");
    }
}

#[test]
fn the_terminal_is_as_it_was_while_it_is_stopped() {
    let Some(terminal) = Terminal::open("stop") else { return };
    terminal.press(&["set -m", "Enter"]);
    terminal.start("");
    terminal.shows("faultless top: ");
    terminal.press(&["C-z"]);
    assert!(terminal.ended().1);
    terminal.press(&["fg", "Enter"]);
    terminal.shows("no wrapped process runs");
    terminal.press(&["q"]);
}

#[test]
fn output_that_is_held_keeps_no_signal_from_being_heard() {
    let Some(terminal) = Terminal::open("held") else { return };
    terminal.start("");
    terminal.shows("faultless top: ");
    terminal.press(&["C-s"]);
    thread::sleep(Duration::from_millis(600));
    let pid = terminal.pid_of_top();
    assert!(Command::new("kill").args(["-s", "TERM", &pid]).status().unwrap().success());
    assert_eq!(terminal.ended(), ("143".into(), true));
}

#[test]
fn no_color_leaves_no_colour_on_the_screen() {
    let Some(terminal) = Terminal::open("colour") else { return };
    let Some(_holder) = Holder::start(&[], Some(terminal.folder.path()), 7) else { return };
    terminal.start("NO_COLOR=1 ");
    terminal.shows("server");
    let marked = terminal.tmux(&["capture-pane", "-p", "-e"]).unwrap();
    assert!(!marked.contains("\x1b[3") || marked.split("\x1b[3").skip(1).all(|s| s.starts_with("9m")), "{marked:?}");
    terminal.press(&["q"]);
    terminal.ended();
}
