//! The numbers of a report: what pages and facts together say, over one process or many.
//!
//! What must hold here: what was never sampled is `None`, not 0; nothing is counted twice. The kernel's own counters
//! (faults, times) go on across exec, so an image's share is what came on top of the image before it.

use super::{Facts, Fate, Totals, Unreached};
use crate::counters::C;
use crate::page::{self, End, NOTES, Note, Outcome, Snapshot};

/// One line of the rules' table: a rule, over all pages that have it at the same place.
#[derive(Clone, Copy)]
pub(super) struct RuleRow<'a> {
    /// its place in its policy
    pub index: usize,
    pub text: &'a [u8],
    pub regions: u64,
    pub bytes: u64,
    /// by [`Outcome`]
    pub outcomes: [u64; 4],
}

fn rule_text(page: &Snapshot, index: usize) -> Option<&[u8]> {
    page.rules().nth(index).map(|(_, text)| text)
}

impl<'a> Totals<'a> {
    /// The pages by position.
    pub(super) fn each(&self) -> impl Iterator<Item = (usize, &'a Snapshot)> {
        self.pages.iter().copied().enumerate()
    }

    /// What was looked at from outside. After an exec that is about another program.
    pub(super) fn facts_of(&self, i: usize, page: &Snapshot) -> Facts {
        self.facts.get(i).filter(|_| !is_exec(page)).copied().unwrap_or_default()
    }

    /// How the process of a page ended: who looked knows better than the page.
    pub(super) fn fate_of(&self, i: usize, page: &Snapshot) -> Fate {
        match self.facts_of(i, page).fate {
            // The page knows how it ended; whoever finds the process gone does not.
            Fate::Unknown | Fate::Gone if ended(page) => Fate::Exited(page.exit_status as u8),
            Fate::Unknown if page.end_ns != 0 && page.end == End::None as u32 => Fate::Gone,
            fate => fate,
        }
    }

