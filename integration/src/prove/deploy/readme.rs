//! The commands of the README's section on containers, as they stand there.
//!
//! What must hold here: the lines are taken from the README itself, and typed into a shell in the workspace's folder.

use std::fs;

use super::containers::{self, engine};
use super::{judge, root};
use crate::artefacts::workspace;
use crate::prove::Sink;

const HEAD: &str = "## Containers";

/// Each command.
pub fn prove(sink: Sink<'_>) -> Result<(), String> {
    let text = fs::read_to_string(workspace().join("README.md")).map_err(|e| e.to_string())?;
    let commands = commands(&text, HEAD);
    judge(sink, "README, Containers: commands shown", "some", || {
        Ok((commands.len().to_string(), !commands.is_empty()))
    });
    let engine = engine()?;
    for command in commands {
        judge(sink, &format!("README: {}", command.chars().take(40).collect::<String>()), "exit 0", || {
            containers::is_static()?;
            if command.contains("target/dist") && super::dist().is_none() {
                return Err("skip: no target/dist; make dist".into());
            }
            // There is no registry here: the image that is not ours is this one.
            engine.ok(&format!("podman tag {} localhost/debian:bookworm", root::IMAGE))?;
            engine.ok(&command).map(|_| ("exit 0".into(), true))
        });
    }
    Ok(())
}

/// The lines of a section that are set in as code and begin with an engine's name, without what is said behind a #.
fn commands(text: &str, head: &str) -> Vec<String> {
    let section = text.lines().skip_while(|l| *l != head).skip(1).take_while(|l| !l.starts_with("## "));
    let joined = section.collect::<Vec<_>>().join("\n").replace("\\\n", " ");
    let code = joined.lines().filter_map(|l| l.strip_prefix("    podman "));
    code.map(|l| format!("podman {}", l.split(" # ").next().unwrap_or(l).trim())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_those_of_the_section() {
        let text = "## A\n    podman no\n## Containers\ntext\n    podman run \\\n      x   # why\n    other\n## B\n    podman no";
        assert_eq!(commands(text, HEAD), ["podman run        x"]);
    }
}
