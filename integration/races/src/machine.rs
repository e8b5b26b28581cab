//! The machine under the atomics: memory, a store buffer for each thread as x86 has one (TSO), and one fault put into the code
//! if asked for.
//!
//! What must hold here: before each operation any other thread may run; a store that is not SeqCst is seen by the others at
//! some later time, in the order of the thread's stores, and by the thread itself at once; what locks the bus (any
//! read-modify-write, a SeqCst store, a SeqCst fence) and a system call come after all of that. What changes in a run is put
//! back before the next, so that the code's own statics can be used. Not modelled: what a weaker machine (arm) or the
//! compiler may reorder beyond that; what is not atomic.

use std::collections::{HashMap, HashSet, VecDeque};
use std::panic::Location;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use shuttle::rand::Rng;

/// Where a value lies, and how many bytes it has.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place {
    pub address: usize,
    pub bytes: usize,
}

impl Place {
    fn get(self) -> u64 {
        // SAFETY: made of a reference to an atomic of so many bytes, in a static or in a mapping that lives as long as the run.
        unsafe {
            match self.bytes {
                1 => u64::from((*(self.address as *const AtomicU8)).load(Ordering::SeqCst)),
                4 => u64::from((*(self.address as *const AtomicU32)).load(Ordering::SeqCst)),
                _ => (*(self.address as *const AtomicU64)).load(Ordering::SeqCst),
            }
        }
    }

    fn set(self, value: u64) {
        // SAFETY: as above.
        unsafe {
            match self.bytes {
                1 => (*(self.address as *const AtomicU8)).store(value as u8, Ordering::SeqCst),
                4 => (*(self.address as *const AtomicU32)).store(value as u32, Ordering::SeqCst),
                _ => (*(self.address as *const AtomicU64)).store(value, Ordering::SeqCst),
            }
        }
    }
}

/// What is done to one operation of the code, to show that the model would find it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// it is not done; a read-modify-write says that it was
    Left,
    /// a read-modify-write is a load and a store
    Split,
    /// a store or a fence is not SeqCst
    Weak,
    /// a load finds this
    Reads(u64),
}

/// A fault: the operation on the line of a file of the library in which `text`, which is there once, ends.
#[derive(Clone, Copy, Debug)]
pub struct Mutation {
    pub file: &'static str,
    pub text: &'static str,
    pub how: How,
}

