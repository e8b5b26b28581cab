//! The rows of the table: what is run, what of its figures is shown, and what a row needs of the machine.
//!
//! What must hold here: `touches` is at least what the program touches alone, because that much is warmed before it.

/// What a figure is counted in; less is better in each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    /// s
    Seconds,
    /// ns
    Nanoseconds,
    /// µs
    Microseconds,
    /// MiB
    Mib,
}

impl Unit {
    /// Its sign.
    pub fn sign(self) -> &'static str {
        match self {
            Unit::Seconds => "s",
            Unit::Nanoseconds => "ns",
            Unit::Microseconds => "µs",
            Unit::Mib => "MiB",
        }
    }
}

/// One figure of a row.
#[derive(Clone, Copy, Debug)]
pub struct Figure {
    /// as the program prints it; `wall` and `peak_rss` are measured from outside
    pub name: &'static str,
    /// what it counts
    pub unit: Unit,
    /// a few words for the table's heading
    pub title: &'static str,
}

/// What is run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Work {
    /// a program of bench/ with its arguments
    C(&'static str, &'static str),
    /// a script of bench/
    Python(&'static str),
    /// a class of bench/
    Java(&'static str),
    /// gcc -O2 -c on a large generated file
    Gcc,
    /// redis-server, loaded with a million keys
    RedisLoad,
    /// the same, saving in the background while keys are written
    RedisSave,
}

/// One workload.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// as ROWS takes it; the part before the `-` names its group
    pub name: &'static str,
    /// one line
    pub title: &'static str,
    /// what is run
    pub work: Work,
    /// MiB that it touches at most, alone
    pub touches: u64,
    /// what is shown, the first with faults and memory
    pub figures: &'static [Figure],
    /// cores without which it says nothing
    pub cores: usize,
    /// whether it runs on fragmented memory, and so without warming
    pub fragmented: bool,
    /// whether the contender `populate` takes part
    pub populate: bool,
}

const fn figure(name: &'static str, unit: Unit, title: &'static str) -> Figure {
    Figure { name, unit, title }
}

const fn row(name: &'static str, title: &'static str, work: Work, touches: u64, figures: &'static [Figure]) -> Row {
    Row { name, title, work, touches, figures, cores: 1, fragmented: false, populate: false }
}

const TOUCH: Figure = figure("touch", Unit::Seconds, "malloc and memset");
const TOTAL: Figure = figure("total", Unit::Seconds, "in all");
const PAIR: Figure = figure("pair", Unit::Nanoseconds, "a pair, in each thread");

