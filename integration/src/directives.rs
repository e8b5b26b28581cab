//! What a c-test says about itself in the comment at its head.
//!
//! What must hold here: a directive that is not understood is an error, never a remark, because a misspelt check
//! would be a check that cannot fail. The directives, each on a line of its own as `// name: value`; those with a
//! `[policy]` hold for that policy alone:
//!
//! | directive | meaning |
//! |---|---|
//! | `policy: observe` or `policy: RULES` | runs under this instead of the usual four; repeatable |
//! | `cflags: …` | further arguments for the compiler, after the source |
//! | `build: FILE …` | compiles the same source to FILE too, with these arguments, beside the program |
//! | `build or skip: FILE …` | the same, and a compiler that cannot is a reason to skip |
//! | `limit: memlock=0 as=64M` | resource limits of the program; memlock also takes CAP_IPC_LOCK away |
//! | `env: NAME=VALUE` | environment of the runs with the shim and without |
//! | `preload: FILE …` | runs beside each of these libraries, preloaded before the shim and after it |
//! | `serial: reason` | never runs beside another such program |
//! | `exit: 7` or `exit: signal 9` | how it ends; exit 0 where nothing is said |
//! | `stderr [policy]: REGEX` | with the shim, its stderr matches (else it is the same as without) |
//! | `page [policy]: exe = x, end = exit` | what the program's own counter page says |
//! | `some page [policy]: …` | the same of any one page that was left behind |
//! | `pages: may be missing` | no counter page is expected |

/// A directive's value and the one policy it holds for, if it names one.
#[derive(Debug)]
pub struct Scoped {
    /// the policy's label; `None` is every policy
    pub policy: Option<String>,
    /// the text after the colon
    pub value: String,
}

impl Scoped {
    /// Whether it holds under the policy of this label.
    pub fn holds_for(&self, policy: &str) -> bool {
        self.policy.as_deref().is_none_or(|p| p == policy)
    }
}

/// A further file that is compiled from the same source.
#[derive(Debug)]
pub struct Build {
    /// name of the file beside the program
    pub file: String,
    /// arguments for the compiler
    pub flags: Vec<String>,
    /// a compiler that refuses means that the test is skipped
    pub or_skip: bool,
}

/// How the program ends.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub enum End {
    /// exit status
    Exit(i32),
    /// number of the signal
    Signal(i32),
}

/// All that a program's head says.
#[derive(Debug)]
#[allow(missing_docs)] // each field is a directive of the table above
pub struct Directives {
    pub policies: Vec<String>,
    pub cflags: Vec<String>,
    pub builds: Vec<Build>,
    pub limits: Vec<(String, u64)>,
    pub env: Vec<(String, String)>,
    pub preload: Vec<String>,
    pub serial: bool,
    pub end: End,
    pub stderr: Vec<Scoped>,
    pub page: Vec<Scoped>,
    pub some_page: Vec<Scoped>,
    pub pages_may_be_missing: bool,
}

impl Directives {
    /// Reads the comment lines at the head of `source`. The error names the line that is at fault.
    pub fn parse(source: &str) -> Result<Directives, String> {
        let mut d = Directives {
            policies: Vec::new(),
            cflags: Vec::new(),
            builds: Vec::new(),
            limits: Vec::new(),
            env: Vec::new(),
            preload: Vec::new(),
            serial: false,
            end: End::Exit(0),
            stderr: Vec::new(),
            page: Vec::new(),
            some_page: Vec::new(),
            pages_may_be_missing: false,
        };
        for line in source.lines().map_while(|l| l.strip_prefix("//")) {
            // a sentence may have a colon too, but not so near its beginning
            let directive = line.trim().split_once(": ").filter(|(key, _)| key.split(" [").next().is_some_and(is_name));
            if let Some((key, value)) = directive {
                d.directive(key, value.trim()).map_err(|why| format!("{why} in `//{line}`"))?;
            }
        }
        Ok(d)
    }

    fn directive(&mut self, key: &str, value: &str) -> Result<(), String> {
        let (name, policy) = match key.split_once(" [") {
            Some((name, p)) => (name, Some(p.strip_suffix(']').ok_or("no ]")?.to_string())),
            None => (key, None),
        };
        let scoped = Scoped { policy: policy.clone(), value: value.to_string() };
        match name {
            "stderr" => self.stderr.push(scoped),
            "page" => self.page.push(scoped),
            "some page" => self.some_page.push(scoped),
            _ if policy.is_some() => return Err("a policy in brackets where none may stand".into()),
            "policy" => self.policies.push(value.to_string()),
            "cflags" => self.cflags.extend(words(value)),
            "build" | "build or skip" => {
                let mut flags = words(value);
                let file = flags.next().ok_or("no file name")?;
                self.builds.push(Build { file, flags: flags.collect(), or_skip: name != "build" });
            }
            "limit" => {
                for word in words(value) {
                    let (what, size) = word.split_once('=').ok_or("no `=`")?;
                    self.limits.push((what.to_string(), limit(size)?));
                }
            }
            "env" => {
                let (name, v) = value.split_once('=').ok_or("no `=`")?;
                self.env.push((name.to_string(), v.to_string()));
            }
            "preload" => self.preload.extend(words(value)),
            "serial" => self.serial = true,
            "exit" => {
                self.end = match value.strip_prefix("signal ") {
                    Some(n) => End::Signal(n.parse().map_err(|_| "no number")?),
                    None => End::Exit(value.parse().map_err(|_| "no number")?),
                }
            }
            "pages" if value == "may be missing" => self.pages_may_be_missing = true,
            _ => return Err(format!("`{name}` is no directive")),
        }
        Ok(())
    }
}

fn is_name(key: &str) -> bool {
    key.split(' ').count() <= 3
}

fn words(value: &str) -> impl Iterator<Item = String> + '_ {
    value.split_whitespace().map(str::to_string)
}

fn limit(text: &str) -> Result<u64, String> {
    if text == "unlimited" {
        return Ok(u64::MAX);
    }
    match faultless_core::size::Size::parse(text.as_bytes()) {
        Ok(faultless_core::size::Size::Bytes(b)) => Ok(b),
        _ => Err(format!("`{text}` is no size in bytes")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_directive_is_an_error() {
        assert!(Directives::parse("// pgae: end = exit\n").is_err());
        assert!(Directives::parse("// sone page: end = exit\n").is_err());
        assert!(Directives::parse("// A sentence of some words: more of it.\n").is_ok());
        assert!(
            Directives::parse("// A sentence without a colon.\n// policy: observe\nint x; // page: not read\n").is_ok()
        );
    }

    #[test]
    fn a_check_for_one_policy_holds_for_no_other() {
        let d = Directives::parse("// page [latency]: populated_bytes > 0\n").unwrap();
        assert!(d.page[0].holds_for("latency") && !d.page[0].holds_for("observe"));
    }
}
