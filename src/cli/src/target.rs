//! Whether preloading can reach a program: its file is found as execvp finds it, scripts are followed to their
//! interpreter, and what is run in the end is looked at.
//!
//! What must hold here: nothing is run and nothing is changed; a file that cannot be read is `Unknown`, never
//! "not reached", because the loader may still manage; a doubt never keeps a program from starting.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use faultless_core::rules::{Kind, Policy};

use crate::elf::{self, Facts, Header, Sanitizer};
use crate::privilege;

/// How many interpreters are followed; the kernel gives up after five (ELOOP).
const CHAIN: usize = 4;
/// The kernel reads so many bytes of a script's first line (BINPRM_BUF_SIZE, Linux 5.1).
const LINE: usize = 256;
/// Where execvp looks when PATH is unset (confstr(_CS_PATH)).
const DEFAULT_PATH: &str = "/bin:/usr/bin";

/// Why the loader will not load a preloaded library into a program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// no PT_INTERP: no loader runs
    Static,
    /// another user's setuid bit: the loader drops LD_PRELOAD (AT_SECURE)
    Setuid,
    /// another group's setgid bit
    Setgid,
    /// file capabilities
    Capabilities,
    /// an ELF file of another class or machine than the library
    Foreign,
    /// a runtime inside ends the program when the library is loaded
    Sanitizer(Sanitizer),
}

impl Why {
    /// Whether LD_PRELOAD does harm there. Elsewhere it is left in place for the programs that this one starts.
    pub fn forbids_preload(self) -> bool {
        matches!(self, Why::Foreign | Why::Sanitizer(_))
    }

    /// What comes of it for the program and those that it starts.
    pub fn consequence(self) -> &'static str {
        match self {
            Why::Foreign | Why::Sanitizer(_) => "started without",
            Why::Static => "only programs that it starts are reached",
            // glibc's loader takes LD_PRELOAD out of such a program's environment; musl's doesn't.
            Why::Setuid | Why::Setgid | Why::Capabilities => {
                "nor what it starts, under glibc: put faultless run behind it (sudo faultless run -- …)"
            }
        }
    }

    /// In a column of the table.
    pub fn short(self) -> &'static str {
        match self {
            Why::Static => "static executable",
            Why::Setuid => "setuid",
            Why::Setgid => "setgid",
            Why::Capabilities => "file capabilities",
            Why::Foreign => "another ELF class or machine",
            Why::Sanitizer(Sanitizer::Address) => "AddressSanitizer",
            Why::Sanitizer(Sanitizer::Thread) => "ThreadSanitizer",
            Why::Sanitizer(Sanitizer::Memory) => "MemorySanitizer",
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Why::Static => "static: preloading cannot reach it",
            Why::Setuid => "setuid: the loader ignores LD_PRELOAD there",
            Why::Setgid => "setgid: the loader ignores LD_PRELOAD there",
            Why::Capabilities => "given file capabilities: the loader ignores LD_PRELOAD there",
            Why::Foreign => "of another ELF class or machine than libfaultless.so",
            Why::Sanitizer(Sanitizer::Address) => "built with AddressSanitizer, which must be loaded first",
            Why::Sanitizer(Sanitizer::Thread) => "built with ThreadSanitizer, which bears no mappings of others",
            Why::Sanitizer(Sanitizer::Memory) => "built with MemorySanitizer, which bears no mappings of others",
        })
    }
}

/// What is known about reaching a program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// the loader will load the library
    Reached,
    /// it will not, or must not be asked to
    NotReached(Why),
    /// could not be found out: why
    Unknown(String),
}

/// A program, before it runs.
#[derive(Clone, Debug)]
pub struct Target {
    /// as it was typed
    pub name: OsString,
    /// its file; `None` if execvp will not find one
    pub file: Option<PathBuf>,
    /// the interpreters of a script, outermost first
    pub interpreters: Vec<PathBuf>,
    /// what preloading can do
    pub verdict: Verdict,
    /// what runs in the end is a Go program
    pub go: bool,
}

impl Target {
    /// Looks at the program that `name` stands for; `library` is what will be preloaded.
    pub fn look(name: &OsStr, library: Header) -> Target {
        let mut target = Target {
            name: name.to_owned(),
            file: find(name),
            interpreters: Vec::new(),
            verdict: Verdict::Unknown("no such program".into()),
            go: false,
        };
        let Some(mut file) = target.file.clone() else { return target };
        loop {
            match start(&file) {
                Err(error) => {
                    target.verdict = Verdict::Unknown(format!("cannot read {}: {error}", file.display()));
                    return target;
                }
                Ok(bytes) => match interpreter(&bytes) {
                    None => {
                        (target.verdict, target.go) = look_at_elf(&file, &bytes, library);
                        return target;
                    }
                    Some(_) if target.interpreters.len() == CHAIN => {
                        target.verdict = Verdict::Unknown("more than four interpreters".into());
                        return target;
                    }
                    Some(next) => match find(&next) {
                        None => {
                            target.verdict = Verdict::Unknown(format!("no interpreter {}", next.display()));
                            return target;
                        }
                        Some(next) => {
                            target.interpreters.push(next.clone());
                            file = next;
                        }
                    },
                },
            }
        }
    }

