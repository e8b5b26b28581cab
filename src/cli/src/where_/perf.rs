//! perf_event_open(2): the kernel's page-fault events, and the ring buffer of each processor.
//!
//! What must hold here: nothing is read beyond what the kernel says it has written; a ring that could not be had as
//! large as wanted is had smaller, because an unprivileged user may pin little.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::small;

/// perf_event.h, as far as Linux 4.1 had it (use_clockid, mmap2): 112 bytes.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Attributes {
    kind: u32,
    size: u32,
    config: u64,
    sample_period: u64,
    sample_type: u64,
    read_format: u64,
    flags: u64,
    wakeup_watermark: u32,
    bp_type: u32,
    config1: u64,
    config2: u64,
    branch_sample_type: u64,
    sample_regs_user: u64,
    sample_stack_user: u32,
    clockid: i32,
    sample_regs_intr: u64,
    aux_watermark: u32,
    sample_max_stack: u16,
    reserved: u16,
}

const SOFTWARE: u32 = 1;
const PAGE_FAULTS_MIN: u64 = 5;
const PAGE_FAULTS_MAJ: u64 = 6;

/// IP, TID, TIME, ADDR, ID, REGS_USER, STACK_USER: what [`super::record`] reads, in this order.
const SAMPLE: u64 = 1 | 1 << 1 | 1 << 2 | 1 << 3 | 1 << 6 | 1 << 12 | 1 << 13;

const DISABLED: u64 = 1;
const INHERIT: u64 = 1 << 1;
const EXCLUDE_KERNEL: u64 = 1 << 5;
const EXCLUDE_HV: u64 = 1 << 6;
const MMAP: u64 = 1 << 8;
const COMM: u64 = 1 << 9;
const ENABLE_ON_EXEC: u64 = 1 << 12;
const TASK: u64 = 1 << 13;
const WATERMARK: u64 = 1 << 14;
const MMAP_DATA: u64 = 1 << 17;
const SAMPLE_ID_ALL: u64 = 1 << 18;
const MMAP2: u64 = 1 << 23;
const COMM_EXEC: u64 = 1 << 24;
const USE_CLOCKID: u64 = 1 << 25;

/// BP, SP, IP.
#[cfg(target_arch = "x86_64")]
const REGISTERS: u64 = 1 << 6 | 1 << 7 | 1 << 8;
/// FP, LR, SP, PC.
#[cfg(target_arch = "aarch64")]
const REGISTERS: u64 = 1 << 29 | 1 << 30 | 1 << 31 | 1 << 32;

/// How much of the stack comes with each fault, in bytes: enough for the frames of malloc and memset, and little
/// enough that the reader keeps up.
const STACK: u32 = 1024;

/// From large to what an unprivileged user has (perf_event_mlock_kb is 516), in bytes for each processor.
const RINGS: [usize; 7] = [32 << 20, 16 << 20, 8 << 20, 2 << 20, 512 << 10, 128 << 10, 32 << 10];

/// For all rings together, in bytes: a machine may have hundreds of processors.
const RINGS_MOST: usize = 128 << 20;
/// When the reader is woken; the kernel takes less where a ring is smaller.
const WATERMARK_BYTES: u32 = 128 << 10;

const IOC_ID: libc::c_ulong = 0x8008_2407;
const IOC_SET_OUTPUT: libc::c_ulong = 0x2405;
const IOC_ENABLE: libc::c_ulong = 0x2400;

/// The offsets of data_head and data_tail in the first page of a ring.
const HEAD: usize = 1024;
const TAIL: usize = 1032;

/// The events of some threads and of all that they start, one ring a processor.
pub struct Events {
    rings: Vec<Ring>,
    /// the identities of the events that count major faults
    pub major: Vec<u64>,
    /// faults that the kernel takes for the program (a read into fresh memory) are seen too
    pub kernel: bool,
    events: Vec<OwnedFd>,
}

/// When the events begin to count.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// with the exec of the thread
    OnExec,
    /// with [`Events::enable`]
    Told,
}

