//! What a program will be started with: the library ahead in LD_PRELOAD, the options as variables, the tree's name.
//!
//! What must hold here: a program that preloading cannot reach, or that must not have it, starts without it; what
//! others have put into LD_PRELOAD stays.

use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use faultless_core::options::{Id, Row};

use crate::config::{Config, Source};
use crate::library::{self, Library};

const LD_PRELOAD: &str = "LD_PRELOAD";

/// The variables that differ from ours.
pub struct Launch {
    /// (name, value), LD_PRELOAD first; no value removes the variable
    pub changes: Vec<(OsString, Option<OsString>)>,
}

impl Launch {
    /// With the library in front.
    pub fn with(library: &Library, config: &Config, tree: u64) -> Launch {
        let mut preload = library.path.clone().into_os_string();
        for other in others(Some(library)) {
            preload.push(":");
            preload.push(OsString::from_vec(other));
        }
        let mut changes = vec![(LD_PRELOAD.into(), Some(preload))];
        let given = config.values.iter().filter(|v| matches!(v.source, Source::Flag | Source::Both));
        changes.extend(given.map(|v| (v.row.env.into(), Some(v.text.clone()))));
        if let Some(row) = Id::Tree.row() {
            changes.push((row.env.into(), Some(format!("{tree:016x}").into())));
        }
        Launch { changes }
    }

    /// Without it, also if we were started under it ourselves.
    pub fn without(library: &Library) -> Launch {
        Launch::only(others(Some(library)))
    }

    /// Without it, wherever it is.
    pub fn bare() -> Launch {
        Launch::only(others(None))
    }

    fn only(others: Vec<Vec<u8>>) -> Launch {
        let value = (!others.is_empty()).then(|| OsString::from_vec(others.join(&b':')));
        let had = env::var_os(LD_PRELOAD);
        Launch { changes: if value == had { Vec::new() } else { vec![(LD_PRELOAD.into(), value)] } }
    }

    /// Sets an option's variable, whatever it was.
    pub fn set(&mut self, row: &Row, value: &str) {
        self.changes.retain(|(name, _)| name != row.env);
        self.changes.push((row.env.into(), Some(value.into())));
    }

    /// The whole environment of the program.
    pub fn environment(&self) -> Vec<(OsString, OsString)> {
        let changed = |name: &OsStr| self.changes.iter().any(|(n, _)| n == name);
        let kept = env::vars_os().filter(|(name, _)| !changed(name));
        let set = self.changes.iter().filter_map(|(name, value)| Some((name.clone(), value.clone()?)));
        kept.chain(set).collect()
    }
}

/// What LD_PRELOAD holds besides our library; glibc splits it at blanks and colons.
fn others(library: Option<&Library>) -> Vec<Vec<u8>> {
    let is_ours = |path: &[u8]| {
        let path = Path::new(OsStr::from_bytes(path));
        library.is_some_and(|l| l.path == path) || path.file_name() == Some(OsStr::new(library::NAME))
    };
    let preload = env::var_os(LD_PRELOAD).unwrap_or_default().into_vec();
    let entries = preload.split(|b| b.is_ascii_whitespace() || *b == b':');
    entries.filter(|e| !e.is_empty() && !is_ours(e)).map(<[u8]>::to_vec).collect()
}

/// A name for a process tree that no other tree has; never 0, which means none.
pub fn draw_tree() -> u64 {
    let mut bytes = [0u8; 8];
    // SAFETY: the kernel writes at most eight bytes into `bytes`.
    let got = unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), libc::GRND_NONBLOCK) };
    let drawn = u64::from_ne_bytes(bytes);
    if got == 8 && drawn != 0 { drawn } else { 1 + u64::from(std::process::id()) }
}
