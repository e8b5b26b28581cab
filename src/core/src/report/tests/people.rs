//! Tests of the line and the table: what is said, what is left out, and that an unknown stays one.

use super::std;
use super::*;

fn text_of(totals: &Totals<'_>) -> String {
    let mut out = String::new();
    text(&mut out, totals).expect("a string takes all");
    out
}

#[test]
fn the_line_says_what_was_done_and_what_it_achieved() {
    let mut out = String::new();
    line(&mut out, &server()).expect("a string takes all");
    assert_eq!(
        out,
        "faultless: server[4711] throughput: 1,213 regions (7 GiB): 1,207 applied, 6 partly; 6 of 7 GiB on huge \
         pages; 41,222 faults; again: faultless report 4711\n"
    );
}

#[test]
fn the_line_of_a_page_that_knows_nothing_claims_nothing() {
    let mut out = String::new();
    let mut s = page(7, b"sh", &[b"heap:huge"]);
    line(&mut out, &s).expect("a string takes all");
    assert_eq!(out, "faultless: sh[7] throughput: no rule matched; faults unknown; again: faultless report 7\n");
    out.clear();
    (s.state, s.why) = (State::StoodDown as u32, Why::Skip as u32);
    line(&mut out, &s).expect("a string takes all");
    assert_eq!(out, "faultless: sh[7] throughput: stood down: FAULTLESS_SKIP names this program\n");
}

#[test]
fn the_table_of_one_process_reads_as_designed() {
    let s = server();
    let pages = [&s];
    let mut totals = Totals::new(&pages);
    totals.title = Title { command: b"./server", source: "built in", ..Title::default() };
    totals.again = Some(4711);
    totals.compare = b"./server";
    let want = "\
faultless: ./server exited 0 after 7412 s, policy throughput (built in)
rule                      regions  bytes  applied  partly  skipped  failed
1 malloc@1M:huge+recycle    1,204  6 GiB    1,198       6        0       0
2 heap:huge                     9  1 GiB        9       0        0       0
3 anon@2M:huge                  0      0        0       0        0       0  never matched
rule 1, partly 6: lock: RLIMIT_MEMLOCK reached (ENOMEM); try: raise it (ulimit -l, LimitMEMLOCK=) or give CAP_IPC_LOCK
effect                                              source
  on huge pages  6 of 7 GiB (85 %)                  pagemap, last sampled
  faults         41,210 minor, 12 major             getrusage, less ours
  peak rss       8 GiB                              getrusage
  our cost       840 ms in actions, longest 31 ms   clock around each
budgets   lock unused, populate unused
   pid  exe     ran     minor   major  peak rss  end
  4711  server  7412 s  41,210     12     8 GiB  exit 0
again: faultless report 4711
worth it? faultless compare --policy none --policy throughput -- ./server
";
    let blanks = |s: &str| s.lines().map(|l| l.split_whitespace().collect::<std::vec::Vec<_>>().join(" ")).collect();
    let (got, want): (std::vec::Vec<String>, std::vec::Vec<String>) = (blanks(&text_of(&totals)), blanks(want));
    assert_eq!(got, want);
}

#[test]
fn what_was_never_sampled_is_unknown() {
    let s = page(7, b"sh", &[b"heap:huge"]);
    let pages = [&s];
    let out = text_of(&Totals::new(&pages));
    for label in ["on huge pages", "faults", "peak rss"] {
        let line = out.lines().find(|l| l.contains(label)).expect(label);
        assert!(line.contains("unknown") && !line.contains('0') && !line.contains('%'), "{line}");
    }
    assert!(out.starts_with("faultless: sh[7], end unknown, policy throughput\n"), "{out}");
}

