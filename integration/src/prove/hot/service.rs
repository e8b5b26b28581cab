//! A service that comes back: after it was idle and squeezed out of memory, and after a restart.

use super::{reads, rules};
use crate::artefacts::command;
use crate::prove::files::{LARGE, LIMIT};
use crate::stage::judge::Goal::Most;
use crate::stage::scene::{Scene, Turn};
use crate::stage::{Sample, Stage, disk};

/// Requests that are looked at.
const FIRST: &str = "reads=1000";

pub fn scenes() -> Vec<Scene> {
    vec![
        Scene {
            name: "squeezed",
            title: "an idle service, squeezed: its first 1000 requests",
            contenders: &["alone", "hot"],
            aheads: &[128],
            rounds: 3,
            play: squeezed,
            goals: &[Most("hot", "alone", "p99", 0.1)],
        },
        Scene {
            name: "restart",
            title: "the first 1000 requests after a restart",
            contenders: &["alone", "heat"],
            aheads: &[128],
            rounds: 3,
            play: restart,
            goals: &[Most("heat", "alone", "p99", 0.2)],
        },
    ]
}

/// It has used its hot tenth for a while; then it is idle while another reads twice what there is.
fn squeezed(stage: &mut Stage, turn: &Turn) -> Result<Sample, String> {
    let (file, scanned) = (stage.file("reads", LARGE)?, stage.file("scanned", LARGE)?);
    disk::evict(&file)?;
    disk::evict(&scanned)?;
    let program = stage.program("mapped_reads")?;
    let group = stage.group(LIMIT, None)?;
    let (seed, path) = (format!("seed={}", turn.round), file.to_string_lossy().into_owned());
    let used = ["pattern=scattered", "share=100", "pause=50", "settle=12", "wait=1", FIRST];
    let argv = [&[program.as_str()][..], &used, &[&seed, &path]].concat();
    let rules = rules(turn.contender);
    let env = if rules.is_empty() { vec![] } else { stage.under(rules) };
    let run = stage.run(argv).env(env);
    let mut service = stage.start(&run, Some(&group))?;
    service.ready()?;
    let scan = stage.run([&program, "pattern=sequential", "passes=2", &scanned.to_string_lossy()]);
    stage.start(&scan, Some(&group))?.finish()?;
    service.go()?;
    Ok(service.finish()?.sample)
}

/// What was learnt in one life is there at the start of the next.
fn restart(stage: &mut Stage, turn: &Turn) -> Result<Sample, String> {
    let requests = ["pattern=scattered", "share=100", FIRST];
    if turn.contender == "alone" {
        return reads(stage, turn, &requests).map(|(sample, _)| sample);
    }
    let file = stage.file("reads", LARGE)?;
    let heat = stage.scratch().join(format!("heat.{}", turn.round));
    disk::evict(&file)?;
    let program = stage.program("mapped_reads")?;
    let (seed, path) = (format!("seed={}", turn.round), file.to_string_lossy().into_owned());
    let (tool, learnt) = (command().to_string_lossy().into_owned(), heat.to_string_lossy().into_owned());
    let env: Vec<(String, String)> = stage.under(rules("hot"));
    {
        let group = stage.group(LIMIT, None)?;
        let life = [&tool, "run", "--learn", &learnt, "--", &program, "pattern=scattered", "seconds=15", &seed, &path];
        // the command brings its library itself
        let run = stage.run(life).env(env.iter().filter(|(name, _)| name != "LD_PRELOAD").cloned());
        stage.start(&run, Some(&group))?.finish()?;
    }
    disk::evict(&file)?;
    let group = stage.group(LIMIT, None)?;
    let argv = [&[program.as_str()][..], &requests, &[&seed, &path]].concat();
    let run = stage.run(argv).env(env).env([("FAULTLESS_HEAT".to_owned(), learnt)]);
    Ok(stage.start(&run, Some(&group))?.finish()?.sample)
}
