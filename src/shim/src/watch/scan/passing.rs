//! How one file is being read, and what is made of it: what a scan has passed is dropped but for the newest chunks (the
//! window), and a file of which most that comes from disk is never used is turned to random.
//!
//! Under `drop-behind` that holds from the first byte. Under `auto` nothing is done while the files that are watched fit in
//! memory; where they don't, a scan is what has read 16 MiB in order, and advice that turns out to be wrong is taken back.
//!
//! What must hold here: what was in memory when the file was opened is never dropped; nor is what lies around the place
//! where the program reads.

use faultless_core::counters::C;
use faultless_core::page::Outcome;
use faultless_core::reason::Reason;

use super::super::vitals::own_time;
use super::chunks::Chunks;
use super::{drop_chunks, note};
use crate::descriptors::{AUTO, CHUNK, DROP_BEHIND, Loan, Opened, Slot};
use crate::live::Live;
use crate::sys;

/// Chunks that a reader leaves behind it: 8 MiB.
const WINDOW: usize = 4;
/// Chunks that readahead may have brought ahead of a reader.
const AHEAD: u64 = 8;
/// Chunks that one look at the whole file finds to be read; and how many looks after they came: before that they may have been
/// read ahead, and still be to come.
const STRAYS: usize = 64;
const STRAY_AGE: u8 = 4;
/// So much read in order is a scan; so much no longer at random.
const SCAN_BYTES: u64 = 16 << 20;
const IN_ORDER_BYTES: u64 = 1 << 20;
/// Bytes from disk, other than where the descriptor stands, that are worth a look at the whole file.
const STRAY_BYTES: u64 = 4 << 20;
/// The same while it is read in order: as much may be read ahead.
const LEAD_BYTES: u64 = 32 << 20;
/// Pages that came elsewhere, by which it is judged how the file is read: 16 MiB.
const WINDOW_PAGES: u64 = (16 << 20) / sys::PAGE as u64;
/// Bytes from disk for each that is read: beyond that it is not read(2) that brings them.
const MOST_WASTE: u64 = 64;
/// A look at the whole file comes after so many times what the last one took.
const COUNT_SHARE: u64 = 40;
/// Chunks that were dropped and came again: so many are a sign that dropping was wrong.
const REGRETS: u32 = 8;
/// How long what turned out wrong is not tried again (ns): doubled each time.
const LOCKOUT_NS: u64 = 5_000_000_000;
const LONGEST_LOCKOUT_NS: u64 = 600_000_000_000;

/// How a file is being read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// as the kernel has it
    Left,
    /// POSIX_FADV_RANDOM
    Random,
    /// dropped behind
    Scan,
}

/// What happened since the last look.
pub struct News {
    /// where the next read(2) goes on
    pub position: u64,
    /// bytes that the process has read
    pub read: u64,
    /// bytes that it has read from disk
    pub from_disk: u64,
    /// the program is about to close it
    pub is_last: bool,
}

/// What a look needs.
pub struct How<'a> {
    /// the right to act
    pub live: &'a Live<'a>,
    /// where the file is in the table
    pub slot: &'a Slot,
    /// what is there
    pub opened: &'a Opened,
    /// bytes that memory has for files, where those that are watched don't fit
    pub room: Option<u64>,
    /// CLOCK_MONOTONIC in ns
    pub at: u64,
}

/// What is known.
pub struct Passing {
    wants: u32,
    mode: Mode,
    chunks: Option<Chunks>,
    position: u64,
    /// bytes read in order since the last seek
    in_order: u64,
    /// bytes read, and from disk, that the position does not account for
    stray: (u64, u64),
    next_count: u64,
    /// since the last judgement: pages that came elsewhere, bytes read, and from disk
    strayed: (u64, u64, u64),
    /// the newest chunks that were read, as index + 1, and where the next one goes
    window: [u32; WINDOW],
    next: usize,
    /// chunks dropped so far, passed since the last turn, and of these, those that had been dropped before
    dropped: u32,
    passed: u32,
    regretted: u32,
    locked_out: u64,
    lockout: u64,
}

