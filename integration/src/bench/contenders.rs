//! Who is measured: the program alone, Faultless, and the peers, each by what it adds to the program's environment.
//!
//! What must hold here: a contender that can't run here says why, and is never silently another one.

use std::path::Path;

use super::{guard, peers};
use crate::artefacts::{library, preload};

/// glibc tuned for huge pages as far as its tunables go (docs/kernel.md: the strongest peer).
const GLIBC_TUNED: &str = "glibc.malloc.hugetlb=1:glibc.malloc.mmap_max=0:\
    glibc.malloc.trim_threshold=1099511627776:glibc.malloc.top_pad=67108864";
const JEMALLOC_TUNED: &str = "dirty_decay_ms:-1,muzzy_decay_ms:-1,oversize_threshold:0,thp:always";

/// What a contender is to the ratios.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// the program with nothing added
    Alone,
    /// under Faultless
    Ours,
    /// what Faultless is compared with
    Peer,
}

/// What it adds.
#[derive(Clone, Copy, Debug)]
enum Adds {
    Nothing,
    /// rules ahead of the policy's
    Faultless(&'static str),
    Tunables(&'static str),
    /// file, package, environment
    Library(&'static str, &'static str, &'static [(&'static str, &'static str)]),
    Mimalloc3(&'static [(&'static str, &'static str)]),
    ThpAlways,
}

/// One way to run a program.
#[derive(Clone, Copy, Debug)]
pub struct Contender {
    /// as CONTENDERS takes it
    pub name: &'static str,
    /// what it is to the ratios
    pub role: Role,
    /// one line for the results
    pub about: &'static str,
    adds: Adds,
}

const JEMALLOC: (&str, &str) = ("libjemalloc.so.2", "libjemalloc2");
const MIMALLOC: (&str, &str) = ("libmimalloc.so.2.0", "libmimalloc2.0");

/// Everyone, those that the ratios refer to first.
pub const TABLE: &[Contender] = &[
    row("alone", Role::Alone, "nothing added", Adds::Nothing),
    row("faultless", Role::Ours, "policy throughput", Adds::Faultless("")),
    row(
        "populate",
        Role::Ours,
        "throughput, and ahead of it malloc@1M:populate",
        Adds::Faultless("malloc@1M:populate"),
    ),
    row("glibc-huge", Role::Peer, "glibc.malloc.hugetlb=1", Adds::Tunables("glibc.malloc.hugetlb=1")),
    row("glibc-tuned", Role::Peer, GLIBC_TUNED, Adds::Tunables(GLIBC_TUNED)),
    row(
        "jemalloc",
        Role::Peer,
        "libjemalloc2, thp:always",
        Adds::Library(JEMALLOC.0, JEMALLOC.1, &[("MALLOC_CONF", "thp:always")]),
    ),
    row(
        "jemalloc-tuned",
        Role::Peer,
        JEMALLOC_TUNED,
        Adds::Library(JEMALLOC.0, JEMALLOC.1, &[("MALLOC_CONF", JEMALLOC_TUNED)]),
    ),
    row("mimalloc2", Role::Peer, "libmimalloc2.0", Adds::Library(MIMALLOC.0, MIMALLOC.1, &[])),
    row(
        "mimalloc2-huge",
        Role::Peer,
        "libmimalloc2.0, MIMALLOC_ALLOW_LARGE_OS_PAGES=1",
        Adds::Library(MIMALLOC.0, MIMALLOC.1, &[("MIMALLOC_ALLOW_LARGE_OS_PAGES", "1")]),
    ),
    row("mimalloc3", Role::Peer, "mimalloc 3", Adds::Mimalloc3(&[])),
    row(
        "mimalloc3-huge",
        Role::Peer,
        "mimalloc 3, MIMALLOC_ALLOW_LARGE_OS_PAGES=1",
        Adds::Mimalloc3(&[("MIMALLOC_ALLOW_LARGE_OS_PAGES", "1")]),
    ),
    row(
        "tcmalloc",
        Role::Peer,
        "libtcmalloc-minimal4",
        Adds::Library("libtcmalloc_minimal.so.4", "libtcmalloc-minimal4", &[]),
    ),
    row(
        "hugetlbfs",
        Role::Peer,
        "libhugetlbfs0, HUGETLB_MORECORE=thp (without effect from glibc 2.34 on)",
        Adds::Library("libhugetlbfs.so.0", "libhugetlbfs0", &[("HUGETLB_MORECORE", "thp"), ("HUGETLB_VERBOSE", "0")]),
    ),
    row("thp-always", Role::Peer, "transparent_hugepage/enabled = always during the run", Adds::ThpAlways),
];

const fn row(name: &'static str, role: Role, about: &'static str, adds: Adds) -> Contender {
    Contender { name, role, about, adds }
}

/// The contender of this name.
pub fn find(name: &str) -> Option<&'static Contender> {
    TABLE.iter().find(|c| c.name == name)
}

impl Contender {
    /// What it adds to the environment; counter pages go to `pages`. The error says why it can't run here.
    pub fn environment(&self, pages: &Path) -> Result<Vec<(String, String)>, String> {
        let pairs = |of: &[(&str, &str)]| of.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let preloaded = |path: &Path, of: &[(&str, &str)]| {
            let mut all: Vec<(String, String)> = pairs(of);
            all.push(("LD_PRELOAD".into(), path.to_string_lossy().into_owned()));
            all
        };
        Ok(match self.adds {
            Adds::Nothing => vec![],
            Adds::ThpAlways => guard::may_set_thp().map(|()| vec![])?,
            Adds::Tunables(value) => pairs(&[("GLIBC_TUNABLES", value)]),
            Adds::Library(file, package, with) => preloaded(&peers::installed(file, package)?, with),
            Adds::Mimalloc3(with) => preloaded(&peers::mimalloc3()?, with),
            Adds::Faultless(_) if !library().is_file() => return Err("no library: make build".into()),
            Adds::Faultless(rules) => {
                let mut all = preload("throughput", pages);
                if !rules.is_empty() {
                    all.push(("FAULTLESS_RULES".into(), rules.into()));
                }
                all
            }
        })
    }

    /// Whether the whole system must be set otherwise while it runs.
    pub fn wants_thp_always(&self) -> bool {
        matches!(self.adds, Adds::ThpAlways)
    }

    /// The Debian package that it comes from, and its version.
    pub fn version(&self) -> Option<String> {
        match self.adds {
            Adds::Library(_, package, _) => Some(format!("{package} {}", peers::version(package))),
            Adds::Mimalloc3(_) => Some(format!("mimalloc {}", peers::mimalloc3_version())),
            _ => None,
        }
    }
}