#[test]
fn a_tree_is_summed_rule_by_rule() {
    let (a, mut b) = (server(), server());
    b.pid = 4712;
    let pages = [&a, &b];
    let out = text_of(&Totals::new(&pages));
    says(&out, "2 processes: 2 with policy");
    let row = out.lines().find(|l| l.starts_with("1 malloc")).expect("rule 1");
    assert_eq!(row.split_whitespace().nth(2), Some("2,408"));
    assert_eq!(out.matches("partly 12: lock").count(), 1, "{out}");
    assert!(out.contains("82,420 minor, 24 major") && out.contains("8 GiB, the largest process"), "{out}");
}

#[test]
fn processes_whose_faults_nobody_sampled_are_said_to_lack() {
    let (a, b) = (server(), page(4712, b"killed", &[]));
    let pages = [&a, &b];
    let out = text_of(&Totals::new(&pages));
    assert!(out.contains("41,210 minor, 12 major, 1 process unknown"), "{out}");
}

#[test]
fn an_image_after_exec_has_only_the_faults_that_came_on_top() {
    let (mut shell, mut server) = (page(9, b"sh", &[]), server());
    (shell.end, shell.start_ns) = (End::Exec as u32, 5 * S);
    set(&mut shell, &[(C::MinorFaults, 1_000), (C::OwnMinorFaults, 10)]);
    server.pid = 9;
    let pages = [&server, &shell];
    let totals = Totals::new(&pages);
    assert_eq!(totals.minor_faults(0, &server), Some(50_000 - 1_000 - 8_790));
    assert_eq!(totals.minor_faults(1, &shell), Some(990));
    assert_eq!(totals.counter(C::MinorFaults, &|_| true), Some(50_000));
    assert!(text_of(&totals).contains("exec"));
    assert!(!text_of(&totals).contains("processes:"));
}

#[test]
fn an_image_before_exec_whose_faults_the_next_one_holds_is_not_lacking() {
    let (mut shell, mut server) = (page(9, b"sh", &[]), server());
    (shell.end, shell.start_ns, server.pid) = (End::Exec as u32, 5 * S, 9);
    let out = text_of(&Totals::new(&[&server, &shell]));
    assert!(out.contains("41,210 minor, 12 major  "), "{out}");
}

#[test]
fn what_is_seen_of_a_process_after_exec_is_not_said_of_the_image_before() {
    let mut shell = page(9, b"sh", &[]);
    shell.end = End::Exec as u32;
    let pages = [&shell];
    let facts = [Facts { fate: Fate::Running, minor_faults: Some(77_777), ..Facts::default() }];
    let mut totals = Totals::new(&pages);
    totals.facts = &facts;
    let out = text_of(&totals);
    assert!(out.contains("exec") && !out.contains("77,777"), "{out}");
}

#[test]
fn what_was_looked_at_now_wins_over_the_page() {
    let mut s = server();
    (s.end, s.end_ns) = (End::None as u32, 0);
    let pages = [&s];
    let facts = [Facts {
        fate: Fate::Running,
        minor_faults: Some(60_000),
        major_faults: Some(20),
        peak_rss: Some(9 * GIB),
        huge: Some(GIB),
        huge_of: Some(4 * GIB),
        locked: Some(8 << 20),
        swap: Some(0),
    }];
    let mut totals = Totals::new(&pages);
    (totals.facts, totals.now_ns, totals.again) = (&facts, 20 * S, Some(4711));
    totals.memory = Memory { peak: Some(8 * GIB), limit: Some(12 * GIB), oom_kill: Some(0) };
    let out = text_of(&totals);
    assert!(out.starts_with("faultless: server[4711] running for 10.0 s, policy throughput\n"), "{out}");
    for part in ["4 of 8 GiB (50 %)", "51,210 minor, 20 major", "9 GiB", "8 MiB, 0", "8 of 12 GiB, oom_kill 0"] {
        assert!(out.contains(part), "{part} in {out}");
    }
    says(&out, "again: faultless report 4711     stop live: faultless off 4711");
}

