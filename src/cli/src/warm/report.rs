//! What `faultless warm` says at the end: lines for people, or one JSON object.
//!
//! What must hold here: what is unknown is shown as unknown, never as 0 or 100 %.

use std::path::PathBuf;

use comfy_table::{CellAlignment, Table, presets};
use faultless_core::size::Human;
use serde_json::{Map, Value, json};

use super::problems::Problems;

/// A file at the end, in bytes; what was not asked, or is not known, is `None`.
#[derive(Default)]
pub struct Row {
    /// which
    pub path: PathBuf,
    /// how many are meant
    pub bytes: u64,
    /// how many are resident
    pub resident: Option<u64>,
    /// where: a sign for each part
    pub map: Option<String>,
    /// how many were read
    pub read: Option<u64>,
    /// how many were left out, for want of memory
    pub left_out: Option<u64>,
    /// how many were dropped
    pub evicted: Option<u64>,
    /// how many are dirty
    pub dirty: Option<u64>,
}

/// One of the figures of a row.
type Column = fn(&Row) -> Option<u64>;

/// The sum of a column, and the bytes of the files of which it is unknown.
pub fn sum(rows: &[Row], column: impl Fn(&Row) -> Option<u64>) -> (u64, u64) {
    rows.iter().fold((0, 0), |(known, unknown), row| match column(row) {
        Some(bytes) => (known + bytes, unknown),
        None => (known, unknown + row.bytes),
    })
}

fn per_cent(part: Option<u64>, whole: u64) -> String {
    match part {
        Some(part) if whole > 0 => format!("{} %", u128::from(part) * 100 / u128::from(whole)),
        _ => "unknown".into(),
    }
}

fn human(bytes: Option<u64>) -> String {
    bytes.map_or_else(|| "unknown".into(), |bytes| Human(bytes).to_string())
}

/// `3 files`
pub fn files(count: usize) -> String {
    if count == 1 { "1 file".into() } else { format!("{count} files") }
}

/// `2 GiB (100 %) resident`, with what of it is unknown.
pub fn residency(rows: &[Row]) -> String {
    let bytes: u64 = rows.iter().map(|row| row.bytes).sum();
    match sum(rows, |row| row.resident) {
        (resident, 0) if bytes > 0 => format!("{} ({}) resident", Human(resident), per_cent(Some(resident), bytes)),
        (0, 0) => "nothing resident".into(),
        (0, _) => "unknown what is resident (only the owner and who may write a file are told)".into(),
        (resident, unknown) => format!("{} resident, {} unknown", Human(resident), Human(unknown)),
    }
}

/// The table of `--query`.
pub fn table(rows: &[Row]) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(["resident", "size", "", "", "file"]);
    for row in rows {
        table.add_row([
            human(row.resident),
            Human(row.bytes).to_string(),
            per_cent(row.resident, row.bytes),
            row.map.as_deref().map(|map| format!("[{map}]")).unwrap_or_default(),
            row.path.display().to_string(),
        ]);
    }
    for column in table.column_iter_mut().take(3) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let lines: String = table.lines().map(|line| format!("{}\n", line.trim_end())).collect();
    let bytes = Human(rows.iter().map(|row| row.bytes).sum());
    format!("{lines}{} of {bytes}: {}\n", files(rows.len()), residency(rows))
}

/// The object of `--json`; all sizes in bytes.
pub fn json(rows: &[Row], problems: &Problems) -> String {
    let columns: [(&str, Column); 5] = [
        ("resident", |row| row.resident),
        ("read", |row| row.read),
        ("left_out", |row| row.left_out),
        ("evicted", |row| row.evicted),
        ("dirty", |row| row.dirty),
    ];
    // What this mode does not ask is left out; what it asks and does not know is null.
    let asked = |column: Column, name| name == "resident" || rows.iter().any(|r| column(r).is_some());
    let files = rows.iter().map(|row| {
        let mut file = Map::from_iter([
            ("path".to_owned(), json!(row.path.to_string_lossy())),
            ("bytes".to_owned(), json!(row.bytes)),
        ]);
        let asked = columns.iter().filter(|(name, column)| asked(*column, *name));
        file.extend(asked.map(|(name, column)| ((*name).to_owned(), json!(column(row)))));
        file.extend(row.map.iter().map(|map| ("map".to_owned(), json!(map))));
        Value::Object(file)
    });
    let files: Vec<Value> = files.collect();
    let (resident, unknown) = sum(rows, |row| row.resident);
    let bytes: u64 = rows.iter().map(|row| row.bytes).sum();
    let problems: Vec<Value> = problems
        .list()
        .iter()
        .map(|problem| json!({"path": problem.path.to_string_lossy(), "why": problem.why, "failed": problem.failed}))
        .collect();
    let total = json!({"files": rows.len(), "bytes": bytes, "resident": resident, "unknown": unknown});
    format!("{:#}\n", json!({"files": files, "total": total, "problems": problems}))
}
