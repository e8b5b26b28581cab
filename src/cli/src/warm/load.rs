//! Reads files into the page cache at the device's speed: several chunks in flight, each by readahead(2).
//!
//! What must hold here: readahead copies nothing to us, but the kernel cuts it silently to the readahead window, and
//! it neither waits nor fails: so it is asked in steps of the default window, then the last byte of the chunk is read,
//! which waits, then what mincore still misses is read, which fails if it must. Chunks are handed out in order,
//! with the memory that they may take, so that what is left out is what comes last. Only pages that are missing count.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use indicatif::ProgressBar;

use super::file::{Wanted, shorter};
use super::interrupt::Interrupt;
use super::problems::Problems;
use super::resident::{self, page, pages};

/// Chunks in flight. On one virtio disk 4, 8 and 16 were alike; slow networks like more than few.
const READERS: usize = 8;
/// Bytes that one reader has in flight.
const CHUNK: u64 = 1 << 20;
/// The readahead window that every device has unless somebody made it smaller (VM_READAHEAD_PAGES).
const STEP: u64 = 128 << 10;

/// What came of a file, in bytes.
#[derive(Default)]
pub struct Tally {
    /// were not there, and are now
    pub read: AtomicU64,
    /// were not there, and were not read: no memory for them
    pub left_out: AtomicU64,
    failed: AtomicBool,
}

/// The files, and what they come to.
pub struct Load<'a> {
    files: &'a [Wanted],
    tallies: Vec<Tally>,
    next: Mutex<Next>,
    interrupt: &'a Interrupt,
    problems: &'a Problems,
    bar: &'a ProgressBar,
}

/// Where the readers are.
struct Next {
    /// the next file to open
    index: usize,
    open: Option<Open>,
    /// bytes that may still be read
    budget: u64,
}

struct Open {
    index: usize,
    file: Arc<File>,
    rest: Range<u64>,
}

/// What one reader does next.
struct Chunk {
    index: usize,
    file: Arc<File>,
    range: Range<u64>,
    missing: u64,
}

/// Reads what is missing of all files, at most `budget` bytes.
pub fn load(
    files: &[Wanted],
    budget: u64,
    interrupt: &Interrupt,
    problems: &Problems,
    bar: &ProgressBar,
) -> Vec<Tally> {
    let tallies = files.iter().map(|_| Tally::default()).collect();
    let next = Mutex::new(Next { index: 0, open: None, budget });
    let load = Load { files, tallies, next, interrupt, problems, bar };
    thread::scope(|scope| {
        for _ in 1..READERS {
            scope.spawn(|| load.run());
        }
        load.run();
    });
    load.tallies
}

impl Load<'_> {
    fn run(&self) {
        let mut buffer = vec![0; STEP as usize];
        while let Some(chunk) = self.take() {
            match read(&chunk, &mut buffer) {
                Ok(()) => {
                    self.tallies[chunk.index].read.fetch_add(chunk.missing, Relaxed);
                }
                Err(error) => self.fail(chunk.index, &error),
            }
            self.bar.inc(chunk.range.end - chunk.range.start);
        }
    }

    /// A file fails once, and what is left of it is not tried.
    fn fail(&self, index: usize, error: &io::Error) {
        if !self.tallies[index].failed.swap(true, Relaxed) {
            self.problems.fail(&self.files[index].path, error);
        }
    }

    fn take(&self) -> Option<Chunk> {
        let mut guard = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let next = &mut *guard;
        while self.interrupt.signal().is_none() {
            let Some(open) = next.open.as_mut().filter(|open| !self.tallies[open.index].failed.load(Relaxed)) else {
                next.open = Some(self.open(&mut next.index)?);
                continue;
            };
            if open.rest.is_empty() {
                next.open = None;
                continue;
            }
            let mut range = open.rest.start..open.rest.end.min(open.rest.start + CHUNK);
            let mut missing = missing(&open.file, &range);
            if missing > next.budget {
                let room = next.budget / page() * page();
                if room == 0 {
                    // In order: what comes later is left out too, also if it would fit.
                    next.budget = 0;
                    self.tallies[open.index].left_out.fetch_add(missing, Relaxed);
                    missing = 0;
                } else {
                    range.end = range.start + room;
                    missing = self::missing(&open.file, &range);
                }
            }
            open.rest.start = range.end;
            next.budget -= missing;
            if missing > 0 {
                return Some(Chunk { index: open.index, file: Arc::clone(&open.file), range, missing });
            }
            self.bar.inc(range.end - range.start);
        }
        None
    }

    fn open(&self, index: &mut usize) -> Option<Open> {
        loop {
            let wanted = self.files.get(*index)?;
            *index += 1;
            match wanted.open() {
                Ok(file) => {
                    return Some(Open { index: *index - 1, file: Arc::new(file), rest: wanted.range.clone() });
                }
                Err(error) => self.fail(*index - 1, &error),
            }
        }
    }
}

/// Bytes that are not resident; all of them where that is unknown.
fn missing(file: &File, range: &Range<u64>) -> u64 {
    let resident = resident::resident(file, range).unwrap_or(0);
    (range.end - range.start).min((pages(range).saturating_sub(resident)) * page())
}

fn read(chunk: &Chunk, buffer: &mut [u8]) -> io::Result<()> {
    let Range { start, end } = chunk.range;
    for at in (start..end).step_by(STEP as usize) {
        let step = STEP.min(end - at);
        // SAFETY: takes no memory of ours. What it says is not needed: what did not come is read below.
        unsafe { libc::readahead(chunk.file.as_raw_fd(), at as libc::off64_t, step as usize) };
    }
    read_all(&chunk.file, end - 1..end, buffer)?;
    for missing in resident::missing(&chunk.file, &chunk.range).into_iter().flatten() {
        read_all(&chunk.file, missing, buffer)?;
    }
    Ok(())
}

fn read_all(file: &File, mut range: Range<u64>, buffer: &mut [u8]) -> io::Result<()> {
    while !range.is_empty() {
        let length = buffer.len().min((range.end - range.start) as usize);
        match file.read_at(&mut buffer[..length], range.start) {
            Ok(0) => return Err(shorter()),
            Ok(read) => range.start += read as u64,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_cut_while_it_is_read_fails() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(page()).unwrap();
        let chunk = |end| Chunk { index: 0, file: Arc::new(file.try_clone().unwrap()), range: 0..end, missing: end };
        assert!(read(&chunk(page()), &mut [0; 512]).is_ok());
        let error = read(&chunk(3 * page()), &mut [0; 512]).unwrap_err();
        assert_eq!(error.to_string(), "became shorter meanwhile");
    }
}