/// Every row, in the order of issue and table.
pub const TABLE: &[Row] = &[
    row("one-main", "4096 × 64 KiB malloc + memset in main", Work::C("blocks", "take 0 4096 65536"), 288, &[TOUCH]),
    row("one-pthread", "the same in one pthread", Work::C("blocks", "take 1 4096 65536"), 288, &[TOUCH]),
    row("one-8", "the same in 8 pthreads", Work::C("blocks", "take 8 4096 65536"), 288, &[TOUCH]),
    Row {
        cores: 16,
        ..row("one-16", "the same in 16 pthreads", Work::C("blocks", "take 16 4096 65536"), 288, &[TOUCH])
    },
    row("blocks", "64 × 4 MiB malloc + memset", Work::C("blocks", "take 0 64 4194304"), 288, &[TOUCH]),
    Row {
        populate: true,
        ..row(
            "big-malloc",
            "malloc 1 GiB and touch each page, twice",
            Work::C("large", "malloc"),
            1056,
            &[
                figure("total", Unit::Seconds, "malloc and first touch"),
                figure("touch", Unit::Seconds, "first touch"),
                figure("again", Unit::Seconds, "second touch"),
            ],
        )
    },
    Row {
        populate: true,
        ..row("big-calloc", "calloc 1 GiB and read each page", Work::C("large", "calloc"), 1056, &[TOTAL])
    },
    row(
        "reads",
        "5 M dependent random reads over 1 GiB by malloc",
        Work::C("large", "reads"),
        1056,
        &[figure("reads", Unit::Seconds, "the reads alone")],
    ),
    row(
        "reuse",
        "malloc 64 MiB, touch, malloc 32 MiB, touch, free both; 40 ×",
        Work::C("large", "reuse"),
        128,
        &[TOTAL],
    ),
    row(
        "realloc",
        "realloc doubling 1 MiB to 2 GiB, touching what is new",
        Work::C("large", "realloc"),
        3104,
        &[TOTAL],
    ),
    row(
        "churn-256k",
        "1000 × 256 KiB written, all freed, again; 20 ×",
        Work::C("small", "churn 1000 262144"),
        288,
        &[TOTAL],
    ),
    row(
        "churn-900k",
        "300 × 900 KiB written, all freed, again; 20 ×",
        Work::C("small", "churn 300 921600"),
        320,
        &[TOTAL],
    ),
    row(
        "nodes",
        "8 M nodes of 48 bytes in a hash table, 10 M look-ups",
        Work::C("small", "nodes"),
        640,
        &[
            figure("build", Unit::Seconds, "building"),
            figure("look", Unit::Seconds, "looking up"),
            figure("peak_rss", Unit::Mib, "peak memory"),
        ],
    ),
    row(
        "left",
        "764 MiB of 64 KiB and 4 MiB blocks in main and 8 threads, all freed",
        Work::C("blocks", "left"),
        800,
        &[
            figure("rss_after_free", Unit::Mib, "resident after free"),
            figure("rss_after_trim", Unit::Mib, "resident after malloc_trim(0)"),
        ],
    ),
    row("mmap", "mmap 256 MiB and memset, no allocator involved", Work::C("large", "mmap"), 288, &[TOTAL]),
    row("small-1", "20 M × malloc(64) and free", Work::C("small", "pairs 1"), 32, &[PAIR]),
    Row { cores: 2, ..row("small-2", "the same in 2 threads at once", Work::C("small", "pairs 2"), 32, &[PAIR]) },
    Row { cores: 16, ..row("small-16", "the same in 16 threads at once", Work::C("small", "pairs 16"), 32, &[PAIR]) },
    row("redis-load", "a million SETs of 100 bytes", Work::RedisLoad, 320, &[figure("load", Unit::Seconds, "loading")]),
    row(
        "redis-save",
        "10,000 keys of a million written during a BGSAVE",
        Work::RedisSave,
        640,
        &[
            figure("save_peak", Unit::Mib, "peak memory of server and child, shared pages once"),
            figure("save", Unit::Seconds, "the save"),
        ],
    ),
    row(
        "numpy",
        "expressions with temporaries of 128 MiB",
        Work::Python("temporaries.py"),
        640,
        &[figure("temporaries", Unit::Seconds, "in all")],
    ),
    row(
        "dict",
        "python3: a dictionary of 1.5 M strings",
        Work::Python("dict.py"),
        384,
        &[figure("build", Unit::Seconds, "building"), figure("look up", Unit::Seconds, "looking up")],
    ),
    row("gcc", "-O2 -c of a large generated file", Work::Gcc, 384, &[figure("wall", Unit::Seconds, "in all")]),
    row(
        "java",
        "lists made and dropped, the default collector",
        Work::Java("Garbage"),
        768,
        &[figure("garbage", Unit::Seconds, "the work alone"), figure("wall", Unit::Seconds, "start-up included")],
    ),
    Row {
        fragmented: true,
        ..row(
            "fragmented",
            "4096 × 64 KiB in main; no free 2 MiB page at the start",
            Work::C("blocks", "take 0 4096 65536"),
            288,
            &[figure("slowest", Unit::Microseconds, "the slowest malloc and memset"), TOUCH],
        )
    },
];

/// The rows that a word of ROWS means: the one of this name, or the group.
pub fn named(word: &str) -> Vec<&'static Row> {
    let group = |name: &str| name.split('-').next() == Some(word);
    match TABLE.iter().find(|r| r.name == word) {
        Some(row) => vec![row],
        None => TABLE.iter().filter(|r| group(r.name)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_means_one_row_or_a_group() {
        let names = |word| named(word).iter().map(|r| r.name).collect::<Vec<_>>();
        assert_eq!(names("one"), ["one-main", "one-pthread", "one-8", "one-16"]);
        assert_eq!(names("reuse"), ["reuse"]);
        assert!(names("on").is_empty());
    }
}
