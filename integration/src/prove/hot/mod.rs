//! Hot memory that nobody named: scenes of `lock=hot` under a memory cgroup.
//!
//! What must hold here: no rule names a path or a range; each scene is a row of a table, played by stage/scene.rs.

mod beside;
mod cost;
mod missing;
mod scattered;
mod service;
mod swapped;
mod torture;

use crate::stage::scene::{self, Scene, Turn};
use crate::stage::{Sample, Stage, disk};

use super::Sink;
use super::files::{LARGE, LIMIT};

/// Every scene that is asked for.
pub fn prove(sink: Sink<'_>) {
    scene::prove("hot", &scenes(), sink);
}

/// The scenes, the most important first.
pub fn scenes() -> Vec<Scene> {
    let all = [
        scattered::scenes(),
        beside::scenes(),
        service::scenes(),
        swapped::scenes(),
        cost::scenes(),
        missing::scenes(),
        torture::scenes(),
    ];
    all.into_iter().flatten().collect()
}

/// The rules of a contender's name.
fn rules(contender: &str) -> &'static str {
    match contender {
        "hot" => "file:lock=hot",
        "random-hot" => "file:random+lock=hot",
        "files" => "files",
        _ => "",
    }
}

/// bench/mapped_reads.c over the large file in a group of its own, and its lines while it ran.
fn reads(stage: &mut Stage, turn: &Turn, arguments: &[&str]) -> Result<(Sample, Vec<Sample>), String> {
    let file = stage.file("reads", LARGE)?;
    disk::evict(&file)?;
    let mut argv = vec![stage.program("mapped_reads")?];
    argv.extend(arguments.iter().map(|a| (*a).to_owned()));
    if turn.contender == "oracle" {
        argv.extend(["advise=random".into(), "lock=hot".into()]);
    }
    argv.extend([format!("seed={}", turn.round), file.to_string_lossy().into_owned()]);
    let rules = rules(turn.contender);
    let env = if rules.is_empty() { vec![] } else { stage.under(rules) };
    let group = stage.group(LIMIT, None)?;
    let run = stage.run(argv).env(env);
    let ended = stage.start(&run, Some(&group))?.finish()?;
    Ok((ended.sample, ended.watched))
}
