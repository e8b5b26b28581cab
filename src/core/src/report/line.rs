//! The one line of `auto` for a bare preload.
//!
//! What must hold here: one line, short enough for a buffer on the stack, whatever the page holds.

use core::fmt::{self, Write};

use super::Totals;
use super::words::{Count, Lossy, Of};
use crate::counters::C;
use crate::page::{Outcome, Snapshot, State};
use crate::size::Human;

/// What is said of one process, with its newline: `faultless: server[4711] throughput: 13 regions (7.20 GiB):
/// 12 applied, 1 partly; 7.1 of 7.5 GiB on huge pages; 41,210 faults; again: faultless report 4711`. A region that
/// two rules share counts for both of them, and then the bytes are left out.
pub fn line(w: &mut dyn Write, s: &Snapshot) -> fmt::Result {
    let pages = [s];
    let totals = Totals::new(&pages);
    write!(w, "faultless: {}[{}] {}: ", Lossy(s.exe()), s.pid, Lossy(s.policy()))?;
    if s.state == State::StoodDown as u32 {
        return writeln!(w, "stood down: {}", super::why(s.why));
    }
    let over = |figure: &dyn Fn(super::figures::RuleRow<'_>) -> u64| {
        totals.rules().fold(0u64, |sum, rule| sum.saturating_add(figure(rule)))
    };
    let regions = over(&|rule| rule.regions);
    match regions {
        0 => w.write_str("no rule matched")?,
        1 => w.write_str("1 region")?,
        n => write!(w, "{} regions", Count(n))?,
    }
    if regions != 0 {
        let ruled = s.get(C::RegionsRuled);
        if ruled == 0 || ruled == regions {
            write!(w, " ({})", Human(over(&|rule| rule.bytes)))?;
        }
        let mut before = ": ";
        for (outcome, word) in super::OUTCOMES {
            let n = over(&|rule| rule.outcome(outcome));
            if n != 0 || (outcome == Outcome::Applied && before == ": ") {
                write!(w, "{before}{} {word}", Count(n))?;
                before = ", ";
            }
        }
    }
    match totals.huge(0, s) {
        Some((on, of)) => write!(w, "; {} on huge pages", Of(on, of))?,
        None if s.get(C::HugeAskedBytes) != 0 => w.write_str("; bytes on huge pages unknown")?,
        None => {}
    }
    match totals.minor_faults(0, s).zip(totals.major_faults(0, s)) {
        Some((minor, major)) => write!(w, "; {} faults", Count(minor.saturating_add(major)))?,
        None => w.write_str("; faults unknown")?,
    }
    writeln!(w, "; again: faultless report {}", s.pid)
}
