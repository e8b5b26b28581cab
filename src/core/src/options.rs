//! The one table of options: environment, flags, docs and `policy show` come from it.
//!
//! What must hold here: a value is read whole or refused with the place of the fault, never guessed; an option left
//! empty is as good as not given, because unit files and container images cannot always unset a variable.

use crate::matching::glob;
use crate::policies;
use crate::size::{Size, SizeError};
use crate::spelling;

pub use crate::destination::{Report, ReportPath};

/// Names an option.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)] // each row of TABLE says what it means
pub enum Id {
    Policy,
    Rules,
    Only,
    Skip,
    Disable,
    LockMax,
    PopulateMax,
    RetainMax,
    HugeGrowthMax,
    PopulateTimeMax,
    Report,
    Log,
    Pages,
    Heat,
    Tree,
}

/// One option, in its spellings.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// which one
    pub id: Id,
    /// `lock-max`: as a flag, after `--`
    pub name: &'static str,
    /// `FAULTLESS_LOCK_MAX`
    pub env: &'static str,
    /// what its value is, in help
    pub metavar: &'static str,
    /// the default, as one would write it
    pub default: &'static str,
    /// one sentence, without a full stop
    pub help: &'static str,
    /// known, but none of the user's: not in docs, no flag
    pub internal: bool,
}

macro_rules! table {
    ($($id:ident $name:literal $env:literal $metavar:literal $default:literal $internal:literal $help:literal;)*) => {
        /// Every option, in the order of the docs.
        pub const TABLE: &[Row] = &[$(Row {
            id: Id::$id, name: $name, env: $env, metavar: $metavar, default: $default, help: $help, internal: $internal,
        }),*];
    };
}

table! {
    Policy "policy" "FAULTLESS_POLICY" "NAME|FILE" "observe" false
        "a built-in policy; a value with a / is a file of rules";
    Rules "rules" "FAULTLESS_RULES" "RULES" "" false
        "rules ahead of the policy's; the first match wins, each axis on its own";
    Only "only" "FAULTLESS_ONLY" "GLOBS" "" false
        "act only in programs whose base name matches one of these, comma-separated";
    Skip "skip" "FAULTLESS_SKIP" "GLOBS" "" false
        "never act in programs whose base name matches one of these; wins over only";
    Disable "disable" "FAULTLESS_DISABLE" "BOOL" "0" false
        "1 makes the library do nothing at all";
    LockMax "lock-max" "FAULTLESS_LOCK_MAX" "SIZE" "50pct" false
        "the most memory that rules may lock, for the whole process tree";
    PopulateMax "populate-max" "FAULTLESS_POPULATE_MAX" "SIZE" "50pct" false
        "the most memory that rules may populate, for the whole process tree";
    RetainMax "retain-max" "FAULTLESS_RETAIN_MAX" "SIZE" "256M" false
        "the most freed memory that recycle and the heaps may keep, for the whole process tree";
    HugeGrowthMax "huge-growth-max" "FAULTLESS_HUGE_GROWTH_MAX" "SIZE" "25pct" false
        "the most that huge pages in little-used heaps may cost beyond what was touched, for the whole process tree";
    PopulateTimeMax "populate-time-max" "FAULTLESS_POPULATE_TIME_MAX" "TIME" "10s" false
        "the longest that populate may hold up one call, in ms or s";
    Report "report" "FAULTLESS_REPORT" "WHERE" "auto" false
        "auto, none, all, json=PATH, text=PATH or prom=PATH, with {pid} and {exe} in the path";
    Log "log" "FAULTLESS_LOG" "LEVEL" "off" false
        "off, error, warn, info, debug or trace, on standard error";
    Pages "pages" "FAULTLESS_PAGES" "FOLDER" "" false
        "folder of the counter pages; by default /dev/shm/faultless-UID";
    Heat "heat" "FAULTLESS_HEAT" "FILE" "" false
        "a file that faultless run --learn has written: what was hot is brought in and locked when it is mapped";
    Tree "tree" "FAULTLESS_TREE" "HEX" "" true
        "names the process tree; set by faultless run";
}

impl Id {
    /// The option's row.
    pub fn row(self) -> Option<&'static Row> {
        TABLE.iter().find(|r| r.id == self)
    }
}

