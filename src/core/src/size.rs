//! Sizes as rules and options write them (`64K`, `1M`, `2G`, `1T`, `100pct`), and as reports show them.
//!
//! What must hold here: no overflow, whatever the digits; a size is exact in bytes or a share of memory.

use core::fmt;

/// A size in a rule or an option.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Size {
    /// so many bytes
    Bytes(u64),
    /// so many hundredths of memory: the smaller of MemTotal and every ancestor cgroup's limit
    Pct(u32),
}

/// Why a size could not be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SizeError {
    /// no digit where one must stand
    NoDigits,
    /// letters after the digits that are no unit
    BadUnit,
    /// more than 2^63 - 1 bytes, or more than 1,000,000 pct
    TooLarge,
}

impl Size {
    /// The size in bytes on a machine with `memory` bytes.
    pub fn bytes(self, memory: u64) -> u64 {
        match self {
            Size::Bytes(b) => b,
            Size::Pct(p) => ((memory as u128 * p as u128) / 100).min(i64::MAX as u128) as u64,
        }
    }

    /// Whether [`Size::bytes`] needs to know the machine's memory.
    pub fn is_relative(self) -> bool {
        matches!(self, Size::Pct(_))
    }

    /// Reads `DIGIT { DIGIT } [ "K" | "M" | "G" | "T" | "pct" ]`; the whole of `s` must be one size.
    pub fn parse(s: &[u8]) -> Result<Size, SizeError> {
        let digits = s.iter().take_while(|b| b.is_ascii_digit()).count();
        let (number, unit) = s.split_at(digits);
        if number.is_empty() {
            return Err(SizeError::NoDigits);
        }
        let mut value: u64 = 0;
        for d in number {
            value =
                value.checked_mul(10).and_then(|v| v.checked_add(u64::from(d - b'0'))).ok_or(SizeError::TooLarge)?;
        }
        let shift = match unit {
            b"" => 0,
            b"K" => 10,
            b"M" => 20,
            b"G" => 30,
            b"T" => 40,
            b"pct" if value <= 1_000_000 => return Ok(Size::Pct(value as u32)),
            b"pct" => return Err(SizeError::TooLarge),
            _ => return Err(SizeError::BadUnit),
        };
        match value.checked_mul(1 << shift) {
            Some(bytes) if bytes <= i64::MAX as u64 => Ok(Size::Bytes(bytes)),
            _ => Err(SizeError::TooLarge),
        }
    }
}

impl fmt::Display for Size {
    /// The shortest spelling that reads back as the same size.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Size::Pct(p) => write!(f, "{p}pct"),
            Size::Bytes(b) => {
                for (shift, unit) in [(40, "T"), (30, "G"), (20, "M"), (10, "K")] {
                    if b != 0 && b % (1 << shift) == 0 {
                        return write!(f, "{}{unit}", b >> shift);
                    }
                }
                write!(f, "{b}")
            }
        }
    }
}

/// Bytes as a person reads them: `0`, `512 B`, `41 MiB`, `6.10 GiB` (three digits where there is a fraction).
pub struct Human(pub u64);

impl fmt::Display for Human {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        struct Text([u8; 16], usize);
        impl fmt::Write for Text {
            fn write_str(&mut self, s: &str) -> fmt::Result {
                let end = self.1 + s.len();
                self.0.get_mut(self.1..end).ok_or(fmt::Error)?.copy_from_slice(s.as_bytes());
                self.1 = end;
                Ok(())
            }
        }
        use fmt::Write;
        let mut t = Text([0; 16], 0);
        let b = self.0;
        let units: [(u32, &str); 4] = [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")];
        match units.iter().find(|(shift, _)| b >> shift != 0) {
            None if b == 0 => t.write_str("0")?,
            None => write!(t, "{b} B")?,
            Some((shift, unit)) => {
                let hundredths = (b as u128 * 100) >> shift;
                let (whole, part) = (hundredths / 100, hundredths % 100);
                match whole {
                    _ if part == 0 || whole >= 100 => write!(t, "{whole} {unit}")?,
                    10.. => write!(t, "{whole}.{} {unit}", part / 10)?,
                    _ => write!(t, "{whole}.{part:02} {unit}")?,
                }
            }
        }
        f.pad(core::str::from_utf8(t.0.get(..t.1).unwrap_or(&[])).unwrap_or(""))
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    #[test]
    fn a_size_reads_back_as_it_was_written() {
        for s in ["0", "4096", "64K", "1M", "3G", "2T", "100pct"] {
            let size = Size::parse(s.as_bytes()).expect(s);
            assert_eq!(Size::parse(size.to_string().as_bytes()), Ok(size));
        }
        assert_eq!(Size::parse(b"64K"), Ok(Size::Bytes(65536)));
    }

    #[test]
    fn a_size_that_overflows_is_refused() {
        for s in ["18446744073709551616", "9223372036854775808", "8388608T", "99999999999999999999T", "1000001pct"] {
            assert_eq!(Size::parse(s.as_bytes()), Err(SizeError::TooLarge), "{s}");
        }
    }

    #[test]
    fn a_size_with_a_foreign_unit_is_refused() {
        for s in ["1k", "1MB", "1 M", "5%", "1.5G"] {
            assert_eq!(Size::parse(s.as_bytes()), Err(SizeError::BadUnit), "{s}");
        }
        assert_eq!(Size::parse(b""), Err(SizeError::NoDigits));
        assert_eq!(Size::parse(b"M"), Err(SizeError::NoDigits));
    }

    #[test]
    fn bytes_are_shown_with_three_digits() {
        for (b, s) in [
            (0, "0"),
            (512, "512 B"),
            (1 << 30, "1 GiB"),
            (6_549_825_126, "6.09 GiB"),
            (41 << 20, "41 MiB"),
            (u64::MAX, "16777215 TiB"),
        ] {
            assert_eq!(Human(b).to_string(), s);
        }
    }
}
