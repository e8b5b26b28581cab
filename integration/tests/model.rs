//! The randomised model test of the malloc family (`c-tests/model_of_malloc`), under policies, beside another allocator,
//! and alone, which shows that the model itself is right.
//!
//! What must hold here: each case takes MODEL_SECONDS (8 where nothing is said, hours if asked) in rounds that each have
//! a seed of their own; a failure says the seed with which `MODEL_SEED=… cargo test -p faultless-integration --test model`
//! begins with the same round; a run that the shim did not reach, or in which it did nothing, is a failure.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime};

use faultless_integration::directives::End;
use faultless_integration::launch::Launch;
use faultless_integration::{artefacts, pages};

/// Seconds of one round: far from the time after which a program counts as hung.
const ROUND: u64 = 15;

const JEMALLOC: &str = "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2";

/// Where another allocator stands in LD_PRELOAD.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Other {
    None,
    BehindUs,
    BeforeUs,
}

/// What the model runs under.
struct Case {
    /// policy or rules; None is without the shim
    policy: Option<&'static str>,
    /// further environment
    env: &'static [(&'static str, &'static str)],
    /// jemalloc
    other: Other,
    /// what the program's own page must say
    page: &'static str,
    /// RLIMIT_MEMLOCK in bytes
    memlock: Option<u64>,
}

const ALONE: Case = Case { policy: None, env: &[], other: Other::None, page: "", memlock: None };
/// All that was taken is given back.
const NOTHING_LIVE: &str = "state = on, malloc_large >= 1, blocks_live = 0, blocks_live_bytes = 0";
const RECYCLED: &str = "state = on, recycled >= 1, blocks_live = 0, blocks_live_bytes = 0, retain_now = 0";
/// Ours do nothing where the program's calls reach another allocator first, or glibc fills what it gives.
const STANDS_BACK: &str = "state = on, malloc_large = 0";
const POPULATE: &str = "malloc@64K:huge+recycle+populate";
const LOCK: &str = "malloc@64K:recycle+lock";
const HUGETLB: &str = "malloc@64K:huge=hugetlb+recycle";
/// What a rule for the heap keeps is within retain-max too.
const KEEPS_64M: &[(&str, &str)] = &[("FAULTLESS_RETAIN_MAX", "64M"), ("MODEL_KEPT", "64")];
const KEEPS_NOTHING: &[(&str, &str)] = &[("FAULTLESS_RETAIN_MAX", "0")];
/// Every larger block is a mapping, in which calls may leave something behind; what is not zeroed is not zero.
const MAPPED_AND_PERTURBED: &[(&str, &str)] =
    &[("GLIBC_TUNABLES", "glibc.malloc.mmap_threshold=65536"), ("MALLOC_PERTURB_", "165"), ("MODEL_KEPT", "256")];

const MAPPED: &[(&str, &str)] = &[("GLIBC_TUNABLES", "glibc.malloc.mmap_threshold=65536"), ("MODEL_KEPT", "256")];

const fn under(policy: &'static str, page: &'static str) -> Case {
    Case { policy: Some(policy), page, ..ALONE }
}

macro_rules! cases {
    ($($name:ident: $case:expr;)*) => {$(
        #[test]
        fn $name() -> Result<(), String> {
            run(stringify!($name), &$case)
        }
    )*};
}

cases! {
    the_model_holds_alone: ALONE;
    the_model_holds_alone_with_mapped_blocks: Case { env: MAPPED_AND_PERTURBED, ..ALONE };
    the_model_holds_with_jemalloc_alone: Case { other: Other::BehindUs, ..ALONE };
    the_model_holds_under_throughput: Case { env: KEEPS_64M, ..under("throughput", RECYCLED) };
    the_model_holds_under_latency: Case { env: KEEPS_64M, ..under("latency", RECYCLED) };
    the_model_holds_when_nothing_is_kept: Case { env: KEEPS_NOTHING, ..under("throughput", NOTHING_LIVE) };
    the_model_holds_with_small_blocks_populated: under(POPULATE, RECYCLED);
    the_model_holds_with_hugetlb: under(HUGETLB, NOTHING_LIVE);
    the_model_holds_with_little_to_lock: Case { memlock: Some(4 << 20), ..under(LOCK, RECYCLED) };
    the_model_holds_with_tunables: Case { env: MAPPED, ..under("throughput", RECYCLED) };
    the_model_holds_with_blocks_that_glibc_fills: Case { env: MAPPED_AND_PERTURBED, ..under("throughput", STANDS_BACK) };
    the_model_holds_over_jemalloc_under_throughput: Case { other: Other::BehindUs, ..under("throughput", RECYCLED) };
    the_model_holds_over_jemalloc_under_latency: Case { other: Other::BehindUs, ..under("latency", RECYCLED) };
    the_model_holds_over_jemalloc_when_nothing_is_kept:
        Case { other: Other::BehindUs, env: KEEPS_NOTHING, ..under("throughput", NOTHING_LIVE) };
    the_model_holds_over_jemalloc_with_small_blocks_populated:
        Case { other: Other::BehindUs, ..under(POPULATE, RECYCLED) };
    the_model_holds_over_jemalloc_with_little_to_lock:
        Case { other: Other::BehindUs, memlock: Some(4 << 20), ..under(LOCK, RECYCLED) };
    the_model_holds_behind_jemalloc: Case { other: Other::BeforeUs, ..under(POPULATE, STANDS_BACK) };
}

