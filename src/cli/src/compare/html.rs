//! `--html`: one page with the tables and plots, for a browser or a ticket.
//!
//! What must hold here: one file that asks nothing of a network and runs no script; readable light and dark, on a
//! phone and in print.

use super::figures::{FIGURES, Figure, MINOR, WALL};
use super::outcome::{Column, Comparison};
use super::plot::{Series, bars, by_round, escaped, strips};
use super::table::Cells;

const STYLE: &str = include_str!("page.css");

/// The page.
pub fn export(c: &Comparison<'_>) -> String {
    let command = escaped(&c.command);
    let mut body = format!("<h1>{command}</h1>\n<p>{}</p>\n", escaped(&c.headline()));
    if let Some(load) = &c.load {
        body += &format!("<p>load: <code>{}</code></p>\n", escaped(load));
    }
    body += &table(&c.table());
    for cells in c.more_tables() {
        body += &table(&cells);
    }
    body += &list(&c.verdicts());

    let times = || series(c, Column::Figure(&WALL));
    body += "<h2>Wall time: every run, the middle half, the median</h2>\n";
    body += &strips("wall time of every run", "s", &times());
    body += "<h2>Wall time by round</h2>\n";
    body += &by_round("wall time by round", "s", &times());
    for (index, metric) in c.metrics.iter().enumerate() {
        let title = format!("{} of every run", metric.name);
        body += &format!("<h2>{}</h2>\n", escaped(&title));
        body += &strips(&title, "", &series(c, Column::Metric(index)));
    }
    body += "<h2>Minor faults, without the library's own</h2>\n";
    body += &bars("minor faults", "faults", &series(c, Column::Figure(&MINOR)));
    body += "<h2>Minor faults by round</h2>\n";
    body += &by_round("minor faults by round", "faults", &series(c, Column::Figure(&MINOR)));
    body += "<h2>All medians</h2>\n";
    body += &table(&medians(c));
    let rules = c.contenders.iter().filter(|one| !one.rules.is_empty());
    let rules: Vec<_> = rules.map(|one| (one.name.clone(), one.rules.clone())).collect();
    if !rules.is_empty() {
        body += "<h2>Rules</h2>\n";
        body += &list(&rules);
    }
    let version = env!("CARGO_PKG_VERSION");
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width\">\n<link rel=\"icon\" href=\"data:,\">\n<title>faultless compare: {command}\
         </title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n{body}<footer>faultless {version} compare</footer>\n\
         </body>\n</html>\n"
    )
}

/// Those contenders of which it is known.
fn series<'a>(c: &'a Comparison<'_>, column: Column<'_>) -> Vec<Series<'a>> {
    let one = |(index, of): (usize, &'a super::Contender)| Series {
        name: &of.name,
        values: c.values(index, column).unwrap_or_default(),
    };
    c.contenders.iter().enumerate().map(one).collect()
}

/// Every figure that the table has no room for.
fn medians(c: &Comparison<'_>) -> Cells {
    let head = ["figure".to_owned()].into_iter().chain(c.contenders.iter().map(|one| one.name.clone())).collect();
    let row = |figure: &Figure| {
        let cell = |index: usize| match c.median(index, figure) {
            None => "unknown".into(),
            Some(value) if value.fract() == 0.0 => format!("{value}"),
            Some(value) => format!("{value:.4}"),
        };
        [figure.name.to_owned()].into_iter().chain((0..c.contenders.len()).map(cell)).collect()
    };
    std::iter::once(head).chain(FIGURES.iter().map(row)).collect()
}

fn table(cells: &Cells) -> String {
    let mut rows = cells.iter().enumerate().map(|(i, row)| {
        let tag = if i == 0 { "th" } else { "td" };
        let cells: String = row.iter().map(|cell| format!("<{tag}>{}</{tag}>", escaped(cell))).collect();
        format!("<tr>{cells}</tr>\n")
    });
    let head = rows.next().unwrap_or_default();
    let body: String = rows.collect();
    format!("<div class=\"wide\"><table>\n<thead>{head}</thead>\n<tbody>\n{body}</tbody>\n</table></div>\n")
}

fn list(lines: &[(String, String)]) -> String {
    let line = |(label, words): &(String, String)| format!("<dt>{}</dt><dd>{}</dd>\n", escaped(label), escaped(words));
    format!("<dl>\n{}</dl>\n", lines.iter().map(line).collect::<String>())
}
