//! Heat maps as text: what `lock=hot` knows of the mappings that it watches, piece by piece. The shim writes one beside its
//! counter page (`PID.HEX.heat`), the command draws it and saves it (`--learn`), and the shim reads that at the next start
//! (FAULTLESS_HEAT).
//!
//! What must hold here: a map is read whole or refused, whatever bytes it has; every number in it is checked before it is
//! used, because a map may come from anybody.
//!
//! ```text
//! faultless heat 1
//! region START BYTES PIECE OFFSET SIZE MTIME PATH
//! PIECES
//! ```
//!
//! START is the mapping's address in hex; BYTES its length; PIECE the bytes of a piece, which begin at addresses that are
//! multiples of it; OFFSET where in the file START is; SIZE and MTIME (ns) are the file's; PATH runs to the line's end
//! (`anon` for memory that is no file's). Of each piece three signs: heat 0 to f (`-`: not sampled), its state (1 chosen, 2 locked, 3 both), and
//! how many eighths of it are present (`-`: unknown).

/// The first line.
pub const HEADER: &str = "faultless heat 1\n";
/// Bytes of the largest map that is read.
pub const MOST_BYTES: usize = 4 << 20;
/// Signs of a piece.
const SIGNS: usize = 3;
/// Bytes of the smallest piece.
const LEAST_PIECE: u64 = 4096;

/// What is known of one mapping.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Region<'a> {
    /// its address
    pub start: u64,
    /// bytes
    pub bytes: u64,
    /// bytes of a piece
    pub piece: u64,
    /// where in the file it begins
    pub offset: u64,
    /// bytes of the file
    pub size: u64,
    /// when the file was last changed (ns)
    pub mtime: i64,
    /// the file, or `anon`
    pub path: &'a [u8],
    pieces: &'a [u8],
}

/// What is known of one piece.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Piece {
    /// where in the mapping it begins
    pub from: u64,
    /// where it ends, exclusive
    pub to: u64,
    /// 0 to 15, if it was sampled
    pub heat: Option<u8>,
    /// chosen to be locked
    pub is_wanted: bool,
    /// locked
    pub is_locked: bool,
    /// eighths of it that are present, if that is known
    pub present: Option<u8>,
}

/// Three signs, as a map has them. `present`: eighths.
pub fn signs(heat: Option<u8>, is_wanted: bool, is_locked: bool, present: Option<u8>) -> [u8; SIGNS] {
    let digit = |n: u8| *b"0123456789abcdef".get(n as usize & 15).unwrap_or(&b'0');
    let state = u8::from(is_wanted) + 2 * u8::from(is_locked);
    [heat.map_or(b'-', digit), digit(state), present.map_or(b'-', |eighths| digit(eighths.min(8)))]
}

impl<'a> Region<'a> {
    /// Whether it is of a file.
    pub fn is_file(&self) -> bool {
        self.path.first() == Some(&b'/')
    }

    /// How many pieces it has.
    pub fn count(&self) -> usize {
        self.pieces.len() / SIGNS
    }

    /// All of them, by address.
    pub fn pieces(&self) -> impl Iterator<Item = Piece> + use<'a> {
        let Region { start, bytes, piece, .. } = *self;
        let first = start / piece;
        self.pieces.as_chunks::<SIGNS>().0.iter().enumerate().map(move |(index, signs)| {
            let at = (first + index as u64) * piece;
            let digit = |sign: u8| (sign as char).to_digit(16).map(|n| n as u8);
            let state = digit(signs[1]).unwrap_or(0);
            Piece {
                from: at.saturating_sub(start),
                to: (at + piece - start).min(bytes),
                heat: digit(signs[0]),
                is_wanted: state & 1 != 0,
                is_locked: state & 2 != 0,
                present: digit(signs[2]),
            }
        })
    }

    /// Bytes of the pieces for which `is` says so.
    pub fn bytes_that(&self, is: impl Fn(&Piece) -> bool) -> u64 {
        self.pieces().filter(is).map(|piece| piece.to - piece.from).sum()
    }

    fn parse(line: &'a [u8], pieces: &'a [u8]) -> Option<Region<'a>> {
        let text = |word: &'a [u8]| core::str::from_utf8(word).ok().filter(|t| !t.starts_with('+'));
        let number = |word: &'a [u8]| text(word)?.parse::<u64>().ok();
        let mut words = line.splitn(8, |b| *b == b' ');
        if words.next()? != b"region" {
            return None;
        }
        let start = u64::from_str_radix(text(words.next()?)?, 16).ok()?;
        let (bytes, piece, offset) = (number(words.next()?)?, number(words.next()?)?, number(words.next()?)?);
        let (size, mtime) = (number(words.next()?)?, text(words.next()?)?.parse().ok()?);
        let path = words.next().filter(|path| !path.is_empty() && !path.contains(&0))?;
        let end = start.checked_add(bytes)?.checked_next_multiple_of(piece.is_power_of_two().then_some(piece)?)?;
        offset.checked_add(bytes)?;
        let count = (end - start / piece * piece) / piece;
        let is_whole = bytes > 0 && piece >= LEAST_PIECE && pieces.len() as u64 == count.checked_mul(SIGNS as u64)?;
        let is_sign = |s: &[u8; SIGNS]| {
            (s[0].is_ascii_hexdigit() || s[0] == b'-')
                && (b'0'..=b'3').contains(&s[1])
                && matches!(s[2], b'0'..=b'8' | b'-')
        };
        let is_sound = is_whole && pieces.as_chunks::<SIGNS>().0.iter().all(is_sign);
        is_sound.then_some(Region { start, bytes, piece, offset, size, mtime, path, pieces })
    }
}

