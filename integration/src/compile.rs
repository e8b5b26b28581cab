//! Compiles c-tests, each once.
//!
//! What must hold here: the compiler may not know malloc and its kin (`-fno-builtin`), or it removes the very calls
//! that a test is about.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::directives::Directives;

/// Why there is no program.
pub enum NotCompiled {
    /// this machine can't build a part that the test allows to be missing
    Skip(String),
    /// the test itself is at fault
    Error(String),
}

/// Compiles `source` and what it builds besides into `folder` and returns the program's path.
pub fn compile(source: &Path, folder: &Path, d: &Directives) -> Result<PathBuf, NotCompiled> {
    let name = source.file_stem().unwrap_or_default();
    std::fs::create_dir_all(folder).map_err(|e| NotCompiled::Error(e.to_string()))?;
    for build in &d.builds {
        gcc(source, folder, &build.file, &build.flags).map_err(|why| match build.or_skip {
            true => NotCompiled::Skip(format!("cannot build {}", build.file)),
            false => NotCompiled::Error(why),
        })?;
    }
    gcc(source, folder, &name.to_string_lossy(), &d.cflags).map_err(NotCompiled::Error)?;
    Ok(folder.join(name))
}

fn gcc(source: &Path, folder: &Path, output: &str, flags: &[String]) -> Result<(), String> {
    let (compiler, standard) = match source.extension().is_some_and(|e| e == "cc") {
        true => ("g++", "-std=gnu++17"),
        false => ("gcc", "-std=gnu11"),
    };
    let off_word = std::mem::offset_of!(faultless_core::page::Page, off);
    let done = Command::new(compiler)
        .args([standard, "-O1", "-g", "-pthread", "-fno-builtin"])
        .arg(format!("-DHERE=\"{}\"", folder.display()))
        .arg(format!("-DPAGE_OFF_WORD={off_word}"))
        .arg("-o")
        .arg(output)
        .arg(source)
        .args(flags)
        .current_dir(folder)
        .output()
        .map_err(|e| format!("{compiler}: {e}"))?;
    match done.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&done.stderr).into_owned()),
    }
}
