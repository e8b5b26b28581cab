//! What this process may take: memory, locked memory, and what the kernel is set to.
//!
//! What must hold here: read when first needed, never at start (it costs 0.13 ms); at most 1 KiB of stack; a value
//! that can't be read is unlimited for limits, unknown for settings, and never an error.

use core::ffi::CStr;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use once_cell::race::OnceNonZeroUsize;

use crate::sys;

/// Longest line, and longest path, that is looked at.
const LINE: usize = 384;

/// Calls `each` with every line of a file, until it says to stop. Longer lines are cut.
fn lines(path: &CStr, mut each: impl FnMut(&[u8]) -> bool) {
    let Ok(fd) = sys::open(path, libc::O_RDONLY, 0) else { return };
    let mut line = [0u8; LINE];
    let mut filled = 0;
    let mut chunk = [0u8; 256];
    'file: while let Ok(n @ 1..) = sys::read(fd, &mut chunk) {
        for byte in chunk.iter().take(n) {
            if *byte == b'\n' {
                if !each(line.get(..filled).unwrap_or(&[])) {
                    break 'file;
                }
                filled = 0;
            } else if let Some(place) = line.get_mut(filled) {
                *place = *byte;
                filled += 1;
            }
        }
    }
    if filled > 0 {
        each(line.get(..filled).unwrap_or(&[]));
    }
    sys::close(fd);
}

/// The first number in `text`, in this base.
fn number(text: &[u8], base: u64) -> Option<u64> {
    let start = text.iter().position(|b| b.is_ascii_hexdigit() && (base == 16 || b.is_ascii_digit()))?;
    let mut value: u64 = 0;
    for b in text.get(start..)? {
        let Some(digit) = (*b as char).to_digit(base as u32) else { break };
        value = value.saturating_mul(base).saturating_add(u64::from(digit));
    }
    Some(value)
}

/// The value behind `key` in a `key: value` file, kB not yet multiplied.
fn fields<const N: usize>(path: &CStr, keys: [&[u8]; N], base: [u64; N]) -> [Option<u64>; N] {
    let mut values = [None; N];
    lines(path, |line| {
        for ((key, value), base) in keys.iter().zip(values.iter_mut()).zip(base) {
            if let Some(rest) = line.strip_prefix(*key) {
                *value = number(rest, base);
            }
        }
        values.iter().any(Option::is_none)
    });
    values
}

/// A path put together on the stack.
struct Path([u8; LINE], usize);

impl Path {
    fn new(parts: &[&[u8]]) -> Option<Path> {
        let mut path = Path([0; LINE], 0);
        for part in parts {
            path.0.get_mut(path.1..path.1 + part.len())?.copy_from_slice(part);
            path.1 += part.len();
        }
        (path.1 < LINE).then_some(path)
    }

    fn as_c(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.0).unwrap_or(c"")
    }
}

