//! Builds and runs the programs of `c-tests/`, each alone and then under the shim with several policies.
//!
//! What must hold here: every program × policy is a test of its own, named `c-tests/NAME [policy]`; a program whose
//! head cannot be read fails the run at once. `integration/src/directives.rs` says what a head may hold. The shim
//! is `FAULTLESS_TEST_LIB`, or else `target/release/libfaultless.so`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use faultless_integration::ctest::{CTest, Verdict};
use libtest_mimic::{Arguments, Completion, Trial};

fn main() -> Result<std::process::ExitCode, String> {
    let mut args = Arguments::from_args();
    // Most of them wait for something most of the time.
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    args.test_threads.get_or_insert(2 * processors);
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let shim = match std::env::var_os("FAULTLESS_TEST_LIB") {
        Some(path) => PathBuf::from(path),
        None => workspace.join("target/release/libfaultless.so"),
    };
    // The loader wants a whole path; one that isn't there is each case's own failure.
    let shim: Arc<Path> = shim.canonicalize().unwrap_or(shim).into();
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("c-tests");

    let mut trials = Vec::new();
    for source in sources(&workspace.join("c-tests"))? {
        let test = Arc::new(CTest::read(&source, &target)?);
        for case in test.cases() {
            let (test, shim) = (test.clone(), shim.clone());
            let name = format!("c-tests/{} {}", test.name, case.label());
            trials.push(Trial::ignorable_test(name, move || match test.run(&case, &shim)? {
                Verdict::Passed => Ok(Completion::Completed),
                Verdict::Skipped(why) => Ok(Completion::ignored_with(why)),
            }));
        }
    }
    Ok(libtest_mimic::run(&args, trials).exit_code())
}

fn sources(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = std::fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut found: Vec<PathBuf> = entries
        .filter_map(|e| e.ok().map(|e| e.path()))
        .filter(|p| p.extension().is_some_and(|e| e == "c" || e == "cc"))
        .map(|p| p.canonicalize().unwrap_or(p))
        .collect();
    found.sort();
    Ok(found)
}
