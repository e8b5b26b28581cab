//! What a program can be given from outside, before it starts: who gets huge pages in its whole tree, and how much it may
//! lock. It is all that a program which preloading cannot reach can have, so this also says which rules go without.
//!
//! What must hold here: both are inherited over fork and exec, also by static and setuid programs; nothing is taken away
//! that was not asked for, and RLIMIT_MEMLOCK goes no higher than its hard limit.

use std::io;
use std::mem::MaybeUninit;

use clap::ValueEnum;
use faultless_core::rules::{Actions, Kind, PageSize, Policy, Rule};
use faultless_core::size::Human;

/// What PR_SET_THP_DISABLE takes from Linux 6.18 on.
const PR_THP_DISABLE_EXCEPT_ADVISED: libc::c_ulong = 1 << 1;

/// Who gets transparent huge pages in the whole tree (`run --thp`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Thp {
    /// nobody, whoever asks for them
    Off,
    /// only who asks for them (madvise), also where the machine gives them to everybody; Linux 6.18
    Advised,
}

/// What is given to a program from outside.
pub struct Outside {
    thp: Option<Thp>,
    /// the rules ask for it, not the user
    thp_by_rules: bool,
    /// RLIMIT_MEMLOCK, soft and hard, where rules lock and the first is lower
    memlock: Option<(u64, u64)>,
}

impl Outside {
    /// What fits these rules. A program that the library does not reach also has from here what it can.
    pub fn plan(wish: Option<Thp>, policy: &Policy, is_reached: bool) -> Outside {
        let thp_by_rules = wish.is_none() && !is_reached && wants_no_huge_page(policy);
        Outside {
            thp: wish.or(thp_by_rules.then_some(Thp::Off)),
            thp_by_rules,
            memlock: memlock().filter(|(soft, hard)| soft < hard && policy.rules().iter().any(locks)),
        }
    }

    /// Gives it to this process, and so to what it starts.
    ///
    /// # Errors
    /// In words, why `--thp` cannot be had.
    pub fn apply(&self) -> Result<(), String> {
        if let Some((_, hard)) = self.memlock {
            set_memlock(hard, hard);
        }
        let Some(thp) = self.thp else { return Ok(()) };
        let except = if thp == Thp::Advised { PR_THP_DISABLE_EXCEPT_ADVISED } else { 0 };
        // SAFETY: takes no memory; it is about this process and those that it starts.
        match unsafe { libc::prctl(libc::PR_SET_THP_DISABLE, 1, except, 0, 0) } {
            0 => Ok(()),
            _ if thp == Thp::Advised => {
                Err("--thp advised: this kernel cannot (it wants Linux 6.18); --thp off can, or \
                 echo madvise > /sys/kernel/mm/transparent_hugepage/enabled"
                    .into())
            }
            _ => Err(format!("--thp off: {}", io::Error::last_os_error())),
        }
    }

    /// Gives what may be locked to what is started while the value lives: one contender beside others.
    pub fn lend(&self) -> Lent {
        if let Some((_, hard)) = self.memlock {
            set_memlock(hard, hard);
        }
        Lent(self.memlock)
    }

    /// What `--dry-run` says of it; empty if there is nothing.
    pub fn describe(&self) -> String {
        let mut text = String::new();
        if let Some(thp) = self.thp {
            let what = match thp {
                Thp::Off => "no huge pages",
                Thp::Advised => "huge pages only for who asks for them",
            };
            let why = if self.thp_by_rules { "the rules" } else { "--thp" };
            text += &format!("from outside {what} in the whole tree ({why}, by prctl)\n");
        }
        if let Some((soft, hard)) = self.memlock {
            text += &format!("from outside RLIMIT_MEMLOCK from {} to its hard limit, {}\n", limit(soft), limit(hard));
        }
        text
    }

