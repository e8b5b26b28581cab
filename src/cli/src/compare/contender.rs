//! The contenders: what was typed, with every parameter put in, made ready to start as `faultless run` would.
//!
//! What must hold here: every contender is checked before anything runs; `none` gets neither the library nor any
//! variable of ours; a parameter that stands nowhere is refused, because it would measure the same thing over again.

use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use anyhow::Result;
use faultless_core::options::{Id, TABLE};

use super::args::{Contest, Entry};
use crate::config::{Config, Flag};
use crate::environment::Environment;
use crate::launch::Launch;
use crate::library::Library;
use crate::outside::Outside;
use crate::refusal::Refusal;

/// One of those compared.
pub struct Contender {
    /// as it was typed; unlike all others
    pub name: String,
    /// the policy's name or file
    pub policy: String,
    /// the rules in force, in a line; empty if there are none
    pub rules: String,
    /// what it is started with
    pub launch: Launch,
    /// what it is given besides, as by `run`
    pub outside: Option<Outside>,
    /// whether the library is in it
    pub preloaded: bool,
    /// the folder of its counter pages, as FAULTLESS_PAGES
    pub pages: OsString,
}

/// A parameter and one of its values.
type Setting = (Vec<u8>, Vec<u8>);

/// All contenders, the one that the others are compared with first.
///
/// # Errors
/// A [`Refusal`]: bad rules, options or parameters, or nothing to compare.
pub fn contenders(contest: &Contest, environment: &Environment, library: &Library) -> Result<Vec<Contender>, Refusal> {
    let params = contest.params.iter().map(|text| param(text)).collect::<Result<Vec<_>, _>>()?;
    let mut unused: Vec<bool> = params.iter().map(|_| true).collect();
    let mut all: Vec<Contender> = Vec::new();
    for entry in entries(&contest.entries)? {
        let mut settings: Vec<Vec<Setting>> = vec![Vec::new()];
        for ((name, values), unused) in params.iter().zip(&mut unused) {
            if !stands_in(name, &entry, &contest.options) {
                continue;
            }
            *unused = false;
            let with = |set: &Vec<Setting>, value: &Vec<u8>| {
                set.iter().cloned().chain([(name.clone(), value.clone())]).collect::<Vec<_>>()
            };
            settings = settings.iter().flat_map(|set| values.iter().map(|value| with(set, value))).collect();
        }
        for set in settings {
            let mut contender = make(&entry, &set, &contest.options, environment, library)?;
            let same = all.iter().filter(|c| c.name.split(" #").next() == Some(&contender.name)).count();
            if same > 0 {
                contender.name += &format!(" #{}", same + 1);
            }
            all.push(contender);
        }
    }
    match unused.iter().zip(&contest.params).find(|(unused, _)| **unused) {
        Some((_, text)) => Err(refusal("--param", text, "stands in no rule and no option")),
        None => Ok(all),
    }
}

/// What is compared if less than two were typed.
fn entries(typed: &[Entry]) -> Result<Vec<Entry>, Refusal> {
    let none = Entry::Policy("none".into());
    match typed {
        [] => Ok(vec![none, Entry::Policy("throughput".into())]),
        [only] if *only == none => Err(refusal("--policy", OsStr::new("none"), "nothing to compare it with")),
        [only] => Ok(vec![none, only.clone()]),
        _ => Ok(typed.to_vec()),
    }
}

fn make(
    entry: &Entry,
    set: &[Setting],
    options: &[Flag],
    environment: &Environment,
    library: &Library,
) -> Result<Contender, Refusal> {
    let (place, typed) = match entry {
        Entry::Policy(text) => ("--policy", fill(text, set)),
        Entry::Rules(text) => ("--rules", fill(text, set)),
    };
    let mut name = typed.to_string_lossy().into_owned();
    // What stands only in options would not show.
    let text = match entry {
        Entry::Policy(text) | Entry::Rules(text) => text,
    };
    for (param, value) in set.iter().filter(|(param, _)| !contains(text, param)) {
        name += &format!(" {}={}", String::from_utf8_lossy(param), String::from_utf8_lossy(value));
    }
    if *entry == Entry::Policy("none".into()) {
        let launch = without_us(library);
        let (policy, rules, pages) = ("none".into(), String::new(), OsString::new());
        return Ok(Contender { name, policy, rules, launch, outside: None, preloaded: false, pages });
    }
    let mut flags: Vec<Flag> = Vec::new();
    let named = |id: Id, name: &str, value: OsString| id.row().map(|row| Flag { row, name: name.into(), value });
    // The rules of a contender come behind those for all, as a policy's would.
    flags.extend(options.iter().map(|flag| Flag { value: fill(&flag.value, set), ..flag.clone() }));
    match entry {
        Entry::Policy(_) => flags.extend(named(Id::Policy, place, typed)),
        Entry::Rules(_) => {
            flags.extend(named(Id::Rules, place, typed));
            flags.extend(named(Id::Policy, "--policy", "observe".into()));
        }
    }
    let config = Config::resolve(environment, &flags)?;
    let mut launch = Launch::with(library, &config, 0);
    // As under `run --wait`: what is printed would be taken for the program's output.
    if !config.get(Id::Report).to_string_lossy().contains('=') {
        Id::Report.row().into_iter().for_each(|row| launch.set(row, "none"));
    }
    let rules = config.policy.rules().iter().map(|rule| String::from_utf8_lossy(config.policy.slice(rule.text)));
    Ok(Contender {
        name,
        policy: config.get(Id::Policy).to_string_lossy().into_owned(),
        rules: rules.collect::<Vec<_>>().join(","),
        launch,
        outside: Some(Outside::plan(None, &config.policy, true)),
        preloaded: true,
        pages: config.get(Id::Pages).to_owned(),
    })
}

