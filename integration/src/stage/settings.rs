//! What the environment says of which scenes are played and how: ROWS, ROUNDS, AHEAD, SAVE, SHOW.
//!
//! What must hold here: a word that isn't understood stops the run before anything was measured.

/// The text of `--help` on scenes: what they are played in, and what chooses a part of them.
pub const HELP: &str = "\
The parts `files` and `hot` play scenes: programs in a memory cgroup of mostly 256 MiB, with files of 512 MiB that
are out of the page cache before each run. They need root, 4 GiB of memory, 5 GiB of disk under the target folder,
and about 13 minutes (files; 8 with AHEAD=128) and 30 minutes (hot). The disk's readahead is changed and put back.
Carried to another machine, this program takes the folder in which it is started for the workspace (bench/, target/).
The part `compare` has rows, and takes about 15 minutes on a machine that does nothing else; elsewhere noise makes SKIPs.

in the environment:
    ROWS=\"hot-range index-scan\"  only these scenes of the parts `files` and `hot`, or rows of `compare`
    ROUNDS=5                     rounds in which contenders take turns (`compare`: blocks, comparisons, moments)
    AHEAD=\"128 8192\"             read_ahead_kb of the disk, instead of what each scene asks for
    SAVE=1                       the servers' runs go to bench/results, where `make readme` takes them from
    SHOW=1                       every sample, and what Faultless reported, on stderr";

/// The scenes asked for; empty is all.
pub fn rows() -> Vec<String> {
    words("ROWS")
}

/// Rounds, if they are set.
pub fn rounds() -> Result<Option<usize>, String> {
    let number = |n: &String| n.parse().ok().filter(|n| *n > 0).ok_or(format!("ROUNDS={n} is no number of rounds"));
    words("ROUNDS").first().map(number).transpose()
}

/// Values of read_ahead_kb, if they are set.
pub fn aheads() -> Result<Option<Vec<u32>>, String> {
    let number = |n: &String| n.parse().map_err(|_| format!("AHEAD={n} is no size in KiB"));
    let found: Vec<u32> = words("AHEAD").iter().map(number).collect::<Result<_, _>>()?;
    Ok(Some(found).filter(|f| !f.is_empty()))
}

/// Whether runs are kept for `make readme`.
pub fn saves() -> bool {
    !words("SAVE").is_empty()
}

/// Whether every sample is shown.
pub fn shows() -> bool {
    !words("SHOW").is_empty()
}

fn words(name: &str) -> Vec<String> {
    std::env::var(name).unwrap_or_default().split_whitespace().map(str::to_owned).collect()
}
