//! What was found: a level, what it is about, the reason in the reader's words, and what would help.
//!
//! What must hold here: what could not be found out is `Unknown`, and counts neither as good nor as bad; an `id` is
//! for programs and never changes its meaning.

/// How it stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Level {
    /// could not be found out
    Unknown,
    /// as it should be
    Ok,
    /// some policy does less than it could
    Warn,
    /// it cannot work
    Fail,
}

impl Level {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Level::Unknown => "unknown",
            Level::Ok => "ok",
            Level::Warn => "warn",
            Level::Fail => "fail",
        }
    }
}

/// One line of the answer.
#[derive(Clone, Debug)]
pub struct Finding {
    /// names it to programs
    pub id: &'static str,
    /// how it stands
    pub level: Level,
    /// what it is about
    pub what: String,
    /// how it is, and what follows from that
    pub reason: String,
    /// what to type or to set, the first that applies
    pub remedies: Vec<String>,
}

impl Finding {
    /// As it should be.
    pub fn ok(id: &'static str, what: impl Into<String>, reason: impl Into<String>) -> Finding {
        Finding::new(Level::Ok, id, what, reason)
    }

    /// Some policy does less.
    pub fn warn(id: &'static str, what: impl Into<String>, reason: impl Into<String>) -> Finding {
        Finding::new(Level::Warn, id, what, reason)
    }

    /// It cannot work.
    pub fn fail(id: &'static str, what: impl Into<String>, reason: impl Into<String>) -> Finding {
        Finding::new(Level::Fail, id, what, reason)
    }

    /// Could not be found out; the reason says why.
    pub fn unknown(id: &'static str, what: impl Into<String>, reason: impl Into<String>) -> Finding {
        Finding::new(Level::Unknown, id, what, reason)
    }

    /// At a level that was decided elsewhere.
    pub fn new(level: Level, id: &'static str, what: impl Into<String>, reason: impl Into<String>) -> Finding {
        Finding { id, level, what: what.into(), reason: reason.into(), remedies: Vec::new() }
    }

    /// With one more thing that would help.
    pub fn remedy(mut self, text: impl Into<String>) -> Finding {
        self.remedies.push(text.into());
        self
    }
}

/// Findings that belong together.
pub struct Group {
    /// the headline
    pub name: &'static str,
    /// in their order
    pub findings: Vec<Finding>,
}

/// The worst of all findings.
pub fn worst(groups: &[Group]) -> Level {
    groups.iter().flat_map(|g| &g.findings).map(|f| f.level).max().unwrap_or(Level::Unknown).max(Level::Ok)
}
