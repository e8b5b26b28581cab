//! `--markdown`: the tables and verdicts, for a pull request or a README.
//!
//! What must hold here: the same cells as on the terminal; a name cannot break out of its cell.

use super::outcome::Comparison;
use super::table::Cells;

/// All of it.
pub fn export(c: &Comparison<'_>) -> String {
    let mut text = format!("`{}`: {}\n\n{}", c.command.replace('`', "'"), c.headline(), table(&c.table()));
    for cells in c.more_tables() {
        text += &format!("\n{}", table(&cells));
    }
    text += "\n";
    for (label, words) in c.verdicts() {
        text += &format!("- {}: {}\n", escaped(&label), escaped(&words));
    }
    text
}

fn table(cells: &Cells) -> String {
    let mut text = String::new();
    for (i, row) in cells.iter().enumerate() {
        let row: Vec<_> = row.iter().map(|cell| escaped(cell)).collect();
        text += &format!("| {} |\n", row.join(" | "));
        if i == 0 {
            let rule = (0..row.len()).map(|column| if column == 0 { "---" } else { "--:" });
            text += &format!("|{}|\n", rule.collect::<Vec<_>>().join("|"));
        }
    }
    text
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('|', "\\|").replace('*', "\\*").replace('<', "&lt;").replace('\n', " ")
}
