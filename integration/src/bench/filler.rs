//! Fragmented memory: the process that holds every second page (bench/fill.c) and how it is asked to top up.
//!
//! What must hold here: its memory comes back when this process ends in whatever way, because its stdin is a pipe
//! that only this process holds the other end of.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Stdio};

use crate::child::Run;

/// MiB in free 2 MiB pages that a run may find and still be one on fragmented memory: row one needs 256.
const MOST_LEFT: u64 = 64;

/// The process that holds the memory.
pub struct Filler {
    process: Child,
    output: BufReader<ChildStdout>,
}

impl Filler {
    /// Starts it; it holds nothing yet. `fill` is the compiled bench/fill.c.
    pub fn start(fill: &Path) -> Result<Filler, String> {
        let folder = fill.parent().unwrap_or(Path::new("/"));
        let mut command = Run::new(folder, [fill.to_string_lossy()]).command();
        let mut process =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(|e| format!("fill: {e}"))?;
        let output = BufReader::new(process.stdout.take().ok_or("fill: no output")?);
        Ok(Filler { process, output })
    }

    /// Leaves (nearly) no free 2 MiB page. An error when memory ran out first, or when the filler was killed.
    pub fn top_up(&mut self) -> Result<(), String> {
        let pipe = self.process.stdin.as_mut().ok_or("fill: no input")?;
        writeln!(pipe).map_err(|e| format!("fill: {e}"))?;
        let mut line = String::new();
        self.output.read_line(&mut line).map_err(|e| format!("fill: {e}"))?;
        let left = line.split_whitespace().nth(1).and_then(|n| n.parse::<u64>().ok());
        match left {
            Some(left) if left <= MOST_LEFT => Ok(()),
            Some(left) => {
                Err(format!("{left} MiB of free 2 MiB pages remain; taking more would leave less than 3 GiB"))
            }
            None => Err("fill: it ended".into()),
        }
    }
}

impl Drop for Filler {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}