/// A map that has been read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Map<'a>(&'a [u8]);

impl<'a> Map<'a> {
    /// Reads a map, all of it.
    ///
    /// # Errors
    /// What is wrong, in a few words.
    pub fn read(text: &'a [u8]) -> Result<Map<'a>, &'static str> {
        if text.len() > MOST_BYTES {
            return Err("larger than 4 MiB");
        }
        let body = text.strip_prefix(HEADER.as_bytes()).ok_or("no heat map, or one of another version")?;
        match body.is_empty() || body.ends_with(b"\n") && Regions(body).all(|region| region.is_some()) {
            true => Ok(Map(body)),
            false => Err("a damaged heat map"),
        }
    }

    /// A text that [`Map::read`] has accepted before.
    pub fn accepted(text: &'a [u8]) -> Map<'a> {
        Map(text.get(HEADER.len()..).unwrap_or(&[]))
    }

    /// Its regions.
    pub fn regions(&self) -> impl Iterator<Item = Region<'a>> + use<'a> {
        Regions(self.0).flatten()
    }
}

struct Regions<'a>(&'a [u8]);

impl<'a> Iterator for Regions<'a> {
    type Item = Option<Region<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut lines = self.0.splitn(3, |b| *b == b'\n');
        let line = lines.next().filter(|line| !line.is_empty())?;
        let pieces = lines.next().unwrap_or(&[]);
        self.0 = lines.next().unwrap_or(&[]);
        Some(Region::parse(line, pieces))
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::String;
    use std::vec::Vec;

    const ONE: &str = "faultless heat 1\nregion 7f0000018000 262144 65536 4096 1000000 -5 /data/a b\nf3800010401-f20\n";

    #[test]
    fn pieces_begin_at_multiples_of_their_size() {
        let map = Map::read(ONE.as_bytes()).unwrap();
        let region = map.regions().next().unwrap();
        assert_eq!((region.path, region.offset, region.mtime, region.count()), (&b"/data/a b"[..], 4096, -5, 5));
        let pieces: Vec<_> = region.pieces().collect();
        let places: Vec<_> = pieces.iter().map(|p| (p.from >> 10, p.to >> 10)).collect();
        assert_eq!(places, [(0, 32), (32, 96), (96, 160), (160, 224), (224, 256)]);
        assert_eq!(
            (pieces[0].heat, pieces[0].is_wanted, pieces[0].is_locked, pieces[0].present),
            (Some(15), true, true, Some(8))
        );
        assert_eq!((pieces[1].present, pieces[2].is_wanted, pieces[3].present), (Some(0), false, None));
        assert_eq!(region.bytes_that(|p| p.is_locked), (32 + 32) << 10);
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        let mut text = String::from("faultless heat 1\nregion 10000 65536 65536 0 65536 0 anon\n");
        text.extend(signs(Some(15), true, false, Some(8)).map(char::from));
        text.push('\n');
        let map = Map::read(text.as_bytes()).unwrap();
        let piece = map.regions().next().unwrap().pieces().next().unwrap();
        assert_eq!((piece.heat, piece.is_wanted, piece.is_locked, piece.present), (Some(15), true, false, Some(8)));
        assert!(!map.regions().next().unwrap().is_file());
    }

    #[test]
    fn a_map_that_is_cut_off_or_changed_at_any_byte_is_refused_or_read_and_never_more() {
        for end in 0..ONE.len() {
            let is_empty_map = end == HEADER.len();
            assert_eq!(Map::read(&ONE.as_bytes()[..end]).is_ok(), is_empty_map, "{end}");
        }
        for at in 0..ONE.len() {
            for byte in [0, b' ', b'\n', b'9', b'f', b'-', 255] {
                let mut text = ONE.as_bytes().to_vec();
                text[at] = byte;
                for region in Map::read(&text).iter().flat_map(Map::regions) {
                    for piece in region.pieces() {
                        assert!(piece.from < piece.to && piece.to <= region.bytes, "{at} {byte}");
                    }
                }
            }
        }
    }

    #[test]
    fn numbers_that_overflow_are_refused() {
        for line in [
            "region ffffffffffffffff 4096 4096 0 0 0 /a\n000",
            "region 0 18446744073709551615 4096 0 0 0 /a\n000",
            "region 0 4096 4096 18446744073709551615 0 0 /a\n000",
            "region 0 4096 0 0 0 0 /a\n000",
            "region 0 0 4096 0 0 0 /a\n",
            "region 0 4096 4096 0 0 0 \n000",
            "region 0 4096 4096 0 0 0\n000",
            "region 0 4096 4096 0 0 0 /a\n009",
            "region 0 +4096 4096 0 0 0 /a\n000",
        ] {
            let text = std::format!("{HEADER}{line}\n");
            assert_eq!(Map::read(text.as_bytes()), Err("a damaged heat map"), "{line}");
        }
    }
}