/// How a hierarchy of memory cgroups names its files.
struct Hierarchy {
    root: &'static [u8],
    limit: &'static [u8],
    /// where reclaim begins before the limit
    high: Option<&'static [u8]>,
    usage: &'static [u8],
    inactive: &'static [u8],
    active: &'static [u8],
    /// of memory.stat: what can go to swap, unlocked
    anonymous: [&'static [u8]; 2],
    /// the limit of swap and its use
    swap: [&'static [u8]; 2],
    /// both count memory as well
    is_swap_with_memory: bool,
    /// 0: nothing goes to swap
    swappiness: Option<&'static [u8]>,
}

const V1: Hierarchy = Hierarchy {
    root: b"/sys/fs/cgroup/memory",
    limit: b"/memory.limit_in_bytes",
    high: None,
    usage: b"/memory.usage_in_bytes",
    inactive: b"total_inactive_file ",
    active: b"total_active_file ",
    anonymous: [b"total_inactive_anon ", b"total_active_anon "],
    swap: [b"/memory.memsw.limit_in_bytes", b"/memory.memsw.usage_in_bytes"],
    is_swap_with_memory: true,
    swappiness: Some(b"/memory.swappiness"),
};
const V2: Hierarchy = Hierarchy {
    root: b"/sys/fs/cgroup",
    limit: b"/memory.max",
    high: Some(b"/memory.high"),
    usage: b"/memory.current",
    inactive: b"inactive_file ",
    active: b"active_file ",
    anonymous: [b"inactive_anon ", b"active_anon "],
    swap: [b"/memory.swap.max", b"/memory.swap.current"],
    is_swap_with_memory: false,
    swappiness: None,
};

/// Calls `each` with every memory cgroup that this process is in, from its own to the root.
fn cgroups(mut each: impl FnMut(&Hierarchy, &[u8])) {
    lines(c"/proc/self/cgroup", |line| {
        let mut parts = line.splitn(3, |b| *b == b':');
        let (Some(id), Some(controllers), Some(mut path)) = (parts.next(), parts.next(), parts.next()) else {
            return true;
        };
        let hierarchy = match (id, controllers) {
            (b"0", b"") => &V2,
            (_, c) if c.split(|b| *b == b',').any(|c| c == b"memory") => &V1,
            _ => return true,
        };
        loop {
            each(hierarchy, path.strip_suffix(b"/").unwrap_or(path));
            match path.iter().rposition(|b| *b == b'/') {
                Some(_) if path.len() <= 1 => break,
                Some(0) => path = b"/",
                Some(slash) => path = path.get(..slash).unwrap_or(b"/"),
                None => break,
            }
        }
        true
    });
}

fn value(hierarchy: &Hierarchy, group: &[u8], file: &[u8]) -> Option<u64> {
    let path = Path::new(&[hierarchy.root, group, file])?;
    let mut result = None;
    lines(path.as_c(), |line| {
        result = number(line, 10);
        false
    });
    result
}

/// How many bytes a group may use before the kernel takes some back, or None without a limit.
fn limit(hierarchy: &Hierarchy, group: &[u8]) -> Option<u64> {
    let high = hierarchy.high.and_then(|high| value(hierarchy, group, high));
    let max = value(hierarchy, group, hierarchy.limit);
    high.into_iter().chain(max).min()
}

static MEMORY: OnceNonZeroUsize = OnceNonZeroUsize::new();

/// [`memory`], if it has been read.
pub fn memory_known() -> Option<u64> {
    MEMORY.get().map(|bytes| bytes.get() as u64)
}

/// Bytes of memory here: the smaller of MemTotal and every ancestor cgroup's limit. u64::MAX / 2 when unknown.
pub fn memory() -> u64 {
    let read = || {
        let [total] = fields(c"/proc/meminfo", [b"MemTotal:"], [10]);
        let mut least = total.map_or(u64::MAX / 2, |kb| kb.saturating_mul(1024));
        cgroups(|h, group| least = least.min(limit(h, group).unwrap_or(u64::MAX)));
        core::num::NonZeroUsize::new(least as usize).unwrap_or(core::num::NonZeroUsize::MAX)
    };
    MEMORY.get_or_init(read).get() as u64
}

/// Bytes that can be had without pushing anybody out: the smaller of MemAvailable and every cgroup's headroom, where
/// file cache that is not in use counts as free.
pub fn available() -> u64 {
    left_by_limits(|h| [h.inactive]).0
}

/// Bytes that files can take without anything but files making way: the smaller of MemAvailable and what every cgroup's
/// limit leaves beside what is no file cache.
pub fn room_for_files() -> u64 {
    left_by_limits(|h| [h.inactive, h.active]).0
}

/// Bytes of file cache that compete for [`room_for_files`]: those of the cgroup whose limit leaves least, or of the machine.
pub fn file_cache() -> u64 {
    left_by_limits(|h| [h.inactive, h.active]).1
}

/// The smaller of MemAvailable and what every cgroup's limit leaves, where these fields of memory.stat count as free; and
/// the file cache there.
fn left_by_limits<const N: usize>(free: impl Fn(&Hierarchy) -> [&'static [u8]; N]) -> (u64, u64) {
    let names: [&[u8]; 4] = [b"MemFree:", b"MemAvailable:", b"Active(file):", b"Inactive(file):"];
    let [unused, available, active, inactive] = fields(c"/proc/meminfo", names, [10; 4]);
    // Where it can't be read (a chroot without /proc, no descriptor left), there is a limit all the same.
    let Some(mut least) = available.or(unused).map(|kb| kb.saturating_mul(1024)) else { return (0, 0) };
    let mut cached = active.unwrap_or(0).saturating_add(inactive.unwrap_or(0)).saturating_mul(1024);
    let mut reach = Reach::default();
    cgroups(|h, group| {
        reach.see(h, group);
        let Some(limit) = limit(h, group) else { return };
        if limit >= least.saturating_mul(64) {
            return; // no limit worth the name
        }
        let usage = value(h, group, h.usage).unwrap_or(u64::MAX);
        let stat = Path::new(&[h.root, group, b"/memory.stat"]);
        let cache = stat.map_or([None; N], |p| fields(p.as_c(), free(h), [10; N]));
        let cache: u64 = cache.into_iter().flatten().sum();
        let left = limit.saturating_sub(usage.saturating_sub(cache));
        if left < least {
            (least, cached) = (left, cache);
        }
    });
    if reach.has_any_limit() { (0, 0) } else { (least, cached) }
}

/// A group that has a name, in a hierarchy that is out of reach (a sandbox with /proc and without /sys), may have any limit.
#[derive(Default)]
struct Reach {
    is_named: bool,
    is_in_reach: bool,
}

impl Reach {
    fn see(&mut self, hierarchy: &Hierarchy, group: &[u8]) {
        self.is_named |= !group.is_empty();
        if group.is_empty() && !self.is_in_reach {
            let members = Path::new(&[hierarchy.root, b"/cgroup.procs"]);
            self.is_in_reach = members.is_some_and(|path| sys::stat(path.as_c(), true).is_ok());
        }
    }

    fn has_any_limit(&self) -> bool {
        self.is_named && !self.is_in_reach
    }
}

/// Bytes of anonymous memory that can make way, because they can go to swap: what is free of it, at most what is there unlocked,
/// and at most what every cgroup has of the one and may take of the other. 0 where that can't be read.
pub fn swappable() -> u64 {
    // in the file's order, so that it is read no further
    let names: [&[u8]; 4] = [b"MemTotal:", b"Active(anon):", b"Inactive(anon):", b"SwapFree:"];
    let [Some(total), Some(active), Some(inactive), Some(swap)] = fields(c"/proc/meminfo", names, [10; 4]) else {
        return 0;
    };
    let mut least = active.saturating_add(inactive).min(swap).saturating_mul(1024);
    lines(c"/proc/sys/vm/swappiness", |line| {
        least = if number(line, 10) == Some(0) { 0 } else { least };
        false
    });
    if least == 0 {
        return 0;
    }
    let mut reach = Reach::default();
    cgroups(|h, group| {
        reach.see(h, group);
        if h.swappiness.is_some_and(|file| value(h, group, file) == Some(0)) {
            least = 0;
        }
        let limit = limit(h, group).filter(|limit| *limit <= total.saturating_mul(1024));
        let [most, used] = h.swap.map(|file| value(h, group, file));
        if let (Some(most), Some(used)) = (most, used) {
            let left = most.saturating_sub(used);
            // What memory itself has left is no swap.
            let unused = limit.zip(value(h, group, h.usage)).map_or(0, |(limit, usage)| limit.saturating_sub(usage));
            least = least.min(if h.is_swap_with_memory { left.saturating_sub(unused) } else { left });
        }
        // Without a limit it is others that make way as well.
        if limit.is_some() {
            let stat = Path::new(&[h.root, group, b"/memory.stat"]);
            let there = stat.map_or([None; 2], |path| fields(path.as_c(), h.anonymous, [10; 2]));
            least = least.min(there.into_iter().flatten().sum());
        }
    });
    if reach.has_any_limit() { 0 } else { least }
}

/// Bytes that nobody uses, not even for file cache: the smaller of MemFree and what every cgroup's limit leaves.
pub fn unused() -> u64 {
    let [free] = fields(c"/proc/meminfo", [b"MemFree:"], [10]);
    let mut least = free.map_or(0, |kb| kb.saturating_mul(1024));
    cgroups(|h, group| {
        if let (Some(limit), Some(usage)) = (limit(h, group), value(h, group, h.usage)) {
            least = least.min(limit.saturating_sub(usage));
        }
    });
    least
}

/// What a thread of ours that stays must know of the process.
pub struct Standing {
    /// real and effective user and group, and permitted capabilities, put together; 0 where they can't be read
    pub user: u64,
    /// its threads, with the first one also when that has ended; 0 where they can't be counted
    pub threads: u64,
}

/// Reads /proc/self/status.
pub fn standing() -> Standing {
    let (mut user, mut threads) = (0u64, 0);
    lines(c"/proc/self/status", |line| {
        let base = if line.starts_with(b"CapPrm:") { 16 } else { 10 };
        if line.starts_with(b"Uid:") || line.starts_with(b"Gid:") || base == 16 {
            let values = line.split(|b| *b == b'\t').skip(1);
            for number in values.filter_map(|word| number(word, base)) {
                user = user.rotate_left(13).wrapping_mul(0x9e37_79b9) ^ number;
            }
        } else if line.starts_with(b"Threads:") {
            threads = number(line, 10).unwrap_or(0);
        }
        !line.starts_with(b"CapPrm:")
    });
    Standing { user, threads }
}

/// The status with which the process's first thread has ended. None: it is there, or that can't be read.
pub fn left_with() -> Option<u32> {
    let mut all = [0u8; 2 * LINE];
    let stat = sys::read_file(c"/proc/self/stat", &mut all).ok()?;
    // The name may have anything in it; the state follows it, and the last word is as wait(2) gives it.
    let after = stat.rsplit(|b| *b == b')').next()?;
    let word = after.rsplit(|b| *b == b' ').next().and_then(|word| number(word, 10));
    after.starts_with(b" Z").then(|| word.unwrap_or(0) as u32 >> 8)
}

/// What /proc/self/status says.
#[derive(Clone, Copy)]
pub struct Status {
    /// a seccomp filter is in place, or that can't be known
    pub seccomp: bool,
    /// CAP_IPC_LOCK: RLIMIT_MEMLOCK does not hold
    pub ipc_lock: bool,
    /// bytes locked now, by whomever
    pub locked: u64,
    /// bytes mapped private and writable that have no page yet; 0 where the kernel (before 4.5) doesn't say
    pub untouched: u64,
}

/// Reads /proc/self/status.
pub fn status() -> Status {
    const CAP_IPC_LOCK: u64 = 1 << 14;
    let [locked, anon, data, caps, seccomp] = fields(
        c"/proc/self/status",
        [b"VmLck:", b"RssAnon:", b"VmData:", b"CapEff:", b"Seccomp:"],
        [10, 10, 10, 16, 10],
    );
    let untouched = anon.zip(data).map_or(0, |(anon, data)| data.saturating_sub(anon));
    Status {
        seccomp: seccomp != Some(0),
        ipc_lock: caps.is_some_and(|c| c & CAP_IPC_LOCK != 0),
        locked: locked.unwrap_or(0).saturating_mul(1024),
        untouched: untouched.saturating_mul(1024),
    }
}

/// The parent of a process, as /proc shows it.
pub fn parent_of(pid: u32) -> Option<u32> {
    use core::fmt::Write;
    let mut path = crate::text::Text::<32>::new();
    write!(path, "/proc/{pid}/status").ok()?;
    fields(path.as_c(), [b"PPid:"], [10])[0].map(|parent| parent as u32)
}

/// Bytes that may still be locked under RLIMIT_MEMLOCK.
pub fn lockable(status: &Status) -> u64 {
    if status.ipc_lock { u64::MAX } else { sys::rlimit(libc::RLIMIT_MEMLOCK).saturating_sub(status.locked) }
}

/// Whether a seccomp filter was there when the first action was taken. Read once.
pub fn seccomp_at_start() -> bool {
    static FILTERED: OnceNonZeroUsize = OnceNonZeroUsize::new();
    const YES: core::num::NonZeroUsize = core::num::NonZeroUsize::MIN.saturating_add(1);
    FILTERED.get_or_init(|| if status().seccomp { YES } else { core::num::NonZeroUsize::MIN }) == YES
}

/// Whether memory counts against a limit once it may be touched, although nobody has touched it.
pub fn counts_what_is_reserved() -> bool {
    // 0: unread; 1: no; 2: vm.overcommit_memory is 2
    static STRICT: AtomicU64 = AtomicU64::new(0);
    if STRICT.load(Relaxed) == 0 {
        let mut strict = 1;
        lines(c"/proc/sys/vm/overcommit_memory", |line| {
            strict = if line.starts_with(b"2") { 2 } else { 1 };
            false
        });
        STRICT.store(strict, Relaxed);
    }
    let is_limited = |resource| sys::rlimit(resource) != u64::MAX;
    STRICT.load(Relaxed) == 2 || is_limited(libc::RLIMIT_AS) || is_limited(libc::RLIMIT_DATA)
}

/// Who gets transparent huge pages.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Thp {
    /// nobody
    Never,
    /// who asks for them
    Madvise,
    /// everybody
    Always,
}

const UNREAD: u64 = 0;
/// One of the settings below; 4 is unknown, and 5 off for this process alone.
static ANONYMOUS: AtomicU64 = AtomicU64::new(UNREAD);
static SHARED: AtomicU64 = AtomicU64::new(UNREAD);

fn setting(file: &CStr) -> u64 {
    let mut mode = 4;
    lines(file, |line| {
        let is = |word: &[u8]| line.windows(word.len()).any(|w| w == word);
        mode = match () {
            () if is(b"[never]") || is(b"[deny]") => 1,
            () if is(b"[always]") || is(b"[within_size]") || is(b"[force]") => 3,
            () => 2,
        };
        false
    });
    mode
}

fn known(mode: &AtomicU64, read: impl FnOnce() -> u64) -> Option<Thp> {
    if mode.load(Relaxed) == UNREAD {
        mode.store(read(), Relaxed);
    }
    match mode.load(Relaxed) {
        1 | 5 => Some(Thp::Never),
        2 => Some(Thp::Madvise),
        3 => Some(Thp::Always),
        _ => None,
    }
}

/// The setting for anonymous memory, read once: None when the kernel does not say.
pub fn thp() -> Option<Thp> {
    known(&ANONYMOUS, || if is_thp_disabled() { 5 } else { setting(c"/sys/kernel/mm/transparent_hugepage/enabled") })
}

/// The setting for shared memory (SysV segments, memfd, MAP_SHARED), read once: None when the kernel does not say.
pub fn shmem() -> Option<Thp> {
    known(&SHARED, || if is_thp_disabled() { 5 } else { setting(c"/sys/kernel/mm/transparent_hugepage/shmem_enabled") })
}

/// Whether [`thp`] is never because of a prctl, as of `faultless run --thp off`, and not of the machine's setting.
pub fn is_thp_off_here() -> bool {
    thp() == Some(Thp::Never) && ANONYMOUS.load(Relaxed) == 5
}

/// The program has just changed that.
pub fn forget_thp() {
    ANONYMOUS.store(UNREAD, Relaxed);
    SHARED.store(UNREAD, Relaxed);
}

/// PR_SET_THP_DISABLE (Linux 3.15), which a process inherits; not where it excepts what is advised (Linux 6.18). Under a
/// seccomp filter nobody is asked.
fn is_thp_disabled() -> bool {
    // SAFETY: only asks; the other arguments must be 0.
    !seccomp_at_start() && unsafe { sys::prctl(libc::PR_GET_THP_DISABLE, 0, 0, 0, 0) } == Ok(1)
}
