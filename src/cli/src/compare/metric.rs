//! `--metric`: a number found in what was printed.
//!
//! What must hold here: what is found but is no number is said, never guessed; of several matches the last counts,
//! because programs that report as they go give the whole at the end.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use regex_lite::Regex;

use super::contender::refusal;
use crate::refusal::Refusal;

/// Which way is good.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Better {
    /// more of it
    Higher,
    /// less of it
    Lower,
    /// nobody said
    Unknown,
}

/// A number to look for.
pub struct Metric {
    /// the column
    pub name: String,
    /// which way is good
    pub better: Better,
    regex: Regex,
}

impl Metric {
    /// Reads NAME=REGEX, NAME:higher=REGEX or NAME:lower=REGEX.
    ///
    /// # Errors
    /// A [`Refusal`] that points at the fault.
    pub fn parse(text: &OsStr) -> Result<Metric, Refusal> {
        let bytes = text.as_bytes();
        let at = |start, end, reason: &str| Refusal { start, end, ..refusal("--metric", text, reason) };
        let Some(whole) = text.to_str() else { return Err(at(0, bytes.len(), "not UTF-8")) };
        let Some((left, regex)) = whole.split_once('=') else {
            return Err(at(0, bytes.len(), "not NAME=REGEX, NAME:higher=REGEX or NAME:lower=REGEX"));
        };
        let (name, better) = match left.split_once(':') {
            None => (left, Better::Unknown),
            Some((name, "higher")) => (name, Better::Higher),
            Some((name, "lower")) => (name, Better::Lower),
            Some((name, _)) => return Err(at(name.len() + 1, left.len(), "neither higher nor lower")),
        };
        if name.is_empty() {
            return Err(at(0, left.len(), "no name"));
        }
        let regex = Regex::new(&format!("(?m){regex}"))
            .map_err(|error| at(left.len() + 1, bytes.len(), &format!("no regular expression: {error}")))?;
        Ok(Metric { name: name.into(), better, regex })
    }

    /// The number in a text: the first group of the last match, or all of it if there is no group.
    ///
    /// # Errors
    /// Why there is none, in a clause.
    pub fn find(&self, text: &str) -> Result<f64, String> {
        let found = self.regex.captures_iter(text).last().ok_or("matches nothing in the output")?;
        let found = found.get(1).or(found.get(0)).map_or("", |group| group.as_str());
        let number = found.trim().replace(',', "").parse::<f64>();
        number.ok().filter(|n| n.is_finite()).ok_or_else(|| format!("matches {found:?}, which is no number"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(spec: &str, text: &str) -> Result<f64, String> {
        Metric::parse(OsStr::new(spec)).unwrap().find(text)
    }

    #[test]
    fn the_last_match_counts() {
        assert_eq!(find("tps=tps = ([0-9.]+)", "tps = 1\ntps = 2.5 (final)\n"), Ok(2.5));
    }

    #[test]
    fn without_a_group_all_of_the_match_is_the_number() {
        assert_eq!(find("n=^[0-9,]+$", "x\n1,234,567\n"), Ok(1_234_567.0));
    }

    #[test]
    fn what_is_no_number_is_said() {
        assert!(find("n=: (.*)", "n: 12k\n").unwrap_err().contains("12k"));
        assert!(find("n=: (.*)", "none\n").unwrap_err().contains("nothing"));
    }

    #[test]
    fn a_fault_is_pointed_at() {
        let refused = |spec: &str| Metric::parse(OsStr::new(spec)).err().unwrap();
        assert_eq!((refused("a:best=x").start, refused("a:best=x").end), (2, 6));
        assert_eq!(refused("a=(").start, 2);
        assert_eq!(refused("=x").reason, "no name");
    }
}
