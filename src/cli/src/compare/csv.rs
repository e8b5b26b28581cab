//! `--csv`: a line for each run, for spreadsheets and for R.
//!
//! What must hold here: names that hold a comma, a quote or a line break are quoted (RFC 4180); an unknown is empty.

use super::figures::{FIGURES, end};
use super::outcome::Comparison;

/// The head, and the runs.
pub fn export(c: &Comparison<'_>) -> String {
    let head = ["round", "position", "contender"].into_iter().map(String::from);
    let head = head.chain(FIGURES.iter().map(|figure| figure.name.into()));
    let head = head.chain(["end", "output"].map(String::from)).chain(c.metrics.iter().map(|m| quoted(&m.name)));
    let mut text = head.collect::<Vec<_>>().join(",") + "\n";
    for run in &c.runs {
        let mut cells = vec![
            (run.round + 1).to_string(),
            (run.position + 1).to_string(),
            quoted(&c.contenders[run.contender].name),
        ];
        let number = |value: Option<f64>| value.map_or(String::new(), |value| value.to_string());
        cells.extend(FIGURES.iter().map(|figure| number((figure.of)(run))));
        cells.extend([end(run.end), format!("{:016x}", run.output)]);
        cells.extend(run.metrics.iter().map(|value| number(*value)));
        text += &(cells.join(",") + "\n");
    }
    text
}

fn quoted(text: &str) -> String {
    if text.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_with_commas_stay_one_cell() {
        assert_eq!(quoted("heap:huge,anon:huge"), "\"heap:huge,anon:huge\"");
        assert_eq!(quoted("lean"), "lean");
    }
}
