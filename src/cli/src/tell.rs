//! The lines that this command says on standard error.
//!
//! What must hold here: each is prefixed, so that nobody takes them for the program's; a closed or broken standard
//! error stops nothing.

use std::fmt::Display;
use std::io::{self, Write};

use crate::style;

/// One line, or several.
pub fn tell(text: impl Display) {
    let _ = writeln!(io::stderr(), "{} {text}", style::name());
}
