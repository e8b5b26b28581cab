//! The counter page: the fixed-layout shared page with a process's counters. It outlives SIGKILL.
//!
//! What must hold here: every field that changes after the page has been published is one atomic of at most eight
//! bytes, so that a reader (or a post-mortem) never sees a torn value; the layout changes only together with
//! [`VERSION`]; a reader trusts nothing that it finds ([`Snapshot::read`] checks every length).
//!
//! The shim maps [`Page`] shared and writes it; the command reads the bytes with [`Snapshot::read`].

use core::mem::offset_of;
use core::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};

use crate::counters::{C, COUNT};
use crate::rules::{MAX_RULES, MAX_TEXT};

/// First eight bytes of every page.
pub const MAGIC: u64 = u64::from_le_bytes(*b"FAULTLES");
/// Version of the layout; a reader refuses any other. The lower half is how many counters there are, since each moves what follows.
pub const VERSION: u32 = 1 << 16 | COUNT as u32;
/// Bytes in the file: [`Page`] rounded up to whole 4 KiB pages.
pub const FILE_BYTES: usize = size_of::<Page>().next_multiple_of(4096);
/// How many different (action, outcome, reason, errno) a rule remembers.
pub const NOTES: usize = 8;

/// What the shim is doing in a process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum State {
    /// passes everything through and never did otherwise; `why` says why
    StoodDown = 0,
    /// the policy is in force
    On = 1,
    /// told to stop from outside (`faultless off`)
    Off = 2,
    /// a seccomp filter arrived: passes everything through from then on
    Sealed = 3,
}

/// Why the shim stood down.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Why {
    /// it did not
    No = 0,
    /// FAULTLESS_DISABLE=1
    Disabled = 1,
    /// FAULTLESS_ONLY does not name this program
    Only = 2,
    /// FAULTLESS_SKIP names this program
    Skip = 3,
    /// setuid, setgid or file capabilities (AT_SECURE)
    Secure = 4,
    /// an option or a rule could not be read
    BadValue = 5,
    /// a C library that this build does not know how to live in
    Libc = 6,
}

/// How the process ended, as far as the shim saw it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum End {
    /// it runs, or it was killed: nobody in it could say so
    None = 0,
    /// main returned, or exit was called; `exit_status` holds
    Exit = 1,
    /// _exit, _Exit or quick_exit; `exit_status` holds
    UnderscoreExit = 2,
    /// it is running another program by now
    Exec = 3,
}

/// Why the preload cannot reach a program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Unreached {
    /// it can
    No = 0,
    /// no program interpreter: a static executable
    Static = 1,
    /// another word size or machine
    Machine = 2,
    /// setuid, setgid or file capabilities
    Privileged = 3,
    /// built with a sanitizer that ends the program when we are loaded: LD_PRELOAD was taken out
    Sanitizer = 4,
    /// the environment that it was given has no LD_PRELOAD of ours
    Environment = 5,
    /// the file that LD_PRELOAD names is not there: another root
    Root = 6,
}

impl Unreached {
    /// In words, for the number found in a page.
    pub fn text(number: u32) -> &'static str {
        match number {
            1 => "static executable",
            2 => "another architecture",
            3 => "setuid, setgid or file capabilities",
            4 => "a sanitizer inside",
            5 => "started without LD_PRELOAD",
            6 => "libfaultless.so is not in its root",
            _ => "",
        }
    }
}

/// What an action came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
#[repr(u8)]
pub enum Outcome {
    /// done in full
    Applied = 0,
    /// done for a part of the region, or in a lesser way
    Partly = 1,
    /// not tried; the reason says why
    Skipped = 2,
    /// tried, and refused by the kernel; errno says why
    Failed = 3,
}

