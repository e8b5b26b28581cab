//! Gets sources from where Debian keeps them, and unpacks them into a suite's cache.
//!
//! What must hold here: nothing of the machine's own apt is changed; what is there already is not fetched again.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The sources of a Debian package, unpacked: the folder, and the version of its own.
pub fn debian(package: &str, cache: &Path) -> Result<(PathBuf, String), String> {
    let folder = cache.join("source");
    if let Some(version) = unpacked(package, cache).filter(|_| folder.is_dir()) {
        return Ok((folder, version));
    }
    let lists = cache.join("lists");
    std::fs::create_dir_all(lists.join("partial")).map_err(|e| format!("{}: {e}", lists.display()))?;
    let sources = cache.join("apt.sources");
    std::fs::write(&sources, sources_of_the_machine()?).map_err(|e| format!("{}: {e}", sources.display()))?;
    let run = |program: &str, argv: &[&str]| {
        let mut command = Command::new(program);
        command.arg("-qq").arg("-o").arg(format!("Dir::Etc::sourcelist={}", sources.display()));
        command.args(["-o", "Dir::Etc::sourceparts=-", "-o", "APT::Get::List-Cleanup=0"]);
        command.arg("-o").arg(format!("Dir::State::lists={}", lists.display()));
        command.arg("-o").arg(format!("Dir::Cache={}", cache.display()));
        done(command.args(argv).current_dir(cache))
    };
    run("apt-get", &["update"])?;
    let fetch = |what: &str| run("apt-get", &["source", "--download-only", what]);
    if let Err(why) = fetch(package) {
        // A mirror may list what it no longer has; the tests are those of the version before.
        let listed = run("apt-cache", &["showsrc", package])?;
        let mut versions = listed.lines().filter_map(|line| line.strip_prefix("Version: "));
        versions.find(|version| fetch(&format!("{package}={version}")).is_ok()).ok_or(why)?;
    }
    let tar = archive(package, cache).ok_or_else(|| format!("no {package}_*.orig.tar.* came"))?;
    unpack(&tar, &folder)?;
    let version = unpacked(package, cache).ok_or("no version in the archive's name")?;
    Ok((folder, version))
}

/// Unpacks an archive, without the folder at its top.
pub fn unpack(tar: &Path, folder: &Path) -> Result<(), String> {
    // in two steps, so that a folder that is there is whole
    let half = folder.with_extension("half");
    let _ = std::fs::remove_dir_all(&half);
    std::fs::create_dir_all(&half).map_err(|e| format!("{}: {e}", half.display()))?;
    let mut command = Command::new("tar");
    done(command.arg("xf").arg(tar).arg("-C").arg(&half).arg("--strip-components=1"))?;
    let _ = std::fs::remove_dir_all(folder);
    std::fs::rename(&half, folder).map_err(|e| format!("{}: {e}", folder.display()))
}

/// Runs a command that must succeed. The error is the last line that it said.
pub fn done(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let done = command.stdin(std::process::Stdio::null()).output().map_err(|e| format!("{name}: {e}"))?;
    let said = String::from_utf8_lossy(&done.stderr).trim().lines().last().unwrap_or_default().to_owned();
    match done.status.success() {
        true => Ok(String::from_utf8_lossy(&done.stdout).into_owned()),
        false => Err(format!("{name}: {said}")),
    }
}

fn archive(package: &str, cache: &Path) -> Option<PathBuf> {
    let files = std::fs::read_dir(cache).into_iter().flatten().flatten().map(|f| f.path());
    let lead = format!("{package}_");
    files.into_iter().find(|f| {
        let name = f.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(&lead) && name.contains(".orig.tar.")
    })
}

/// `8.6.13+dfsg` of `tcl8.6_8.6.13+dfsg.orig.tar.gz`.
fn unpacked(package: &str, cache: &Path) -> Option<String> {
    let name = archive(package, cache)?.file_name()?.to_string_lossy().into_owned();
    Some(name.strip_prefix(package)?.strip_prefix('_')?.split(".orig").next()?.to_owned())
}

/// Where the machine gets its packages, as entries for sources.
fn sources_of_the_machine() -> Result<String, String> {
    let system = std::fs::read_to_string("/etc/apt/sources.list.d/debian.sources")
        .map_err(|e| format!("/etc/apt/sources.list.d/debian.sources: {e}; sources come from Debian"))?;
    Ok(system
        .lines()
        .map(|l| if l.starts_with("Types:") { "Types: deb-src" } else { l })
        .map(|l| format!("{l}\n"))
        .collect())
}
