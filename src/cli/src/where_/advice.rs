//! Which rule would treat a group of faults, or why none should.
//!
//! What must hold here: each rule can be read by the grammar as it is printed; where little is to be gained, the
//! advice is to leave it alone.

use std::fs;

use faultless_core::size::Size;

use super::evidence::{Evidence, Group};
use super::pattern::Pattern;
use super::space::Kind;
use crate::small;

/// Fewer faults are not worth a rule.
const FEW: u64 = 256;
/// Less of the run is not worth a rule.
const LITTLE: f64 = 0.005;
/// What the library asks of a heap before it acts, in bytes.
const SMALL_HEAP: u64 = 512 << 10;

/// A rule, or none, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Advice {
    /// as it is written after `--rule`
    pub rule: Option<String>,
    /// one clause
    pub reason: &'static str,
}

/// What the machine has to do with it.
#[derive(Clone, Copy, Debug)]
pub struct Machine {
    /// MemAvailable in bytes
    pub available: u64,
    /// shared memory gets huge pages when asked
    pub shm_huge: bool,
}

impl Machine {
    /// As it is now.
    pub fn look() -> Machine {
        let meminfo = small::text("/proc/meminfo").unwrap_or_default();
        let shmem = small::text("/sys/kernel/mm/transparent_hugepage/shmem_enabled").unwrap_or_default();
        let shm_huge = small::chosen(&shmem).is_some_and(|word| !matches!(word, "never" | "deny"));
        Machine { available: small::field(&meminfo, "MemAvailable:").unwrap_or(0) * 1024, shm_huge }
    }
}

/// For each group, in their order; `part` is what its faults take of the run, if that is known.
pub fn advise(evidence: &Evidence, machine: Machine, part: impl Fn(&Group) -> Option<f64>) -> Vec<Advice> {
    evidence.groups.iter().map(|group| one(group, machine, part(group))).collect()
}

fn one(group: &Group, machine: Machine, part: Option<f64>) -> Advice {
    let none = |reason| Advice { rule: None, reason };
    let rule = |rule: String, reason| Advice { rule: Some(rule), reason };
    if group.faults() < FEW && part.is_none_or(|p| p < LITTLE) {
        return none("few faults, leave it alone");
    }
    if part.is_some_and(|p| p < LITTLE) {
        return none("under 0.5 % of the run, leave it alone");
    }
    match group.kind {
        Kind::Malloc => {
            let bound = Size::Bytes(below(group.smallest).clamp(64 << 10, 1 << 20));
            match group.pattern {
                Pattern::Reuse => rule(format!("malloc@{bound}:huge+recycle"), "blocks are given back and taken again"),
                _ => rule(format!("malloc@{bound}:huge"), "one fault for 2 MiB in place of 512"),
            }
        }
        Kind::Heap if group.largest < SMALL_HEAP => none("a small heap, leave it alone"),
        Kind::Heap => rule("heap:huge".into(), "one fault for 2 MiB in place of 512"),
        Kind::Anon if group.largest < 2 << 20 => none("no huge page fits into less than 2 MiB"),
        // smaps does not tell which of it are blocks of malloc.
        Kind::Anon if group.functions.is_empty() => {
            rule("malloc@1M:huge,anon@2M:huge".into(), "malloc's blocks are among it, or all of it")
        }
        Kind::Anon => rule("anon@2M:huge".into(), "one fault for 2 MiB in place of 512"),
        Kind::Shm if machine.shm_huge => {
            rule(format!("shm@{}:huge", bound(group)), "one fault for 2 MiB in place of 512")
        }
        Kind::Shm => rule(format!("shm@{}:populate", bound(group)), "no huge pages for shared memory on this machine"),
        Kind::File => file(group, machine),
        Kind::Text if group.major == 0 => none("code in the page cache, mapped as it runs"),
        Kind::Text => rule(format!("text={}:populate", pattern(group)), "code is read from disk as it runs"),
        Kind::Stack => none("stacks are touched once"),
        Kind::Data => none("data of a program: no rule is about it"),
        Kind::Other => none("no rule is about it"),
    }
}

fn file(group: &Group, machine: Machine) -> Advice {
    let rule = |action: &str, reason| Advice { rule: Some(format!("file={}:{action}", pattern(group))), reason };
    let path = group.path.as_deref().unwrap_or_default();
    let size = fs::metadata(path).map_or(group.largest, |m| m.len()).max(1);
    let fits = size <= machine.available / 2;
    // The kernel maps up to 16 pages around each fault.
    let touched = group.pages.saturating_mul(16 * 4096).min(size);
    let most = touched >= size / 2;
    let reads = group.major >= FEW / 8;
    match group.order {
        Pattern::Sequential if reads && !fits => rule("drop-behind", "a scan pushes out what others need"),
        Pattern::Sequential if reads => rule("sequential", "read once, in order"),
        _ if reads && fits && most => rule("populate", "most of it is read, page by page"),
        _ if reads && group.pattern == Pattern::Reuse => rule("auto", "pages are dropped and read again"),
        Pattern::Random if reads => rule("random", "readahead brings in what nobody reads"),
        _ if reads => rule("auto", "read in no clear order"),
        _ if most && fits => rule("populate", "in the page cache, and most of it is touched"),
        _ => Advice { rule: None, reason: "in the page cache, and little of it is touched" },
    }
}

