//! Counter pages: a file that anybody may have written, read and shown in every form.
//!
//! What must hold here: nothing in it is trusted; JSON is JSON, Prometheus text has a name and a number on each line, and no
//! control character reaches a terminal.
#![no_main]

use std::fmt::Write;

use faultless_core::page::{FILE_BYTES, MAGIC, Snapshot, VERSION};
use faultless_core::report::{self, Totals};
use libfuzzer_sys::fuzz_target;

fn shown(page: &Snapshot) {
    let pages = [page, page];
    let totals = Totals { again: Some(page.pid), now_ns: page.start_ns.wrapping_add(1), ..Totals::new(&pages) };
    let mut text = String::new();
    report::text(&mut text, &totals).expect("a string takes all");
    report::line(&mut text, page).expect("a string takes all");
    assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
    let mut json = String::new();
    report::json(&mut json, &totals).expect("a string takes all");
    if let Err(error) = serde_json::from_str::<serde_json::Value>(&json) {
        panic!("{error}: {json}");
    }
    for per_process in [false, true] {
        let mut prom = String::new();
        report::prom(&mut prom, &Totals { per_process, ..totals }).expect("a string takes all");
        for line in prom.lines().filter(|l| !l.starts_with('#')) {
            let value = line.rsplit(' ').next().and_then(|v| v.parse::<f64>().ok());
            assert!(line.starts_with("faultless_") && value.is_some(), "{line:?}");
        }
    }
    let _ = write!(text, "{}", report::why(page.why));
}

fuzz_target!(|data: &[u8]| {
    let _ = Snapshot::read(data);
    // The same bytes as a page of this version, or the fuzzer would look for the magic number all day.
    let mut bytes = vec![0u8; FILE_BYTES];
    bytes[..8].copy_from_slice(&MAGIC.to_le_bytes());
    bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
    let room = data.len().min(FILE_BYTES - 16);
    bytes[16..16 + room].copy_from_slice(&data[..room]);
    if let Ok(page) = Snapshot::read(&bytes) {
        shown(&page);
    }
});
