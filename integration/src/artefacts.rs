//! Where the built library, the command and the programs' sources are, and the policies that programs run under.
//!
//! What must hold here: one place decides which build is tested, so that no two suites judge different ones.

use std::path::{Path, PathBuf};
use std::process::Command;

use faultless_core::policies;

/// Everything that a rule can ask for, on everything.
pub const EVERYTHING: &str = "malloc@64K:huge+populate+lock+recycle,heap:huge+populate+lock,\
    anon@64K:huge+populate+lock,file@4K:populate+lock+random,shm:populate+lock,text:populate+lock,stack:populate+lock";

/// The folder of the workspace: where it was built, or the current one when this program was carried to another machine.
pub fn workspace() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    here.canonicalize().or_else(|_| std::env::current_dir()).unwrap_or(here)
}

/// libfaultless.so: `FAULTLESS_TEST_LIB`, else the release build. Absolute, because the loader wants it so.
pub fn library() -> PathBuf {
    from_env("FAULTLESS_TEST_LIB", "target/release/libfaultless.so")
}

/// The `faultless` command: `FAULTLESS_TEST_COMMAND`, else the release build.
pub fn command() -> PathBuf {
    from_env("FAULTLESS_TEST_COMMAND", "target/release/faultless")
}

fn from_env(name: &str, default: &str) -> PathBuf {
    let path = std::env::var_os(name).map_or_else(|| workspace().join(default), PathBuf::from);
    path.canonicalize().unwrap_or(path)
}

/// Every built-in policy that preloads anything, and the one that turns everything on.
pub fn policies() -> Vec<&'static str> {
    policies::TABLE.iter().map(|p| p.name).filter(|name| *name != "none").chain(["everything"]).collect()
}

/// What puts a program under a policy of [`policies`], or under the rules themselves; pages go to `pages`.
pub fn preload(policy: &str, pages: &Path) -> Vec<(String, String)> {
    let (name, value) = match policy {
        "everything" => ("FAULTLESS_RULES", EVERYTHING),
        rules if rules.contains(':') => ("FAULTLESS_RULES", rules),
        _ => ("FAULTLESS_POLICY", policy),
    };
    vec![
        ("LD_PRELOAD".into(), library().to_string_lossy().into_owned()),
        (name.into(), value.into()),
        ("FAULTLESS_PAGES".into(), pages.to_string_lossy().into_owned()),
        ("FAULTLESS_REPORT".into(), "none".into()),
    ]
}

/// Whether a program can be found: a name on the search path, or a file where `*` stands for one folder's name.
pub fn present(program: &str) -> bool {
    if let Some((before, after)) = program.split_once('*') {
        let inner = std::fs::read_dir(before).into_iter().flatten().flatten();
        return inner.into_iter().any(|e| Path::new(&format!("{}{after}", e.path().display())).exists());
    }
    match program.starts_with('/') {
        true => Path::new(program).exists(),
        false => SEARCH_PATH.split(':').any(|folder| Path::new(folder).join(program).is_file()),
    }
}

/// The search path that every program of the suite gets, whatever the caller's is.
pub const SEARCH_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Compiles one C file of the workspace into `folder` and returns the program.
pub fn compile(source: &str, folder: &Path) -> Result<PathBuf, String> {
    compile_with(source, folder, &[])
}

/// The same with further flags.
pub fn compile_with(source: &str, folder: &Path, flags: &[&str]) -> Result<PathBuf, String> {
    let source = workspace().join(source);
    let program = folder.join(source.file_stem().unwrap_or_default());
    let done = Command::new("gcc")
        .args(["-O1", "-Wall", "-fno-builtin", "-o"])
        .args([&program, &source])
        .args(flags)
        .output()
        .map_err(|e| format!("gcc: {e}"))?;
    match done.status.success() {
        true => Ok(program),
        false => Err(String::from_utf8_lossy(&done.stderr).into_owned()),
    }
}
