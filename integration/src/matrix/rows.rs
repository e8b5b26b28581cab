//! The rows of the matrix: what is particular about each program, or about where it runs.
//!
//! What must hold here: each row makes what it needs in its own column's root, and says nothing of what it didn't run.

use std::process::Command;

use super::cell::{Cell, judged, runs, text};
use super::ground::{Ground, LIBRARY, Launch, Way};
use crate::artefacts::workspace;

/// A row.
pub struct Row {
    /// in the first column of the table
    pub name: &'static str,
    /// tries it
    pub run: fn(&Ground) -> Result<Cell, String>,
}

/// All of them, in the table's order.
pub const ROWS: &[Row] = &[
    Row { name: "plain", run: plain },
    Row { name: "static", run: |g| built(g, "static", &["-static"]) },
    Row { name: "static-pie", run: |g| built(g, "static-pie", &["-static-pie", "-fPIE"]) },
    Row { name: "Go without cgo", run: |g| go(g, "plain.go", "0") },
    Row { name: "Go with cgo", run: |g| go(g, "cgo.go", "1") },
    Row { name: "setuid", run: setuid },
    Row { name: "32-bit", run: bits32 },
    Row { name: "AddressSanitizer", run: asan },
    Row { name: "own malloc, exported", run: own_malloc },
    Row { name: "relocated root (as an AppImage)", run: relocated },
    Row { name: "chroot that has the library", run: |g| chroot(g, true) },
    Row { name: "chroot that lacks it", run: |g| chroot(g, false) },
    Row { name: "read-only root", run: |g| judged(g, &Launch { read_only: true, ..PLAIN }) },
    Row { name: "no /proc", run: no_proc },
    Row { name: "no /dev/shm", run: no_shm },
    Row { name: "arbitrary user", run: |g| judged(g, &Launch { as_nobody: true, ..PLAIN }) },
    Row { name: "process 1 of a container", run: |g| judged(g, &Launch { in_container: true, ..PLAIN }) },
    Row { name: "shell that execs java", run: java },
    Row { name: "sudo in between, by root", run: |g| sudo(g, false) },
    Row { name: "sudo in between, by a user", run: |g| sudo(g, true) },
    Row { name: "su in between, by root", run: su },
];

const PLAIN: Launch<'_> = Launch {
    argv: &["/matrix/plain"],
    as_nobody: false,
    without: "",
    read_only: false,
    in_container: false,
    options: &[],
};

/// Compiles what most rows run.
pub fn prepare(ground: &Ground) -> Result<(), String> {
    ground.compile("plain.c", "plain", &[])
}

fn plain(ground: &Ground) -> Result<Cell, String> {
    judged(ground, &PLAIN)
}

fn built(ground: &Ground, name: &str, flags: &[&str]) -> Result<Cell, String> {
    ground.compile("plain.c", name, flags)?;
    let program = std::fs::read(ground.work.join(name)).map_err(|e| e.to_string())?;
    // PT_INTERP's name is near the start: a compiler that doesn't know the flag has linked a dynamic program.
    if program.get(..4096).unwrap_or(&program).windows(4).any(|w| w == b"/ld-") {
        return Ok(Cell::NotRun("its compiler links none"));
    }
    judged(ground, &Launch { argv: &[&format!("/matrix/{name}")], ..PLAIN })
}

fn go(ground: &Ground, source: &str, cgo: &str) -> Result<Cell, String> {
    ground.add(source)?;
    let (output, source) = (format!("/matrix/go{cgo}"), format!("/matrix/{source}"));
    let (cgo, cc) = (format!("CGO_ENABLED={cgo}"), format!("CC={}", ground.compiler));
    let build = ["go", "build", "-o", &output, &source];
    let env = ["env", "HOME=/tmp", "GOCACHE=/tmp/cache", "GOFLAGS=", &cgo, &cc];
    ground.tool(&[&env[..], &build[..]].concat())?;
    judged(ground, &Launch { argv: &[&output], ..PLAIN })
}

fn setuid(ground: &Ground) -> Result<Cell, String> {
    ground.tool(&["cp", "/matrix/plain", "/matrix/setuid"])?;
    ground.tool(&["chmod", "4755", "/matrix/setuid"])?;
    judged(ground, &Launch { argv: &["/matrix/setuid"], as_nobody: true, ..PLAIN })
}

fn bits32(ground: &Ground) -> Result<Cell, String> {
    if ground.is_musl() {
        return Ok(Cell::NotRun("Debian's musl compiles for 64 bit alone"));
    }
    ground.compile("plain.c", "bits32", &["-m32"])?;
    let runs = runs(ground, &Launch { argv: &["/matrix/bits32"], ..PLAIN })?;
    runs.unharmed(None)?;
    match (runs.reason(), text(&runs.bare.stderr).contains("wrong ELF class")) {
        (Some(why), true) => Ok(Cell::Cannot(format!("{why}; bare, ld.so says *wrong ELF class*"))),
        _ => Err(format!("SILENT: {}{}", text(&runs.bare.stderr), text(&runs.wrapped.stderr))),
    }
}

fn asan(ground: &Ground) -> Result<Cell, String> {
    if ground.is_musl() {
        return Ok(Cell::NotRun("gcc has no AddressSanitizer for musl"));
    }
    ground.compile("plain.c", "asan", &["-fsanitize=address"])?;
    let runs = runs(ground, &Launch { argv: &["/matrix/asan"], ..PLAIN })?;
    runs.unharmed(Some(Way::Bare))?;
    let aborts = text(&runs.bare.stderr).contains("ASan runtime does not come first");
    match runs.reason() {
        Some(why) if aborts => Ok(Cell::Cannot(format!("{why}; bare, ASan ends the program and says so"))),
        _ => Err(format!("not as known: {}{}", text(&runs.bare.stderr), text(&runs.wrapped.stderr))),
    }
}

