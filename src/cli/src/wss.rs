//! `faultless report --wss`: how much of a process's memory is in use, any process, over some seconds.
//!
//! What must hold here: the answer says where it is from, what asking cost the process, and that it was disturbed: clearing
//! the accessed bits makes pages look unused to reclaim until they are used again.

use std::fs;
use std::io;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use faultless_core::size::Human;

use crate::args::Report;
use crate::small;
use crate::tell::answer;

/// What /proc/PID/smaps_rollup (Linux 4.14) says, in bytes.
struct Rollup {
    rss: u64,
    referenced: u64,
    swap: u64,
}

impl Rollup {
    fn read(pid: i32) -> io::Result<Rollup> {
        let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
        let field = |name| small::field(&text, name).map(|kib| kib * 1024).ok_or(io::ErrorKind::InvalidData);
        Ok(Rollup { rss: field("Rss:")?, referenced: field("Referenced:")?, swap: field("Swap:").unwrap_or(0) })
    }
}

/// Measures and prints it.
///
/// # Errors
/// There is no such process, or it is another user's.
pub fn report(args: &Report) -> Result<i32> {
    let Some(pid) = args.of.to_str().and_then(|text| text.parse::<i32>().ok()) else {
        bail!("--wss wants a process id, not {}", args.of.display());
    };
    let name = small::text(format!("/proc/{pid}/comm")).with_context(|| format!("there is no process {pid}"))?;
    let denied = |call: &str| format!("{call} of process {pid} (only its user, or root, may)");
    let began = Instant::now();
    // 1: the accessed bits of all its pages.
    fs::write(format!("/proc/{pid}/clear_refs"), "1").with_context(|| denied("clear_refs"))?;
    let cleared = began.elapsed();
    std::thread::sleep(Duration::from_secs_f64(args.over));
    let over = began.elapsed();
    let asked = Instant::now();
    let Rollup { rss, referenced, swap } = Rollup::read(pid).with_context(|| denied("smaps_rollup"))?;
    let read = asked.elapsed();
    if args.json {
        let json = serde_json::json!({
            "version": 1, "pid": pid, "exe": name, "over_ns": over.as_nanos() as u64,
            "referenced_bytes": referenced, "rss_bytes": rss, "swap_bytes": swap,
            "source": "clear_refs, then Referenced of smaps_rollup",
            "clear_ns": cleared.as_nanos() as u64, "read_ns": read.as_nanos() as u64,
        });
        answer(&format!("{json}\n"))?;
        return Ok(0);
    }
    let share = (referenced * 100).checked_div(rss).map_or(String::new(), |percent| format!(" ({percent} %)"));
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    answer(&format!(
        "faultless: {name}[{pid}], over {:.1} s\n\
         in use      {} of {} resident{share}\n\
         in swap     {}\n\
         source      clear_refs, then Referenced of /proc/{pid}/smaps_rollup\n\
         cost        {:.1} ms to clear, {:.1} ms to read, in which its page tables are held\n\
         disturbed   what it has not used since looks unused to reclaim; reads by read(2) are not seen\n",
        over.as_secs_f64(),
        Human(referenced),
        Human(rss),
        Human(swap),
        ms(cleared),
        ms(read),
    ))?;
    Ok(0)
}
