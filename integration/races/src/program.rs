//! A process with the library in it: started, and what its hooks do around the program's own calls.
//!
//! What must hold here: the order of what a hook does is that of `exports`.

use std::sync::Once;
use std::sync::atomic::Ordering::Relaxed;

use faultless_core::counters::C;
use faultless_core::parse::Form;
use faultless_core::size::Size;

use crate::around::{own_stack, pages};
use crate::kernel::{self, Content, PAGE};
use crate::live::Live;
use crate::{blocks, identity, regions, state, watch};

/// Where the program's mappings begin.
pub const BASE: usize = 16 * PAGE;

/// Pages from [`BASE`] on, as addresses.
pub fn pages_at(first: usize, count: usize) -> (usize, usize) {
    (BASE + first * PAGE, BASE + (first + count) * PAGE)
}

/// The constructor has run.
pub fn start() -> Live<'static> {
    static RULES: Once = Once::new();
    RULES.call_once(|| {
        // SAFETY: nobody looks yet.
        let (settings, policy) = unsafe { state::owned() };
        settings.lock_max = Size::Bytes(1 << 30);
        settings.populate_max = Size::Bytes(1 << 30);
        assert!(policy.append(b"malloc@64K:huge+recycle", Form::Line).is_ok());
    });
    own_stack::set_scarce(false);
    let page = pages::current();
    page.counters.iter().for_each(|counter| counter.store(0, Relaxed));
    page.off.store(0, Relaxed);
    assert!(state::begin());
    identity::arm();
    blocks::open();
    state::publish();
    state::live()
}

/// Told from outside to let go.
pub fn turn_off() {
    pages::current().off.store(1, Relaxed);
}

/// The program unmaps.
pub fn munmap((start, end): (usize, usize)) {
    let live = state::enter();
    watch::give_way(start, end - start);
    if let Some(live) = &live {
        regions::forget(live, start, end - start);
    }
    kernel::unmap(start, end);
}

/// The program maps memory of its own over what is there, and writes to it.
pub fn replace((start, end): (usize, usize)) {
    let live = state::enter();
    watch::give_way(start, end - start);
    if let Some(live) = &live {
        regions::forget(live, start, end - start);
    }
    kernel::map(start, end, Content::Own);
}

/// Other processes of the tree have taken so much of each budget.
pub fn others_take(bytes: u64) {
    pages::others_take(bytes);
}

/// What the tree has taken to lock.
pub fn locked_by_the_tree() -> u64 {
    pages::tree()[1]
}

/// Other threads may have the stack of our own, and keep it too long.
pub fn let_the_stack_be_scarce() {
    own_stack::set_scarce(true);
}

/// Nothing is taken any more, but for what the other processes have.
pub fn check_all_given_back(live: &Live<'_>, others: u64) {
    assert_eq!(pages::tree(), [others; 4], "the budgets were not given back exactly");
    for gauge in [C::PopulateNow, C::LockNow, C::RetainNow] {
        assert_eq!(live.page.get(gauge), 0, "a gauge says that something is left");
    }
}

/// What is locked has a record, what is recorded is locked, and the budgets have just that.
pub fn check_books(live: &Live<'_>) {
    let mut recorded = vec![];
    regions::each_lock(|from, to| recorded.extend((from..to).step_by(PAGE)));
    recorded.sort_unstable();
    assert_eq!(recorded, kernel::locked(), "what is recorded as locked is not what is locked");
    let bytes = (recorded.len() * PAGE) as u64;
    assert_eq!(pages::tree()[1], bytes, "the budget was not given back exactly");
    assert_eq!(live.page.get(C::LockNow), bytes, "the gauge is not what is locked");
}
