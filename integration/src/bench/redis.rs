//! redis-server under a contender, spoken to over a Unix socket by this process, which is under none.
//!
//! What must hold here: the work is the same whoever runs it (the same keys, written in the same order and number);
//! the memory of a save is counted page by page, a page that server and child share once.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use super::guard::Guard;
use super::measure::{self, Sample};
use super::rows::Work;
use crate::child::Run;

const KEYS: u64 = 1_000_000;
/// Keys written during a save, in so many steps, a pause after each.
const WRITTEN: u64 = 10_000;
const STEPS: u64 = 100;
const STEP: Duration = Duration::from_millis(5);
/// What the child waits between keys, as redis takes it: 1 µs (and the time of a system call) after every 50th one.
/// Without it the save is over before the writes are.
const SAVE_DELAY: &str = "-50";
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs the server, does the row's work, and ends it.
pub fn run(mut run: Run, work: Work, folder: &Path, guard: &mut Guard) -> Result<Sample, String> {
    let socket = folder.join("redis.sock");
    let _ = std::fs::remove_file(&socket);
    run.argv.extend(["--dir", &folder.to_string_lossy(), "--unixsocket", &socket.to_string_lossy()].map(String::from));
    run.argv.extend(["--enable-debug-command", "local"].map(String::from));
    let server = measure::start(&run, guard)?;
    let figures = connect(&socket).and_then(|mut client| {
        let figures = match work {
            Work::RedisSave => save(&mut client, server.pid),
            _ => load(&mut client),
        }?;
        client.send(&["SHUTDOWN", "NOSAVE"])?;
        Ok(figures)
    });
    match figures {
        Ok(figures) => {
            let mut sample = server.finish(guard)?;
            sample.figures.extend(figures.into_iter().map(|(name, value)| (name.to_owned(), value)));
            Ok(sample)
        }
        Err(why) => {
            server.give_up(guard)?;
            Err(why)
        }
    }
}

type Figures = Vec<(&'static str, f64)>;

fn load(client: &mut Client) -> Result<Figures, String> {
    let started = Instant::now();
    for first in (0..KEYS).step_by(1000) {
        client.set(first..first + 1000)?;
    }
    Ok(vec![("load", started.elapsed().as_secs_f64())])
}

fn save(client: &mut Client, server: u32) -> Result<Figures, String> {
    client.ask(&["DEBUG", "POPULATE", &KEYS.to_string(), "key", "100"])?;
    client.ask(&["CONFIG", "SET", "rdb-key-save-delay", SAVE_DELAY])?;
    let started = Instant::now();
    client.ask(&["BGSAVE"])?;
    let (mut peak, mut step) = (0.0_f64, 0);
    // key by key through the whole of them, in the order of a multiplicative walk
    let key = |i: u64| i * 7919 % WRITTEN * (KEYS / WRITTEN);
    loop {
        let saving = client.ask(&["INFO", "persistence"])?.contains("rdb_bgsave_in_progress:1");
        if !saving {
            break;
        }
        peak = peak.max(held_mib(server)?);
        if step < STEPS {
            let each = WRITTEN / STEPS;
            client.set((step * each..(step + 1) * each).map(key))?;
            step += 1;
        }
        std::thread::sleep(STEP);
    }
    match step {
        STEPS => Ok(vec![("save_peak", peak), ("save", started.elapsed().as_secs_f64())]),
        _ => Err(format!("the save was over after {step} of {STEPS} writes")),
    }
}

/// What server and children hold, in MiB, each shared page in parts (Pss).
fn held_mib(server: u32) -> Result<f64, String> {
    let path = format!("/proc/{server}/task/{server}/children");
    let children = std::fs::read_to_string(&path).map_err(|e| format!("{path}: {e}"))?;
    let kib = |pid: &str| -> f64 {
        // one that has just ended holds nothing
        let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
        let row = text.lines().find_map(|l| l.strip_prefix("Pss:"));
        row.and_then(|r| r.split_whitespace().next()?.parse().ok()).unwrap_or(0.0)
    };
    Ok((kib(&server.to_string()) + children.split_whitespace().map(kib).sum::<f64>()) / 1024.0)
}

struct Client {
    to: UnixStream,
    from: BufReader<UnixStream>,
}

fn connect(socket: &Path) -> Result<Client, String> {
    let started = Instant::now();
    let to = loop {
        match UnixStream::connect(socket) {
            Ok(to) => break to,
            Err(why) if started.elapsed() > PATIENCE => return Err(format!("redis-server does not answer: {why}")),
            Err(_) => std::thread::sleep(Duration::from_millis(10)),
        }
    };
    to.set_read_timeout(Some(PATIENCE)).map_err(|e| e.to_string())?;
    let from = BufReader::new(to.try_clone().map_err(|e| e.to_string())?);
    Ok(Client { to, from })
}

impl Client {
    fn send(&mut self, words: &[&str]) -> Result<(), String> {
        self.to.write_all(command(words).as_bytes()).map_err(|e| format!("redis: {e}"))
    }

    /// Sends a command and returns the answer, of one line or one bulk.
    fn ask(&mut self, words: &[&str]) -> Result<String, String> {
        self.send(words)?;
        self.answer()
    }

    /// Sets these keys, all sent before the first answer is read.
    fn set(&mut self, keys: impl Iterator<Item = u64>) -> Result<(), String> {
        let value = "v".repeat(100);
        let commands: Vec<String> = keys.map(|k| command(&["SET", &format!("key:{k}"), &value])).collect();
        self.to.write_all(commands.concat().as_bytes()).map_err(|e| format!("redis: {e}"))?;
        commands.iter().try_for_each(|_| self.answer().map(drop))
    }

    fn answer(&mut self) -> Result<String, String> {
        let mut line = String::new();
        self.from.read_line(&mut line).map_err(|e| format!("redis: {e}"))?;
        let line = line.trim_end();
        match line.split_at_checked(1) {
            Some(("$", length)) => {
                let length: usize = length.parse().map_err(|e| format!("redis: {line}: {e}"))?;
                let mut bulk = vec![0; length + 2];
                std::io::Read::read_exact(&mut self.from, &mut bulk).map_err(|e| format!("redis: {e}"))?;
                Ok(String::from_utf8_lossy(&bulk).into_owned())
            }
            Some(("+" | ":", rest)) => Ok(rest.to_owned()),
            _ => Err(format!("redis: {line}")),
        }
    }
}

/// A command as the protocol has it.
fn command(words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|w| format!("${}\r\n{w}\r\n", w.len())).collect();
    format!("*{}\r\n{}", words.len(), words.concat())
}
