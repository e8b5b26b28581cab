//! What went otherwise, file by file.
//!
//! What must hold here: one line each, at once, and none of them breaks a progress bar; kept for `--json`.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use indicatif::ProgressBar;

use crate::tell::tell;

/// A file and what was with it.
pub struct Problem {
    /// which
    pub path: PathBuf,
    /// in a few words
    pub why: String,
    /// whether that is a failure
    pub failed: bool,
}

/// All of them, and the bar that they must not break.
pub struct Problems {
    list: Mutex<Vec<Problem>>,
    bar: ProgressBar,
}

impl Problems {
    /// None yet.
    pub fn new(bar: ProgressBar) -> Problems {
        Problems { list: Mutex::default(), bar }
    }

    /// What was asked cannot be done with this file. Said once: --hold comes to a file twice.
    pub fn fail(&self, path: &Path, why: impl Display) {
        let known = self.list().iter().any(|problem| problem.failed && problem.path == path);
        if !known {
            self.add(path, &why, true);
        }
    }

    /// Worth a line, but nothing was left undone.
    pub fn note(&self, path: &Path, why: impl Display) {
        self.add(path, &why, false);
    }

    fn add(&self, path: &Path, why: &dyn Display, failed: bool) {
        self.bar.suspend(|| tell(format!("{}: {why}", path.display())));
        self.list().push(Problem { path: path.into(), why: why.to_string(), failed });
    }

    /// So far.
    pub fn list(&self) -> MutexGuard<'_, Vec<Problem>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many files failed.
    pub fn failed(&self) -> usize {
        self.list().iter().filter(|problem| problem.failed).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_fails_once() {
        let problems = Problems::new(ProgressBar::hidden());
        problems.note(Path::new("/x"), "empty");
        problems.fail(Path::new("/x"), "cannot be read");
        problems.fail(Path::new("/x"), "cannot be locked");
        assert_eq!((problems.failed(), problems.list().len()), (1, 2));
    }
}
