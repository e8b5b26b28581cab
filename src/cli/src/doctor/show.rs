//! Findings as text of 80 columns, and as JSON.
//!
//! What must hold here: both say the same; no line is longer than 80 columns unless a single word is; a name from
//! outside brings no control character to the terminal.

use std::fmt::Write;

use serde_json::json;

use super::finding::{Group, Level, worst};
use crate::style;

const COLUMNS: usize = 80;
/// Where what a finding is about begins.
const WHAT: usize = 8;
/// Where its reason begins.
const REASON: usize = 31;

/// The text, with its last line.
pub fn text(groups: &[Group]) -> String {
    let mut text = String::new();
    for group in groups {
        let _ = writeln!(text, "{}", group.name);
        for finding in &group.findings {
            let what = clean(&finding.what);
            // A long name has a line of its own.
            let fits = WHAT + what.chars().count() < REASON;
            let mut lines = wrap(&clean(&finding.reason), COLUMNS - REASON).into_iter();
            let first = if fits { lines.next().unwrap_or_default() } else { String::new() };
            let pad = " ".repeat(WHAT.saturating_sub(2 + shown(finding.level).len()));
            let line = format!("{what:0$}{first}", REASON - WHAT);
            let _ = writeln!(
                text,
                "  {}{pad}{}",
                style::answer(colour(finding.level), shown(finding.level)),
                line.trim_end()
            );
            for line in lines {
                let _ = writeln!(text, "{:REASON$}{line}", "");
            }
            for remedy in &finding.remedies {
                let mut before = "try: ";
                for line in wrap(&clean(remedy), COLUMNS - WHAT - before.len()) {
                    let _ = writeln!(text, "{:WHAT$}{before}{line}", "");
                    before = "     ";
                }
            }
        }
    }
    text + &summary(groups)
}

/// The object, and a newline.
pub fn json(groups: &[Group]) -> String {
    let groups_of = groups.iter().map(|group| {
        let findings = group.findings.iter().map(|f| {
            json!({"id": f.id, "level": f.level.word(), "what": f.what, "reason": f.reason, "remedies": f.remedies})
        });
        json!({"name": group.name, "findings": findings.collect::<Vec<_>>()})
    });
    let groups_of: Vec<_> = groups_of.collect();
    format!("{}\n", json!({"version": 1, "status": worst(groups).word(), "groups": groups_of}))
}

fn summary(groups: &[Group]) -> String {
    let count = |level| groups.iter().flat_map(|g| &g.findings).filter(|f| f.level == level).count();
    let mut text = format!("{} ok, {} warn, {} fail", count(Level::Ok), count(Level::Warn), count(Level::Fail));
    if count(Level::Unknown) != 0 {
        let _ = write!(text, ", {} unknown", count(Level::Unknown));
    }
    text + "\n"
}

/// The level in the column for it.
fn shown(level: Level) -> &'static str {
    if level == Level::Unknown { "?" } else { level.word() }
}

fn colour(level: Level) -> style::Colour {
    match level {
        Level::Ok => style::Colour::Green,
        Level::Warn => style::Colour::Yellow,
        Level::Fail => style::Colour::Red,
        Level::Unknown => style::Colour::None,
    }
}

/// Control characters become U+FFFD.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// Lines of at most `width` characters, broken between words.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::super::finding::Finding;
    use super::*;

    fn groups() -> Vec<Group> {
        let long =
            "a reason that has a good many words in it, so that it does not fit into what one line leaves for it";
        vec![Group {
            name: "kernel",
            findings: vec![
                Finding::ok("a", "short", "works"),
                Finding::warn("b", "something with a longer name", long).remedy(long),
                Finding::unknown("c", "x\x1b[31m", "y\n"),
            ],
        }]
    }

    #[test]
    fn no_line_is_longer_than_80_columns_and_none_ends_in_blanks() {
        for line in text(&groups()).lines() {
            assert!(line.chars().count() <= COLUMNS && !line.ends_with(' '), "{line:?}");
        }
    }

    #[test]
    fn no_control_character_reaches_the_terminal() {
        assert!(!text(&groups()).replace('\n', "").contains(char::is_control));
    }

    #[test]
    fn json_says_the_same_as_the_text() {
        let value: serde_json::Value = serde_json::from_str(&json(&groups())).unwrap();
        assert_eq!(value["status"], "warn");
        let levels: Vec<_> = value["groups"][0]["findings"].as_array().unwrap().iter().map(|f| &f["level"]).collect();
        assert_eq!(levels, ["ok", "warn", "unknown"]);
        assert!(text(&groups()).ends_with("1 ok, 1 warn, 0 fail, 1 unknown\n"));
    }
}
