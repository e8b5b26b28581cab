//! Perl's core tests, from Debian's source package, by the perl that is installed.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::source::{debian, done};
use super::{Ended, FAIL, PASS, Part, Results, SKIP, Suite};

/// The suite.
pub struct Perl;

/// Folders of t/, and files in them, that have to do with memory, files and processes.
const FILES: &str = "op/fork op/exec op/alarm op/kill0 op/die_exit op/readline op/sysio op/stat op/sort op/sprintf \
    op/substr op/hash op/push op/splice op/array op/repeat op/join op/split op/pack op/vec op/local op/closure op/tie \
    op/tiehandle op/magic op/threads op/sselect op/sigdispatch op/sleep op/time op/utf8cache op/concat2 op/lc op/each \
    op/grep op/heredoc op/getppid op/glob op/goto op/inc op/eval op/destruct op/bless op/chop op/index op/reverse \
    io/fs io/open io/pipe io/read io/say io/shm io/sem io/msg io/socket io/socketpair io/tell io/through io/utf8 \
    io/perlio io/perlio_open io/print io/dup io/fflush io/inplace io/argv io/eintr io/layers io/sem \
    re/pat re/regexp re/subst re/pat_advanced re/reg_mesg re/qr_gc re/rxcode cmd/mod cmd/while base/lex base/rs \
    mro/basic uni/lower uni/sprintf lib/croak";

impl Suite for Perl {
    fn name(&self) -> &'static str {
        "perl"
    }

    fn prepare(&self, cache: &Path) -> Result<String, String> {
        let folders = done(Command::new("/usr/bin/perl").args(["-e", "print join qq(\\n), @INC"]))?;
        let (source, version) = debian("perl", cache)?;
        // The tests look for ./perl and ../lib, where a build would have put them.
        let (lib, perl) = (source.join("lib"), source.join("t/perl"));
        if !perl.exists() {
            std::fs::remove_dir_all(&lib).map_err(|e| format!("{}: {e}", lib.display()))?;
            std::fs::create_dir(&lib).map_err(|e| format!("{}: {e}", lib.display()))?;
            for folder in folders.lines().filter(|f| f.starts_with("/usr/") && Path::new(f).is_dir()) {
                // what an earlier folder has stays
                let _ = done(Command::new("cp").arg("-rs").arg(format!("{folder}/.")).arg(&lib));
            }
            std::os::unix::fs::symlink("/usr/bin/perl", &perl).map_err(|e| format!("{}: {e}", perl.display()))?;
        }
        Ok(format!("Perl {version}"))
    }

    fn parts(&self, cache: &Path) -> Result<Vec<Part>, String> {
        let mut names: Vec<&str> = FILES.split_whitespace().collect();
        names.sort_unstable();
        names.dedup();
        names.retain(|n| cache.join(format!("source/t/{n}.t")).is_file());
        let part = |name: &str| Part {
            // they look for what is beside them
            folder: Some(cache.join("source/t")),
            limit: Duration::from_secs(300),
            ..Part::new(name, ["./perl", "-I../lib", &format!("{name}.t")])
        };
        Ok(names.into_iter().map(part).collect())
    }

    fn results(&self, _part: &Part, ended: &Ended) -> Results {
        tap(&ended.output, ended.status)
    }
}

/// What each line of TAP says; tests are known by their numbers, because their names hold addresses.
fn tap(output: &str, status: Option<i32>) -> Results {
    let mut results = Results::new();
    for line in output.lines() {
        let (bad, rest) = match (line.strip_prefix("ok "), line.strip_prefix("not ok ")) {
            (Some(rest), _) => (false, rest),
            (_, Some(rest)) => (true, rest),
            _ => continue,
        };
        let Some(number) = rest.split_whitespace().next().and_then(|n| n.parse::<u32>().ok()) else { continue };
        let came = match rest.to_ascii_lowercase() {
            r if r.contains("# skip") => SKIP,
            // what is to be done may fail or not
            r if r.contains("# todo") => SKIP,
            _ if bad => FAIL,
            _ => PASS,
        };
        results.insert(number.to_string(), came.to_owned());
    }
    if status != Some(0) {
        results.insert("it ends".into(), format!("with status {status:?}"));
    }
    results
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_each_line_of_tap_says() {
        let came = tap("1..4\nok 1 - a\nnot ok 2\nok 3 # skip no\nnot ok 4 # TODO x\n", Some(1));
        let pairs: Vec<(&str, &str)> = came.iter().map(|(n, c)| (n.as_str(), c.as_str())).collect();
        assert_eq!(pairs, [("1", PASS), ("2", FAIL), ("3", SKIP), ("4", SKIP), ("it ends", "with status Some(1)")]);
    }
}
