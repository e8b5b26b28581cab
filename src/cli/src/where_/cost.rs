//! What a fault costs here.
//!
//! What must hold here: measured, in this process, in some milliseconds; a cost that could not be measured is
//! unknown and not 0.

use std::fs::{File, OpenOptions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use super::evidence::{Evidence, Group};
use super::perf::{Begin, Events};
use super::space::Kind;

/// What faults cost, in ns each.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Costs {
    /// a first touch of anonymous memory
    pub anonymous_ns: f64,
    /// of a file that is in the page cache
    pub file_ns: f64,
    /// of a file that is not; `None` if none of the files could be read past the cache
    pub major_ns: Option<f64>,
    /// a first touch of anonymous memory while it is watched; `None` if it was not
    pub watched_ns: Option<f64>,
}

const PAGE: usize = 4096;
/// What is touched for one figure, in bytes.
const TOUCHED: usize = 8 << 20;
const ROUNDS: usize = 5;
/// The kernel maps so much of a file around a fault.
const AROUND: usize = 64 << 10;
/// Reads past the cache, and how long they may take together.
const READS: u64 = 24;
const READING: Duration = Duration::from_millis(300);

impl Costs {
    /// Measures them; disks by the files that major faults were in.
    pub fn measure(evidence: &Evidence) -> Costs {
        let anonymous_ns = best(|| touch(None, PAGE)).unwrap_or(0.0);
        let own = File::open("/proc/self/exe").ok();
        let file_ns = own.and_then(|file| best(|| touch(Some(&file), AROUND))).unwrap_or(anonymous_ns);
        let mut with_disk: Vec<_> = evidence.groups.iter().filter(|g| g.major != 0 && g.path.is_some()).collect();
        with_disk.sort_by_key(|g| std::cmp::Reverse(g.major));
        let major_ns = with_disk.iter().take(3).find_map(|g| read(Path::new(g.path.as_deref()?)));
        let watched_ns = if evidence.by_function { watched() } else { None };
        Costs { anonymous_ns, file_ns, major_ns, watched_ns }
    }

    /// How long the run would have taken without being watched, in seconds: about.
    pub fn unwatched(&self, ran: f64, evidence: &Evidence) -> f64 {
        let more = self.watched_ns.map_or(0.0, |ns| (ns - self.anonymous_ns).max(0.0));
        let faults = evidence.minor() + evidence.major() + evidence.lost;
        // Several processors may have been at it: never less than a tenth.
        (ran - faults as f64 * more / 1e9).max(ran / 10.0)
    }

    /// What the faults of a group took, in ms; `None` if it had major ones of unknown cost.
    pub fn of(&self, group: &Group) -> Option<f64> {
        let is_file = matches!(group.kind, Kind::File | Kind::Text | Kind::Data | Kind::Shm);
        let minor = group.minor as f64 * if is_file { self.file_ns } else { self.anonymous_ns };
        let major = if group.major == 0 { 0.0 } else { group.major as f64 * self.major_ns? };
        Some((minor + major) / 1e6)
    }
}

/// The median of some rounds, which leaves out what disturbed one.
fn best(mut round: impl FnMut() -> Option<f64>) -> Option<f64> {
    let mut all: Vec<_> = (0..ROUNDS).filter_map(|_| round()).collect();
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied()
}

/// ns for each touch of new memory, or of a file in the cache, `step` bytes apart.
fn touch(file: Option<&File>, step: usize) -> Option<f64> {
    let length = match file {
        Some(file) => (file.metadata().ok()?.len() as usize).min(TOUCHED),
        None => TOUCHED,
    };
    let (fd, flags) = file.map_or((-1, libc::MAP_ANONYMOUS), |f| (f.as_raw_fd(), 0));
    let protection = if file.is_some() { libc::PROT_READ } else { libc::PROT_READ | libc::PROT_WRITE };
    // SAFETY: a new mapping wherever the kernel likes; only its own pages are touched, within its length and within
    // the file, and it is gone before anything else could use it.
    unsafe {
        let memory = libc::mmap(std::ptr::null_mut(), length, protection, libc::MAP_PRIVATE | flags, fd, 0);
        if memory == libc::MAP_FAILED || length < step {
            return None;
        }
        libc::madvise(memory, length, libc::MADV_NOHUGEPAGE);
        // Of the processor, so that others who want it don't count.
        let begun = processor_ns();
        for at in (0..length).step_by(step) {
            let byte = memory.cast::<u8>().add(at);
            if file.is_some() {
                let _ = byte.read_volatile();
            } else {
                byte.write_volatile(1);
            }
        }
        let took = processor_ns() - begun;
        libc::munmap(memory, length);
        Some(took / (length / step) as f64)
    }
}

/// ns for each touch while the kernel records it.
fn watched() -> Option<f64> {
    // SAFETY: takes nothing and cannot fail.
    let thread = unsafe { libc::gettid() };
    let mut events = Events::open(&[thread], Begin::Told).ok()?;
    events.enable();
    best(|| {
        let took = touch(None, PAGE);
        events.take();
        took
    })
}

/// The time of the processor that this thread has had, in ns.
fn processor_ns() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: room for what the call writes; the clock is there on every Linux.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

/// ns for a read of one page past the cache, all over the file.
fn read(path: &Path) -> Option<f64> {
    let file = OpenOptions::new().read(true).custom_flags(libc::O_DIRECT | libc::O_CLOEXEC).open(path).ok()?;
    let pages = file.metadata().ok().filter(|m| m.is_file())?.len() / PAGE as u64;
    let mut buffer = vec![0u8; 2 * PAGE];
    let aligned = buffer.as_mut_ptr().wrapping_add(buffer.as_ptr().align_offset(PAGE));
    let mut all = Vec::new();
    let begun = Instant::now();
    for i in 0..READS.min(pages) {
        // Far apart, and in no order that a disk could foresee.
        let page = (i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 16) % pages;
        let start = Instant::now();
        // SAFETY: the aligned page lies within the buffer, which is two pages long.
        let got = unsafe { libc::pread(file.as_raw_fd(), aligned.cast(), PAGE, (page * PAGE as u64) as libc::off_t) };
        if got != PAGE as isize {
            return None;
        }
        all.push(start.elapsed().as_nanos() as f64);
        if begun.elapsed() > READING {
            break;
        }
    }
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_costs_something_here() {
        let nothing = Evidence { groups: Vec::new(), lost: 0, processes: 0, kernel: true, by_function: true };
        let costs = Costs::measure(&nothing);
        assert!(costs.anonymous_ns > 10.0 && costs.anonymous_ns < 1e6, "{costs:?}");
        assert!(costs.file_ns > 10.0 && costs.file_ns < 1e6, "{costs:?}");
        assert_eq!(costs.major_ns, None);
    }
}
