//! The choice of rules for a region: first match wins, each axis on its own.
//!
//! What must hold here: no allocation, no recursion and little stack, for it runs inside the program's mmap; time is
//! bounded by rules × path, squared at worst, whatever the pattern.

use crate::actions::Action;
use crate::rules::{Access, Arrival, Axis, Kind, PageSize, Policy, Rule, Stay};
use crate::size::Size;

/// The malloc bound in bytes of a rule that gives none.
pub const DEFAULT_MALLOC_BOUND: u64 = 1 << 20;
/// No malloc bound is smaller, in bytes: smaller blocks are the heap's.
pub const MIN_MALLOC_BOUND: u64 = 64 << 10;

/// What is known of a region when a rule is chosen for it.
#[derive(Clone, Copy, Debug)]
pub struct Region<'a> {
    /// its one kind
    pub kind: Kind,
    /// bytes: the file's for `file` and `text`, else the region's
    pub size: u64,
    /// as /proc/PID/maps shows it
    pub path: Option<&'a [u8]>,
}

/// What the policy does to a region; the `u8` is the index of the rule that said so.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Chosen {
    /// huge or nohuge
    pub page_size: Option<(u8, PageSize)>,
    /// populate
    pub arrival: Option<(u8, Arrival)>,
    /// lock
    pub stay: Option<(u8, Stay)>,
    /// how the program reads it
    pub access: Option<(u8, Access)>,
    /// recycle
    pub recycle: Option<u8>,
    /// dontdump
    pub dontdump: Option<u8>,
    /// a bit for each rule that won at least one axis, also by `leave`
    pub matched: u32,
}

/// The axes that are settled, a bit each.
struct Settled(u8);

impl Settled {
    const ALL: u8 = (1 << crate::rules::AXES) - 1;

    /// Settles the axis; false if it was before.
    fn take(&mut self, axis: Axis) -> bool {
        let bit = 1 << axis as u8;
        let fresh = self.0 & bit == 0;
        self.0 |= bit;
        fresh
    }
}

impl Rule {
    /// What it says about regions of this kind: for `any`, only what the kind has.
    fn says<T: Copy>(&self, kind: Kind, what: Option<T>, action: impl Fn(T) -> Action) -> Option<T> {
        what.filter(|x| self.kind != Kind::Any || kind.has(action(*x)))
    }

    fn may_match(&self, kind: Kind) -> bool {
        (self.kind == kind || self.kind == Kind::Any) && (self.path.is_none() || kind.has_path())
    }

    fn sizes(&self) -> [Option<Size>; 6] {
        let (from, to) = match self.actions.arrival {
            Some(Arrival::First(size)) => (Some(size), None),
            Some(Arrival::Range(from, to)) => (Some(from), Some(to)),
            _ => (None, None),
        };
        let (lock_from, lock_to) = match self.actions.stay {
            Some(Stay::Range(from, to)) => (Some(from), Some(to)),
            _ => (None, None),
        };
        [self.min, self.below, from, to, lock_from, lock_to]
    }
}

impl Policy {
    /// The actions for a region on a machine with `memory` bytes: first match wins, each axis on its own.
    pub fn choose(&self, region: &Region<'_>, memory: u64) -> Chosen {
        let mut chosen = Chosen::default();
        let mut settled = Settled(0);
        for (i, rule) in self.rules().iter().enumerate() {
            if settled.0 == Settled::ALL {
                break;
            }
            if !self.matches(rule, region, memory) {
                continue;
            }
            let before = settled.0;
            let index = i as u8;
            let kind = region.kind;
            let a = &rule.actions;
            if let Some(x) = rule.says(kind, a.page_size, Action::PageSize)
                && settled.take(Axis::PageSize)
            {
                chosen.page_size = Some((index, x));
            }
            if let Some(x) = rule.says(kind, a.arrival, Action::Arrival)
                && settled.take(Axis::Arrival)
            {
                chosen.arrival = Some((index, x));
            }
            if let Some(x) = rule.says(kind, a.stay, Action::Stay)
                && settled.take(Axis::Stay)
            {
                chosen.stay = Some((index, x));
            }
            if let Some(x) = rule.says(kind, a.access, Action::Access)
                && settled.take(Axis::Access)
            {
                chosen.access = Some((index, x));
            }
            if a.recycle && settled.take(Axis::Reuse) {
                chosen.recycle = Some(index);
            }
            if a.dontdump && settled.take(Axis::Dump) {
                chosen.dontdump = Some(index);
            }
            if a.leave {
                settled.0 = Settled::ALL;
            }
            if settled.0 != before {
                chosen.matched |= 1 << index;
            }
        }
        chosen
    }

