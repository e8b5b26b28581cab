//! What was found out: groups of faults that one rule would treat.
//!
//! What must hold here: plain data; nothing is computed but sums.

use super::caller::{Function, Name};
use super::pattern::Pattern;
use super::space::Kind;

/// All of it.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// most faults first
    pub groups: Vec<Group>,
    /// records that did not fit into the rings
    pub lost: u64,
    /// processes that took faults
    pub processes: usize,
    /// faults that the kernel takes for the program were seen too
    pub kernel: bool,
    /// seen one by one; otherwise by region, from smaps
    pub by_function: bool,
}

impl Evidence {
    /// Minor faults that were seen.
    pub fn minor(&self) -> u64 {
        self.groups.iter().map(|g| g.minor).sum()
    }

    /// Major faults that were seen.
    pub fn major(&self) -> u64 {
        self.groups.iter().map(|g| g.major).sum()
    }

    /// Those whose function is known by name, and those of a start or an end, which are no function's.
    pub fn named(&self) -> (u64, u64) {
        let shares = || self.groups.iter().flat_map(|g| &g.functions);
        let sum = |of: &dyn Fn(&Share) -> bool| shares().filter(|s| of(s)).map(|s| s.faults).sum();
        (sum(&|s| matches!(s.function.name, Name::Known(_))), sum(&|s| s.function.name == Name::Runtime))
    }
}

/// Faults that one rule would treat.
#[derive(Clone, Debug)]
pub struct Group {
    /// which rules it is for
    pub kind: Kind,
    /// of the file
    pub path: Option<String>,
    /// of malloc: whose blocks they are
    pub taken_by: Option<Function>,
    /// faults without disk
    pub minor: u64,
    /// faults with
    pub major: u64,
    /// bytes of the smallest region
    pub smallest: u64,
    /// bytes of the largest
    pub largest: u64,
    /// how many regions; of malloc, blocks taken
    pub regions: u64,
    /// different pages that faulted, of files
    pub pages: u64,
    /// in which order, or again
    pub pattern: Pattern,
    /// in which order
    pub order: Pattern,
    /// who, most first
    pub functions: Vec<Share>,
}

impl Group {
    /// Both sorts.
    pub fn faults(&self) -> u64 {
        self.minor + self.major
    }
}

/// The faults of a function in a group.
#[derive(Clone, Debug)]
pub struct Share {
    /// who
    pub function: Function,
    /// how many
    pub faults: u64,
}
