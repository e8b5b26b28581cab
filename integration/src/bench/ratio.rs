//! Ratios of paired samples, with their interval.
//!
//! What must hold here: samples are paired by round, so that what disturbs a whole round drops out; the same samples
//! give the same interval (the resampling's seed is fixed).

use crate::stats::median;

/// A median ratio and its 95 % bootstrap interval.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Ratio {
    /// median over the rounds of one's sample by the other's of the same round
    pub median: f64,
    /// lower end
    pub low: f64,
    /// upper end
    pub high: f64,
}

/// How often the rounds are drawn again.
const DRAWS: usize = 2000;

/// `of` by `by`, round by round. Nothing without samples, with unequal numbers of them, or where one of `by` is 0.
pub fn paired(of: &[f64], by: &[f64]) -> Option<Ratio> {
    if of.is_empty() || of.len() != by.len() || by.contains(&0.0) {
        return None;
    }
    let ratios: Vec<f64> = of.iter().zip(by).map(|(a, b)| a / b).collect();
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut draw = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        ratios[(state % ratios.len() as u64) as usize]
    };
    let mut found: Vec<f64> =
        (0..DRAWS).map(|_| median(&(0..ratios.len()).map(&mut draw).collect::<Vec<_>>())).collect();
    found.sort_by(f64::total_cmp);
    Some(Ratio { median: median(&ratios), low: found[DRAWS / 40], high: found[DRAWS - 1 - DRAWS / 40] })
}

impl std::fmt::Display for Ratio {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // three digits that count: 0.047 and 1.02, and 85.3
        let digits = |v: f64| match v {
            v if v < 0.1 => 3,
            v if v < 10.0 => 2,
            v if v < 100.0 => 1,
            _ => 0,
        };
        let of = digits(self.median);
        f.pad(&format!("{:.of$} [{:.of$}, {:.of$}]", self.median, self.low, self.high))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_round_that_slows_both_changes_nothing() {
        let by = [1.0, 1.0, 9.0, 1.0, 5.0, 1.0, 1.0];
        let of: Vec<f64> = by.iter().map(|v| v / 2.0).collect();
        assert_eq!(paired(&of, &by), Some(Ratio { median: 0.5, low: 0.5, high: 0.5 }));
    }

    #[test]
    fn the_interval_holds_the_median_and_not_the_outlier() {
        let by = [1.0; 9];
        let found = paired(&[0.8, 0.9, 0.9, 1.0, 1.0, 1.0, 1.1, 1.1, 40.0], &by).unwrap();
        assert!(found.low >= 0.8 && found.low < 1.0 && found.high > 1.0 && found.high < 40.0, "{found:?}");
    }

    #[test]
    fn samples_that_cannot_be_paired_have_no_ratio() {
        assert_eq!(paired(&[1.0], &[1.0, 2.0]), None);
        assert_eq!(paired(&[], &[]), None);
        assert_eq!(paired(&[1.0], &[0.0]), None);
    }
}
