//! podman, as it runs without a daemon and without touching what the user of this machine has in it.
//!
//! What must hold here: everything that it needs to be told comes by its own files of configuration, so that commands are
//! those which a reader of the README types; no network; containers that a check has started are gone with it.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::artefacts::{compile, present, workspace};
use crate::child::{Ran, Run};
use crate::prove::first_line;

/// Where images stay between runs.
const KEPT: &str = "target/deploy";

/// An engine and a folder of its own.
pub struct Engine {
    folder: TempDir,
    containers: RefCell<Vec<String>>,
}

impl Engine {
    /// podman with runc; an error is the reason why there is none.
    pub fn start() -> Result<Engine, String> {
        for (program, package) in [("podman", "podman"), ("runc", "runc"), ("conmon", "conmon")] {
            if !present(program) {
                return Err(format!("no {program}; apt-get install {package}"));
            }
        }
        // SAFETY: takes nothing and cannot fail.
        if unsafe { libc::geteuid() } != 0 {
            return Err("needs root (rootless podman would want subordinate ids)".into());
        }
        let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
        let at = |name: &str| folder.path().join(name);
        // crun refuses hybrid cgroups, and limits above the hard ones of this machine are refused too.
        let containers = "[containers]\ndefault_ulimits = [\"nofile=1024:1024\", \"nproc=1000:1000\"]\nnetns = \"none\"\n\
            log_driver = \"k8s-file\"\n[engine]\nruntime = \"runc\"\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\n";
        let store = workspace().join(KEPT).join("storage");
        let storage = format!(
            "[storage]\ndriver = \"overlay\"\ngraphroot = \"{}\"\nrunroot = \"{}\"\n",
            store.display(),
            at("run").display()
        );
        fs::create_dir_all(&store).map_err(|e| format!("{}: {e}", store.display()))?;
        let write = |name: &str, text: &str| fs::write(at(name), text).map_err(|e| e.to_string());
        write("containers.conf", containers)?;
        write("storage.conf", &storage)?;
        Ok(Engine { folder, containers: RefCell::default() })
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// One shell line, as it is typed in the workspace's folder.
    pub fn shell(&self, line: &str) -> Result<Ran, String> {
        let at = |name: &str| self.folder.path().join(name).to_string_lossy().into_owned();
        let env = [
            ("CONTAINERS_CONF".to_owned(), at("containers.conf")),
            ("CONTAINERS_STORAGE_CONF".to_owned(), at("storage.conf")),
            ("BUILDAH_ISOLATION".to_owned(), "chroot".to_owned()),
        ];
        let mut run = Run::new(&workspace(), ["/bin/sh", "-c", line]).env(env);
        run.env.push(("HOME".into(), at("")));
        run.run()
    }

    /// What a line prints, or its complaint.
    pub fn ok(&self, line: &str) -> Result<String, String> {
        let ran = self.shell(line)?;
        match ran.status {
            0 => Ok(String::from_utf8_lossy(&ran.stdout).trim().to_owned()),
            status => Err(format!("{status}: {} ({line})", first_line(&ran.stderr))),
        }
    }

    /// Starts a container that goes on; returns its id once it has said "ready".
    pub fn up(&self, arguments: &str) -> Result<String, String> {
        let id = self.ok(&format!("podman run -d {arguments}"))?;
        let id = id.lines().last().unwrap_or_default().to_owned();
        self.containers.borrow_mut().push(id.clone());
        let until = Instant::now() + Duration::from_secs(60);
        while !self.logs(&id)?.contains("ready") {
            if Instant::now() > until
                || self.ok(&format!("podman inspect -f '{{{{.State.Status}}}}' {id}"))? == "exited"
            {
                return Err(format!("it never was ready: {}", first_line(self.logs(&id)?.as_bytes())));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(id)
    }

    /// What a container has written.
    pub fn logs(&self, id: &str) -> Result<String, String> {
        self.ok(&format!("podman logs {id} 2>&1"))
    }

    /// The process id that a container's first process has here.
    pub fn pid(&self, id: &str) -> Result<u32, String> {
        let pid = self.ok(&format!("podman inspect -f '{{{{.State.Pid}}}}' {id}"))?;
        pid.parse().map_err(|_| format!("no process: {pid}"))
    }

    /// Asks it to stop as an orchestrator does (SIGTERM, and SIGKILL after 20 s); its status.
    pub fn stop(&self, id: &str) -> Result<i32, String> {
        self.ok(&format!("podman stop -t 20 {id}"))?;
        let status = self.ok(&format!("podman inspect -f '{{{{.State.ExitCode}}}}' {id}"))?;
        status.parse().map_err(|_| status)
    }

    /// Builds an image from lines, in a folder of these files (name there, file here).
    pub fn image(&self, name: &str, lines: &str, files: &[(&str, &Path)]) -> Result<(), String> {
        let context = self.folder.path().join(format!("context-{}", name.replace(['/', ':'], "-")));
        fs::create_dir_all(&context).map_err(|e| e.to_string())?;
        for (to, from) in files {
            fs::copy(from, context.join(to)).map_err(|e| format!("{}: {e}", from.display()))?;
        }
        fs::write(context.join("Containerfile"), lines).map_err(|e| e.to_string())?;
        self.ok(&format!("podman build -q -t {name} {}", context.display())).map(drop)
    }

    /// The server of integration/fixtures, built for glibc here.
    pub fn server(&self) -> Result<PathBuf, String> {
        compile("integration/fixtures/serve.c", self.folder.path())
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        for id in self.containers.borrow().iter() {
            let _ = self.shell(&format!("podman rm -f -t 0 {id}"));
        }
    }
}