fn run(name: &str, case: &Case) -> Result<(), String> {
    if case.other != Other::None && !Path::new(JEMALLOC).exists() {
        eprintln!("skipped: {JEMALLOC} is not there (apt-get install libjemalloc2)");
        return Ok(());
    }
    let program = program().as_ref()?;
    let number = |name: &str| std::env::var(name).ok().and_then(|v| v.parse::<u64>().ok());
    let seconds = number("MODEL_SECONDS").unwrap_or(8);
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_err(|e| e.to_string())?;
    let first = number("MODEL_SEED").unwrap_or(since_1970.as_nanos() as u64 >> 10);
    let began = Instant::now();
    let mut seed = first;
    while seed == first || began.elapsed() < Duration::from_secs(seconds) {
        let left = seconds.saturating_sub(began.elapsed().as_secs()).clamp(1, ROUND);
        round(case, program, seed, left).map_err(|why| {
            format!("{why}\nagain: MODEL_SEED={seed} cargo test -p faultless-integration --test model {name}")
        })?;
        seed += 1;
    }
    Ok(())
}

/// One run of the program.
fn round(case: &Case, program: &Path, seed: u64, seconds: u64) -> Result<(), String> {
    let mut env = vec![("MODEL_SEED".into(), seed.to_string()), ("MODEL_SECONDS".into(), seconds.to_string())];
    if let Ok(threads) = std::env::var("MODEL_THREADS") {
        env.push(("MODEL_THREADS".into(), threads));
    }
    env.extend(case.env.iter().map(|(name, value)| (name.to_string(), value.to_string())));
    if let Some(policy) = case.policy {
        let name = if policy.contains(':') { "FAULTLESS_RULES" } else { "FAULTLESS_POLICY" };
        env.push((name.into(), policy.into()));
    }
    let mut without = Vec::new();
    if case.other != Other::None {
        // jemalloc has no pvalloc, doesn't set errno when realloc fails, and keeps its pages for ten seconds.
        without.extend(["pvalloc", "enomem"]);
        env.push(("MODEL_KEPT".into(), "600".into()));
    }
    if case.policy == Some(HUGETLB) && free_huge_pages() > 0 {
        // 4K calls fail on such pages by themselves, and children die of an empty pool.
        without.extend(["fork", "space"]);
    }
    env.push(("MODEL_WITHOUT".into(), without.join(",")));

    let shim = artefacts::library();
    let shim = case.policy.map(|_| shim.to_string_lossy().into_owned());
    let jemalloc = (case.other != Other::None).then(|| JEMALLOC.to_string());
    let in_order = if case.other == Other::BeforeUs { [jemalloc, shim] } else { [shim, jemalloc] };
    let preload = in_order.into_iter().flatten().collect::<Vec<_>>().join(":");
    let limits: Vec<_> = case.memlock.map(|bytes| ("memlock".to_string(), bytes)).into_iter().collect();
    let scratch = program.parent().ok_or("no folder")?;
    let ran = Launch { program, preload, env, limits: &limits, scratch }.run()?;

    let said = String::from_utf8_lossy(&ran.stderr);
    if ran.end != End::Exit(0) {
        return Err(format!("{:?}: {said}", ran.end));
    }
    if !said.is_empty() {
        return Err(format!("says {said}"));
    }
    if case.policy.is_some() {
        let found = ran.pages?;
        let own = found.iter().find(|page| page.pid == ran.pid).ok_or("no counter page of its own")?;
        pages::check(own, case.page).map_err(|why| format!("page: {why}"))?;
    }
    println!("{}", String::from_utf8_lossy(&ran.stdout).trim_end());
    Ok(())
}

/// The model, compiled once.
fn program() -> &'static Result<PathBuf, String> {
    static PROGRAM: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("model");
        std::fs::create_dir_all(&folder).map_err(|e| e.to_string())?;
        let source = artefacts::workspace().join("c-tests/model_of_malloc");
        let entries = std::fs::read_dir(&source).map_err(|e| format!("{}: {e}", source.display()))?;
        let files = entries.flatten().map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "c"));
        let program = folder.join("model");
        let done = Command::new("gcc")
            // the compiler may not know malloc and its kin, or it removes the very calls that this is about
            .args(["-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-pthread", "-fno-builtin", "-o"])
            .arg(&program)
            .args(files)
            .output()
            .map_err(|e| format!("gcc: {e}"))?;
        match done.status.success() {
            true => Ok(program),
            false => Err(String::from_utf8_lossy(&done.stderr).into_owned()),
        }
    })
}

/// Pages of 2 MiB that the machine's hugetlb pool has to spare.
fn free_huge_pages() -> u64 {
    let path = "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages";
    std::fs::read_to_string(path).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}
