//! What rules do to a file mapping, as /proc/PID/smaps shows it of the running program.
//!
//! What must hold here: each action is asked for alone, and the same mapping without it must not show it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use super::{Line, Sink};
use crate::artefacts::{compile, preload};
use crate::child::Run;

const KIB: u64 = 4096;

/// One mapping of the file in smaps.
struct Mapping {
    rss_kib: u64,
    locked_kib: u64,
    flags: Vec<String>,
}

type Shown = fn(&Mapping) -> bool;

/// The actions and what each must show.
const ACTIONS: &[(&str, &str, Shown)] = &[
    ("populate", "Rss = 4096 kB", |m| m.rss_kib == KIB),
    ("lock", "VmFlags lo, Locked = 4096 kB", |m| has(m, "lo") && m.locked_kib == KIB),
    ("random", "VmFlags rr", |m| has(m, "rr")),
    ("sequential", "VmFlags sr", |m| has(m, "sr")),
];

fn has(mapping: &Mapping, flag: &str) -> bool {
    mapping.flags.iter().any(|f| f == flag)
}

/// Maps a file of 4 MiB under each action.
pub fn prove(sink: Sink<'_>) {
    let Ok(scratch) = tempfile::tempdir() else { return sink(Line::broken("smaps", "", "no temporary folder")) };
    let file = scratch.path().join("mapped.dat");
    let prepared = compile("integration/fixtures/map_file.c", scratch.path())
        .and_then(|p| std::fs::write(&file, vec![7; KIB as usize * 1024]).map(|()| p).map_err(|e| e.to_string()));
    let program = match prepared {
        Ok(program) => program,
        Err(why) => return sink(Line::broken("smaps", "", why)),
    };
    for (action, goal, shown) in ACTIONS {
        let criterion = format!("file:{action} in /proc/PID/smaps");
        let rule = format!("file={}:{action}", file.display());
        let found = map(&program, &file, Some(&rule)).and_then(|with| Ok((with, map(&program, &file, None)?)));
        sink(match found {
            Err(why) => Line::broken(&criterion, goal, why),
            Ok((with, alone)) => {
                let measured = format!("Rss {}, Locked {}, {}", with.rss_kib, with.locked_kib, with.flags.join(" "));
                let line = Line::judged(&criterion, goal, measured, shown(&with) && !shown(&alone));
                line.noted(format!("alone Rss {}, Locked {}", alone.rss_kib, alone.locked_kib))
            }
        });
    }
}

fn map(program: &Path, file: &Path, rule: Option<&str>) -> Result<Mapping, String> {
    let folder = file.parent().unwrap_or(file);
    let env = rule.map(|r| preload(r, &folder.join("pages"))).unwrap_or_default();
    let mut command = Run::new(folder, [program.to_string_lossy(), file.to_string_lossy()]).env(env).command();
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|e| e.to_string())?;
    let mut line = String::new();
    let said = child.stdout.take().map(|out| BufReader::new(out).read_line(&mut line));
    let smaps = std::fs::read_to_string(format!("/proc/{}/smaps", child.id())).map_err(|e| e.to_string());
    drop(child.stdin.take());
    child.wait().map_err(|e| e.to_string())?;
    match said {
        Some(Ok(n)) if n > 0 => parse(&smaps?, &file.to_string_lossy()).ok_or("the file is not mapped".into()),
        _ => Err("the program did not map the file".into()),
    }
}

fn parse(smaps: &str, path: &str) -> Option<Mapping> {
    let mut lines = smaps.lines().skip_while(|l| !l.ends_with(path)).skip(1);
    let mut mapping = Mapping { rss_kib: 0, locked_kib: 0, flags: vec![] };
    loop {
        let (name, value) = lines.next()?.split_once(':')?;
        let kib = || value.trim().trim_end_matches(" kB").parse().unwrap_or(0);
        match name {
            "Rss" => mapping.rss_kib = kib(),
            "Locked" => mapping.locked_kib = kib(),
            "VmFlags" => {
                mapping.flags = value.split_whitespace().map(String::from).collect();
                return Some(mapping);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapping_is_read_up_to_its_flags_and_no_further() {
        let text = "1-2 r--s 0 0:1 2 /other\nRss: 1 kB\nVmFlags: rd\n2-3 r--s 0 0:1 3 /a\nSize: 8 kB\nRss: 8 kB\n\
            Locked: 4 kB\nVmFlags: rd lo rr \n3-4 r--s 0 0:1 4 /b\nRss: 0 kB\nVmFlags: sr\n";
        let found = parse(text, "/a").unwrap();
        assert_eq!((found.rss_kib, found.locked_kib, found.flags.join(" ")), (8, 4, "rd lo rr".into()));
    }
}
