//! The built-in policies: nothing but named rule lists.
//!
//! What must hold here: each list parses (a test sees to it), and a name never changes its meaning to something that
//! takes more memory without the CHANGELOG saying so.

use crate::spelling;

/// A file of rules must be smaller than this, comments included, in bytes.
pub const LARGEST_FILE: usize = 16 << 10;

/// A policy that has a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BuiltIn {
    /// as `FAULTLESS_POLICY` and `--policy` take it
    pub name: &'static str,
    /// its rules, as a variable would hold them
    pub rules: &'static str,
    /// one line for `policy list`
    pub help: &'static str,
}

const fn row(name: &'static str, rules: &'static str, help: &'static str) -> BuiltIn {
    BuiltIn { name, rules, help }
}

/// Every built-in policy, the default first.
pub const TABLE: &[BuiltIn] = &[
    row("observe", "", "count, change nothing (the default)"),
    row(
        "throughput",
        "malloc@1M:huge+recycle,heap:huge,anon@2M:huge",
        "huge pages for malloc, heap and anonymous mappings; freed memory keeps its pages",
    ),
    row(
        "latency",
        "malloc@1M:huge+recycle+populate+lock,heap:huge+populate+lock,anon@2M:huge+populate+lock",
        "throughput, and memory is there and locked, within the budgets, before it is used",
    ),
    row(
        "files",
        "file@100pct:auto+lock=hot",
        "file mappings larger than memory: advice that corrects itself, the hot part locked",
    ),
    // sequential and drop-behind are one axis, and the one which drops is what a scan lacks: MADV_SEQUENTIAL alone
    // drops nothing behind it.
    row("scan", "file@64M:drop-behind", "file mappings read once from front to back: dropped behind the reader"),
    row("lean", "malloc@1M:nohuge,heap:nohuge,anon@2M:nohuge", "no huge pages, nothing kept"),
    row(
        "auto",
        "malloc@1M:huge+recycle,heap:huge,anon@2M:huge,file@100pct:auto+lock=hot",
        "throughput; and what files does, adaptively",
    ),
    row("none", "", "no preload at all: for comparisons"),
];

/// The policy of this name.
pub fn find(name: &[u8]) -> Option<&'static BuiltIn> {
    TABLE.iter().find(|p| p.name.as_bytes() == name)
}

/// The name that `name` was probably meant to be.
pub fn nearest(name: &[u8]) -> Option<&'static str> {
    spelling::nearest(name, TABLE.iter().map(|p| p.name))
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use crate::parse::Form;
    use crate::rules::Policy;

    #[test]
    fn each_built_in_policy_parses() {
        for built_in in TABLE {
            let mut policy = Policy::empty();
            assert_eq!(policy.append(built_in.rules.as_bytes(), Form::Line), Ok(()), "{}", built_in.name);
            assert_eq!(policy.text(), built_in.rules.as_bytes());
        }
    }

    #[test]
    fn a_policy_is_found_by_its_exact_name_only() {
        assert_eq!(find(b"latency").map(|p| p.name), Some("latency"));
        assert_eq!(find(b"Latency"), None);
        assert_eq!(find(b""), None);
    }

    #[test]
    fn a_misspelt_policy_gets_the_nearest_name() {
        assert_eq!(nearest(b"throughptu"), Some("throughput"));
        assert_eq!(nearest(b"Latency"), Some("latency"));
        assert_eq!(nearest(b"postgres"), None);
    }
}
