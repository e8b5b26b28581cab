//! From paths to files: folders with all that lies in them, patterns, links.
//!
//! What must hold here: files come in the order of the paths, those of a folder by name; each file once, whatever
//! names it has; a file that cannot be had is said, and the rest goes on.

use std::collections::HashSet;
use std::fs::{self, Metadata};
use std::io;
use std::ops::Range;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::file::{Wanted, part};
use super::interrupt::Interrupt;
use super::pattern::Pattern;
use super::problems::Problems;

/// How to walk.
pub struct Walk<'a> {
    /// follow links that are found in folders
    pub follow: bool,
    /// stay on the file system of each path
    pub one_file_system: bool,
    /// the part of each file
    pub range: Option<Range<u64>>,
    /// ends the walk
    pub interrupt: &'a Interrupt,
    /// where problems are said
    pub problems: &'a Problems,
}

/// A walk under way.
struct State<'a> {
    walk: &'a Walk<'a>,
    files: Vec<Wanted>,
    /// device and inode of each file and folder that was met
    met: HashSet<(u64, u64)>,
}

/// How a file was come by.
#[derive(Clone, Copy)]
struct How {
    /// by its own name
    named: bool,
    /// the device to stay on
    device: Option<u64>,
}

impl Walk<'_> {
    /// All files that are meant by the paths.
    pub fn files(&self, paths: &[PathBuf]) -> Vec<Wanted> {
        let mut state = State { walk: self, files: Vec::new(), met: HashSet::new() };
        for path in paths {
            match (fs::metadata(path), Pattern::new(path)) {
                // A file of this very name comes before what it could mean as a pattern.
                (Err(error), Some(pattern)) if error.kind() == io::ErrorKind::NotFound => state.matching(&pattern),
                (Err(error), _) => self.problems.fail(path, error),
                (Ok(metadata), _) => {
                    let device = self.one_file_system.then(|| metadata.dev());
                    state.visit(path, &metadata, How { named: true, device });
                }
            }
        }
        state.files
    }
}

impl State<'_> {
    fn matching(&mut self, pattern: &Pattern) {
        let met = self.met.len();
        let base = match fs::metadata(pattern.base()) {
            Ok(base) => base,
            Err(error) => return self.walk.problems.fail(&pattern.path, error),
        };
        let mut matches = 0;
        self.expand(pattern.base(), pattern, &mut HashSet::new(), &mut |state, path, metadata| {
            matches += 1;
            let device = state.walk.one_file_system.then(|| base.dev());
            state.visit(path, metadata, How { named: false, device });
        });
        if matches == 0 && met == self.met.len() {
            self.walk.problems.fail(&pattern.path, "no file matches");
        }
    }

    /// Calls `each` with what matches below a folder.
    fn expand(
        &mut self,
        folder: &Path,
        pattern: &Pattern,
        above: &mut HashSet<(u64, u64)>,
        each: &mut dyn FnMut(&mut Self, &Path, &Metadata),
    ) {
        for path in self.entries(folder) {
            let matches = pattern.matches(&path);
            if !matches && !pattern.may_match_below(&path) {
                continue;
            }
            let Some(metadata) = self.look(&path) else { continue };
            if matches {
                each(self, &path, &metadata);
            } else if metadata.is_dir() && above.insert((metadata.dev(), metadata.ino())) {
                self.expand(&path, pattern, above, each);
                above.remove(&(metadata.dev(), metadata.ino()));
            }
        }
    }

    fn visit(&mut self, path: &Path, metadata: &Metadata, how: How) {
        let elsewhere = how.device.is_some_and(|device| device != metadata.dev());
        if elsewhere || !self.met.insert((metadata.dev(), metadata.ino())) {
            return;
        }
        let problems = self.walk.problems;
        let kind = metadata.file_type();
        if kind.is_dir() {
            for path in self.entries(path) {
                if let Some(metadata) = self.look(&path) {
                    self.visit(&path, &metadata, How { named: false, ..how });
                }
            }
        } else if kind.is_file() {
            let range = part(self.walk.range.as_ref(), metadata.len());
            match (range.is_empty(), how.named) {
                (false, named) => {
                    self.files.push(Wanted { path: path.into(), range, follow: named || self.walk.follow });
                }
                (true, true) if metadata.len() == 0 => problems.note(path, "empty"),
                (true, true) => problems.note(path, "ends before the range"),
                (true, false) => {}
            }
        } else {
            let what = if kind.is_fifo() {
                "a FIFO"
            } else if kind.is_socket() {
                "a socket"
            } else {
                "a device"
            };
            let why = format!("{what}, not a regular file");
            if how.named { problems.fail(path, why) } else { problems.note(path, why) }
        }
    }

    /// What a name in a folder stands for; nothing if it is a link that is not followed.
    fn look(&self, path: &Path) -> Option<Metadata> {
        let looked = fs::symlink_metadata(path).and_then(|metadata| match metadata.is_symlink() {
            true if self.walk.follow => fs::metadata(path).map(Some),
            link => Ok((!link).then_some(metadata)),
        });
        looked.unwrap_or_else(|error| {
            self.walk.problems.fail(path, error);
            None
        })
    }

    /// A folder's entries by name; none once a signal has come.
    fn entries(&self, folder: &Path) -> Vec<PathBuf> {
        if self.walk.interrupt.signal().is_some() {
            return Vec::new();
        }
        let listed = fs::read_dir(folder).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
        let mut entries: Vec<PathBuf> = listed.unwrap_or_else(|error: io::Error| {
            self.walk.problems.fail(folder, error);
            Vec::new()
        });
        entries.sort();
        entries
    }
}
