//! How reports write numbers, times, names and errnos.
//!
//! What must hold here: a name from a page may hold any byte, and none of them may reach a terminal as a control
//! character; a share is never rounded to 0 or 100 % unless it is that.

use core::fmt::{self, Display, Formatter, Write};

use crate::size::Human;

/// A number with a comma every three digits.
pub(super) struct Count(pub u64);

impl Display for Count {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut divisor = 1;
        while self.0 / divisor >= 1000 {
            divisor *= 1000;
        }
        write!(f, "{}", self.0 / divisor)?;
        while divisor > 1 {
            let rest = self.0 % divisor;
            divisor /= 1000;
            write!(f, ",{:03}", rest / divisor)?;
        }
        Ok(())
    }
}

/// Something that may not be known.
pub(super) struct Known<T>(pub Option<T>);

impl<T: Display> Display for Known<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(x) => x.fmt(f),
            None => f.write_str("unknown"),
        }
    }
}

/// Nanoseconds as a person reads them.
pub(super) struct Time(pub u64);

impl Display for Time {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let ns = self.0;
        match ns {
            0 => f.write_str("0 s"),
            1..1_000 => write!(f, "{ns} ns"),
            1_000..1_000_000 => write!(f, "{} us", ns / 1_000),
            1_000_000..10_000_000 => write!(f, "{}.{} ms", ns / 1_000_000, ns / 100_000 % 10),
            10_000_000..1_000_000_000 => write!(f, "{} ms", ns / 1_000_000),
            1_000_000_000..10_000_000_000 => write!(f, "{}.{:02} s", ns / 1_000_000_000, ns / 10_000_000 % 100),
            10_000_000_000..100_000_000_000 => write!(f, "{}.{} s", ns / 1_000_000_000, ns / 100_000_000 % 10),
            _ => write!(f, "{} s", ns / 1_000_000_000),
        }
    }
}

/// Bytes from outside as text: what is no UTF-8, and every control character, becomes U+FFFD.
pub(super) struct Lossy<'a>(pub &'a [u8]);

impl Display for Lossy<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                f.write_char(if c.is_control() { char::REPLACEMENT_CHARACTER } else { c })?;
            }
            if !chunk.invalid().is_empty() {
                f.write_char(char::REPLACEMENT_CHARACTER)?;
            }
        }
        Ok(())
    }
}

/// `7.10 of 7.50 GiB`: the unit once, where it is the same.
pub(super) struct Of(pub u64, pub u64);

impl Display for Of {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (part, whole) = (Unit::of(self.0)?, Unit::of(self.1)?);
        let (number, unit) = part.halves();
        match whole.halves() {
            (_, Some(other)) if unit == Some(other) => f.write_str(number)?,
            _ => write!(f, "{}", Human(self.0))?,
        }
        write!(f, " of {}", Human(self.1))
    }
}

/// A [`Human`] size, written out.
struct Unit([u8; 16], usize);

impl Unit {
    fn of(bytes: u64) -> Result<Unit, fmt::Error> {
        let mut text = Unit([0; 16], 0);
        write!(text, "{}", Human(bytes))?;
        Ok(text)
    }

    /// The digits, and the unit if there is one.
    fn halves(&self) -> (&str, Option<&str>) {
        let text = self.0.get(..self.1).and_then(|b| core::str::from_utf8(b).ok()).unwrap_or("");
        text.split_once(' ').map_or((text, None), |(number, unit)| (number, Some(unit)))
    }
}

impl Write for Unit {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        let end = self.1 + s.len();
        self.0.get_mut(self.1..end).ok_or(fmt::Error)?.copy_from_slice(s.as_bytes());
        self.1 = end;
        Ok(())
    }
}

/// `96 %`, rounded down; `<1 %` for what is more than nothing, `>99 %` for what is less than all.
pub(super) struct Share(pub u64, pub u64);

impl Display for Share {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match (u128::from(self.0) * 100).checked_div(u128::from(self.1)) {
            None => f.write_str("unknown"),
            Some(0) if self.0 > 0 => f.write_str("<1 %"),
            Some(99) if u128::from(self.0) * 100 % u128::from(self.1) != 0 => f.write_str(">99 %"),
            Some(percent) => write!(f, "{percent} %"),
        }
    }
}

/// An errno by its name, where actions meet it.
pub(super) struct Errno(pub u16);

impl Display for Errno {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            1 => "EPERM",
            4 => "EINTR",
            5 => "EIO",
            9 => "EBADF",
            11 => "EAGAIN",
            12 => "ENOMEM",
            13 => "EACCES",
            14 => "EFAULT",
            16 => "EBUSY",
            19 => "ENODEV",
            22 => "EINVAL",
            27 => "EFBIG",
            28 => "ENOSPC",
            38 => "ENOSYS",
            95 => "EOPNOTSUPP",
            133 => "EHWPOISON",
            n => return write!(f, "errno {n}"),
        })
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    #[test]
    fn thousands_are_separated() {
        for (n, s) in [(0, "0"), (999, "999"), (1000, "1,000"), (41_210, "41,210"), (1_002_003, "1,002,003")] {
            assert_eq!(Count(n).to_string(), s);
        }
        assert_eq!(Count(u64::MAX).to_string(), "18,446,744,073,709,551,615");
    }

    #[test]
    fn times_have_the_unit_that_suits_them() {
        for (ns, s) in [
            (0, "0 s"),
            (999, "999 ns"),
            (420_000, "420 us"),
            (1_250_000, "1.2 ms"),
            (31_000_000, "31 ms"),
            (1_234_000_000, "1.23 s"),
            (12_345_000_000, "12.3 s"),
            (7_412_000_000_000, "7412 s"),
        ] {
            assert_eq!(Time(ns).to_string(), s);
        }
    }

    #[test]
    fn no_control_character_gets_through() {
        assert_eq!(Lossy(b"a\x1b[31m\xffb\n").to_string(), "a\u{fffd}[31m\u{fffd}b\u{fffd}");
    }

    #[test]
    fn a_unit_that_is_the_same_is_written_once() {
        assert_eq!(Of(7 << 30, 8 << 30).to_string(), "7 of 8 GiB");
        assert_eq!(Of(7 << 20, 8 << 30).to_string(), "7 MiB of 8 GiB");
        assert_eq!(Of(0, 8 << 20).to_string(), "0 of 8 MiB");
        assert_eq!(Of(0, 0).to_string(), "0 of 0");
    }

    #[test]
    fn a_share_is_whole_or_nothing_only_when_it_is() {
        assert_eq!(Share(999_999, 1_000_000).to_string(), ">99 %");
        assert_eq!(Share(99, 100).to_string(), "99 %");
        assert_eq!(Share(1, 1_000_000).to_string(), "<1 %");
        assert_eq!(Share(0, 5).to_string(), "0 %");
        assert_eq!(Share(5, 5).to_string(), "100 %");
        assert_eq!(Share(0, 0).to_string(), "unknown");
    }
}