/// Chunks side by side that are to be dropped.
#[derive(Default)]
struct Run {
    first: u64,
    count: u64,
}

impl Passing {
    /// Nothing to watch.
    pub const fn new() -> Passing {
        Passing {
            wants: 0,
            mode: Mode::Left,
            chunks: None,
            position: 0,
            in_order: 0,
            stray: (0, 0),
            next_count: 0,
            strayed: (0, 0, 0),
            window: [0; WINDOW],
            next: 0,
            dropped: 0,
            passed: 0,
            regretted: 0,
            locked_out: 0,
            lockout: LOCKOUT_NS,
        }
    }

    /// What the rule wants for the file.
    pub fn begin(opened: &Opened) -> Passing {
        let mode = if opened.wants & DROP_BEHIND != 0 { Mode::Scan } else { Mode::Left };
        Passing { wants: opened.wants & (DROP_BEHIND | AUTO), mode, ..Passing::new() }
    }

    /// Whether anything is watched.
    pub fn is_wanted(&self) -> bool {
        self.wants != 0
    }

    /// What was known is forgotten, and nothing is watched any more.
    pub fn clear(&mut self) {
        if let Some(chunks) = self.chunks.take() {
            chunks.unmap();
        }
        *self = Passing::new();
    }

    /// Whether so much was read elsewhere; what a mapping of the file brings is none of that.
    fn has_strayed(&self, read: u64, from_disk: u64) -> bool {
        let (read, from_disk) = (self.stray.0 + read, self.stray.1 + from_disk);
        let is_enough = from_disk >= if self.in_order == 0 { STRAY_BYTES } else { LEAD_BYTES };
        is_enough && read >= from_disk / MOST_WASTE
    }

    fn is_fixed(&self) -> bool {
        self.wants & DROP_BEHIND != 0
    }

    /// Whether the file itself has to be looked at.
    pub fn has_work(&mut self, news: &News, room: Option<u64>) -> bool {
        if room.is_none() && !self.is_fixed() && self.mode == Mode::Left {
            self.position = news.position;
            return false;
        }
        // What of the file was in memory at its beginning is known from its opening; the rest is looked at with the first read.
        let is_idle = (room.is_some() || self.is_fixed()) && news.position == self.position;
        let has_begun = self.chunks.is_some() || news.position != 0;
        news.is_last && has_begun || !is_idle || self.has_strayed(news.read, news.from_disk)
    }

    /// One look. The error says why there can be no further one.
    pub fn look(&mut self, how: &mut How<'_>, file: &Loan<'_>, news: &News) -> Result<(), Reason> {
        let Some(room) = how.room.or(self.is_fixed().then_some(0)) else {
            self.turn(how, file, Mode::Left, Reason::TurnedBack); // there is room for all of it by now
            return Ok(());
        };
        if self.chunks.is_none() {
            let (chunks, all_stay) = Chunks::of_file(file, how.opened)?;
            if all_stay {
                note(how.live, how.opened, Outcome::Partly, Reason::WasThere);
            }
            self.chunks = Some(chunks);
        }
        let room_chunks = (room / CHUNK) as u32;
        let from = core::mem::replace(&mut self.position, news.position);
        let moved = news.position.wrapping_sub(from);
        let is_in_order = news.position >= from && moved <= news.read + CHUNK;
        let accounted = if is_in_order { moved } else { 0 };
        self.stray.0 = (self.stray.0 + news.read).saturating_sub(accounted);
        self.stray.1 = (self.stray.1 + news.from_disk).saturating_sub(accounted);
        self.in_order = if is_in_order { self.in_order + moved } else { 0 };
        let mut run = Run::default();
        if is_in_order && self.mode == Mode::Scan {
            // What comes from memory was no mistake to drop.
            let room = if news.from_disk * 2 >= moved { room_chunks } else { 0 };
            self.pass(how, file, &mut run, from, room);
        }
        let is_due = self.has_strayed(0, 0) && how.at >= self.next_count;
        let is_last = news.is_last && self.mode == Mode::Scan;
        if is_due || is_last && (self.stray.1 != 0 || self.next_count != 0) {
            self.count(how, file, &mut run, room_chunks, is_last)?;
        }
        self.judge_order(how, file, &mut run, room_chunks);
        if news.is_last && self.mode == Mode::Scan {
            self.drop_the_rest(how, file, &mut run);
        }
        run.flush(how.live, file);
        how.slot.say_wants_last(self.position != 0 || self.next_count != 0);
        Ok(())
    }

