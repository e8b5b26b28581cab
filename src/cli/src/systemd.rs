//! `faultless systemd`: the drop-in that puts a service under a policy.
//!
//! What must hold here: it is printed, never written; what systemd makes of it is, byte for byte, what was typed, or it is
//! refused. Nothing of this command's own environment goes into it but where the library is.

use std::ffi::OsStr;
use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use faultless_core::options::Id;
use faultless_core::rules::Policy;

use crate::args::Flags;
use crate::config::{Config, Source};
use crate::environment::Environment;
use crate::library;
use crate::refusal::Refusal;
use crate::tell::answer;

/// `faultless systemd`
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Systemd {
    /// the options of the library
    #[command(flatten)]
    options: Flags,
    /// libfaultless.so, if it is not beside this command
    #[arg(long, value_name = "PATH")]
    lib: Option<PathBuf>,
    /// the service: redis, redis.service, postgresql@.service
    unit: String,
}

const EXAMPLES: &str = "\
Nothing is written; the first line says where it belongs. As root:
  mkdir -p /etc/systemd/system/redis.service.d
  faultless systemd redis --policy latency > /etc/systemd/system/redis.service.d/faultless.conf
  systemctl daemon-reload && systemctl restart redis

To undo it remove that file, and do the last line again. What the library says at the end of the service is in the journal.";

/// Prints it.
///
/// # Errors
/// A bad name or option; a value that a unit file cannot hold; no library.
pub fn systemd(systemd: &Systemd) -> Result<i32> {
    let unit = service(&systemd.unit)?;
    let config = Config::resolve(&Environment::default(), &systemd.options.0)?;
    let library = library::find(systemd.lib.as_deref(), Environment::read()?.lib.as_deref())?;
    let mut text = format!("# /etc/systemd/system/{unit}.d/faultless.conf\n[Service]\n");
    text += &setting("LD_PRELOAD", library.path.as_os_str())?;
    for value in config.values.iter().filter(|v| v.source == Source::Flag) {
        text += &setting(value.row.env, &value.text)?;
    }
    if locks(&config.policy) {
        let most = config.get(Id::LockMax).to_string_lossy();
        // A share of memory is not for systemd to know; what lock-max leaves is the library's to keep to.
        let limit = if most.ends_with("pct") { "infinity" } else { &most };
        text += &format!(
            "# for lock: what the service may lock (AmbientCapabilities=CAP_IPC_LOCK lifts any limit)\nLimitMEMLOCK={limit}\n"
        );
    }
    answer(&text)?;
    Ok(0)
}

/// The unit's whole name.
fn service(name: &str) -> Result<String, Refusal> {
    let refused = |start, end, reason: &str, hint: Option<String>| Refusal {
        place: "systemd".into(),
        source_text: name.into(),
        start,
        end,
        reason: reason.into(),
        hint,
    };
    let is_right = |c: char| c.is_ascii_alphanumeric() || ":_.\\@-".contains(c);
    if let Some((at, wrong)) = name.char_indices().find(|(_, c)| !is_right(*c)) {
        let reason = "a unit's name has letters, digits and : _ . \\ @ - only";
        return Err(refused(at, at + wrong.len_utf8(), reason, None));
    }
    const OTHERS: [&str; 10] =
        ["socket", "device", "mount", "automount", "swap", "target", "path", "timer", "slice", "scope"];
    match name.rsplit_once('.') {
        _ if name.trim_end_matches(".service").is_empty() => Err(refused(0, name.len(), "no name of a service", None)),
        Some((_, "service")) => Ok(name.into()),
        Some((stem, kind)) if OTHERS.contains(&kind) => {
            let hint = Some(format!("{stem}.service"));
            Err(refused(name.len() - kind.len(), name.len(), "only services run programs under a policy", hint))
        }
        _ => Ok(format!("{name}.service")),
    }
}

/// A line that sets a variable, as systemd.exec(5) reads it: % begins a specifier, quotes and backslashes are C's.
fn setting(name: &str, value: &OsStr) -> Result<String> {
    let Some(value) = value.to_str().filter(|v| !v.chars().any(char::is_control)) else {
        bail!("{name}={value:?} has bytes that a unit file cannot hold; link to it from another path");
    };
    let escaped = value.replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%");
    let needs_quotes = value.contains([' ', '\'', '"', '\\']);
    Ok(match needs_quotes {
        true => format!("Environment=\"{name}={escaped}\"\n"),
        false => format!("Environment={name}={escaped}\n"),
    })
}

fn locks(policy: &Policy) -> bool {
    policy.rules().iter().any(|rule| rule.actions.stay.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn the_name_of_a_service_gets_its_ending() {
        for (name, whole) in [
            ("redis", "redis.service"),
            ("redis.service", "redis.service"),
            ("postgresql@.service", "postgresql@.service"),
            ("postgresql@15-main", "postgresql@15-main.service"),
            ("dbus-org.example.Thing", "dbus-org.example.Thing.service"),
        ] {
            assert_eq!(service(name).unwrap(), whole);
        }
    }

    #[test]
    fn what_is_no_service_is_refused() {
        for name in ["redis.timer", "../redis", "a b", "", ".service", "caf\u{e9}"] {
            assert!(service(name).is_err(), "{name}");
        }
    }

    #[test]
    fn rules_are_set_without_quotes_and_what_systemd_reads_otherwise_is_escaped() {
        let line = |value: &str| setting("X", OsStr::new(value)).unwrap();
        let rule = "malloc@1M:huge+recycle,file=/data/*.idx:populate+lock";
        assert_eq!(line(rule), format!("Environment=X={rule}\n"));
        assert_eq!(line("/a/50%.rules"), "Environment=X=/a/50%%.rules\n");
        assert_eq!(line("/a b/\"c\"\\d"), "Environment=\"X=/a b/\\\"c\\\"\\\\d\"\n");
        assert!(setting("X", OsStr::new("/a\nb")).is_err());
        assert!(setting("X", OsStr::from_bytes(b"/a\xff")).is_err());
    }
}
