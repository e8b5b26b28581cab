//! Patterns that no shell has expanded: `*`, `?` and `**` as in a rule's path.
//!
//! What must hold here: the same files as a `file=` rule of this pattern means, since it is the same code that
//! compares.

use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use faultless_core::matching::glob;

/// A path with signs in it that stand for others.
pub struct Pattern {
    /// as it was typed
    pub path: PathBuf,
    base: PathBuf,
    /// how many names a match has at most, if `**` does not leave it open
    depth: Option<usize>,
}

impl Pattern {
    /// `None` if it is an ordinary path.
    pub fn new(path: &Path) -> Option<Pattern> {
        let is_plain = |component: &Component| !component.as_os_str().as_bytes().iter().any(|b| b"*?".contains(b));
        let base: PathBuf = path.components().take_while(is_plain).collect();
        if base.components().eq(path.components()) {
            return None;
        }
        let open = path.as_os_str().as_bytes().windows(2).any(|pair| pair == b"**");
        Some(Pattern { path: path.into(), base, depth: (!open).then(|| path.components().count()) })
    }

    /// The folder below which all matches lie.
    pub fn base(&self) -> &Path {
        if self.base.as_os_str().is_empty() { Path::new(".") } else { &self.base }
    }

    /// Whether it means this path; a trailing slash means a folder, which is walked.
    pub fn matches(&self, path: &Path) -> bool {
        let pattern = self.path.as_os_str().as_bytes();
        glob(pattern.strip_suffix(b"/").unwrap_or(pattern), self.name(path).as_os_str().as_bytes())
    }

    /// Whether there may be matches in this folder.
    pub fn may_match_below(&self, folder: &Path) -> bool {
        self.depth.is_none_or(|depth| self.name(folder).components().count() < depth)
    }

    /// A path found below the base, as the pattern would have it.
    fn name<'a>(&self, path: &'a Path) -> &'a Path {
        if self.base.as_os_str().is_empty() { path.strip_prefix(".").unwrap_or(path) } else { path }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_has_no_sign_of_a_pattern() {
        for (path, base) in [("/data/*.idx", "/data"), ("*.idx", "."), ("a/b?/c", "a"), ("/**/x", "/")] {
            assert_eq!(Pattern::new(Path::new(path)).unwrap().base(), Path::new(base), "{path}");
        }
        assert!(Pattern::new(Path::new("/data/x.idx")).is_none());
    }

    #[test]
    fn a_star_ends_at_a_folder_and_two_do_not() {
        let one = Pattern::new(Path::new("/d/*.idx")).unwrap();
        assert!(one.matches(Path::new("/d/a.idx")) && !one.matches(Path::new("/d/e/a.idx")));
        assert!(!one.may_match_below(Path::new("/d/e")));
        let two = Pattern::new(Path::new("/d/**.idx")).unwrap();
        assert!(two.matches(Path::new("/d/e/a.idx")) && two.may_match_below(Path::new("/d/e/f")));
    }
}
