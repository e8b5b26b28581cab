//! A whole run as files of bench/results: Markdown to read, and JSON Lines with every sample beside it.
//!
//! What must hold here: a file is written whole or not at all; one line of JSON is one contender's figure of a row.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::contenders::Contender;
use super::machine;
use super::ratio::Ratio;
use super::table::{Entry, Table};

/// Writes both files into `folder` and returns their paths. `skipped` are rows that can't be had here, and why.
pub fn write(
    folder: &Path,
    contenders: &[&Contender],
    rounds: usize,
    tables: &[Table],
    skipped: &[(String, String)],
) -> Result<[PathBuf; 2], String> {
    let today = Command::new("date").args(["-u", "+%F"]).output().map_err(|e| format!("date: {e}"))?;
    let today = String::from_utf8_lossy(&today.stdout).trim().to_owned();
    let name = format!("{today}-{}c-{}", machine::cores(), machine::kernel());
    let mut text = format!("# make bench, {today}\n\n");
    for line in machine::describe(contenders) {
        let _ = writeln!(text, "- {line}");
    }
    let _ =
        writeln!(text, "\nMedians of {rounds} rounds, the contenders in turns, the machine warmed before each run;");
    text += "[95 % interval of the ratio, paired by round]; faults, peak MiB and huge pages are medians too.\n";
    text += "Less is better everywhere.\n\n```\n";
    text += &tables.iter().map(Table::text).collect::<Vec<_>>().join("\n");
    for (row, why) in skipped {
        let _ = writeln!(text, "\n{row}: not run: {why}");
    }
    text += "```\n";
    let json: String = tables.iter().flat_map(lines).map(|l| l + "\n").collect();
    std::fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let put = |extension: &str, text: &str| -> Result<PathBuf, String> {
        let (path, unfinished) = (folder.join(format!("{name}.{extension}")), folder.join(format!("{name}.tmp")));
        std::fs::write(&unfinished, text).map_err(|e| format!("{}: {e}", unfinished.display()))?;
        std::fs::rename(&unfinished, &path).map_err(|e| format!("{}: {e}", path.display()))?;
        Ok(path)
    };
    Ok([put("md", &text)?, put("jsonl", &json)?])
}

/// A table's lines of JSON.
pub fn lines(table: &Table) -> Vec<String> {
    let one = |entry: &Entry| -> Vec<String> {
        let head = format!("{{\"row\":{},\"contender\":{}", quoted(table.row.name), quoted(entry.contender.name));
        if let Some(why) = entry.not_run.as_ref().or(entry.failed.as_ref()) {
            let how = if entry.failed.is_some() { "failed" } else { "not_run" };
            return vec![format!("{head},\"{how}\":{}}}", quoted(why))];
        }
        let figures = table.row.figures.iter().enumerate();
        let known = figures.filter_map(|(i, figure)| Some((i, figure, entry.values(figure.name)?)));
        let line = |(index, figure, values): (usize, &super::rows::Figure, Vec<f64>)| {
            let name = entry.contender.name;
            let samples: Vec<String> = values.iter().map(|v| number(*v)).collect();
            let mut line = format!("{head},\"figure\":{},\"unit\":{}", quoted(figure.name), quoted(figure.unit.sign()));
            let _ = write!(line, ",\"samples\":[{}]", samples.join(","));
            let best = table.best_peer(figure.name);
            for (key, other) in [("alone", Some("alone")), ("best", best)] {
                let Some(ratio) = other.and_then(|o| table.versus(name, o, figure.name)) else { continue };
                let _ = write!(line, ",\"vs_{key}\":{}", ratio_json(&ratio));
            }
            if let Some(best) = best {
                let _ = write!(line, ",\"best\":{}", quoted(best));
            }
            for kernels in ["faults", "peak_rss", "huge_pct"] {
                let Some(value) = table.median(name, kernels).filter(|_| index == 0) else { continue };
                let _ = write!(line, ",\"{kernels}\":{}", number(value));
            }
            line + "}"
        };
        known.map(line).collect()
    };
    table.entries.iter().flat_map(one).collect()
}

fn ratio_json(ratio: &Ratio) -> String {
    format!("[{},{},{}]", number(ratio.median), number(ratio.low), number(ratio.high))
}

/// With five digits that count, as JSON has it.
fn number(value: f64) -> String {
    let rounded: f64 = format!("{value:.4e}").parse().unwrap_or(value);
    format!("{rounded}")
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out + "\""
}

#[cfg(test)]
mod tests {
    use super::super::measure::Sample;
    use super::super::{contenders, rows};
    use super::*;

    #[test]
    fn a_line_holds_one_contenders_figure_and_is_json() {
        let sample = Sample { figures: [("touch".to_owned(), 0.123456789)].into(), faults: 65590.0, peak_rss: 258.5 };
        let alone = Entry { samples: vec![sample], ..Entry::new(contenders::find("alone").unwrap()) };
        let mut absent = Entry::new(contenders::find("tcmalloc").unwrap());
        absent.not_run = Some("not \"there\"".into());
        let table = Table { row: rows::named("one-main")[0], entries: vec![alone, absent] };
        assert_eq!(
            lines(&table),
            [
                r#"{"row":"one-main","contender":"alone","figure":"touch","unit":"s","samples":[0.12346],"vs_alone":[1,1,1],"faults":65590,"peak_rss":258.5}"#,
                r#"{"row":"one-main","contender":"tcmalloc","not_run":"not \"there\""}"#,
            ]
        );
    }
}
