//! The heat map of a process: a strip of signs for each region, for people; all pieces, for programs.
//!
//! What must hold here: no line is wider than 80 columns, whatever a path has; what is not known of a piece is not drawn as
//! if it were 0.

use core::fmt::{self, Display, Write};

use super::words::Lossy;
use crate::heat::{Map, Piece, Region};
use crate::size::Human;

/// Signs of a strip.
const WIDTH: usize = 64;
/// Most bytes of a path; of a longer one the end is shown.
const PATH: usize = 64;
/// From nothing to all.
const ASCII: [char; 9] = [' ', '.', ':', '-', '=', '+', '*', '#', '@'];
const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Draws a map. `is_plain`: in ASCII.
pub fn heat(w: &mut dyn Write, map: &Map<'_>, is_plain: bool) -> fmt::Result {
    let signs = if is_plain { ASCII } else { BLOCKS };
    for region in map.regions() {
        write_path(w, region.path, is_plain)?;
        let locked = region.bytes_that(|p| p.is_locked);
        let (bytes, piece) = (Human(region.bytes), Human(region.piece));
        writeln!(w, "  {bytes}, {} pieces of {piece}; {} hot, {} locked", region.count(), hot(&region), Human(locked))?;
        strip(w, "heat", &region, &signs, |p| p.heat.map(|heat| u32::from(heat) * 100 / 15), true)?;
        strip(w, "locked", &region, &signs, |p| Some(if p.is_locked { 100 } else { 0 }), false)?;
        strip(w, "resident", &region, &signs, |p| p.present.map(|n| u32::from(n) * 100 / 8), false)?;
    }
    Ok(())
}

fn write_path(w: &mut dyn Write, path: &[u8], is_plain: bool) -> fmt::Result {
    let tail = path.get(path.len().saturating_sub(PATH)..).unwrap_or(path);
    let cut = if tail.len() < path.len() { "..." } else { "" };
    if is_plain && !tail.is_ascii() {
        write!(w, "heat of {cut}")?;
        tail.iter().try_for_each(|b| w.write_char(if b.is_ascii_graphic() { *b as char } else { '?' }))?;
        return w.write_char('\n');
    }
    writeln!(w, "heat of {cut}{}", Lossy(tail))
}

fn hot(region: &Region<'_>) -> impl Display {
    Human(region.bytes_that(|p| p.is_wanted))
}

/// One strip. `value`: of a piece, in percent. A sign stands for the hottest of its pieces, or for the mean of them.
fn strip(
    w: &mut dyn Write,
    name: &str,
    region: &Region<'_>,
    signs: &[char; 9],
    value: impl Fn(&Piece) -> Option<u32>,
    is_peak: bool,
) -> fmt::Result {
    write!(w, "  {name:<9}|")?;
    let (count, width) = (region.count(), region.count().min(WIDTH));
    let mut pieces = region.pieces();
    for column in 0..width {
        let many = (column + 1) * count / width - column * count / width;
        let (mut sum, mut peak, mut known) = (0, 0, 0);
        for percent in pieces.by_ref().take(many).filter_map(|piece| value(&piece)) {
            (sum, peak, known) = (sum + percent, percent.max(peak), known + 1);
        }
        let percent = if is_peak && known > 0 { Some(peak) } else { sum.checked_div(known) };
        // What is there at all is seen.
        let step = percent.map(|percent| (percent * 8).div_ceil(100).min(8));
        w.write_char(step.map_or('?', |step| signs.get(step as usize).copied().unwrap_or('?')))?;
    }
    w.write_str("|\n")
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::String;

    fn drawn(pieces: &str, path: &str, is_plain: bool) -> String {
        let bytes = pieces.len() / 3 * 65536;
        let text = std::format!("faultless heat 1\nregion 0 {bytes} 65536 0 {bytes} 0 {path}\n{pieces}\n");
        let mut out = String::new();
        heat(&mut out, &Map::read(text.as_bytes()).unwrap(), is_plain).unwrap();
        out
    }

    #[test]
    fn a_region_is_three_strips() {
        let out = drawn("f38f3800000410400-", "/data/index", true);
        let want = "heat of /data/index\n  384 KiB, 6 pieces of 64 KiB; 128 KiB hot, 128 KiB locked\n  \
                    heat     |@@  . |\n  locked   |@@    |\n  resident |@@ ==?|\n";
        assert_eq!(out, want);
    }

    #[test]
    fn no_line_is_wider_than_80_columns() {
        let path = "/".to_owned() + &"däta/".repeat(60);
        for is_plain in [true, false] {
            let out = drawn(&"f38".repeat(4096), &path, is_plain);
            assert!(out.lines().all(|line| line.chars().count() <= 80), "{out}");
        }
    }

    use std::borrow::ToOwned;

    #[test]
    fn plain_is_ascii() {
        assert!(drawn(&"f38838".repeat(300), &"/ä".repeat(200), true).is_ascii());
    }
}
