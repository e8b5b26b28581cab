//! Tests of the report: the pages that they start from.

extern crate std;

mod export;
mod people;

use super::*;
use crate::counters::{C, TABLE};
use crate::page::{End, FILE_BYTES, MAGIC, Note, State, VERSION};
use crate::reason::Reason;
use crate::rules::Axis;
use std::string::String;

const GIB: u64 = 1 << 30;
const S: u64 = 1_000_000_000;

fn empty() -> Snapshot {
    let mut bytes = std::vec![0; FILE_BYTES];
    bytes[..8].copy_from_slice(&MAGIC.to_le_bytes());
    bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
    Snapshot::read(&bytes).expect("an empty page")
}

fn put(to: &mut [u8], from: &[u8]) {
    to.fill(0);
    to[..from.len()].copy_from_slice(from);
}

fn page(pid: u32, exe: &[u8], rules: &[&[u8]]) -> Snapshot {
    let mut s = empty();
    (s.pid, s.state) = (pid, State::On as u32);
    put(&mut s.exe, exe);
    put(&mut s.policy, b"throughput");
    s.rules_count = rules.len();
    for (i, rule) in rules.iter().enumerate() {
        s.rules[i].text = (s.text_len, rule.len());
        s.text[s.text_len..s.text_len + rule.len()].copy_from_slice(rule);
        s.text_len += rule.len();
    }
    s
}

fn set(s: &mut Snapshot, values: &[(C, u64)]) {
    for (counter, value) in values {
        s.counters[*counter as usize] = *value;
    }
}

/// The server of the design's report.
fn server() -> Snapshot {
    let mut s = page(4711, b"server", &[b"malloc@1M:huge+recycle", b"heap:huge", b"anon@2M:huge"]);
    (s.start_ns, s.end_ns, s.end) = (10 * S, 7422 * S, End::Exit as u32);
    (s.rules[0].regions, s.rules[0].bytes, s.rules[0].outcomes) = (1204, 6 * GIB, [1198, 6, 0, 0]);
    (s.rules[1].regions, s.rules[1].bytes, s.rules[1].outcomes) = (9, GIB, [9, 0, 0, 0]);
    s.rules[0].notes[0] = Note { axis: 0, outcome: 0, reason: Reason::Done as u8, errno: 0, count: 1198 };
    s.rules[0].notes[1] = Note { axis: 2, outcome: 1, reason: Reason::Memlock as u8, errno: 12, count: 6 };
    set(
        &mut s,
        &[
            (C::RegionsRuled, 1213),
            (C::MinorFaults, 50_000),
            (C::OwnMinorFaults, 8_790),
            (C::MajorFaults, 12),
            (C::PeakRss, 8 * GIB),
            (C::HugeNow, 3 * GIB),
            (C::HugeNowOf, 3 * GIB),
            (C::HugeGoneBytes, 3 * GIB),
            (C::HugeGoneOf, 4 * GIB),
            (C::OwnNs, 840_000_000),
            (C::OwnLongestNs, 31_000_000),
        ],
    );
    s
}

#[track_caller]
fn says(text: &str, wanted: &str) {
    assert!(text.lines().any(|line| line == wanted), "no line {wanted:?} in\n{text}");
}
