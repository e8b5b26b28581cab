//! Which pieces, of all mappings that are watched, should be locked: the hottest that a budget holds.
//!
//! What must hold here: what is chosen stays chosen until it is clearly cooler than what comes in its place; nothing is
//! chosen of which too little is known. Whether the chosen are worth a lock is judged by samples that were taken after they
//! were chosen: of pieces that are all alike, the luckiest always look hotter than the rest.

use super::picture::{Picture, Piece, WANTED};

/// Heat from which on a piece may be chosen, and from which on one that is stays so.
#[derive(Clone, Copy)]
pub struct Bar {
    enter: u8,
    stay: u8,
}

impl Bar {
    /// Three samples in use one after the other, or nearly so: two come by chance among thousands of pieces.
    pub const LOW: Bar = Bar { enter: 160, stay: 88 };

    /// `rest` of 1024 samples of pieces that are not chosen were in use. The more that are, the more in a row it takes until
    /// fewer than a handful of a thousand such pieces come to it by chance: so many samples from nothing lead to this heat.
    /// Where the thread waits for a busy processor, its samples wait longer than they should, and half of what is cold looks
    /// used.
    fn over(rest: u32) -> Bar {
        match rest {
            ..=170 => Bar::LOW,
            171..=256 => Bar { enter: 204, stay: 116 }, // four
            257..=338 => Bar { enter: 221, stay: 134 }, // five
            339..=410 => Bar { enter: 232, stay: 148 },
            411..=470 => Bar { enter: 240, stay: 158 },
            _ => Bar { enter: 245, stay: 168 },
        }
    }
}

/// Ranks, each of so much heat.
const STEP: usize = 8;
const RANKS: usize = (255 - Bar::LOW.stay as usize) / STEP + 1;
/// Samples of the chosen before they are judged; and before they are found to be like the rest, which locks nothing and is
/// taken back as soon as more of them say otherwise. Where nothing is hot, each sweep finds a piece or two hot by luck, and
/// it would take long until as many as for a lock are together.
const LEAST: u32 = 16;
const LEAST_AGAINST: u32 = 6;
/// Samples of the rest before it is judged how many of them are in use.
const LEAST_FOR_A_BAR: u32 = 64;
/// So many of a side, and older ones count half.
const MOST: u32 = 1 << 20;
/// How many times as often as the rest the chosen must be used to be worth a lock, and to stay so, in halves.
const BEGIN_HALVES: u64 = 6;
const STAY_HALVES: u64 = 3;

/// Whether a piece is hot enough to be chosen, or to stay so.
pub fn is_hot(piece: &Piece, bar: Bar) -> bool {
    rank(piece, bar).is_some()
}

fn rank(piece: &Piece, bar: Bar) -> Option<usize> {
    let least = if piece.is(WANTED) { bar.stay } else { bar.enter };
    (piece.is_known() && piece.heat >= least).then(|| usize::from(piece.heat - least) / STEP)
}

/// What a choice came to.
pub struct Chosen {
    /// bytes
    pub bytes: u64,
    /// bytes that were hot enough
    pub hot: u64,
    /// pieces for which it has changed
    pub changes: u32,
}

/// Marks the chosen of these pictures as [`WANTED`], up to `capacity` bytes.
fn choose(pictures: &mut [Picture], capacity: u64, bar: Bar, of: impl Fn(&Picture) -> bool) -> Chosen {
    let mut bytes = [0u64; RANKS];
    for picture in pictures.iter_mut().filter(|picture| of(picture)) {
        let size = picture.size() as u64;
        for rank in picture.pieces().iter().filter_map(|piece| rank(piece, bar)) {
            if let Some(sum) = bytes.get_mut(rank) {
                *sum += size;
            }
        }
    }
    let hot = bytes.iter().sum();
    // Of the rank that does not fit whole, so much does.
    let (mut cut, mut left) = (0, capacity);
    for (rank, sum) in bytes.iter().enumerate().rev() {
        cut = rank;
        if *sum > left {
            break;
        }
        left -= sum;
        if rank == 0 {
            left = u64::MAX; // all of them fit
        }
    }
    let mut chosen = Chosen { bytes: 0, hot, changes: 0 };
    // Who is chosen already comes first.
    for was in [true, false] {
        for picture in pictures.iter_mut().filter(|picture| of(picture)) {
            let size = picture.size() as u64;
            for piece in picture.pieces().iter_mut().filter(|piece| piece.is(WANTED) == was) {
                let is = match rank(piece, bar) {
                    Some(rank) if rank > cut => true,
                    Some(rank) if rank == cut && left >= size => {
                        left -= size;
                        true
                    }
                    _ => false,
                };
                if is {
                    chosen.bytes += size;
                }
                // Who is dropped in the first round is too cool for the second one, where it has no bonus.
                if is != was {
                    chosen.changes += 1;
                    piece.flags ^= WANTED;
                    piece.tries = if is { Piece::KNOWN } else { piece.tries };
                }
            }
        }
    }
    chosen
}

