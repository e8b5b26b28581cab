//! Bad input, shown where it is: the source, a caret under the fault, the reason, the nearest right spelling.
//!
//! What must hold here: whoever reads it sees what they typed, whatever bytes that were; the caret stands under the
//! first byte at fault also behind tabs and bytes that are no UTF-8.

use std::fmt;

use crate::style;

/// Input that is refused; `faultless` exits 2 upon it.
#[derive(Debug, thiserror::Error)]
pub struct Refusal {
    /// where it was typed: `--rule`, `FAULTLESS_RULES`, a file's name
    pub place: String,
    /// all that was typed there
    pub source_text: Vec<u8>,
    /// first byte at fault
    pub start: usize,
    /// behind the last byte at fault
    pub end: usize,
    /// what is wrong, one sentence
    pub reason: String,
    /// the right spelling
    pub hint: Option<String>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = &self.source_text;
        let start = self.start.min(source.len());
        let end = self.end.clamp(start, source.len());
        let line_start = source[..start].iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        let line_end = source[start..].iter().position(|b| *b == b'\n').map_or(source.len(), |at| start + at);
        let before = printable(&source[line_start..start]);
        let fault = printable(&source[start..end.min(line_end)]);
        let after = printable(&source[end.min(line_end)..line_end]);

        write!(f, "{}", self.place)?;
        if source.contains(&b'\n') {
            let line = source[..line_start].iter().filter(|b| **b == b'\n').count() + 1;
            write!(f, ":{line}:{}", before.chars().count() + 1)?;
        }
        writeln!(f, ": {}", self.reason)?;
        writeln!(f, "  {before}{fault}{after}")?;
        let carets = "^".repeat(fault.chars().count().max(1));
        write!(f, "  {}{}", " ".repeat(before.chars().count()), style::fault(&carets))?;
        match &self.hint {
            Some(hint) => write!(f, "\n  did you mean {}?", style::good(hint)),
            None => Ok(()),
        }
    }
}

/// One character a byte or character, so that columns can be counted: control characters become a blank.
fn printable(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(source: &[u8], start: usize, end: usize) -> String {
        let refusal =
            Refusal { place: "here".into(), source_text: source.to_vec(), start, end, reason: "no".into(), hint: None };
        refusal.to_string()
    }

    #[test]
    fn the_caret_stands_under_the_fault() {
        assert_eq!(shown(b"malloc:hgue", 7, 11), "here: no\n  malloc:hgue\n         ^^^^");
    }

    #[test]
    fn a_fault_at_the_end_has_one_caret() {
        assert_eq!(shown(b"heap:huge,", 10, 10), "here: no\n  heap:huge,\n            ^");
    }

    #[test]
    fn only_the_line_at_fault_is_shown_with_its_number() {
        assert_eq!(shown(b"heap:huge\n\tanon:hu\nx", 16, 18), "here:2:7: no\n   anon:hu\n        ^^");
    }

    #[test]
    fn bytes_that_are_no_utf8_keep_the_caret_in_place() {
        assert_eq!(shown(b"\xff\xfe:x", 3, 4), "here: no\n  \u{fffd}\u{fffd}:x\n     ^");
    }

    #[test]
    fn offsets_beyond_the_source_are_cut() {
        assert_eq!(shown(b"a", 7, 9), "here: no\n  a\n   ^");
    }
}
