//! One look as JSON (docs/top.schema.json).
//!
//! What must hold here: an unknown is null; names are only added, a changed meaning is a new `version`.

use faultless_core::counters::{C, TABLE};
use faultless_core::page::State;
use serde_json::{Map, Value, json};

use super::sample::{Rates, Row};

/// The object, and a newline.
pub fn json(rates: &Rates) -> String {
    let machine = &rates.now.machine;
    let object = json!({
        "version": 1,
        "interval_s": rates.seconds,
        "machine": {
            "memory_bytes": machine.total,
            "available_bytes": machine.available,
            "swap_bytes": machine.swap_total,
            "swap_used_bytes": machine.swap_used,
            "swapped_in_pages_per_s": rates.swapped_in,
            "swapped_out_pages_per_s": rates.swapped_out,
            "stalled_percent": machine.stalled,
        },
        "processes": rates.rows.iter().map(process).collect::<Vec<_>>(),
    });
    format!("{object}\n")
}

fn process(row: &Row) -> Value {
    let (process, page, facts) = (&row.process, &row.process.page, &row.process.facts);
    let counters: Map<_, _> = TABLE.iter().zip(C::ALL).map(|(c, id)| (c.name.into(), page.get(*id).into())).collect();
    json!({
        "pid": process.pid,
        "pid_inside": page.pid,
        "exe": String::from_utf8_lossy(page.exe()),
        "policy": String::from_utf8_lossy(page.policy()),
        "state": state(page.state),
        "tree": format!("{:016x}", page.tree),
        "minor_faults_per_s": row.minor,
        "major_faults_per_s": row.major,
        "own_ns_per_s": row.own,
        "minor_faults": process.minor_faults(),
        "major_faults": process.major_faults(),
        "resident_bytes": process.rss,
        "swapped_bytes": facts.swap,
        "huge_bytes": facts.huge,
        "anonymous_bytes": facts.huge_of,
        "locked_bytes": facts.locked,
        "populated_bytes": page.get(C::PopulateNow),
        "pool_bytes": process.pool(),
        "rules": page.rules().map(|(stats, text)| json!({
            "rule": String::from_utf8_lossy(text),
            "regions": stats.regions,
            "bytes": stats.bytes,
            "applied": stats.outcomes[0],
            "partly": stats.outcomes[1],
            "skipped": stats.outcomes[2],
            "failed": stats.outcomes[3],
        })).collect::<Vec<_>>(),
        "counters": counters,
    })
}

/// In the words of `faultless report --json`.
fn state(number: u32) -> &'static str {
    let words = [(State::StoodDown, "stood down"), (State::On, "on"), (State::Off, "off"), (State::Sealed, "sealed")];
    words.iter().find(|(state, _)| *state as u32 == number).map_or("unknown", |(_, words)| words)
}
