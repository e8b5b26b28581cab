//! A program, before it runs: whether preloading reaches it, and which rules can do something there.
//!
//! What must hold here: nothing of it is run; what the launcher would find (`crate::target`) is what is said.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::finding::{Finding, Group};
use crate::elf::{self, Facts};
use crate::library::Library;
use crate::privilege;
use crate::target::{Target, Verdict, Why};

/// Allocators by what their libraries' names begin with.
const ALLOCATORS: [(&str, &str); 5] = [
    ("libjemalloc", "jemalloc"),
    ("libtcmalloc", "tcmalloc"),
    ("libmimalloc", "mimalloc"),
    ("libtbbmalloc", "tbbmalloc"),
    ("libhoard", "hoard"),
];
/// Programs that start others with an environment that is not ours.
const BREAKS: [&str; 14] = [
    "sudo",
    "su",
    "doas",
    "runuser",
    "docker",
    "podman",
    "nerdctl",
    "runc",
    "crun",
    "ctr",
    "kubectl",
    "systemd-run",
    "systemctl",
    "ssh",
];

/// What is known about the program.
pub fn group(name: &OsStr, library: &Library) -> Group {
    let target = Target::look(name, library.header);
    let mut findings = vec![file(&target)];
    if let Some(last) = target.interpreters.last().or(target.file.as_ref()) {
        findings.extend(script(&target));
        findings.push(class(&target));
        match elf::read(last) {
            Ok(facts) => {
                findings.push(linking(&facts, last));
                findings.extend(libc(&facts));
                findings.push(privileges(privilege::gained(last)));
                findings.push(sanitizer(&facts));
                findings.extend(facts.has_loader.then(|| allocator(&facts)));
            }
            Err(error) => {
                let reason = format!("{}: {error}", last.display());
                findings.push(Finding::unknown("program.elf", "ELF file", reason));
            }
        }
        findings.extend(environment(last));
    }
    findings.push(verdict(&target));
    Group { name: "program", findings }
}

fn file(target: &Target) -> Finding {
    let (id, what) = ("program.file", "file");
    let Some(file) = &target.file else {
        let reason = format!("{}: no such program", target.name.display());
        return Finding::fail(id, what, reason).remedy("its path, or a PATH that has it");
    };
    let name = file.display();
    match file.metadata() {
        Ok(meta) if !meta.is_file() => Finding::fail(id, what, format!("{name} is no file that can be run")),
        Ok(meta) if meta.permissions().mode() & 0o111 == 0 => {
            Finding::fail(id, what, format!("{name} is not executable")).remedy(format!("chmod +x {name}"))
        }
        Ok(_) => Finding::ok(id, what, name.to_string()),
        Err(error) => Finding::unknown(id, what, format!("{name}: {error}")),
    }
}

fn script(target: &Target) -> Option<Finding> {
    let list: Vec<_> = target.interpreters.iter().map(|i| i.display().to_string()).collect();
    (!list.is_empty()).then(|| {
        Finding::ok("program.script", "script", format!("run by {}: what counts is that program", list.join(", then ")))
    })
}

fn class(target: &Target) -> Finding {
    let (id, what) = ("program.class", "class and machine");
    match &target.verdict {
        Verdict::Unknown(why) => Finding::unknown(id, what, why),
        Verdict::NotReached(Why::Foreign) => Finding::fail(id, what, "another than libfaultless.so's")
            .remedy("a 64-bit build of the program for this machine"),
        _ => Finding::ok(id, what, "the same as libfaultless.so's"),
    }
}

fn linking(facts: &Facts, file: &Path) -> Finding {
    let (id, what) = ("program.linking", "linking");
    match &facts.loader {
        Some(loader) => {
            let (count, loader) = (facts.needed.len(), String::from_utf8_lossy(loader));
            let libraries = if count == 1 { "library" } else { "libraries" };
            Finding::ok(id, what, format!("dynamic: {loader}, {count} {libraries}"))
        }
        None if facts.has_loader => Finding::ok(id, what, "this is a dynamic loader itself"),
        None => {
            Finding::fail(id, what, format!("{} is static: no loader runs, so nothing is preloaded", file.display()))
                .remedy("link it dynamically (Go: CGO_ENABLED=1 go build -ldflags=-linkmode=external)")
                .remedy("for its files: faultless warm; for its memory: THP always, for the whole machine")
        }
    }
}

fn libc(facts: &Facts) -> Option<Finding> {
    let (id, what) = ("program.libc", "C library");
    let loader = String::from_utf8_lossy(facts.loader.as_ref()?).into_owned();
    let name = Path::new(&loader).file_name()?.to_string_lossy().into_owned();
    Some(match () {
        () if name.starts_with("ld-musl") => {
            Finding::ok(id, what, "musl: its own mmap calls are not seen, so heap rules do nothing")
        }
        () if name.starts_with("ld-linux") || name.starts_with("ld64") || name == "ld.so.1" => {
            Finding::ok(id, what, "glibc")
        }
        () => Finding::warn(id, what, format!("{name} is neither glibc's loader nor musl's: not tested there")),
    })
}

