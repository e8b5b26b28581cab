//! What the library's files call beyond atomics and system calls.
//!
//! What must hold here: it answers as the library's would on a machine with plenty of memory, and changes nothing of what a
//! model looks at.

pub mod act {
    //! Actions: a block gets none.
    use faultless_core::matching::Chosen;
    use faultless_core::reason::Reason;

    use crate::live::Live;
    use crate::target::Target;

    pub fn has_work(_: &Chosen) -> bool {
        true
    }

    pub fn only_wants_what_is(_: &Chosen) -> bool {
        false
    }

    pub fn only_wants_huge(_: &Chosen) -> bool {
        false
    }

    pub fn wants_hugetlb(_: &Live<'_>, _: &Chosen) -> bool {
        false
    }

    pub fn count_only(_: &Live<'_>, _: &Chosen, _: u64) {}

    pub fn count_done(_: &Live<'_>, _: &Chosen, _: u64) {}

    pub fn count_skipped(_: &Live<'_>, _: &Chosen, _: Reason) {}

    pub fn apply(_: &Live<'_>, _: &Target, _: &Chosen) {}
}

pub mod arch {
    //! Where the pool may lie, and what tells threads apart.
    pub const POOL_LOWEST: usize = 0x5800_0000_0000;
    pub const POOL_HIGHEST: usize = 0x5e00_0000_0000;

    /// An even number of each thread's own.
    pub fn thread_pointer() -> usize {
        (crate::machine::us() + 1) << 4
    }
}

pub mod captive {
    //! Children under a filter: none.
    pub fn is_here() -> bool {
        false
    }

    pub fn start_in_child() {}
}

pub mod countdown {
    //! The small path's.
    pub fn end() {}
}

pub mod coverage {
    //! Huge pages: nothing is known.
    pub struct Seen {
        pub huge: u64,
        pub present: u64,
    }

    pub fn sample(_: usize, _: usize) -> Option<Seen> {
        None
    }

    pub fn sample_bounded(_: usize, _: usize) -> Option<Seen> {
        None
    }
}

pub mod descriptors {
    //! Opened files: none.
    use crate::live::Live;

    pub fn let_go(_: &Live<'_>) {}

    pub fn start_in_child() {}
}

pub mod heap {
    //! The real allocator's heap: left alone.
    pub fn is_engaged() -> bool {
        true
    }

    pub fn let_go() {}

    pub fn start_in_child() {}
}

pub mod looks {
    //! Nobody counts threads.
    pub fn start_in_child() {}
}

pub mod limits {
    //! Limits: wide.
    const PLENTY: u64 = 1 << 40;

    pub struct Status {
        pub untouched: u64,
    }

    pub fn status() -> Status {
        Status { untouched: 0 }
    }

    pub fn available() -> u64 {
        PLENTY
    }

    pub fn lockable(_: &Status) -> u64 {
        PLENTY
    }

    pub fn memory() -> u64 {
        PLENTY
    }

    pub fn memory_known() -> Option<u64> {
        Some(PLENTY)
    }

    pub fn seccomp_at_start() -> bool {
        false
    }

    pub fn counts_what_is_reserved() -> bool {
        false
    }
}

pub mod own_stack {
    //! The stack of our own: taken now and then, if the model says so.
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

    use crate::schedules::draw;

    static IS_SCARCE: AtomicBool = AtomicBool::new(false);

    /// Whether others have it now and then, for too long.
    pub fn set_scarce(is_scarce: bool) {
        IS_SCARCE.store(is_scarce, Relaxed);
    }

    pub fn run<R>(f: impl FnOnce() -> R) -> Option<R> {
        let is_taken = IS_SCARCE.load(Relaxed) && draw(2) == 0;
        (!is_taken).then(f)
    }

    pub fn start_in_child() {}
}

pub mod pages {
    //! Counter pages, and the one that the tree shares.
    use std::sync::LazyLock;

    use faultless_core::counters::C;
    use faultless_core::page::Page;

    use crate::budget::Shared;
    use crate::live::Live;
    use crate::sync::{AtomicU64, Ordering::SeqCst};

    // SAFETY: atomics and arrays of them, for which zeroes are valid.
    static PAGE: LazyLock<Box<Page>> = LazyLock::new(|| unsafe { Box::<Page>::new_zeroed().assume_init() });
    /// Populate, lock, retain, growth.
    static TREE: [AtomicU64; 4] = [const { AtomicU64::new(0) }; 4];
    const _: () = assert!(size_of::<Shared>() == size_of::<[AtomicU64; 4]>());

    /// What all processes of the tree have taken of each budget.
    pub fn tree() -> [u64; 4] {
        TREE.each_ref().map(|taken| taken.load(SeqCst))
    }

    /// Other processes take so much of each.
    pub fn others_take(bytes: u64) {
        for taken in &TREE {
            taken.fetch_add(bytes, SeqCst);
        }
    }

    pub fn ensure() {}

    pub fn is_pending() -> bool {
        false
    }

    pub fn current() -> &'static Page {
        &PAGE
    }

    pub fn start_in_child() {}

    pub fn map_tree(_: &Live<'_>) -> Option<*mut Shared> {
        Some((&raw const TREE).cast_mut().cast())
    }

    pub fn settle_dead(_: &Live<'_>, _: &AtomicU64, _: C) -> bool {
        false
    }
}

pub mod populate {
    //! Advice that brings pages.
    pub const MADV_POPULATE_READ: i32 = 22;
    pub const MADV_POPULATE_WRITE: i32 = 23;
}

pub mod real {
    //! The real allocator.
    use std::ffi::c_void;

    pub struct Function<F>(F);

    impl<F: Copy> Function<F> {
        pub fn get(&self) -> F {
            self.0
        }
    }

    pub static MALLOC: Function<unsafe extern "C" fn(usize) -> *mut c_void> = Function(libc::malloc);
    pub static FREE: Function<unsafe extern "C" fn(*mut c_void)> = Function(libc::free);

    pub fn glibc_version() -> (u32, u32) {
        (36, 0)
    }

    pub fn is_malloc_glibc() -> bool {
        false
    }

    pub fn resolve() {}
}

pub mod trial {
    //! Filters: none.
    pub fn has_passed() -> bool {
        true
    }

    pub fn passes() -> bool {
        true
    }
}

pub mod usage {
    //! Samples: none.
    use faultless_core::page::Page;

    pub fn sample(_: &Page) {}

    pub fn sample_sometimes(_: &Page) {}
}