#[test]
fn a_process_that_was_killed_is_not_said_to_have_exited() {
    let mut s = server();
    s.end = End::None as u32;
    let pages = [&s];
    let mut totals = Totals::new(&pages);
    assert!(text_of(&totals).contains("killed, or a raw exit"));
    let facts = [Facts { fate: Fate::Signal(9), ..Facts::default() }];
    totals.facts = &facts;
    assert!(text_of(&totals).contains("signal 9"));
}

#[test]
fn a_program_that_was_not_reached_has_a_row() {
    let s = server();
    let (pages, unreached) = ([&s], [Unreached { pid: Some(4733), exe: b"backupctl", why: "static executable" }]);
    let mut totals = Totals::new(&pages);
    totals.unreached = &unreached;
    let out = text_of(&totals);
    says(&out, "2 processes: 1 with policy, 1 not reached");
    let row = out.lines().find(|l| l.contains("backupctl")).expect("a row");
    assert!(row.contains("unknown") && row.ends_with("not reached: static executable"), "{row}");
}

#[test]
fn a_program_that_only_a_page_knows_to_be_out_of_reach_has_a_row() {
    let mut s = server();
    s.unreached = crate::page::Unreached::Static as u32;
    s.unreached_exe[..7].copy_from_slice(b"busybox");
    set(&mut s, &[(C::NotReached, 3)]);
    let out = text_of(&Totals::new(&[&s]));
    says(&out, "4 processes: 1 with policy, 3 not reached");
    let row = out.lines().find(|l| l.contains("busybox")).expect("a row");
    assert!(row.trim_start().starts_with("unknown") && row.ends_with("not reached: static executable"), "{row}");
}

#[test]
fn a_program_out_of_reach_that_took_a_process_over_is_no_process_more() {
    let mut s = server();
    (s.end, s.unreached) = (End::Exec as u32, crate::page::Unreached::Static as u32);
    s.unreached_exe[..7].copy_from_slice(b"busybox");
    says(&text_of(&Totals::new(&[&s])), "1 process: 1 with policy, 1 not reached");
}

#[test]
fn a_budget_that_was_used_stands_beside_its_limit() {
    let mut s = server();
    s.budgets = [8 << 20, u64::MAX, 0, 0];
    set(&mut s, &[(C::LockedBytes, 4 << 20), (C::LockNow, 2 << 20), (C::PopulatedBytes, GIB)]);
    let mut b = s;
    b.pid = 2;
    says(&text_of(&Totals::new(&[&s])), "budgets   lock 2 of 8 MiB, populate 0 of unknown");
    says(
        &text_of(&Totals::new(&[&s, &b])),
        "budgets (tree)   lock 8 MiB in all, at most 8 MiB at once, populate 2 GiB in all, at most unknown at once",
    );
}

#[test]
fn no_pages_at_all_is_still_a_report() {
    let unreached = [Unreached { pid: None, exe: b"x", why: "static executable" }];
    let mut totals = Totals::new(&[]);
    totals.title = Title { command: b"./x", fate: Fate::Exited(3), ran_ns: Some(2 * S), source: "" };
    totals.unreached = &unreached;
    let out = text_of(&totals);
    assert!(out.starts_with("faultless: ./x exited 3 after 2.00 s\n"), "{out}");
    says(&out, "1 process: 0 with policy, 1 not reached");
}

#[test]
fn a_full_writer_is_an_error_and_no_panic() {
    struct Full(usize);
    impl core::fmt::Write for Full {
        fn write_str(&mut self, s: &str) -> core::fmt::Result {
            self.0 = self.0.checked_sub(s.len()).ok_or(core::fmt::Error)?;
            Ok(())
        }
    }
    let s = server();
    let pages = [&s];
    for room in [0, 10, 100, 500] {
        assert!(text(&mut Full(room), &Totals::new(&pages)).is_err());
        assert!(json(&mut Full(room), &Totals::new(&pages)).is_err());
        assert!(prom(&mut Full(room), &Totals::new(&pages)).is_err());
    }
}