impl Events {
    /// Opens them for these threads.
    ///
    /// # Errors
    /// The kernel refuses, or there are not enough descriptors.
    pub fn open(threads: &[i32], begin: Begin) -> io::Result<Events> {
        let processors = processors();
        let first = *threads.first().ok_or_else(|| io::Error::from_raw_os_error(libc::ESRCH))?;
        let kernel = match open(first, processors[0], PAGE_FAULTS_MIN, 0) {
            Ok(_) => true,
            Err(error) if matches!(error.raw_os_error(), Some(libc::EACCES | libc::EPERM)) => false,
            Err(error) => return Err(error),
        };
        let mut flags = DISABLED | INHERIT | EXCLUDE_HV | WATERMARK | SAMPLE_ID_ALL | USE_CLOCKID;
        flags |= if kernel { 0 } else { EXCLUDE_KERNEL };
        flags |= if begin == Begin::OnExec { ENABLE_ON_EXEC } else { 0 };
        let sideband = MMAP | COMM | TASK | MMAP_DATA | MMAP2 | COMM_EXEC;

        let mut all = Events { rings: Vec::new(), major: Vec::new(), kernel, events: Vec::new() };
        for (i, thread) in threads.iter().enumerate() {
            for (n, processor) in processors.iter().enumerate() {
                let minor = match open(*thread, *processor, PAGE_FAULTS_MIN, flags | sideband) {
                    // A thread that has ended since it was listed is no loss; the first one carries the rings.
                    Err(error) if i != 0 && error.raw_os_error() == Some(libc::ESRCH) => break,
                    other => other?,
                };
                let major = open(*thread, *processor, PAGE_FAULTS_MAJ, flags)?;
                all.major.push(identity(&major)?);
                if i == 0 {
                    all.rings.push(Ring { file: minor, memory: ptr::null_mut(), bytes: 0 });
                } else {
                    redirect(&minor, &all.rings[n])?;
                    all.events.push(minor);
                }
                all.events.push(major);
            }
            if i == 0 {
                map_all(&mut all.rings)?;
                all.events.iter().zip(&all.rings).try_for_each(|(major, ring)| redirect(major, ring))?;
            }
        }
        Ok(all)
    }

    /// Begins to count.
    pub fn enable(&self) {
        for event in self.rings.iter().map(|r| &r.file).chain(&self.events) {
            // SAFETY: takes no memory; the descriptor is an event of ours.
            unsafe { libc::ioctl(event.as_raw_fd(), IOC_ENABLE, 0) };
        }
    }

    /// What to poll: readable when there is something worth taking.
    pub fn descriptors(&self) -> Vec<RawFd> {
        self.rings.iter().map(|r| r.file.as_raw_fd()).collect()
    }

    /// Takes what has been written since, ring by ring.
    pub fn take(&mut self) -> Vec<Vec<u8>> {
        self.rings.iter_mut().map(Ring::take).filter(|bytes| !bytes.is_empty()).collect()
    }
}

/// The processors that are there, by /sys, else the first ones.
fn processors() -> Vec<i32> {
    let list = small::text("/sys/devices/system/cpu/online").unwrap_or_default();
    let mut all = Vec::new();
    for part in list.split(',') {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        if let (Ok(from), Ok(to)) = (from.parse::<i32>(), to.parse::<i32>()) {
            all.extend(from..=to);
        }
    }
    if all.is_empty() { vec![0] } else { all }
}

fn open(thread: i32, processor: i32, config: u64, flags: u64) -> io::Result<OwnedFd> {
    let attributes = Attributes {
        kind: SOFTWARE,
        size: size_of::<Attributes>() as u32,
        config,
        sample_period: 1,
        sample_type: SAMPLE,
        flags,
        wakeup_watermark: WATERMARK_BYTES,
        sample_regs_user: REGISTERS,
        sample_stack_user: STACK,
        clockid: libc::CLOCK_MONOTONIC,
        ..Attributes::default()
    };
    const CLOEXEC: libc::c_ulong = 1 << 3;
    // SAFETY: the attributes are as long as they say; the other arguments are plain numbers.
    let fd = unsafe { libc::syscall(libc::SYS_perf_event_open, &attributes, thread, processor, -1, CLOEXEC) };
    match fd {
        -1 => Err(io::Error::last_os_error()),
        // SAFETY: the kernel has just made this descriptor for us.
        fd => Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) }),
    }
}

fn identity(event: &OwnedFd) -> io::Result<u64> {
    let mut id = 0u64;
    // SAFETY: room for the eight bytes that this request writes.
    match unsafe { libc::ioctl(event.as_raw_fd(), IOC_ID, &mut id) } {
        0 => Ok(id),
        _ => Err(io::Error::last_os_error()),
    }
}

