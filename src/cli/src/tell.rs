//! What this command says: its lines on standard error, its answers on standard output.
//!
//! What must hold here: each line on standard error is prefixed, so that nobody takes it for the program's, and a
//! closed or broken standard error stops nothing; an answer that cannot be written is an error, but no panic.

use std::fmt::Display;
use std::io::{self, Write};

use crate::style;

/// One line, or several.
pub fn tell(text: impl Display) {
    let _ = writeln!(io::stderr(), "{} {text}", style::name());
}

/// An answer, whole lines.
///
/// # Errors
/// Standard output cannot be written, other than because its reader has left.
pub fn answer(text: &str) -> io::Result<()> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}
