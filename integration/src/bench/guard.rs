//! What the bench changes on the machine, and who puts it back.
//!
//! What must hold here: however this process ends, SIGKILL included, the program that it was measuring is killed and
//! /sys is as it was. So a process of its own, in a session of its own, waits for the end of a pipe that only this one
//! holds the other end of.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

const ENABLED: &str = "/sys/kernel/mm/transparent_hugepage/enabled";
const DEFRAG: &str = "/sys/kernel/mm/transparent_hugepage/defrag";
const PROACTIVE: &str = "/proc/sys/vm/compaction_proactiveness";

/// Reads what is to be done at the end, `group NUMBER` to kill and `KEY COMMAND` to put back what a key stands for
/// (empty: nothing), until there are no more lines; the last of each counts.
const SCRIPT: &str = r#"trap '' INT TERM HUP
while read -r key value; do
    case $key in group) group=$value ;; *) eval "undo_$key=\$value"; keys="$keys $key" ;; esac
done
[ -z "$group" ] || kill -s KILL -- "-$group"
for key in $keys; do
    eval "undo=\$undo_$key; undo_$key="
    eval "$undo"
done"#;

/// Ends and puts back what is still there when it goes.
pub struct Guard {
    process: Child,
}

impl Guard {
    /// Starts the process that cleans up. Nothing is changed yet.
    pub fn new() -> Result<Guard, String> {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", SCRIPT, "guard"]).stdin(Stdio::piped());
        // SAFETY: setsid is all that runs between fork and exec, and it is a bare system call.
        unsafe { command.pre_exec(|| if libc::setsid() < 0 { Err(std::io::Error::last_os_error()) } else { Ok(()) }) };
        Ok(Guard { process: command.spawn().map_err(|e| format!("/bin/sh: {e}"))? })
    }

    fn tell(&mut self, what: &str, value: &str) -> Result<(), String> {
        let pipe = self.process.stdin.as_mut().ok_or("the guard has no pipe")?;
        writeln!(pipe, "{what} {value}").map_err(|e| format!("the guard is gone: {e}"))
    }

    /// From now on this process group ends with us.
    pub fn started(&mut self, group: u32) -> Result<(), String> {
        self.tell("group", &group.to_string())
    }

    /// The group has ended: its number may become another's.
    pub fn ended(&mut self) -> Result<(), String> {
        self.tell("group", "")
    }

    /// From now on this shell command is run at the end, after the group was killed and in the order in which keys were
    /// first named. A key is a word of letters; an empty command takes it back.
    pub fn undo(&mut self, key: &str, command: &str) -> Result<(), String> {
        self.tell(key, command)
    }

    /// Runs `work` with huge pages for everybody, `always`, and puts back what was.
    pub fn with_thp_always<T>(&mut self, work: impl FnOnce(&mut Guard) -> Result<T, String>) -> Result<T, String> {
        self.with("thp", ENABLED, "always", work)
    }

    /// Runs `work` while the kernel puts no huge pages together, neither for who touches nor by itself: they are taken
    /// where they lie ready, and what was taken stays in pieces.
    pub fn without_compaction<T>(&mut self, work: impl FnOnce(&mut Guard) -> Result<T, String>) -> Result<T, String> {
        let quietly = |guard: &mut Guard| guard.with("defrag", DEFRAG, "never", work);
        match std::fs::exists(PROACTIVE) {
            Ok(true) => self.with("proactive", PROACTIVE, "0", quietly),
            _ => quietly(self), // before 5.9 it only ever does so when asked
        }
    }

    fn with<T>(
        &mut self,
        key: &str,
        path: &str,
        value: &str,
        work: impl FnOnce(&mut Guard) -> Result<T, String>,
    ) -> Result<T, String> {
        let before = in_force(path).ok_or_else(|| format!("{path}: this kernel has none"))?;
        let set = |word: &str| std::fs::write(path, word).map_err(|e| format!("{path}: {e}"));
        self.undo(key, &format!("echo {before} >{path}"))?;
        set(value)?;
        let done = work(self);
        set(&before)?;
        self.undo(key, "")?;
        done
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// The word in force, which stands in brackets where there is a choice of them; nothing where there is no such setting.
fn in_force(path: &str) -> Option<String> {
    let words = std::fs::read_to_string(path).ok()?;
    let chosen = words.split_once('[').and_then(|(_, rest)| rest.split_once(']')).map(|(word, _)| word);
    Some(chosen.unwrap_or(&words).trim().to_owned())
}

/// Whether this process may change it.
pub fn may_set_thp() -> Result<(), String> {
    match std::fs::OpenOptions::new().write(true).open(ENABLED) {
        Ok(_) => Ok(()),
        Err(e) if e.kind() == std::io::ErrorKind::PermissionDenied => Err("needs root".into()),
        Err(e) => Err(format!("{ENABLED}: {e}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_still_runs_is_killed_when_the_guard_goes() {
        let mut guard = Guard::new().unwrap();
        let mut sleeper = Command::new("sleep").arg("60").process_group(0).spawn().unwrap();
        guard.started(sleeper.id()).unwrap();
        drop(guard);
        let status = sleeper.wait().unwrap();
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(libc::SIGKILL));
    }

    #[test]
    fn what_was_changed_is_put_back_once_when_the_guard_goes() {
        let folder = tempfile::tempdir().unwrap();
        let said = folder.path().join("said");
        let mut guard = Guard::new().unwrap();
        for (key, word) in [("a", "first"), ("b", "second"), ("a", "third"), ("c", "fourth")] {
            guard.undo(key, &format!("echo {word} >>'{}'", said.display())).unwrap();
        }
        guard.undo("c", "").unwrap();
        drop(guard);
        assert_eq!(std::fs::read_to_string(said).unwrap(), "third\nsecond\n");
    }

    #[test]
    fn what_has_ended_is_left_alone() {
        let mut guard = Guard::new().unwrap();
        let mut sleeper = Command::new("sleep").arg("60").process_group(0).spawn().unwrap();
        guard.started(sleeper.id()).unwrap();
        guard.ended().unwrap();
        drop(guard);
        let still = sleeper.try_wait().unwrap();
        sleeper.kill().unwrap();
        sleeper.wait().unwrap();
        assert_eq!(still, None);
    }
}
