//! A string on the stack: for paths and one-line messages.
//!
//! What must hold here: never longer than it can be, always followed by a NUL; what doesn't fit is an error, and what is
//! there stays.

use core::ffi::CStr;
use core::fmt;

/// Up to N − 1 bytes.
#[derive(Clone, Copy)]
pub struct Text<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Text<N> {
    /// Empty.
    pub const fn new() -> Self {
        Text { bytes: [0; N], len: 0 }
    }

    /// Appends bytes; all or nothing.
    pub fn push(&mut self, more: &[u8]) -> fmt::Result {
        let end = self.len.checked_add(more.len()).filter(|end| *end < N).ok_or(fmt::Error)?;
        self.bytes.get_mut(self.len..end).ok_or(fmt::Error)?.copy_from_slice(more);
        self.len = end;
        Ok(())
    }

    /// Empties it.
    pub fn clear(&mut self) {
        *self = Self::new();
    }

    /// What is there.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or(&[])
    }

    /// As a C string, cut at a NUL inside.
    pub fn as_c(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.bytes).unwrap_or(c"")
    }
}

impl<const N: usize> fmt::Write for Text<N> {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        self.push(s.as_bytes())
    }
}
