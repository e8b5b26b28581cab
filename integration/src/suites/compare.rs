//! What differs between the runs without the shim and those under a policy.
//!
//! What must hold here: a test counts as different if it differs again in any of the runs that follow; one that then is
//! not steady without the shim either says nothing.

use std::collections::BTreeMap;

use super::{Results, SKIP};

/// What is said of a test that is in no results.
const MISSING: &str = "missing";

/// What each test came to in every run without the shim.
#[derive(Default)]
pub struct Baseline {
    runs: Vec<Results>,
    again: Vec<Results>,
}

impl Baseline {
    /// Adds a run of the whole suite.
    pub fn add(&mut self, run: Results) {
        self.runs.push(run);
    }

    /// Adds what a few parts came to in a further run; a test that is not in it is not known by it.
    pub fn add_parts(&mut self, run: Results) {
        self.again.push(run);
    }

    /// Every test that any run without the shim had.
    pub fn tests(&self) -> usize {
        let mut all: Vec<&String> = self.runs.iter().flat_map(|r| r.keys()).collect();
        all.sort_unstable();
        all.dedup();
        all.len()
    }

    /// What is compared: the same in every run, and not left out.
    pub fn steady(&self) -> BTreeMap<&str, &str> {
        let Some(first) = self.runs.first() else { return BTreeMap::new() };
        let same = |name: &String, came: &String| {
            self.runs.iter().all(|r| r.get(name) == Some(came))
                && self.again.iter().all(|r| r.get(name).is_none_or(|c| c == came))
        };
        let steady = first.iter().filter(|(name, came)| *came != SKIP && same(name, came));
        steady.map(|(name, came)| (name.as_str(), came.as_str())).collect()
    }

    /// The tests that came to something else in `run`, each with what it came to.
    pub fn differing(&self, run: &Results) -> BTreeMap<String, String> {
        let steady = self.steady().into_iter();
        let came = steady.map(|(name, alone)| (name, alone, run.get(name).map_or(MISSING, String::as_str)));
        came.filter(|(_, alone, now)| alone != now).map(|(name, _, now)| (name.to_owned(), now.to_owned())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results(pairs: &[(&str, &str)]) -> Results {
        pairs.iter().map(|(n, c)| ((*n).to_owned(), (*c).to_owned())).collect()
    }

    #[test]
    fn only_what_is_steady_and_not_left_out_is_compared() {
        let mut b = Baseline::default();
        b.add(results(&[("a", "pass"), ("b", "pass"), ("c", "skip"), ("d", "fail")]));
        b.add(results(&[("a", "pass"), ("b", "fail"), ("c", "skip"), ("d", "fail"), ("e", "pass")]));
        assert_eq!(b.tests(), 5);
        assert_eq!(b.steady().into_keys().collect::<Vec<_>>(), ["a", "d"]);
        b.add_parts(results(&[("d", "pass")]));
        assert_eq!(b.steady().into_keys().collect::<Vec<_>>(), ["a"]);
    }

    #[test]
    fn a_test_that_is_missing_differs() {
        let mut b = Baseline::default();
        b.add(results(&[("a", "pass"), ("b", "pass")]));
        let differing = b.differing(&results(&[("b", "fail"), ("c", "fail")]));
        assert_eq!(differing, results(&[("a", "missing"), ("b", "fail")]));
    }
}