    /// For a Go program that the library is loaded into: which rules it will go without. Its runtime maps memory by system
    /// calls of its own.
    pub fn left_to_go(&self, policy: &Policy) -> Option<String> {
        let rules =
            policy.rules().iter().enumerate().filter(|(_, rule)| rule.kind != Kind::Text && !rule.actions.leave);
        let rules: Vec<_> = rules.map(|(i, _)| (i + 1).to_string()).collect();
        (self.go && !rules.is_empty()).then(|| {
            format!(
                "{} is a Go program, which maps memory by system calls of its own: rules {} reach only what its C parts do",
                self.name.display(),
                rules.join(", ")
            )
        })
    }

    /// Why the library will not be preloaded, if it won't.
    pub fn not_reached(&self) -> Option<Why> {
        match self.verdict {
            Verdict::NotReached(why) => Some(why),
            _ => None,
        }
    }
}

impl fmt::Display for Target {
    /// One clause: `./x is static: preloading cannot reach it`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name.display())?;
        for (i, interpreter) in self.interpreters.iter().enumerate() {
            let (by, then) = if i == 0 { (" is run by ", "") } else { (", that by ", "") };
            write!(f, "{by}{}{then}", interpreter.display())?;
        }
        let is = if self.interpreters.is_empty() { " is" } else { ", which is" };
        match &self.verdict {
            Verdict::Reached => write!(f, "{is} reached by preloading"),
            Verdict::NotReached(why) => write!(f, "{is} {why}"),
            Verdict::Unknown(why) => write!(f, ": unknown whether preloading reaches it ({why})"),
        }
    }
}

/// The file that execvp would run for `name`.
pub fn find(name: &OsStr) -> Option<PathBuf> {
    if name.as_bytes().contains(&b'/') {
        return Some(PathBuf::from(name)).filter(|p| p.exists());
    }
    let path = env::var_os("PATH").unwrap_or_else(|| DEFAULT_PATH.into());
    env::split_paths(&path)
        .map(|dir| dir.join(name))
        .find(|candidate| candidate.metadata().is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0))
}

fn start(file: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(LINE);
    File::open(file)?.take(LINE as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What runs a file that starts with these bytes: `None` for an ELF file, else a name for [`find`].
fn interpreter(bytes: &[u8]) -> Option<OsString> {
    if bytes.starts_with(elf::MAGIC) {
        return None;
    }
    let Some(line) = bytes.strip_prefix(b"#!") else {
        // Neither ELF nor `#!`: execvp gives it to the shell (ENOEXEC).
        return Some("/bin/sh".into());
    };
    let line = line.split(|b| *b == b'\n').next().unwrap_or(&[]);
    let mut words = line.split(|b| *b == b' ' || *b == b'\t').filter(|w| !w.is_empty());
    let Some(first) = words.next() else { return Some("/bin/sh".into()) };
    if Path::new(OsStr::from_bytes(first)).file_name() != Some(OsStr::new("env")) {
        return Some(OsString::from_vec(first.to_vec()));
    }
    // `env` hands its environment on, so what counts is what it runs: the first word that is no option (-S and
    // the like) and sets no variable.
    let run = words.find(|w| !w.starts_with(b"-") && !w.contains(&b'=')).unwrap_or(first);
    Some(OsString::from_vec(run.to_vec()))
}

/// What can be done with it, and whether it is a Go program.
fn look_at_elf(file: &Path, bytes: &[u8], library: Header) -> (Verdict, bool) {
    match Header::of(bytes) {
        Some(header) if header != library => return (Verdict::NotReached(Why::Foreign), false),
        Some(_) => {}
        None => return (Verdict::Unknown(format!("{} is cut short", file.display())), false),
    }
    let facts = elf::read(file);
    let is_go = facts.as_ref().is_ok_and(|facts| facts.go);
    if let Some(why) = privilege::gained(file) {
        return (Verdict::NotReached(why), is_go);
    }
    let verdict = match facts {
        Err(error) => Verdict::Unknown(format!("{}: {error}", file.display())),
        Ok(Facts { sanitizer: Some(kind), .. }) => Verdict::NotReached(Why::Sanitizer(kind)),
        Ok(facts) if !facts.has_loader => Verdict::NotReached(Why::Static),
        Ok(_) => Verdict::Reached,
    };
    (verdict, is_go)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn env_is_looked_through_to_what_it_runs() {
        for (line, run) in [
            ("#!/usr/bin/env python3\n", "python3"),
            ("#!/usr/bin/env -S perl -w\n", "perl"),
            ("#! /usr/bin/env -S A=1 node --x\n", "node"),
            ("#!/usr/bin/perl -w\n", "/usr/bin/perl"),
            ("#!\t/bin/sh", "/bin/sh"),
            ("echo no first line\n", "/bin/sh"),
            ("", "/bin/sh"),
        ] {
            assert_eq!(interpreter(line.as_bytes()), Some(run.into()), "{line}");
        }
    }

    #[test]
    fn an_elf_file_has_no_interpreter_line() {
        assert_eq!(interpreter(b"\x7fELF\x02\x01"), None);
    }
}
