//! What a result must say of the machine that it comes from.
//!
//! What must hold here: nothing that names the machine, its user or its folders: results are published.

use std::ffi::CStr;
use std::process::Command;

use super::contenders::Contender;
use super::{measure, peers};

/// Packages whose programs are rows.
const PROGRAMS: [&str; 6] = ["gcc", "redis-server", "python3", "python3-numpy", "openjdk-17-jre-headless", "libc6"];

/// Cores that this process may use.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The kernel's version without what its builder added.
pub fn kernel() -> String {
    let full = read("/proc/sys/kernel/osrelease");
    full.split(['-', '+']).next().unwrap_or_default().to_owned()
}

/// Lines of a Markdown list.
pub fn describe(contenders: &[&Contender]) -> Vec<String> {
    let cpu = read("/proc/cpuinfo");
    let model = cpu.lines().find_map(|l| l.strip_prefix("model name")?.split_once(": "));
    let thp = |name: &str| read(&format!("/sys/kernel/mm/transparent_hugepage/{name}"));
    // SAFETY: glibc returns a constant string that ends with a zero.
    let glibc = unsafe { CStr::from_ptr(libc::gnu_get_libc_version()) }.to_string_lossy();
    let mut lines = vec![
        format!("{} × {}, {:.1} GiB", cores(), model.map_or("unknown CPU", |(_, m)| m), gib("MemTotal")),
        format!("Linux {}, glibc {glibc}", kernel()),
        format!("THP enabled {}, defrag {}, shmem {}", thp("enabled"), thp("defrag"), thp("shmem_enabled")),
        format!("load {} at the end, {:.1} GiB available", read("/proc/loadavg"), gib("MemAvailable")),
        format!("Faultless {}{}", env!("CARGO_PKG_VERSION"), commit().unwrap_or_default()),
    ];
    lines.extend(contenders.iter().map(|c| match c.version() {
        Some(version) => format!("{}: {} ({version})", c.name, c.about),
        None => format!("{}: {}", c.name, c.about),
    }));
    let versions = PROGRAMS.map(|p| (p, peers::version(p))).into_iter().filter(|(_, v)| v != "unknown");
    lines.push(versions.map(|(p, v)| format!("{p} {v}")).collect::<Vec<_>>().join(", "));
    lines
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default().trim_end().to_owned()
}

fn gib(row: &str) -> f64 {
    measure::meminfo(row) as f64 / f64::from(1 << 20)
}

fn commit() -> Option<String> {
    let done = Command::new("git").args(["describe", "--always", "--dirty"]).output().ok()?;
    done.status.success().then(|| format!(" ({})", String::from_utf8_lossy(&done.stdout).trim()))
}