/// How much is logged.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
#[allow(missing_docs)] // the words of the option
pub enum Level {
    Off,
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// Every option's value; those of text borrow from where they were read.
#[derive(Clone, Copy, Debug)]
pub struct Settings<'a> {
    /// name of a built-in policy, or a file's path (it holds a `/`)
    pub policy: &'a [u8],
    /// rules ahead of the policy's; not yet parsed
    pub rules: &'a [u8],
    /// globs, comma-separated; empty names every program
    pub only: &'a [u8],
    /// globs, comma-separated
    pub skip: &'a [u8],
    /// the kill switch
    pub disable: bool,
    /// budget of lock
    pub lock_max: Size,
    /// budget of populate
    pub populate_max: Size,
    /// budget of recycle
    pub retain_max: Size,
    /// budget of huge
    pub huge_growth_max: Size,
    /// longest that populate may hold up one call, in ms
    pub populate_time_max_ms: u64,
    /// where the exit report goes
    pub report: Report<'a>,
    /// how much is logged
    pub log: Level,
    /// folder of the counter pages; empty is the default one
    pub pages: &'a [u8],
    /// file with what was hot before; empty is none
    pub heat: &'a [u8],
    /// the process tree; 0 is none given
    pub tree: u64,
}

/// Why an option could not be set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SetError {
    /// no option has this name
    UnknownName,
    /// the value cannot be read
    BadValue {
        /// the option
        id: Id,
        /// what is wrong, in a few words
        why: &'static str,
        /// first byte of the fault in the value
        start: usize,
        /// the byte after it
        end: usize,
    },
}

impl<'a> Settings<'a> {
    /// The defaults.
    pub const fn new() -> Self {
        Settings {
            policy: b"observe",
            rules: b"",
            only: b"",
            skip: b"",
            disable: false,
            lock_max: Size::Pct(50),
            populate_max: Size::Pct(50),
            retain_max: Size::Bytes(256 << 20),
            huge_growth_max: Size::Pct(25),
            populate_time_max_ms: 10_000,
            report: Report::Auto,
            log: Level::Off,
            pages: b"",
            heat: b"",
            tree: 0,
        }
    }

    /// Sets one option by its name in the environment. An empty value leaves the option as it is. The text of
    /// `FAULTLESS_RULES` is taken as it stands; [`crate::rules::Policy::append`] checks it.
    pub fn set(&mut self, env_name: &[u8], value: &'a [u8]) -> Result<(), SetError> {
        let row = TABLE.iter().find(|r| r.env.as_bytes() == env_name).ok_or(SetError::UnknownName)?;
        if value.is_empty() && row.id != Id::Disable {
            return Ok(());
        }
        let bad = |(why, start, end)| SetError::BadValue { id: row.id, why, start, end };
        let whole = |why| (why, 0, value.len());
        match row.id {
            Id::Policy => self.policy = policy(value).map_err(whole).map_err(bad)?,
            Id::Rules => self.rules = value,
            Id::Only => self.only = value,
            Id::Skip => self.skip = value,
            Id::Disable => self.disable = boolean(value).map_err(whole).map_err(bad)?,
            Id::LockMax => self.lock_max = size(value).map_err(whole).map_err(bad)?,
            Id::PopulateMax => self.populate_max = size(value).map_err(whole).map_err(bad)?,
            Id::RetainMax => self.retain_max = size(value).map_err(whole).map_err(bad)?,
            Id::HugeGrowthMax => self.huge_growth_max = size(value).map_err(whole).map_err(bad)?,
            Id::PopulateTimeMax => self.populate_time_max_ms = milliseconds(value).map_err(whole).map_err(bad)?,
            Id::Report => self.report = Report::parse(value).map_err(bad)?,
            Id::Log => self.log = level(value).map_err(whole).map_err(bad)?,
            Id::Pages => self.pages = folder(value).map_err(whole).map_err(bad)?,
            Id::Heat => self.heat = folder(value).map_err(whole).map_err(bad)?,
            Id::Tree => self.tree = tree(value).map_err(whole).map_err(bad)?,
        }
        Ok(())
    }

    /// Whether `only` and `skip` let this program be acted in; `skip` wins.
    pub fn admits(&self, exe_base_name: &[u8]) -> bool {
        let names = |globs: &[u8]| globs.split(|b| *b == b',').any(|g| !g.is_empty() && glob(g, exe_base_name));
        (self.only.is_empty() || names(self.only)) && !names(self.skip)
    }
}

