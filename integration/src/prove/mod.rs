//! What `make prove` measures: one line per criterion, in parts that can be asked for by name.
//!
//! What must hold here: a criterion that could not be measured is a SKIP with its reason, never a PASS.

pub mod compare;
pub mod cost;
pub mod delivery;
pub mod deploy;
pub mod elf;
pub mod faults;
pub mod files;
pub mod hooks;
pub mod hot;
pub mod input;
pub mod limits;
pub mod malloc;
pub mod smaps;
pub mod startup;
pub mod suites;

/// What came of a criterion.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// the goal is met
    Pass,
    /// it is not
    Fail,
    /// it could not be measured here
    Skip,
}

/// One criterion's line.
pub struct Line {
    /// what came of it
    pub verdict: Verdict,
    /// what is judged
    pub criterion: String,
    /// what must be reached
    pub goal: String,
    /// what was found, with its interval where there is one
    pub measured: String,
    /// why, or how
    pub note: String,
}

impl Line {
    /// A criterion that was measured.
    pub fn judged(criterion: &str, goal: &str, measured: impl Into<String>, met: bool) -> Line {
        Line {
            verdict: if met { Verdict::Pass } else { Verdict::Fail },
            criterion: criterion.into(),
            goal: goal.into(),
            measured: measured.into(),
            note: String::new(),
        }
    }

    /// A criterion that cannot be measured here.
    pub fn skipped(criterion: &str, goal: &str, why: impl Into<String>) -> Line {
        Line {
            verdict: Verdict::Skip,
            measured: "-".into(),
            note: why.into(),
            ..Line::judged(criterion, goal, "", false)
        }
    }

    /// A criterion whose measurement itself broke.
    pub fn broken(criterion: &str, goal: &str, why: impl Into<String>) -> Line {
        Line { note: why.into(), ..Line::judged(criterion, goal, "-", false) }
    }

    /// The same line with a note.
    pub fn noted(self, note: impl Into<String>) -> Line {
        Line { note: note.into(), ..self }
    }
}

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let word = match self.verdict {
            Verdict::Pass => "PASS",
            Verdict::Fail => "FAIL",
            Verdict::Skip => "SKIP",
        };
        let note = if self.note.is_empty() { String::new() } else { format!("({})", self.note) };
        let text = format!("{word}  {:<62}  {:<30}  {:<34}  {note}", self.criterion, self.goal, self.measured);
        f.write_str(text.trim_end())
    }
}

/// Takes each line as soon as it is known.
pub type Sink<'a> = &'a mut dyn FnMut(Line);

/// A part: its name and what measures it.
pub type Part = (&'static str, fn(Sink<'_>));

/// Every part, the quick ones first.
pub const PARTS: &[Part] = &[
    ("elf", elf::prove),
    ("faults", faults::prove),
    ("smaps", smaps::prove),
    ("limits", limits::prove),
    ("input", input::prove),
    ("delivery", delivery::prove),
    ("cost", cost::prove),
    ("hooks", hooks::prove),
    ("startup", startup::prove),
    ("c-tests", suites::c_tests),
    ("programs", suites::programs),
    ("malloc", malloc::prove),
    ("files", files::prove),
    ("hot", hot::prove),
    ("compare", compare::prove),
    ("deploy", deploy::prove),
];

/// The scenes and rows that ROWS can name.
pub fn scene_names() -> Vec<&'static str> {
    let scenes = files::scenes().into_iter().chain(hot::scenes()).map(|s| s.name);
    scenes.chain(compare::row_names()).chain(deploy::row_names()).collect()
}

/// The first line of a program's complaint, for a note.
pub fn first_line(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).lines().next().unwrap_or_default().to_owned()
}
