//! One c-test: its cases, and how a run under the shim is judged against the run without.
//!
//! What must hold here: every program passes without the shim before it says anything about the shim; under it,
//! exit status and stdout are the same bytes, and so is stderr unless the test asks for a report. A run that the
//! shim did not reach proves nothing, so a page of the program's own must be there.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::artefacts::EVERYTHING;
use crate::compile::{NotCompiled, compile};
use crate::directives::{Directives, End};
use crate::launch::{Launch, Ran};
use crate::pages;

/// The label of that policy in test names and directives.
const EVERYTHING_LABEL: &str = "everything";
/// The policies of a program that names none.
const USUAL: [&str; 4] = ["observe", "throughput", "latency", EVERYTHING_LABEL];
/// The exit status by which a program says that it cannot run here.
const SKIP: End = End::Exit(77);

/// Held by programs that would need more memory together than the machine has.
static SERIAL: Mutex<()> = Mutex::new(());

/// What came of a case.
pub enum Verdict {
    /// it holds
    Passed,
    /// it could not be tried, and why
    Skipped(String),
}

/// Another library that is preloaded too.
#[derive(Clone, PartialEq, Eq)]
pub struct Beside {
    /// its file name
    pub library: String,
    /// ahead of the shim
    pub first: bool,
}

/// One program × one policy.
#[derive(Clone)]
pub struct Case {
    /// the policy's label; `None` is the run without the shim
    pub policy: Option<String>,
    /// another allocator
    pub beside: Option<Beside>,
}

impl Case {
    /// `[throughput]`, or `[throughput, libjemalloc.so.2 first]`.
    pub fn label(&self) -> String {
        let policy = self.policy.as_deref().unwrap_or("alone");
        match &self.beside {
            None => format!("[{policy}]"),
            Some(b) if self.policy.is_none() => format!("[{policy}, {}]", b.library),
            Some(b) => format!("[{policy}, {} {}]", b.library, if b.first { "first" } else { "last" }),
        }
    }
}

/// A program of `c-tests/`.
pub struct CTest {
    /// its file name without the ending
    pub name: String,
    source: PathBuf,
    folder: PathBuf,
    directives: Directives,
    program: Once<PathBuf>,
    alone: Vec<(Option<String>, Once<Ran>)>,
}

/// Why there is no result: (it is a reason to skip, what to say).
type Refusal = (bool, String);
/// What is had once for all cases.
type Once<T> = OnceLock<Result<T, Refusal>>;

impl CTest {
    /// Reads the head of `source`; what is built goes below `target`.
    pub fn read(source: &Path, target: &Path) -> Result<CTest, String> {
        let name = source.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let in_file = |why: String| format!("{}: {why}", source.display());
        let text = std::fs::read_to_string(source).map_err(|e| in_file(e.to_string()))?;
        let directives = Directives::parse(&text).map_err(in_file)?;
        for a in directives.page.iter().chain(&directives.some_page) {
            pages::well_formed(&a.value).map_err(in_file)?;
        }
        let alone = match directives.preload.is_empty() {
            true => vec![(None, OnceLock::new())],
            false => directives.preload.iter().map(|p| (Some(p.clone()), OnceLock::new())).collect(),
        };
        let folder = target.join(&name);
        Ok(CTest { name, source: source.into(), folder, directives, program: OnceLock::new(), alone })
    }

    /// All cases, the one without the shim first.
    pub fn cases(&self) -> Vec<Case> {
        let usual: Vec<String> = USUAL.iter().map(|s| s.to_string()).collect();
        let policies = if self.directives.policies.is_empty() { &usual } else { &self.directives.policies };
        let mut cases = Vec::new();
        for (library, _) in &self.alone {
            let beside = |first| library.clone().map(|library| Beside { library, first });
            cases.push(Case { policy: None, beside: beside(true) });
            for p in policies {
                cases.push(Case { policy: Some(p.clone()), beside: beside(true) });
                if library.is_some() {
                    cases.push(Case { policy: Some(p.clone()), beside: beside(false) });
                }
            }
        }
        cases
    }

    /// Compiles if need be, runs the case, and judges it.
    pub fn run(&self, case: &Case, shim: &Path) -> Result<Verdict, String> {
        let library = case.beside.as_ref().map(|b| &b.library);
        let (_, cell) = self.alone.iter().find(|(l, _)| l.as_ref() == library).ok_or("no such case")?;
        let alone = match cell.get_or_init(|| self.run_alone(library)) {
            Ok(alone) => alone,
            Err((true, why)) => return Ok(Verdict::Skipped(why.clone())),
            Err((false, why)) => return Err(format!("without the shim: {why}")),
        };
        let Some(policy) = &case.policy else { return Ok(Verdict::Passed) };
        if !shim.exists() {
            return Err(format!("{} is not there: make build", shim.display()));
        }
        let mut preload = shim.display().to_string();
        if let Some(b) = &case.beside {
            let other = find(&b.library).ok_or("gone")?;
            preload = if b.first { format!("{other}:{preload}") } else { format!("{preload}:{other}") };
        }
        let with = self.launch(preload, Some(policy))?;
        self.judge(alone, &with, policy)?;
        Ok(Verdict::Passed)
    }

