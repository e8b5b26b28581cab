//! An index read at random beside an endless scan of another file, two processes in one group.

use std::path::Path;
use std::time::{Duration, Instant};

use super::LIMIT;
use crate::stage::actor::Actor;
use crate::stage::group::Group;
use crate::stage::judge::Goal::{Below, Most};
use crate::stage::scene::{Scene, Turn};
use crate::stage::{Sample, Stage, disk};

/// MiB of the two files.
const INDEX: u64 = 64;
const SCANNED: u64 = 512;
/// The disk's reads a second when it is slow: 10 ms each.
pub const SLOW: u32 = 100;
/// The most time that a peer gets to bring the index into memory.
const PATIENCE: Duration = Duration::from_secs(20);
/// RLIMIT_MEMLOCK as many systems have it by default.
pub const LITTLE_MEMLOCK: u64 = 64 << 10;

/// How the two are run.
#[derive(Default)]
pub struct How {
    /// rules or a policy for both; empty: alone
    pub rules: String,
    /// without memlock and the right to do without
    pub no_memlock: bool,
    /// beside `vmtouch -l`
    pub vmtouch: bool,
    /// the reads of the index stay on one processor, so that it isn't chance whether they are on the one that the disk
    /// interrupts (10 µs at a time, twenty times what such a read takes)
    pub is_pinned: bool,
    /// the disk's reads a second
    pub reads_a_second: Option<u32>,
    /// seconds of reading before what is measured
    pub settle: u32,
    /// seconds that are measured
    pub seconds: u32,
}

pub fn scenes() -> Vec<Scene> {
    let scene = |name, title, aheads, contenders, play, goals| Scene {
        name,
        title,
        contenders,
        aheads,
        // one disturbed round of five would be an end of the interval, one of seven is not
        rounds: 7,
        play,
        goals,
    };
    vec![
        scene(
            "index-scan",
            "64 MiB index beside a scan",
            &[128, 8192],
            &["alone", "rule", "vmtouch"],
            |stage, turn| by_path(stage, turn, How { is_pinned: true, seconds: 3, ..How::default() }),
            &[Most("rule", "alone", "p999", 1.0 / 20.0), Most("rule", "vmtouch", "p999", 1.0)],
        ),
        scene(
            "index-scan-slow",
            "index beside a scan, 100 disk reads a second",
            &[128],
            &["alone", "rule"],
            |stage, turn| by_path(stage, turn, How { reads_a_second: Some(SLOW), seconds: 4, ..How::default() }),
            &[Below("rule", "p999", 1e6)],
        ),
        scene(
            "index-scan-no-memlock",
            "index beside a scan, no memlock",
            &[128],
            &["alone", "rule"],
            |stage, turn| by_path(stage, turn, How { no_memlock: true, seconds: 3, ..How::default() }),
            &[Most("rule", "alone", "p999", 1.0 / 3.0)],
        ),
    ]
}

/// With a rule for each of the two files.
fn by_path(stage: &mut Stage, turn: &Turn, how: How) -> Result<Sample, String> {
    let (index, scanned) = (stage.file("index", INDEX)?, stage.file("scanned", SCANNED)?);
    let rules = match turn.contender {
        "rule" => format!("file={}:lock,file={}:drop-behind", index.display(), scanned.display()),
        _ => String::new(),
    };
    play(stage, turn, &How { rules, vmtouch: turn.contender == "vmtouch", ..how })
}

/// The scan is under way when the index is first read.
pub fn play(stage: &mut Stage, turn: &Turn, how: &How) -> Result<Sample, String> {
    let (index, scanned) = (stage.file("index", INDEX)?, stage.file("scanned", SCANNED)?);
    disk::evict(&index)?;
    disk::evict(&scanned)?;
    let program = stage.program("mapped_reads")?;
    let group = stage.group(LIMIT, how.reads_a_second)?;
    let start = |stage: &mut Stage, around: &[&str], arguments: &[&str], file: &Path| {
        let mut argv: Vec<String> = around.iter().map(|a| (*a).to_owned()).collect();
        argv.push(program.clone());
        argv.extend(arguments.iter().map(|a| (*a).to_owned()));
        argv.push(file.to_string_lossy().into_owned());
        let env = if how.rules.is_empty() { vec![] } else { stage.under(&how.rules) };
        let mut run = stage.run(argv).env(env);
        run.limits = if how.no_memlock { vec![(libc::RLIMIT_MEMLOCK, LITTLE_MEMLOCK)] } else { vec![] };
        stage.start(&run, Some(&group))
    };
    let mut scan = start(stage, &[], &["pattern=sequential", "seconds=0"], &scanned)?;
    let _peer = if how.vmtouch { Some(vmtouch(stage, &group, &index)?) } else { None };
    std::thread::sleep(Duration::from_millis(500));
    // a request now and then, as an index gets them: read as fast as can be, it would keep itself in memory
    let (settle, seconds) = (format!("settle={}", how.settle), format!("seconds={}", how.seconds));
    let around: &[&str] = if how.is_pinned { &["taskset", "-c", &last_processor()?] } else { &[] };
    let seed = format!("seed={}", turn.round);
    let reads = start(stage, around, &["pause=200", &settle, &seconds, &seed], &index)?;
    let ended = reads.finish()?;
    match scan.runs() {
        true => Ok(ended.sample),
        false => Err(format!("the scan ended: {}", scan.finish().err().unwrap_or_default())),
    }
}

/// The last processor that we may run on, by its number.
fn last_processor() -> Result<String, String> {
    let status = std::fs::read_to_string("/proc/self/status").map_err(|e| e.to_string())?;
    let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    let last = allowed.and_then(|list| list.trim().rsplit([',', '-']).next());
    last.map(str::to_owned).ok_or_else(|| "/proc/self/status: no Cpus_allowed_list".into())
}

/// `vmtouch -l` in the same group, until it has the whole file.
fn vmtouch(stage: &mut Stage, group: &Group, file: &Path) -> Result<Actor, String> {
    let run = stage.run(["vmtouch", "-l", "-m", "4G", &file.to_string_lossy()]);
    let mut peer = stage.start(&run, Some(group)).map_err(|e| format!("{e}; apt-get install vmtouch"))?;
    let begun = Instant::now();
    while disk::resident(file)? < INDEX << 20 {
        if begun.elapsed() > PATIENCE || !peer.runs() {
            return Err(format!("vmtouch did not lock the file: {:?}", peer.finish().err()));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(peer)
}
