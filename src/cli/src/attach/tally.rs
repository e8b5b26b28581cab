//! What came of each rule: bytes done, skipped and why, refused with the errno and its remedy.
//!
//! What must hold here: no reason is lost; what an advice has nothing to do with is skipped, not failed.

use std::collections::BTreeMap;
use std::io;

use comfy_table::CellAlignment;
use faultless_core::rules::Policy;
use faultless_core::size::Human;

use super::target::Advice;
use crate::policy;

/// The tally of one rule.
#[derive(Clone, Default)]
pub struct Tally {
    regions: u64,
    bytes: u64,
    done: u64,
    skipped: BTreeMap<&'static str, u64>,
    failed: BTreeMap<i32, u64>,
}

impl Tally {
    /// A region is the rule's.
    pub fn region(&mut self, bytes: u64) {
        self.regions += 1;
        self.bytes += bytes;
    }

    /// The kernel has done it.
    pub fn done(&mut self, bytes: u64) {
        self.done += bytes;
    }

    /// Not asked for.
    pub fn skip(&mut self, bytes: u64, why: &'static str) {
        *self.skipped.entry(why).or_default() += bytes;
    }

    /// The kernel would not: because there was nothing to do it with, or for want of something.
    pub fn refused(&mut self, bytes: u64, advice: Advice, errno: i32) {
        match (advice, errno) {
            (Advice::Collapse, libc::EINVAL) => {
                self.skip(bytes, "nothing there to put together, or not to be had for it")
            }
            (Advice::Cold | Advice::PageOut, libc::EINVAL) => self.skip(bytes, "locked, or of the hugetlb pool"),
            (Advice::WillNeed, libc::EBADF) => self.skip(bytes, "backed by no file and no swap"),
            (_, libc::ENOMEM) if advice != Advice::Collapse => self.skip(bytes, "unmapped meanwhile"),
            _ => *self.failed.entry(errno).or_default() += bytes,
        }
    }

    /// Whether something was refused.
    pub fn has_failed(&self) -> bool {
        !self.failed.is_empty()
    }

    /// Whether to ask on makes no sense: the process has ended, or leave was taken away.
    pub fn is_over(&self) -> bool {
        [libc::ESRCH, libc::EPERM].iter().any(|errno| self.failed.contains_key(errno))
    }
}

fn remedy(errno: i32) -> &'static str {
    match errno {
        libc::ENOMEM => "; no free huge page, or a cgroup's limit: sysctl vm.compact_memory=1, and again",
        libc::EAGAIN | libc::EBUSY => "; pages were in use elsewhere: try again",
        libc::ESRCH => "; the process has ended",
        libc::EPERM => "; leave to trace it and CAP_SYS_NICE are wanted",
        _ => "",
    }
}

/// The table, and the reasons below it.
pub fn table(policy: &Policy, tallies: &[Tally], is_dry: bool) -> String {
    let sum = |of: &BTreeMap<_, u64>| Human(of.values().sum()).to_string();
    let mut table = policy::table(["rule", "regions", "bytes", "done", "skipped", "failed"]);
    let mut reasons = String::new();
    for (i, (tally, rule)) in tallies.iter().zip(policy.rules()).enumerate() {
        let name = format!("{} {}", i + 1, String::from_utf8_lossy(policy.slice(rule.text)));
        let failed = Human(tally.failed.values().sum()).to_string();
        let columns = [Human(tally.done).to_string(), sum(&tally.skipped), failed];
        let [done, skipped, failed] = if is_dry { [const { String::new() }; 3] } else { columns };
        table.add_row([name, tally.regions.to_string(), Human(tally.bytes).to_string(), done, skipped, failed]);
        for (why, bytes) in &tally.skipped {
            reasons += &format!("rule {}, skipped {}: {why}\n", i + 1, Human(*bytes));
        }
        for (errno, bytes) in &tally.failed {
            let error = io::Error::from_raw_os_error(*errno);
            reasons += &format!("rule {}, failed {}: {error}{}\n", i + 1, Human(*bytes), remedy(*errno));
        }
        if tally.regions == 0 {
            reasons += &format!("rule {} matched nothing\n", i + 1);
        }
    }
    table.column_iter_mut().skip(1).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    policy::lines(&table) + &reasons
}

#[cfg(test)]
mod tests {
    use super::*;
    use faultless_core::parse::Form;

    #[test]
    fn each_reason_stands_under_its_rule_with_its_remedy() {
        let mut policy = Policy::empty();
        policy.append(b"heap:huge=collapse,anon:cold", Form::Attach).unwrap();
        let mut tallies = vec![Tally::default(); 2];
        tallies[0].region(8 << 20);
        tallies[0].done(2 << 20);
        tallies[0].refused(2 << 20, Advice::Collapse, libc::EINVAL);
        tallies[0].refused(4 << 20, Advice::Collapse, libc::ENOMEM);
        let text = table(&policy, &tallies, false);
        assert!(text.contains("rule 1, skipped 2 MiB: nothing there"), "{text}");
        assert!(
            text.contains("rule 1, failed 4 MiB: Cannot allocate memory (os error 12); no free huge page"),
            "{text}"
        );
        assert!(text.ends_with("rule 2 matched nothing\n"), "{text}");
        assert!(tallies[0].has_failed() && !tallies[1].has_failed());
    }
}
