//! The thread that takes what the kernel records while the program runs, or looks at smaps where it may not.
//!
//! What must hold here: it blocks all signals, which it inherits, so that these reach whoever waits for the program;
//! what is recorded when it is told to stop is still taken.

use std::fs;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::estimate;
use super::evidence::Evidence;
use super::perf::{self, Begin, Events};
use super::tracer::Tracer;

/// How long the reader sleeps at most, in ms: small rings fill fast.
const PAUSE: i32 = 5;

/// A thread at work.
pub struct Watch {
    stop: Arc<AtomicBool>,
    thread: io::Result<JoinHandle<Evidence>>,
    without: Option<String>,
}

/// What it saw.
pub struct Seen {
    /// all of it
    pub evidence: Evidence,
    /// why not one by one, with the remedy
    pub without: Option<String>,
}

impl Watch {
    /// Of a child that is about to exec.
    pub fn child(pid: i32) -> Watch {
        perf::more_descriptors();
        match Events::open(&[pid], Begin::OnExec) {
            Ok(events) => Watch::trace(events, None),
            Err(error) => Watch::estimate(pid, &error),
        }
    }

    /// Of a process that runs.
    ///
    /// # Errors
    /// It may not be looked into at all.
    pub fn running(pid: i32) -> Result<Watch> {
        perf::more_descriptors();
        let threads = threads(pid).with_context(|| format!("process {pid} may not be looked into"))?;
        match Events::open(&threads, Begin::Told) {
            Ok(events) => {
                events.enable();
                Ok(Watch::trace(events, Some(pid as u32)))
            }
            Err(error) => match fs::File::open(format!("/proc/{pid}/smaps")).and_then(io::read_to_string) {
                Ok(_) => Ok(Watch::estimate(pid, &error)),
                Err(_) => bail!("process {pid} may not be looked into"),
            },
        }
    }

    fn trace(mut events: Events, running: Option<u32>) -> Watch {
        Watch::begin(None, move |stop| {
            let mut tracer = Tracer::new(&events, running);
            let descriptors = events.descriptors();
            while !stop.load(Ordering::Acquire) {
                doze(&descriptors);
                tracer.drain(&mut events, false);
            }
            tracer.drain(&mut events, true);
            tracer.finish(events.kernel)
        })
    }

    fn estimate(pid: i32, error: &io::Error) -> Watch {
        let without = match error.raw_os_error() {
            Some(libc::EACCES | libc::EPERM) => match perf::paranoid() {
                Some(level) if level > 2 => format!(
                    "regions  only, from smaps: perf_event_open is refused\n         \
                     (kernel.perf_event_paranoid is {level}); \
                     try: sysctl kernel.perf_event_paranoid=2,\n         or CAP_PERFMON"
                ),
                _ => "regions  only, from smaps: perf_event_open is refused; try: CAP_PERFMON\n         \
                      (docker run --cap-add PERFMON, or a seccomp profile that allows it)"
                    .into(),
            },
            Some(libc::EMFILE) => "regions  only, from smaps: too few descriptors; try: ulimit -Hn 1048576".into(),
            _ => format!("regions  only, from smaps: perf_event_open: {error}"),
        };
        Watch::begin(Some(without), move |stop| estimate::watch(pid, stop))
    }

    fn begin(without: Option<String>, work: impl FnOnce(&AtomicBool) -> Evidence + Send + 'static) -> Watch {
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let thread = thread::Builder::new().name("records".into()).spawn(move || work(&told));
        Watch { stop, thread, without }
    }

    /// Stops, and takes the rest.
    pub fn finish(self) -> Seen {
        self.stop.store(true, Ordering::Release);
        let nothing = || Evidence { groups: Vec::new(), lost: 0, processes: 0, kernel: false, by_function: false };
        match self.thread.map(JoinHandle::join) {
            Ok(Ok(evidence)) => Seen { evidence, without: self.without },
            _ => Seen { evidence: nothing(), without: Some("regions  unknown: no thread could be started".into()) },
        }
    }
}

/// Until a ring has something, or a little while.
fn doze(descriptors: &[i32]) {
    let events = libc::POLLIN;
    let mut all: Vec<_> = descriptors.iter().map(|fd| libc::pollfd { fd: *fd, events, revents: 0 }).collect();
    // SAFETY: as many entries as are said.
    unsafe { libc::poll(all.as_mut_ptr(), all.len() as libc::nfds_t, PAUSE) };
    // Once a thread has ended its ring is always ready (POLLHUP): sleep all the same.
    if all.iter().any(|fd| fd.revents & libc::POLLHUP != 0) {
        thread::sleep(Duration::from_millis(1));
    }
}

fn threads(pid: i32) -> io::Result<Vec<i32>> {
    let entries = fs::read_dir(format!("/proc/{pid}/task"))?;
    Ok(entries.flatten().filter_map(|e| e.file_name().to_str()?.parse().ok()).collect())
}

/// Waits for the process to end, for a signal that ends us, or for the time; how long that was, in seconds.
///
/// # Errors
/// The kernel has no signalfd.
pub fn wait(pid: i32, seconds: f64) -> io::Result<f64> {
    let begun = Instant::now();
    let signals = signals()?;
    // SAFETY: takes a number and flags; Linux 5.3. Without it the process is asked for now and then.
    let process = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) } as i32;
    loop {
        let left = seconds - begun.elapsed().as_secs_f64();
        let mut all = [signals, process].map(|fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 });
        let pause = (left * 1e3).clamp(0.0, 1e3) as i32;
        // SAFETY: two entries; one with a negative descriptor is passed over.
        let ready = unsafe { libc::poll(all.as_mut_ptr(), 2, pause) };
        if ready > 0 || left <= 0.0 || process < 0 && !fs::exists(format!("/proc/{pid}"))? {
            return Ok(begun.elapsed().as_secs_f64());
        }
    }
}

/// A descriptor that is readable when SIGINT, SIGTERM or SIGHUP has come; these end the waiting and not us.
fn signals() -> io::Result<i32> {
    let mut set = std::mem::MaybeUninit::uninit();
    // SAFETY: sigemptyset fills the set before it is used; the signals are valid.
    let fd = unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
            libc::sigaddset(set.as_mut_ptr(), signal);
        }
        libc::pthread_sigmask(libc::SIG_BLOCK, set.as_ptr(), std::ptr::null_mut());
        libc::signalfd(-1, set.as_ptr(), libc::SFD_CLOEXEC)
    };
    if fd < 0 { Err(io::Error::last_os_error()) } else { Ok(fd) }
}
