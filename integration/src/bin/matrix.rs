//! `make matrix`: tries every cell and writes docs/platforms.md.
//!
//! What must hold here: the exit status is 1 when a program came to harm, was silently left out or could not be tried, or
//! when the page is another than before; the page is written only when every cell is filled in.

use std::process::ExitCode;

use faultless_integration::matrix::ground::Ground;
use faultless_integration::matrix::rows::ROWS;
use faultless_integration::matrix::{COLUMNS, document, fill};

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    if wanted.iter().any(|w| w == "--help") {
        println!(
            "usage: matrix [COLUMN]...\nAll columns, or those whose names hold these words (then no page is written)."
        );
        return ExitCode::SUCCESS;
    }
    match run(&wanted) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("matrix: {why}");
            ExitCode::FAILURE
        }
    }
}

/// Whether all is as it was.
fn run(wanted: &[String]) -> Result<bool, String> {
    let named = |label: &str| wanted.is_empty() || wanted.iter().any(|w| label.contains(w.as_str()));
    let mut rows: Vec<(&str, Vec<String>)> = ROWS.iter().map(|row| (row.name, Vec::new())).collect();
    let mut failed = 0;
    for (label, suite, compiler) in COLUMNS.iter().filter(|(label, ..)| named(label)) {
        let ground = Ground::new(label, suite, compiler)?;
        println!("{label}");
        fill(&ground, |row, cell| {
            let said = match cell {
                Ok(cell) => cell.text(),
                Err(why) => (failed += 1, format!("FAIL: {}", why.trim_end())).1,
            };
            println!("  {:<32} {said}", row.name);
            rows.iter_mut().filter(|(name, _)| *name == row.name).for_each(|(_, cells)| cells.push(said.clone()));
        })?;
    }
    if failed > 0 {
        println!("{failed} failed: docs/platforms.md is left as it is");
        return Ok(false);
    }
    if !wanted.is_empty() {
        return Ok(true);
    }
    let columns: Vec<&str> = COLUMNS.iter().map(|(label, ..)| *label).collect();
    let differs = document::write(&document::render(&columns, &rows)?)?;
    match differs {
        true => println!("docs/platforms.md is another now: git diff docs/platforms.md"),
        false => println!("docs/platforms.md is as it was"),
    }
    Ok(!differs)
}
