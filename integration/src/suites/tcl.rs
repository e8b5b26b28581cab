//! Tcl's own tests, from Debian's source package, by the tclsh that is installed.
//!
//! What is left out wants a tclsh that is built for testing; the tests say so themselves and are skipped.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::source::{debian, done};
use super::{Ended, FAIL, PASS, Part, Results, SKIP, Suite};

/// The suite.
pub struct Tcl;

/// Files of tests that have nothing to do with memory, files or processes and take long, or that speak to the network.
const LEFT_OUT: &[&str] = &["clock.test", "http", "win", "registry", "tcltest.test", "all.tcl"];

impl Suite for Tcl {
    fn name(&self) -> &'static str {
        "tcl"
    }

    fn prepare(&self, cache: &Path) -> Result<String, String> {
        done(Command::new("tclsh8.6").arg("/dev/null")).map_err(|why| format!("{why}; apt-get install tcl8.6"))?;
        debian("tcl8.6", cache).map(|(_, version)| format!("Tcl {version}"))
    }

    fn parts(&self, cache: &Path) -> Result<Vec<Part>, String> {
        let folder = cache.join("source/tests");
        let files = std::fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        let names = files.flatten().map(|f| f.file_name().to_string_lossy().into_owned());
        let wanted = names.filter(|n| n.ends_with(".test") && !LEFT_OUT.iter().any(|l| n.starts_with(l)));
        let part = |name: String| {
            let file = folder.join(&name).to_string_lossy().into_owned();
            let argv = ["tclsh8.6", &file, "-verbose", "ps", "-tmpdir", "{folder}"];
            Part { limit: Duration::from_secs(300), ..Part::new(name.trim_end_matches(".test"), argv) }
        };
        let mut parts: Vec<Part> = wanted.map(part).collect();
        parts.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(parts)
    }

    fn results(&self, _part: &Part, ended: &Ended) -> Results {
        let mut results = Results::new();
        for line in ended.output.lines() {
            let mut words = line.split_whitespace();
            let (mark, name, came) = (words.next(), words.next(), words.next());
            let (Some(name), Some(came)) = (name, came) else { continue };
            let came = match (mark, came) {
                (Some("++++"), "PASSED") => PASS,
                (Some("++++"), "SKIPPED:") => SKIP,
                (Some("===="), _) if line.ends_with("FAILED") => FAIL,
                _ => continue,
            };
            results.insert(name.to_owned(), came.to_owned());
        }
        if ended.status != Some(0) {
            results.insert("it ends".into(), format!("with status {:?}", ended.status));
        }
        results
    }
}
