//! `make soak`: redis and postgres with clients under `auto`, MINUTES long; a line for each, and a section of docs/trust.md.
//!
//! What must hold here: what counts begins after the first WARM minutes; the exit status is 1 when memory, mappings or
//! descriptors don't stay as they were, and 2 when what is asked for makes no sense.

use std::process::{Command, ExitCode};
use std::time::Duration;

use faultless_integration::artefacts;
use faultless_integration::soak::{SERVERS, Server, Spread, watch};
use faultless_integration::trust::section;

const HEADING: &str = "Soak";

fn main() -> ExitCode {
    let (minutes, warm) = match (number("MINUTES", 60), number("WARM", 10)) {
        (Ok(minutes), Ok(warm)) if minutes > warm => (minutes, warm),
        (Ok(_), Ok(warm)) => {
            return refuse(&format!("MINUTES is the whole time: more than the {warm} that don't count"));
        }
        (Err(why), _) | (_, Err(why)) => return refuse(&why),
    };
    let policy = std::env::var("POLICY").unwrap_or_else(|_| "auto".into());
    if policy != "none" && !artefacts::policies().contains(&policy.as_str()) {
        return refuse(&format!("there is no policy {policy}"));
    }
    if !artefacts::library().is_file() {
        return refuse(&format!("{} is missing: make build", artefacts::library().display()));
    }
    match soak(&policy, minutes, warm) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            println!("FAIL  soak: {why}");
            ExitCode::FAILURE
        }
    }
}

fn soak(policy: &str, minutes: u64, warm: u64) -> Result<bool, String> {
    let servers: Vec<Server> = SERVERS.iter().map(|name| Server::start(name, policy)).collect::<Result<_, _>>()?;
    if let Some(server) = servers.iter().find(|s| policy != "none" && !s.reached()) {
        return Err(format!("the shim did not reach {}", server.name));
    }
    let tell = |at: Duration, name: &str, now: &Spread, news: &str| {
        let (rss, vmas, descriptors) = (now.rss.0 >> 10, now.vmas.0, now.descriptors.0);
        let at = at.as_secs();
        eprintln!(
            "{:>3}:{:02} {name:<9} {:>3} processes {rss:>6} MiB {vmas:>6} VMAs {descriptors:>5} descriptors{news}",
            at / 60,
            at % 60,
            now.processes
        );
    };
    let samples = watch(&servers, Duration::from_secs(warm * 60), Duration::from_secs(minutes * 60), tell)?;
    let mut body = format!(
        "redis and postgres with clients under `{policy}` for {minutes} minutes, {}; looked at every 30 seconds after the first \
         {warm} minutes. RSS may spread by 2 %, mappings and descriptors must be constant. `make soak` writes this.\n\n\
         | server | samples | processes | RSS, MiB | spread | VMAs | descriptors | |\n|{}\n",
        today(),
        "---|".repeat(8)
    );
    let mut good = true;
    for (server, samples) in servers.iter().zip(&samples) {
        let spread = Spread::of(samples).ok_or("no sample")?;
        good &= spread.holds();
        let word = if spread.holds() { "PASS" } else { "FAIL" };
        let (rss, percent) = (format!("{}–{}", spread.rss.0 >> 10, spread.rss.1 >> 10), spread.rss_spread() * 100.0);
        let (vmas, descriptors) = (range(spread.vmas), range(spread.descriptors));
        println!(
            "{word}  {}, {} minutes under {policy}: RSS {rss} MiB ({percent:.2} %), {vmas} VMAs, {descriptors} descriptors; \
             {} samples of {} processes after {warm} minutes",
            server.name,
            minutes,
            samples.len(),
            spread.processes
        );
        body.push_str(&format!(
            "| {} | {} | {} | {rss} | {percent:.2} % | {vmas} | {descriptors} | {word} |\n",
            server.name,
            samples.len(),
            spread.processes
        ));
    }
    if policy == "auto" {
        let file = artefacts::workspace().join("docs/trust.md");
        section::write(&file, HEADING, &body).map_err(|e| format!("{}: {e}", file.display()))?;
    }
    Ok(good)
}

fn range((least, most): (u64, u64)) -> String {
    if least == most { least.to_string() } else { format!("{least}–{most}") }
}

fn today() -> String {
    let date =
        Command::new("date").arg("+%Y-%m-%d").output().map(|d| String::from_utf8_lossy(&d.stdout).trim().to_owned());
    date.unwrap_or_else(|_| "date unknown".into())
}

fn number(name: &str, default: u64) -> Result<u64, String> {
    match std::env::var(name).unwrap_or_default().trim() {
        "" => Ok(default),
        text => text.parse().map_err(|_| format!("{name}={text}: it is a number of minutes")),
    }
}

fn refuse(why: &str) -> ExitCode {
    eprintln!("{why}");
    ExitCode::from(2)
}
