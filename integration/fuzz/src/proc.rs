//! /proc: lines of maps and smaps, and buddyinfo, as a kernel that we don't know may write them.
//!
//! What must hold here: a line that is no such line is passed over; a mapping has an end behind its start.
#![no_main]

use faultless_core::buddyinfo;
use libfuzzer_sys::fuzz_target;

#[allow(dead_code, reason = "the command's own file, of which only the parser is fed here")]
#[path = "../../../src/cli/src/maps.rs"]
mod maps;

fuzz_target!(|data: &[u8]| {
    let _ = buddyinfo::free_huge(data);
    for line in data.split(|b| *b == b'\n') {
        if let Some(mapping) = maps::line(line) {
            assert!(mapping.size() > 0);
            let _ = (mapping.is_shared(), mapping.link(1));
        }
    }
});
