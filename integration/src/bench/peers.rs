//! Where the peers' libraries are, and the one that Debian lacks: mimalloc 3, built from the source that the
//! libmimalloc-sys crate carries.
//!
//! What must hold here: nothing is installed here (setup.sh does that), and nothing is built that is there already.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::artefacts::workspace;

/// The crate and its version; its default is mimalloc 3.
const CRATE: (&str, &str) = ("libmimalloc-sys", "0.1.49");

/// A library of a Debian package. The error says how to get it.
pub fn installed(file: &str, package: &str) -> Result<PathBuf, String> {
    let folders = [format!("/usr/lib/{}-linux-gnu", std::env::consts::ARCH), "/usr/lib64".into(), "/usr/lib".into()];
    let found = folders.iter().map(|folder| Path::new(folder).join(file)).find(|path| path.exists());
    found.ok_or_else(|| format!("not there; apt-get install {package}"))
}

/// The installed version of a Debian package.
pub fn version(package: &str) -> String {
    let asked = Command::new("dpkg-query").args(["-W", "-f", "${Version}", package]).output();
    let said = asked.ok().filter(|a| a.status.success()).map(|a| String::from_utf8_lossy(&a.stdout).into_owned());
    said.unwrap_or_else(|| "unknown".into())
}

/// What [`mimalloc3`] builds, for the description of a result.
pub fn mimalloc3_version() -> String {
    let header = std::fs::read_to_string(source().join("include/mimalloc.h")).unwrap_or_default();
    let number = header.lines().find_map(|l| l.strip_prefix("#define MI_MALLOC_VERSION")?.split_whitespace().next());
    // one digit, then two and two
    match number.and_then(|n| n.parse::<u32>().ok()) {
        Some(n) => format!("{}.{}.{} (crate {} {})", n / 10000, n / 100 % 100, n % 100, CRATE.0, CRATE.1),
        None => "unknown".into(),
    }
}

fn folder() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from);
    target.join("bench")
}

fn source() -> PathBuf {
    folder().join("vendor").join(CRATE.0).join("c_src/mimalloc/v3")
}

/// mimalloc 3 as a library to preload, built under the target folder when it isn't there.
pub fn mimalloc3() -> Result<PathBuf, String> {
    let (folder, library) = (folder(), folder().join(format!("libmimalloc3-{}.so", CRATE.1)));
    if library.is_file() {
        return Ok(library);
    }
    if !source().is_dir() {
        std::fs::create_dir_all(folder.join("src")).map_err(|e| e.to_string())?;
        let manifest = format!(
            "[package]\nname = \"peers\"\nversion = \"0.0.0\"\nedition = \"2021\"\n[workspace]\n\
             [dependencies]\n{} = \"={}\"\n",
            CRATE.0, CRATE.1
        );
        std::fs::write(folder.join("src/lib.rs"), "").map_err(|e| e.to_string())?;
        std::fs::write(folder.join("Cargo.toml"), manifest).map_err(|e| e.to_string())?;
        let cargo = std::env::var_os("CARGO").unwrap_or("cargo".into());
        succeed(Command::new(cargo).args(["vendor", "-q", "vendor"]).current_dir(&folder))?;
    }
    // as its own CMakeLists.txt builds the library that is made for LD_PRELOAD
    let unfinished = folder.join("libmimalloc3.tmp");
    let mut cc = Command::new("gcc");
    cc.args(["-O3", "-DNDEBUG", "-DMI_BUILD_RELEASE", "-DMI_MALLOC_OVERRIDE", "-DMI_SHARED_LIB"]);
    cc.args(["-DMI_SHARED_LIB_EXPORT", "-shared", "-fPIC", "-fvisibility=hidden", "-ftls-model=initial-exec"]);
    cc.args(["-fno-builtin-malloc", "-pthread", "-I"]).arg(source().join("include"));
    succeed(cc.arg("-o").arg(&unfinished).arg(source().join("src/static.c")))?;
    std::fs::rename(&unfinished, &library).map_err(|e| e.to_string())?;
    Ok(library)
}

/// Runs a tool; the error is the last line of its complaint.
pub fn succeed(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let done = command.output().map_err(|e| format!("{name}: {e}"))?;
    let said = String::from_utf8_lossy(&done.stderr);
    match done.status.success() {
        true => Ok(()),
        false => Err(format!("{name}: {}", said.lines().last().unwrap_or_default())),
    }
}
