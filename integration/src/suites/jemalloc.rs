//! jemalloc's tests and those of the crate that carries it, tikv-jemalloc-sys: programs whose malloc is their own, with
//! all that it asks of the kernel.
//!
//! What must hold here: jemalloc replaces the C library's malloc (no prefix), as it does in the programs that use it.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::source::done;
use super::{Ended, FAIL, PASS, Part, Results, SKIP, Suite, crates};

/// The suite.
pub struct Jemalloc;

const CRATE: &str = "tikv-jemalloc-sys";
/// What is behind the + is jemalloc's version, which its configure wants to be told where there is no git.
const VERSION: &str = "0.7.1+5.3.1-0-g81034ce1f1373e37dc865038e1bc8eeecf559ce8";
/// The kinds of jemalloc's tests, folders of its test/. The third kind, stress, tells times.
const KINDS: &[&str] = &["unit", "integration"];

impl Suite for Jemalloc {
    fn name(&self) -> &'static str {
        "jemalloc"
    }

    fn prepare(&self, cache: &Path) -> Result<String, String> {
        let (version, jemalloc) = VERSION.split_once('+').ok_or("no version of jemalloc's")?;
        if !crates::programs(cache).is_dir() {
            let source = crates::source(CRATE, version, cache)?;
            let folder = source.join("jemalloc");
            // the crate has it beside jemalloc's own sources
            std::fs::copy(source.join("configure/configure"), folder.join("configure"))
                .map_err(|e| format!("configure: {e}"))?;
            // configured once: it touches headers, and all would be built again
            if !folder.join("Makefile").is_file() {
                let mut configure = Command::new("sh");
                configure.args(["configure", "--disable-cxx", "--enable-doc=no", "CFLAGS=-O1 -g"]);
                done(configure.arg(format!("--with-version={jemalloc}")).current_dir(&folder))?;
            }
            let jobs = std::thread::available_parallelism().map_or(1, usize::from);
            let mut make = Command::new("make");
            make.arg(format!("-j{jobs}")).args(["tests_unit", "tests_integration", "build_lib_static"]);
            done(make.current_dir(&folder))?;
            let library = folder.join("lib/libjemalloc_pic.a");
            let features = "unprefixed_malloc_on_supported_platforms";
            crates::build(&source, cache, features, &[("JEMALLOC_OVERRIDE", &library)])?;
        }
        let short = jemalloc.split('-').next().unwrap_or(jemalloc);
        Ok(format!("jemalloc {short}, {CRATE} {version}"))
    }

    fn parts(&self, cache: &Path) -> Result<Vec<Part>, String> {
        let folder = cache.join("source/jemalloc");
        let mut parts = crates::parts(cache, &[])?;
        for kind in KINDS {
            let inner = folder.join("test").join(kind);
            let files = std::fs::read_dir(&inner).map_err(|e| format!("{}: {e}", inner.display()))?;
            let names = files.flatten().map(|f| f.file_name().to_string_lossy().into_owned());
            let mut names: Vec<String> = names.filter_map(|n| n.strip_suffix(".c").map(str::to_owned)).collect();
            names.sort();
            // those that were not built want what is not configured
            names.retain(|n| inner.join(n).is_file());
            parts.extend(names.into_iter().map(|name| Part {
                folder: Some(folder.clone()),
                limit: Duration::from_secs(300),
                // the script gives each the settings that it wants
                ..Part::new(format!("{kind}/{name}"), ["sh", "test/test.sh", &format!("test/{kind}/{name}")])
            }));
        }
        Ok(parts)
    }

    fn results(&self, part: &Part, ended: &Ended) -> Results {
        match part.name.contains('/') {
            true => said(ended),
            false => crates::libtest(ended),
        }
    }
}

/// What jemalloc's tests say: `test_name (how): pass`, for each way in which malloc calls itself.
fn said(ended: &Ended) -> Results {
    let mut results = Results::new();
    for line in ended.output.lines() {
        let Some((name, came)) = line.rsplit_once(": ").filter(|(name, _)| name.ends_with(')')) else { continue };
        let came = match came {
            "pass" => PASS,
            "skip" => SKIP,
            "fail" => FAIL,
            _ => continue,
        };
        results.insert(name.to_owned(), came.to_owned());
    }
    if ended.status != Some(0) {
        results.insert("it ends".into(), format!("with status {:?}", ended.status));
    }
    results
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_each_line_says() {
        let output = "=== test/unit/a ===\ntest_a (non-reentrant): pass\ntest_a (libc-reentrant): fail\n\
                      test_b (non-reentrant): skip\n--- pass: 1/3, skip: 1/3, fail: 1/3 ---\n";
        let ended = Ended { status: Some(1), output: output.into(), folder: "".into(), reached: 0 };
        let came = said(&ended);
        let pairs: Vec<(&str, &str)> = came.iter().map(|(n, c)| (n.as_str(), c.as_str())).collect();
        let ends = ("it ends", "with status Some(1)");
        let tests =
            [("test_a (libc-reentrant)", FAIL), ("test_a (non-reentrant)", PASS), ("test_b (non-reentrant)", SKIP)];
        assert_eq!(pairs[0], ends);
        assert_eq!(pairs[1..], tests);
    }
}
