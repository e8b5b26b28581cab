//! Where libfaultless.so is: the places in their order, and whether its path can stand in LD_PRELOAD.
//!
//! What must hold here: a place that was named (--lib, FAULTLESS_LIB) is the only one tried; the loader is never
//! handed a path that it cannot open, because it says so on the program's stderr.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::{env, path};

use anyhow::{Context, Result, bail};

use crate::elf::Header;

/// The library's file name.
pub const NAME: &str = "libfaultless.so";

/// The library, found and fit for LD_PRELOAD.
#[derive(Clone, Debug)]
pub struct Library {
    /// absolute
    pub path: PathBuf,
    /// class and machine, to compare programs with
    pub header: Header,
}

/// Looks for the library: `--lib`, else FAULTLESS_LIB, else the places beside this executable.
///
/// # Errors
/// No library there; a path that LD_PRELOAD cannot carry; a file that is no ELF library.
pub fn find(flag: Option<&Path>, variable: Option<&OsStr>) -> Result<Library> {
    if let Some(named) = flag {
        return open(named).with_context(|| format!("--lib {}", named.display()));
    }
    if let Some(named) = variable.filter(|v| !v.is_empty()) {
        return open(Path::new(named)).with_context(|| format!("FAULTLESS_LIB={}", named.display()));
    }
    let places = places()?;
    match places.iter().find(|p| p.exists()) {
        Some(place) => open(place),
        None => {
            let list: String = places.iter().map(|p| format!("\n  {}", p.display())).collect();
            bail!("{NAME} is not found; say where it is with --lib or FAULTLESS_LIB, or put it in one of{list}")
        }
    }
}

fn places() -> Result<Vec<PathBuf>> {
    let executable = env::current_exe().context("cannot tell where this executable is")?;
    let folder = executable.parent().unwrap_or(Path::new("/"));
    let up = folder.parent().unwrap_or(Path::new("/"));
    let multiarch = format!("lib/{}-linux-gnu/faultless", env::consts::ARCH);
    Ok(vec![
        folder.join(NAME),
        up.join("lib/faultless").join(NAME),
        up.join("lib").join(NAME),
        up.join(multiarch).join(NAME),
    ])
}

fn open(named: &Path) -> Result<Library> {
    // Symbolic links are kept: an upgrade that renames over the link must not leave the old path in environments.
    let path = path::absolute(named)?;
    if let Some(byte) = path.as_os_str().as_bytes().iter().find(|b| b.is_ascii_whitespace() || b":$".contains(b)) {
        let byte = *byte as char;
        bail!(
            "{path:?} cannot be preloaded: LD_PRELOAD gives {byte:?} a meaning of its own; link to it from another path"
        );
    }
    let mut start = Vec::new();
    File::open(&path)?.take(20).read_to_end(&mut start)?;
    let header = Header::of(&start).with_context(|| format!("{} is no ELF library", path.display()))?;
    Ok(Library { path, header })
}