/// Samples of the chosen and of the rest since something could last be said of them. Few may be chosen, where hardly
/// anything is hot or nothing: then it takes some sweeps.
#[derive(Clone, Copy)]
pub struct Tally {
    chosen: (u32, u32),
    rest: (u32, u32),
    /// some were taken in this sweep
    is_fresh: bool,
}

/// What samples say of the chosen.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// too few samples
    Open,
    /// worth a lock
    Hot,
    /// not clearly more used than the rest
    Alike,
}

/// How many of the samples of the chosen were in use.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Clarity {
    /// all but a few: a shorter wait would tell more
    Certain,
    /// what lies between, or too few samples
    Fair,
    /// more often than of the rest, but so many were not that what is hot looks cool by chance, is let go, and locked again
    Faint,
}

impl Chosen {
    fn and(self, other: Chosen) -> Chosen {
        Chosen { bytes: self.bytes + other.bytes, hot: self.hot + other.hot, changes: self.changes + other.changes }
    }
}

/// Marks the chosen of all, up to so many bytes: of files, and of all together. What is mapped of files makes way for anonymous
/// memory where they may not have as much.
pub fn choose_of_all(pictures: &mut [Picture], (files, all): (u64, u64), bar: Bar) -> Chosen {
    if files == all {
        return choose(pictures, all, bar, |_| true);
    }
    let anonymous = choose(pictures, all, bar, |picture| picture.is_anonymous);
    let left = all - anonymous.bytes.min(all);
    anonymous.and(choose(pictures, files.min(left), bar, |picture| !picture.is_anonymous))
}

impl Tally {
    /// None yet.
    pub const NONE: Tally = Tally { chosen: (0, 0), rest: (0, 0), is_fresh: false };

    /// Takes a sample in.
    pub fn add(&mut self, is_chosen: bool, is_used: bool) {
        let side = if is_chosen { &mut self.chosen } else { &mut self.rest };
        if side.1 >= MOST {
            *side = (side.0 / 2, side.1 / 2);
        }
        side.0 += u32::from(is_used);
        side.1 += 1;
        self.is_fresh = true;
    }

    /// Whether there are any of this sweep.
    pub fn has_news(&self) -> bool {
        self.is_fresh
    }

    /// A sweep is over: what nothing can be said of yet stays for the next.
    pub fn next_sweep(&mut self, stays: bool) {
        *self = if stays { Tally { is_fresh: false, ..*self } } else { Tally::NONE };
    }

    /// Of the samples of the chosen, were most not in use?
    pub fn has_cooled(&self) -> bool {
        self.is_sure() && self.chosen.0 * 2 < self.chosen.1
    }

    /// What it takes to be chosen, beside so much of the rest in use. None: too few samples.
    pub fn bar(&self) -> Option<Bar> {
        (self.rest.1 >= LEAST_FOR_A_BAR)
            .then(|| Bar::over((u64::from(self.rest.0) * 1024 / u64::from(self.rest.1)) as u32))
    }

    /// How clearly the chosen show.
    pub fn clarity(&self) -> Clarity {
        match self.is_sure() {
            true if self.chosen.0 * 64 >= self.chosen.1 * 63 => Clarity::Certain,
            true if self.chosen.0 * 16 < self.chosen.1 * 13 && self.verdict(true) == Verdict::Hot => Clarity::Faint,
            _ => Clarity::Fair,
        }
    }

    /// Were there as many as it takes to lock?
    pub fn is_sure(&self) -> bool {
        self.chosen.1 >= LEAST
    }

    /// `stays`: they are worth it already.
    pub fn verdict(&self, stays: bool) -> Verdict {
        let (least, enough) = if stays { (STAY_HALVES, LEAST) } else { (BEGIN_HALVES, LEAST_AGAINST) };
        let is_hot = pace(self.chosen) * 2 >= pace(self.rest) * least;
        match is_hot {
            true if self.is_sure() => Verdict::Hot,
            false if self.chosen.1 >= enough => Verdict::Alike,
            _ => Verdict::Open,
        }
    }
}

/// How often a block is used, from how many of the samples were: -ln(1 - hits / tries), in 1/1024. With x = hits / misses,
/// that is ln(1 + x), for which x (6 + x) / (6 + 4 x) is near enough.
fn pace((hits, tries): (u32, u32)) -> u64 {
    let (hits, misses) = (u64::from(hits), u64::from(tries - hits));
    // Half a miss more, or nothing could be said where there was none.
    let x = hits * 2048 / (misses * 2 + 1);
    x * (6 * 1024 + x) / (6 * 1024 + 4 * x)
}
