//! The programs of `fixtures/trust`, and how a run under a policy is compared with the run alone.
//!
//! What must hold here: both run in the same conditions, each in a folder of its own; what the program says of its own
//! failure counts as output.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::artefacts::{compile_with, preload};
use crate::child::{Ran, Run};
use crate::prove::{Line, Sink};

/// The policies that differ in what they do.
pub const POLICIES: &[&str] = &["throughput", "latency", "files", "auto", "everything"];
/// The sorts of work of `work.c` that end by themselves and need nothing.
pub const WORKS: &[&str] = &["blocks", "maps", "threads", "children", "reads"];

/// The compiled programs.
pub struct Works {
    folder: TempDir,
}

/// How many runs were the same.
#[derive(Default)]
pub struct Same {
    /// all
    pub runs: u32,
    /// those which were
    pub same: u32,
    /// of the runs alone, those which came to a good end
    pub well: u32,
    /// the first that was not
    pub first: Option<String>,
    /// where the program ends with this alone, because it is out of something, only that is compared: which of its calls comes
    /// to the limit first depends on every byte that is mapped
    pub gives_up: Option<i32>,
}

impl Works {
    /// Compiles them.
    pub fn compile() -> Result<Works, String> {
        let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
        for name in ["work", "storm"] {
            compile_with(&format!("integration/fixtures/trust/{name}.c"), folder.path(), &["-pthread"])?;
        }
        Ok(Works { folder })
    }

    /// `work` or `storm`.
    pub fn program(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The same, or a line that says why there is none.
    pub fn or_broken(criterion: &str, goal: &str, sink: Sink<'_>) -> Option<Works> {
        Works::compile().map_err(|why| sink(Line::broken(criterion, goal, why))).ok()
    }
}

/// Runs a shell line in a folder of its own, under a policy or alone. `{work}` and `{storm}` are the programs, `{pages}` is the
/// folder for pages.
pub fn run(works: &Works, line: &str, policy: Option<&str>, more: impl Fn(Run, &Path) -> Run) -> Result<Ran, String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let pages = folder.path().join("pages");
    let line = line
        .replace("{work}", &works.program("work").to_string_lossy())
        .replace("{storm}", &works.program("storm").to_string_lossy())
        .replace("{pages}", &pages.to_string_lossy());
    // What is preloaded is for the work alone, not for the shell and the tools that set the scene.
    let env = policy.map(|policy| preload(policy, &pages)).unwrap_or_default();
    let settings: String = env.iter().map(|(name, value)| format!(" {name}='{value}'")).collect();
    let line = line.replace("{with}", &format!("env{settings}"));
    let run = Run::new(folder.path(), ["/bin/bash", "-c", &line]);
    more(run, folder.path()).run()
}

impl Same {
    /// One line under every policy named.
    pub fn add(&mut self, works: &Works, line: &str, policies: &[&str], more: impl Fn(Run, &Path) -> Run) {
        let alone = run(works, line, None, &more);
        self.well += u32::from(alone.as_ref().is_ok_and(|ran| ran.status < 9));
        for policy in policies {
            self.runs += 1;
            let why = match (&alone, run(works, line, Some(policy), &more)) {
                (Ok(alone), Ok(under)) if self.gives_up == Some(alone.status) && under.status == alone.status => None,
                (Ok(alone), Ok(under)) => under.differs(alone),
                (Err(why), _) => Some(format!("alone: {why}")),
                (_, Err(why)) => Some(why),
            };
            match why {
                None => self.same += 1,
                Some(why) => {
                    let text = format!("{policy}: {line}: {why}");
                    if std::env::var_os("FAULTS_VERBOSE").is_some() {
                        eprintln!("{text}");
                    }
                    self.first.get_or_insert(text);
                }
            }
        }
    }

    /// Its line.
    pub fn line(self, criterion: &str, goal: &str) -> Line {
        let note = self.first.unwrap_or_else(|| format!("{} runs alone end well", self.well));
        Line::judged(
            criterion,
            goal,
            format!("{} of {}", self.same, self.runs),
            self.same == self.runs && self.runs > 0,
        )
        .noted(note)
    }
}
