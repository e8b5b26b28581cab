//! What the verdicts are worth: thousands of comparisons whose truth is known, with a fixed seed.
//!
//! What must hold here: the noises are those of real machines: even, with a long tail, with spikes, and as recorded.

use super::*;

impl Random {
    fn uniform(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (2.0 * std::f64::consts::PI * self.uniform()).cos()
    }
}

/// A run's time beside what it would be in peace.
type Noise = fn(&mut Random) -> f64;

const NOISES: [(&str, Noise); 3] = [
    ("even", |random| (0.03 * random.normal()).exp()),
    ("long tail", |random| (0.03 * (random.normal() / (random.uniform().sqrt() + 0.05)).abs()).exp()),
    ("spikes", |random| (0.01 * random.normal()).exp() * if random.uniform() < 0.15 { 1.2 } else { 1.0 }),
];

/// In how many of `comparisons` a slow-down by `factor` is called a difference.
fn called_different(noise: Noise, rounds: usize, factor: f64, comparisons: usize) -> f64 {
    let mut random = Random(rounds as u64);
    let mut sample = |factor: f64| (0..rounds).map(|_| factor * noise(&mut random)).collect::<Vec<_>>();
    let different = (0..comparisons).filter(|_| {
        let (base, other) = (sample(1.0), sample(factor));
        // Fewer resamples than for users: only the ends of the interval are a little less certain.
        ratio_over(&base, &other, 500).and_then(|ratio| ratio.differs()) == Some(true)
    });
    different.count() as f64 / comparisons as f64
}

#[test]
fn what_is_alike_is_called_different_in_at_most_one_of_twenty() {
    for (name, noise) in NOISES {
        for (rounds, comparisons) in [(ROUNDS, 2000), (10, 1000), (30, 400)] {
            let share = called_different(noise, rounds, 1.0, comparisons);
            assert!(share <= 0.05, "{name}, {rounds} rounds: {share}");
        }
    }
}

#[test]
fn a_slow_down_by_a_twentieth_is_seen_in_thirty_rounds() {
    let share = called_different(NOISES[0].1, 30, 1.05, 500);
    assert!(share >= 0.9, "{share}");
}

/// A line each: a program, and the wall time in µs of 300 runs in a row, as `faultless compare --policy none --policy
/// none --runs 150 --csv` saved them: `spin 16` (integration/fixtures), bench/touch.c with `malloc 128`, and python3
/// making a dictionary of 100,000. Two cores, Linux 6.18, a virtual machine that does nothing else.
const RECORDED: &str = include_str!("recorded.txt");
/// Runs that stay together when they are drawn, because what disturbs one disturbs the next.
const TOGETHER: usize = 10;

/// The recorded runs of a program.
fn recorded(program: &str) -> Vec<f64> {
    let mut lines = RECORDED.lines().map(|line| line.split(' '));
    let line = lines.find_map(|mut words| (words.next() == Some(program)).then_some(words));
    let runs: Vec<f64> = line.expect("it was recorded").map(|word| word.parse().expect("µs")).collect();
    assert_eq!(runs.len(), 300);
    runs
}

/// In how many of `comparisons` of a program with itself, slowed down by `factor`, a difference is seen. Both take turns
/// in the record, as they would have.
fn called_different_as_recorded(program: &str, rounds: usize, factor: f64, comparisons: usize) -> f64 {
    let runs = recorded(program);
    let mut random = Random(rounds as u64);
    let different = (0..comparisons).filter(|_| {
        let (mut base, mut other) = (Vec::new(), Vec::new());
        while base.len() < rounds {
            let from = random.below(runs.len() - TOGETHER + 1);
            for (pair, turn) in runs[from..from + TOGETHER].chunks(2).zip([0, 1].into_iter().cycle()) {
                base.push(pair[turn]);
                other.push(pair[1 - turn] * factor);
            }
        }
        let ratio = ratio_over(&base[..rounds], &other[..rounds], 500);
        ratio.and_then(|ratio| ratio.differs()) == Some(true)
    });
    different.count() as f64 / comparisons as f64
}

