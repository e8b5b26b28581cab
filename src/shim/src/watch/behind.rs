//! Drop-behind: what a scan has brought and passed leaves memory again, so that it pushes nobody else out.
//!
//! What must hold here: only blocks that a scan has brought; the newest of them stay (the window); MADV_PAGEOUT, which
//! leaves alone what another process maps, keeps content whatever lies there by now, and is refused for files of
//! others (their residency can't be known either).

use super::act_on;
use super::blocks::{BLOCK, BLOCK_PAGES, Blocks};
use super::table::{Slot, Watched};
use crate::sys::{self, PAGE};

/// Linux 5.4.
const MADV_PAGEOUT: i32 = 21;
/// Blocks that stay: 8 MiB.
const WINDOW_BLOCKS: u32 = (8 << 20) / BLOCK as u32;
/// Looks that are told apart.
const AGES: usize = 64;

/// Which blocks stay, told by how many looks ago they came.
struct Window {
    /// what is older goes
    oldest: u32,
    /// of those that are just as old, how many are too many
    surplus: u32,
}

impl Window {
    /// Looks after which what came with one look is parted: until then the scan may not have passed all of it.
    const PASSED: u32 = 2;

    fn of(blocks: &mut Blocks, look: u32) -> Window {
        let mut ages = [0u32; AGES];
        for block in blocks.all().iter().filter(|block| block.is_scanned) {
            let age = look.wrapping_sub(block.seen) as usize;
            if let Some(count) = ages.get_mut(age) {
                *count += 1;
            }
        }
        let mut sum = 0;
        let age = ages.iter().position(|count| {
            sum += count;
            sum >= WINDOW_BLOCKS
        });
        match age.map(|age| age as u32) {
            Some(oldest @ Self::PASSED..) => Window { oldest, surplus: sum - WINDOW_BLOCKS },
            Some(oldest) => Window { oldest: oldest.max(1), surplus: 0 },
            None => Window { oldest: u32::MAX, surplus: 0 },
        }
    }
}

/// Whether a look without news would find something to drop.
pub fn is_pending(blocks: &mut Blocks, look: u32) -> bool {
    let window = Window::of(blocks, look.wrapping_add(1));
    let is_old = |seen: u32| look.wrapping_add(1).wrapping_sub(seen) > window.oldest;
    let any_old = blocks.all().iter().any(|block| block.is_scanned && is_old(block.seen));
    // What came with one look is parted by one of the next.
    any_old || Window::of(blocks, look.wrapping_add(Window::PASSED)).surplus > 0
}

/// Drops what has been passed. Returns how many bytes; `dropped` counts blocks.
pub fn drop(blocks: &mut Blocks, slot: &Slot, watched: &Watched, look: u32, dropped: &mut u32) -> u64 {
    let mut window = Window::of(blocks, look);
    let mut bytes = 0;
    for index in 0..blocks.len() {
        let (start, end) = blocks.range(index);
        let pages = (end - start) / PAGE;
        let Some(block) = blocks.all().get_mut(index) else { break };
        let is_whole = u32::from(block.present) * 2 >= BLOCK_PAGES.min(pages as u32);
        let age = look.wrapping_sub(block.seen);
        // Files are mostly read from their beginning to their end: the first ones of a look are those that are passed.
        let is_surplus = age == window.oldest && window.surplus > 0;
        // A block that is hardly there is no reason to look again.
        if block.is_scanned && (is_surplus || is_whole && age > window.oldest) {
            block.is_scanned = false;
            window.surplus -= u32::from(is_surplus);
            if is_whole && page_out(slot, watched, start, end) {
                *dropped = dropped.wrapping_add(1);
                block.dropped = (*dropped).max(1);
                block.present = 0;
                bytes += (end - start) as u64;
            }
        }
    }
    bytes
}

/// Drops all that a scan has brought, and what came with the last look. Returns how many bytes.
pub fn drop_all(blocks: &mut Blocks, slot: &Slot, watched: &Watched, look: u32) -> u64 {
    let mut bytes = 0;
    for index in 0..blocks.len() {
        let (start, end) = blocks.range(index);
        let Some(block) = blocks.all().get_mut(index) else { break };
        if (block.is_scanned || block.seen == look) && !block.is_kept && page_out(slot, watched, start, end) {
            bytes += (end - start) as u64;
        }
    }
    bytes
}

fn page_out(slot: &Slot, watched: &Watched, start: usize, end: usize) -> bool {
    // SAFETY: writes what is dirty back, and content stays.
    let page_out = || unsafe { sys::madvise(start, end - start, MADV_PAGEOUT) };
    matches!(act_on(slot, watched, start, end, page_out), Some(Ok(_)))
}
