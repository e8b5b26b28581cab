//! The image, and programs of glibc and musl images under it: what an engine's defaults leave of the policies.
//!
//! What must hold here: what was done is read from outside the container, by `faultless report`, or from the kernel.

use std::process::Command;

use super::engine::Engine;
use super::{Found, files, judge, root};
use crate::artefacts::present;
use crate::child::Run;
use crate::prove::Sink;

/// The image of the two files.
pub const IMAGE: &str = "localhost/faultless";
/// A Debian image with the two files and a server in it.
pub const DEBIAN: &str = "localhost/faultless-check";
/// Where the library is in it.
pub const LIBRARY: &str = "/usr/local/lib/faultless/libfaultless.so";
const MUSL: &str = "localhost/faultless-check-musl";
/// Debian's loader and C library of musl.
const MUSL_LOADER: &str = "/usr/lib/x86_64-linux-musl/libc.so";

/// An engine with the images; an error that begins with "skip: " where there can be none.
pub fn engine() -> Result<Engine, String> {
    let engine = Engine::start().map_err(|why| format!("skip: {why}"))?;
    build(&engine)?;
    root::image(&engine)?;
    let server = engine.server()?;
    let tini = std::path::Path::new("/usr/bin/tini-static");
    let mut copied = vec![("serve", server.as_path())];
    let mut lines = format!("FROM {}\nCOPY --from={IMAGE} / /\nCOPY serve /usr/bin/serve\n", root::IMAGE);
    if tini.exists() {
        copied.push(("tini", tini));
        lines += "COPY tini /usr/bin/tini\n";
    }
    lines += "ENTRYPOINT [\"faultless\", \"run\", \"--\"]\n";
    engine.image(DEBIAN, &lines, &copied)?;
    Ok(engine)
}

/// The image as deploy/Containerfile has it.
fn build(engine: &Engine) -> Result<(), String> {
    let (command, library) = files();
    let context = engine.folder().join("files");
    for (from, to) in [(command, "bin/faultless"), (library, "lib/faultless/libfaultless.so")] {
        let to = context.join(to);
        std::fs::create_dir_all(to.parent().unwrap_or(&context)).map_err(|e| e.to_string())?;
        std::fs::copy(&from, to).map_err(|e| format!("{}: {e}", from.display()))?;
    }
    engine.ok(&format!("podman build -q -f deploy/Containerfile -t {IMAGE} {}", context.display())).map(drop)
}

/// Whether the command asks for no loader.
pub fn is_static() -> Result<(), String> {
    let (command, _) = files();
    let headers = Command::new("readelf").args(["-lW"]).arg(&command).output().map_err(|e| format!("readelf: {e}"))?;
    match String::from_utf8_lossy(&headers.stdout).contains("INTERP") {
        false => Ok(()),
        true => Err(format!("skip: {} is dynamic; make dist", command.display())),
    }
}

/// What `faultless report` says here of a container's first process.
pub fn report(engine: &Engine, id: &str) -> Result<String, String> {
    let (command, _) = files();
    let pid = engine.pid(id)?.to_string();
    let ran = Run::new(engine.folder(), [command.to_string_lossy().into_owned(), "report".into(), pid]).run()?;
    match ran.status {
        0 => Ok(String::from_utf8_lossy(&ran.stdout).into_owned()),
        _ => Err(String::from_utf8_lossy(&ran.stderr).into_owned()),
    }
}

/// A rule's row in a report: regions, bytes in its unit, applied, and the rest.
pub fn rule<'a>(report: &'a str, rule: &str) -> Option<Vec<&'a str>> {
    let line = report.lines().find(|l| l.split_whitespace().nth(1) == Some(rule))?;
    Some(line.split_whitespace().skip(2).collect())
}

/// Whether all of a rule's regions were dealt with: none skipped, none failed.
pub fn applied(report: &str, wanted: &str) -> Found {
    let Some(columns) = rule(report, wanted) else { return Err(format!("no {wanted} in: {report}")) };
    // regions, bytes, unit, applied, partly, skipped, failed
    let [regions, _, _, applied, partly, skipped, failed, ..] = columns[..] else {
        return Ok((columns.join(" "), false));
    };
    let met = regions != "0" && (skipped, failed) == ("0", "0");
    Ok((format!("{applied} of {regions} applied, {partly} partly, {skipped} skipped, {failed} failed"), met))
}

