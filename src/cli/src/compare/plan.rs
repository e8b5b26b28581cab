//! Which contender runs when, and when it is enough.
//!
//! What must hold here: only whole rounds count; odd rounds go backwards (ABC CBA), so that what grows or shrinks
//! meanwhile meets every contender alike.

use std::time::Duration;

/// Rounds and time for each contender, unless something else is asked for.
const ENOUGH: (usize, Duration) = (10, Duration::from_secs(3));
/// Programs of a millisecond would run for ever.
const AT_MOST: usize = 500;

/// How long it goes on.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Length {
    /// so many rounds
    Rounds(usize),
    /// as many as begin within this time
    Time(Duration),
    /// some rounds, and some seconds for each contender
    Enough,
}

/// How far it has come.
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress {
    /// rounds that are done
    pub rounds: usize,
    /// since the first began
    pub elapsed: Duration,
    /// measured time of the contender that has the least
    pub least: Duration,
}

impl Length {
    /// Whether no other round begins.
    pub fn is_reached(self, progress: Progress) -> bool {
        progress.rounds >= self.rounds(progress)
    }

    /// How many rounds it will be, as far as that can be told by now.
    pub fn rounds(self, progress: Progress) -> usize {
        let by = |whole: Duration, part: Duration| match progress.rounds {
            0 => 1,
            rounds => (whole.as_secs_f64() / part.as_secs_f64().max(1e-9) * rounds as f64).ceil() as usize,
        };
        match self {
            Length::Rounds(rounds) => rounds,
            Length::Time(time) => by(time, progress.elapsed).max(1),
            Length::Enough => by(ENOUGH.1, progress.least).clamp(ENOUGH.0, AT_MOST),
        }
    }
}

/// The contenders of a round, in their order.
pub fn order(round: usize, contenders: usize) -> Vec<usize> {
    let forwards = 0..contenders;
    if round.is_multiple_of(2) { forwards.collect() } else { forwards.rev().collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_go_forwards_and_backwards() {
        assert_eq!([order(0, 3), order(1, 3), order(2, 3)].concat(), [0, 1, 2, 2, 1, 0, 0, 1, 2]);
    }

    #[test]
    fn it_goes_on_until_each_contender_has_run_long_enough() {
        let progress = |rounds, ms| Progress { rounds, least: Duration::from_millis(ms), ..Progress::default() };
        assert!(!Length::Enough.is_reached(progress(9, 60_000)));
        assert!(Length::Enough.is_reached(progress(10, 60_000)));
        assert!(!Length::Enough.is_reached(progress(10, 2_000)));
        assert!(Length::Enough.is_reached(progress(15, 3_000)));
        assert!(Length::Enough.is_reached(progress(500, 1)));
    }

    #[test]
    fn at_least_one_round_is_made_however_short_the_time() {
        let length = Length::Time(Duration::from_nanos(1));
        assert!(!length.is_reached(Progress::default()));
        assert!(length.is_reached(Progress { rounds: 1, elapsed: Duration::from_secs(1), ..Progress::default() }));
    }
}
