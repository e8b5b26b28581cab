//! `faultless attach`: rules on the memory of a running process.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use crate::fixtures::{Output, compile, faultless, is_root, output, skip};

/// Maps 8 MiB of memory on a boundary of 2 MiB and its second argument, fills the one and reads the other, says `ready`, and
/// when its standard input ends checks that both are as they were.
const HOLDS: &str = r#"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>
int main(int argc, char **argv) {
    size_t n = 8 << 20, huge = 2 << 20;
    prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
    char *p = mmap(0, n + huge, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *q = p + huge - (unsigned long)p % huge;
    munmap(p, q - p);
    munmap(q + n, p + huge - q);
    for (size_t i = 0; i < n; i++) q[i] = i / 4096 * 7 + i;
    prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0);
    int fd = open(argv[1], O_RDONLY);
    volatile char *f = mmap(0, 1 << 20, PROT_READ, MAP_SHARED, fd, 0);
    long sum = 0, again = 0;
    for (int i = 0; i < 1 << 20; i++) sum += f[i];
    puts("ready"); fflush(stdout);
    while (getchar() != EOF) {}
    for (size_t i = 0; i < n; i++) if (q[i] != (char)(i / 4096 * 7 + i)) return 1;
    for (int i = 0; i < 1 << 20; i++) again += f[i];
    return argc == 2 && sum == again ? 0 : 2;
}
"#;

struct Holder {
    child: Child,
    file: tempfile::NamedTempFile,
}

impl Holder {
    /// Starts it; `None` where there is no leave to attach, or no static C library.
    fn start(name: &str) -> Option<Holder> {
        if !is_root() {
            return skip("attach takes CAP_SYS_NICE: run this as root");
        }
        let program = compile(name, HOLDS, &["-static"])?;
        // Not where everything lies in memory: pages of such a file have nowhere to go.
        let file = tempfile::NamedTempFile::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        fs::write(file.path(), vec![7u8; 1 << 20]).unwrap();
        file.as_file().sync_all().unwrap();
        let mut command = Command::new(program);
        let mut child = command.arg(file.path()).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        Some(Holder { child, file })
    }

    fn attach(&self, rules: &str) -> Output {
        output(faultless().args(["attach", &self.child.id().to_string(), "--rule", rules]))
    }

    /// kB of a field, summed over the mappings whose line ends so.
    fn smaps(&self, path: &str, field: &str) -> u64 {
        let text = fs::read_to_string(format!("/proc/{}/smaps", self.child.id())).unwrap();
        let (mut sum, mut counts) = (0, false);
        for line in text.lines() {
            let mut words = line.split_whitespace();
            let first = words.next().unwrap_or("");
            if first.contains('-') && !first.ends_with(':') {
                let name = words.nth(4).unwrap_or("");
                counts = name == path;
            } else if counts && first.strip_suffix(':') == Some(field) {
                sum += words.next().unwrap().parse::<u64>().unwrap();
            }
        }
        sum
    }

    fn ends_well(mut self) {
        drop(self.child.stdin.take());
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
    }
}

/// A rule's row of the table, its words set apart by one blank.
fn row(done: &Output, rule: usize) -> String {
    let rows = done.out.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    let mut rows = rows.filter(|line| line.starts_with(&format!("{rule} ")));
    rows.next().unwrap_or_else(|| panic!("no row: {}{}", done.out, done.err))
}

#[test]
fn a_running_static_program_is_put_on_huge_pages() {
    let Some(holder) = Holder::start("collapsed") else { return };
    assert_eq!(holder.smaps("", "AnonHugePages"), 0);
    let done = holder.attach("anon@8M:huge=collapse");
    if done.out.contains("Invalid argument") {
        return skip("no MADV_COLLAPSE for other processes here: Linux 6.1").unwrap_or(());
    }
    assert_eq!(done.status, Some(0), "{}{}", done.out, done.err);
    assert_eq!(row(&done, 1), "1 anon@8M:huge=collapse 1 8 MiB 8 MiB 0 0");
    assert_eq!(holder.smaps("", "AnonHugePages"), 8192, "{}", done.out);
    holder.ends_well();
}

