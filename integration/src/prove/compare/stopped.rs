//! SIGINT and SIGKILL at random moments: what is left of `compare`, `tune` and `top`.
//!
//! What must hold here: whatever the command started carries a mark in its environment, by which it is found wherever it
//! hides; nothing is looked at before the command itself is gone.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::table::{built, faultless, scratch};
use crate::prove::{Line, Sink};
use crate::stage::settings;

/// Moments of each verb, every second of them a SIGKILL.
const MOMENTS: usize = 200;
/// The latest moment.
const LATEST: u64 = 600;
/// How often it is looked, a few milliseconds apart, whether the command, and what it leaves to its guard, is gone. Looks
/// and not seconds, because they stand still with the processes where all of them are stopped for a while.
const LOOKS: usize = 4000;
/// Between two looks.
const LOOK: Duration = Duration::from_millis(2);
const MARK: &str = "FAULT_PROOF";

/// Every verb that runs on until it is stopped.
pub fn prove(sink: Sink<'_>) -> Result<(), String> {
    let folder = scratch()?;
    let touch = built("bench/touch.c", folder.path())?;
    // A tree with a process in the background, which the shell does not wait for.
    let job = format!("{touch} malloc 64 >/dev/null & {touch} malloc 32 >/dev/null; true");
    let compare = ["compare", "--policy", "none", "--policy", "latency", "--runs", "1000", "--", "sh", "-c", &job];
    let tune = ["tune", "--runs", "1000", "--", "sh", "-c", &job];
    let verbs = [("compare", &compare[..]), ("tune", &tune), ("top", &["top", "--interval", "0.1"])];
    for (verb, arguments) in verbs {
        let criterion = format!("compare: SIGINT, SIGKILL at random moments of {verb}: what is left");
        let moments = settings::rounds()?.unwrap_or(MOMENTS);
        let before = kernel_settings();
        let mut left = vec![];
        let mut random = 0x9E37_79B9_7F4A_7C15_u64;
        for moment in 0..moments {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let signal = if moment % 2 == 0 { libc::SIGINT } else { libc::SIGKILL };
            let after = Duration::from_micros(random % (LATEST * 1000));
            left.extend(one(folder.path(), arguments, signal, after, moment)?);
        }
        let now = kernel_settings();
        left.extend(now.iter().filter(|(name, value)| before.get(*name) != Some(value)).map(|(name, _)| name.clone()));
        if settings::shows() {
            left.iter().for_each(|what| eprintln!("{verb}: {what}"));
        }
        let note = if left.is_empty() {
            "no process, page, temporary file; vm.*, huge pages and the terminal as they were".into()
        } else {
            left.iter().take(3).cloned().collect::<Vec<_>>().join("; ")
        };
        let goal = format!("nothing in {moments}");
        sink(Line::judged(&criterion, &goal, left.len().to_string(), left.is_empty()).noted(note));
    }
    Ok(())
}

