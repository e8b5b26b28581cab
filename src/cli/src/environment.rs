//! The FAULTLESS_… variables that this command was started with.
//!
//! What must hold here: values are bytes (a path may be no UTF-8), and names that are no option are only warned
//! of: Kubernetes puts FAULTLESS_SERVICE_HOST and FAULTLESS_PORT into every pod beside a service of that name.

use std::collections::BTreeMap;
use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use anyhow::Result;
use faultless_core::options::{self, Row, TABLE};

const PREFIX: &str = "FAULTLESS_";
/// Known, but no option: the library's place, and the heat of a page as later versions keep it.
const OTHERS: [&str; 2] = ["FAULTLESS_LIB", "FAULTLESS_HEAT"];

/// What was found.
#[derive(Debug, Default)]
pub struct Environment {
    /// FAULTLESS_LIB
    pub lib: Option<OsString>,
    /// options that are set
    pub options: Vec<(&'static Row, OsString)>,
    /// names that mean nothing
    pub unknown: Vec<OsString>,
}

impl Environment {
    /// Reads the variables of this process.
    ///
    /// # Errors
    /// None that an environment could cause.
    pub fn read() -> Result<Environment> {
        Environment::from_vars(env::vars_os())
    }

    fn from_vars(vars: impl Iterator<Item = (OsString, OsString)>) -> Result<Environment> {
        let ours = vars.filter(|(name, _)| name.as_bytes().starts_with(PREFIX.as_bytes()));
        let known = |name: &OsStr| OTHERS.iter().any(|n| name == *n) || TABLE.iter().any(|r| name == r.env);
        let (known, unknown): (Vec<_>, Vec<_>) = ours.partition(|(name, _)| known(name));

        // envy panics on anything but UTF-8, so the rest goes round it.
        let mut bytes = Vec::new();
        let text = known.into_iter().filter_map(|(name, value)| match (name.into_string(), value.into_string()) {
            (Ok(name), Ok(value)) => Some((name, value)),
            (Ok(name), Err(value)) => {
                bytes.push((field(&name), value));
                None
            }
            (Err(_), _) => None,
        });
        let mut fields: BTreeMap<String, OsString> = envy::prefixed(PREFIX)
            .from_iter::<_, BTreeMap<String, String>>(text.collect::<Vec<_>>())?
            .into_iter()
            .map(|(field, value)| (field, value.into()))
            .collect();
        fields.extend(bytes);

        Ok(Environment {
            lib: fields.remove("lib"),
            options: TABLE.iter().filter_map(|row| Some((row, fields.remove(&field(row.env))?))).collect(),
            unknown: unknown.into_iter().map(|(name, _)| name).filter(|name| !is_kubernetes(name)).collect(),
        })
    }

    /// A line for each name that means nothing.
    pub fn warnings(&self) -> impl Iterator<Item = String> {
        self.unknown.iter().map(|name| match options::nearest(name.as_bytes()) {
            Some(near) => format!("{} is no option; did you mean {near}?", name.display()),
            None => format!("{} is no option", name.display()),
        })
    }
}

/// FAULTLESS_LOCK_MAX as envy names it: lock_max.
fn field(name: &str) -> String {
    name.strip_prefix(PREFIX).unwrap_or(name).to_ascii_lowercase()
}

fn is_kubernetes(name: &OsStr) -> bool {
    let own = &name.as_bytes()[PREFIX.len()..];
    own.starts_with(b"SERVICE_") || own == b"PORT" || own.starts_with(b"PORT_")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStringExt;

    fn read(vars: &[(&str, &[u8])]) -> Environment {
        let vars = vars.iter().map(|(n, v)| (OsString::from(n), OsString::from_vec(v.to_vec())));
        Environment::from_vars(vars.collect::<Vec<_>>().into_iter()).unwrap()
    }

    #[test]
    fn options_keep_bytes_that_are_no_utf8() {
        let found = read(&[("FAULTLESS_POLICY", b"/p\xff"), ("FAULTLESS_LOCK_MAX", b"1M"), ("HOME", b"\xff")]);
        let values: Vec<_> = found.options.iter().map(|(r, v)| (r.name, v.as_bytes())).collect();
        assert_eq!(values, [("policy", &b"/p\xff"[..]), ("lock-max", &b"1M"[..])]);
    }

    #[test]
    fn the_library_may_lie_under_a_name_that_is_no_utf8() {
        assert_eq!(read(&[("FAULTLESS_LIB", b"/\xff")]).lib.unwrap().as_bytes(), b"/\xff");
    }

    #[test]
    fn unknown_names_are_warned_of_with_the_nearest() {
        let found = read(&[("FAULTLESS_POLCY", b"x"), ("FAULTLESS_lock_max", b"1M")]);
        let warnings: Vec<_> = found.warnings().collect();
        assert_eq!(warnings[0], "FAULTLESS_POLCY is no option; did you mean FAULTLESS_POLICY?");
        assert_eq!(warnings[1], "FAULTLESS_lock_max is no option; did you mean FAULTLESS_LOCK_MAX?");
        assert!(found.options.is_empty());
    }

    #[test]
    fn what_kubernetes_sets_is_not_warned_of() {
        let names = ["FAULTLESS_SERVICE_HOST", "FAULTLESS_PORT", "FAULTLESS_PORT_80_TCP", "FAULTLESS_HEAT"];
        assert!(read(&names.map(|n| (n, &b"1"[..]))).unknown.is_empty());
    }
}
