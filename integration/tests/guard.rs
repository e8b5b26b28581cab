//! What the shim costs, in figures that no machine changes: instructions, system calls, faults. The same rows as
//! `make prove`'s, here so that no change makes them worse unseen.
//!
//! What must hold here: nothing is timed; a part of which no row could be counted for want of a tool is a failure.

use faultless_integration::prove::{Line, Verdict, cost, faults, hooks, startup};

fn all_pass(part: fn(&mut dyn FnMut(Line))) {
    let (mut passed, mut failed, mut skipped) = (0, vec![], vec![]);
    part(&mut |line| {
        println!("{line}");
        match line.verdict {
            Verdict::Pass => passed += 1,
            Verdict::Fail => failed.push(line.to_string()),
            Verdict::Skip => skipped.push(line.note),
        }
    });
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    let lacks_a_tool = skipped.iter().find(|why| why.contains("apt-get"));
    assert!(passed > 0 || lacks_a_tool.is_none(), "nothing could be counted: {}", skipped.join("; "));
}

#[test]
fn the_small_path_adds_no_more_instructions_than_it_did() {
    all_pass(cost::prove);
}

#[test]
fn a_start_adds_no_more_system_calls_than_it_did() {
    all_pass(startup::calls_added);
}

#[test]
fn a_hook_adds_no_more_system_calls_than_it_did() {
    all_pass(hooks::prove);
}

#[test]
fn a_touch_loop_takes_no_more_faults_than_it_did() {
    all_pass(faults::prove);
}
