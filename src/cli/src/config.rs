//! What is in force: options from their defaults, the environment and the flags, and the rules they come to.
//!
//! What must hold here: the options are read by the same code as in the library, so that whatever passes here
//! passes there; built-in < file < environment < flag; nothing is half in force, a bad value refuses the whole.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{self, Path, PathBuf};

use faultless_core::options::{Id, Row, SetError, Settings, TABLE};
use faultless_core::ownership::{Objection, Ownership};
use faultless_core::parse::Form;
use faultless_core::policies::{self, LARGEST_FILE};
use faultless_core::rules::Policy;

use crate::environment::Environment;
use crate::heat;
use crate::refusal::Refusal;

/// Where a value comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Source {
    /// the default
    BuiltIn,
    /// a variable
    Environment,
    /// a flag
    Flag,
    /// flags, and behind them the variable
    Both,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Source::BuiltIn => "built in",
            Source::Environment => "environment",
            Source::Flag => "flag",
            Source::Both => "flag, environment",
        })
    }
}

/// An option and its value.
#[derive(Clone, Debug)]
pub struct Value {
    /// which option
    pub row: &'static Row,
    /// as a variable would hold it
    pub text: OsString,
    /// where it was given
    pub source: Source,
}

/// A flag of an option, as it was typed.
#[derive(Clone, Debug)]
pub struct Flag {
    /// which option
    pub row: &'static Row,
    /// the flag's own name, with its dashes
    pub name: String,
    /// its value
    pub value: OsString,
}

/// All options, and the rules.
pub struct Config {
    /// every option but the internal ones, in the order of the table
    pub values: Vec<Value>,
    /// the rules in force: those ahead, then the policy's
    pub policy: Policy,
    /// "built in", or the policy's file
    pub policy_source: String,
}

impl Config {
    /// Puts everything together.
    ///
    /// # Errors
    /// A [`Refusal`] that points at the bad value.
    pub fn resolve(environment: &Environment, flags: &[Flag]) -> Result<Config, Refusal> {
        let mut policy = Policy::empty();
        let mut values = Vec::new();
        for row in TABLE.iter().filter(|r| !r.internal) {
            let variable = environment.options.iter().find(|(r, v)| r.id == row.id && !v.is_empty()).map(|(_, v)| v);
            let given: Vec<&Flag> = flags.iter().filter(|f| f.row.id == row.id).collect();
            let value = if row.id == Id::Rules {
                rules_ahead(row, &given, variable, &mut policy)?
            } else {
                match (given.last(), variable) {
                    (Some(flag), _) => {
                        let text = absolute(row.id, &flag.value);
                        check(row, &flag.name, if row.id == Id::Heat { &text } else { &flag.value })?;
                        Value { row, text, source: Source::Flag }
                    }
                    (None, Some(variable)) => {
                        check(row, row.env, variable)?;
                        Value { row, text: variable.clone(), source: Source::Environment }
                    }
                    (None, None) => Value { row, text: row.default.into(), source: Source::BuiltIn },
                }
            };
            values.push(value);
        }
        let mut config = Config { values, policy, policy_source: "built in".into() };
        config.append_policy()?;
        Ok(config)
    }

    /// An option's value.
    pub fn get(&self, id: Id) -> &OsStr {
        self.values.iter().find(|v| v.row.id == id).map_or(OsStr::new(""), |v| &v.text)
    }

    /// The rules of the policy that is named, behind those which are there.
    fn append_policy(&mut self) -> Result<(), Refusal> {
        let name = self.get(Id::Policy).to_owned();
        if let Some(built_in) = policies::find(name.as_bytes()) {
            let appended = self.policy.append(built_in.rules.as_bytes(), Form::Line);
            return appended.map_err(|e| refusal(built_in.name, built_in.rules.as_bytes(), e));
        }
        let file = PathBuf::from(&name);
        let text = trusted(&file).map_err(|why| whole("policy", &name, &why))?;
        append(&mut self.policy, &file.display().to_string(), &text, Form::File)?;
        self.policy_source = "file".into();
        Ok(())
    }
}

/// Reads a file of rules; `-` is standard input.
///
/// # Errors
/// It cannot be read, or has more than the library takes.
pub fn read(file: &Path) -> io::Result<Vec<u8>> {
    match file.to_str() {
        Some("-") => read_all(io::stdin()),
        _ => read_all(File::open(file)?),
    }
}

/// Reads a policy that is to be in force, as the library will: from a file that nobody else may change.
fn trusted(file: &Path) -> Result<Vec<u8>, String> {
    let unreadable = |error: io::Error| format!("cannot read it: {error}");
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    let opened = OpenOptions::new().read(true).custom_flags(flags).open(file).map_err(unreadable)?;
    let of = opened.metadata().map_err(unreadable)?;
    // SAFETY: takes nothing and cannot fail.
    let user = unsafe { libc::geteuid() };
    match (Ownership { mode: of.mode(), user: of.uid(), group: of.gid() }.objection(user)) {
        None => read_all(opened).map_err(unreadable),
        Some(Objection { why, remedy: "" }) => Err(why.into()),
        Some(Objection { why, remedy }) => Err(format!("{why}; try: {remedy} {}", file.display())),
    }
}

fn read_all(source: impl Read) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    source.take(LARGEST_FILE as u64).read_to_end(&mut text)?;
    if text.len() >= LARGEST_FILE {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "16 KiB or more"));
    }
    Ok(text)
}

/// Appends rules to a policy; an error points into `text`, which came from `place`.
///
/// # Errors
/// As the grammar says.
pub fn append(policy: &mut Policy, place: &str, text: &[u8], form: Form) -> Result<(), Refusal> {
    policy.append(text, form).map_err(|error| refusal(place, text, error))
}