fn privileges(gained: Option<Why>) -> Finding {
    let (id, what) = ("program.privileges", "privileges");
    match gained {
        Some(Why::Capabilities) => Finding::fail(id, what, "file capabilities: the loader ignores LD_PRELOAD there")
            .remedy("setcap -r FILE, and in the unit AmbientCapabilities= with the same ones"),
        Some(why) => Finding::fail(id, what, format!("{}: the loader ignores LD_PRELOAD there", why.short()))
            .remedy("run it as the user that it becomes"),
        None => Finding::ok(id, what, "none are gained by running it"),
    }
}

fn sanitizer(facts: &Facts) -> Finding {
    let (id, what) = ("program.sanitizer", "sanitizers");
    match facts.sanitizer {
        Some(kind) => Finding::fail(
            id,
            what,
            format!("{} inside: it ends the program if we are loaded", Why::Sanitizer(kind).short()),
        )
        .remedy("a build without -fsanitize"),
        None => Finding::ok(id, what, "none inside"),
    }
}

fn allocator(facts: &Facts) -> Finding {
    let (id, what) = ("program.allocator", "allocator");
    let linked = facts.needed.iter().find_map(|library| {
        let library = String::from_utf8_lossy(library);
        ALLOCATORS.iter().find(|(prefix, _)| library.starts_with(prefix)).map(|(_, name)| *name)
    });
    match (facts.defines_malloc, linked) {
        (true, _) => Finding::warn(id, what, "a malloc of its own inside: malloc and heap rules stand down")
            .remedy("rules for what it maps: anon@2M:huge"),
        (false, Some(name)) => {
            Finding::warn(id, what, format!("{name} is linked and stays in charge: heap rules do nothing"))
                .remedy("rules for large blocks and for what it maps: malloc@1M:huge,anon@2M:huge")
        }
        (false, None) => Finding::ok(id, what, "the C library's"),
    }
}

/// Programs that start others without our environment, with what they start if it is named.
fn environment(file: &Path) -> Option<Finding> {
    let name = file.file_name().filter(|n| BREAKS.iter().any(|b| n.as_bytes() == b.as_bytes()))?.to_string_lossy();
    let reason = format!("{name} gives what it starts another environment: LD_PRELOAD and GLIBC_TUNABLES get lost");
    let remedy = match &*name {
        "docker" | "podman" | "nerdctl" | "kubectl" | "runc" | "crun" | "ctr" => {
            "mount the library into the container and set LD_PRELOAD and FAULTLESS_POLICY in its environment"
        }
        "systemctl" | "systemd-run" => "Environment=LD_PRELOAD=… FAULTLESS_POLICY=… in the unit",
        _ => "behind it, not before it: sudo faultless run -- CMD",
    };
    Some(Finding::warn("program.environment", "environment", reason).remedy(remedy))
}

fn verdict(target: &Target) -> Finding {
    let (id, what) = ("program.verdict", "verdict");
    match &target.verdict {
        Verdict::Reached => Finding::ok(id, what, "preloading reaches it"),
        Verdict::NotReached(why) => Finding::fail(id, what, format!("preloading does not reach it: {}", why.short())),
        Verdict::Unknown(why) => Finding::unknown(id, what, format!("whether preloading reaches it: {why}")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    fn facts() -> Facts {
        let loader = Some(b"/lib64/ld-linux-x86-64.so.2".to_vec());
        Facts {
            has_loader: true,
            sanitizer: None,
            loader,
            needed: vec![b"libc.so.6".to_vec()],
            defines_malloc: false,
            go: false,
        }
    }

    #[test]
    fn an_allocator_is_found_by_what_is_linked_and_by_what_is_inside() {
        assert_eq!(allocator(&facts()).level, Level::Ok);
        let linked = Facts { needed: vec![b"libjemalloc.so.2".to_vec()], ..facts() };
        assert!(allocator(&linked).reason.starts_with("jemalloc is linked"));
        let inside = Facts { defines_malloc: true, ..facts() };
        assert!(allocator(&inside).reason.contains("inside"));
    }

    #[test]
    fn the_c_library_is_told_by_the_loader() {
        assert_eq!(libc(&facts()).unwrap().reason, "glibc");
        let musl = Facts { loader: Some(b"/lib/ld-musl-x86_64.so.1".to_vec()), ..facts() };
        assert!(libc(&musl).unwrap().reason.starts_with("musl"));
        let other = Facts { loader: Some(b"/system/bin/linker64".to_vec()), ..facts() };
        assert_eq!(libc(&other).unwrap().level, Level::Warn);
    }

    #[test]
    fn what_loses_the_environment_is_warned_of() {
        assert!(environment(Path::new("/usr/bin/docker")).unwrap().remedies[0].contains("container"));
        assert!(environment(Path::new("/usr/bin/ls")).is_none());
    }
}
