//! What exists when the program starts: text, data, the main stack, what ld.so mapped. One look at /proc/self/maps.
//!
//! What must hold here: only if a rule can match there; in the constructor, so on the main thread's stack; our own
//! mappings (the library, the page, the pool) are left alone.

use faultless_core::matching::Region;
use faultless_core::reason::Reason;
use faultless_core::rules::{Axis, Kind, Policy};

use crate::act;
use crate::live::Live;
use crate::sys;
use crate::target::{Range, Target, View};

/// Lines longer than this (a path of over 4 KiB) are cut.
pub const LINE: usize = 4608;

/// Whether a rule could match what is there when a program starts.
pub fn is_wanted(policy: &Policy) -> bool {
    has_any(policy) || [Kind::Text, Kind::File, Kind::Stack, Kind::Shm].iter().any(|kind| policy.may_match(*kind))
}

/// .data and .bss look like anonymous mappings, but rules for `anon` are about those that the program makes: only `any`
/// means these too.
fn has_any(policy: &Policy) -> bool {
    policy.rules().iter().any(|rule| rule.kind == Kind::Any)
}

/// Applies the rules to what is there. Apart from its caller, because its frame is large and each page of it costs a fault at every start.
#[inline(never)]
pub fn apply(live: &Live<'_>) {
    each_mapping(&mut [0u8; LINE], |mapping| one(live, mapping));
}

/// Calls `each` with every line of /proc/self/maps, read into `line`. False: it can't be read.
pub fn each_mapping(line: &mut [u8; LINE], mut each: impl FnMut(&Mapping<'_>)) -> bool {
    let Ok(fd) = sys::open(c"/proc/self/maps", libc::O_RDONLY, 0) else { return false };
    let mut filled = 0;
    // In pieces; what is done between reads may change mappings, which the kernel allows: it goes on by address.
    while let Ok(n @ 1..) = sys::read(fd, line.get_mut(filled..).unwrap_or(&mut [])) {
        filled += n;
        while let Some(end) = line.iter().take(filled).position(|b| *b == b'\n') {
            if let Some(mapping) = line.get(..end).and_then(Mapping::parse) {
                each(&mapping);
            }
            line.copy_within(end + 1..filled, 0);
            filled -= end + 1;
        }
        if filled == LINE {
            break;
        }
    }
    sys::close(fd);
    true
}

/// One line of /proc/self/maps.
pub struct Mapping<'a> {
    /// first byte
    pub start: usize,
    /// exclusive end
    pub end: usize,
    flags: &'a [u8],
    offset: u64,
    /// what stands there, `[stack]` and its like too
    pub path: &'a [u8],
}

impl<'a> Mapping<'a> {
    /// `5581d4a00000-5581d4a21000 r-xp 00002000 fe:00 1234    /usr/bin/cat`
    fn parse(line: &'a [u8]) -> Option<Mapping<'a>> {
        let hex = |s: &[u8]| u64::from_str_radix(core::str::from_utf8(s).ok()?, 16).ok();
        let mut words = line.splitn(6, |b| *b == b' ');
        let mut range = words.next()?.split(|b| *b == b'-');
        let (start, end) = (hex(range.next()?)? as usize, hex(range.next()?)? as usize);
        let (flags, offset) = (words.next()?, hex(words.next()?)?);
        let path = words.nth(2).unwrap_or(&[]).trim_ascii_start();
        (start < end && flags.len() == 4).then_some(Mapping { start, end, flags, offset, path })
    }

    fn kind(&self) -> Option<Kind> {
        let (executable, shared) = (self.flags.get(2) == Some(&b'x'), self.flags.get(3) == Some(&b's'));
        match self.path {
            b"[stack]" => Some(Kind::Stack),
            b"" if shared => Some(Kind::Shm),
            b"" => Some(Kind::Anon),
            p if p.first() != Some(&b'/') => None, // [heap], [vdso], [vvar], [anon:…]
            p if p.ends_with(b"/libfaultless.so") => None,
            p if p.starts_with(b"/memfd:") || p.starts_with(b"/SYSV") || p.starts_with(b"/dev/zero") => Some(Kind::Shm),
            _ if executable => Some(Kind::Text),
            _ => Some(Kind::File),
        }
    }
}

fn one(live: &Live<'_>, m: &Mapping<'_>) {
    let wanted = |kind: &Kind| live.policy.may_match(*kind) && (*kind != Kind::Anon || has_any(live.policy));
    let Some(kind) = m.kind().filter(wanted) else { return };
    let is_ours = (&raw const *live.page) as usize == m.start || m.path.starts_with(b"/memfd:faultless");
    if is_ours || m.flags.starts_with(b"---") {
        return;
    }
    let range = Range { start: m.start, len: m.end - m.start };
    let mut file = None;
    if matches!(kind, Kind::Text | Kind::File) {
        let mut path = crate::text::Text::<LINE>::new();
        let st = match path.push(m.path) {
            Ok(()) => sys::stat(path.as_c(), true).ok(),
            Err(_) => None,
        };
        // Deleted or replaced since: what the mapping shows may end anywhere, so nothing is done with it.
        let Some(st) = st.filter(|st| st.mode & libc::S_IFMT == libc::S_IFREG) else { return };
        file = Some(View { fd: -1, offset: m.offset, size: st.size });
    }
    let size = file.map_or(range.len as u64, |f| f.size);
    let path = (m.path.first() == Some(&b'/')).then_some(m.path);
    let mut chosen = live.policy.choose(&Region { kind, size, path }, live.memory());
    // A stack with VM_LOCKED can't grow beyond RLIMIT_MEMLOCK, by SIGSEGV; and where a lock parts it, pthread_getattr_np takes the
    // locked part for all of it (glibc reads /proc/self/maps), and language runtimes with it.
    if kind == Kind::Stack
        && let Some((rule, _)) = chosen.stay.take()
    {
        act::note_skipped(live, rule, Axis::Stay, Reason::MainStack);
    }
    let target = Target {
        range,
        kind,
        writable: m.flags.get(1) == Some(&b'w'),
        shared: m.flags.get(3) == Some(&b's'),
        hugetlb: false,
        segment: false,
        file,
    };
    act::apply(live, &target, &chosen);
}