#[test]
fn a_mapped_file_is_paged_out_and_read_in_again() {
    let Some(holder) = Holder::start("paged_out") else { return };
    let path = holder.file.path().display().to_string();
    assert_eq!(holder.smaps(&path, "Rss"), 1024);
    let done = holder.attach(&format!("file={path}:pageout"));
    assert_eq!(row(&done, 1), format!("1 file={path}:pageout 1 1 MiB 1 MiB 0 0"));
    assert_eq!(holder.smaps(&path, "Rss"), 0);
    let done = holder.attach(&format!("file={path}:willneed,any:leave"));
    assert_eq!(row(&done, 1), format!("1 file={path}:willneed 1 1 MiB 1 MiB 0 0"));
    holder.ends_well();
}

#[test]
fn a_dry_run_says_which_regions_and_changes_nothing() {
    let Some(holder) = Holder::start("dry") else { return };
    let pid = holder.child.id().to_string();
    let done = output(faultless().args(["attach", &pid, "--dry-run", "--rule", "anon@8M:huge=collapse"]));
    assert!(done.out.contains("would be advised"), "{}{}", done.out, done.err);
    assert_eq!(row(&done, 1), "1 anon@8M:huge=collapse 1 8 MiB");
    assert_eq!(holder.smaps("", "AnonHugePages"), 0);
    holder.ends_well();
}

#[test]
fn who_may_not_is_told_what_it_takes() {
    let Some(holder) = Holder::start("not_ours") else { return };
    let mut command = Command::new("setpriv");
    command.args(["--bounding-set=-sys_nice", "--inh-caps=-sys_nice", "--"]).arg(faultless().get_program());
    let done = output(command.args(["attach", &holder.child.id().to_string(), "--rule", "anon:cold"]));
    assert_eq!(done.status, Some(1), "{}{}", done.out, done.err);
    assert!(done.err.contains("CAP_SYS_NICE") && done.out.is_empty(), "{}{}", done.out, done.err);
    holder.ends_well();
}

#[test]
fn what_cannot_be_done_from_outside_is_refused_with_the_reason() {
    for (rule, fault, why) in [
        ("anon:lock", "lock", "no process can lock another's memory"),
        ("heap:huge", "huge", "only a process itself can ask for this; huge=collapse"),
        ("any:nohuge", "nohuge", "run --thp off"),
        ("anon:populate", "populate", "only a process itself can; willneed"),
        ("file:random", "random", "willneed, cold and pageout"),
        ("malloc:recycle", "recycle", "only from within"),
    ] {
        let done = output(faultless().args(["attach", "1", "--rule", rule]));
        assert_eq!(done.status, Some(2), "{rule}: {}", done.err);
        assert!(done.err.contains(why), "{rule}: {}", done.err);
        let carets = "^".repeat(fault.len());
        assert!(done.err.lines().any(|l| l.trim() == carets), "{rule}: {}", done.err);
    }
    let done = output(faultless().args(["run", "--rule", "anon:cold", "--", "true"]));
    assert_eq!(done.status, Some(2));
    assert!(done.err.contains("only `faultless attach` does this"), "{}", done.err);
}

#[test]
fn a_process_that_is_none_is_said_so() {
    let mut over = Command::new("true").stdout(Stdio::piped()).spawn().unwrap();
    over.stdout.take().unwrap().read_to_end(&mut Vec::new()).unwrap();
    over.wait().unwrap();
    let done = output(faultless().args(["attach", &over.id().to_string(), "--rule", "anon:cold"]));
    assert_eq!((done.status, done.out.as_str()), (Some(1), ""));
    assert!(done.err.contains(&format!("there is no process {}", over.id())), "{}", done.err);
}