impl Default for Settings<'_> {
    fn default() -> Self {
        Settings::new()
    }
}

/// The variable that an unknown `FAULTLESS_…` name was probably meant to be.
pub fn nearest(name: &[u8]) -> Option<&'static str> {
    let own = name.strip_prefix(b"FAULTLESS_").unwrap_or(name);
    let rows = || TABLE.iter().filter(|r| !r.internal);
    let tail = |r: &Row| r.env.strip_prefix("FAULTLESS_").unwrap_or(r.env);
    let near = spelling::nearest(own, rows().map(tail))?;
    rows().find(|r| tail(r) == near).map(|r| r.env)
}

fn policy(value: &[u8]) -> Result<&[u8], &'static str> {
    match value.contains(&b'/') || policies::find(value).is_some() {
        true => Ok(value),
        false => Err("no built-in policy has this name, and a file's name would hold a /"),
    }
}

fn boolean(value: &[u8]) -> Result<bool, &'static str> {
    let is = |words: &[&str]| words.iter().any(|w| w.as_bytes().eq_ignore_ascii_case(value));
    match () {
        () if is(&["1", "true", "yes", "on"]) => Ok(true),
        () if is(&["", "0", "false", "no", "off"]) => Ok(false),
        () => Err("neither 1, true, yes, on nor 0, false, no, off"),
    }
}

fn size(value: &[u8]) -> Result<Size, &'static str> {
    Size::parse(value).map_err(|e| match e {
        SizeError::NoDigits => "a size begins with digits",
        SizeError::BadUnit => "a size is digits, then nothing (bytes), K, M, G, T or pct",
        SizeError::TooLarge => "too large for a size",
    })
}

fn milliseconds(value: &[u8]) -> Result<u64, &'static str> {
    const FORM: &str = "a time is digits, then ms or s";
    let (digits, factor) = match (value.strip_suffix(b"ms"), value.strip_suffix(b"s")) {
        (Some(digits), _) => (digits, 1),
        (None, Some(digits)) => (digits, 1000),
        (None, None) => return Err(FORM),
    };
    match Size::parse(digits) {
        Ok(Size::Bytes(n)) if digits.last().is_some_and(u8::is_ascii_digit) => {
            n.checked_mul(factor).ok_or("too large for a time")
        }
        Err(SizeError::TooLarge) => Err("too large for a time"),
        _ => Err(FORM),
    }
}

fn level(value: &[u8]) -> Result<Level, &'static str> {
    let words: [(&[u8], Level); 6] = [
        (b"off", Level::Off),
        (b"error", Level::Error),
        (b"warn", Level::Warn),
        (b"info", Level::Info),
        (b"debug", Level::Debug),
        (b"trace", Level::Trace),
    ];
    words
        .iter()
        .find(|(word, _)| word.eq_ignore_ascii_case(value))
        .map(|(_, level)| *level)
        .ok_or("none of off, error, warn, info, debug, trace")
}

fn folder(value: &[u8]) -> Result<&[u8], &'static str> {
    if value.first() == Some(&b'/') { Ok(value) } else { Err("not an absolute path") }
}

