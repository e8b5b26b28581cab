//! Columns that line up, without memory for the cells.
//!
//! What must hold here: the rows are made twice, once to measure and once to write, so making them must give the same
//! cells both times; no line ends in blanks.

use core::fmt::{self, Display, Write};

/// To which side the cells of a column keep.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

/// Takes the cells of one row.
pub(super) type Sink<'a, const N: usize> = &'a mut dyn FnMut([&dyn Display; N]) -> fmt::Result;

/// Counts characters.
struct Width(usize);

impl Write for Width {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        self.0 += s.chars().count();
        Ok(())
    }
}

fn width(cell: &dyn Display) -> Result<usize, fmt::Error> {
    let mut width = Width(0);
    write!(width, "{cell}")?;
    Ok(width.0)
}

/// Writes the rows that `rows` gives, columns two blanks apart.
pub(super) fn table<const N: usize>(
    w: &mut dyn Write,
    sides: [Side; N],
    rows: &dyn Fn(Sink<'_, N>) -> fmt::Result,
) -> fmt::Result {
    let mut widths = [0; N];
    rows(&mut |cells| {
        for (most, cell) in widths.iter_mut().zip(cells) {
            *most = width(cell)?.max(*most);
        }
        Ok(())
    })?;
    rows(&mut |cells| {
        // Blanks are owed until something stands behind them.
        let mut owed = 0;
        for ((cell, most), side) in cells.into_iter().zip(widths).zip(sides) {
            let own = width(cell)?;
            let pad = most.saturating_sub(own);
            if own == 0 {
                owed += most;
            } else {
                let before = if side == Side::Right { pad } else { 0 };
                write!(w, "{:1$}{cell}", "", owed + before)?;
                owed = pad - before;
            }
            owed += 2;
        }
        w.write_char('\n')
    })
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::String;

    #[test]
    fn columns_line_up_and_no_line_ends_in_blanks() {
        let mut out = String::new();
        table(&mut out, [Side::Left, Side::Right, Side::Left], &|row| {
            row([&"a", &"count", &""])?;
            row([&"long", &7, &"x"])?;
            row([&"ä", &"", &"y"])
        })
        .expect("a string takes all");
        assert_eq!(out, "a     count\nlong      7  x\nä            y\n");
    }
}
