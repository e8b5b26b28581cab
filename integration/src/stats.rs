//! Medians and their intervals.
//!
//! What must hold here: the same samples give the same interval (the resampling's seed is fixed).

/// The median; 0 of nothing.
pub fn median(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    match (sorted.len(), sorted.len() / 2) {
        (0, _) => 0.0,
        (n, half) if n % 2 == 1 => sorted[half],
        (_, half) => (sorted[half - 1] + sorted[half]) / 2.0,
    }
}

/// The 95 % bootstrap interval of the difference of the medians, `with` less `without`.
pub fn difference(with: &[f64], without: &[f64]) -> (f64, f64) {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut resample = |samples: &[f64]| -> Vec<f64> {
        let draw = |_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            samples[(state % samples.len() as u64) as usize]
        };
        (0..samples.len()).map(draw).collect()
    };
    if with.is_empty() || without.is_empty() {
        return (0.0, 0.0);
    }
    let mut found: Vec<f64> = (0..1000).map(|_| median(&resample(with)) - median(&resample(without))).collect();
    found.sort_by(f64::total_cmp);
    (found[25], found[974])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_lies_between_the_middle_two() {
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), 2.5);
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
    }

    #[test]
    fn the_interval_holds_a_difference_that_is_there() {
        let without: Vec<f64> = (0..200).map(|i| f64::from(i % 10)).collect();
        let with: Vec<f64> = without.iter().map(|v| v + 100.0).collect();
        let (low, high) = difference(&with, &without);
        assert!(low > 95.0 && high < 105.0 && low <= high, "{low} {high}");
    }
}
