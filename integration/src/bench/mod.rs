//! What `make bench` measures, and `make prove` for the same rows: workloads beside peers, in turns.
//!
//! What must hold here: in each round every contender runs once, the order rotated by one from round to round; before
//! each measured run the machine is warmed (docs/kernel.md says why); a contender that can't run or fails is said so
//! and has no figures.
//!
//! `make prove` asks for a row by [`rows::named`], runs it with [`Bench::run`] and judges
//! [`table::Table::versus`] of `faultless` and [`table::Table::best_peer`]; what needs many starts uses [`Bench::once`].

pub mod contenders;
pub mod filler;
pub mod guard;
pub mod machine;
pub mod measure;
pub mod peers;
pub mod programs;
pub mod ratio;
pub mod redis;
pub mod results;
pub mod rows;
pub mod saved;
pub mod table;

use contenders::Contender;
use filler::Filler;
use guard::Guard;
use measure::Sample;
use programs::Programs;
use rows::{Row, Work};
use table::{Entry, Table};

use crate::child::Run;

/// Where counter pages lie by default.
const PAGES: &str = "/dev/shm";
/// MiB that a row leaves to the rest of the machine.
const SPARED: u64 = 1024;

/// What outlives one row: the programs that are built, and the guard of the machine's settings.
pub struct Bench {
    // the guard goes first: it may still have a program to end that works in the folder
    guard: Guard,
    programs: Programs,
    scratch: tempfile::TempDir,
}

impl Bench {
    /// Builds nothing yet and changes nothing on the machine.
    pub fn new() -> Result<Bench, String> {
        let scratch = tempfile::tempdir().map_err(|e| e.to_string())?;
        Ok(Bench { guard: Guard::new()?, programs: Programs::new(scratch.path()), scratch })
    }

    /// Runs a row once under a contender, on a machine as it is: for what time doesn't decide, such as huge pages.
    /// The error says why it can't run, or how it failed.
    pub fn once(&mut self, row: &Row, contender: &Contender) -> Result<Sample, String> {
        let folder = tempfile::tempdir_in(self.scratch.path()).map_err(|e| e.to_string())?;
        // On a disk, to make the page of a process would take as long as all else that the first block costs.
        let in_memory = tempfile::Builder::new().prefix("faultless-bench-").tempdir_in(PAGES).ok();
        let env = contender.environment(in_memory.as_ref().unwrap_or(&folder).path().join("pages").as_path())?;
        let run = Run::new(folder.path(), self.programs.argv(row.work)?).env(env);
        let guard = &mut self.guard;
        let measured = |guard: &mut Guard| match row.work {
            Work::RedisLoad | Work::RedisSave => redis::run(run, row.work, folder.path(), guard),
            _ => measure::start(&run, guard)?.finish(guard),
        };
        match contender.wants_thp_always() {
            true => guard.with_thp_always(measured),
            false => measured(guard),
        }
    }

    /// Runs a row, every contender once a round. `progress` hears of each run before it starts. The error says why the
    /// row can't be had here.
    pub fn run(
        &mut self,
        row: &'static Row,
        contenders: &[&'static Contender],
        rounds: usize,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Table, String> {
        self.possible(row)?;
        let wanted = contenders.iter().filter(|c| row.populate || c.name != "populate");
        let mut entries: Vec<Entry> = wanted.map(|c| Entry::new(c)).collect();
        for entry in &mut entries {
            progress(&format!("{}: preparing {}", row.name, entry.contender.name));
            entry.not_run = entry.contender.environment(self.scratch.path()).err();
        }
        let mut filler = None;
        for round in 0..rounds {
            for turn in 0..entries.len() {
                let at = (turn + round) % entries.len();
                let entry = &mut entries[at];
                if entry.not_run.is_some() || entry.failed.is_some() {
                    continue;
                }
                progress(&format!("{}: round {} of {rounds}, {}", row.name, round + 1, entry.contender.name));
                match row.fragmented {
                    true => self.fragment(&mut filler)?,
                    false => measure::warm(&self.programs.c("warm")?, row.touches, &mut self.guard)?,
                }
                match self.once(row, entry.contender) {
                    Ok(sample) => entry.samples.push(sample),
                    Err(why) => entry.failed = Some(why),
                }
            }
        }
        Ok(Table { row, entries })
    }

    fn possible(&self, row: &Row) -> Result<(), String> {
        let available = measure::available_mib();
        if machine::cores() < row.cores {
            return Err(format!("needs {} cores", row.cores));
        }
        if available < row.touches + SPARED {
            return Err(format!("needs {} MiB of memory, {available} are available", row.touches + SPARED));
        }
        self.programs.argv(row.work).map(drop)
    }

    /// One more filler is tried: what was put together and taken apart often leaves memory that it can't use.
    fn fragment(&mut self, filler: &mut Option<Filler>) -> Result<(), String> {
        let fill = self.programs.c("fill")?;
        self.guard.without_compaction(|_| {
            if let Some(running) = filler
                && running.top_up().is_ok()
            {
                return Ok(());
            }
            *filler = None;
            filler.insert(Filler::start(&fill)?).top_up()
        })
    }
}