/// All of it.
pub fn prove(sink: Sink<'_>) -> Result<(), String> {
    let engine = engine()?;
    let engine = &engine;
    judge(sink, "image from scratch: what is in it", "the command and the library", || {
        let id = engine.ok(&format!("podman create {IMAGE} true"))?;
        let listed = engine.ok(&format!("podman export {id} | tar -t | grep -v /$; podman rm {id} >&2"))?;
        let mut found: Vec<&str> = listed.lines().filter(|l| l.contains("faultless")).collect();
        found.sort_unstable();
        Ok((found.join(", "), found == ["usr/local/bin/faultless", &LIBRARY[1..]]))
    });
    judge(sink, "image from scratch: the command runs in it alone", "its version", || {
        is_static()?;
        let said = engine.ok(&format!("podman run --rm --entrypoint faultless {IMAGE} --version"))?;
        Ok((said.clone(), said.starts_with("faultless ")))
    });
    judge(sink, "glibc image, entrypoint: report read from outside", "no region skipped or failed", || {
        let id = engine.up(&format!("-e FAULTLESS_POLICY=throughput {DEBIAN} serve 64"))?;
        applied(&report(engine, &id)?, "anon@2M:huge")
    });
    judge(sink, "glibc image, bare preload", "no region skipped or failed", || {
        let variables = format!("-e LD_PRELOAD={LIBRARY} -e FAULTLESS_POLICY=throughput");
        let id = engine.up(&format!("{variables} --entrypoint serve {DEBIAN} 64"))?;
        applied(&report(engine, &id)?, "malloc@1M:huge+recycle")
    });
    judge(sink, "an image that is not ours, the files mounted beside it", "no region skipped or failed", || {
        let (entry, library) = ("/faultless/usr/local/bin/faultless", "/faultless/usr/local/lib/faultless");
        let server = engine.server()?;
        let mounts = format!(
            "--mount type=image,source={IMAGE},destination=/faultless -v {}:/usr/bin/serve:ro",
            server.display()
        );
        let id = engine.up(&format!(
            "{mounts} --entrypoint {entry} {} run --policy throughput --lib {library}/libfaultless.so -- serve 64",
            root::IMAGE
        ))?;
        applied(&report(engine, &id)?, "anon@2M:huge")
    });
    judge(sink, "musl image, bare preload", "no region skipped or failed", || {
        musl(engine)?;
        let id = engine
            .up(&format!("-e LD_PRELOAD={LIBRARY} -e FAULTLESS_POLICY=throughput --entrypoint /bin/serve {MUSL} 64"))?;
        applied(&report(engine, &id)?, "anon@2M:huge")
    });
    judge(sink, "musl image, entrypoint", "no region skipped or failed", || {
        is_static()?;
        musl(engine)?;
        let id = engine.up(&format!("-e FAULTLESS_POLICY=throughput {MUSL} /bin/serve 64"))?;
        applied(&report(engine, &id)?, "anon@2M:huge")
    });
    judge(sink, "the engine's seccomp profile is on, and locks are had", "Seccomp: 2, all locked", || {
        let id = engine
            .up(&format!("--cap-add IPC_LOCK -e FAULTLESS_RULES=anon@2M:lock,malloc@1M:lock {DEBIAN} serve 8"))?;
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", engine.pid(&id)?)).map_err(|e| e.to_string())?;
        let line = |name: &str| status.lines().find_map(|l| l.strip_prefix(name)).unwrap_or_default().trim().to_owned();
        let (filter, locked) = (line("Seccomp:"), line("VmLck:"));
        let kib: u64 = locked.trim_end_matches(" kB").parse().unwrap_or(0);
        Ok((format!("Seccomp: {filter}, {locked} locked"), filter == "2" && kib >= 16 << 10))
    });
    Ok(())
}

/// An image of musl and nothing else but the server, with the two files in it.
fn musl(engine: &Engine) -> Result<(), String> {
    if !present("musl-gcc") || !std::path::Path::new(MUSL_LOADER).exists() {
        return Err("skip: no musl-gcc; apt-get install musl-tools".into());
    }
    let server = engine.folder().join("serve-musl");
    let to = server.to_string_lossy().into_owned();
    let built =
        Run::new(&crate::artefacts::workspace(), ["musl-gcc", "-O1", "-o", &to, "integration/fixtures/serve.c"])
            .run()?;
    if built.status != 0 {
        return Err(format!("musl-gcc: {}", super::super::first_line(&built.stderr)));
    }
    let lines = format!(
        "FROM {IMAGE}\nCOPY loader /lib/ld-musl-x86_64.so.1\nCOPY serve /bin/serve\nENTRYPOINT [\"faultless\", \"run\", \"--\"]\n"
    );
    engine.image(MUSL, &lines, &[("loader", std::path::Path::new(MUSL_LOADER)), ("serve", &server)])
}
