//! The one table of counters. Text, JSON, Prometheus and docs come from it; the shim indexes it with [`C`].
//!
//! What must hold here: the order is the layout of the counter page, so new rows go to the end and a removed row
//! means a new [`crate::page::VERSION`].

/// Whether a value only grows or also falls.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sort {
    /// only grows
    Counter,
    /// the value now
    Gauge,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Counter {
    /// field name in JSON; `faultless_NAME` in Prometheus
    pub name: &'static str,
    /// bytes, ns, calls, pages, regions, …
    pub unit: &'static str,
    /// counter or gauge
    pub sort: Sort,
    /// what it means
    pub help: &'static str,
}

macro_rules! table {
    ($($id:ident $name:literal $unit:literal $sort:ident $help:literal;)*) => {
        /// Index of a counter in the page.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(usize)]
        #[allow(missing_docs)] // each row of TABLE says what it means
        pub enum C { $($id),* }

        impl C {
            /// Every index, in the order of [`TABLE`].
            pub const ALL: &[C] = &[$(C::$id),*];
        }

        /// Every counter, in the order of the page.
        pub const TABLE: &[Counter] = &[
            $(Counter { name: $name, unit: $unit, sort: Sort::$sort, help: $help }),*
        ];
    };
}

table! {
    MmapCalls "mmap_calls" "calls" Counter "mmap and mmap64 calls of the program that succeeded";
    MmapBytes "mmap_bytes" "bytes" Counter "bytes that these calls mapped";
    MunmapCalls "munmap_calls" "calls" Counter "munmap calls that succeeded";
    MremapCalls "mremap_calls" "calls" Counter "mremap calls that succeeded";
    MadviseCalls "madvise_calls" "calls" Counter "madvise and posix_madvise calls of the program";
    MlockCalls "mlock_calls" "calls" Counter "calls of the mlock family by the program";
    MallocLarge "malloc_large" "calls" Counter "blocks at or over the policy's smallest malloc bound";
    MallocLargeBytes "malloc_large_bytes" "bytes" Counter "bytes asked for in such blocks";
    BlocksLive "blocks_live" "blocks" Gauge "blocks of the pool that the program holds now";
    BlocksLiveBytes "blocks_live_bytes" "bytes" Gauge "bytes mapped for these blocks";
    EarlyBytes "early_bytes" "bytes" Counter "bytes served before the constructor had run";
    RegionsRuled "regions_ruled" "regions" Counter "regions that some rule matched";
    PopulatedBytes "populated_bytes" "bytes" Counter "bytes made resident by populate";
    PopulateNow "populate_now" "bytes" Gauge "bytes that count against populate-max now";
    LockedBytes "locked_bytes" "bytes" Counter "bytes locked by rules";
    LockNow "lock_now" "bytes" Gauge "bytes that count against lock-max now";
    HugeAskedBytes "huge_asked_bytes" "bytes" Counter "bytes for which huge pages were asked for";
    HugeGoneBytes "huge_gone_bytes" "bytes" Counter "bytes on huge pages when their region went, as the kernel showed them";
    HugeGoneOf "huge_gone_of" "bytes" Counter "resident bytes of the regions sampled when they went";
    HugeNow "huge_now" "bytes" Gauge "bytes on huge pages, last sampled";
    HugeNowOf "huge_now_of" "bytes" Gauge "resident private bytes, last sampled with huge_now";
    OwnNs "own_ns" "ns" Counter "time spent in actions, in the program's own threads";
    OwnLongestNs "own_longest_ns" "ns" Gauge "the longest single action";
    OwnMinorFaults "own_minor_faults" "faults" Counter "minor faults that our own actions took (populate)";
    OwnMajorFaults "own_major_faults" "faults" Counter "major faults that our own actions took";
    MinorFaults "minor_faults" "faults" Gauge "ru_minflt when last sampled, ours included";
    MajorFaults "major_faults" "faults" Gauge "ru_majflt when last sampled, ours included";
    PeakRss "peak_rss" "bytes" Gauge "ru_maxrss when last sampled";
    UserUs "user_us" "us" Gauge "user time when last sampled";
    SysUs "sys_us" "us" Gauge "system time when last sampled";
    InBlock "disk_read_bytes" "bytes" Gauge "bytes read from disk (ru_inblock) when last sampled";
    Forks "forks" "processes" Counter "children forked by this process";
    Execs "execs" "programs" Counter "programs that this process tried to run";
    NotReached "not_reached" "programs" Counter "programs run that the preload cannot reach";
    Raced "raced" "calls" Counter "times that our bookkeeping was busy and an action was skipped";
    UnknownNames "unknown_names" "variables" Counter "FAULTLESS_… variables that are no option";
    OwnUnlocked "own_unlocked_bytes" "bytes" Counter "bytes of ours unlocked in favour of a call of the program";
    RetainNow "retain_now" "bytes" Gauge "bytes of freed blocks kept for the next";
    Recycled "recycled" "blocks" Counter "blocks that got the pages of a freed one";
    ReportErrors "report_errors" "reports" Counter "reports that could not be written";
    GrowthNow "huge_growth_now" "bytes" Gauge "bytes that huge pages may have cost beyond what was touched, against huge-growth-max";
    OwnThreads "own_threads" "threads" Counter "threads of ours that were started";
    HugeLater "huge_later_bytes" "bytes" Counter "bytes put on huge pages after they were in use, because huge pages were slow to come by";
    OwnThreadNs "own_thread_ns" "ns" Counter "time that threads of ours were at work";
    AutoRandom "auto_random" "turns" Counter "times that auto turned a mapping to random";
    AutoScan "auto_scan" "turns" Counter "times that auto found a scan, and dropped behind it from then on";
    AutoBack "auto_back" "turns" Counter "times that auto turned a mapping back to what the kernel does by itself";
    AutoFaultsBefore "auto_faults_before" "faults" Counter "major faults in the windows before such turns to random";
    AutoReadBefore "auto_read_before_bytes" "bytes" Counter "bytes read from disk in these windows";
    AutoFaultsAfter "auto_faults_after" "faults" Counter "major faults in the trials after these turns";
    AutoReadAfter "auto_read_after_bytes" "bytes" Counter "bytes read from disk in these trials";
    DroppedBytes "dropped_bytes" "bytes" Counter "bytes of files dropped behind a scan";
    FilesOpened "files_opened" "files" Counter "opened files, not mapped ones, that a rule acts on";
    ReadAheadBytes "read_ahead_bytes" "bytes" Counter "bytes of opened files read ahead of the program";
    HotSamples "hot_samples" "samples" Counter "blocks looked at by lock=hot";
    HotSamplesUsed "hot_samples_used" "samples" Counter "of these, blocks that the program used within the time that a sample waits";
    HotBytes "hot_bytes" "bytes" Gauge "bytes of the pieces found hot";
    HotLockedNow "hot_locked_now" "bytes" Gauge "bytes that lock=hot has locked now";
    HotLetGo "hot_let_go_bytes" "bytes" Counter "bytes that lock=hot has let go again";
    HotNs "hot_ns" "ns" Counter "time that lock=hot took, in a thread of ours";
}

/// How many counters the page holds.
pub const COUNT: usize = TABLE.len();

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    #[test]
    fn every_counter_has_a_name_of_its_own() {
        let mut names: std::vec::Vec<_> = TABLE.iter().map(|c| c.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), COUNT);
    }
}