    /// The program is about to close the file: what is left of the scan goes, and what readahead has brought beyond it.
    fn drop_the_rest(&mut self, how: &How<'_>, file: &Loan<'_>, run: &mut Run) {
        let front = self.position / CHUNK;
        let Some(chunks) = &mut self.chunks else { return };
        for _ in 0..WINDOW {
            let oldest = core::mem::take(self.window.get_mut(self.next).unwrap_or(&mut 0));
            self.next = (self.next + 1) % WINDOW;
            if let Some(index) = u64::from(oldest).checked_sub(1) {
                run.add(how.live, file, index);
            }
        }
        let is_read = self.position != 0;
        for index in front..front + if is_read { AHEAD } else { 0 } {
            if chunks.get(index).is_some_and(|chunk| !chunk.stays) {
                run.add(how.live, file, index);
            }
        }
    }

    /// The program has read from `from` to where it is now.
    fn pass(&mut self, how: &How<'_>, file: &Loan<'_>, run: &mut Run, from: u64, room: u32) {
        let size = how.opened.size;
        let end = if self.position >= size { size.div_ceil(CHUNK) } else { self.position / CHUNK };
        for index in from / CHUNK..end {
            self.push(how, file, run, index, room);
        }
    }

    /// A chunk that was read becomes the newest of the window; the oldest is dropped.
    fn push(&mut self, how: &How<'_>, file: &Loan<'_>, run: &mut Run, index: u64, room: u32) {
        let front = self.position / CHUNK;
        let Some(chunks) = &mut self.chunks else { return };
        let Some(chunk) = chunks.get(index).filter(|chunk| !chunk.stays && !chunk.is_new) else { return };
        self.passed = self.passed.saturating_add(1);
        if chunk.dropped != 0 && self.dropped.wrapping_sub(chunk.dropped) < room {
            self.regretted += 1;
        }
        chunk.dropped = 0;
        chunk.is_new = true;
        let Some(place) = self.window.get_mut(self.next) else { return };
        self.next = (self.next + 1) % WINDOW;
        let Some(oldest) = u64::from(core::mem::replace(place, index as u32 + 1)).checked_sub(1) else { return };
        let Some(chunk) = chunks.get(oldest) else { return };
        chunk.is_new = false;
        if (front..front + AHEAD).contains(&oldest) {
            return; // the program has come back to it
        }
        self.dropped = self.dropped.wrapping_add(1);
        chunk.dropped = self.dropped.max(1);
        (chunk.pages, chunk.age) = (0, 0);
        run.add(how.live, file, oldest);
    }

    /// Looks at the whole file: what has come elsewhere than where the descriptor stands (pread(2), copy_file_range(2)).
    fn count(
        &mut self,
        how: &mut How<'_>,
        file: &Loan<'_>,
        run: &mut Run,
        room: u32,
        is_last: bool,
    ) -> Result<(), Reason> {
        let front = self.position / CHUNK;
        let near = if self.in_order != 0 && !is_last { front..front + 4 * AHEAD } else { 0..0 };
        let age = if is_last { 0 } else { STRAY_AGE };
        let mut there = [0u64; STRAYS];
        let mut some = 0;
        let Some(chunks) = &mut self.chunks else { return Ok(()) };
        let began = own_time();
        let counted = chunks.count(file, |index, chunk| {
            if chunk.age < age || near.contains(&index) || chunk.stays || chunk.is_new {
                return;
            }
            if is_last {
                (chunk.pages, chunk.age) = (0, 0);
                run.add(how.live, file, index);
            } else if let Some(place) = there.get_mut(some) {
                *place = index;
                some += 1;
            }
        });
        let Ok(came) = counted else { return Err(Reason::Unknown) };
        self.next_count = how.at + (own_time() - began) * COUNT_SHARE;
        let (read, from_disk) = core::mem::take(&mut self.stray);
        self.strayed = (self.strayed.0 + came, self.strayed.1 + read, self.strayed.2 + from_disk);
        if self.mode == Mode::Scan {
            for index in there.iter().take(some) {
                self.push(how, file, run, *index, room);
            }
        }
        self.judge_strays(how, file);
        Ok(())
    }

