//! Where the exit report goes: the values of `FAULTLESS_REPORT`.
//!
//! What must hold here: a path is UTF-8 without NUL, so that it can be expanded through `fmt::Write` unchanged; and
//! what `{exe}` brings in cannot add a folder to it.

use core::fmt::{self, Write};

/// Where the exit report goes. A path may hold `{pid}` and `{exe}`, because systemd eats `%`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Report<'a> {
    /// one line, only from a process in which a rule matched and whose parent has no counter page
    Auto,
    /// nowhere
    None,
    /// the table on standard error, from every process
    All,
    /// to this file, as JSON
    Json(&'a [u8]),
    /// to this file, as text
    Text(&'a [u8]),
    /// to this file, for Prometheus
    Prom(&'a [u8]),
}

impl<'a> Report<'a> {
    /// Reads the option's value; an error is what is wrong, and where.
    pub(crate) fn parse(value: &'a [u8]) -> Result<Self, (&'static str, usize, usize)> {
        match value {
            b"auto" => return Ok(Report::Auto),
            b"none" => return Ok(Report::None),
            b"all" => return Ok(Report::All),
            _ => {}
        }
        let at = value.iter().position(|b| *b == b'=').map_or(value.len(), |i| i + 1);
        let (form, path) = value.split_at_checked(at).unwrap_or((value, &[]));
        let report = match form {
            b"json=" => Report::Json(path),
            b"text=" => Report::Text(path),
            b"prom=" => Report::Prom(path),
            _ => return Err(("none of auto, none, all, json=PATH, text=PATH, prom=PATH", 0, value.len())),
        };
        check(path).map_err(|(why, start, end)| (why, at + start, at + end))?;
        Ok(report)
    }
}

/// What is wrong with a path, and where.
fn check(path: &[u8]) -> Result<(), (&'static str, usize, usize)> {
    let text = match core::str::from_utf8(path) {
        Ok("") => return Err(("a path must follow", 0, 0)),
        Ok(text) if !text.contains('\0') => text,
        _ => return Err(("a path must be UTF-8 here", 0, path.len())),
    };
    for (open, _) in text.match_indices('{') {
        let rest = text.get(open..).unwrap_or("");
        if !rest.starts_with("{pid}") && !rest.starts_with("{exe}") {
            let len = rest.find('}').map_or(rest.len(), |close| close + 1);
            return Err(("only {pid} and {exe} are known here", open, open + len));
        }
    }
    Ok(())
}

/// A report's path, to be expanded for one process.
#[derive(Clone, Copy, Debug)]
pub struct ReportPath<'a> {
    /// as [`Report`] holds it
    pub template: &'a [u8],
    /// for `{pid}`
    pub pid: u32,
    /// for `{exe}`: a base name; bytes of it that a file name should not have become `_`
    pub exe: &'a [u8],
}

impl ReportPath<'_> {
    /// Writes the path. Fails when `w` is full, and on a template that [`crate::options::Settings::set`] refuses.
    pub fn expand(&self, w: &mut dyn Write) -> fmt::Result {
        let mut rest = core::str::from_utf8(self.template).map_err(|_| fmt::Error)?;
        while let Some((before, from)) = rest.find('{').and_then(|at| rest.split_at_checked(at)) {
            w.write_str(before)?;
            if let Some(after) = from.strip_prefix("{pid}") {
                write!(w, "{}", self.pid)?;
                rest = after;
            } else if let Some(after) = from.strip_prefix("{exe}") {
                for chunk in self.exe.utf8_chunks() {
                    for c in chunk.valid().chars() {
                        w.write_char(if c == '/' || c.is_control() { '_' } else { c })?;
                    }
                    if !chunk.invalid().is_empty() {
                        w.write_char('_')?;
                    }
                }
                rest = after;
            } else {
                return Err(fmt::Error);
            }
        }
        w.write_str(rest)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::String;

    fn expanded(template: &str, exe: &[u8]) -> String {
        let mut out = String::new();
        ReportPath { template: template.as_bytes(), pid: 4711, exe }.expand(&mut out).expect(template);
        out
    }

    #[test]
    fn pid_and_exe_are_put_into_the_path() {
        assert_eq!(expanded("/tmp/{exe}.{pid}.{pid}.json", b"server"), "/tmp/server.4711.4711.json");
        assert_eq!(expanded("/tmp/plain", b"server"), "/tmp/plain");
    }

    #[test]
    fn the_name_of_a_program_cannot_leave_the_folder() {
        assert_eq!(expanded("/tmp/{exe}", b"../a\xff\nb"), "/tmp/.._a__b");
    }

    #[test]
    fn each_destination_is_read() {
        assert_eq!(Report::parse(b"auto"), Ok(Report::Auto));
        assert_eq!(Report::parse(b"none"), Ok(Report::None));
        assert_eq!(Report::parse(b"all"), Ok(Report::All));
        assert_eq!(Report::parse(b"text=a"), Ok(Report::Text(b"a")));
        assert_eq!(Report::parse(b"prom=/a/{exe}"), Ok(Report::Prom(b"/a/{exe}")));
    }

    #[test]
    fn a_fault_in_the_path_is_pointed_at() {
        assert_eq!(Report::parse(b"json=/a/{foo}b").map_err(|e| (e.1, e.2)), Err((8, 13)));
        assert_eq!(Report::parse(b"json=").map_err(|e| (e.1, e.2)), Err((5, 5)));
        assert_eq!(Report::parse(b"json=\xff").map_err(|e| (e.1, e.2)), Err((5, 6)));
        assert_eq!(Report::parse(b"json=a\0b").map_err(|e| (e.1, e.2)), Err((5, 8)));
    }
}
