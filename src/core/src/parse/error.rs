//! What can be wrong with a policy's text, in one clear sentence each.
//!
//! What must hold here: a sentence needs neither the source nor the place; whoever shows it points at the span.

use core::fmt;

use crate::actions::{KINDS, NAMES};
use crate::matching::MIN_MALLOC_BOUND;
use crate::rules::{Kind, MAX_RULES, MAX_TEXT};
use crate::size::{Human, SizeError};
use crate::spelling;

/// Why a source is no policy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ParseError {
    /// what is wrong
    pub kind: ErrorKind,
    /// first byte of the fault in the source
    pub start: usize,
    /// the byte after it; equals `start` where something is missing
    pub end: usize,
}

/// What is wrong with a source. The words of each are in its `Display`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)] // Display says what each means
pub enum ErrorKind {
    EmptyRule,
    Blank,
    Comment,
    MissingColon,
    UnknownKind,
    /// the kind that takes no bounds
    NoBounds(Kind),
    BadSize,
    SizeOverflow,
    EmptyBounds,
    SmallMalloc,
    /// the kind that has no paths
    NoPath(Kind),
    PathStart,
    PathByte,
    MissingAction,
    UnknownAction,
    /// the words that the action takes
    UnknownWord(&'static [&'static str]),
    NoArgument,
    NoSize,
    EmptyRange,
    /// the kind that lacks the action
    KindLacks(Kind),
    TwoOnAxis,
    TooManyRules,
    TooMuchText,
    /// why the action cannot be had where the rule is given
    WrongPlace(&'static str),
}

impl From<SizeError> for ErrorKind {
    fn from(e: SizeError) -> ErrorKind {
        match e {
            SizeError::NoDigits | SizeError::BadUnit => ErrorKind::BadSize,
            SizeError::TooLarge => ErrorKind::SizeOverflow,
        }
    }
}

fn list(f: &mut fmt::Formatter<'_>, words: impl ExactSizeIterator<Item = &'static str>) -> fmt::Result {
    let last = words.len().saturating_sub(1);
    for (i, word) in words.enumerate() {
        let comma = if i == 0 {
            ""
        } else if i == last {
            " or "
        } else {
            ", "
        };
        write!(f, "{comma}{word}")?;
    }
    Ok(())
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self {
            ErrorKind::EmptyRule => "an empty rule: a comma too many, or the text was cut off",
            ErrorKind::Blank => "a blank: rules have none (a policy file may have them around rules)",
            ErrorKind::Comment => "a comment: only policy files have them",
            ErrorKind::MissingColon => "no `:` and no actions: a rule is KIND[@BOUNDS][=PATH]:ACTION[+ACTION]",
            ErrorKind::UnknownKind => {
                f.write_str("unknown kind of memory: it is ")?;
                return list(f, KINDS.iter().map(|(name, _)| *name));
            }
            ErrorKind::NoBounds(kind) => return write!(f, "`{}` takes no bounds", kind.name()),
            ErrorKind::BadSize => "not a size: digits, then nothing (bytes), K, M, G, T or pct",
            ErrorKind::SizeOverflow => "a size too large",
            ErrorKind::EmptyBounds => "bounds that nothing is within: the first must be smaller",
            ErrorKind::SmallMalloc => {
                return write!(
                    f,
                    "a malloc bound under {}: smaller blocks are the heap's: use heap:",
                    Human(MIN_MALLOC_BOUND)
                );
            }
            ErrorKind::NoPath(kind) => return write!(f, "`{}` has no paths", kind.name()),
            ErrorKind::PathStart => "a path starts with / or *",
            ErrorKind::PathByte => "a byte that a path may not have: write ? in its place",
            ErrorKind::MissingAction => "an action is missing here",
            ErrorKind::UnknownAction => {
                f.write_str("unknown action: it is ")?;
                return list(f, NAMES.iter().copied());
            }
            ErrorKind::UnknownWord(words) => {
                f.write_str("the action does not take this: it takes ")?;
                return list(f, words.iter().copied());
            }
            ErrorKind::NoArgument => "the action takes nothing after it",
            ErrorKind::NoSize => "the action takes no such size",
            ErrorKind::EmptyRange => "a range that is empty: FROM must be smaller than TO",
            ErrorKind::KindLacks(kind) => return write!(f, "`{}` does not have this action", kind.name()),
            ErrorKind::TwoOnAxis => "a second action about the same thing in one rule",
            ErrorKind::TooManyRules => return write!(f, "too many rules: a policy has at most {MAX_RULES}"),
            ErrorKind::TooMuchText => {
                return write!(f, "too much text: a policy has at most {MAX_TEXT} bytes of rules");
            }
            ErrorKind::WrongPlace(why) => why,
        })
    }
}

impl ErrorKind {
    /// The nearest right spelling of what stands at `start..end` of the source, if one is near.
    pub fn hint(&self, source: &[u8], start: usize, end: usize) -> Option<&'static str> {
        let word = source.get(start..end)?;
        match self {
            ErrorKind::UnknownKind => spelling::nearest(word, KINDS.iter().map(|(name, _)| *name)),
            ErrorKind::UnknownAction => spelling::nearest(word, NAMES.iter().copied()),
            // In capitals stands what is to be filled in; that is no spelling.
            ErrorKind::UnknownWord(words) => {
                spelling::nearest(word, words.iter().copied().filter(|w| w.bytes().all(|b| b.is_ascii_lowercase())))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use crate::parse::Form;
    use crate::rules::Policy;
    use std::string::ToString;

    fn hint(source: &str) -> Option<&'static str> {
        let e = Policy::empty().append(source.as_bytes(), Form::Line).expect_err(source);
        e.kind.hint(source.as_bytes(), e.start, e.end)
    }

    #[test]
    fn a_misspelt_word_gets_the_nearest_right_one() {
        assert_eq!(hint("anon:hgue"), Some("huge"));
        assert_eq!(hint("mallok:huge"), Some("malloc"));
        assert_eq!(hint("file:drop_behind"), Some("drop-behind"));
        assert_eq!(hint("anon:huge=tph"), Some("thp"));
        assert_eq!(hint("anon:wonderful"), None);
        assert_eq!(hint("anon@1M"), None);
    }

    #[test]
    fn a_hint_for_a_span_outside_the_source_is_none() {
        assert_eq!(ErrorKind::UnknownKind.hint(b"abc", 2, 9), None);
        assert_eq!(ErrorKind::UnknownKind.hint(b"abc", 2, 1), None);
    }

    #[test]
    fn a_sentence_lists_what_would_be_right() {
        let words = ErrorKind::UnknownWord(&["thp", "collapse", "hugetlb"]).to_string();
        assert!(words.ends_with("thp, collapse or hugetlb"), "{words}");
        assert!(ErrorKind::SmallMalloc.to_string().contains("under 64 KiB"));
        assert!(ErrorKind::NoPath(Kind::Heap).to_string().contains("`heap`"));
    }
}
