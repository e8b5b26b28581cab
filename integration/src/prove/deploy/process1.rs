//! As process 1 of a container: signals reach the program, orphans are collected; the same under tini.
//!
//! What must hold here: each is shown beside what happens without, or it would say nothing.

use std::fs;

use super::containers::{DEBIAN, engine};
use super::engine::Engine;
use super::judge;
use crate::prove::Sink;

const ORPHANS: usize = 20;

/// All of it.
pub fn prove(sink: Sink<'_>) -> Result<(), String> {
    let engine = engine()?;
    let engine = &engine;
    judge(sink, "process 1: run -- becomes the program, which gets SIGTERM", "told to stop, status 7", || {
        let id = engine.up(&format!("{DEBIAN} serve 8 handle"))?;
        let name = fs::read_to_string(format!("/proc/{}/comm", engine.pid(&id)?)).map_err(|e| e.to_string())?;
        let (status, said) = (engine.stop(&id)?, engine.logs(&id)?);
        let met = name.trim() == "serve" && status == 7 && said.contains("told to stop");
        Ok((format!("process 1 is {}, status {status}", name.trim()), met))
    });
    let wait = format!("--entrypoint faultless {DEBIAN} run --wait --policy throughput --");
    let tini = format!("--entrypoint tini {DEBIAN} -- faultless run --policy throughput --");
    for (name, how) in [("run --wait --", &wait), ("tini -- faultless run --", &tini)] {
        judge(sink, &format!("process 1: {name}: SIGTERM ends a program that has no handler"), "status 143", || {
            has(engine, how)?;
            let id = engine.up(&format!("{how} serve 8"))?;
            let status = engine.stop(&id)?;
            Ok((status.to_string(), status == 143))
        });
        judge(sink, &format!("process 1: {name}: a handler's own status is handed on"), "status 7", || {
            has(engine, how)?;
            let id = engine.up(&format!("{how} serve 8 handle"))?;
            let status = engine.stop(&id)?;
            Ok((status.to_string(), status == 7))
        });
        let goal = format!("no zombie of {ORPHANS} (alone {ORPHANS})");
        judge(sink, &format!("process 1: {name}: orphans are collected"), &goal, || {
            has(engine, how)?;
            let alone = engine.up(&format!("--entrypoint serve {DEBIAN} 1 orphans={ORPHANS}"))?;
            let under = engine.up(&format!("{how} serve 1 orphans={ORPHANS}"))?;
            let (alone, under) = (settled(engine, &alone, ORPHANS)?, settled(engine, &under, 0)?);
            Ok((format!("{under} (alone {alone})"), (under, alone) == (0, ORPHANS)))
        });
    }
    judge(sink, "process 1: run --wait -- prints the table of the tree", "in the container's log", || {
        let id = engine.up(&format!("{wait} serve 8"))?;
        engine.stop(&id)?;
        let said = engine.logs(&id)?;
        let line = said.lines().find(|l| l.contains("serve") && l.contains("policy throughput"));
        Ok((line.unwrap_or("no such line").to_owned(), line.is_some()))
    });
    Ok(())
}

fn has(engine: &Engine, how: &str) -> Result<(), String> {
    if how.contains("tini")
        && engine.shell(&format!("podman run --rm --entrypoint tini {DEBIAN} --version"))?.status != 0
    {
        return Err("skip: no /usr/bin/tini-static; apt-get install tini".into());
    }
    Ok(())
}

/// How many zombies a container has, once there are as many as expected, or after some seconds.
fn settled(engine: &Engine, id: &str, expected: usize) -> Result<usize, String> {
    let namespace = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/pid"));
    let own = namespace(&engine.pid(id)?.to_string()).map_err(|e| e.to_string())?;
    let mut count = 0;
    for _ in 0..100 {
        let all = fs::read_dir("/proc").map_err(|e| e.to_string())?.flatten();
        let is_zombie = |entry: &fs::DirEntry| {
            let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
            stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z'))
                && namespace(&entry.file_name().to_string_lossy()).is_ok_and(|n| n == own)
        };
        count = all.filter(is_zombie).count();
        if count == expected {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    Ok(count)
}
