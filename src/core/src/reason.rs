//! Why an action was done in part, skipped, or refused: one table, from which reports and docs come.
//!
//! What must hold here: the order is part of the counter page's layout; new rows go to the end. Each row says in
//! a few words what happened and, where the user can do something about it, the one-line remedy.

macro_rules! reasons {
    ($($id:ident $text:literal $remedy:literal;)*) => {
        /// A reason, as the counter page numbers it.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u8)]
        #[allow(missing_docs)] // each row of TABLE says what it means
        pub enum Reason { $($id),* }
        /// (reason, remedy or empty), in the order of [`Reason`].
        pub const TABLE: &[(&str, &str)] = &[$(($text, $remedy)),*];
    };
}

reasons! {
    Done "done" "";
    NotKept "only blocks of malloc are kept for the next" "";
    Errno "the kernel refused" "";
    OldKernel "this kernel lacks the call" "";
    Fallback "this kernel lacks the call, done in another way" "";
    BudgetOption "over the budget given" "raise the option (faultless policy show prints the budgets)";
    BudgetLimit "no memory to spare: over half of what the limit leaves free" "raise the memory limit or set populate-max";
    Memlock "RLIMIT_MEMLOCK reached" "raise it (ulimit -l, LimitMEMLOCK=) or give CAP_IPC_LOCK";
    Time "populate-time-max reached" "raise populate-time-max, or use populate=async";
    TooSmall "holds no whole 2 MiB" "";
    ThpNever "transparent huge pages are off" "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled";
    NoHugetlb "no free page in the hugetlb pool, used transparent ones" "sysctl vm.nr_hugepages=N";
    Seccomp "a seccomp filter is in place" "";
    ProgramAdvice "the program gave its own advice, which stands" "";
    TableFull "too many regions at once" "";
    Busy "bookkeeping was busy" "";
    Allocator "another allocator is in charge" "";
    AddressSpace "RLIMIT_AS is set" "";
    NotResident "pages did not become resident" "";
    WrongKind "memory of this kind cannot have it" "";
    NotWritable "not writable: populating would copy or dirty it" "";
    Unknown "unknown" "";
    VmLocked "the program locks it itself" "";
    NoRoom "no room for such a block: left to the program's allocator" "";
    Told "told to let go (faultless off)" "";
    Tuned "the program, or its environment, has tuned malloc itself" "";
    Trims "malloc gives parts of such a heap back by itself, which a lock would refuse" "";
    Reserved "RLIMIT_AS, RLIMIT_DATA or strict overcommit counts what is only reserved" "";
    Scarce "huge pages were slow to come by: on 4K pages at first, on huge ones once it has rested" "sysctl vm.compact_memory=1";
    Begun "a thread of ours populates it ahead of the program" "";
    Watched "watched, and left as the kernel has it until something shows" "";
    TurnedRandom "turned to random: most of what was read from disk was never used" "";
    TurnedBack "turned back to what the kernel does by itself" "";
    Scanned "found to be a scan: dropped behind" "";
    WasThere "was in memory before, or may have been (the file is another user's): nothing is dropped" "";
    Refreshed "no room under RLIMIT_MEMLOCK: kept by looking it up now and then, which is worth less" "raise it (ulimit -l, LimitMEMLOCK=) or give CAP_IPC_LOCK";
    TooLittle "too small to be worth watching: left to the kernel" "";
    HotByBlocks "what is hot is found by taking a block of each piece out of the page tables and looking if it comes back" "";
    HotByPresence "what is hot is found by what stays in memory" "";
    HotFound "the hot part was found, and is locked as far as it may be" "";
    Pressure "memory got tight: let go, until there is room" "raise the memory limit, or lower lock-max";
    NoHotSet "no hot set: no part is used clearly more than the rest, and nothing is locked" "";
    ThpOff "huge pages are off for this process (faultless run --thp off, or a prctl)" "run it without --thp";
    ShmemNever "huge pages of shared memory are off" "echo advise > /sys/kernel/mm/transparent_hugepage/shmem_enabled, or huge=collapse+populate";
    Misplaced "advised, but its place in memory and that in its file differ by no multiple of 2 MiB: no huge page can hold it" "link it with -Wl,-z,max-page-size=0x200000";
    InPageCache "advised: what is read from now on may be on huge pages (ext4, xfs), what is in the page cache stays as it is" "faultless warm --evict FILE before it starts";
    HeatKnown "what was hot before was brought in and locked (FAULTLESS_HEAT)" "";
    HeatOld "the file has changed since: what was hot before was only read ahead (FAULTLESS_HEAT)" "faultless run --learn again";
    Blind "which pages are present can't be seen, so that nothing is found hot" "mount /proc";
    GivenStack "the program gave the stack: left to the rules for that memory" "";
    NoKey "the end of threads can't be noticed: none of the first thread-specific keys is left" "";
    MainStack "the main stack: locked, it would end where RLIMIT_MEMLOCK does; locked in part, it would seem to end there" "";
}

impl Reason {
    /// The words for a number found in a page.
    pub fn text(number: u8) -> &'static str {
        TABLE.get(number as usize).map_or("unknown", |r| r.0)
    }

    /// The one-line remedy, or an empty string.
    pub fn remedy(number: u8) -> &'static str {
        TABLE.get(number as usize).map_or("", |r| r.1)
    }
}
