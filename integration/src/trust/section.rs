//! The dated results in docs/trust.md.
//!
//! What must hold here: a target rewrites the section under its own heading and nothing else.

use std::path::Path;

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
