//! `faultless doctor`: whether this machine, this user and this program can have what policies want.
//!
//! What must hold here: features are tried and not guessed from versions; nothing is changed; what cannot be read
//! is said to be unknown. Exit status 0 if all is well, 1 with a warning, 2 if it cannot work.

mod access;
mod apart;
mod calls;
mod finding;
mod huge;
mod kernel;
mod library;
mod limits;
mod memory;
mod program;
mod show;

use anyhow::Result;

use crate::args::Doctor;
use crate::config::Config;
use crate::environment::Environment;
use crate::tell::{answer, tell};
use finding::{Finding, Group, Level};

/// Looks at all of it.
///
/// # Errors
/// A bad option in the environment.
pub fn doctor(doctor: &Doctor) -> Result<i32> {
    let before = memory::Sample::take();
    let environment = Environment::read()?;
    let config = Config::resolve(&environment, &[])?;
    environment.warnings().for_each(tell);
    let library = crate::library::find(doctor.lib.as_deref(), environment.lib.as_deref());

    let mut groups = vec![kernel::group(), huge::group(), limits::group()];
    groups.extend([access::group(), library::group(&library, &config)]);
    if let Some(name) = doctor.command.first() {
        groups.push(match &library {
            Ok(library) => program::group(name, library),
            Err(_) => without_library(),
        });
    }
    // Last, because a rate wants time between its two samples.
    groups.insert(2, memory::group(&before));
    answer(&if doctor.json { show::json(&groups) } else { show::text(&groups) })?;
    Ok(match finding::worst(&groups) {
        Level::Unknown | Level::Ok => 0,
        Level::Warn => 1,
        Level::Fail => 2,
    })
}

/// A program can only be compared with a library that is there.
fn without_library() -> Group {
    let unknown =
        Finding::unknown("program.verdict", "verdict", "without libfaultless.so nothing can be said about it");
    Group { name: "program", findings: vec![unknown] }
}