/// Counters of one rule. The region columns count each region once, by the whole of its actions.
#[repr(C)]
pub struct RuleStats {
    /// regions that this rule gave at least one axis to
    pub regions: AtomicU64,
    /// their bytes
    pub bytes: AtomicU64,
    /// regions by outcome, indexed by [`Outcome`]
    pub outcomes: [AtomicU64; 4],
    /// what happened, most of it: see [`Note::pack`]; 0 is free
    pub notes: [AtomicU64; NOTES],
    /// how often each of them happened
    pub note_counts: [AtomicU64; NOTES],
    /// where the rule's text stands in [`Page::text`]
    pub text_start: AtomicU32,
    /// its bytes
    pub text_len: AtomicU32,
}

/// One thing that happened to a rule's actions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Note {
    /// the action's axis, as [`crate::rules::Axis`] numbers it
    pub axis: u8,
    /// [`Outcome`] as a number
    pub outcome: u8,
    /// [`crate::reason::Reason`] as a number
    pub reason: u8,
    /// errno, or 0
    pub errno: u16,
    /// how often
    pub count: u64,
}

impl Note {
    /// The key as it stands in the page; never 0.
    pub const fn pack(axis: u8, outcome: u8, reason: u8, errno: u16) -> u64 {
        1 << 63 | (axis as u64) << 32 | (outcome as u64) << 24 | (reason as u64) << 16 | errno as u64
    }

    /// The reverse of [`Note::pack`].
    pub const fn unpack(key: u64, count: u64) -> Note {
        Note {
            axis: (key >> 32) as u8,
            outcome: (key >> 24) as u8,
            reason: (key >> 16) as u8,
            errno: key as u16,
            count,
        }
    }
}

/// The page. Little-endian hosts only; plain atomics, so that it can be shared between processes.
#[repr(C)]
pub struct Page {
    /// [`MAGIC`], stored last: a page without it is not yet whole
    pub magic: AtomicU64,
    /// [`VERSION`]
    pub version: AtomicU32,
    /// `size_of::<Page>()` of the writer
    pub bytes: AtomicU32,
    /// process id in the writer's pid namespace
    pub pid: AtomicU32,
    /// parent's process id when the page was made
    pub ppid: AtomicU32,
    /// the user who runs it
    pub uid: AtomicU32,
    /// [`State`]
    pub state: AtomicU32,
    /// [`Why`]
    pub why: AtomicU32,
    /// written from outside: anything but 0 makes the shim let go at its next slow path
    pub off: AtomicU32,
    /// [`End`]
    pub end: AtomicU32,
    /// exit status, when `end` says that it holds
    pub exit_status: AtomicU32,
    /// 1 when this page was made by a fork, 0 when by the start of a program
    pub forked: AtomicU32,
    /// how many rules follow
    pub rules_count: AtomicU32,
    /// bytes used of `text`
    pub text_len: AtomicU32,
    /// how the shim stands to seccomp: 0 no filter or unknown, 1 started under one, 2 one arrived later
    pub seccomp: AtomicU32,
    /// names the process tree: drawn by its first process, inherited from there
    pub tree: AtomicU64,
    /// CLOCK_BOOTTIME in ns when the program started
    pub start_ns: AtomicU64,
    /// CLOCK_BOOTTIME in ns when it ended; 0 while unknown
    pub end_ns: AtomicU64,
    /// budgets in force, bytes; u64::MAX is unknown: lock, populate, retain, huge growth
    pub budgets: [AtomicU64; 4],
    /// the last program run from here that the preload cannot reach: [`Unreached`]
    pub unreached: AtomicU32,
    /// how often [`Page::unreached`] was written
    pub unreached_count: AtomicU32,
    /// its base name, NUL-padded
    pub unreached_exe: [AtomicU8; 48],
    /// first address of the stretch in which malloc blocks lie that rules took, and its exclusive end; 0: none
    pub pool: [AtomicU64; 2],
    /// base name of the executable, NUL-padded
    pub exe: [AtomicU8; 64],
    /// name of the policy, NUL-padded
    pub policy: [AtomicU8; 64],
    /// see [`crate::counters::TABLE`]
    pub counters: [AtomicU64; COUNT],
    /// one for each rule, in the order of the policy
    pub rules: [RuleStats; MAX_RULES],
    /// the rules' text
    pub text: [AtomicU8; MAX_TEXT],
}

