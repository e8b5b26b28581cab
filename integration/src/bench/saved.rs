//! Rows that an earlier run has measured: a whole run takes an hour or two, and one that was cut short need not begin anew.
//!
//! What must hold here: a row is taken over only if all that its figures depend on is as it was: the library, the bench and its
//! programs, the contenders, the rounds and the kernel; a file is written whole or not at all.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::contenders::Contender;
use super::machine;
use super::measure::Sample;
use super::rows::Row;
use super::table::{Entry, Table};
use crate::artefacts::{library, workspace};

/// Where rows are kept, and what they must say to be taken.
pub struct Saved {
    folder: PathBuf,
    stamp: String,
}

impl Saved {
    /// In target/bench. The error says what can't be read.
    pub fn new(contenders: &[&'static Contender], rounds: usize) -> Result<Saved, String> {
        let names: Vec<&str> = contenders.iter().map(|c| c.name).collect();
        let here = format!("{}, {rounds} rounds, {} cores, {}", names.join(" "), machine::cores(), machine::kernel());
        let mut files = vec![std::env::current_exe().map_err(|e| e.to_string())?, library()];
        let programs = std::fs::read_dir(workspace().join("bench")).map_err(|e| format!("bench: {e}"))?;
        files.extend(programs.filter_map(|e| e.ok().map(|e| e.path())).filter(|p| p.is_file()));
        files.sort();
        let mut hash = DefaultHasher::new();
        for file in files {
            hash.write(&std::fs::read(&file).map_err(|e| format!("{}: {e}", file.display()))?);
        }
        Ok(Saved { folder: workspace().join("target/bench"), stamp: format!("{here}, {:016x}", hash.finish()) })
    }

    fn path(&self, row: &Row, extension: &str) -> PathBuf {
        self.folder.join(format!("{}.{extension}", row.name))
    }

    /// Keeps a row for a later run.
    pub fn keep(&self, table: &Table) -> Result<(), String> {
        let text = text(table, &self.stamp);
        let (unfinished, path) = (self.path(table.row, "tmp"), self.path(table.row, "json"));
        let put = || {
            std::fs::create_dir_all(&self.folder)?;
            std::fs::write(&unfinished, text)?;
            std::fs::rename(&unfinished, &path)
        };
        put().map_err(|e| format!("{}: {e}", path.display()))
    }

    /// The row, if it was measured under the same conditions.
    pub fn find(&self, row: &'static Row, contenders: &[&'static Contender]) -> Option<Table> {
        read(&self.path(row, "json"), row, contenders, &self.stamp)
    }
}

fn text(table: &Table, stamp: &str) -> String {
    let sample = |s: &Sample| json!({"figures": s.figures, "faults": s.faults, "peak_rss": s.peak_rss});
    let entry = |e: &Entry| {
        let samples: Vec<Value> = e.samples.iter().map(sample).collect();
        json!({"contender": e.contender.name, "samples": samples, "not_run": e.not_run, "failed": e.failed})
    };
    json!({"stamp": stamp, "entries": table.entries.iter().map(entry).collect::<Vec<_>>()}).to_string()
}

fn read(path: &Path, row: &'static Row, contenders: &[&'static Contender], stamp: &str) -> Option<Table> {
    let whole: Value = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
    if whole["stamp"] != stamp {
        return None;
    }
    let sample = |s: &Value| {
        let figures = s["figures"].as_object()?.iter();
        let figures: Option<BTreeMap<_, _>> = figures.map(|(name, v)| Some((name.clone(), v.as_f64()?))).collect();
        Some(Sample { figures: figures?, faults: s["faults"].as_f64()?, peak_rss: s["peak_rss"].as_f64()? })
    };
    let entry = |e: &Value| {
        let contender = contenders.iter().find(|c| e["contender"] == c.name)?;
        let said = |name: &str| e[name].as_str().map(str::to_owned);
        let samples: Option<Vec<Sample>> = e["samples"].as_array()?.iter().map(sample).collect();
        Some(Entry { contender, samples: samples?, not_run: said("not_run"), failed: said("failed") })
    };
    let entries: Option<Vec<Entry>> = whole["entries"].as_array()?.iter().map(entry).collect();
    Some(Table { row, entries: entries? })
}

#[cfg(test)]
mod tests {
    use super::super::{contenders, rows};
    use super::*;

    #[test]
    fn a_row_is_taken_over_whole_under_the_same_conditions_and_not_under_others() {
        let all = [contenders::find("alone").unwrap(), contenders::find("tcmalloc").unwrap()];
        let sample = Sample { figures: [("touch".to_owned(), 0.125)].into(), faults: 65590.0, peak_rss: 258.5 };
        let alone = Entry { samples: vec![sample.clone(), sample], ..Entry::new(all[0]) };
        let absent = Entry { not_run: Some("not \"there\"".into()), ..Entry::new(all[1]) };
        let row = rows::named("one-main")[0];
        let table = Table { row, entries: vec![alone, absent] };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("one-main.json");
        std::fs::write(&path, text(&table, "this")).unwrap();
        let found = read(&path, row, &all, "this").unwrap();
        assert_eq!(found.text(), table.text());
        assert_eq!(found.values("alone", "touch"), Some(vec![0.125, 0.125]));
        assert!(read(&path, row, &all, "another").is_none());
        assert!(read(&path, row, &all[..1], "this").is_none());
    }
}
