//! All runs of a comparison, and what they say: figures by contender, whether the output was the same.
//!
//! What must hold here: only whole rounds are looked at, so that each contender has as many runs as the others.

use super::capture::Difference;
use super::contender::Contender;
use super::figures::{Figure, Run};
use super::host::Host;
use super::metric::Metric;
use super::statistics::{self, Middle, Ratio};
use crate::wait::End;

/// A comparison that is over.
pub struct Comparison<'a> {
    /// the first is the one that the others are compared with
    pub contenders: &'a [Contender],
    /// the program and its arguments, in a line
    pub command: String,
    /// `--load`
    pub load: Option<String>,
    /// `--prepare`
    pub prepare: Option<String>,
    /// whether caches were dropped
    pub cold: bool,
    /// rounds that don't count
    pub warmup: usize,
    /// looked for in the output
    pub metrics: &'a [Metric],
    /// rounds that are whole
    pub rounds: usize,
    /// their runs, in the order in which they were made
    pub runs: Vec<Run>,
    /// whether outputs were to be compared
    pub check_output: bool,
    /// the signal that ended it too early
    pub interrupted: Option<i32>,
    /// where
    pub host: Host,
}

/// What the outputs say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Output<'a> {
    /// nobody asked
    Ignored,
    /// all the same
    Identical,
    /// the first contender's own runs differ
    Unsteady(&'a Difference),
    /// this run's differs, and the first contender's runs don't
    Differs(usize, &'a Difference),
}

/// A column: a figure of all runs, or a metric.
#[derive(Clone, Copy)]
pub enum Column<'a> {
    /// of the table
    Figure(&'a Figure),
    /// by its place on the command line
    Metric(usize),
}

impl Column<'_> {
    fn of(self, run: &Run) -> Option<f64> {
        match self {
            Column::Figure(figure) => (figure.of)(run),
            Column::Metric(index) => run.metrics.get(index).copied().flatten(),
        }
    }
}

impl<'a> Comparison<'a> {
    /// A contender's values, by round; `None` if one of them is not known.
    pub fn values(&self, contender: usize, column: Column<'_>) -> Option<Vec<f64>> {
        let mut runs: Vec<_> = self.runs.iter().filter(|run| run.contender == contender).collect();
        runs.sort_by_key(|run| run.round);
        runs.into_iter().map(|run| column.of(run)).collect()
    }

    /// Where a contender's values lie.
    pub fn middle(&self, contender: usize, column: Column<'_>) -> Option<Middle> {
        statistics::middle(&self.values(contender, column)?)
    }

    /// The middle of them.
    pub fn median(&self, contender: usize, figure: &Figure) -> Option<f64> {
        Some(self.middle(contender, Column::Figure(figure))?.median)
    }

    /// How a contender stands to the first.
    pub fn ratio(&self, contender: usize, column: Column<'_>) -> Option<Ratio> {
        statistics::ratio(&self.values(0, column)?, &self.values(contender, column)?)
    }

    /// By what another just like the first contender could differ from it.
    pub fn noise(&self, column: Column<'_>) -> Option<f64> {
        statistics::noise(&self.values(0, column)?)
    }

    /// Runs that ended well. Servers end as they were told to.
    pub fn succeeded(&self) -> usize {
        self.runs.iter().filter(|run| run.end == End::Exited(0)).count()
    }

    /// What the outputs say. The first run's is what all are compared with.
    pub fn output(&self) -> Output<'_> {
        if !self.check_output {
            return Output::Ignored;
        }
        let different = || self.runs.iter().enumerate().filter_map(|(i, run)| Some((i, run, run.difference.as_ref()?)));
        match different().find(|(_, run, _)| run.contender == 0) {
            Some((_, _, difference)) => Output::Unsteady(difference),
            None => different()
                .next()
                .map_or(Output::Identical, |(index, _, difference)| Output::Differs(index, difference)),
        }
    }

    /// Whether what a contender printed is not what the first printed, and the first's is steady.
    pub fn spoils_output(&self, contender: usize) -> bool {
        let own = |run: &&Run| run.contender == contender && run.difference.is_some();
        matches!(self.output(), Output::Differs(..)) && self.runs.iter().any(|run| own(&run))
    }
}
