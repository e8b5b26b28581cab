//! `report`, `off` and `policy explain`, on pages made by hand and on processes that hold one.

use std::fs;
use std::io::Read;
use std::mem::offset_of;
use std::path::Path;
use std::process::{Command, Stdio};

use faultless_core::page::Page;

use crate::fixtures::{compile, faultless, output, real_library, skip};
use crate::pages::{Bytes, Holder};

/// No process has this id: pid_max is at most 2^22.
const NOBODY: u32 = 1 << 23;

fn report(of: &str, flags: &[&str]) -> crate::fixtures::Output {
    output(faultless().arg("report").arg(of).args(flags))
}

fn json(of: &str) -> serde_json::Value {
    let done = report(of, &["--json"]);
    serde_json::from_str(&done.out).unwrap_or_else(|e| panic!("{e}: {}{}", done.out, done.err))
}

#[test]
fn a_page_is_reported_from_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = Bytes::new(NOBODY, 1, 1).save(folder.path());
    let done = report(path.to_str().unwrap(), &[]);
    assert_eq!(done.status, Some(0), "{}", done.err);
    assert!(done.out.contains("server") && done.out.contains("anon@2M:huge"), "{}", done.out);
    assert_eq!(json(path.to_str().unwrap())["version"], 1);
    assert!(report(path.to_str().unwrap(), &["--prom"]).out.contains("faultless_regions_ruled"));
}

#[test]
fn a_folder_is_reported_tree_by_tree() {
    let folder = tempfile::tempdir().unwrap();
    Bytes::new(NOBODY, 7, 1).save(folder.path());
    Bytes::new(NOBODY + 1, 7, 2).save(folder.path());
    Bytes::new(NOBODY + 2, 8, 3).save(folder.path());
    fs::write(folder.path().join("readme"), "no page").unwrap();
    let done = report(folder.path().to_str().unwrap(), &["--json"]);
    let trees: Vec<serde_json::Value> = done.out.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(trees.len(), 2, "{}", done.out);
}

#[test]
fn what_is_no_page_is_said_to_be_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("1.00000000");
    fs::write(&path, "short").unwrap();
    assert!(report(path.to_str().unwrap(), &[]).err.contains("too short for a counter page"));
    let mut other = Bytes::new(1, 1, 1);
    other.u32(offset_of!(Page, version), 99);
    fs::write(&path, &other.0).unwrap();
    let done = report(path.to_str().unwrap(), &[]);
    assert!(done.err.contains("counter page of version 99; this command reads "), "{}", done.err);
    assert_eq!(done.status, Some(1));
    for none in ["/nonexistent", folder.path().to_str().unwrap(), &NOBODY.to_string()] {
        assert_eq!(report(none, &[]).status, Some(1), "{none}");
    }
}

#[test]
fn a_process_that_is_gone_is_found_by_its_pid() {
    let folder = tempfile::tempdir().unwrap();
    Bytes::new(NOBODY, 7, 1).save(folder.path());
    let done = output(faultless().args(["report", &NOBODY.to_string()]).env("FAULTLESS_PAGES", folder.path()));
    assert!(done.out.contains("server"), "{}{}", done.out, done.err);
}

#[test]
fn a_live_process_is_found_by_its_mapping_with_its_tree() {
    let folder = tempfile::tempdir().unwrap();
    Bytes::new(NOBODY, 7, 1).save(folder.path());
    Bytes::new(NOBODY + 1, 8, 1).save(folder.path());
    let Some(holder) = Holder::start(&[], Some(folder.path()), 7) else { return };
    let done = report(&holder.child.id().to_string(), &[]);
    assert!(done.out.contains(&holder.pid_inside.to_string()), "{}{}", done.out, done.err);
    assert!(done.out.contains(&NOBODY.to_string()), "{}", done.out);
    assert!(!done.out.contains(&(NOBODY + 1).to_string()), "{}", done.out);
}

#[test]
fn a_page_without_a_name_is_found_too() {
    let Some(holder) = Holder::start(&[], None, 7) else { return };
    let done = report(&holder.child.id().to_string(), &[]);
    assert!(done.out.contains("server"), "{}{}", done.out, done.err);
}

#[test]
fn off_is_written_into_the_page_wherever_that_is() {
    let folder = tempfile::tempdir().unwrap();
    for place in [Some(folder.path()), None::<&Path>] {
        let Some(mut holder) = Holder::start(&[], place, 7) else { return };
        let done = output(faultless().args(["off", &holder.child.id().to_string()]));
        assert!(done.out.contains("is told to stop"), "{}{}", done.out, done.err);
        assert_eq!(holder.child.wait().unwrap().code(), Some(5), "{place:?}");
    }
}

#[test]
fn a_process_without_a_page_is_said_to_have_none() {
    let own = std::process::id().to_string();
    for verb in [&["report"][..], &["off"], &["policy", "explain"]] {
        let done = output(faultless().args(verb).arg(&own));
        assert_eq!(done.status, Some(1), "{verb:?}");
        assert!(done.err.contains("has no counter page"), "{}", done.err);
        let gone = output(faultless().args(verb).arg(NOBODY.to_string()));
        assert!(gone.err.contains(&format!("there is no process {NOBODY}")), "{}", gone.err);
    }
}