/// The program alone: no library, no variable of ours. Commands beside it (`--prepare`, `--load`) start so too.
pub fn without_us(library: &Library) -> Launch {
    let mut launch = Launch::without(library);
    let ours = TABLE.iter().map(|row| row.env).chain(["FAULTLESS_LIB"]);
    launch.changes.extend(ours.filter(|name| env::var_os(name).is_some()).map(|name| (name.into(), None)));
    launch
}

/// NAME=A,B,C
fn param(text: &OsStr) -> Result<(Vec<u8>, Vec<Vec<u8>>), Refusal> {
    let bytes = text.as_bytes();
    let word = |name: &[u8]| !name.is_empty() && name.iter().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(b));
    let at = bytes.iter().position(|b| *b == b'=').filter(|at| word(&bytes[..*at]));
    let Some(at) = at else {
        return Err(refusal("--param", text, "not NAME=VALUE,VALUE,… with a name of letters, digits, _ and -"));
    };
    let values: Vec<_> = bytes[at + 1..].split(|b| *b == b',').map(<[u8]>::to_vec).collect();
    if values.iter().any(Vec::is_empty) {
        let refusal = refusal("--param", text, "an empty value");
        return Err(Refusal { start: at + 1, ..refusal });
    }
    Ok((bytes[..at].to_vec(), values))
}

fn braces(name: &[u8]) -> Vec<u8> {
    [b"{", name, b"}"].concat()
}

fn contains(text: &OsStr, name: &[u8]) -> bool {
    let hole = braces(name);
    text.as_bytes().windows(hole.len()).any(|part| part == hole)
}

fn stands_in(name: &[u8], entry: &Entry, options: &[Flag]) -> bool {
    match entry {
        Entry::Policy(text) if text == "none" => false,
        Entry::Policy(text) | Entry::Rules(text) => {
            contains(text, name) || options.iter().any(|flag| contains(&flag.value, name))
        }
    }
}

fn fill(text: &OsStr, set: &[Setting]) -> OsString {
    let mut bytes = text.as_bytes().to_vec();
    for (name, value) in set {
        let hole = braces(name);
        let mut from = 0;
        while let Some(at) = bytes[from..].windows(hole.len()).position(|part| part == hole) {
            bytes.splice(from + at..from + at + hole.len(), value.iter().copied());
            from += at + value.len();
        }
    }
    OsString::from_vec(bytes)
}

/// All of a value is at fault.
pub fn refusal(place: &str, text: &OsStr, reason: &str) -> Refusal {
    let text = text.as_bytes().to_vec();
    Refusal { place: place.into(), start: 0, end: text.len(), source_text: text, reason: reason.into(), hint: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::elf::Header;

    fn names(entries: &[Entry], params: &[&str]) -> Result<Vec<String>, Refusal> {
        let contest = Contest {
            entries: entries.to_vec(),
            params: params.iter().map(OsString::from).collect(),
            options: vec![Flag { row: Id::LockMax.row().unwrap(), name: "--lock-max".into(), value: "{m}".into() }],
        };
        let contest = Contest { options: if params.len() > 1 { contest.options } else { Vec::new() }, ..contest };
        let header = Header::of(&std::fs::read("/proc/self/exe").unwrap()[..20]).unwrap();
        let library = Library { path: "/x/libfaultless.so".into(), header };
        let all = contenders(&contest, &Environment::default(), &library)?;
        Ok(all.into_iter().map(|c| c.name).collect())
    }

    fn rules(text: &str) -> Entry {
        Entry::Rules(text.into())
    }

    #[test]
    fn one_policy_is_compared_with_none() {
        assert_eq!(names(&[Entry::Policy("lean".into())], &[]).unwrap(), ["none", "lean"]);
        assert_eq!(names(&[], &[]).unwrap(), ["none", "throughput"]);
    }

    #[test]
    fn parameters_multiply_all_but_none() {
        let found = names(&[rules("anon@{x}:huge")], &["x=1M,2M", "m=1M,1G"]).unwrap();
        let expected = ["none", "anon@1M:huge m=1M", "anon@1M:huge m=1G", "anon@2M:huge m=1M", "anon@2M:huge m=1G"];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_parameter_that_stands_nowhere_is_refused() {
        let refusal = names(&[rules("heap:huge")], &["x=1"]).unwrap_err();
        assert!(refusal.to_string().contains("stands in no rule"), "{refusal}");
    }

    #[test]
    fn the_same_contender_twice_has_two_names() {
        let none = Entry::Policy("none".into());
        assert_eq!(names(&[none.clone(), none.clone(), none], &[]).unwrap(), ["none", "none #2", "none #3"]);
    }
}
