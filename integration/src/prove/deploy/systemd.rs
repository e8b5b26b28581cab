//! `faultless systemd` and the template in deploy/systemd: systemd reads what was typed.
//!
//! What must hold here: systemd's own programs judge; there is no booted systemd here, so its test mode shows what a
//! service would get.

use std::fs;
use std::path::Path;

use super::{Found, files, judge};
use crate::artefacts::{present, workspace};
use crate::child::Run;
use crate::prove::{Sink, first_line};

const RULE: &str = "malloc@1M:huge+recycle,heap:huge,anon@2M:huge,file@100pct:auto,file=/data/*.idx:populate+lock";

/// All of it.
pub fn prove(sink: Sink<'_>) -> Result<(), String> {
    if !present("systemd-analyze") {
        return Err("skip: no systemd-analyze; apt-get install systemd".into());
    }
    let goal = "no complaint";
    judge(sink, "systemd-analyze verify: the template in deploy/systemd", goal, || {
        let template = workspace().join("deploy/systemd/faultless.conf");
        verified(&fs::read_to_string(&template).map_err(|e| format!("{}: {e}", template.display()))?)
    });
    judge(sink, "systemd-analyze verify: the timer for metrics", goal, timer);
    judge(sink, "systemd-analyze verify: faultless systemd --policy latency", goal, || {
        verified(&drop_in(&["--policy", "latency", "--lock-max", "2G"])?)
    });
    judge(sink, "faultless systemd: rules and a path with blank, % and quote", "byte for byte", || {
        let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
        let policy = folder.path().join("50% \"hot\" a\\b.rules");
        fs::write(&policy, "heap:huge\n").map_err(|e| e.to_string())?;
        let policy = policy.to_string_lossy().into_owned();
        let text = drop_in(&["--rule", RULE, "--policy", &policy])?;
        let (_, met) = verified(&text)?;
        let found = environment(&text)?;
        let (library, policy) = (format!("LD_PRELOAD={}", files().1.display()), format!("FAULTLESS_POLICY={policy}"));
        let wanted = [library, policy, format!("FAULTLESS_RULES={RULE}")];
        let count = wanted.iter().filter(|w| found.contains(w)).count();
        Ok((format!("{count} of 3 variables"), met && count == 3))
    });
    judge(sink, "faultless systemd: a bad rule, a timer", "exit 2, nothing printed", || {
        let refused = |args: &[&str]| -> Result<bool, String> {
            let ran = command(args)?.run()?;
            Ok(ran.status == 2 && ran.stdout.is_empty())
        };
        let both = [refused(&["systemd", "redis", "--rule", "heap:hgue"])?, refused(&["systemd", "logrotate.timer"])?];
        Ok((format!("{both:?}"), both == [true; 2]))
    });
    Ok(())
}

fn command(args: &[&str]) -> Result<Run, String> {
    let (command, library) = files();
    let argv = [command.to_string_lossy().into_owned()].into_iter().chain(args.iter().map(|a| (*a).to_owned()));
    let env = [("FAULTLESS_LIB".to_owned(), library.to_string_lossy().into_owned())];
    Ok(Run::new(&workspace(), argv).env(env))
}

fn drop_in(flags: &[&str]) -> Result<String, String> {
    let ran = command(&[&["systemd", "probe"], flags].concat())?.run()?;
    match ran.status {
        0 => Ok(String::from_utf8_lossy(&ran.stdout).into_owned()),
        status => Err(format!("{status}: {}", first_line(&ran.stderr))),
    }
}

/// A service with the drop-in, in a folder.
fn unit(folder: &Path, drop_in: &str) -> Result<String, String> {
    let unit = folder.join("probe.service");
    let conf = folder.join("probe.service.d");
    let write = |to: &Path, text: &str| fs::write(to, text).map_err(|e| e.to_string());
    fs::create_dir(&conf).map_err(|e| e.to_string())?;
    write(&unit, "[Service]\nExecStart=/bin/true\n")?;
    write(&conf.join("faultless.conf"), drop_in)?;
    Ok(unit.to_string_lossy().into_owned())
}

fn verified(drop_in: &str) -> Found {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let unit = unit(folder.path(), drop_in)?;
    // A drop-in that is not read would have no complaint either.
    let broken = Run::new(folder.path(), ["systemd-analyze", "verify", &unit]);
    let ran = broken.run()?;
    fs::write(folder.path().join("probe.service.d/wrong.conf"), "[Service]\nLimitMEMLOCK=much\n")
        .map_err(|e| e.to_string())?;
    let control = broken.run()?;
    if control.stderr.is_empty() {
        return Err("systemd-analyze does not read the drop-in".into());
    }
    let said = first_line(&ran.stderr);
    Ok((if said.is_empty() { "none".into() } else { said.clone() }, ran.status == 0 && said.is_empty()))
}

fn timer() -> Found {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let names = ["faultless-metrics.service", "faultless-metrics.timer"];
    for name in names {
        let text =
            fs::read_to_string(workspace().join("deploy/systemd").join(name)).map_err(|e| format!("{name}: {e}"))?;
        // Where it is installed there is none here.
        let text = text.replace("/usr/bin/faultless", "/bin/true");
        fs::write(folder.path().join(name), text).map_err(|e| e.to_string())?;
    }
    let paths = names.map(|name| folder.path().join(name).to_string_lossy().into_owned());
    let ran =
        Run::new(folder.path(), ["systemd-analyze".to_owned(), "verify".into()].into_iter().chain(paths)).run()?;
    let said = first_line(&ran.stderr);
    Ok((if said.is_empty() { "none".into() } else { said.clone() }, ran.status == 0 && said.is_empty()))
}

/// What a service with this drop-in would find in its environment, as systemd's test mode lists it. It must be a user's
/// manager, which root may not be.
fn environment(drop_in: &str) -> Result<Vec<String>, String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    unit(folder.path(), drop_in)?;
    fs::create_dir(folder.path().join("systemd")).map_err(|e| e.to_string())?;
    let mut argv = vec!["/lib/systemd/systemd", "--test", "--user", "--unit=probe.service"];
    let at = folder.path().to_string_lossy().into_owned();
    // SAFETY: takes nothing and cannot fail.
    if unsafe { libc::geteuid() } == 0 {
        let given = Run::new(folder.path(), ["chown", "-R", "nobody", &at]).run()?;
        if given.status != 0 {
            return Err(first_line(&given.stderr));
        }
        argv.splice(0..0, ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]);
    }
    let env = [("XDG_RUNTIME_DIR", at.clone()), ("XDG_CONFIG_HOME", at.clone()), ("SYSTEMD_UNIT_PATH", at + ":")];
    let ran = Run::new(folder.path(), argv).env(env.map(|(n, v)| (n.to_owned(), v))).run()?;
    let dump = String::from_utf8_lossy(&ran.stdout).into_owned();
    let found: Vec<String> =
        dump.lines().filter_map(|l| Some(l.trim().strip_prefix("Environment: ")?.to_owned())).collect();
    match found.is_empty() {
        true => Err(format!("skip: systemd --test shows no unit: {}", first_line(&ran.stderr))),
        false => Ok(found),
    }
}
