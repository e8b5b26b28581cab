//! A command with a clean environment, and programs built on the spot.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

/// `faultless`, with no FAULTLESS_… variable and no LD_PRELOAD.
pub fn faultless() -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("faultless"));
    let ours = std::env::vars_os().map(|(name, _)| name).filter(|n| n.to_string_lossy().starts_with("FAULTLESS_"));
    ours.for_each(|name| {
        command.env_remove(name);
    });
    command.env_remove("LD_PRELOAD").env_remove("RUST_LOG");
    command
}

/// Has a command start with no signal ignored: shells leave SIGINT ignored in what they start in the background, and what is
/// ignored stays so.
pub fn with_signals(mut command: Command) -> Command {
    // SAFETY: between fork and exec only signal(2) is called.
    unsafe {
        command.pre_exec(|| {
            for signal in [libc::SIGINT, libc::SIGQUIT, libc::SIGHUP] {
                libc::signal(signal, libc::SIG_DFL);
            }
            Ok(())
        })
    };
    command
}

/// `faultless run` with a library that does nothing.
pub fn run(flags: &[&str]) -> Command {
    let mut command = faultless();
    command.arg("run").arg("--lib").arg(empty_library()).args(flags);
    command
}

/// stdout, stderr and exit status of a command.
pub struct Output {
    pub out: String,
    pub err: String,
    pub status: Option<i32>,
}

/// Runs a command to its end.
pub fn output(command: &mut Command) -> Output {
    let output = command.output().expect("it starts");
    Output {
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
        status: output.status.code(),
    }
}

fn built() -> &'static Path {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    FOLDER.get_or_init(|| tempfile::tempdir().expect("a folder for fixtures")).path()
}

/// Compiles C; `None`, with one line, if this machine cannot.
pub fn compile(name: &str, source: &str, flags: &[&str]) -> Option<PathBuf> {
    let binary = built().join(name);
    let code = built().join(format!("{name}.c"));
    std::fs::write(&code, source).expect("fixture");
    let gcc = Command::new("gcc").args(["-o"]).arg(&binary).arg(&code).args(flags).output();
    match gcc {
        Ok(done) if done.status.success() => Some(binary),
        _ => skip(&format!("gcc cannot build {name} with {flags:?}; apt-get install gcc libc6-dev")),
    }
}

/// Says that a test did not run.
pub fn skip<T>(why: &str) -> Option<T> {
    eprintln!("SKIP: {why}");
    None
}

/// A shared library without anything in it.
pub fn empty_library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| compile("empty.so", "int nothing;\n", &["-shared", "-fPIC"]).expect("gcc is needed"))
}

/// libfaultless.so itself; `None`, with one line, if it has not been built.
pub fn real_library() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/release/libfaultless.so");
    let path = std::env::var_os("FAULTLESS_TEST_LIB").map_or(beside, PathBuf::from);
    if path.exists() { Some(path) } else { skip("no libfaultless.so; make build, or set FAULTLESS_TEST_LIB") }
}

/// Whether tests run as root, who may make files of other users.
pub fn is_root() -> bool {
    // SAFETY: takes nothing and cannot fail.
    unsafe { libc::getuid() == 0 }
}