fn redirect(event: &OwnedFd, ring: &Ring) -> io::Result<()> {
    // SAFETY: both are events of ours for the same processor; no memory is handed over.
    match unsafe { libc::ioctl(event.as_raw_fd(), IOC_SET_OUTPUT, ring.file.as_raw_fd()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// All rings of one size, the largest that may be had.
fn map_all(rings: &mut [Ring]) -> io::Result<()> {
    let mut last = io::Error::from_raw_os_error(libc::EPERM);
    let most = RINGS_MOST / rings.len().max(1);
    for bytes in RINGS.into_iter().filter(|bytes| *bytes <= most.max(RINGS[RINGS.len() - 1])) {
        match rings.iter_mut().try_for_each(|ring| ring.map(bytes)) {
            Ok(()) => return Ok(()),
            Err(error) => last = error,
        }
        rings.iter_mut().for_each(Ring::unmap);
    }
    Err(last)
}

/// A ring buffer: one page of figures, then `bytes` of records.
struct Ring {
    file: OwnedFd,
    memory: *mut u8,
    bytes: usize,
}

// SAFETY: the memory is the ring's own, and only whoever holds it mutably reads it.
unsafe impl Send for Ring {}

impl Ring {
    fn map(&mut self, bytes: usize) -> io::Result<()> {
        let page = page();
        // SAFETY: a new mapping of our own descriptor, wherever the kernel likes.
        let memory = unsafe {
            let protection = libc::PROT_READ | libc::PROT_WRITE;
            libc::mmap(ptr::null_mut(), bytes + page, protection, libc::MAP_SHARED, self.file.as_raw_fd(), 0)
        };
        if memory == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        (self.memory, self.bytes) = (memory.cast(), bytes);
        Ok(())
    }

    fn unmap(&mut self) {
        if !self.memory.is_null() {
            // SAFETY: exactly what `map` mapped, and nothing of it is borrowed.
            unsafe { libc::munmap(self.memory.cast(), self.bytes + page()) };
            self.memory = ptr::null_mut();
        }
    }

    fn word(&self, at: usize) -> &AtomicU64 {
        // SAFETY: within the first page of the mapping, aligned, and written by the kernel as one word.
        unsafe { &*self.memory.add(at).cast::<AtomicU64>() }
    }

    fn take(&mut self) -> Vec<u8> {
        if self.memory.is_null() {
            return Vec::new();
        }
        let head = self.word(HEAD).load(Ordering::Acquire);
        let tail = self.word(TAIL).load(Ordering::Relaxed);
        let length = (head.wrapping_sub(tail) as usize).min(self.bytes);
        let start = tail as usize & (self.bytes - 1);
        let first = length.min(self.bytes - start);
        let mut taken = Vec::with_capacity(length);
        // SAFETY: between tail and head the kernel writes nothing; both parts lie within the mapping.
        unsafe {
            let data = self.memory.add(page());
            taken.extend_from_slice(std::slice::from_raw_parts(data.add(start), first));
            taken.extend_from_slice(std::slice::from_raw_parts(data, length - first));
        }
        self.word(TAIL).store(head, Ordering::Release);
        taken
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        self.unmap();
    }
}

/// The size of a page, in bytes.
pub fn page() -> usize {
    // SAFETY: takes a number and cannot fail.
    unsafe { libc::sysconf(libc::_SC_PAGESIZE) as usize }
}

/// Raises the limit on descriptors as far as it goes: two events for each thread and processor. The program is
/// started before, with the limit that we were given.
pub fn more_descriptors() {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is writable for the first and readable for the second call.
    unsafe {
        if libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) == 0 {
            limit.rlim_cur = limit.rlim_max;
            libc::setrlimit(libc::RLIMIT_NOFILE, &limit);
        }
    }
}

/// CLOCK_MONOTONIC in ns, as the records have it.
pub fn now() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: room for what the call writes; the clock is there on every Linux.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// The level in force, for the remedy.
pub fn paranoid() -> Option<i32> {
    small::text("/proc/sys/kernel/perf_event_paranoid")?.parse().ok()
}

/// The memory of a process, for reading.
pub fn memory(pid: u32) -> Option<File> {
    File::open(format!("/proc/{pid}/mem")).ok()
}
