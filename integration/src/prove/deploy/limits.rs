//! What orchestrators take away: a writable root, a user with a name, shared memory, memory. And probes, which come often.
//!
//! What must hold here: nothing is asked of the image; what a limit would have done to the program is shown beside.

use super::containers::{DEBIAN, LIBRARY, engine, report, rule};
use super::engine::Engine;
use super::judge;
use crate::prove::Sink;

/// How often a probe runs.
const PROBES: usize = 20;
/// Processes of one container, each with a page.
const PROCESSES: usize = 400;

/// All of it.
pub fn prove(sink: Sink<'_>) -> Result<(), String> {
    let engine = engine()?;
    let engine = &engine;
    let policy = "-e FAULTLESS_POLICY=throughput";
    for (name, flags) in [
        ("read-only root", "--read-only --read-only-tmpfs=false"),
        ("a user id without a name", "--user 1234567:0"),
        (
            "both, no capabilities, no new privileges",
            "--read-only --user 1234567:0 --cap-drop=all --security-opt no-new-privileges",
        ),
    ] {
        judge(sink, &format!("{name}: works, and is reported"), "a rule's regions, status 7", || {
            let id = engine.up(&format!("{flags} {policy} {DEBIAN} serve 8 handle"))?;
            let text = report(engine, &id)?;
            let regions = rule(&text, "anon@2M:huge").and_then(|c| c.first().copied()).unwrap_or("none").to_owned();
            let status = engine.stop(&id)?;
            Ok((format!("{regions} regions, status {status}"), regions == "1" && status == 7))
        });
    }
    judge(sink, "probes by exec leave no counter pages behind", "as many as before", || {
        let id = engine.up(&format!("-e LD_PRELOAD={LIBRARY} {policy} --entrypoint serve {DEBIAN} 8"))?;
        let before = pages(engine, &id)?;
        for _ in 0..PROBES {
            engine.ok(&format!("podman exec {id} sh -c 'cat /proc/uptime | grep -q .'"))?;
        }
        let after = pages(engine, &id)?;
        Ok((format!("{before}, after {PROBES} probes {after}"), before == 1 && after == before))
    });
    judge(sink, "64 MiB of /dev/shm: a crowd of processes, and a full one", "all exit 0", || {
        // Under `run` each process has a page from its start.
        let crowd = format!(
            "i=0; while [ $i -lt {PROCESSES} ]; do sleep 1000 & p=\"$p $!\"; i=$((i+1)); done; \
            while [ $(ls /dev/shm/faultless-0 | wc -l) -lt {PROCESSES} ]; do sleep 0.1; done; \
            du -sm /dev/shm | cut -f1; kill $p; dd if=/dev/zero of=/dev/shm/full bs=1M 2>/dev/null; df /dev/shm | tail -n 1; \
            seq 100000 | sort -n | tail -n 1"
        );
        let flags = "--shm-size 64m -e FAULTLESS_RULES=any:huge -e FAULTLESS_REPORT=none";
        let said = engine.ok(&format!("podman run --rm {flags} {DEBIAN} sh -c '{crowd}'"))?;
        let lines: Vec<&str> = said.lines().collect();
        let [used, full, result] = lines[..] else { return Ok((said.clone(), false)) };
        let is_full = full.contains("100%");
        let met = used.trim().parse::<u32>().is_ok_and(|mib| mib < 64) && is_full && result == "100000";
        Ok((format!("{PROCESSES} use {used} MiB; full: {is_full}, result {result}"), met))
    });
    judge(sink, "memory limit of 256 MiB: populate and lock keep to it", "not killed; as alone", || {
        // 2 × 400 MiB of address space, of which 2 × 20 are touched: in full it would not fit.
        let run = |flags: &str| -> Result<(String, String), String> {
            let id = engine.up(&format!(
                "-m 256m --memory-swap 256m --cap-add IPC_LOCK {flags} {DEBIAN} serve 400 touch=20 handle"
            ))?;
            let text = if flags.is_empty() { String::new() } else { report(engine, &id)? };
            let status = engine.stop(&id)?;
            let killed = engine.ok(&format!("podman inspect -f '{{{{.State.OOMKilled}}}}' {id}"))?;
            Ok((format!("status {status}, OOM-killed {killed}"), text))
        };
        let (alone, _) = run("")?;
        let (under, text) = run("-e FAULTLESS_RULES=any:populate+lock")?;
        let columns = rule(&text, "any:populate+lock").map(|c| c.join(" ")).unwrap_or_default();
        Ok((format!("{under}; {columns}"), under == alone && alone.starts_with("status 7")))
    });
    Ok(())
}

/// How many counter pages a container has.
fn pages(engine: &Engine, id: &str) -> Result<usize, String> {
    let folder = format!("/proc/{}/root/dev/shm/faultless-0", engine.pid(id)?);
    let entries = std::fs::read_dir(&folder).map_err(|e| format!("{folder}: {e}"))?.flatten();
    Ok(entries.filter(|e| !e.file_name().to_string_lossy().starts_with("tree.")).count())
}
