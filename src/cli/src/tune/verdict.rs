//! Which policy has won, if any has, and its file.
//!
//! What must hold here: a gain counts only if its interval excludes none and it is worth the trouble; among policies
//! that help alike, the one that changes least is taken; the file says what was measured, and can be read by `--policy`.

use faultless_core::options::Id;

use crate::compare::figures::{MINOR, RSS, WALL};
use crate::compare::metric::{Better, Metric};
use crate::compare::outcome::{Column, Comparison};
use crate::compare::statistics::{ROUNDS, Ratio};
use crate::compare::table::{bytes, count, factor};

/// A smaller gain, as a share, is left alone.
const WORTH: f64 = 0.02;

/// By what policies are judged.
pub enum Target {
    /// wall time
    Wall,
    /// a metric, by its place on the command line
    Metric(usize, Better, String),
}

impl Target {
    /// The first metric that says which way is good, or wall time.
    pub fn of(metrics: &[Metric]) -> Target {
        let known = metrics.iter().enumerate().find(|(_, metric)| metric.better != Better::Unknown);
        known.map_or(Target::Wall, |(place, metric)| Target::Metric(place, metric.better, metric.name.clone()))
    }

    fn column(&self) -> Column<'_> {
        match self {
            Target::Wall => Column::Figure(&WALL),
            Target::Metric(place, ..) => Column::Metric(*place),
        }
    }

    /// How many times as good as the first, with its interval: above 1 is better.
    fn gain(&self, comparison: &Comparison<'_>, contender: usize) -> Option<Ratio> {
        let ratio = comparison.ratio(contender, self.column())?;
        Some(match self {
            Target::Metric(_, Better::Higher, _) => ratio,
            _ => {
                Ratio { value: 1.0 / ratio.value, interval: ratio.interval.map(|(low, high)| (1.0 / high, 1.0 / low)) }
            }
        })
    }

    /// The contender that has won.
    ///
    /// # Errors
    /// Why none has.
    pub fn best(&self, comparison: &Comparison<'_>) -> Result<usize, String> {
        if comparison.rounds < ROUNDS {
            return Err(format!("too few rounds to tell (at least {ROUNDS}); give it more time"));
        }
        let others = 1..comparison.contenders.len();
        let gains = others.filter(|other| !comparison.spoils_output(*other));
        let gains = gains.filter_map(|other| Some((other, self.gain(comparison, other)?)));
        pick(gains.collect())
    }

    /// The second contender's policy, as a file.
    pub fn policy(&self, comparison: &Comparison<'_>) -> String {
        let winner = &comparison.contenders[1];
        let gain = self.gain(comparison, 1);
        let median = |contender: usize| comparison.middle(contender, self.column()).map_or(f64::NAN, |m| m.median);
        let (name, unit, how) = match self {
            Target::Wall => ("wall", " s", "as fast"),
            Target::Metric(_, _, name) => (name.as_str(), "", "as good"),
        };
        let mut text = format!("# faultless tune -- {}\n", comparison.command);
        if let Some(load) = &comparison.load {
            text += &format!("# load: {}\n", load.replace('\n', " "));
        }
        if let Some(Ratio { value, interval: Some((low, high)) }) = gain {
            let [value, low, high] = [value, low, high].map(factor);
            text += &format!("# {value} x {how} as without [{low}, {high}]: {name} ");
            let [before, after] = [0, 1].map(|c| format!("{:.4}", median(c)));
            text += &format!("{before} to {after}{unit}, medians of {} rounds\n", comparison.rounds);
        }
        let figures = |figure| Some((comparison.median(0, figure)?, comparison.median(1, figure)?));
        if let Some(((minor, minor_now), (rss, rss_now))) = figures(&MINOR).zip(figures(&RSS)) {
            let [minor, minor_now] = [minor, minor_now].map(count);
            text += &format!("# minor faults {minor} to {minor_now}, ");
            text += &format!("peak rss {} to {}\n", bytes(rss), bytes(rss_now));
        }
        text += &format!("# on {}\n", comparison.host.line());
        for (name, value) in winner.launch.changes.iter().filter_map(|(name, value)| Some((name, value.as_ref()?))) {
            let ours = [Id::LockMax, Id::PopulateMax, Id::RetainMax, Id::HugeGrowthMax, Id::PopulateTimeMax];
            if ours.iter().any(|id| id.row().is_some_and(|row| name == row.env)) {
                text += &format!("# with {}={}\n", name.display(), value.display());
            }
        }
        text + &winner.rules.split(',').map(|rule| format!("{rule}\n")).collect::<String>()
    }
}

/// Of contenders in the order of how little they change, with their gains.
fn pick(gains: Vec<(usize, Ratio)>) -> Result<usize, String> {
    let wins = |gain: &Ratio| gain.interval.is_some_and(|(low, _)| low > 1.0);
    let winners: Vec<_> = gains.iter().filter(|(_, gain)| wins(gain)).collect();
    let Some(best) = winners.iter().map(|(_, gain)| gain.value).max_by(f64::total_cmp) else {
        return Err("no policy makes a difference for the better".into());
    };
    if best < 1.0 + WORTH {
        return Err(format!(
            "the best policy gains {:.1} %, which is below {:.0} %",
            (best - 1.0) * 100.0,
            WORTH * 100.0
        ));
    }
    let alike = |gain: &Ratio| gain.value >= (best / (1.0 + WORTH)).max(1.0 + WORTH);
    winners.iter().find(|(_, gain)| alike(gain)).map(|(other, _)| *other).ok_or_else(|| "no policy".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picked(gains: &[(f64, f64, f64)]) -> Result<usize, String> {
        let gain = |&(low, value, high): &(f64, f64, f64)| Ratio { value, interval: Some((low, high)) };
        pick(gains.iter().enumerate().map(|(i, of)| (i + 1, gain(of))).collect())
    }

    #[test]
    fn a_gain_whose_interval_includes_none_is_no_gain() {
        assert!(picked(&[(0.99, 1.5, 2.0)]).unwrap_err().contains("no policy makes a difference"));
        assert!(picked(&[]).is_err());
    }

    #[test]
    fn a_gain_below_two_percent_is_left_alone() {
        assert!(picked(&[(1.005, 1.015, 1.03)]).unwrap_err().contains("gains 1.5 %"));
    }

    #[test]
    fn of_policies_that_help_alike_the_first_is_taken() {
        assert_eq!(picked(&[(1.1, 1.2, 1.3), (1.1, 1.21, 1.3)]), Ok(1));
        assert_eq!(picked(&[(1.1, 1.2, 1.3), (1.2, 1.4, 1.5)]), Ok(2));
        assert_eq!(picked(&[(0.9, 1.4, 1.5), (1.1, 1.2, 1.3)]), Ok(2));
    }
}