#[derive(Default)]
struct Machine {
    buffers: HashMap<usize, VecDeque<(Place, u64)>>,
    /// what was there before the run
    before: Vec<(Place, u64)>,
    changed: HashSet<Place>,
    mutation: Option<(&'static str, u32, How)>,
    /// the operation was come by
    is_reached: bool,
    /// what was done in this run: by whom, from where, and what was found or left there
    done: Vec<(usize, &'static str, u32, &'static str, u64)>,
}

static MACHINE: Mutex<Option<Machine>> = Mutex::new(None);
/// Loading it does nothing but let others run.
static POINT: shuttle::sync::atomic::AtomicBool = shuttle::sync::atomic::AtomicBool::new(false);
/// A store is seen by others after so many steps of its thread, on average.
const DELAY: u32 = 12;
/// A run is on.
static IS_ON: AtomicBool = AtomicBool::new(false);

struct Held(MutexGuard<'static, Option<Machine>>);

impl Held {
    fn get(&mut self) -> &mut Machine {
        self.0.get_or_insert_default()
    }
}

/// Never held while another thread may run.
fn machine() -> Held {
    Held(MACHINE.lock().unwrap_or_else(PoisonError::into_inner))
}

/// The calling thread.
pub fn us() -> usize {
    usize::from(shuttle::current::me())
}

impl Machine {
    fn write(&mut self, place: Place, value: u64) {
        if self.changed.insert(place) {
            self.before.push((place, place.get()));
        }
        place.set(value);
    }

    fn drain(&mut self, thread: usize) {
        while self.drain_one(thread) {}
    }

    fn drain_one(&mut self, thread: usize) -> bool {
        let oldest = self.buffers.get_mut(&thread).and_then(VecDeque::pop_front);
        oldest.inspect(|(place, value)| self.write(*place, *value)).is_some()
    }

    /// What the thread finds there.
    fn read(&self, thread: usize, place: Place) -> u64 {
        let own = self.buffers.get(&thread).and_then(|buffer| buffer.iter().rev().find(|(at, _)| *at == place));
        own.map_or_else(|| place.get(), |(_, value)| *value)
    }

    fn note(&mut self, site: &Location<'static>, what: &'static str, value: u64) {
        self.done.push((us(), site.file(), site.line(), what, value));
    }

    fn fault(&mut self, site: &Location<'_>) -> Option<How> {
        let (file, line, how) = self.mutation?;
        let is_it = site.line() == line && site.file().ends_with(file);
        self.is_reached |= is_it;
        is_it.then_some(how)
    }
}

/// Everything as it was before the last run.
pub fn begin() {
    let mut held = machine();
    let machine = held.get();
    for (place, value) in machine.before.drain(..).rev() {
        place.set(value);
    }
    machine.changed.clear();
    machine.buffers.clear();
    machine.done.clear();
    IS_ON.store(true, Ordering::SeqCst);
}

/// From here on the code has the fault, or none.
///
/// # Panics
/// If it is not there exactly once.
pub fn mutate(mutation: Option<&Mutation>) {
    let resolved = mutation.map(|mutation| {
        let path = format!("{}/../../src/shim/src/{}", env!("CARGO_MANIFEST_DIR"), mutation.file);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
        let found: Vec<_> = text.match_indices(mutation.text).collect();
        assert_eq!(found.len(), 1, "{path}: {}", mutation.text);
        let line = text[..found[0].0 + mutation.text.len()].lines().count() as u32;
        (mutation.file, line, mutation.how)
    });
    let mut held = machine();
    (held.get().mutation, held.get().is_reached) = (resolved, false);
}

/// Whether the faulty operation was come by.
pub fn is_reached() -> bool {
    machine().get().is_reached
}

/// The last steps of the run, a line each.
pub fn last_steps(most: usize) -> String {
    let mut held = machine();
    let done = &mut held.get().done;
    done.dedup(); // a table is looked through
    let last = done.iter().skip(done.len().saturating_sub(most));
    let line = |(thread, file, line, what, value): &(usize, &str, u32, &str, u64)| {
        format!("thread {thread} {}:{line} {what} {value:#x}\n", file.rsplit("src/").next().unwrap_or(file))
    };
    last.map(line).collect()
}

/// Any other thread may run here, and a store of ours may become known.
pub fn step() {
    if !IS_ON.load(Ordering::Relaxed) {
        return;
    }
    POINT.load(Ordering::SeqCst);
    let us = us();
    let has_some = machine().get().buffers.get(&us).is_some_and(|buffer| !buffer.is_empty());
    if has_some && shuttle::rand::thread_rng().gen_ratio(1, DELAY) {
        machine().get().drain_one(us);
    }
}

/// A system call, or something else that the program does, for those who read what was done.
#[track_caller]
pub fn note(what: &'static str, value: usize) {
    machine().get().note(Location::caller(), what, value as u64);
}

/// All stores of this thread are known from here on.
pub fn barrier() {
    step();
    machine().get().drain(us());
}

/// The thread waits for another, and would look again and again.
pub fn pause() {
    barrier();
    shuttle::thread::yield_now();
}

pub fn load(place: Place, site: &Location<'static>) -> u64 {
    step();
    let mut held = machine();
    let value = match held.get().fault(site) {
        Some(How::Reads(value)) => value,
        _ => held.get().read(us(), place),
    };
    held.get().note(site, "load", value);
    value
}

pub fn store(place: Place, value: u64, order: Ordering, site: &Location<'static>) {
    step();
    let us = us();
    let mut held = machine();
    let machine = held.get();
    let how = machine.fault(site);
    if how == Some(How::Left) {
        return;
    }
    machine.note(site, "store", value);
    machine.buffers.entry(us).or_default().push_back((place, value));
    if order == Ordering::SeqCst && how != Some(How::Weak) {
        machine.drain(us);
    }
}

/// A read-modify-write. What `change` makes of what is there, or the error with what is there, if it wants no change.
pub fn update(place: Place, site: &Location<'static>, mut change: impl FnMut(u64) -> Option<u64>) -> Result<u64, u64> {
    barrier();
    let how = machine().get().fault(site);
    let before = place.get();
    let Some(after) = change(before) else { return Err(before) };
    match how {
        Some(How::Left) => return Ok(before),
        Some(How::Split) => step(),
        _ => {}
    }
    let mut held = machine();
    held.get().note(site, "change", after);
    held.get().write(place, after);
    Ok(before)
}

pub fn fence(order: Ordering, site: &Location<'static>) {
    step();
    let mut held = machine();
    if order == Ordering::SeqCst && held.get().fault(site).is_none() {
        held.get().drain(us());
    }
}
