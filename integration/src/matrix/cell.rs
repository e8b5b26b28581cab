//! What one cell of the matrix says, and how the three runs of a program come to it.
//!
//! What must hold here: a program that ends otherwise than alone is a failure, and so is one that was not reached while
//! nobody said so; no cell is filled in without a run.

use regex_lite::Regex;

use super::ground::{Ground, Launch, Way};
use crate::child::Ran;

/// A cell.
pub enum Cell {
    /// rules are applied, under a bare preload and under `faultless run`
    Works,
    /// rules are applied; what else one sees, and where
    WorksBut(String),
    /// the program runs as alone, no rule is applied, and this says why
    Cannot(String),
    /// not tried, and why
    NotRun(&'static str),
}

impl Cell {
    /// As the table has it.
    pub fn text(&self) -> String {
        match self {
            Cell::Works => "works".into(),
            Cell::WorksBut(what) => format!("works; {what}"),
            Cell::Cannot(who) => format!("cannot: {who}"),
            Cell::NotRun(why) => format!("not run: {why}"),
        }
    }
}

/// The three runs of a program.
pub struct Runs {
    /// without us
    pub alone: Ran,
    /// under LD_PRELOAD alone
    pub bare: Ran,
    /// under `faultless run --wait`
    pub wrapped: Ran,
    /// actions that the pages of the bare run have as applied, or its last line
    pub applied_bare: u64,
    /// the same by the table
    pub applied_wrapped: u64,
    /// who was not reached, and why, by the table
    pub not_reached: Vec<(String, String)>,
}

/// What every program of the matrix prints.
const PRINTS: &str = "100663296\n";

/// Runs it in the three ways; alone it must do what it is there for.
pub fn runs(ground: &Ground, launch: &Launch<'_>) -> Result<Runs, String> {
    let alone = ground.run(Way::Alone, launch)?;
    if alone.status != 0 || alone.stdout != PRINTS.as_bytes() {
        return Err(format!("alone: exit status {}: {}{}", alone.status, text(&alone.stdout), text(&alone.stderr)));
    }
    let bare = ground.run(Way::Bare, launch)?;
    let rules = ground.pages()?.into_iter().flat_map(|page| page.rules);
    let in_pages: u64 = rules.map(|rule| rule.outcomes[0] + rule.outcomes[1]).sum();
    // Where its page could not be made, the library says it at the end.
    let applied_bare = in_pages.max(in_last_line(&text(&bare.stderr)));
    let wrapped = ground.run(Way::Wrapped, launch)?;
    let table = text(&wrapped.stderr);
    Ok(Runs { alone, bare, applied_bare, applied_wrapped: applied(&table), not_reached: not_reached(&table), wrapped })
}

/// The applied and partly columns of the rules.
fn applied(table: &str) -> u64 {
    let row = r"(?m)^\d+ (?:malloc|anon)\S* +[\d,]+ +[\d.,]+(?: \w+)? +([\d,]+) +([\d,]+) ";
    let number = |text: &str| text.replace(',', "").parse::<u64>().unwrap_or(0);
    let rows = Regex::new(row).map(|row| row.captures_iter(table).map(|c| number(&c[1]) + number(&c[2])).sum());
    rows.unwrap_or(0)
}

/// What the one line of a bare preload says.
fn in_last_line(stderr: &str) -> u64 {
    let line = Regex::new(r"(?m)^faultless: \S+\[\d+\] .* regions .*: (\d+) applied");
    line.ok().and_then(|line| line.captures(stderr).and_then(|c| c[1].parse().ok())).unwrap_or(0)
}

/// The programs of which the table says so, with the reason.
fn not_reached(table: &str) -> Vec<(String, String)> {
    let row = Regex::new(r"(?m)^ *(?:\d+|-) +(\S+) .*not reached: (.*)$");
    row.map(|row| row.captures_iter(table).map(|c| (c[1].to_owned(), c[2].to_owned())).collect()).unwrap_or_default()
}

impl Runs {
    /// Every run but `besides` ends as alone, with the same output.
    pub fn unharmed(&self, besides: Option<Way>) -> Result<(), String> {
        for (way, name, ran) in
            [(Way::Bare, "a bare preload", &self.bare), (Way::Wrapped, "faultless run", &self.wrapped)]
        {
            let same = ran.status == self.alone.status && ran.stdout == self.alone.stdout;
            if besides != Some(way) && !same {
                let said = text(&ran.stderr);
                return Err(format!("CRASHES under {name}: exit status {}: {}{said}", ran.status, text(&ran.stdout)));
            }
        }
        Ok(())
    }

    /// The usual judgement.
    pub fn judge(&self) -> Result<Cell, String> {
        self.unharmed(None)?;
        if self.applied_bare > 0 && self.applied_wrapped > 0 {
            return Ok(Cell::Works);
        }
        if self.applied_bare + self.applied_wrapped > 0 {
            return Err(format!(
                "half: {} applied under a bare preload, {} under faultless run: {}",
                self.applied_bare,
                self.applied_wrapped,
                text(&self.wrapped.stderr)
            ));
        }
        self.reason().map(Cell::Cannot).ok_or_else(|| format!("SILENT: {}", text(&self.wrapped.stderr)))
    }

    /// What the table says of who was not reached.
    pub fn reason(&self) -> Option<String> {
        self.not_reached.last().map(|(_, why)| format!("`run` says *{why}*"))
    }
}

/// Runs and judges.
pub fn judged(ground: &Ground, launch: &Launch<'_>) -> Result<Cell, String> {
    runs(ground, launch)?.judge()
}

/// What a program wrote.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
faultless: ./x exited 0 after 96 ms, policy observe (built in)
2 processes: 1 with policy, 1 not reached
rule                  regions   bytes  applied  partly  skipped  failed
1 malloc@1M:populate    1,002  24 MiB    1,001       1        0       0
2 anon@2M:populate          0       0        0       0        0       0  never matched
  pid  exe         ran    minor    major  peak rss  end
 5430  plain     92 ms      119        1  25.9 MiB  exit 0
 5453  static  unknown  unknown  unknown   unknown  not reached: static executable
";

    #[test]
    fn what_was_applied_is_read_from_the_table() {
        assert_eq!(applied(TABLE), 1002);
        assert_eq!(applied("faultless: ./x exited 0\n"), 0);
    }

    #[test]
    fn what_was_applied_is_read_from_the_line_of_a_bare_preload() {
        let line = "faultless: x[54] observe: 3 regions (32 MiB): 3 applied; 128 faults; again: faultless report 54\n";
        assert_eq!((in_last_line(line), in_last_line("x: 3 applied\n")), (3, 0));
    }

    #[test]
    fn who_was_not_reached_is_read_from_the_table() {
        assert_eq!(not_reached(TABLE), [("static".to_owned(), "static executable".to_owned())]);
    }
}