    fn run_alone(&self, library: Option<&String>) -> Result<Ran, Refusal> {
        let preload = match library.map(|l| find(l).ok_or_else(|| (true, format!("{l} is not installed")))) {
            Some(found) => found?,
            None => String::new(),
        };
        let ran = self.program().and_then(|_| self.launch(preload, None).map_err(|why| (false, why)))?;
        match ran.end {
            end if end == self.directives.end => Ok(ran),
            SKIP => Err((true, text(&ran.stderr).trim().to_string())),
            end => Err((false, format!("{end:?}: {}", text(&ran.stderr)))),
        }
    }

    fn program(&self) -> Result<PathBuf, Refusal> {
        let compiled = self.program.get_or_init(|| match compile(&self.source, &self.folder, &self.directives) {
            Ok(program) => Ok(program),
            Err(NotCompiled::Skip(why)) => Err((true, why)),
            Err(NotCompiled::Error(why)) => Err((false, why)),
        });
        compiled.clone()
    }

    fn launch(&self, preload: String, policy: Option<&str>) -> Result<Ran, String> {
        let program = self.program().map_err(|(_, why)| why)?;
        let mut env = Vec::new();
        match policy {
            Some(EVERYTHING_LABEL) => env.push(("FAULTLESS_RULES".into(), EVERYTHING.into())),
            Some(rules) if rules.contains(':') => env.push(("FAULTLESS_RULES".into(), rules.into())),
            Some(name) => env.push(("FAULTLESS_POLICY".into(), name.into())),
            None => {}
        }
        env.extend(self.directives.env.iter().cloned());
        let _alone = self.directives.serial.then(|| SERIAL.lock().unwrap_or_else(PoisonError::into_inner));
        Launch { program: &program, preload, env, limits: &self.directives.limits, scratch: &self.folder }.run()
    }

    fn judge(&self, alone: &Ran, with: &Ran, policy: &str) -> Result<(), String> {
        let d = &self.directives;
        if with.end != alone.end {
            return Err(format!("{:?} instead of {:?}: {}", with.end, alone.end, text(&with.stderr)));
        }
        if with.stdout != alone.stdout {
            return Err(first_difference("stdout", &alone.stdout, &with.stdout));
        }
        let wanted: Vec<_> = d.stderr.iter().filter(|s| s.holds_for(policy)).collect();
        for w in &wanted {
            let regex = regex_lite::Regex::new(&w.value).map_err(|e| e.to_string())?;
            if !regex.is_match(&text(&with.stderr)) {
                return Err(format!("stderr has no `{}`: {:?}", w.value, text(&with.stderr)));
            }
        }
        if wanted.is_empty() && with.stderr != alone.stderr {
            return Err(first_difference("stderr", &alone.stderr, &with.stderr));
        }
        self.judge_pages(with, policy)
    }

    fn judge_pages(&self, with: &Ran, policy: &str) -> Result<(), String> {
        let d = &self.directives;
        let found = with.pages.as_ref().map_err(String::clone)?;
        let exe = &self.name.as_bytes()[..self.name.len().min(63)];
        let own = found.iter().find(|p| p.pid == with.pid && p.exe() == exe);
        if own.is_none() && !d.pages_may_be_missing {
            return Err(format!("no counter page of pid {} and exe {} among {}", with.pid, self.name, found.len()));
        }
        for a in d.page.iter().filter(|a| a.holds_for(policy)) {
            pages::check(own.ok_or("no page")?, &a.value).map_err(|why| format!("page: {why}"))?;
        }
        for a in d.some_page.iter().filter(|a| a.holds_for(policy)) {
            if !found.iter().any(|p| pages::check(p, &a.value).is_ok()) {
                return Err(format!("none of {} pages has {}", found.len(), a.value));
            }
        }
        let says_state = d.pages_may_be_missing || d.page.iter().any(|a| a.value.contains("state"));
        if let Some(p) = own.filter(|_| !says_state) {
            pages::check(p, "state = on").map_err(|why| format!("page: {why}"))?;
        }
        Ok(())
    }
}

/// The full path of a library that the linker would find.
fn find(library: &str) -> Option<String> {
    let done = Command::new("gcc").arg(format!("-print-file-name={library}")).output().ok()?;
    let path = text(&done.stdout).trim().to_string();
    path.starts_with('/').then_some(path)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn first_difference(what: &str, alone: &[u8], with: &[u8]) -> String {
    let (alone, with) = (text(alone), text(with));
    let mut pairs = alone.lines().map(Some).chain(std::iter::repeat(None)).zip(with.lines().map(Some).chain([None]));
    let (a, w) = pairs.find(|(a, w)| a != w).unwrap_or((None, None));
    format!("{what} differs: without the shim {a:?}, with it {w:?}")
}
