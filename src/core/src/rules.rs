//! The types of a policy: kinds, bounds, actions by axis, rules.
//!
//! What must hold here: fixed size, no allocation (the shim has no allocator of its own), and one slot per axis,
//! so that a rule which says two things about one axis cannot be represented. The grammar is in `parse`, the
//! choice of a rule for a region in `matching`.

use crate::size::Size;

/// The most rules that a policy may have (those of `FAULTLESS_RULES` and those of the named policy together).
pub const MAX_RULES: usize = 32;
/// The most bytes of rule text that a policy may have.
pub const MAX_TEXT: usize = 4096;

/// What sort of memory a region is. A region has exactly one kind; only rules use [`Kind::Any`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
#[repr(u8)]
pub enum Kind {
    /// A block that `malloc` and its kin return, at or over the smallest malloc bound of the policy.
    Malloc = 0,
    /// What malloc serves smaller blocks from: brk and thread arenas.
    Heap = 1,
    /// A private anonymous mapping that the program, or an allocator of its own, makes.
    Anon = 2,
    /// A mapping of a regular file.
    File = 3,
    /// Shared anonymous memory, memfd, System V segments.
    Shm = 4,
    /// A thread's stack.
    Stack = 5,
    /// An executable mapping of a file.
    Text = 6,
    /// All of them; in rules only.
    Any = 7,
}

/// The page-size axis.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum PageSize {
    /// `huge`, `huge=thp`: MADV_HUGEPAGE, aligned to 2 MiB.
    Thp,
    /// `huge=collapse`: MADV_COLLAPSE of what 4K pages already hold (Linux 6.1).
    Collapse,
    /// `huge=hugetlb`: pages of the hugetlb pool; malloc blocks only.
    Hugetlb,
    /// `nohuge`: MADV_NOHUGEPAGE.
    Never,
}

/// The arrival axis.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arrival {
    /// `populate`: all of the region, before the call returns.
    Full,
    /// `populate=SIZE`: the first SIZE of it.
    First(Size),
    /// `populate=async`: beside the program.
    Async,
    /// `populate=FROM..TO`: offsets in the file.
    Range(Size, Size),
}

/// The staying axis.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stay {
    /// `lock`: all of the region, now.
    Full,
    /// `lock=onfault`: each page once it has been touched (Linux 4.4).
    OnFault,
    /// `lock=hot`: what the sampler finds hot.
    Hot,
    /// `lock=FROM..TO`: offsets in the file.
    Range(Size, Size),
}

/// The access axis.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Access {
    /// MADV_RANDOM.
    Random,
    /// MADV_SEQUENTIAL.
    Sequential,
    /// MADV_WILLNEED.
    WillNeed,
    /// POSIX_FADV_NOREUSE on the descriptor (Linux 6.3).
    NoReuse,
    /// What a scan has passed is dropped behind it.
    DropBehind,
    /// Advice that corrects itself.
    Auto,
    /// MADV_COLD, of another process: the first to go when memory gets tight (Linux 5.10).
    Cold,
    /// MADV_PAGEOUT, of another process: goes now, to swap or back to its file (Linux 5.10).
    PageOut,
}

/// The axes on which the first matching rule wins, each on its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Axis {
    /// huge, nohuge
    PageSize = 0,
    /// populate
    Arrival = 1,
    /// lock
    Stay = 2,
    /// random, sequential, willneed, noreuse, drop-behind, auto, cold, pageout
    Access = 3,
    /// recycle
    Reuse = 4,
    /// dontdump
    Dump = 5,
}

/// How many axes there are.
pub const AXES: usize = 6;

/// What a rule does, one slot per axis; `None` or `false` says nothing about that axis.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Actions {
    /// huge or nohuge
    pub page_size: Option<PageSize>,
    /// populate
    pub arrival: Option<Arrival>,
    /// lock
    pub stay: Option<Stay>,
    /// how the program reads it
    pub access: Option<Access>,
    /// recycle
    pub recycle: bool,
    /// dontdump
    pub dontdump: bool,
    /// leave: every axis is settled, with nothing
    pub leave: bool,
}

/// A piece of [`Policy::text`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Span {
    /// first byte
    pub start: u16,
    /// bytes
    pub len: u16,
}

/// A selector and the actions for the regions it selects.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rule {
    /// which kind of region
    pub kind: Kind,
    /// at least so large (the file's size for `file` and `text`, else the region's)
    pub min: Option<Size>,
    /// and below this
    pub below: Option<Size>,
    /// the glob after `=`, as it stands in the policy's text
    pub path: Option<Span>,
    /// what to do
    pub actions: Actions,
    /// the whole rule as it stands in the policy's text
    pub text: Span,
}

/// An ordered list of rules, with the text that they were read from.
#[derive(Clone, Copy)]
pub struct Policy {
    pub(crate) rules: [Rule; MAX_RULES],
    pub(crate) count: usize,
    pub(crate) text: [u8; MAX_TEXT],
    pub(crate) text_len: usize,
}

impl Policy {
    /// A policy without rules.
    pub const fn empty() -> Policy {
        const NONE: Rule = Rule {
            kind: Kind::Any,
            min: None,
            below: None,
            path: None,
            actions: Actions {
                page_size: None,
                arrival: None,
                stay: None,
                access: None,
                recycle: false,
                dontdump: false,
                leave: false,
            },
            text: Span { start: 0, len: 0 },
        };
        Policy { rules: [NONE; MAX_RULES], count: 0, text: [0; MAX_TEXT], text_len: 0 }
    }

    /// The rules, first match first.
    pub fn rules(&self) -> &[Rule] {
        self.rules.get(..self.count).unwrap_or(&[])
    }

    /// The text of all rules, in the order of [`Policy::rules`].
    pub fn text(&self) -> &[u8] {
        self.text.get(..self.text_len).unwrap_or(&[])
    }

    /// The bytes that a span of this policy covers.
    pub fn slice(&self, span: Span) -> &[u8] {
        let start = span.start as usize;
        self.text.get(start..start + span.len as usize).unwrap_or(&[])
    }
}
