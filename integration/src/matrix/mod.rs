//! `make matrix`: each C library times each kind of program and place, tried; docs/platforms.md is what came of it.
//!
//! What must hold here: a cell stands for runs of this build; what was not run is said so.

pub mod cell;
pub mod document;
pub mod ground;
pub mod rows;

use ground::Ground;

/// A column: what the table calls it, the Debian release that has it, the compiler there.
pub type Column = (&'static str, &'static str, &'static str);

/// The C libraries: the oldest that debootstrap still finds, the one that most tests run on, a newer one, and musl.
pub const COLUMNS: &[Column] = &[
    ("glibc 2.31 (Debian 11)", "bullseye", "gcc"),
    ("glibc 2.36 (Debian 12)", "bookworm", "gcc"),
    ("glibc 2.41 (Debian 13)", "trixie", "gcc"),
    ("musl 1.2.3 (Debian 12)", "bookworm", "musl-gcc"),
    ("musl 1.2.5 (Debian 13)", "trixie", "musl-gcc"),
];

/// Tries a column's rows; `tell` gets each cell as soon as it is known.
pub fn fill(ground: &Ground, mut tell: impl FnMut(&rows::Row, &Result<cell::Cell, String>)) -> Result<(), String> {
    rows::prepare(ground)?;
    for row in rows::ROWS {
        tell(row, &(row.run)(ground));
    }
    Ok(())
}
