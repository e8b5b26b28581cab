//! Which kind of memory has which action, and what both are called in a rule.
//!
//! What must hold here: the one table of it. The parser refuses what is not in it, and matching asks it whether an
//! `any` rule says something about the region at hand.

use crate::parse::Form;
use crate::rules::{Access, Arrival, Axis, Kind, PageSize, Stay};

/// Every kind by its name in a rule.
pub const KINDS: &[(&str, Kind)] = &[
    ("malloc", Kind::Malloc),
    ("heap", Kind::Heap),
    ("anon", Kind::Anon),
    ("file", Kind::File),
    ("shm", Kind::Shm),
    ("stack", Kind::Stack),
    ("text", Kind::Text),
    ("any", Kind::Any),
];

/// The names of all actions, for hints.
pub(crate) const NAMES: &[&str] = &[
    "huge",
    "nohuge",
    "populate",
    "lock",
    "random",
    "sequential",
    "willneed",
    "noreuse",
    "drop-behind",
    "auto",
    "cold",
    "pageout",
    "recycle",
    "dontdump",
    "leave",
];

/// One action of a rule.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Action {
    PageSize(PageSize),
    Arrival(Arrival),
    Stay(Stay),
    Access(Access),
    Recycle,
    DontDump,
    Leave,
}

impl Action {
    /// Why it cannot be had where the rule is given, if it can't: other processes' memory takes what process_madvise(2) takes,
    /// and a program's own is not made to go as soon as it comes.
    pub(crate) fn refused_by(self, form: Form) -> Option<&'static str> {
        let only_now = matches!(self, Action::Access(Access::Cold | Access::PageOut));
        if form != Form::Attach {
            return only_now.then_some("only `faultless attach` does this: it is about what a process has now");
        }
        match self {
            _ if only_now => None,
            Action::PageSize(PageSize::Collapse) | Action::Access(Access::WillNeed) | Action::Leave => None,
            Action::PageSize(PageSize::Thp | PageSize::Hugetlb) => {
                Some("only a process itself can ask for this; huge=collapse puts what it has on huge pages")
            }
            Action::PageSize(PageSize::Never) => Some("only a process itself can; start it with run --thp off"),
            Action::Arrival(_) => {
                Some("only a process itself can; willneed reads files in, and brings back what is swapped out")
            }
            Action::Stay(_) => {
                Some("no process can lock another's memory; faultless warm --hold keeps files in memory")
            }
            Action::Access(_) => {
                Some("only a process itself can say how it reads; attach takes willneed, cold and pageout")
            }
            Action::Recycle => Some("only from within, from the start: run it with this rule"),
            Action::DontDump => Some("only a process itself can"),
        }
    }
}

impl Kind {
    /// Its name in a rule.
    pub fn name(self) -> &'static str {
        KINDS.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }

    /// The kind of this name.
    pub(crate) fn named(name: &[u8]) -> Option<Kind> {
        KINDS.iter().find(|(n, _)| n.as_bytes() == name).map(|(_, kind)| *kind)
    }

    /// Whether rules for it may have bounds. The heap grows, text is mapped by ld.so and stacks come in one size.
    pub(crate) fn has_bounds(self) -> bool {
        !matches!(self, Kind::Heap | Kind::Stack | Kind::Text)
    }

    /// Whether its regions have paths.
    pub(crate) fn has_path(self) -> bool {
        matches!(self, Kind::File | Kind::Text | Kind::Shm | Kind::Any)
    }

    /// Whether the action means something for it. [`Kind::Any`] has what at least one kind has, but for what is so
    /// particular (offsets, hugetlb, recycle) that a rule should name the kind it is meant for.
    pub(crate) fn has(self, action: Action) -> bool {
        use Kind::{Anon, Any, File, Heap, Malloc, Shm, Stack, Text};
        match action {
            Action::PageSize(PageSize::Thp | PageSize::Never) | Action::DontDump | Action::Leave => true,
            Action::PageSize(PageSize::Collapse) => self != Stack,
            Action::PageSize(PageSize::Hugetlb) | Action::Recycle => self == Malloc,
            Action::Arrival(Arrival::Full) => true,
            Action::Arrival(Arrival::First(_)) => matches!(self, Malloc | Anon | File | Shm | Stack | Text | Any),
            Action::Arrival(Arrival::Async) => matches!(self, Malloc | Anon | File | Shm | Text | Any),
            Action::Arrival(Arrival::Range(..)) | Action::Stay(Stay::Range(..)) => self == File,
            Action::Stay(Stay::Full | Stay::OnFault) => true,
            Action::Stay(Stay::Hot) => matches!(self, Malloc | Heap | Anon | File | Any),
            Action::Access(Access::Random | Access::Sequential) => matches!(self, File | Text | Any),
            Action::Access(Access::WillNeed) => matches!(self, File | Shm | Text | Any),
            Action::Access(Access::NoReuse | Access::DropBehind | Access::Auto) => matches!(self, File | Any),
            Action::Access(Access::Cold | Access::PageOut) => true,
        }
    }
}

impl Axis {
    /// The axis of this number, as the counter page has it.
    pub fn numbered(number: u8) -> Option<Axis> {
        [Axis::PageSize, Axis::Arrival, Axis::Stay, Axis::Access, Axis::Reuse, Axis::Dump]
            .into_iter()
            .find(|axis| *axis as u8 == number)
    }

    /// What reports call it.
    pub fn name(self) -> &'static str {
        match self {
            Axis::PageSize => "page size",
            Axis::Arrival => "populate",
            Axis::Stay => "lock",
            Axis::Access => "advice",
            Axis::Reuse => "recycle",
            Axis::Dump => "dontdump",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_found_by_its_own_name() {
        for (name, kind) in KINDS {
            assert_eq!(Kind::named(name.as_bytes()), Some(*kind));
            assert_eq!(kind.name(), *name);
        }
    }

    #[test]
    fn an_axis_is_found_by_its_own_number() {
        for n in 0..crate::rules::AXES as u8 {
            assert_eq!(Axis::numbered(n).map(|a| a as u8), Some(n));
        }
        assert_eq!(Axis::numbered(crate::rules::AXES as u8), None);
    }

    #[test]
    fn any_has_an_action_only_if_some_kind_has_it() {
        let actions = [
            Action::PageSize(PageSize::Collapse),
            Action::Arrival(Arrival::Async),
            Action::Stay(Stay::Hot),
            Action::Access(Access::Random),
            Action::Access(Access::WillNeed),
            Action::Access(Access::Auto),
        ];
        for action in actions {
            assert!(Kind::Any.has(action), "{action:?}");
            assert!(KINDS.iter().any(|(_, k)| *k != Kind::Any && k.has(action)), "{action:?}");
        }
    }
}
