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

use crate::args::{self, PolicyVerb, Show};
use crate::compare::table::labelled;
use crate::config::{self, Config, Flag};
use crate::environment::Environment;
use crate::explain;
use crate::refusal::Refusal;
use crate::tell::{answer, tell};

/// Runs the subcommand.
///
/// # Errors
/// A policy that cannot be read; for `explain`, a process that cannot be looked into.
pub fn policy(verb: &PolicyVerb) -> Result<i32> {
    match verb {
        PolicyVerb::List => answer(&list())?,
        PolicyVerb::Show(options) if options.markdown_options => answer(&markdown_options())?,
        PolicyVerb::Show(options) => answer(&show(options)?)?,
        PolicyVerb::Check { file } => answer(&check(file)?)?,
        PolicyVerb::Explain { pid } => answer(&explain::explain(*pid)?)?,
    }
    Ok(0)
}

/// Columns set apart by blanks alone.
pub fn table<const N: usize>(head: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(head);
    table
}

/// A table's lines, without the blanks that fill its last column.
pub fn lines(table: &Table) -> String {
    table.lines().map(|line| format!("{}\n", line.trim())).collect()
}

/// A policy's rules, numbered as reports number them.
pub fn rules(policy: &Policy) -> String {
    let rules = policy.rules().iter().enumerate();
    rules.map(|(i, r)| format!("  {} {}\n", i + 1, String::from_utf8_lossy(policy.slice(r.text)))).collect()
}

/// A built-in policy's name and what it does, then its rules, because all together is wider than a terminal.
fn list() -> String {
    let lines = policies::TABLE.iter().flat_map(|built_in| {
        let rules = built_in.rules.split(',').filter(|rule| !rule.is_empty());
        let rules = rules.map(|rule| (String::new(), format!("  {rule}")));
        std::iter::once((built_in.name.to_owned(), built_in.help.to_owned())).chain(rules)
    });
    labelled(&lines.collect::<Vec<_>>())
}

fn show(show: &Show) -> Result<String> {
    let environment = Environment::read()?;
    let mut flags = show.options.0.clone();
    if let (Some(name), Some(row)) = (&show.name, Id::Policy.row()) {
        flags.push(Flag { row, name: "policy".into(), value: name.clone() });
    }
    let config = Config::resolve(&environment, &flags)?;
    environment.warnings().for_each(tell);

    let rules = if config.policy.rules().is_empty() { "  no rules\n".into() } else { rules(&config.policy) };
    let mut table = table(["option", "value", "from"]);
    for value in &config.values {
        table.add_row([value.row.name.into(), value.text.to_string_lossy(), value.source.to_string().into()]);
    }
    let policy = config.get(Id::Policy).display();
    Ok(format!("policy {policy} ({})\n{rules}\n{}", config.policy_source, lines(&table)))
}

fn check(file: &Path) -> Result<String, Refusal> {
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
    let rules = match policy.rules().len() {
        1 => "1 rule".to_owned(),
        n => format!("{n} rules"),
    };
    Ok(format!("{place}: {rules}, no fault\n"))
}

/// The README's table of options.
fn markdown_options() -> String {
    let mut text = String::from("| flag of `run` | variable | value | default | meaning |\n|---|---|---|---|---|\n");
    for row in TABLE.iter().filter(|r| !r.internal) {
        let flag = args::long(row);
        let value = row.metavar.replace('|', "\\|");
        let default = if row.default.is_empty() { String::new() } else { format!("`{}`", row.default) };
        let help = row.help.replace('|', "\\|");
        text += &format!("| `--{flag}` | `{}` | {value} | {default} | {help} |\n", row.env);
    }
    text
}
