//! Blocks that glibc maps one by one, and the size from which it does.
//!
//! glibc raises that size whenever such a block is freed, so that the next one comes from a heap. It stops doing so once
//! mallopt has set anything, so we do it in its place: a block at an address that another had before means that this one was
//! freed. All blocks this large take the slow path.
//!
//! What must hold here: never a size that glibc would not have come to alone; a fixed, larger one would have sparse
//! blocks in the heap, which calloc must then fill, and which stays as large as the last of them.

use core::sync::atomic::{AtomicUsize, Ordering::*};

use super::{Chunk, tuning};
use crate::sys::PAGE;

/// Addresses that are remembered.
const PLACES: usize = 1024;

static SEEN: [AtomicUsize; PLACES] = [const { AtomicUsize::new(0) }; PLACES];

/// Notes a block that glibc has mapped.
pub fn note(chunk: &Chunk) {
    let Some(place) = SEEN.get(chunk.start / PAGE % PLACES) else { return };
    if place.load(Relaxed) == chunk.start {
        tuning::learn(chunk.size());
    } else {
        place.store(chunk.start, Relaxed);
    }
}
