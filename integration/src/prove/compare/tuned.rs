//! What `faultless tune` finds, beside every built-in policy compared by hand.
//!
//! What must hold here: the policy that was found takes part in the comparison that it is judged by; five programs that
//! are unlike, the last of which no policy can help.

use std::path::Path;

use super::table::{built, compare, done, faultless, scratch};
use crate::artefacts::{command, policies};
use crate::prove::{Line, Sink};
use crate::stage::settings;
use crate::stats::{difference, median};

/// MiB of a mapped file.
const FILE: u64 = 192;
/// Rounds of each comparison, tune's too.
const ROUNDS: usize = 8;
/// How far behind the best built-in policy it may end.
const BEHIND: f64 = 1.05;

/// A program that is tuned.
struct Program {
    name: &'static str,
    argv: Vec<String>,
    /// its file is out of the page cache at first
    reads_disk: bool,
    helpless: bool,
}

/// All five.
pub fn prove(sink: Sink<'_>) -> Result<(), String> {
    let folder = scratch()?;
    let file = folder.path().join("file").to_string_lossy().into_owned();
    for program in programs(folder.path(), &file)? {
        let criterion = format!("compare: tune beside the best built-in policy: {}", program.name);
        if let Err(why) = one(folder.path(), &file, &program, &criterion, sink) {
            sink(Line::broken(&criterion, "at most 1.05", why));
        }
    }
    Ok(())
}

fn programs(folder: &Path, file: &str) -> Result<Vec<Program>, String> {
    let blocks = built("bench/large.c", folder)?;
    let many = built("bench/blocks.c", folder)?;
    let reads = built("bench/mapped_reads.c", folder)?;
    let spin = built("integration/fixtures/spin.c", folder)?;
    let bytes = (FILE << 20).to_string();
    done(&crate::child::Run::new(folder, [&reads, "make", &bytes, file]).run()?)?;
    let program = |name, argv: &[&str], reads_disk, helpless| Program {
        name,
        argv: argv.iter().map(|word| (*word).to_owned()).collect(),
        reads_disk,
        helpless,
    };
    Ok(vec![
        program("block reuse", &[&blocks, "reuse"], false, false),
        program("small heap", &[&many, "take", "0", "2048", "65536"], false, false),
        program("random reads of a file", &[&reads, "reads=4000", file], true, false),
        program("scan of a file", &[&reads, "pattern=sequential", "passes=1", file], true, false),
        program("nothing but work", &[&spin, "100"], false, true),
    ])
}

fn one(folder: &Path, file: &str, program: &Program, criterion: &str, sink: Sink<'_>) -> Result<(), String> {
    let runs = settings::rounds()?.unwrap_or(ROUNDS).to_string();
    let evict = format!("{} warm --evict {file}", command().display());
    let mut flags = vec!["--warmup", "1", "--ignore-output", "--runs", &runs];
    if program.reads_disk {
        flags.extend(["--prepare", &evict]);
    }
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
    flags.extend(
        built_in.iter().chain(&[mine]).take(built_in.len() + usize::from(!is_alone)).flat_map(|p| ["--policy", *p]),
    );
    let table = compare(folder, &flags, &program.argv)?;
    let wall = |policy: &str| median(&table.values(policy, "wall_s"));
    let best = built_in.iter().copied().min_by(|a, b| wall(a).total_cmp(&wall(b))).unwrap_or("none");
    let ratio = wall(mine) / wall(best);
    let chosen: Vec<&str> = found.lines().filter(|line| !line.starts_with('#')).collect();
    let chosen = if is_alone { "left alone".to_owned() } else { chosen.join(",") };
    let ms = |policy: &str| wall(policy) * 1e3;
    let note = format!("{chosen}: {:.1} ms; best built-in {best} {:.1}, none {:.1}", ms(mine), ms(best), ms("none"));
    // The best of many is partly luck: only what is surely behind has failed.
    let (low, _) = difference(&table.values(mine, "wall_s"), &table.values(best, "wall_s"));
    let measured = format!("{ratio:.2}");
    sink(match ratio > BEHIND && 1.0 + low / wall(best) <= BEHIND {
        true => Line::skipped(criterion, "at most 1.05", format!("too noisy to tell: {measured}; {note}")),
        false => Line::judged(criterion, "at most 1.05", measured, ratio <= BEHIND).noted(note),
    });
    Ok(())
}