    /// For a program that is not reached: rule by rule, what is done all the same and what is not; a line each.
    pub fn of_each_rule(&self, policy: &Policy) -> String {
        let mut text = String::new();
        for (i, rule) in policy.rules().iter().enumerate() {
            let only_no_huge = rule.actions == Actions { page_size: Some(PageSize::Never), ..Actions::default() };
            let what = match () {
                () if rule.actions.leave => continue,
                () if only_no_huge && self.thp == Some(Thp::Off) => "no huge pages, by prctl".to_owned(),
                () if locks(rule) => format!("not applied; it may lock {} itself", limit(self.lockable())),
                () => "not applied".to_owned(),
            };
            text += &format!("\n  rule {} {}: {what}", i + 1, String::from_utf8_lossy(policy.slice(rule.text)));
        }
        text
    }

    fn lockable(&self) -> u64 {
        self.memlock.or_else(memlock).map_or(0, |(soft, hard)| if self.memlock.is_some() { hard } else { soft })
    }
}

/// See [`Outside::lend`].
pub struct Lent(Option<(u64, u64)>);

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some((soft, hard)) = self.0 {
            set_memlock(soft, hard);
        }
    }
}

fn set_memlock(soft: u64, hard: u64) {
    let limit = libc::rlimit { rlim_cur: soft, rlim_max: hard };
    // SAFETY: reads one rlimit. A refusal leaves the limit as it was, which rules report.
    unsafe { libc::setrlimit(libc::RLIMIT_MEMLOCK, &limit) };
}

fn locks(rule: &Rule) -> bool {
    rule.actions.stay.is_some()
}

/// Whether the rules want huge pages nowhere, and none for what anonymous memory a process has: then to forbid them to all of
/// it is what they say. (What is smaller than 2 MiB has none anyway.)
fn wants_no_huge_page(policy: &Policy) -> bool {
    let never = |kind: Kind| {
        policy
            .rules()
            .iter()
            .any(|rule| (rule.kind == kind || rule.kind == Kind::Any) && rule.path.is_none() && is_never(rule))
    };
    let is_huge = |rule: &Rule| rule.actions.page_size.is_some() && !is_never(rule) || rule.actions.leave;
    never(Kind::Heap) && never(Kind::Anon) && !policy.rules().iter().any(is_huge)
}

fn is_never(rule: &Rule) -> bool {
    rule.actions.page_size == Some(PageSize::Never)
}

fn memlock() -> Option<(u64, u64)> {
    let mut limit = MaybeUninit::<libc::rlimit>::uninit();
    // SAFETY: the kernel fills one rlimit, or fails.
    let limit =
        unsafe { (libc::getrlimit(libc::RLIMIT_MEMLOCK, limit.as_mut_ptr()) == 0).then(|| limit.assume_init()) };
    limit.map(|l| (l.rlim_cur, l.rlim_max))
}

fn limit(bytes: u64) -> String {
    if bytes == libc::RLIM_INFINITY { "without limit".into() } else { Human(bytes).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use faultless_core::parse::Form;

    fn policy(rules: &str) -> Policy {
        let mut policy = Policy::empty();
        policy.append(rules.as_bytes(), Form::Line).unwrap();
        policy
    }

    #[test]
    fn huge_pages_are_forbidden_only_where_all_rules_say_so() {
        let forbidden = |rules| Outside::plan(None, &policy(rules), false).thp == Some(Thp::Off);
        assert!(forbidden("malloc@1M:nohuge,heap:nohuge,anon@2M:nohuge"));
        assert!(forbidden("any:nohuge"));
        assert!(!forbidden("anon:nohuge"));
        assert!(!forbidden("malloc:huge,any:nohuge"));
        assert!(!forbidden("anon@1G:leave,any:nohuge"));
        assert!(!forbidden("file=/data/*:nohuge,heap:nohuge"));
        assert!(!forbidden(""));
        assert!(Outside::plan(None, &policy("any:nohuge"), true).thp.is_none());
    }

    #[test]
    fn each_rule_that_is_not_applied_is_named() {
        let outside = Outside { thp: Some(Thp::Off), thp_by_rules: true, memlock: Some((0, 8 << 20)) };
        let text = outside.of_each_rule(&policy("any:nohuge,heap:nohuge+populate,file=/d/*:lock"));
        let wanted = "\n  rule 1 any:nohuge: no huge pages, by prctl\n  rule 2 heap:nohuge+populate: not applied\n  \
                      rule 3 file=/d/*:lock: not applied; it may lock 8 MiB itself";
        assert_eq!(text, wanted);
    }
}
