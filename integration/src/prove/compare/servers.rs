//! Servers under their own load generators.
//!
//! What must hold here: the ratio is shown, not judged: what a policy does for these servers is another part's to say.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::table::{Table, compare, done, scratch};
use crate::artefacts::present;
use crate::child::Run;
use crate::prove::{Line, Sink};
use crate::readme;
use crate::stage::settings;
use crate::stats::median;

const BIN: &str = "/usr/lib/postgresql/*/bin/";
const GOAL: &str = "a rate in every run";
const RUNS: usize = 12;
const POLICIES: [&str; 3] = ["none", "observe", "throughput"];

/// redis-server under redis-benchmark.
pub fn redis(sink: Sink<'_>) -> Result<(), String> {
    let criterion = "compare: redis-server under redis-benchmark";
    if let Some(missing) = ["redis-server", "redis-benchmark"].into_iter().find(|name| !present(name)) {
        sink(Line::skipped(criterion, GOAL, format!("no {missing}; apt-get install redis-server redis-tools")));
        return Ok(());
    }
    let folder = scratch()?;
    let port = free_port()?;
    let load = format!("redis-benchmark -p {port} -q -n 100000 -r 100000 -d 200 -P 16 -t set,get");
    let metric = ["set/s:higher=SET: ([0-9.]+)", "get/s:higher=GET: ([0-9.]+)"];
    let server = ["redis-server", "--port", &port, "--save", "", "--appendonly", "no"].map(String::from);
    sink(compared(criterion, folder.path(), &format!("port:127.0.0.1:{port}"), &load, &metric, &server));
    Ok(())
}

/// postgres under pgbench.
pub fn postgres(sink: Sink<'_>) -> Result<(), String> {
    let criterion = "compare: postgres under pgbench";
    if let Some(missing) = ["postgres", "initdb", "pgbench"].into_iter().find(|name| !present(&format!("{BIN}{name}")))
    {
        sink(Line::skipped(criterion, GOAL, format!("no {missing}; apt-get install postgresql")));
        return Ok(());
    }
    let folder = scratch()?;
    let bin = std::fs::read_dir("/usr/lib/postgresql").map_err(|e| e.to_string())?.flatten();
    let bin = bin.map(|version| version.path().join("bin")).max().ok_or("no version of postgresql")?;
    let tool = |name: &str| bin.join(name).to_string_lossy().into_owned();
    let at = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    // It refuses to run as root.
    // SAFETY: takes nothing and cannot fail.
    let is_root = unsafe { libc::getuid() } == 0;
    let user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"].map(String::from);
    let user = if is_root { user.to_vec() } else { vec![] };
    if is_root {
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).map_err(|e| e.to_string())?;
        for name in ["", "pages", "tmp"] {
            done(&Run::new(folder.path(), ["chown".into(), "postgres:".into(), at(name)]).run()?)?;
        }
    }
    let port = free_port()?;
    let (data, log) = (at("data"), at("log"));
    let as_user = |tool: String, words: &[&str]| {
        let words = [tool].into_iter().chain(words.iter().map(|word| (*word).to_owned()));
        done(&Run::new(folder.path(), user.iter().cloned().chain(words)).run()?)
    };
    as_user(tool("initdb"), &["-D", &data, "-A", "trust", "-U", "bench", "--no-sync"])?;
    let options = format!("-p {port} -k '' -c fsync=off");
    as_user(tool("pg_ctl"), &["-D", &data, "-w", "-l", &log, "-o", &options, "start"])?;
    let login = ["-h", "127.0.0.1", "-p", &port, "-U", "bench"];
    let filled = as_user(tool("pgbench"), &[&login[..], &["-i", "-q", "postgres"]].concat());
    as_user(tool("pg_ctl"), &["-D", &data, "-w", "-m", "fast", "stop"])?;
    filled?;
    let shared = login.join(" ");
    let load = format!("{} {shared} -S -n -c 4 -j 2 -t 2000 postgres 2>&1", tool("pgbench"));
    let server = [tool("postgres"), "-D".into(), data, "-p".into(), port.clone(), "-k".into(), String::new()];
    let server = server.into_iter().chain(["-c", "fsync=off"].map(String::from));
    let server: Vec<String> = user.into_iter().chain(server).collect();
    let ready = format!("cmd:{} -q {shared}", tool("pg_isready"));
    sink(compared(criterion, folder.path(), &ready, &load, &["tps:higher=tps = ([0-9.]+)"], &server));
    Ok(())
}

fn compared(criterion: &str, folder: &Path, ready: &str, load: &str, metrics: &[&str], server: &[String]) -> Line {
    let runs = settings::rounds().ok().flatten().unwrap_or(RUNS).max(6);
    let (count, json) = (runs.to_string(), folder.join("runs.json").to_string_lossy().into_owned());
    let mut flags = vec!["--warmup", "1", "--runs", &count, "--json", &json, "--ready", ready, "--load", load];
    flags.extend(POLICIES.iter().flat_map(|policy| ["--policy", *policy]));
    flags.extend(metrics.iter().flat_map(|metric| ["--metric", *metric]));
    let names: Vec<&str> = metrics.iter().filter_map(|metric| metric.split(':').next()).collect();
    match compare(folder, &flags, server).and_then(|table| saved(criterion, folder, &json).map(|()| table)) {
        Err(why) => Line::broken(criterion, GOAL, why),
        Ok(table) => {
            let whole = |name: &&str| POLICIES.iter().all(|who| table.values(who, name).len() == runs);
            let met = names.iter().all(whole);
            let rates: Vec<String> = names.iter().map(|name| rate(&table, name)).collect();
            let note = table.verdict("throughput").unwrap_or_default().to_owned();
            Line::judged(criterion, GOAL, rates.join("; "), met).noted(note)
        }
    }
}

/// Where SAVE asks for it, the runs go to where `make readme` finds them.
fn saved(criterion: &str, folder: &Path, json: &str) -> Result<(), String> {
    if !settings::saves() {
        return Ok(());
    }
    let text = std::fs::read_to_string(json).map_err(|e| format!("{json}: {e}"))?;
    let server = if criterion.contains("redis") { "redis" } else { "postgres" };
    readme::save(server, &text, folder)
}

fn rate(table: &Table, name: &str) -> String {
    let of = |who: &str| median(&table.values(who, name));
    format!("{:.0} to {:.0} {name}", of("none"), of("throughput"))
}

/// That nobody listens on now.
pub fn free_port() -> Result<String, String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|e| e.to_string())?;
    Ok(listener.local_addr().map_err(|e| e.to_string())?.port().to_string())
}