    /// What the position says of a file under `auto`.
    fn judge_order(&mut self, how: &How<'_>, file: &Loan<'_>, run: &mut Run, room: u32) {
        if self.is_fixed() {
            return;
        }
        match self.mode {
            Mode::Left if self.in_order >= SCAN_BYTES && how.at >= self.locked_out => {
                self.turn(how, file, Mode::Scan, Reason::Scanned);
                let from = self.position.saturating_sub(self.in_order);
                self.pass(how, file, run, from, room);
            }
            Mode::Random if self.in_order >= IN_ORDER_BYTES => self.turn(how, file, Mode::Left, Reason::TurnedBack),
            Mode::Scan if self.regretted >= REGRETS && self.regretted * 8 > self.passed => {
                self.lock_out(how.at);
                self.turn(how, file, Mode::Left, Reason::TurnedBack);
            }
            _ => {}
        }
    }

    /// What looks at the whole file say of one under `auto`.
    fn judge_strays(&mut self, how: &How<'_>, file: &Loan<'_>) {
        let (pages, read, from_disk) = self.strayed;
        if self.is_fixed() || pages < WINDOW_PAGES {
            return;
        }
        self.strayed = (0, 0, 0);
        let dense = self.chunks.as_mut().map_or(0, Chunks::dense_pages);
        let is_dense = dense * 10 >= pages * 6;
        let is_spread = dense * 10 <= pages * 3;
        match self.mode {
            Mode::Left if is_dense && how.at >= self.locked_out => self.turn(how, file, Mode::Scan, Reason::Scanned),
            Mode::Left if is_spread && from_disk >= read * 2 && !how.slot.is_advised() => {
                self.turn(how, file, Mode::Random, Reason::TurnedRandom);
            }
            Mode::Random if is_dense => self.turn(how, file, Mode::Left, Reason::TurnedBack),
            Mode::Scan if is_spread => self.turn(how, file, Mode::Left, Reason::TurnedBack),
            _ => {}
        }
    }

    fn lock_out(&mut self, now: u64) {
        self.locked_out = now + self.lockout;
        self.lockout = (self.lockout * 2).min(LONGEST_LOCKOUT_NS);
    }

    fn turn(&mut self, how: &How<'_>, file: &Loan<'_>, mode: Mode, why: Reason) {
        let advice = match (self.mode, mode) {
            (_, Mode::Random) => Some(libc::POSIX_FADV_RANDOM),
            (Mode::Random, _) if !how.slot.is_advised() => Some(libc::POSIX_FADV_NORMAL),
            _ => None,
        };
        if advice.is_some_and(|advice| file.call(|fd| sys::fadvise(fd, 0, 0, advice)).is_err()) {
            return;
        }
        (self.mode, self.passed, self.regretted) = (mode, 0, 0);
        how.live.page.add(
            match why {
                Reason::TurnedRandom => C::AutoRandom,
                Reason::Scanned => C::AutoScan,
                _ => C::AutoBack,
            },
            1,
        );
        note(how.live, how.opened, Outcome::Applied, why);
    }
}

impl Run {
    fn add(&mut self, live: &Live<'_>, file: &Loan<'_>, chunk: u64) {
        if self.count != 0 && chunk == self.first + self.count {
            self.count += 1;
            return;
        }
        self.flush(live, file);
        (self.first, self.count) = (chunk, 1);
    }

    fn flush(&mut self, live: &Live<'_>, file: &Loan<'_>) {
        let count = core::mem::take(&mut self.count);
        if count != 0 {
            drop_chunks(live, file, self.first, count);
        }
    }
}
