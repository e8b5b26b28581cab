//! `faultless policy list|show|check`.
//!
//! What must hold here: what is printed is what would be in force, with where each value comes from.

use std::path::Path;

use anyhow::Result;
use comfy_table::{Table, presets};
use faultless_core::options::{Id, TABLE};
use faultless_core::parse::Form;
use faultless_core::policies;
use faultless_core::rules::Policy;

use crate::args::{PolicyVerb, Show};
use crate::config::{self, Config, Flag};
use crate::environment::Environment;
use crate::explain;
use crate::refusal::Refusal;
use crate::tell::tell;

/// Runs the subcommand.
///
/// # Errors
/// A policy that cannot be read; for `explain`, a process that cannot be looked into.
pub fn policy(verb: &PolicyVerb) -> Result<i32> {
    match verb {
        PolicyVerb::List => list(),
        PolicyVerb::Show(options) if options.markdown_options => markdown_options(),
        PolicyVerb::Show(options) => show(options)?,
        PolicyVerb::Check { file } => check(file)?,
        PolicyVerb::Explain { pid } => explain::explain(*pid)?,
    }
    Ok(0)
}

/// Columns set apart by blanks alone.
pub fn table<const N: usize>(head: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(head);
    table
}

/// Prints a table without the blanks that fill its last column.
pub fn print(table: &Table) {
    table.lines().for_each(|line| println!("{}", line.trim()));
}

fn list() {
    let mut table = table(["policy", "what it does", "rules"]);
    for built_in in policies::TABLE {
        table.add_row([built_in.name, built_in.help, built_in.rules]);
    }
    print(&table);
}

fn show(show: &Show) -> Result<()> {
    let environment = Environment::read()?;
    let mut flags = show.options.0.clone();
    if let (Some(name), Some(row)) = (&show.name, Id::Policy.row()) {
        flags.push(Flag { row, name: "policy".into(), value: name.clone() });
    }
    let config = Config::resolve(&environment, &flags)?;
    environment.warnings().for_each(tell);

    println!("policy {} ({})", config.get(Id::Policy).display(), config.policy_source);
    for (i, rule) in config.policy.rules().iter().enumerate() {
        println!("  {} {}", i + 1, String::from_utf8_lossy(config.policy.slice(rule.text)));
    }
    if config.policy.rules().is_empty() {
        println!("  no rules");
    }
    println!();
    let mut table = table(["option", "value", "from"]);
    for value in &config.values {
        table.add_row([value.row.name.into(), value.text.to_string_lossy(), value.source.to_string().into()]);
    }
    print(&table);
    Ok(())
}

fn check(file: &Path) -> Result<(), Refusal> {
    let place = if file == "-" { "standard input".into() } else { file.display().to_string() };
    let text = config::read(file).map_err(|error| Refusal {
        place: "policy check".into(),
        start: 0,
        end: place.len(),
        source_text: place.clone().into_bytes(),
        reason: format!("cannot read it: {error}"),
        hint: None,
    })?;
    let mut policy = Policy::empty();
    config::append(&mut policy, &place, &text, Form::File)?;
    match policy.rules().len() {
        1 => println!("{place}: 1 rule, no fault"),
        n => println!("{place}: {n} rules, no fault"),
    }
    Ok(())
}

/// The README's table of options.
fn markdown_options() {
    println!("| flag of `run` | variable | value | default | meaning |");
    println!("|---|---|---|---|---|");
    for row in TABLE.iter().filter(|r| !r.internal) {
        let flag = crate::args::long(row);
        let value = row.metavar.replace('|', "\\|");
        let default = if row.default.is_empty() { String::new() } else { format!("`{}`", row.default) };
        println!("| `--{flag}` | `{}` | {value} | {default} | {} |", row.env, row.help.replace('|', "\\|"));
    }
}
