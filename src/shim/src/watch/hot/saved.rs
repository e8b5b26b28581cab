//! The picture as others see it: `PID.HEX.heat` beside the counter page, in the format of faultless-core's `heat`.
//!
//! What must hold here: a reader sees the whole of one picture or of the next (written beside it, then renamed); what does
//! not fit into the folder is left out, with the old one in place; nothing is written where the thread has found nothing.

use core::cell::UnsafeCell;
use core::ffi::c_int;
use core::fmt::Write;

use faultless_core::heat::{self, HEADER};

use super::super::pagemap::Pagemap;
use super::picture::{LOCKED, Picture, Piece, WANTED};
use super::{Hot, seated};
use crate::startup::{LINE, each_mapping};
use crate::text::Text;
use crate::{pages, sys};

/// Between two (ns), and so many times what one takes.
const EVERY_NS: u64 = 2_000_000_000;
const SHARE: u64 = 200;

/// A line of /proc/self/maps is more than the thread's stack should hold.
struct Line(UnsafeCell<[u8; LINE]>);

// SAFETY: only the one thread uses it.
unsafe impl Sync for Line {}

static PATH: Line = Line(UnsafeCell::new([0; LINE]));

impl Hot {
    /// Saves what is known, if it is new and it is time; `now` u64::MAX: it is the last time.
    pub fn save(&mut self, pagemap: &Pagemap, now: u64) {
        if !self.is_news || now < self.next_save || seated(&mut self.pictures).all(|(p, _, _)| p.count() == 0) {
            return;
        }
        self.is_news = false;
        let began = sys::ticks();
        self.write(pagemap);
        let ended = sys::ticks();
        self.next_save = ended + EVERY_NS.max((ended - began) * SHARE);
    }

    fn write(&mut self, pagemap: &Pagemap) {
        let [whole, part] = pages::folder::HEAT.map(pages::heat_path);
        let (Some(whole), Some(part)) = (whole, part) else { return };
        if sys::file_limit() < heat::MOST_BYTES as u64 {
            return; // a write beyond RLIMIT_FSIZE raises SIGXFSZ
        }
        let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC | libc::O_NOFOLLOW;
        let Ok(fd) = sys::open(part.as_c(), flags, 0o600) else { return };
        let mut out = Out { fd, text: Text::new(), failed: false };
        out.push(HEADER.as_bytes());
        // SAFETY: this is the thread, and nothing else here uses it.
        let line = unsafe { &mut *PATH.0.get() };
        let is_known = each_mapping(line, |mapping| {
            for (picture, _, watched) in seated(&mut self.pictures) {
                if picture.is_at(mapping.start, mapping.end) {
                    let is_file = !watched.is_anonymous();
                    let path = if is_file { mapping.path } else { b"anon" };
                    region(&mut out, picture, (path, is_file, watched.offset, watched.identity), pagemap);
                }
            }
        });
        out.flush();
        sys::close(fd);
        if !is_known || out.failed || sys::rename(part.as_c(), whole.as_c()).is_err() {
            sys::unlink(part.as_c());
        }
    }
}

fn region(
    out: &mut Out,
    picture: &mut Picture,
    (path, is_file, offset, identity): (&[u8], bool, u64, u64),
    pagemap: &Pagemap,
) {
    // Of what lies there under that name now, if it still is what is mapped.
    let st = is_file.then(|| stat_of(path)).flatten().filter(|st| crate::watch::identity_of(st) == identity);
    let (size, mtime) = st.map_or((0, 0), |st| (st.size, st.mtime));
    let (start, bytes, piece) = (picture.range(0).0, picture.bytes(), picture.size());
    let _ = write!(out, "region {start:x} {bytes} {piece} {offset} {size} {mtime} ");
    out.push(path);
    out.push(b"\n");
    for index in 0..picture.count() {
        let (from, to) = picture.range(index);
        let Some(Piece { heat, tries, flags }) = picture.pieces().get(index).copied() else { break };
        let is_locked = flags & LOCKED != 0;
        let eighths = |bytes: usize| (bytes * 8).div_ceil(to - from) as u8;
        let present = if is_locked { Some(8) } else { pagemap.bytes(from, to).map(eighths) };
        out.push(&heat::signs((tries > 0).then_some(heat >> 4), flags & WANTED != 0, is_locked, present));
    }
    out.push(b"\n");
}

fn stat_of(path: &[u8]) -> Option<sys::Stat> {
    let mut name = Text::<1024>::new();
    name.push(path).ok()?;
    sys::stat(name.as_c(), true).ok()
}

/// Gathers what is written.
struct Out {
    fd: c_int,
    text: Text<512>,
    failed: bool,
}

impl Out {
    fn push(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(256) {
            if self.text.push(chunk).is_err() {
                self.flush();
                let _ = self.text.push(chunk);
            }
        }
    }

    fn flush(&mut self) {
        let bytes = self.text.as_bytes();
        self.failed |= sys::write(self.fd, bytes) != Ok(bytes.len());
        self.text.clear();
    }
}

impl Write for Out {
    fn write_str(&mut self, s: &str) -> core::fmt::Result {
        self.push(s.as_bytes());
        Ok(())
    }
}