/// The largest power of two that is no larger.
fn below(bytes: u64) -> u64 {
    1 << bytes.max(1).ilog2()
}

fn bound(group: &Group) -> Size {
    Size::Bytes(below(group.smallest.max(4096)))
}

/// The path as rules can hold it: `?` stands for a byte that they can't.
fn pattern(group: &Group) -> String {
    let path = group.path.as_deref().unwrap_or("*");
    let path = path.strip_suffix(" (deleted)").unwrap_or(path);
    path.chars().flat_map(|c| if is_plain(c) { vec![c] } else { vec!['?'; c.len_utf8()] }).collect()
}

fn is_plain(c: char) -> bool {
    !c.is_control()
        && !c.is_whitespace()
        && c != char::REPLACEMENT_CHARACTER
        && !",:;'\"`\\$%#&|<>()[]{}!~*?".contains(c)
}

#[cfg(test)]
mod tests {
    use super::super::caller::{Function, Name};
    use super::super::evidence::Share;
    use super::*;
    use faultless_core::parse::Form;
    use faultless_core::rules::Policy;

    const MACHINE: Machine = Machine { available: 1 << 30, shm_huge: false };

    fn group(kind: Kind, pattern: Pattern) -> Group {
        Group {
            kind,
            path: Some("/no such/x,y.idx".into()),
            taken_by: None,
            minor: 100_000,
            major: 1000,
            smallest: 3 << 20,
            largest: 4 << 30,
            regions: 1,
            pages: 1000,
            pattern,
            order: pattern,
            functions: vec![Share { function: Function { object: "x".into(), name: Name::NoSymbol }, faults: 1 }],
        }
    }

    fn advice(group: &Group) -> Advice {
        one(group, MACHINE, Some(0.5))
    }

    #[test]
    fn each_rule_can_be_read_as_it_is_printed() {
        use Kind::{Anon, Data, File, Heap, Malloc, Other, Shm, Stack, Text};
        use Pattern::{Few, Mixed, Random, Reuse, Sequential, Strided};
        for kind in [Malloc, Heap, Anon, File, Shm, Stack, Text, Data, Other] {
            for pattern in [Few, Reuse, Sequential, Strided, Random, Mixed] {
                for smallest in [1, 4096, 70_000, 3 << 20, 5 << 30] {
                    let group = Group { smallest, ..group(kind, pattern) };
                    if let Some(rule) = advice(&group).rule {
                        Policy::empty().append(rule.as_bytes(), Form::Line).unwrap_or_else(|e| panic!("{rule}: {e:?}"));
                    }
                }
            }
        }
    }

    #[test]
    fn few_faults_are_left_alone() {
        let few = Group { minor: 10, major: 0, ..group(Kind::Heap, Pattern::Few) };
        assert_eq!(one(&few, MACHINE, Some(0.0)).rule, None);
        assert_eq!(one(&few, MACHINE, None).rule, None);
        assert_eq!(one(&group(Kind::Heap, Pattern::Random), MACHINE, Some(0.001)).rule, None);
    }

    #[test]
    fn blocks_that_come_again_are_recycled() {
        assert_eq!(advice(&group(Kind::Malloc, Pattern::Reuse)).rule.unwrap(), "malloc@1M:huge+recycle");
        assert_eq!(advice(&group(Kind::Malloc, Pattern::Sequential)).rule.unwrap(), "malloc@1M:huge");
    }

    #[test]
    fn a_file_is_treated_as_it_is_read() {
        let rule = |pattern| advice(&group(Kind::File, pattern)).rule.unwrap();
        assert_eq!(rule(Pattern::Random), "file=/no?such/x?y.idx:random");
        assert_eq!(rule(Pattern::Sequential), "file=/no?such/x?y.idx:drop-behind");
        assert_eq!(rule(Pattern::Reuse), "file=/no?such/x?y.idx:auto");
        let whole = Group { largest: 32 << 20, ..group(Kind::File, Pattern::Random) };
        assert_eq!(advice(&whole).rule.unwrap(), "file=/no?such/x?y.idx:populate");
        let cached = Group { major: 0, ..group(Kind::File, Pattern::Random) };
        assert_eq!(advice(&cached).rule, None);
    }

    #[test]
    fn small_mappings_get_no_rule_for_huge_pages() {
        assert_eq!(advice(&Group { largest: 1 << 20, ..group(Kind::Anon, Pattern::Sequential) }).rule, None);
        assert_eq!(advice(&group(Kind::Anon, Pattern::Sequential)).rule.unwrap(), "anon@2M:huge");
    }

    #[test]
    fn without_single_faults_the_rule_reaches_malloc_too() {
        let group = Group { functions: Vec::new(), ..group(Kind::Anon, Pattern::Few) };
        assert_eq!(advice(&group).rule.unwrap(), "malloc@1M:huge,anon@2M:huge");
    }
}
