//! The same commands under hyperfine and under perf stat.
//!
//! What must hold here: hyperfine and compare take turns in small blocks, and a block's median is held against that of
//! the block beside it, since what the machine does meanwhile would otherwise be told apart as theirs; hyperfine runs
//! without a shell, as compare does.

use std::path::Path;

use super::table::{built, compare, done, scratch};
use crate::artefacts::present;
use crate::bench::ratio::{Ratio, paired};
use crate::child::Run;
use crate::prove::{Line, Sink, first_line};
use crate::stage::settings;
use crate::stats::median;

/// Blocks of each: many and short, because a disturbance of a second or two should meet both.
const BLOCKS: usize = 50;
/// Runs in a block.
const BLOCK: usize = 4;
/// Medians may differ by this share.
const TIME: f64 = 0.03;
/// Counts may differ by this share.
const COUNT: f64 = 0.01;

/// Three commands that are unlike: one large block, an interpreter with small ones, a tree of short processes.
fn commands(folder: &Path) -> Result<Vec<(&'static str, Vec<String>)>, String> {
    let touch = built("bench/touch.c", folder)?;
    let words = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
    Ok(vec![
        ("bench/touch.c malloc 128", words(&[&touch, "malloc", "128"])),
        ("python3, a dict of 200,000", words(&["python3", "-S", "-c", "d = {i: str(i) for i in range(200000)}"])),
        ("sh, seq | sort | tail", words(&["sh", "-c", "seq 100000 | sort -n | tail -n 1"])),
    ])
}

/// Median wall times.
pub fn hyperfine(sink: Sink<'_>) -> Result<(), String> {
    let goal = "within 3 %";
    let criterion = |name: &str| format!("compare: wall time beside hyperfine: {name}");
    if !present("hyperfine") {
        sink(Line::skipped(&criterion(""), goal, "no hyperfine; apt-get install hyperfine"));
        return Ok(());
    }
    let folder = scratch()?;
    let blocks = settings::rounds()?.unwrap_or(BLOCKS);
    for (name, argv) in commands(folder.path())? {
        let (mut theirs, mut ours) = (vec![], vec![]);
        for block in 0..blocks {
            // ABBA
            for who in [block % 2, 1 - block % 2] {
                match who {
                    0 => theirs.push(hyperfine_block(folder.path(), &argv)?),
                    _ => ours.push(compare_block(folder.path(), &argv)?),
                }
            }
        }
        let medians = |blocks: &[Vec<f64>]| blocks.iter().map(|block| median(block)).collect::<Vec<_>>();
        let (theirs, ours) = (medians(&theirs), medians(&ours));
        let Some(ratio) = paired(&ours, &theirs) else { return Err(format!("no ratio of {theirs:?} and {ours:?}")) };
        // The machine's part in it: in ABBA hyperfine's blocks stand side by side too, two and two.
        let beside: Vec<&[f64]> = theirs[1..].chunks_exact(2).collect();
        let one = |of: usize| beside.iter().map(|pair| pair[of]).collect::<Vec<_>>();
        let itself = paired(&one(1), &one(0)).map_or("unknown".into(), |ratio| percent(&ratio));
        let note = format!(
            "{:.1} ms by hyperfine; it against itself {itself}; {} runs each",
            median(&theirs) * 1e3,
            blocks * BLOCK
        );
        let off = (ratio.median - 1.0).abs();
        // Beyond the goal by chance is what an interval of both sides says.
        let is_noise = off > TIME && ratio.low < 1.0 + TIME && ratio.high > 1.0 - TIME;
        sink(match is_noise {
            true => Line::skipped(&criterion(name), goal, format!("too noisy: {}; {note}", percent(&ratio))),
            false => Line::judged(&criterion(name), goal, percent(&ratio), off <= TIME).noted(note),
        });
    }
    Ok(())
}

/// By how much it differs from 1, with its interval.
fn percent(ratio: &Ratio) -> String {
    let [median, low, high] = [ratio.median, ratio.low, ratio.high].map(|r| (r - 1.0) * 100.0);
    format!("{median:+.1} % [{low:+.1}, {high:+.1}]")
}