/// What one such moment leaves.
fn one(folder: &Path, arguments: &[&str], signal: i32, after: Duration, moment: usize) -> Result<Vec<String>, String> {
    let mark = format!("{}-{moment}", std::process::id());
    let mut command: Command =
        faultless(folder, arguments.iter().copied()).env([(MARK.into(), mark.clone())]).command();
    let (screen, terminal) = terminal()?;
    // Read by somebody, or the program waits. It ends with the last who has the terminal open.
    std::thread::spawn(move || std::io::copy(&mut File::from(screen), &mut std::io::sink()));
    let own = || terminal.try_clone().map_err(|e| e.to_string());
    command.stdin(own()?).stdout(own()?).stderr(Stdio::null()).env("TERM", "xterm");
    // Shells leave SIGINT ignored in what they start in the background, and what is ignored stays so.
    // SAFETY: the closure runs between fork and exec and makes one call to the kernel.
    unsafe {
        command.pre_exec(|| {
            libc::signal(libc::SIGINT, libc::SIG_DFL);
            Ok(())
        })
    };
    let before = modes(&terminal);
    let mut child = command.spawn().map_err(|e| e.to_string())?;
    std::thread::sleep(after);
    // SAFETY: takes no memory; the child has not been waited for, so the id is its own.
    unsafe { libc::kill(child.id() as i32, signal) };
    let mut looks = 0..LOOKS;
    while child.try_wait().map_err(|e| e.to_string())?.is_none() {
        if looks.next().is_none() {
            child.kill().and_then(|()| child.wait()).map_err(|e| e.to_string())?;
            return Ok(vec![format!("{} itself, after signal {signal}", arguments[0])]);
        }
        std::thread::sleep(LOOK);
    }
    let marked = format!("{MARK}={mark}");
    let mut left = processes(&marked);
    while !left.is_empty() && looks.next().is_some() {
        std::thread::sleep(LOOK);
        left = processes(&marked);
    }
    for name in ["pages", "tmp"] {
        for entry in fs::read_dir(folder.join(name)).map_err(|e| e.to_string())?.flatten() {
            left.push(format!("{name}/{}", entry.file_name().display()));
            // It must not be counted again for the next.
            let _ = fs::remove_file(entry.path()).or_else(|_| fs::remove_dir_all(entry.path()));
        }
    }
    // Nobody can put a terminal back who is killed.
    if signal != libc::SIGKILL && before != modes(&terminal) {
        left.push("the terminal's modes".into());
    }
    Ok(left.into_iter().map(|what| format!("{what} (signal {signal} after {} ms)", after.as_millis())).collect())
}

/// Processes with this in their environment.
fn processes(marked: &str) -> Vec<String> {
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let found = all.filter(|entry| {
        let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
        environment.split(|b| *b == 0).any(|variable| variable == marked.as_bytes())
    });
    let name = |entry: fs::DirEntry| fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
    found.map(|entry| format!("process {}", name(entry).trim())).collect()
}

/// A terminal: our end of it, and the one for a program.
fn terminal() -> Result<(OwnedFd, File), String> {
    let (mut screen, mut terminal) = (-1, -1);
    let size = libc::winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: room for two descriptors; no name and no modes are asked for; the size outlives the call.
    let made = unsafe { libc::openpty(&mut screen, &mut terminal, std::ptr::null_mut(), std::ptr::null(), &size) };
    if made != 0 {
        return Err(std::io::Error::last_os_error().to_string());
    }
    for descriptor in [screen, terminal] {
        // SAFETY: takes numbers only. No child may hold our end.
        unsafe { libc::fcntl(descriptor, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
    // SAFETY: both were just opened and are nobody else's.
    Ok(unsafe { (OwnedFd::from_raw_fd(screen), File::from_raw_fd(terminal)) })
}

/// How it is set: echo, lines, signals.
fn modes(terminal: &File) -> Option<[libc::tcflag_t; 4]> {
    use std::os::fd::AsRawFd;
    // SAFETY: all zeroes is a valid termios.
    let mut modes: libc::termios = unsafe { std::mem::zeroed() };
    // SAFETY: the descriptor is open, the structure writable.
    let got = unsafe { libc::tcgetattr(terminal.as_raw_fd(), &mut modes) };
    (got == 0).then_some([modes.c_iflag, modes.c_oflag, modes.c_cflag, modes.c_lflag])
}

/// What the kernel lets one set about memory, by name.
fn kernel_settings() -> BTreeMap<String, Vec<u8>> {
    let huge = ["enabled", "defrag", "shmem_enabled", "use_zero_page"];
    let huge = huge.map(|name| Path::new("/sys/kernel/mm/transparent_hugepage").join(name));
    let vm = fs::read_dir("/proc/sys/vm").into_iter().flatten().flatten().map(|entry| entry.path());
    // Reading it starts what it names, or tells only what was written last.
    let is_setting = |path: &std::path::PathBuf| {
        let name = path.file_name().unwrap_or_default().as_bytes();
        ![&b"stat_refresh"[..], b"compact_memory", b"drop_caches"].contains(&name)
    };
    let all = huge.into_iter().chain(vm).filter(is_setting);
    all.filter_map(|path| Some((path.display().to_string(), fs::read(&path).ok()?))).collect()
}
