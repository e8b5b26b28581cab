//! The Kustomize component of deploy/kubernetes, applied to its sample: valid, and started by an engine.
//!
//! What must hold here: no cluster and no kustomize are needed; integration/kustomize.py builds what kustomize would, a
//! package with Kubernetes' own schemas judges it, and podman starts the pod.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::containers::{self, engine};
use super::engine::Engine;
use super::{Found, judge};
use crate::artefacts::workspace;
use crate::child::Run;
use crate::prove::{Sink, first_line};

/// From PyPI, with the schemas in it.
const VALIDATOR: &str = "kubernetes-validate==1.37.0";

/// All of it.
pub fn prove(sink: Sink<'_>) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let manifest = built(folder.path())?;
    judge(sink, "kubernetes: the component applied to the sample", "valid, strictly", || valid(&manifest));
    judge(sink, "kubernetes: a pod of it, started by podman play kube", "every region huge, populated", || {
        let engine = engine()?;
        started(&engine, &manifest)
    });
    Ok(())
}

/// The sample with the component, in a file.
fn built(folder: &Path) -> Result<PathBuf, String> {
    let build = ["/usr/bin/python3", "integration/kustomize.py", "deploy/kubernetes/sample"];
    let ran = Run::new(&workspace(), build).run()?;
    if ran.status != 0 {
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        let why = said.lines().last().unwrap_or_default().to_owned();
        let skip = if why.contains("No module") { "skip: " } else { "" };
        return Err(format!("{skip}kustomize.py: {why}; apt-get install python3-yaml python3-jsonpatch"));
    }
    let manifest = folder.join("sample.yaml");
    fs::write(&manifest, ran.stdout).map_err(|e| e.to_string())?;
    Ok(manifest)
}

fn valid(manifest: &Path) -> Found {
    let venv = workspace().join("target/deploy/venv");
    let validator = venv.join("bin/kubernetes-validate");
    if !validator.exists() {
        let python = PathBuf::from("python3");
        let at = venv.to_string_lossy();
        let make: [(PathBuf, &[&str]); 2] =
            [(python, &["-m", "venv", &at]), (venv.join("bin/pip"), &["install", "-q", VALIDATOR])];
        for (program, words) in make {
            // Without the limit of time that programs under test have: what is slow here is the network.
            let done =
                Command::new(&program).args(words).output().map_err(|e| format!("skip: {}: {e}", program.display()))?;
            if !done.status.success() {
                return Err(format!("skip: {VALIDATOR} from PyPI: {}", first_line(&done.stderr)));
            }
        }
    }
    let validate = |file: &Path| {
        let words = [validator.to_string_lossy(), "--strict".into(), file.to_string_lossy()].map(|w| w.into_owned());
        Run::new(&workspace(), words).run()
    };
    let (ran, text) = (validate(manifest)?, fs::read_to_string(manifest).map_err(|e| e.to_string())?);
    // It must be able to refuse.
    let wrong = manifest.with_file_name("wrong.yaml");
    fs::write(&wrong, text.replace("mountPath", "mountPaht")).map_err(|e| e.to_string())?;
    if validate(&wrong)?.status == 0 {
        return Err("the validator accepts a field that does not exist".into());
    }
    let said = String::from_utf8_lossy(&[ran.stdout, ran.stderr].concat()).trim().replace('\n', "; ");
    Ok((said.rsplit('/').next().unwrap_or_default().to_owned(), ran.status == 0))
}

fn started(engine: &Engine, manifest: &Path) -> Found {
    containers::is_static()?;
    // podman removes an init container that has ended, and trips over itself where the machine is slow; kept, it is not.
    // What it wants to be told of a Deployment's pods it reads in the Deployment's own annotations.
    let text = fs::read_to_string(manifest).map_err(|e| e.to_string())?;
    let kept = "metadata:\n  annotations: {io.podman.annotations.init.container.type: always}\n";
    let manifest = manifest.with_file_name("podman.yaml");
    fs::write(&manifest, text.replacen("metadata:\n", kept, 1)).map_err(|e| e.to_string())?;
    let file = manifest.display();
    let up = engine.ok(&format!("podman play kube --network none {file}"));
    let found = up.and_then(|_| {
        let container = "server-pod-0-server";
        let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while !engine.logs(container)?.contains("ready") && std::time::Instant::now() < until {
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        containers::applied(&containers::report(engine, container)?, "anon@2M:huge+populate")
    });
    let _ = engine.shell(&format!("podman play kube --down {file}"));
    found
}
