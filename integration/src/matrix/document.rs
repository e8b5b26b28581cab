//! docs/platforms.md: the table as it was filled in, in the text around it.
//!
//! What must hold here: all that is not in the template comes from runs.

use crate::artefacts::workspace;

/// Where the table goes in the template.
const TABLE: &str = "@TABLE@";

/// The page; `cells` has a row for each of `rows`, a cell for each of `columns`.
pub fn render(columns: &[&str], rows: &[(&str, Vec<String>)]) -> Result<String, String> {
    let line = |cells: Vec<&str>| format!("| {} |\n", cells.join(" | "));
    let mut table = line([&[""], columns].concat());
    table += &line(vec!["---"; columns.len() + 1]);
    for (name, cells) in rows {
        table += &line([*name].into_iter().chain(cells.iter().map(String::as_str)).collect());
    }
    let template = workspace().join("integration/matrix/platforms.md.in");
    let text = std::fs::read_to_string(&template).map_err(|e| format!("{}: {e}", template.display()))?;
    Ok(text.replace(&format!("{TABLE}\n"), &table))
}

/// Writes the page, and says whether it was another before.
pub fn write(page: &str) -> Result<bool, String> {
    let path = workspace().join("docs/platforms.md");
    let before = std::fs::read_to_string(&path).unwrap_or_default();
    std::fs::write(&path, page).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(before != page)
}