    /// The image that the same process ran before this one.
    fn before(&self, page: &Snapshot) -> Option<&'a Snapshot> {
        let earlier = |p: &&&Snapshot| p.pid == page.pid && is_exec(p) && p.start_ns < page.start_ns;
        self.pages.iter().filter(earlier).max_by_key(|p| p.start_ns).copied()
    }

    /// Whether the same process ran another image with a page after this one.
    pub(super) fn is_superseded(&self, page: &Snapshot) -> bool {
        is_exec(page) && self.pages.iter().any(|p| p.pid == page.pid && p.start_ns > page.start_ns)
    }

    /// What the kernel counted for one image, ours included; `None` if nobody sampled it.
    fn sampled(&self, i: usize, page: &Snapshot, counter: C) -> Option<u64> {
        let facts = self.facts_of(i, page);
        let fresh = match counter {
            C::MinorFaults => facts.minor_faults,
            C::MajorFaults => facts.major_faults,
            _ => None,
        };
        // No process gets anywhere without a minor fault: 0 of them means that getrusage was never asked.
        let value = fresh.or_else(|| (page.get(C::MinorFaults) != 0).then(|| page.get(counter)))?;
        Some(value.saturating_sub(self.before(page).map_or(0, |p| p.get(counter))))
    }

    /// Minor faults of one image, less those that our actions took.
    pub(super) fn minor_faults(&self, i: usize, page: &Snapshot) -> Option<u64> {
        Some(self.sampled(i, page, C::MinorFaults)?.saturating_sub(page.get(C::OwnMinorFaults)))
    }

    /// Major faults of one image, less those that our actions took.
    pub(super) fn major_faults(&self, i: usize, page: &Snapshot) -> Option<u64> {
        Some(self.sampled(i, page, C::MajorFaults)?.saturating_sub(page.get(C::OwnMajorFaults)))
    }

    /// Largest resident size of a process, in bytes.
    pub(super) fn peak_rss(&self, i: usize, page: &Snapshot) -> Option<u64> {
        self.facts_of(i, page).peak_rss.or(match page.get(C::PeakRss) {
            0 => None,
            bytes => Some(bytes),
        })
    }

    /// Bytes on huge pages when last looked at, and what they are a part of.
    fn huge_now(&self, i: usize, page: &Snapshot) -> Option<(u64, u64)> {
        let facts = self.facts_of(i, page);
        let (on, of) = match (facts.huge, facts.huge_of) {
            (Some(on), Some(of)) => (on, of),
            _ => (page.get(C::HugeNow), page.get(C::HugeNowOf)),
        };
        (of != 0).then_some((on, of))
    }

    /// Bytes on huge pages, and what they are a part of: what is, and what was when its region went.
    pub(super) fn huge(&self, i: usize, page: &Snapshot) -> Option<(u64, u64)> {
        let (on, of) = self.huge_now(i, page).unwrap_or((0, 0));
        let of = of.saturating_add(page.get(C::HugeGoneOf));
        (of != 0).then(|| (on.saturating_add(page.get(C::HugeGoneBytes)), of))
    }

    /// How long a process ran, in ns.
    pub(super) fn ran_ns(&self, i: usize, page: &Snapshot) -> Option<u64> {
        let end = match (page.end_ns, self.facts_of(i, page).fate) {
            (0, Fate::Running) => self.now_ns,
            (end, _) => end,
        };
        (page.start_ns != 0 && end != 0).then(|| end.saturating_sub(page.start_ns))
    }

    /// A counter over the pages that `of` picks: summed, or the largest of what is a largest; `None` if unknown for
    /// all of them.
    pub(super) fn counter(&self, counter: C, of: &dyn Fn(&Snapshot) -> bool) -> Option<u64> {
        let picked = self.each().filter(|(_, page)| of(page));
        match counter {
            C::PeakRss => picked.filter_map(|(i, page)| self.peak_rss(i, page)).max(),
            C::OwnLongestNs => picked.map(|(_, page)| page.get(counter)).max(),
            C::MinorFaults | C::MajorFaults | C::UserUs | C::SysUs | C::InBlock => {
                sum(picked.filter_map(|(i, page)| self.sampled(i, page, counter)))
            }
            C::HugeNow => sum(picked.filter_map(|(i, page)| Some(self.huge_now(i, page)?.0))),
            C::HugeNowOf => sum(picked.filter_map(|(i, page)| Some(self.huge_now(i, page)?.1))),
            _ => sum(picked.map(|(_, page)| page.get(counter))),
        }
    }

    /// A counter over all pages; unknown counts as nothing, so for counters of our own calls only.
    pub(super) fn own(&self, counter: C) -> u64 {
        self.counter(counter, &|_| true).unwrap_or(0)
    }

    /// The sum of what is known over all pages, and for how many processes it is not.
    pub(super) fn known(&self, figure: impl Fn(usize, &'a Snapshot) -> Option<u64>) -> (Option<u64>, usize) {
        let total = sum(self.each().filter_map(|(i, page)| figure(i, page)));
        let unknown = self.each().filter(|(i, page)| figure(*i, page).is_none() && !self.is_superseded(page));
        (total, unknown.count())
    }

    /// The programs that were not reached: those that whoever asks knows of, then those that only the pages do. A page
    /// remembers the last one run from its process; after an exec that is the process itself.
    pub(super) fn not_reached(&self) -> impl Iterator<Item = Unreached<'a>> {
        let told = self.unreached;
        let from_pages = self.pages.iter().filter(|page| page.unreached != 0).map(|page| Unreached {
            pid: is_exec(page).then_some(page.pid),
            exe: page.unreached_exe(),
            why: page::Unreached::text(page.unreached),
        });
        told.iter().copied().chain(from_pages.filter(move |own| !told.iter().any(|other| other.exe == own.exe)))
    }

    /// The rules of all pages, each once, in the order of their first page.
    pub(super) fn rules(&self) -> impl Iterator<Item = RuleRow<'a>> {
        let pages = self.pages;
        let all = self.each().flat_map(|(p, page)| page.rules().enumerate().map(move |(i, (_, text))| (p, i, text)));
        let first = move |(p, i, text): &(usize, usize, &[u8])| {
            !pages.iter().take(*p).any(|page| rule_text(page, *i) == Some(*text))
        };
        all.filter(first).map(move |(_, index, text)| RuleRow::over(pages.iter().copied(), index, text))
    }

    /// What happened to a rule's actions over all pages, each thing once.
    pub(super) fn notes(&self, rule: RuleRow<'a>) -> impl Iterator<Item = Note> {
        let pages = self.pages;
        let of = move |page: &'a Snapshot| -> Option<&'a [Note; NOTES]> {
            page.rules().nth(rule.index).filter(|(_, text)| *text == rule.text).map(|(stats, _)| &stats.notes)
        };
        let all = move || pages.iter().filter_map(move |page| of(page)).flatten().filter(|note| note.count != 0);
        all().enumerate().filter(move |(n, note)| !all().take(*n).any(|other| same(other, note))).map(
            move |(_, note)| {
                let count = all().filter(|other| same(other, note)).fold(0, |sum: u64, n| sum.saturating_add(n.count));
                Note { count, ..*note }
            },
        )
    }
}

impl<'a> RuleRow<'a> {
    /// One rule over these pages.
    pub(super) fn over(pages: impl Iterator<Item = &'a Snapshot>, index: usize, text: &'a [u8]) -> Self {
        let mut row = RuleRow { index, text, regions: 0, bytes: 0, outcomes: [0; 4] };
        let stats = pages.filter_map(|page| page.rules().nth(index)).filter(|(_, t)| *t == text);
        for (stats, _) in stats {
            row.regions = row.regions.saturating_add(stats.regions);
            row.bytes = row.bytes.saturating_add(stats.bytes);
            for (sum, n) in row.outcomes.iter_mut().zip(stats.outcomes) {
                *sum = sum.saturating_add(n);
            }
        }
        row
    }

    pub(super) fn outcome(&self, outcome: Outcome) -> u64 {
        self.outcomes.get(outcome as usize).copied().unwrap_or(0)
    }
}

fn same(a: &Note, b: &Note) -> bool {
    (a.axis, a.outcome, a.reason, a.errno) == (b.axis, b.outcome, b.reason, b.errno)
}

pub(super) fn is_exec(page: &Snapshot) -> bool {
    page.end == End::Exec as u32
}

fn ended(page: &Snapshot) -> bool {
    page.end == End::Exit as u32 || page.end == End::UnderscoreExit as u32
}

/// `None` of nothing.
fn sum(values: impl Iterator<Item = u64>) -> Option<u64> {
    values.fold(None, |sum: Option<u64>, n| Some(sum.unwrap_or(0).saturating_add(n)))
}
