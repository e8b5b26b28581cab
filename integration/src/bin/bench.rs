//! `make bench`: the workloads beside peers, a table a row, and files of bench/results when nothing is left out.
//! ROWS, CONTENDERS (names, by blanks) and ROUNDS in the environment choose a part; RESUME=1 takes over the rows that were
//! measured before under the same conditions, so that a run that was cut short, or done in parts, becomes whole.
//!
//! What must hold here: a table is printed when its row is done; a part overwrites no results of the whole; the exit
//! status is 1 when Faultless failed in a row, and 2 when a name is unknown or the library is missing.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use faultless_integration::artefacts::{library, workspace};
use faultless_integration::bench::contenders::{self, Contender};
use faultless_integration::bench::rows::{self, Row};
use faultless_integration::bench::saved::Saved;
use faultless_integration::bench::{Bench, results};

/// Fewer make no interval, and no results.
const ROUNDS: usize = 7;

fn main() -> ExitCode {
    match bench() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("bench: {why}");
            ExitCode::from(2)
        }
    }
}

fn bench() -> Result<bool, String> {
    let (rows, contenders) = (chosen_rows()?, chosen_contenders()?);
    let rounds = match words("ROUNDS").first() {
        None => ROUNDS,
        Some(n) => n.parse().ok().filter(|n| *n > 0).ok_or(format!("ROUNDS={n} is no number of rounds"))?,
    };
    if !library().is_file() {
        return Err(format!("{} is missing: make build", library().display()));
    }
    let (saved, resumes) = (Saved::new(&contenders, rounds)?, words("RESUME").first().is_some_and(|word| word == "1"));
    let mut bench = Bench::new()?;
    let (mut tables, mut skipped) = (vec![], vec![]);
    for row in &rows {
        if let Some(table) = saved.find(row, &contenders).filter(|_| resumes) {
            println!("{}", table.text());
            tables.push(table);
            continue;
        }
        let table = bench.run(row, &contenders, rounds, &mut progress);
        progress("");
        match table {
            Ok(table) => {
                println!("{}", table.text());
                if !table.ours_failed() {
                    saved.keep(&table)?;
                }
                tables.push(table);
            }
            Err(why) => {
                println!("{}: not run: {why}\n", row.name);
                skipped.push((row.name.to_owned(), why));
            }
        }
    }
    let whole = rows.len() == rows::TABLE.len() && contenders.len() == contenders::TABLE.len();
    if whole && rounds >= ROUNDS {
        let written = results::write(&workspace().join("bench/results"), &contenders, rounds, &tables, &skipped)?;
        println!("written:\n{}", written.map(|p| p.display().to_string()).join("\n"));
    }
    Ok(tables.iter().all(|t| !t.ours_failed()))
}

/// One line that is written over, on a terminal only.
fn progress(what: &str) {
    let mut err = std::io::stderr();
    if err.is_terminal() {
        let _ = write!(err, "\r\x1b[K{what}");
        let _ = err.flush();
    }
}

fn words(name: &str) -> Vec<String> {
    std::env::var(name).unwrap_or_default().split_whitespace().map(str::to_owned).collect()
}

fn chosen_rows() -> Result<Vec<&'static Row>, String> {
    let wanted = words("ROWS");
    if let Some(unknown) = wanted.iter().find(|w| rows::named(w).is_empty()) {
        let names: Vec<&str> = rows::TABLE.iter().map(|r| r.name).collect();
        return Err(format!("no row is named {unknown}; there are: {}", names.join(" ")));
    }
    let chosen =
        |row: &Row| wanted.is_empty() || wanted.iter().any(|w| rows::named(w).iter().any(|r| r.name == row.name));
    Ok(rows::TABLE.iter().filter(|r| chosen(r)).collect())
}

fn chosen_contenders() -> Result<Vec<&'static Contender>, String> {
    let wanted = words("CONTENDERS");
    if let Some(unknown) = wanted.iter().find(|w| contenders::find(w).is_none()) {
        let names: Vec<&str> = contenders::TABLE.iter().map(|c| c.name).collect();
        return Err(format!("no contender is named {unknown}; there are: {}", names.join(" ")));
    }
    Ok(contenders::TABLE.iter().filter(|c| wanted.is_empty() || wanted.iter().any(|w| w == c.name)).collect())
}