/// The rules of flags and variable, each source read on its own so that a fault is shown where it was typed.
fn rules_ahead(
    row: &'static Row,
    flags: &[&Flag],
    variable: Option<&OsString>,
    policy: &mut Policy,
) -> Result<Value, Refusal> {
    let flags = flags.iter().map(|f| (f.name.as_str(), &f.value));
    let all: Vec<_> = flags.chain(variable.map(|v| (row.env, v))).filter(|(_, text)| !text.is_empty()).collect();
    for (place, text) in &all {
        append(policy, place, text.as_bytes(), Form::Line)?;
    }
    let text = OsString::from_vec(all.iter().map(|(_, text)| text.as_bytes()).collect::<Vec<_>>().join(&b','));
    let source = match (all.len(), variable.is_some_and(|v| !v.is_empty())) {
        (0, _) => Source::BuiltIn,
        (1, true) => Source::Environment,
        (_, true) => Source::Both,
        (_, false) => Source::Flag,
    };
    Ok(Value { row, text, source })
}

fn check(row: &'static Row, place: &str, value: &OsStr) -> Result<(), Refusal> {
    match Settings::new().set(row.env.as_bytes(), value.as_bytes()) {
        Ok(()) if row.id == Id::Heat && !value.is_empty() => {
            heat::check(value).map_err(|why| whole(place, value, &why))
        }
        Ok(()) => Ok(()),
        Err(SetError::BadValue { why, start, end, .. }) => Err(Refusal {
            place: place.into(),
            source_text: value.as_bytes().to_vec(),
            start,
            end,
            reason: why.into(),
            hint: policies::nearest(value.as_bytes()).filter(|_| row.id == Id::Policy).map(Into::into),
        }),
        Err(SetError::UnknownName) => Err(whole(place, value, "no such option")),
    }
}

/// A path on the command line means the folder it was typed in; the program may go elsewhere before it is read.
fn absolute(id: Id, value: &OsStr) -> OsString {
    let absolute = |path: &[u8]| path::absolute(OsStr::from_bytes(path)).map(PathBuf::into_os_string);
    let bytes = value.as_bytes();
    match (id, bytes.iter().position(|b| *b == b'=')) {
        (Id::Heat, _) if !bytes.is_empty() => absolute(bytes).unwrap_or_else(|_| value.into()),
        (Id::Policy, _) if bytes.contains(&b'/') => absolute(bytes).unwrap_or_else(|_| value.into()),
        (Id::Report, Some(at)) => {
            let mut text = OsStr::from_bytes(&bytes[..=at]).to_owned();
            text.push(absolute(&bytes[at + 1..]).unwrap_or_else(|_| OsStr::from_bytes(&bytes[at + 1..]).into()));
            text
        }
        _ => value.into(),
    }
}

fn refusal(place: &str, text: &[u8], error: faultless_core::parse::ParseError) -> Refusal {
    Refusal {
        place: place.into(),
        source_text: text.to_vec(),
        start: error.start,
        end: error.end,
        reason: error.kind.to_string(),
        hint: error.kind.hint(text, error.start, error.end).map(Into::into),
    }
}

fn whole(place: &str, text: &OsStr, reason: &str) -> Refusal {
    let text = text.as_bytes();
    Refusal {
        place: place.into(),
        source_text: text.into(),
        start: 0,
        end: text.len(),
        reason: reason.into(),
        hint: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: Id) -> &'static Row {
        id.row().unwrap()
    }

    fn flag(id: Id, value: &str) -> Flag {
        Flag { row: row(id), name: format!("--{}", row(id).name), value: value.into() }
    }

    #[test]
    fn a_flag_wins_over_the_environment_and_that_over_the_default() {
        let environment = Environment {
            options: vec![(row(Id::LockMax), "1M".into()), (row(Id::RetainMax), "2M".into())],
            ..Environment::default()
        };
        let config = Config::resolve(&environment, &[flag(Id::LockMax, "3M")]).unwrap();
        let values: Vec<_> = [Id::LockMax, Id::RetainMax, Id::PopulateMax]
            .map(|id| config.values.iter().find(|v| v.row.id == id).unwrap())
            .map(|v| (v.text.to_str().unwrap(), v.source.clone()))
            .into();
        assert_eq!(values, [("3M", Source::Flag), ("2M", Source::Environment), ("50pct", Source::BuiltIn)]);
    }

    #[test]
    fn rules_of_flags_come_ahead_of_the_variable_and_the_policy() {
        let environment = Environment { options: vec![(row(Id::Rules), "heap:lock".into())], ..Environment::default() };
        let flags = [flag(Id::Rules, "any:lock"), flag(Id::Rules, "text:huge"), flag(Id::Policy, "lean")];
        let config = Config::resolve(&environment, &flags).unwrap();
        assert_eq!(config.get(Id::Rules), "any:lock,text:huge,heap:lock");
        let rules: Vec<_> = config.policy.rules().iter().map(|r| config.policy.slice(r.text)).collect();
        assert_eq!(&rules[..4], [&b"any:lock"[..], b"text:huge", b"heap:lock", b"malloc@1M:nohuge"]);
    }

    #[test]
    fn a_path_of_a_flag_is_made_absolute_and_one_of_the_environment_is_not_touched() {
        assert_eq!(absolute(Id::Report, OsStr::new("json=/x/{pid}")), "json=/x/{pid}");
        let report = absolute(Id::Report, OsStr::new("json=out"));
        assert!(report.as_bytes().starts_with(b"json=/"));
        assert_eq!(absolute(Id::Policy, OsStr::new("latency")), "latency");
    }
}
