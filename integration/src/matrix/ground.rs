//! Where a column's programs run: a Debian root of its own C library, entered anew for each run.
//!
//! What must hold here: nothing of this machine's own file system is changed but the work folder; a program alone, under a
//! bare preload and under `faultless run` starts in the same place as the same user.

use std::path::{Path, PathBuf};

use faultless_core::page::Snapshot;

use crate::artefacts::workspace;
use crate::child::{Ran, Run};
use crate::pages;

/// What every program runs under.
pub const RULES: &str = "malloc@1M:populate,anon@2M:populate";
/// The library, as the roots see it.
pub const LIBRARY: &str = "/opt/faultless/lib/faultless/libfaultless.so";
/// The command, there.
const COMMAND: &str = "/opt/faultless/bin/faultless";

/// A C library that programs are compiled for and run under.
pub struct Ground {
    /// what the table calls it
    pub label: &'static str,
    /// the Debian that has it
    pub suite: &'static str,
    /// its compiler
    pub compiler: &'static str,
    root: PathBuf,
    dist: PathBuf,
    /// `/matrix` in the root
    pub work: PathBuf,
}

/// How a program is started.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// without us
    Alone,
    /// LD_PRELOAD and nothing else
    Bare,
    /// `faultless run --wait`
    Wrapped,
}

/// A program, and what is particular about its surroundings.
#[derive(Clone, Default)]
pub struct Launch<'a> {
    /// program and arguments, as the root sees them
    pub argv: &'a [&'a str],
    /// as user 65534 instead of root
    pub as_nobody: bool,
    /// mounts that are left out: `proc`, `shm`
    pub without: &'a str,
    /// the root is mounted read-only
    pub read_only: bool,
    /// as process 1 of a container
    pub in_container: bool,
    /// options of `faultless run`
    pub options: &'a [&'a str],
}

impl Ground {
    /// A column; the error says what is missing.
    pub fn new(label: &'static str, suite: &'static str, compiler: &'static str) -> Result<Ground, String> {
        let target = workspace().join("target");
        let root = target.join("roots").join(suite);
        if !root.join("bin/true").exists() {
            return Err(format!("no root of {suite}: as root, integration/matrix/roots.sh target/roots {suite}"));
        }
        let package = if compiler == "musl-gcc" { "musl" } else { "libc6" };
        let version = installed(&root, package)?;
        if !label.split_whitespace().nth(1).is_some_and(|named| version.starts_with(&format!("{named}-"))) {
            return Err(format!("{}: {package} is {version}, not {label}", root.display()));
        }
        let found = std::fs::read_dir(target.join("dist")).into_iter().flatten().flatten().map(|e| e.path());
        let dist = found.into_iter().find(|p| p.join("bin/faultless").exists()).ok_or("no build: make dist")?;
        let work = target.join("matrix").join(format!("{suite}-{compiler}"));
        let _ = std::fs::remove_dir_all(&work);
        std::fs::create_dir_all(&work).map_err(|e| format!("{}: {e}", work.display()))?;
        Ok(Ground { label, suite, compiler, root, dist, work })
    }

    /// Whether its C library is musl.
    pub fn is_musl(&self) -> bool {
        self.compiler == "musl-gcc"
    }

    /// Runs a command in the root, without us; the error is what it said.
    pub fn tool(&self, argv: &[&str]) -> Result<(), String> {
        let ran = self.run(Way::Alone, &Launch { argv, ..Launch::default() })?;
        match ran.status {
            0 => Ok(()),
            _ => Err(format!("{}: {}", argv.join(" "), String::from_utf8_lossy(&ran.stderr))),
        }
    }

    /// Compiles a fixture to `/matrix/NAME` with the root's compiler.
    pub fn compile(&self, fixture: &str, name: &str, flags: &[&str]) -> Result<(), String> {
        self.add(fixture)?;
        let (source, output) = (format!("/matrix/{fixture}"), format!("/matrix/{name}"));
        let mut argv = vec![self.compiler, "-O1", "-pthread", source.as_str(), "-o", output.as_str()];
        argv.extend(flags);
        self.tool(&argv)
    }

    /// Copies a fixture to `/matrix`.
    pub fn add(&self, fixture: &str) -> Result<(), String> {
        let from = workspace().join("integration/fixtures/matrix").join(fixture);
        std::fs::copy(&from, self.work.join(fixture)).map(drop).map_err(|e| format!("{}: {e}", from.display()))
    }

    /// Runs a program there.
    pub fn run(&self, way: Way, launch: &Launch<'_>) -> Result<Ran, String> {
        let mut argv: Vec<String> = Vec::new();
        let mut push = |words: &[&str]| argv.extend(words.iter().map(|w| (*w).to_owned()));
        let preload = [format!("LD_PRELOAD={LIBRARY}"), format!("FAULTLESS_RULES={RULES}")];
        // A tree of its own: then each process leaves its page, however short it lived.
        let kept = ["FAULTLESS_TREE=00000000000c7e57", "FAULTLESS_PAGES=/matrix/pages"];
        if launch.in_container {
            push(&["podman", "--runtime", "runc", "--cgroup-manager=cgroupfs", "run", "--rm", "--network", "none"]);
            push(&["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1000:1000"]);
            if way == Way::Bare {
                preload.iter().map(String::as_str).chain(kept).for_each(|pair| push(&["--env", pair]));
            }
            push(&["--volume", &format!("{}:/opt/faultless:ro", self.dist.display())]);
            push(&["--volume", &format!("{}:/matrix", self.work.display())]);
            push(&["--rootfs", &format!("{}:O", self.root.display())]);
        } else {
            let (enter, at) = (workspace().join("integration/matrix/enter.sh"), |p: &Path| p.display().to_string());
            push(&[&at(&enter), &at(&self.root), &at(&self.dist), &at(&self.work)]);
            if launch.as_nobody {
                push(&["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]);
            }
            if way == Way::Bare {
                push(&["env"]);
                preload.iter().map(String::as_str).chain(kept).for_each(|pair| push(&[pair]));
            }
        }
        if way == Way::Wrapped {
            push(&[COMMAND, "run", "--wait", "--rule", RULES]);
            push(launch.options);
            push(&["--"]);
        }
        push(launch.argv);
        self.empty_pages(launch.as_nobody)?;
        let mut env = vec![("WITHOUT".to_owned(), launch.without.to_owned())];
        env.extend(launch.read_only.then(|| ("READ_ONLY".to_owned(), "1".to_owned())));
        Run::new(&self.work, argv).env(env).run()
    }

    fn empty_pages(&self, as_nobody: bool) -> Result<(), String> {
        let folder = self.work.join("pages");
        let _ = std::fs::remove_dir_all(&folder);
        let id = as_nobody.then_some(65534);
        std::fs::create_dir(&folder)
            .and_then(|()| std::fs::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(0o700)))
            .and_then(|()| std::os::unix::fs::chown(&folder, id, id))
            .map_err(|e| format!("{}: {e}", folder.display()))
    }

    /// The counter pages that the last bare run left.
    pub fn pages(&self) -> Result<Vec<Snapshot>, String> {
        pages::read(&self.work.join("pages"))
    }
}

/// The version of a package, as the root's dpkg has it.
fn installed(root: &Path, package: &str) -> Result<String, String> {
    let path = root.join("var/lib/dpkg/status");
    let status = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let mut lines = status.lines().skip_while(|l| l.strip_prefix("Package: ") != Some(package));
    let version = lines.find_map(|l| l.strip_prefix("Version: ")).map(str::to_owned);
    version.ok_or_else(|| format!("{}: no package {package}", path.display()))
}