#[test]
fn explain_names_the_rule_of_each_mapping() {
    let Some(holder) = Holder::start(&[], None, 7) else { return };
    let done = output(faultless().args(["policy", "explain", &holder.child.id().to_string()]));
    assert!(done.out.contains("  1 anon@2M:huge"), "{}{}", done.out, done.err);
    assert!(done.out.contains("No rule is about the other mappings"), "{}", done.out);
    assert!(!done.out.contains("[stack]"), "{}", done.out);
}

/// Holds a block that a rule takes and waits to be killed.
const HOLDS: &str = r#"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
int main(void) { char *p = malloc(8 << 20); p[0] = 1; puts("ready"); fflush(stdout); pause(); return p[1]; }
"#;

#[test]
fn explain_tells_malloc_blocks_from_other_mappings() {
    let Some(library) = real_library() else { return };
    let Some(program) = compile("holds", HOLDS, &["-O0"]) else { return };
    let mut held = Command::new(program);
    held.env("LD_PRELOAD", library).env("FAULTLESS_RULES", "malloc@1M:huge,stack:dontdump,text:willneed");
    let mut held = held.stdout(Stdio::piped()).spawn().unwrap();
    held.stdout.as_mut().unwrap().read_exact(&mut [0; 6]).unwrap();
    let done = output(faultless().args(["policy", "explain", &held.id().to_string()]));
    held.kill().unwrap();
    held.wait().unwrap();
    let row = |kind: &str, rule: &str| {
        let is_it = |l: &str| l.contains(&format!(" {kind} ")) && l.split_whitespace().any(|word| word == rule);
        assert!(done.out.lines().any(is_it), "{kind}: {}{}", done.out, done.err);
    };
    row("malloc", "1");
    row("stack", "2");
    row("text", "3");
}

#[test]
fn a_process_in_another_pid_namespace_is_found_by_the_pid_it_has_here() {
    let folder = tempfile::tempdir().unwrap();
    let unshare = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"];
    let Some(holder) = Holder::start(&unshare, Some(folder.path()), 7) else {
        return skip("unshare of a pid namespace is not possible here").unwrap_or(());
    };
    assert_eq!(holder.pid_inside, 1);
    let children = format!("/proc/{0}/task/{0}/children", holder.child.id());
    let pid = fs::read_to_string(children).unwrap().trim().to_owned();
    let done = report(&pid, &[]);
    assert!(done.out.contains("server"), "{}{}", done.out, done.err);
    assert!(output(faultless().args(["off", &pid])).out.contains("is told to stop"));
}

#[test]
fn what_is_hot_of_a_process_is_drawn_and_is_in_the_json() {
    let folder = tempfile::tempdir().unwrap();
    let path = Bytes::new(NOBODY, 1, 1).save(folder.path());
    let heat = format!("{}.heat", path.display());
    fs::write(&heat, "faultless heat 1\nregion 0 196608 65536 0 196608 0 /data/x\nf38000-0-\n").unwrap();
    let done = report(path.to_str().unwrap(), &[]);
    let map = "heat of /data/x\n  192 KiB, 3 pieces of 64 KiB; 64 KiB hot, 64 KiB locked\n  heat     |@ ?|\n";
    assert!(done.out.contains(map), "{}", done.out);
    assert!(done.out.is_ascii(), "{}", done.out);
    let pieces = &json(path.to_str().unwrap())["processes"][0]["heat"][0]["pieces"];
    assert_eq!((&pieces[0]["heat"], &pieces[0]["locked"]), (&15.into(), &true.into()), "{pieces}");
    assert_eq!((&pieces[2]["heat"], &pieces[2]["offset"]), (&serde_json::Value::Null, &131072.into()), "{pieces}");
    // A damaged one is none.
    fs::write(&heat, "faultless heat 1\nregion 0 1").unwrap();
    assert!(json(path.to_str().unwrap())["processes"][0]["heat"].is_null());
}

#[test]
fn the_working_set_of_any_process_is_what_it_has_used_meanwhile() {
    let mut idle = Command::new("sleep").arg("60").spawn().unwrap();
    // On a busy machine it may still be starting, which uses memory.
    let sleeps = |pid: u32| fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|s| s.contains("(sleep) S"));
    while !sleeps(idle.id()) {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    std::thread::sleep(std::time::Duration::from_millis(200));
    let wss = |flags: &[&str]| output(faultless().args(["report", "--wss", "--over", "0.2"]).args(flags));
    let done = wss(&["--json", &idle.id().to_string()]);
    let text = wss(&[&idle.id().to_string()]);
    let (killed, _) = (idle.kill(), idle.wait());
    killed.unwrap();
    if done.err.contains("clear_refs") && !crate::fixtures::is_root() {
        return skip("/proc/PID/clear_refs is not to be had here").unwrap_or(());
    }
    let json: serde_json::Value = serde_json::from_str(&done.out).unwrap_or_else(|e| panic!("{e}: {}", done.err));
    let (used, all) = (json["referenced_bytes"].as_u64().unwrap(), json["rss_bytes"].as_u64().unwrap());
    assert!(used < all && all > 0, "a process that sleeps uses nothing: {json}");
    assert!(text.out.contains("clear_refs, then Referenced"), "{}", text.out);
    let done = wss(&["nobody"]);
    assert!(done.status != Some(0) && done.err.contains("wants a process id"), "{}", done.err);
}
