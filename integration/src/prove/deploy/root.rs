//! A Debian root of its own: what images and packages are tried in.
//!
//! What must hold here: made once, by debootstrap, and never changed: what is tried happens in a container's layer over it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::engine::Engine;
use crate::artefacts::{present, workspace};

/// The release.
const RELEASE: &str = "bookworm";
/// The image of it.
pub const IMAGE: &str = "localhost/faultless-check-debian";

/// The root, made if it isn't there; minutes, the first time.
pub fn root() -> Result<PathBuf, String> {
    let root = workspace().join("target/deploy").join(RELEASE);
    if root.is_dir() {
        return Ok(root);
    }
    if !present("debootstrap") {
        return Err("skip: no debootstrap; apt-get install debootstrap".into());
    }
    eprintln!("debootstrap {RELEASE}: once, some minutes");
    let making = root.with_extension("new");
    let _ = fs::remove_dir_all(&making);
    let made = Command::new("debootstrap").args(["--variant=minbase", RELEASE]).arg(&making).output();
    let made = made.map_err(|e| format!("debootstrap: {e}"))?;
    if !made.status.success() {
        let said = String::from_utf8_lossy(&made.stdout).into_owned();
        return Err(format!("skip: debootstrap: {}", said.lines().last().unwrap_or_default()));
    }
    fs::rename(&making, &root).map_err(|e| e.to_string())?;
    Ok(root)
}

/// The root as an image of the engine.
pub fn image(engine: &Engine) -> Result<(), String> {
    if engine.shell(&format!("podman image exists {IMAGE}"))?.status == 0 {
        return Ok(());
    }
    let root = root()?;
    let without = "--exclude=./var/cache/apt/* --exclude=./var/lib/apt/lists/*";
    engine.ok(&format!("tar -C {} {without} -c . | podman import -q - {IMAGE}", root.display())).map(drop)
}
