//! CPython's own tests, as Debian packages them.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::{Ended, FAIL, PASS, Part, Results, SKIP, Suite};

/// The modules that have to do with memory, files, processes, threads and sockets.
const MODULES: &str = "\
    test_mmap test_memoryview test_fork1 test_wait3 test_thread test_threading test_threadsignals test_queue \
    test_multiprocessing_fork test_multiprocessing_forkserver test_multiprocessing_spawn \
    test_multiprocessing_main_handling test_shutil test_subprocess test_ctypes test_socket test_socketserver \
    test_select test_epoll test_poll test_signal test_resource test_os test_posix test_io test_fileio \
    test_largefile test_tempfile test_faulthandler test_capi test_zlib test_fcntl test_pty test_atexit \
    test_tracemalloc test_sqlite3";

/// The suite.
pub struct CPython;

const PYTHON: &str = "/usr/bin/python3";

impl Suite for CPython {
    fn name(&self) -> &'static str {
        "cpython"
    }

    fn prepare(&self, _cache: &Path) -> Result<String, String> {
        let script = "import platform, test.test_mmap; print(platform.python_version())";
        let done = Command::new(PYTHON).args(["-c", script]).output().map_err(|e| format!("{PYTHON}: {e}"))?;
        match done.status.success() {
            true => Ok(format!("CPython {}", String::from_utf8_lossy(&done.stdout).trim())),
            false => Err("python3 has no tests; apt-get install libpython3-testsuite".into()),
        }
    }

    fn parts(&self, _cache: &Path) -> Result<Vec<Part>, String> {
        let script = "import importlib.util as u, sys; print(*[m for m in sys.argv[1:] if u.find_spec('test.' + m)])";
        let done = Command::new(PYTHON)
            .args(["-c", script])
            .args(MODULES.split_whitespace())
            .output()
            .map_err(|e| e.to_string())?;
        let there = String::from_utf8_lossy(&done.stdout).into_owned();
        let part = |module: &str| Part {
            limit: Duration::from_secs(900),
            env: vec![("LC_ALL".into(), "C.UTF-8".into())],
            // Sockets to the hypervisor wait for ever where that doesn't connect a guest with itself.
            ..Part::new(module, [PYTHON, "-m", "test", "-i", "*VSOCK*", "--junit-xml", "{folder}/results.xml", module])
        };
        Ok(there.split_whitespace().map(part).collect())
    }

    fn results(&self, _part: &Part, ended: &Ended) -> Results {
        std::fs::read_to_string(ended.folder.join("results.xml")).map_or_else(|_| Results::new(), |xml| junit(&xml))
    }
}

/// What each `<testcase>` came to.
fn junit(xml: &str) -> Results {
    let mut results = Results::new();
    for case in xml.split("<testcase ").skip(1) {
        let Some(name) = case.split_once("name=\"").and_then(|(_, rest)| rest.split('"').next()) else { continue };
        let (head, body) = case.split_once('>').unwrap_or((case, ""));
        let body = if head.ends_with('/') { "" } else { body.split("</testcase>").next().unwrap_or_default() };
        let came = match body {
            b if b.contains("<failure") || b.contains("<error") => FAIL,
            b if b.contains("<skipped") => SKIP,
            _ => PASS,
        };
        // a test that is there twice (subtests) fails if one of them does
        let known = results.entry(name.to_owned()).or_insert_with(|| came.to_owned());
        if came == FAIL {
            *known = came.to_owned();
        }
    }
    results
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_each_testcase_came_to() {
        let xml = "<testsuite><testcase name=\"a\" time=\"0\" /><testcase name=\"b\"><skipped>no</skipped></testcase>\
                   <testcase name=\"c\"><failure>x</failure></testcase><testcase name=\"c\" /></testsuite>";
        let came: Vec<(String, String)> = junit(xml).into_iter().collect();
        let pairs: Vec<(&str, &str)> = came.iter().map(|(n, c)| (n.as_str(), c.as_str())).collect();
        assert_eq!(pairs, [("a", PASS), ("b", SKIP), ("c", FAIL)]);
    }
}