impl Page {
    /// Adds to a counter.
    pub fn add(&self, counter: C, value: u64) {
        self.counters[counter as usize].fetch_add(value, Relaxed);
    }

    /// Takes from a gauge, down to 0: a forked child frees what its parent counted.
    pub fn sub(&self, counter: C, value: u64) {
        let _ = self.counters[counter as usize].fetch_update(Relaxed, Relaxed, |v| Some(v.saturating_sub(value)));
    }

    /// Sets a gauge.
    pub fn set(&self, counter: C, value: u64) {
        self.counters[counter as usize].store(value, Relaxed);
    }

    /// Reads a counter.
    pub fn get(&self, counter: C) -> u64 {
        self.counters[counter as usize].load(Relaxed)
    }

    /// Raises a gauge to `value` if it is lower.
    pub fn max(&self, counter: C, value: u64) {
        self.counters[counter as usize].fetch_max(value, Relaxed);
    }
}

impl RuleStats {
    /// Counts a (reason, errno) of one action; the ninth different one is dropped.
    pub fn note(&self, axis: u8, outcome: Outcome, reason: u8, errno: u16) {
        let key = Note::pack(axis, outcome as u8, reason, errno);
        for (slot, count) in self.notes.iter().zip(&self.note_counts) {
            let mine = match slot.load(Relaxed) {
                0 => slot.compare_exchange(0, key, Relaxed, Relaxed).map_or_else(|other| other == key, |_| true),
                found => found == key,
            };
            if mine {
                count.fetch_add(1, Relaxed);
                return;
            }
        }
    }
}

/// Why bytes are not a counter page that this version can read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BadPage {
    /// fewer bytes than a page has
    Short,
    /// the first eight bytes are others
    NotAPage,
    /// written by a version with another layout: this one
    Version(u32),
}

/// One rule's counters, read once.
#[derive(Clone, Copy, Debug)]
pub struct RuleSnapshot {
    /// regions that this rule gave at least one axis to
    pub regions: u64,
    /// their bytes
    pub bytes: u64,
    /// regions by outcome, indexed by [`Outcome`]
    pub outcomes: [u64; 4],
    /// what happened; unused ones have `count` 0
    pub notes: [Note; NOTES],
    /// where the rule's text stands in the page's text
    pub text: (usize, usize),
}

/// A page, read once: plain values.
#[derive(Clone, Copy)]
#[allow(missing_docs)] // the fields are those of Page
pub struct Snapshot {
    pub pid: u32,
    pub ppid: u32,
    pub uid: u32,
    pub state: u32,
    pub why: u32,
    pub off: u32,
    pub end: u32,
    pub exit_status: u32,
    pub forked: u32,
    pub seccomp: u32,
    pub tree: u64,
    pub start_ns: u64,
    pub end_ns: u64,
    pub budgets: [u64; 4],
    pub unreached: u32,
    pub unreached_exe: [u8; 48],
    pub pool: [u64; 2],
    pub exe: [u8; 64],
    pub policy: [u8; 64],
    pub counters: [u64; COUNT],
    pub rules: [RuleSnapshot; MAX_RULES],
    pub rules_count: usize,
    pub text: [u8; MAX_TEXT],
    pub text_len: usize,
}

