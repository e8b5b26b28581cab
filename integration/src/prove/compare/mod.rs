//! `faultless compare` beside what people trust, on comparisons whose truth is known, and stopped at any moment.
//!
//! What must hold here: the command is run as a user would run it; what it says is read from its own output and files.
//! A disturbance of the machine makes a SKIP of what is about time, never a PASS.

mod page;
mod peers;
mod servers;
mod stopped;
mod table;
mod tuned;
mod verdicts;
mod where_;

use super::{Line, Sink};
use crate::stage::settings;

/// A row, as ROWS takes it, and what measures it.
type Row = (&'static str, fn(Sink<'_>) -> Result<(), String>);

/// The quick ones first.
const ROWS: &[Row] = &[
    ("page", page::prove),
    ("perf", peers::perf),
    ("hyperfine", peers::hyperfine),
    ("redis", servers::redis),
    ("postgres", servers::postgres),
    ("alike", verdicts::alike),
    ("slower", verdicts::slower),
    ("where", where_::prove),
    ("tuned-blocks", |sink| tuned::prove(0, sink)),
    ("tuned-heap", |sink| tuned::prove(1, sink)),
    ("tuned-random", |sink| tuned::prove(2, sink)),
    ("tuned-scan", |sink| tuned::prove(3, sink)),
    ("tuned-work", |sink| tuned::prove(4, sink)),
    ("tuned-server", |sink| tuned::prove(5, sink)),
    ("stopped", stopped::prove),
];

/// What ROWS can name.
pub fn row_names() -> Vec<&'static str> {
    ROWS.iter().map(|(name, _)| *name).collect()
}

/// Every row, or those that ROWS names.
pub fn prove(sink: Sink<'_>) {
    let wanted = settings::rows();
    for (name, row) in ROWS {
        if (wanted.is_empty() || wanted.iter().any(|w| w == name))
            && let Err(why) = row(sink)
        {
            sink(Line::broken(&format!("compare: {name}"), "", why));
        }
    }
}
