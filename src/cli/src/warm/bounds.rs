//! What `--range`, `--max` and `--lock-max` mean, in the words of the rules.
//!
//! What must hold here: a bad value is shown where it was typed, with the same reason as a rule would have it.

use std::ffi::OsStr;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;

use faultless_core::parse::ErrorKind;
use faultless_core::size::Size;

use crate::refusal::Refusal;

/// The value of a flag, for pointing at its faults.
struct Value<'a> {
    flag: &'a str,
    text: &'a [u8],
}

impl Value<'_> {
    fn refuse(&self, span: Range<usize>, reason: impl ToString) -> Refusal {
        Refusal {
            place: self.flag.into(),
            source_text: self.text.to_vec(),
            start: span.start,
            end: span.end,
            reason: reason.to_string(),
            hint: None,
        }
    }

    fn size(&self, span: Range<usize>) -> Result<Size, Refusal> {
        Size::parse(&self.text[span.clone()]).map_err(|error| self.refuse(span, ErrorKind::from(error)))
    }

    /// An offset in a file: a share of memory would be none.
    fn offset(&self, span: Range<usize>) -> Result<u64, Refusal> {
        match self.size(span.clone())? {
            Size::Bytes(bytes) => Ok(bytes),
            Size::Pct(_) => Err(self.refuse(span, "an offset in a file cannot be a share of memory")),
        }
    }
}

/// A size: `2G`, `25pct`.
///
/// # Errors
/// It is none.
pub fn size(flag: &str, text: &OsStr) -> Result<Size, Refusal> {
    Value { flag, text: text.as_bytes() }.size(0..text.len())
}

/// Offsets: `512M..1G`.
///
/// # Errors
/// They are none, or nothing lies between them.
pub fn range(flag: &str, text: &OsStr) -> Result<Range<u64>, Refusal> {
    let value = Value { flag, text: text.as_bytes() };
    let end = value.text.len();
    let Some(dots) = value.text.windows(2).position(|pair| pair == b"..") else {
        return Err(value.refuse(end..end, "no `..`: a range is FROM..TO"));
    };
    let range = value.offset(0..dots)?..value.offset(dots + 2..end)?;
    if range.is_empty() { Err(value.refuse(0..end, ErrorKind::EmptyRange)) } else { Ok(range) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_sizes_with_units() {
        assert_eq!(range("--range", OsStr::new("4096..1M")).unwrap(), 4096..1 << 20);
    }

    #[test]
    fn the_part_at_fault_is_pointed_at() {
        for (text, span) in
            [("1M", (2, 2)), ("1M..2X", (4, 6)), ("..1M", (0, 0)), ("2M..1M", (0, 6)), ("1pct..1G", (0, 4))]
        {
            let refusal = range("--range", OsStr::new(text)).unwrap_err();
            assert_eq!((refusal.start, refusal.end), span, "{text}");
        }
    }
}