#[test]
fn in_ten_thousand_comparisons_with_recorded_noise_one_of_twenty_at_most_is_wrong() {
    let sizes = [(ROUNDS, 2000), (10, 1000), (30, 334)];
    for program in ["spin", "touch", "python3"] {
        for (rounds, comparisons) in sizes {
            let share = called_different_as_recorded(program, rounds, 1.0, comparisons);
            assert!(share <= 0.05, "{program}, {rounds} rounds: {share}");
        }
    }
    assert!(sizes.iter().map(|(_, comparisons)| 3 * comparisons).sum::<usize>() >= 10_000);
}

#[test]
fn a_slow_down_by_a_twentieth_is_seen_in_thirty_rounds_with_the_noise_that_work_was_recorded_with() {
    let share = called_different_as_recorded("spin", 30, 1.05, 500);
    assert!(share >= 0.9, "{share}");
}

#[test]
fn the_same_data_give_the_same_interval() {
    let mut random = Random(1);
    let data: Vec<f64> = (0..20).map(|_| random.uniform() + 1.0).collect();
    assert_eq!(ratio(&data[..10], &data[10..]), ratio(&data[..10], &data[10..]));
}

#[test]
fn a_ratio_lies_within_its_interval() {
    let mut random = Random(2);
    for _ in 0..100 {
        let data: Vec<f64> = (0..24).map(|_| random.uniform() + 1.0).collect();
        let ratio = ratio(&data[..12], &data[12..]).unwrap();
        let (low, high) = ratio.interval.unwrap();
        assert!(low <= ratio.value && ratio.value <= high, "{ratio:?}");
    }
}

#[test]
fn the_median_of_a_resample_is_that_of_its_values() {
    let values = [5.0, 1.0, 4.0, 1.0, 3.0, 9.0];
    let mut resample = Resample::of(&values);
    for _ in 0..2 {
        let drawn = [0, 0, 2, 3, 4, 5];
        drawn.iter().for_each(|round| resample.draw(*round));
        let picked = drawn.map(|round| values[round]);
        assert_eq!(resample.median(), middle(&picked).unwrap().median);
    }
}

#[test]
fn fewer_rounds_than_six_tell_nothing() {
    let ratio = ratio(&[1.0; 5], &[2.0; 5]).unwrap();
    assert_eq!((ratio.value, ratio.interval, ratio.differs()), (2.0, None, None));
}

#[test]
fn a_disturbance_of_whole_rounds_hides_no_difference() {
    let weather: Vec<f64> = (0..12).map(|round| 1.0 + f64::from(round)).collect();
    let other: Vec<f64> = weather.iter().map(|w| w * 1.02).collect();
    assert_eq!(ratio(&weather, &other).unwrap().differs(), Some(true));
}

#[test]
fn the_noise_is_that_of_the_runs_and_shrinks_with_their_number() {
    let mut random = Random(3);
    let runs: Vec<f64> = (0..100).map(|_| (0.03 * random.normal()).exp()).collect();
    let [few, many] = [&runs[..10], &runs].map(|runs| noise(runs).unwrap());
    // The median of 100 normal values deviates by 1.253 / 10 of theirs, the ratio of two by 1.41 of that.
    assert!((0.005..0.02).contains(&many) && many < few, "{few} {many}");
    assert_eq!((noise(&[1.0; 30]), noise(&runs[..5])), (Some(0.0), None));
}

#[test]
fn quartiles_lie_between_neighbours() {
    assert_eq!(middle(&[4.0, 1.0, 3.0, 2.0]), Some(Middle { median: 2.5, low: 1.75, high: 3.25 }));
    assert_eq!(middle(&[]), None);
}

#[test]
fn the_quantiles_of_student_are_those_of_the_tables() {
    for (freedom, table) in [(5.0, 2.571), (9.0, 2.262), (29.0, 2.045), (1000.0, 1.962)] {
        assert!((student(freedom) / table - 1.0_f64).abs() < 0.003, "{freedom}: {}", student(freedom));
    }
}
