//! What `faultless tune` finds, beside every built-in policy compared by hand.
//!
//! What must hold here: the policy that was found and the best built-in one are judged by a comparison of these two; the
//! programs are unlike, one of them no policy can help, and one is a server.

use std::path::Path;

use super::servers::free_port;
use super::table::{Table, built, compare, done, faultless, scratch};
use crate::artefacts::{command, policies, present};
use crate::bench::ratio::paired;
use crate::prove::{Line, Sink};
use crate::stage::settings;
use crate::stats::median;

/// MiB of a mapped file.
const FILE: u64 = 192;
/// MiB that the programs without a file touch at most.
const TOUCHED: u64 = 160;
/// Rounds of each comparison, tune's too.
const ROUNDS: usize = 8;
/// Where a disk takes part, whose speed is not ours alone to set.
const ROUNDS_OF_DISK: usize = 12;
/// Rounds of the last comparison, of two.
const LAST: usize = 24;
/// How far behind the best built-in policy it may end.
const BEHIND: f64 = 1.05;
const GOAL: &str = "at most 1.05";
/// The place of the server.
const SERVER: usize = 5;

/// A program that is tuned.
struct Program {
    name: &'static str,
    argv: Vec<String>,
    /// how it is run, the same for tune and compare
    flags: Vec<String>,
    /// by what it is judged
    figure: &'static str,
    /// whether more of it is better
    higher: bool,
    helpless: bool,
    rounds: usize,
}

/// One of them, by its place.
pub fn prove(which: usize, sink: Sink<'_>) -> Result<(), String> {
    let folder = scratch()?;
    let program = program(which, folder.path())?;
    let criterion = format!("compare: tune beside the best built-in policy: {}", program.name);
    let missing = ["redis-server", "redis-benchmark"].into_iter().find(|name| which == SERVER && !present(name));
    if let Some(missing) = missing {
        sink(Line::skipped(&criterion, GOAL, format!("no {missing}; apt-get install redis-server redis-tools")));
        return Ok(());
    }
    if let Err(why) = one(folder.path(), &program, &criterion, sink) {
        sink(Line::broken(&criterion, GOAL, why));
    }
    Ok(())
}

fn program(which: usize, folder: &Path) -> Result<Program, String> {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let job = |name, argv: &[&str]| Program {
        name,
        argv: words(argv),
        flags: vec!["--ignore-output".into()],
        figure: "wall_s",
        higher: false,
        helpless: false,
        rounds: ROUNDS,
    };
    // Its file is out of the page cache at first.
    let reader = |name, how: &[&str]| {
        let reads = built("bench/mapped_reads.c", folder)?;
        let file = folder.join("file").to_string_lossy().into_owned();
        done(&crate::child::Run::new(folder, [&reads, "make", &(FILE << 20).to_string(), &file]).run()?)?;
        let evict = format!("{} warm --evict {file}", command().display());
        let job = job(name, &[&[reads.as_str()], how, &[&file]].concat());
        Ok::<_, String>(Program {
            flags: [job.flags, words(&["--prepare", &evict])].concat(),
            rounds: ROUNDS_OF_DISK,
            ..job
        })
    };
    // What is freed in 4 KiB pages may have gone back to the hypervisor, and then costs the next program what was none of
    // its policy's doing (docs/kernel.md).
    let warmed = |job: Program| {
        let prepare = format!("{} {TOUCHED}", built("bench/warm.c", folder)?);
        Ok::<_, String>(Program { flags: [job.flags, words(&["--prepare", &prepare])].concat(), ..job })
    };
    Ok(match which {
        0 => warmed(job("block reuse", &[&built("bench/large.c", folder)?, "reuse"]))?,
        1 => warmed(job("small heap", &[&built("bench/blocks.c", folder)?, "take", "0", "2048", "65536"]))?,
        2 => reader("random reads of a file", &["reads=4000"])?,
        3 => reader("scan of a file", &["pattern=sequential", "passes=1"])?,
        4 => {
            let work = job("nothing but work", &[&built("integration/fixtures/spin.c", folder)?, "100"]);
            Program { helpless: true, ..work }
        }
        _ => {
            let port = free_port()?;
            let job = job("redis-server under load", &["redis-server", "--port", &port, "--save", ""]);
            let load = format!("redis-benchmark -p {port} -q -n 100000 -r 100000 -d 200 -P 16 -t set");
            let ready = format!("port:127.0.0.1:{port}");
            let flags = ["--ready", &ready, "--load", &load, "--metric", "set/s:higher=SET: ([0-9.]+)"];
            Program { flags: words(&flags), figure: "set/s", higher: true, ..job }
        }
    })
}

