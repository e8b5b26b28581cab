//! The Go distribution's tests of cgo: Go and C in one program, on threads of both, with callbacks and signals.

use std::path::Path;
use std::process::Command;

use super::source::done;
use super::{Ended, FAIL, PASS, Part, Results, SKIP, Suite};

/// The suite.
pub struct Cgo;

/// Packages with cgo: the misc folder has one of all kinds of calls; the others look up names by the C library.
const PACKAGES: &[(&str, &str)] =
    &[("cgo", "misc/cgo/test"), ("os-user", "src/os/user"), ("cgo-handle", "src/runtime/cgo")];

impl Suite for Cgo {
    fn name(&self) -> &'static str {
        "cgo"
    }

    fn prepare(&self, cache: &Path) -> Result<String, String> {
        let need = |why: String| format!("{why}; apt-get install golang-go");
        let version = done(Command::new("go").args(["env", "GOVERSION", "GOROOT"])).map_err(need)?;
        let (version, root) = version.trim().split_once('\n').ok_or("go env says nothing")?;
        for (name, package) in PACKAGES {
            let program = cache.join(name);
            if !program.is_file() {
                let mut go = Command::new("go");
                go.args(["test", "-c", "-o"]).arg(&program).arg(".").current_dir(Path::new(root).join(package));
                let vars = [("CGO_ENABLED", "1"), ("GOFLAGS", ""), ("GO111MODULE", "auto")];
                done(go.envs(vars).env("GOCACHE", cache.join("build"))).map_err(|why| format!("{package}: {why}"))?;
            }
        }
        Ok(version.to_owned())
    }

    fn parts(&self, cache: &Path) -> Result<Vec<Part>, String> {
        let part = |name: &str| Part::new(name, [&*cache.join(name).to_string_lossy(), "-test.v", "-test.short"]);
        Ok(PACKAGES.iter().map(|(name, _)| part(name)).collect())
    }

    fn results(&self, _part: &Part, ended: &Ended) -> Results {
        let mut results = Results::new();
        for line in ended.output.lines().filter_map(|l| l.trim_start().strip_prefix("--- ")) {
            let Some((came, name)) = line.split_once(": ") else { continue };
            let came = match came {
                "PASS" => PASS,
                "FAIL" => FAIL,
                "SKIP" => SKIP,
                _ => continue,
            };
            results.insert(name.split_whitespace().next().unwrap_or_default().to_owned(), came.to_owned());
        }
        if ended.status != Some(0) {
            results.insert("it ends".into(), format!("with status {:?}", ended.status));
        }
        results
    }
}