fn own_malloc(ground: &Ground) -> Result<Cell, String> {
    ground.add("plain.c")?;
    ground.compile("own_malloc.c", "own-malloc", &["-rdynamic", "-fno-builtin"])?;
    let runs = runs(ground, &Launch { argv: &["/matrix/own-malloc"], ..PLAIN })?;
    match runs.judge()? {
        Cell::Works => {}
        other => return Ok(other),
    }
    let table = text(&runs.wrapped.stderr);
    let why = "another allocator is in charge";
    match table.lines().any(|l| l.starts_with("rule 1, skipped") && l.ends_with(why)) {
        true => Ok(Cell::WorksBut(format!("`malloc` rules stand down, the table says *{why}*"))),
        false => Err(format!("malloc rules: {table}")),
    }
}

fn relocated(ground: &Ground) -> Result<Cell, String> {
    let (loader, library) = libc(ground);
    let inside = format!("/matrix/AppDir/usr/lib/{}", loader.rsplit('/').next().unwrap_or_default());
    let mut copied = vec!["cp", "-L", loader];
    copied.extend(library);
    copied.push("/matrix/AppDir/usr/lib");
    ground.tool(&["mkdir", "-p", "/matrix/AppDir/usr/lib", "/matrix/AppDir/usr/bin"])?;
    ground.tool(&copied)?;
    ground.tool(&["cp", "/matrix/plain", "/matrix/AppDir/usr/bin"])?;
    let argv = [inside.as_str(), "--library-path", "/matrix/AppDir/usr/lib", "/matrix/AppDir/usr/bin/plain"];
    judged(ground, &Launch { argv: &argv, ..PLAIN })
}

/// The loader, and the libraries that a program needs besides.
fn libc(ground: &Ground) -> (&'static str, Vec<&'static str>) {
    match ground.is_musl() {
        true => ("/lib/ld-musl-x86_64.so.1", vec![]),
        false => (
            "/lib64/ld-linux-x86-64.so.2",
            vec!["/lib/x86_64-linux-gnu/libc.so.6", "/lib/x86_64-linux-gnu/libpthread.so.0"],
        ),
    }
}

fn chroot(ground: &Ground, has_it: bool) -> Result<Cell, String> {
    let jail = if has_it { "/matrix/jail" } else { "/matrix/bare-jail" };
    let (loader, library) = libc(ground);
    for file in library.into_iter().chain([loader, "/matrix/plain"]).chain(has_it.then_some(LIBRARY)) {
        let (folder, _) = file.rsplit_once('/').unwrap_or_default();
        ground.tool(&["mkdir", "-p", &format!("{jail}{folder}")])?;
        ground.tool(&["cp", "-L", file, &format!("{jail}{file}")])?;
    }
    let runs = runs(ground, &Launch { argv: &["chroot", jail, "/matrix/plain"], ..PLAIN })?;
    if has_it {
        // The folder of pages isn't in there, so there is no page that would outlive the program.
        runs.unharmed(None)?;
        return match runs.applied_bare > 0 {
            true => {
                Ok(Cell::WorksBut("bare, its last line says so; the table needs the folder of pages in there".into()))
            }
            false => Err(format!("SILENT: {}{}", text(&runs.bare.stderr), text(&runs.wrapped.stderr))),
        };
    }
    runs.judge()
}

fn no_proc(ground: &Ground) -> Result<Cell, String> {
    judged(ground, &Launch { without: "proc", options: &["--lib", LIBRARY], ..PLAIN })
}

fn no_shm(ground: &Ground) -> Result<Cell, String> {
    let runs = runs(ground, &Launch { without: "shm", ..PLAIN })?;
    runs.unharmed(None)?;
    let said = text(&runs.wrapped.stderr);
    match runs.applied_bare > 0 && said.contains("no counter pages, so no table") && said.contains("--pages") {
        true => Ok(Cell::WorksBut("no table: `run` says so, and to use --pages".into())),
        false => Err(format!("SILENT: {said}")),
    }
}

fn java(ground: &Ground) -> Result<Cell, String> {
    if ground.is_musl() {
        return Ok(Cell::NotRun("Debian has no JVM for musl"));
    }
    let source = workspace().join("integration/fixtures/matrix/Plain.java");
    // For the oldest of the roots' JVMs, which have no compiler.
    let javac = Command::new("javac").args(["--release", "11", "-d"]).args([&ground.work, &source]).output();
    let done = javac.map_err(|e| format!("javac: {e}"))?;
    if !done.status.success() {
        return Err(text(&done.stderr));
    }
    let script = "#!/bin/sh\nset -e\nulimit -c 0\nexec java -Xmx128m -cp /matrix Plain\n";
    std::fs::write(ground.work.join("entrypoint.sh"), script).map_err(|e| e.to_string())?;
    ground.tool(&["chmod", "755", "/matrix/entrypoint.sh"])?;
    judged(ground, &Launch { argv: &["/matrix/entrypoint.sh"], ..PLAIN })
}

fn sudo(ground: &Ground, as_nobody: bool) -> Result<Cell, String> {
    let rule = "nobody ALL=(ALL) NOPASSWD: ALL";
    let argv = ["sudo", "-n", "/matrix/plain"];
    ground.tool(&["sh", "-c", &format!("mkdir -p /etc/sudoers.d && echo '{rule}' >/etc/sudoers.d/nobody")])?;
    judged(ground, &Launch { argv: &argv, as_nobody, ..PLAIN })
}

fn su(ground: &Ground) -> Result<Cell, String> {
    judged(ground, &Launch { argv: &["su", "nobody", "-s", "/bin/sh", "-c", "/matrix/plain"], ..PLAIN })
}
