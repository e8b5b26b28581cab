//! A part of the source that knows where it stands in it.
//!
//! What must hold here: a cut never panics and never leaves the piece.

use super::error::{ErrorKind, ParseError};
use crate::size::Size;

/// Some bytes of the source, and their offset in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece<'a> {
    pub bytes: &'a [u8],
    pub at: usize,
}

impl<'a> Piece<'a> {
    pub fn new(source: &'a [u8]) -> Self {
        Piece { bytes: source, at: 0 }
    }

    pub fn is_empty(self) -> bool {
        self.bytes.is_empty()
    }

    /// The bytes from `start` to before `end`, cut to what there is.
    pub fn sub(self, start: usize, end: usize) -> Self {
        let end = end.min(self.bytes.len());
        let start = start.min(end);
        Piece { bytes: self.bytes.get(start..end).unwrap_or(&[]), at: self.at + start }
    }

    /// What stands before and behind the first separator.
    pub fn split_once(self, separator: &[u8]) -> Option<(Self, Self)> {
        let i = self.bytes.windows(separator.len()).position(|w| w == separator)?;
        Some((self.sub(0, i), self.sub(i + separator.len(), self.bytes.len())))
    }

    /// The pieces between the separators; always at least one.
    pub fn split(self, separator: &'a [u8]) -> impl Iterator<Item = Self> {
        let mut rest = Some(self);
        core::iter::from_fn(move || {
            let now = rest?;
            let (piece, behind) = now.split_once(separator).map_or((now, None), |(a, b)| (a, Some(b)));
            rest = behind;
            Some(piece)
        })
    }

    /// Without blanks at either end.
    pub fn trim(self) -> Self {
        let blank = |b: &u8| matches!(b, b' ' | b'\t' | b'\r');
        let start = self.bytes.iter().take_while(|b| blank(b)).count();
        let behind = self.bytes.iter().rev().take_while(|b| blank(b)).count();
        self.sub(start, self.bytes.len().saturating_sub(behind))
    }

    /// The comma of this line that stands next to an empty rule in it: the one before, else the one behind.
    pub fn comma_beside(self, rule: Piece<'_>) -> Self {
        let i = rule.at.saturating_sub(self.at).min(self.bytes.len());
        let comma = |b: &u8| *b == b',';
        let (before, behind) = self.bytes.split_at_checked(i).unwrap_or((self.bytes, &[]));
        let found = before.iter().rposition(comma).or_else(|| behind.iter().position(comma).map(|j| i + j));
        let at = found.unwrap_or(i);
        self.sub(at, at + 1)
    }

    pub fn size(self) -> Result<Size, ParseError> {
        Size::parse(self.bytes).map_err(|e| self.error(e.into()))
    }

    /// This piece is at fault.
    pub fn error(self, kind: ErrorKind) -> ParseError {
        ParseError { kind, start: self.at, end: self.at + self.bytes.len() }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::vec::Vec;

    #[test]
    fn pieces_know_where_they_stand() {
        let parts: Vec<_> = Piece::new(b"ab,,c").split(b",").map(|p| (p.at, p.bytes)).collect();
        assert_eq!(parts, [(0, &b"ab"[..]), (3, &b""[..]), (4, &b"c"[..])]);
    }

    #[test]
    fn a_cut_stays_within_the_piece() {
        let piece = Piece { bytes: b"abc", at: 5 };
        assert_eq!((piece.sub(2, 99).bytes, piece.sub(2, 99).at), (&b"c"[..], 7));
        assert_eq!((piece.sub(9, 1).bytes, piece.sub(9, 1).at), (&b""[..], 6));
    }

    #[test]
    fn blanks_are_trimmed_at_both_ends() {
        let piece = Piece::new(b" \ta b\r").trim();
        assert_eq!((piece.bytes, piece.at), (&b"a b"[..], 2));
        assert!(Piece::new(b"  ").trim().is_empty());
    }
}
