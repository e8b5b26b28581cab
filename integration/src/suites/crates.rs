//! Gets crates as cargo does, builds their tests, and reads what libtest says of each.
//!
//! What must hold here: a version is named in full and a crate's own lock file holds, so that every run builds the same;
//! what was built is built once; nothing of it enters our workspace.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::source::done;
use super::{Ended, FAIL, PASS, Part, Results, SKIP};

/// A crate's source, in a folder of its own that can be built in.
pub fn source(name: &str, version: &str, cache: &Path) -> Result<PathBuf, String> {
    let folder = cache.join("source");
    if folder.is_dir() {
        return Ok(folder);
    }
    let get = cache.join("get");
    std::fs::create_dir_all(&get).map_err(|e| format!("{}: {e}", get.display()))?;
    // a package that does nothing but depend on it
    let manifest = format!(
        "[package]\nname = \"get\"\nversion = \"0.0.0\"\nedition = \"2021\"\n[lib]\npath = \"empty.rs\"\n\
         [dependencies]\n{name} = \"={version}\"\n[workspace]\n"
    );
    std::fs::write(get.join("Cargo.toml"), manifest).map_err(|e| format!("{}: {e}", get.display()))?;
    std::fs::write(get.join("empty.rs"), "").map_err(|e| format!("{}: {e}", get.display()))?;
    let said = done(cargo().args(["metadata", "--quiet", "--format-version", "1"]).current_dir(&get))?;
    let said: serde_json::Value = serde_json::from_str(&said).map_err(|e| format!("cargo metadata: {e}"))?;
    let packages = said["packages"].as_array().ok_or("cargo metadata names no packages")?;
    let found = packages.iter().find(|p| p["name"] == name).and_then(|p| p["manifest_path"].as_str());
    let from = found.and_then(|m| Path::new(m).parent()).ok_or_else(|| format!("no crate {name} came"))?;
    // in two steps, so that a folder that is there is whole
    let half = folder.with_extension("half");
    let _ = std::fs::remove_dir_all(&half);
    done(Command::new("cp").arg("-r").arg(from).arg(&half))?;
    let manifest = half.join("Cargo.toml");
    let text = std::fs::read_to_string(&manifest).map_err(|e| format!("{}: {e}", manifest.display()))?;
    std::fs::write(&manifest, text + "\n[workspace]\n").map_err(|e| format!("{}: {e}", manifest.display()))?;
    std::fs::rename(&half, &folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    Ok(folder)
}

/// Builds the programs of its tests, each into [`programs`] by the name of its target.
pub fn build(source: &Path, cache: &Path, features: &str, env: &[(&str, &Path)]) -> Result<(), String> {
    let mut command = cargo();
    command.args(["test", "--quiet", "--no-run", "--locked", "--lib", "--tests", "--message-format", "json"]);
    command.arg("--target-dir").arg(cache.join("build")).args(["--features", features]);
    let said = done(command.envs(env.iter().copied()).current_dir(source))?;
    let half = cache.join("programs.half");
    let _ = std::fs::remove_dir_all(&half);
    std::fs::create_dir_all(&half).map_err(|e| format!("{}: {e}", half.display()))?;
    for line in said.lines() {
        let Ok(message) = serde_json::from_str::<serde_json::Value>(line) else { continue };
        let (name, program) = (message["target"]["name"].as_str(), message["executable"].as_str());
        if let (Some(name), Some(program), Some(true)) = (name, program, message["profile"]["test"].as_bool()) {
            std::fs::copy(program, half.join(name)).map_err(|e| format!("{program}: {e}"))?;
        }
    }
    let folder = programs(cache);
    std::fs::rename(&half, &folder).map_err(|e| format!("{}: {e}", folder.display()))
}

/// Where the programs of a crate's tests are, once they are built.
pub fn programs(cache: &Path) -> PathBuf {
    cache.join("programs")
}

/// A part for each program, which leaves out the tests whose names have one of `left_out` in them.
pub fn parts(cache: &Path, left_out: &[&str]) -> Result<Vec<Part>, String> {
    let folder = programs(cache);
    let files = std::fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut names: Vec<String> = files.flatten().map(|f| f.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    let part = |name: String| {
        // one thread alone would write what a test says between its name and what it came to
        let mut argv = vec![folder.join(&name).to_string_lossy().into_owned(), "--test-threads=4".into()];
        argv.extend(left_out.iter().flat_map(|l| ["--skip".to_owned(), (*l).to_owned()]));
        // nix begins sixteen thousand threads, and a policy may want to lock each one's stack
        Part { limit: Duration::from_secs(900), ..Part::new(name, argv) }
    };
    Ok(names.into_iter().map(part).collect())
}

/// What each line of libtest's says.
pub fn libtest(ended: &Ended) -> Results {
    let mut results = Results::new();
    for line in ended.output.lines().filter_map(|l| l.strip_prefix("test ")) {
        let Some((name, came)) = line.rsplit_once(" ... ") else { continue };
        let came = match came {
            "ok" => PASS,
            "FAILED" => FAIL,
            _ if came.starts_with("ignored") => SKIP,
            _ => continue,
        };
        results.insert(name.to_owned(), came.to_owned());
    }
    if ended.status != Some(0) {
        results.insert("it ends".into(), format!("with status {:?}", ended.status));
    }
    results
}

fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // what a caller has set for our own build is not meant for theirs
    cargo.env_remove("CARGO_TARGET_DIR").env_remove("RUSTFLAGS");
    cargo
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_each_line_of_libtest_says() {
        let output = "running 4 tests\ntest a::b ... ok\ntest c - should panic ... FAILED\ntest d ... ignored, slow\n\
                      test result: FAILED. 1 passed; 1 failed\n";
        let ended = Ended { status: Some(101), output: output.into(), folder: PathBuf::new(), reached: 0 };
        let came = libtest(&ended);
        let pairs: Vec<(&str, &str)> = came.iter().map(|(n, c)| (n.as_str(), c.as_str())).collect();
        let ends = ("it ends", "with status Some(101)");
        assert_eq!(pairs, [("a::b", PASS), ("c - should panic", FAIL), ("d", SKIP), ends]);
    }
}
