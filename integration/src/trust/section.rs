//! The dated results in docs/trust.md.
//!
//! What must hold here: a target rewrites the section under its own heading and nothing else.

use std::path::Path;
use std::process::Command;

use crate::prove::{Line, Verdict};

/// The heading of a part of `make faults`.
pub fn heading(part: &str) -> String {
    format!("Faults: {part}")
}

/// Its results as a table, with the day, the kernel and the commit.
pub fn results(part: &str, lines: &[Line]) -> String {
    let said = |program: &str, args: &[&str]| {
        let done = Command::new(program).args(args).current_dir(crate::artefacts::workspace()).output();
        done.ok().map(|d| String::from_utf8_lossy(&d.stdout).trim().to_owned()).filter(|t| !t.is_empty())
    };
    let unknown = || "unknown".to_owned();
    let day = said("date", &["-u", "+%Y-%m-%d"]).unwrap_or_else(unknown);
    let kernel = crate::bench::machine::kernel();
    let commit = said("git", &["rev-parse", "--short", "HEAD"]).unwrap_or_else(unknown);
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    let mut text = format!(
        "Written by `make faults PART={part}` on {day}, Linux {kernel}, {processors} processors, commit {commit}.\n\n\
         | | what | must be | found | |\n|---|---|---|---|---|\n"
    );
    for line in lines {
        let word = match line.verdict {
            Verdict::Pass => "PASS",
            Verdict::Fail => "FAIL",
            Verdict::Skip => "SKIP",
        };
        let cells = [&line.criterion, &line.goal, &line.measured, &line.note].map(|c| c.replace('|', "\\|"));
        text.push_str(&format!("| {word} | {} |\n", cells.join(" | ")));
    }
    text
}

/// Puts `body` under `## heading`: in place of what stands there, or at the end.
pub fn write(file: &Path, heading: &str, body: &str) -> std::io::Result<()> {
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => "# Trust\n".into(),
        Err(e) => return Err(e),
    };
    std::fs::write(file, replaced(&text, heading, body))
}

fn replaced(text: &str, heading: &str, body: &str) -> String {
    let line = format!("## {heading}\n");
    let section = format!("{line}\n{}\n", body.trim());
    let at = if text.starts_with(&line) { Some(0) } else { text.find(&format!("\n{line}")).map(|at| at + 1) };
    match at {
        None => format!("{}\n\n{section}", text.trim_end()),
        Some(at) => {
            let rest = at + line.len();
            let after = text[rest..].find("\n## ").map_or("", |next| &text[rest + next..]);
            format!("{}{section}{after}", &text[..at])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::replaced;

    #[test]
    fn a_section_is_replaced_and_nothing_else() {
        let text = "# Trust\n\nabove\n\n## Suites\n\na\n\n## Faults\n\nold\n\n## Soak\n\nb\n";
        let new = replaced(text, "Faults", "new\n");
        assert_eq!(new, "# Trust\n\nabove\n\n## Suites\n\na\n\n## Faults\n\nnew\n\n## Soak\n\nb\n");
        assert_eq!(replaced("# Trust\n", "Faults", "new"), "# Trust\n\n## Faults\n\nnew\n");
    }
}
