//! What a run printed: files without a name, a number that stands for the content, and the first line that differs.
//!
//! What must hold here: nothing stays behind, however this ends; however much is printed, little of it is held in
//! memory.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::fd::AsRawFd;

use super::child::Stdio;

/// Characters of a line that are shown.
const SHOWN: usize = 60;
/// Bytes of a line that are compared; beyond, there is only the number.
const LINE: u64 = 1 << 16;
/// Bytes in which metrics are looked for, from the end.
const TEXT: u64 = 4 << 20;

/// The output of one run.
pub struct Capture {
    out: File,
    err: File,
}

/// The first line that differs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// "stdout" or "stderr"
    pub stream: &'static str,
    /// from 1
    pub line: usize,
    /// what it is elsewhere; `None`: it ends before
    pub expected: Option<String>,
    /// what it is here
    pub found: Option<String>,
}

impl Capture {
    /// Two empty files.
    ///
    /// # Errors
    /// TMPDIR cannot be written.
    pub fn new() -> io::Result<Capture> {
        Ok(Capture { out: nameless()?, err: nameless()? })
    }

    /// For a child.
    pub fn stdio<'a>(&'a self, input: &'a File) -> Stdio<'a> {
        Stdio { input, out: &self.out, err: &self.err }
    }

    /// A number for the content of both, by which they are compared.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn number(&self) -> io::Result<u64> {
        let mut number = Fnv::new();
        for file in [&self.out, &self.err] {
            let mut file = from_start(file)?;
            let mut buffer = vec![0; 1 << 16];
            loop {
                match file.read(&mut buffer)? {
                    0 => break,
                    got => number.add(&buffer[..got]),
                }
            }
            // What moves from one to the other is a difference too.
            number.add(&[0xff]);
        }
        Ok(number.0)
    }

    /// Where this differs from `expected`.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn difference(&self, expected: &Capture) -> io::Result<Option<Difference>> {
        for (stream, expected, found) in [("stdout", &expected.out, &self.out), ("stderr", &expected.err, &self.err)] {
            let (mut expected, mut found) = (lines(expected)?, lines(found)?);
            for line in 1.. {
                match (next(&mut expected)?, next(&mut found)?) {
                    (None, None) => break,
                    (a, b) if a == b => {}
                    (a, b) => {
                        let shown = |bytes: Option<Vec<u8>>| bytes.map(|bytes| printable(&bytes));
                        return Ok(Some(Difference { stream, line, expected: shown(a), found: shown(b) }));
                    }
                }
            }
        }
        Ok(None)
    }

    /// All that was printed, for looking into it: standard output, then standard error.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn text(&self) -> io::Result<String> {
        let mut text = Vec::new();
        for file in [&self.out, &self.err] {
            let mut file = file;
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(length.saturating_sub(TEXT)))?;
            file.take(TEXT).read_to_end(&mut text)?;
        }
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// The last lines, indented, for saying why something failed; empty if nothing was printed.
    pub fn last_lines(&self) -> String {
        let text = self.text().unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines.iter().skip(lines.len().saturating_sub(5)).map(|l| format!("\n  {}", printable(l.as_bytes()))).collect()
    }
}

fn nameless() -> io::Result<File> {
    let file = tempfile::tempfile()?;
    // SAFETY: an open descriptor. Appending: a program may open /dev/stdout once more.
    unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETFL, libc::O_APPEND) };
    Ok(file)
}

fn from_start(mut file: &File) -> io::Result<&File> {
    file.rewind()?;
    Ok(file)
}

fn lines(file: &File) -> io::Result<BufReader<&File>> {
    Ok(BufReader::new(from_start(file)?))
}

fn next(lines: &mut BufReader<&File>) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    lines.take(LINE).read_until(b'\n', &mut line)?;
    Ok((!line.is_empty()).then_some(line))
}

fn printable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes.strip_suffix(b"\n").unwrap_or(bytes));
    let mut shown: String = text.chars().take(SHOWN).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

/// FNV-1a with 64 bits.
struct Fnv(u64);

impl Fnv {
    fn new() -> Fnv {
        Fnv(0xcbf2_9ce4_8422_2325)
    }

    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn capture(out: &str, err: &str) -> Capture {
        let mut capture = Capture::new().unwrap();
        capture.out.write_all(out.as_bytes()).unwrap();
        capture.err.write_all(err.as_bytes()).unwrap();
        capture
    }

    #[test]
    fn the_first_line_that_differs_is_found() {
        let difference = capture("a\nb\nc\n", "").difference(&capture("a\nB\nC\n", "")).unwrap().unwrap();
        assert_eq!((difference.stream, difference.line), ("stdout", 2));
        assert_eq!((difference.expected.as_deref(), difference.found.as_deref()), (Some("B"), Some("b")));
    }

    #[test]
    fn an_output_that_ends_before_is_a_difference() {
        let difference = capture("a\n", "x\n").difference(&capture("a\n", "x\ny\n")).unwrap().unwrap();
        assert_eq!((difference.stream, difference.line, difference.found), ("stderr", 2, None));
    }

    #[test]
    fn what_moves_between_the_streams_changes_the_number() {
        assert_ne!(capture("a", "").number().unwrap(), capture("", "a").number().unwrap());
        assert_eq!(capture("a", "b").number().unwrap(), capture("a", "b").number().unwrap());
        assert_eq!(capture("a", "b").difference(&capture("a", "b")).unwrap(), None);
    }
}
