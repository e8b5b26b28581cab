//! In which order pages are touched.
//!
//! What must hold here: judged by faults alone, so what is resident is not seen; few faults have no pattern.

/// Fewer faults than this say nothing.
const FEW: u64 = 16;
/// The kernel maps up to so many pages of a file around a fault.
const AROUND: i64 = 16;
/// Pages of a huge page.
const HUGE: i64 = 512;

/// The last fault of a thread in a region.
#[derive(Clone, Copy, Debug)]
pub struct Track {
    page: u64,
    step: i64,
}

impl Track {
    /// At this page.
    pub fn at(page: u64) -> Track {
        Track { page, step: 0 }
    }
}

/// How each fault followed upon the one before it.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct Steps {
    /// all of them
    pub faults: u64,
    /// to the next page, up or down
    pub next: u64,
    /// as far as the one before
    pub stride: u64,
    /// elsewhere
    pub jumps: u64,
    /// to a page that had been had before
    pub again: u64,
}

/// What they come to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pattern {
    /// too few faults
    Few,
    /// pages that were given back, or dropped, come again
    Reuse,
    /// one after the other
    Sequential,
    /// at equal distances
    Strided,
    /// in no order
    Random,
    /// some of each
    Mixed,
}

impl Pattern {
    /// In a column.
    pub fn name(self) -> &'static str {
        match self {
            Pattern::Few => "few",
            Pattern::Reuse => "reuse",
            Pattern::Sequential => "sequential",
            Pattern::Strided => "strided",
            Pattern::Random => "random",
            Pattern::Mixed => "mixed",
        }
    }
}

impl Steps {
    /// One more fault of a thread in a region; `again` if the page had been had before.
    pub fn add(&mut self, track: &mut Track, page: u64, is_file: bool, again: bool) {
        let step = page.wrapping_sub(track.page) as i64;
        self.faults += 1;
        // A page that was read and is then written comes twice in a row; that is no reuse.
        self.again += u64::from(again && step != 0);
        let near = if is_file { AROUND } else { 1 };
        match step {
            0 => {}
            _ if step.abs() <= near || step.abs() == HUGE && track.step.abs() == HUGE => self.next += 1,
            _ if step == track.step => self.stride += 1,
            _ => self.jumps += 1,
        }
        *track = Track { page, step };
    }

    /// Whether a good part comes again.
    pub fn is_reused(&self) -> bool {
        self.faults >= FEW && self.again * 10 >= self.faults * 3
    }

    /// The order alone.
    pub fn order(&self) -> Pattern {
        let steps = self.next + self.stride + self.jumps;
        let most = |n: u64| n * 10 >= steps * 7;
        match () {
            () if self.faults < FEW || steps == 0 => Pattern::Few,
            () if most(self.next) => Pattern::Sequential,
            () if most(self.stride) => Pattern::Strided,
            () if most(self.jumps) => Pattern::Random,
            () => Pattern::Mixed,
        }
    }

    /// What they come to; reuse counts more than order.
    pub fn pattern(&self) -> Pattern {
        if self.is_reused() { Pattern::Reuse } else { self.order() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(pages: impl Iterator<Item = u64>, is_file: bool) -> Steps {
        let (mut steps, mut track) = (Steps::default(), Track::at(0));
        pages.for_each(|page| steps.add(&mut track, page, is_file, false));
        steps
    }

    #[test]
    fn pages_one_after_the_other_are_sequential_upwards_and_downwards() {
        assert_eq!(steps(100..200, false).pattern(), Pattern::Sequential);
        assert_eq!(steps((100..200).rev(), false).pattern(), Pattern::Sequential);
    }

    #[test]
    fn a_file_read_in_order_faults_every_16_pages() {
        assert_eq!(steps((0..100).map(|i| i * 16), true).pattern(), Pattern::Sequential);
        assert_eq!(steps((0..100).map(|i| i * 16), false).pattern(), Pattern::Strided);
    }

    #[test]
    fn huge_pages_in_order_are_sequential() {
        assert_eq!(steps((0..100).map(|i| i * 512), false).pattern(), Pattern::Sequential);
    }

    #[test]
    fn pages_in_no_order_are_random() {
        let pages = (1..200u64).map(|i| (i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) + 1000);
        assert_eq!(steps(pages, true).pattern(), Pattern::Random);
    }

    #[test]
    fn few_faults_have_no_pattern() {
        assert_eq!(steps(0..10, false).pattern(), Pattern::Few);
    }

    #[test]
    fn pages_that_come_again_are_reuse_but_for_a_write_after_a_read() {
        let (mut twice, mut track) = (Steps::default(), Track::at(0));
        for round in 0..2 {
            (100..200).for_each(|page| twice.add(&mut track, page, false, round == 1));
        }
        assert_eq!(twice.pattern(), Pattern::Reuse);
        let (mut written, mut track) = (Steps::default(), Track::at(0));
        for page in 100..200 {
            written.add(&mut track, page, false, false);
            written.add(&mut track, page, false, true);
        }
        assert_eq!(written.pattern(), Pattern::Sequential);
    }
}