    fn matches(&self, rule: &Rule, region: &Region<'_>, memory: u64) -> bool {
        rule.may_match(region.kind)
            && rule.min.is_none_or(|min| region.size >= min.bytes(memory))
            && rule.below.is_none_or(|below| region.size < below.bytes(memory))
            && rule.path.is_none_or(|span| region.path.is_some_and(|path| glob(self.slice(span), path)))
    }

    /// The smallest size in bytes of a malloc block that is a region of its own, on a machine with `memory` bytes:
    /// the smallest bound of the rules that can match malloc, [`DEFAULT_MALLOC_BOUND`] for one without; `None` if no
    /// rule can.
    pub fn malloc_bound(&self, memory: u64) -> Option<u64> {
        let bound = |rule: &Rule| rule.min.map_or(DEFAULT_MALLOC_BOUND, |min| min.bytes(memory)).max(MIN_MALLOC_BOUND);
        self.rules().iter().filter(|rule| rule.acts_on(Kind::Malloc)).map(bound).min()
    }

    /// Whether some rule could match a region of this kind and settle something for it.
    pub fn may_match(&self, kind: Kind) -> bool {
        self.rules().iter().any(|rule| rule.acts_on(kind))
    }

    /// Whether some size in the rules is a share of memory.
    pub fn needs_memory(&self) -> bool {
        self.rules().iter().flat_map(Rule::sizes).flatten().any(Size::is_relative)
    }

    /// Whether some rule has a path.
    pub fn needs_path(&self) -> bool {
        self.rules().iter().any(|rule| rule.path.is_some())
    }
}

impl Rule {
    fn acts_on(&self, kind: Kind) -> bool {
        let a = &self.actions;
        self.may_match(kind)
            && (a.leave
                || a.dontdump
                || a.recycle
                || self.says(kind, a.page_size, Action::PageSize).is_some()
                || self.says(kind, a.arrival, Action::Arrival).is_some()
                || self.says(kind, a.stay, Action::Stay).is_some()
                || self.says(kind, a.access, Action::Access).is_some())
    }
}

/// Whether `path` matches `pattern`: `*` is any bytes but `/`, `**` any bytes, `?` one byte that is not `/`, and a `/`
/// at the end means all that lies below.
///
/// Only the last `*` and the last `**` are ever tried again. That is enough: what stands before them already matches
/// in the first place possible, and whatever a later place could win, the star takes as well.
pub fn glob(pattern: &[u8], path: &[u8]) -> bool {
    let at = |i: usize| pattern.get(i).copied();
    let subtree = pattern.last() == Some(&b'/');
    // Where to go on in the pattern, and in the path, when what follows the star has failed.
    let mut star: Option<(usize, usize)> = None;
    let mut stars: Option<(usize, usize)> = None;
    let (mut p, mut s) = (0, 0);
    loop {
        if p == pattern.len() && (s == path.len() || subtree) {
            return true;
        }
        if at(p) == Some(b'*') {
            if at(p + 1) == Some(b'*') {
                p += 2;
                stars = Some((p, s));
                star = None;
            } else {
                p += 1;
                star = Some((p, s));
            }
            continue;
        }
        let Some(&byte) = path.get(s) else {
            // Nothing is left for what the pattern still asks, and going on later leaves less.
            return false;
        };
        if at(p).is_some_and(|want| want == byte || (want == b'?' && byte != b'/')) {
            (p, s) = (p + 1, s + 1);
            continue;
        }
        // The star takes one byte more.
        match (star, stars) {
            (Some((next, from)), _) if path.get(from).is_some_and(|b| *b != b'/') => {
                star = Some((next, from + 1));
                (p, s) = (next, from + 1);
            }
            (_, Some((next, from))) if from < path.len() => {
                stars = Some((next, from + 1));
                star = None;
                (p, s) = (next, from + 1);
            }
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests;