fn one(folder: &Path, program: &Program, criterion: &str, sink: Sink<'_>) -> Result<(), String> {
    let runs = settings::rounds()?.unwrap_or(program.rounds).to_string();
    let how = || program.flags.iter().map(String::as_str);
    let flags: Vec<&str> = ["--warmup", "1", "--runs", &runs].into_iter().chain(how()).collect();
    let arguments = ["tune"].iter().chain(&flags).chain(&["--"]).map(|word| (*word).to_owned());
    let ran = faultless(folder, arguments.chain(program.argv.iter().cloned())).run()?;
    let found = done(&ran)?;
    if settings::shows() {
        eprintln!("{}{found}", String::from_utf8_lossy(&ran.stderr));
    }
    let is_alone = found.starts_with("# leave it alone");
    if program.helpless {
        let line = Line::judged(criterion, "leave it alone", found.trim(), is_alone);
        sink(line);
        return Ok(());
    }
    let rules = folder.join("found.rules");
    std::fs::write(&rules, &found).map_err(|e| e.to_string())?;
    let rules = rules.to_string_lossy().into_owned();
    let built_in: Vec<&str> =
        ["none"].into_iter().chain(policies()).filter(|name| !["everything", "observe"].contains(name)).collect();
    // What is left alone runs as alone.
    let mine = if is_alone { "none" } else { &rules };
    let mut exhaustive = flags.clone();
    exhaustive.extend(built_in.iter().flat_map(|policy| ["--policy", *policy]));
    let table = compare(folder, &exhaustive, &program.argv)?;
    // What a unit of it costs: the lower, the better.
    let costs = |table: &Table, policy: &str| -> Vec<f64> {
        let values = table.values(policy, program.figure);
        if program.higher { values.iter().map(|value| 1.0 / value).collect() } else { values }
    };
    let cost = |policy: &str| median(&costs(&table, policy));
    let best = built_in.iter().copied().min_by(|a, b| cost(a).total_cmp(&cost(b))).unwrap_or("none");
    if mine == best {
        sink(Line::judged(criterion, GOAL, "the same", true).noted("left alone, and no built-in policy is faster"));
        return Ok(());
    }
    // The best of many looks better than it is, so both are measured once more, by themselves.
    let last = LAST.to_string();
    let mut pair: Vec<&str> = ["--warmup", "1", "--runs", &last].into_iter().chain(how()).collect();
    pair.extend(["--policy", best, "--policy", mine]);
    let table = compare(folder, &pair, &program.argv)?;
    let Some(ratio) = paired(&costs(&table, mine), &costs(&table, best)) else {
        return Err(format!("no {}", program.figure));
    };
    let chosen: Vec<&str> = found.lines().filter(|line| !line.starts_with('#')).collect();
    let chosen = if is_alone { "left alone".to_owned() } else { chosen.join(",") };
    let shown = |policy: &str| match median(&table.values(policy, program.figure)) {
        value if program.higher => format!("{value:.0} {}", program.figure),
        value => format!("{:.1} ms", value * 1e3),
    };
    let note = format!("{chosen}: {}; best built-in {best} {}", shown(mine), shown(best));
    sink(match ratio.median > BEHIND && ratio.low <= BEHIND {
        true => Line::skipped(criterion, GOAL, format!("too noisy to tell: {ratio}; {note}")),
        false => Line::judged(criterion, GOAL, ratio.to_string(), ratio.median <= BEHIND).noted(note),
    });
    Ok(())
}