/// Seconds of each run.
fn hyperfine_block(folder: &Path, argv: &[String]) -> Result<Vec<f64>, String> {
    let json = folder.join("hyperfine.json");
    let line = argv.iter().map(|word| format!("'{}'", word.replace('\'', r"'\''"))).collect::<Vec<_>>().join(" ");
    let (runs, json_path) = (BLOCK.to_string(), json.to_string_lossy().into_owned());
    let flags = ["hyperfine", "-N", "--warmup", "2", "--runs", &runs, "--export-json", &json_path, &line];
    done(&Run::new(folder, flags).run()?)?;
    let text = std::fs::read_to_string(&json).map_err(|e| format!("{}: {e}", json.display()))?;
    let times = text.split("\"times\": [").nth(1).and_then(|rest| rest.split(']').next()).unwrap_or_default();
    let times: Vec<f64> = times.split(',').filter_map(|t| t.trim().parse().ok()).collect();
    if times.len() == BLOCK { Ok(times) } else { Err(format!("{} times in {}", times.len(), json.display())) }
}

/// The same of `none`, twice, which makes as many runs in half the rounds.
fn compare_block(folder: &Path, argv: &[String]) -> Result<Vec<f64>, String> {
    let rounds = (BLOCK / 2).to_string();
    let twice = ["--policy", "none", "--policy", "none", "--warmup", "1", "--ignore-output", "--runs", &rounds];
    let table = compare(folder, &twice, argv)?;
    Ok([table.values("none", "wall_s"), table.values("none #2", "wall_s")].concat())
}

/// Counts of faults.
pub fn perf(sink: Sink<'_>) -> Result<(), String> {
    let goal = "within 1 %";
    let criterion = |name: &str| format!("compare: faults beside perf stat: {name}");
    let folder = scratch()?;
    let first = ["true".to_owned()];
    if let Err(why) = perf_block(folder.path(), &first) {
        sink(Line::skipped(
            &criterion(""),
            goal,
            format!("no perf for this kernel (apt-get install linux-perf): {why}"),
        ));
        return Ok(());
    }
    for (name, argv) in commands(folder.path())? {
        let found: Vec<f64> = (0..BLOCK).map(|_| perf_block(folder.path(), &argv)).collect::<Result<_, _>>()?;
        let twice = ["--policy", "none", "--policy", "none", "--ignore-output", "--runs", "4"];
        let table = compare(folder.path(), &twice, &argv)?;
        let own: Vec<f64> = ["none", "none #2"]
            .iter()
            .flat_map(|who| table.values(who, "minor_faults").into_iter().zip(table.values(who, "major_faults")))
            .map(|(minor, major)| minor + major)
            .collect();
        let off = median(&own) / median(&found) - 1.0;
        let measured = format!("{:+.2} %", off * 100.0);
        let note = format!("{:.0}, perf stat {:.0}", median(&own), median(&found));
        sink(Line::judged(&criterion(name), goal, measured, off.abs() <= COUNT).noted(note));
    }
    Ok(())
}

/// Minor and major faults of one run: software events, which need no PMU.
fn perf_block(folder: &Path, argv: &[String]) -> Result<f64, String> {
    let said = folder.join("perf.csv");
    let file = said.to_string_lossy().into_owned();
    let flags = ["perf", "stat", "-x,", "-e", "minor-faults,major-faults", "-o", &file, "--"];
    let ran = Run::new(folder, flags.map(String::from).into_iter().chain(argv.iter().cloned())).run()?;
    if ran.status != 0 {
        return Err(first_line(&ran.stderr));
    }
    let text = std::fs::read_to_string(&said).map_err(|e| format!("{}: {e}", said.display()))?;
    let counts: Vec<f64> = text.lines().filter_map(|line| line.split(',').next()?.parse().ok()).collect();
    if counts.len() == 2 { Ok(counts.iter().sum()) } else { Err(format!("perf stat counts nothing: {text}")) }
}
