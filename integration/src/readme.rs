//! The tables of the README that come from saved runs (`make readme`).
//!
//! What must hold here: what stands between the marks follows from the saved runs alone, so that a test can tell
//! whether somebody wrote there; what is saved names no folder of the machine that it was measured on.

use std::fs;
use std::path::{Path, PathBuf};

use regex_lite::Regex;
use serde_json::Value;

use crate::artefacts::workspace;

/// Before a table; the name of the saved runs and ` -->` follow.
const BEGIN: &str = "<!-- generated: make readme ";
/// After it.
const END: &str = "<!-- end -->";

/// The README.
pub fn path() -> PathBuf {
    workspace().join("README.md")
}

/// What `faultless compare --json` saved of one server.
fn saved_at(name: &str) -> PathBuf {
    workspace().join("bench/results").join(format!("compare-{name}.json"))
}

/// Keeps the runs of a server, which were made in `folder`.
///
/// # Errors
/// It is no comparison, or cannot be written.
pub fn save(name: &str, json: &str, folder: &Path) -> Result<(), String> {
    let mut runs: Value = serde_json::from_str(json).map_err(|e| format!("the runs of {name}: {e}"))?;
    // Neither is part of what is measured: where it listens, and who it runs as.
    let ports = Regex::new(r"(--port|-p) [0-9]+ ?|^setpriv .*--clear-groups ").map_err(|e| e.to_string())?;
    for key in ["command", "load"] {
        let text = runs[key].as_str().unwrap_or_default().replace(&*folder.to_string_lossy(), "");
        let words = text.split(' ').map(|word| match word.rsplit_once('/') {
            Some((before, last)) if before.starts_with('/') && !last.is_empty() => last,
            _ => word,
        });
        runs[key] = ports.replace_all(&words.collect::<Vec<_>>().join(" "), "").trim().into();
    }
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    runs["host"]["cpu"] = cpu.map_or(Value::Null, |(_, model)| model.into());
    // What its builder added may name the place.
    let kernel = runs["host"]["kernel"].as_str().unwrap_or_default();
    runs["host"]["kernel"] = kernel.split(['-', '+']).next().unwrap_or_default().into();
    let to = saved_at(name);
    fs::create_dir_all(to.parent().unwrap_or(&to)).map_err(|e| format!("{}: {e}", to.display()))?;
    fs::write(&to, format!("{runs:#}\n")).map_err(|e| format!("{}: {e}", to.display()))
}

/// The README with its tables made anew.
///
/// # Errors
/// A mark without an end, or runs that cannot be read.
pub fn made(readme: &str) -> Result<String, String> {
    let mut text = String::new();
    let mut lines = readme.lines();
    while let Some(line) = lines.next() {
        text += &format!("{line}\n");
        let Some(name) = line.strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(" -->")) else { continue };
        if !lines.any(|line| line == END) {
            return Err(format!("no {END} after {line}"));
        }
        let from = saved_at(name);
        let json = fs::read_to_string(&from).map_err(|e| format!("{}: {e}", from.display()))?;
        let runs = serde_json::from_str(&json).map_err(|e| format!("{}: {e}", from.display()))?;
        text += &format!("{}{END}\n", table(&runs));
    }
    Ok(text)
}

/// One server's table, and what it was measured with.
fn table(runs: &Value) -> String {
    let items = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let contenders = items(&runs["contenders"]);
    let metrics: Vec<String> =
        contenders.first().and_then(|c| c["metrics"].as_object()).into_iter().flat_map(|m| m.keys().cloned()).collect();
    let mut head = vec!["policy".to_owned()];
    head.extend(metrics.iter().flat_map(|name| [name.clone(), "beside none [95 %]".into()]));
    head.extend(["minor faults", "peak rss"].map(String::from));
    let mut text = format!("| {} |\n|{}\n", head.join(" | "), "---|".repeat(head.len()));
    for contender in &contenders {
        let mut row = vec![contender["name"].as_str().unwrap_or_default().to_owned()];
        for name in &metrics {
            let figure = &contender["metrics"][name];
            let number = |key: &str| figure[key].as_f64();
            row.push(number("median").map_or("-".into(), count));
            let interval = number("ratio").zip(number("ratio_low")).zip(number("ratio_high"));
            row.push(interval.map_or("1".into(), |((ratio, low), high)| format!("{ratio:.2} [{low:.2}, {high:.2}]")));
        }
        let median = |name: &str| contender["figures"][name]["median"].as_f64();
        row.push(median("minor_faults").map_or("-".into(), count));
        row.push(median("peak_rss_bytes").map_or("-".into(), |bytes| format!("{:.1} MiB", bytes / f64::from(1 << 20))));
        text += &format!("| {} |\n", row.join(" | "));
    }
    let word = |value: &Value| value.as_str().unwrap_or("unknown").to_owned();
    let host = &runs["host"];
    let gib = host["memory_bytes"].as_f64().map_or("?".into(), |bytes| format!("{:.0}", bytes / f64::from(1 << 30)));
    text + &format!(
        "\n`{}` under `{}`: medians of {} rounds in turns; {} × {}, {gib} GiB, Linux {}, THP `{}`.\n",
        word(&runs["command"]),
        word(&runs["load"]),
        runs["rounds"],
        host["cores"],
        word(&host["cpu"]),
        word(&host["kernel"]),
        word(&host["thp"]),
    )
}

/// Whole, with commas.
fn count(value: f64) -> String {
    let digits = format!("{value:.0}");
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|part| std::str::from_utf8(part).ok()).collect();
    groups.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_is_what_make_readme_writes() {
        let readme = fs::read_to_string(path()).unwrap();
        assert!(readme.matches(BEGIN).count() >= 2, "the tables of the servers are gone");
        assert!(readme == made(&readme).unwrap(), "README.md differs from what its runs say; make readme");
    }

    #[test]
    fn what_is_saved_names_no_folder_and_no_build() {
        for name in ["redis", "postgres"] {
            let text = fs::read_to_string(saved_at(name)).unwrap();
            let found = ["/tmp", "/home", "/root", "/work", "/usr"].into_iter().find(|folder| text.contains(folder));
            assert_eq!(found, None, "{name}");
        }
    }

    #[test]
    fn a_mark_without_an_end_is_an_error_and_what_is_outside_stays() {
        assert!(made(&format!("{BEGIN}redis -->\n")).is_err());
        assert_eq!(made("a\n\nb\n").unwrap(), "a\n\nb\n");
    }

    #[test]
    fn counts_have_commas() {
        assert_eq!([7.0, 1234.4, 1_234_567.0].map(count), ["7", "1,234", "1,234,567"]);
    }
}
