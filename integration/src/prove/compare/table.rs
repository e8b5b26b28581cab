//! Runs `faultless compare` and reads what it saved.
//!
//! What must hold here: nothing of the caller's environment reaches it; its pages and temporary files lie in a folder
//! of the run's own.

use std::path::{Path, PathBuf};

use crate::artefacts::{command, compile, library};
use crate::child::{Ran, Run};
use crate::prove::first_line;
use crate::stage::settings;

/// A comparison that is over.
pub struct Table {
    /// what it printed
    pub out: String,
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// All values of a column, by round; a cell that is empty has none.
    pub fn values(&self, contender: &str, column: &str) -> Vec<f64> {
        let at = |name: &str| self.head.iter().position(|h| h == name);
        let (Some(who), Some(what)) = (at("contender"), at(column)) else { return vec![] };
        let own = self.rows.iter().filter(|row| row.get(who).is_some_and(|c| c == contender));
        own.filter_map(|row| row.get(what)?.parse().ok()).collect()
    }

    /// The line that says how a contender stands to the first.
    pub fn verdict(&self, contender: &str) -> Result<&str, String> {
        let lines = self.out.split("\n\n").last().unwrap_or_default().lines();
        let mut words = lines.filter_map(|line| line.strip_prefix(contender).map(str::trim));
        words.next().ok_or_else(|| format!("no verdict on {contender} in:\n{}", self.out))
    }
}

/// `faultless VERB …` with its pages and temporary files in `folder`.
pub fn faultless(folder: &Path, arguments: impl IntoIterator<Item = impl Into<String>>) -> Run {
    let mut run = Run::new(folder, [command().to_string_lossy().into_owned()]);
    run.argv.extend(arguments.into_iter().map(Into::into));
    let path = |name: &str| folder.join(name).to_string_lossy().into_owned();
    run.env([
        ("FAULTLESS_PAGES".into(), path("pages")),
        ("FAULTLESS_LIB".into(), library().to_string_lossy().into_owned()),
        ("TMPDIR".into(), path("tmp")),
    ])
}

/// Makes what [`faultless`] expects in its folder.
pub fn scratch() -> Result<tempfile::TempDir, String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    for name in ["pages", "tmp"] {
        std::fs::create_dir(folder.path().join(name)).map_err(|e| e.to_string())?;
    }
    Ok(folder)
}

/// Compares, to its end.
pub fn compare(folder: &Path, flags: &[&str], argv: &[String]) -> Result<Table, String> {
    let csv = folder.join("runs.csv");
    let mut arguments: Vec<String> = ["compare", "--csv", &csv.to_string_lossy()].map(String::from).into();
    arguments.extend(flags.iter().map(|flag| (*flag).to_owned()));
    arguments.push("--".into());
    arguments.extend(argv.iter().cloned());
    let ran = faultless(folder, arguments).run()?;
    let out = done(&ran)?;
    if settings::shows() {
        eprintln!("{out}");
    }
    let text = std::fs::read_to_string(&csv).map_err(|e| format!("{}: {e}", csv.display()))?;
    let mut lines = text.lines().map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>());
    Ok(Table { out, head: lines.next().unwrap_or_default(), rows: lines.collect() })
}

/// What a program printed that must have ended well.
pub fn done(ran: &Ran) -> Result<String, String> {
    match ran.status {
        0 => Ok(String::from_utf8_lossy(&ran.stdout).into_owned()),
        status => Err(format!("exit status {status}: {}", first_line(&ran.stderr))),
    }
}

/// A C program of the workspace, built into `folder`.
pub fn built(source: &str, folder: &Path) -> Result<String, String> {
    let program: PathBuf = compile(source, folder)?;
    Ok(program.to_string_lossy().into_owned())
}