impl Snapshot {
    /// Reads a page from a file's bytes. Nothing in them is trusted: lengths are cut to what the layout holds.
    pub fn read(bytes: &[u8]) -> Result<Snapshot, BadPage> {
        let u64_at =
            |at: usize| -> u64 { bytes.get(at..at + 8).and_then(|b| b.try_into().ok()).map_or(0, u64::from_le_bytes) };
        let u32_at =
            |at: usize| -> u32 { bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes) };
        if bytes.len() < 16 {
            return Err(BadPage::Short);
        }
        if u64_at(offset_of!(Page, magic)) != MAGIC {
            return Err(BadPage::NotAPage);
        }
        let version = u32_at(offset_of!(Page, version));
        if version != VERSION {
            return Err(BadPage::Version(version));
        }
        if bytes.len() < size_of::<Page>() {
            return Err(BadPage::Short);
        }
        let text_len = (u32_at(offset_of!(Page, text_len)) as usize).min(MAX_TEXT);
        let rule_at = |i: usize| -> RuleSnapshot {
            let base = offset_of!(Page, rules) + i * size_of::<RuleStats>();
            let start = (u32_at(base + offset_of!(RuleStats, text_start)) as usize).min(text_len);
            let len = (u32_at(base + offset_of!(RuleStats, text_len)) as usize).min(text_len - start);
            RuleSnapshot {
                regions: u64_at(base + offset_of!(RuleStats, regions)),
                bytes: u64_at(base + offset_of!(RuleStats, bytes)),
                outcomes: core::array::from_fn(|o| u64_at(base + offset_of!(RuleStats, outcomes) + o * 8)),
                notes: core::array::from_fn(|n| {
                    let key = u64_at(base + offset_of!(RuleStats, notes) + n * 8);
                    let count = u64_at(base + offset_of!(RuleStats, note_counts) + n * 8);
                    Note::unpack(key, if key == 0 { 0 } else { count })
                }),
                text: (start, len),
            }
        };
        let byte = |at: usize| bytes.get(at).copied().unwrap_or(0);
        let array = |at: usize| -> [u8; 64] { core::array::from_fn(|i| byte(at + i)) };
        Ok(Snapshot {
            pid: u32_at(offset_of!(Page, pid)),
            ppid: u32_at(offset_of!(Page, ppid)),
            uid: u32_at(offset_of!(Page, uid)),
            state: u32_at(offset_of!(Page, state)),
            why: u32_at(offset_of!(Page, why)),
            off: u32_at(offset_of!(Page, off)),
            end: u32_at(offset_of!(Page, end)),
            exit_status: u32_at(offset_of!(Page, exit_status)),
            forked: u32_at(offset_of!(Page, forked)),
            seccomp: u32_at(offset_of!(Page, seccomp)),
            tree: u64_at(offset_of!(Page, tree)),
            start_ns: u64_at(offset_of!(Page, start_ns)),
            end_ns: u64_at(offset_of!(Page, end_ns)),
            budgets: core::array::from_fn(|i| u64_at(offset_of!(Page, budgets) + i * 8)),
            unreached: u32_at(offset_of!(Page, unreached)),
            unreached_exe: core::array::from_fn(|i| byte(offset_of!(Page, unreached_exe) + i)),
            pool: core::array::from_fn(|i| u64_at(offset_of!(Page, pool) + i * 8)),
            exe: array(offset_of!(Page, exe)),
            policy: array(offset_of!(Page, policy)),
            counters: core::array::from_fn(|i| u64_at(offset_of!(Page, counters) + i * 8)),
            rules: core::array::from_fn(rule_at),
            rules_count: (u32_at(offset_of!(Page, rules_count)) as usize).min(MAX_RULES),
            text: core::array::from_fn(|i| bytes.get(offset_of!(Page, text) + i).copied().unwrap_or(0)),
            text_len,
        })
    }

    /// A counter's value.
    pub fn get(&self, counter: C) -> u64 {
        self.counters[counter as usize]
    }

    /// The rules with their text.
    pub fn rules(&self) -> impl Iterator<Item = (&RuleSnapshot, &[u8])> {
        self.rules
            .iter()
            .take(self.rules_count)
            .map(|r| (r, self.text.get(r.text.0..r.text.0 + r.text.1).unwrap_or(&[])))
    }

    /// Base name of the executable.
    pub fn exe(&self) -> &[u8] {
        until_nul(&self.exe)
    }

    /// Base name of the last program that the preload could not reach.
    pub fn unreached_exe(&self) -> &[u8] {
        until_nul(&self.unreached_exe)
    }

    /// Name of the policy.
    pub fn policy(&self) -> &[u8] {
        until_nul(&self.policy)
    }
}

fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|b| *b == 0).next().unwrap_or(&[])
}
