//! SQLite's own tests, from Debian's source package, by its testfixture: a tclsh with SQLite inside that can make calls
//! fail. What the tests need of SQLite is in no package, so it is built, with Debian's tcl8.6-dev.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::source::{debian, done};
use super::{Ended, FAIL, PASS, Part, Results, SKIP, Suite};

/// The suite.
pub struct Sqlite;

/// How the files of tests begin that have to do with memory, mappings, files, locks, threads and processes.
const WANTED: &str = "atomic autovacuum backup bigfile blob btree cache checkpoint corrupt exclusive external_reader fallocate \
    filectrl incrblob incrvacuum index io journal jrnl lock lookaside main mem mmap multiplex mutex nolock notify oserror \
    pager pcache quota rollback savepoint select shared shmlock softheap sort stmt subjournal superlock syscall temptable \
    thread trans unixexcl vacuum wal zeroblob";
/// Parts of the names of those that take minutes: the hundred-thousandth failure of SQLite's own making, a crash that it
/// plays, and what waits for threads by the clock.
const LEFT_OUT: &str = "malloc fault err crash slow corruptC memleak savepoint4 savepoint6 select9 sort2 sort3 sort4 \
    thread003 trans2 vacuum3 walthread";

impl Suite for Sqlite {
    fn name(&self) -> &'static str {
        "sqlite"
    }

    fn prepare(&self, cache: &Path) -> Result<String, String> {
        let (source, version) = debian("sqlite3", cache)?;
        let build = cache.join("build");
        if !build.join("testfixture").is_file() {
            if !Path::new("/usr/lib/tcl8.6/tclConfig.sh").is_file() {
                return Err("no /usr/lib/tcl8.6/tclConfig.sh; apt-get install tcl8.6-dev".into());
            }
            std::fs::create_dir_all(&build).map_err(|e| format!("{}: {e}", build.display()))?;
            let mut configure = Command::new(source.join("configure"));
            done(configure.args(["--with-tcl=/usr/lib/tcl8.6", "CFLAGS=-O1"]).current_dir(&build))?;
            done(Command::new("make").arg("testfixture").current_dir(&build))?;
        }
        Ok(format!("SQLite {version}"))
    }

    fn parts(&self, cache: &Path) -> Result<Vec<Part>, String> {
        let program = cache.join("build/testfixture").to_string_lossy().into_owned();
        let folder = cache.join("source/test");
        let files = std::fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        let names = files.flatten().map(|f| f.file_name().to_string_lossy().into_owned());
        let mut names: Vec<String> = names.filter_map(|n| n.strip_suffix(".test").map(str::to_owned)).collect();
        names.retain(|n| {
            WANTED.split_whitespace().any(|w| n.starts_with(w)) && !LEFT_OUT.split_whitespace().any(|l| n.contains(l))
        });
        names.sort();
        let part = |name: String| {
            let file = folder.join(format!("{name}.test")).to_string_lossy().into_owned();
            Part { limit: Duration::from_secs(300), ..Part::new(name, [program.clone(), file]) }
        };
        Ok(names.into_iter().map(part).collect())
    }

    fn results(&self, _part: &Part, ended: &Ended) -> Results {
        let mut results = said(&ended.output);
        if ended.status != Some(0) {
            results.insert("it ends".into(), format!("with status {:?}", ended.status));
        }
        results
    }
}

/// What SQLite's tester says: `name... Ok`, and for what fails `! name expected: ..`. A test that ends with an error of Tcl's
/// is missing, and counted at the end.
fn said(output: &str) -> Results {
    let mut results = Results::new();
    // the threads of some write dots before a name
    for line in output.lines().map(|l| l.trim_start_matches('.')) {
        if let Some((name, "Ok")) = line.split_once("... ") {
            // a name can be there more than once: one failure makes it fail
            results.entry(name.to_owned()).or_insert_with(|| PASS.to_owned());
        } else if let Some((name, "Omitted")) = line.split_once("... ") {
            results.insert(name.to_owned(), SKIP.to_owned());
        } else if let Some((name, _)) = line.strip_prefix("! ").and_then(|l| l.split_once(" expected: ")) {
            results.insert(name.to_owned(), FAIL.to_owned());
        } else if let Some((counts, _)) = line.split_once(" tests on ") {
            // what goes wrong without a name of its own is counted here: `0 errors out of 35 tests on ..`
            results.insert("all of them".into(), counts.to_owned());
        }
    }
    results
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_each_line_says() {
        let output = "..wal-1.0... Ok\nwal-1.1...\n! wal-1.1 expected: [1]\n! wal-1.1 got:      [2]\nwal-1.1... Ok\n\
                      wal-1.2... Omitted\n1 errors out of 4 tests on host Linux 64-bit little-endian\n";
        let came = said(output);
        let pairs: Vec<(&str, &str)> = came.iter().map(|(n, c)| (n.as_str(), c.as_str())).collect();
        let all = ("all of them", "1 errors out of 4");
        assert_eq!(pairs, [all, ("wal-1.0", PASS), ("wal-1.1", FAIL), ("wal-1.2", SKIP)]);
    }
}