fn tree(value: &[u8]) -> Result<u64, &'static str> {
    let digit = |b: &u8| (*b as char).to_digit(16);
    let n = value.iter().try_fold(0u64, |n, b| Some(n << 4 | u64::from(digit(b)?)));
    n.filter(|_| value.len() == 16).ok_or("not 16 hex digits")
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    fn why(name: &str, value: &str) -> Option<&'static str> {
        match Settings::new().set(name.as_bytes(), value.as_bytes()) {
            Err(SetError::BadValue { why, .. }) => Some(why),
            _ => None,
        }
    }

    #[test]
    fn each_default_in_the_table_is_the_default_of_the_settings() {
        for row in TABLE {
            let (mut set, new) = (Settings::new(), Settings::new());
            assert_eq!(set.set(row.env.as_bytes(), row.default.as_bytes()), Ok(()), "{}", row.name);
            assert_eq!(std::format!("{set:?}"), std::format!("{new:?}"), "{}", row.name);
        }
    }

    #[test]
    fn the_spellings_of_an_option_are_one_name() {
        for row in TABLE {
            let upper = row.name.to_uppercase().replace('-', "_");
            assert_eq!(row.env, std::format!("FAULTLESS_{upper}"));
        }
    }

    #[test]
    fn each_option_lands_in_its_own_field() {
        let mut s = Settings::new();
        for (name, value) in [
            ("FAULTLESS_POLICY", "./a.rules"),
            ("FAULTLESS_RULES", "any:lock"),
            ("FAULTLESS_ONLY", "java"),
            ("FAULTLESS_SKIP", "sh"),
            ("FAULTLESS_DISABLE", "Yes"),
            ("FAULTLESS_LOCK_MAX", "1M"),
            ("FAULTLESS_POPULATE_MAX", "2M"),
            ("FAULTLESS_RETAIN_MAX", "3M"),
            ("FAULTLESS_HUGE_GROWTH_MAX", "4pct"),
            ("FAULTLESS_POPULATE_TIME_MAX", "250ms"),
            ("FAULTLESS_REPORT", "json=/tmp/{pid}"),
            ("FAULTLESS_LOG", "debug"),
            ("FAULTLESS_PAGES", "/run/pages"),
            ("FAULTLESS_HEAT", "/var/lib/x.heat"),
            ("FAULTLESS_TREE", "00000000000000fF"),
        ] {
            assert_eq!(s.set(name.as_bytes(), value.as_bytes()), Ok(()), "{name}");
        }
        assert_eq!((s.policy, s.rules), (&b"./a.rules"[..], &b"any:lock"[..]));
        assert_eq!((s.only, s.skip, s.disable), (&b"java"[..], &b"sh"[..], true));
        assert_eq!((s.lock_max, s.populate_max), (Size::Bytes(1 << 20), Size::Bytes(2 << 20)));
        assert_eq!((s.retain_max, s.huge_growth_max), (Size::Bytes(3 << 20), Size::Pct(4)));
        assert_eq!((s.populate_time_max_ms, s.log, s.tree), (250, Level::Debug, 255));
        assert_eq!((s.report, s.pages), (Report::Json(b"/tmp/{pid}"), &b"/run/pages"[..]));
        assert_eq!(s.heat, b"/var/lib/x.heat");
    }

    #[test]
    fn a_bad_value_is_refused_and_changes_nothing() {
        for (name, value) in [
            ("FAULTLESS_POLICY", "fast"),
            ("FAULTLESS_DISABLE", "maybe"),
            ("FAULTLESS_LOCK_MAX", "1MB"),
            ("FAULTLESS_POPULATE_MAX", "99999999999999999999"),
            ("FAULTLESS_POPULATE_TIME_MAX", "10"),
            ("FAULTLESS_POPULATE_TIME_MAX", "10Ms"),
            ("FAULTLESS_POPULATE_TIME_MAX", "9223372036854775807s"),
            ("FAULTLESS_REPORT", "xml=/tmp/x"),
            ("FAULTLESS_LOG", "loud"),
            ("FAULTLESS_PAGES", "pages"),
            ("FAULTLESS_HEAT", "x.heat"),
            ("FAULTLESS_TREE", "ff"),
            ("FAULTLESS_TREE", "00000000000000fg"),
        ] {
            assert!(why(name, value).is_some(), "{name}={value}");
        }
    }

    #[test]
    fn a_name_that_is_no_option_is_unknown() {
        assert_eq!(Settings::new().set(b"FAULTLESS_PORT", b"1"), Err(SetError::UnknownName));
        assert_eq!(Settings::new().set(b"LOCK_MAX", b"1"), Err(SetError::UnknownName));
    }

    #[test]
    fn skip_wins_over_only() {
        let mut s = Settings::new();
        assert!(s.admits(b"sh"));
        s.only = b"java,redis-*";
        assert!(s.admits(b"redis-server") && s.admits(b"java") && !s.admits(b"sh"));
        s.skip = b"redis-cli";
        assert!(s.admits(b"redis-server") && !s.admits(b"redis-cli"));
    }

    #[test]
    fn a_misspelt_variable_gets_the_nearest_name() {
        assert_eq!(nearest(b"FAULTLESS_POLCY"), Some("FAULTLESS_POLICY"));
        assert_eq!(nearest(b"FAULTLESS_LOCKMAX"), Some("FAULTLESS_LOCK_MAX"));
        assert_eq!(nearest(b"FAULTLESS_WHATEVER"), None);
    }
}
