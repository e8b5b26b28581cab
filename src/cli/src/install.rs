//! `faultless install`: this command and its library as two files of one folder, for images that have no cp.
//!
//! What must hold here: programs may run under the library that lies there, so nothing is written into a file: a new one
//! is renamed over it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;

use crate::environment::Environment;
use crate::library;
use crate::tell::answer;

/// `faultless install`
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Install {
    /// libfaultless.so, if it is not beside this command
    #[arg(long, value_name = "PATH")]
    lib: Option<PathBuf>,
    /// where to; it must be there
    folder: PathBuf,
}

const EXAMPLES: &str = "\
Both files are renamed into place, so programs that run under the old ones are not harmed. The command finds the library \
beside itself.

Examples:
  faultless install /faultless            in an init container, onto an emptyDir (deploy/kubernetes)
  LD_PRELOAD=/faultless/libfaultless.so   then wraps a program; so does /faultless/faultless run -- CMD";

/// Copies both.
///
/// # Errors
/// One of them cannot be found, read or written.
pub fn install(install: &Install) -> Result<i32> {
    let library = library::find(install.lib.as_deref(), Environment::read()?.lib.as_deref())?;
    // By this name even where an upgrade has renamed another file over it meanwhile.
    let own = PathBuf::from("/proc/self/exe");
    let mut said = String::new();
    for (from, name) in [(own, "faultless"), (library.path, library::NAME)] {
        let to = install.folder.join(name);
        replace(&from, &to).with_context(|| to.display().to_string())?;
        said += &format!("{}\n", to.display());
    }
    answer(&said)?;
    Ok(0)
}

fn replace(from: &Path, to: &Path) -> io::Result<()> {
    let new = to.with_file_name(format!(".faultless.{}.new", std::process::id()));
    let mut source = File::open(from)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o755).open(&new)?;
    let copied = io::copy(&mut source, &mut file)
        // Whatever the umask: programs of other users load it too.
        .and_then(|_| file.set_permissions(fs::Permissions::from_mode(0o755)))
        .and_then(|()| fs::rename(&new, to));
    if copied.is_err() {
        let _ = fs::remove_file(&new);
    }
    copied
}
