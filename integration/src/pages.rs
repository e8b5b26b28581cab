//! Reads the counter pages that a run left behind and checks what a c-test says of them.
//!
//! What must hold here: a page that cannot be read is an error, and so is a field that no page has; an assertion
//! never holds by being misunderstood.

use std::path::Path;

use faultless_core::counters::TABLE;
use faultless_core::page::Snapshot;

/// Reads every page in `folder`, oldest first. The error names the file that is no whole page.
pub fn read(folder: &Path) -> Result<Vec<Snapshot>, String> {
    read_if(folder, |_| true)
}

/// The same but for pages that are not finished, as their names say.
pub fn read_whole(folder: &Path) -> Result<Vec<Snapshot>, String> {
    read_if(folder, |path| !path.as_os_str().as_encoded_bytes().ends_with(b"~"))
}

fn read_if(folder: &Path, is_wanted: impl Fn(&Path) -> bool) -> Result<Vec<Snapshot>, String> {
    let mut pages = Vec::new();
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(pages) };
    for entry in entries {
        let path = entry.map_err(|e| e.to_string())?.path();
        // the sums of the tree's budgets lie beside the pages, and what is hot of a process
        if path.file_stem().is_some_and(|s| s == "tree")
            || path.extension().is_some_and(|e| e == "heat" || e == "heat~")
            || !is_wanted(&path)
        {
            continue;
        }
        let bytes = std::fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        let page = Snapshot::read(&bytes).map_err(|why| {
            format!("{} is no whole counter page: {why:?}", path.file_name().unwrap_or_default().display())
        })?;
        let in_name = path.file_stem().and_then(|s| s.to_str()).and_then(|s| s.parse().ok());
        if in_name != Some(page.pid) {
            return Err(format!("page {} is of pid {}", path.file_name().unwrap_or_default().display(), page.pid));
        }
        pages.push(page);
    }
    pages.sort_by_key(|p| p.start_ns);
    Ok(pages)
}

/// Checks `field op value [, field op value …]` against one page. The error says which part does not hold.
pub fn check(page: &Snapshot, assertions: &str) -> Result<(), String> {
    for assertion in assertions.split(',') {
        let mut words = assertion.split_whitespace();
        let (Some(field), Some(op), Some(wanted), None) = (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(format!("`{assertion}` is not FIELD OP VALUE"));
        };
        if field == "exe" || field == "policy" {
            let found = String::from_utf8_lossy(if field == "exe" { page.exe() } else { page.policy() }).into_owned();
            if op != "=" || found != wanted {
                return Err(format!("{field} is {found}, expected {op} {wanted}"));
            }
            continue;
        }
        let found = value(page, field).ok_or_else(|| format!("no page has a field `{field}`"))?;
        let number = number(wanted).ok_or_else(|| format!("`{wanted}` is no value"))?;
        let holds = match op {
            "=" => found == number,
            "!=" => found != number,
            ">" => found > number,
            ">=" => found >= number,
            "<" => found < number,
            "<=" => found <= number,
            _ => return Err(format!("`{op}` is no comparison")),
        };
        if !holds {
            return Err(format!("{field} is {found}, expected {op} {wanted}"));
        }
    }
    Ok(())
}

/// The words that stand for numbers in `state`, `why` and `end`.
const WORDS: &[(&str, u64)] =
    &[("stood-down", 0), ("on", 1), ("off", 2), ("sealed", 3), ("none", 0), ("exit", 1), ("_exit", 2), ("exec", 3)];

fn number(text: &str) -> Option<u64> {
    WORDS.iter().find(|(word, _)| *word == text).map(|(_, n)| *n).or_else(|| text.parse().ok())
}

fn value(page: &Snapshot, field: &str) -> Option<u64> {
    if let Some((rule, column)) = field.split_once('.') {
        let index: usize = rule.strip_prefix("rule")?.parse().ok()?;
        let rule = page.rules.get(index.checked_sub(1)?)?;
        return Some(match column {
            "regions" => rule.regions,
            "bytes" => rule.bytes,
            "applied" => rule.outcomes[0],
            "partly" => rule.outcomes[1],
            "skipped" => rule.outcomes[2],
            "failed" => rule.outcomes[3],
            _ => return None,
        });
    }
    Some(match field {
        "state" => page.state.into(),
        "why" => page.why.into(),
        "end" => page.end.into(),
        "exit_status" => page.exit_status.into(),
        "forked" => page.forked.into(),
        "seccomp" => page.seccomp.into(),
        "end_ns" => page.end_ns,
        _ => page.counters[TABLE.iter().position(|c| c.name == field)?],
    })
}

/// Every assertion of `text` names a field and a value that exist, whatever a page may hold.
pub fn well_formed(text: &str) -> Result<(), String> {
    let blank = Snapshot::read(&blank_page()).map_err(|why| format!("{why:?}"))?;
    for assertion in text.split(',') {
        match check(&blank, assertion) {
            Err(why) if !why.contains(", expected") => return Err(why),
            _ => {}
        }
    }
    Ok(())
}

fn blank_page() -> Vec<u8> {
    let mut bytes = vec![0; faultless_core::page::FILE_BYTES];
    bytes[..8].copy_from_slice(&faultless_core::page::MAGIC.to_le_bytes());
    bytes[8..12].copy_from_slice(&faultless_core::page::VERSION.to_le_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assertion_that_does_not_hold_is_an_error() {
        let page = Snapshot::read(&blank_page()).unwrap();
        assert!(check(&page, "mmap_calls = 0, end = none").is_ok());
        assert!(check(&page, "mmap_calls = 0, end = exit").is_err());
        assert!(check(&page, "rule1.applied > 0").is_err());
    }

    #[test]
    fn a_field_that_no_page_has_is_an_error() {
        assert!(well_formed("mmap_cals > 0").is_err());
        assert!(well_formed("mmap_calls > few").is_err());
        assert!(well_formed("mmap_calls > 0, rule1.applied >= 1, end = exit, exe = x").is_ok());
    }
}
