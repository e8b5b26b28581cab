//! What `run` says about a program's file before it starts it, and that it starts it all the same.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

use crate::fixtures::{compile, empty_library, faultless, is_root, output, run, skip};

/// Prints LD_PRELOAD and exits 5.
const TELLS: &str = r#"
#include <stdio.h>
#include <stdlib.h>
int main(void) { const char *p = getenv("LD_PRELOAD"); puts(p ? p : "none"); return 5; }
"#;

/// What is said of a program that hands the preload on.
const CHILDREN: &str = "only programs that it starts are reached";

fn verdict(program: &Path) -> String {
    output(run(&["--dry-run", "--"]).arg(program)).out.lines().find(|l| l.starts_with("program ")).unwrap().into()
}

fn starts_without(program: &Path, said: &str) {
    let done = output(run(&["--"]).arg(program).env("LD_PRELOAD", empty_library()));
    assert_eq!(done.err, format!("faultless: {} {said}; started without\n", program.display()));
    assert_eq!((done.out.as_str(), done.status), ("none\n", Some(5)));
}

/// The preload stays in its environment, where a loader that ignores it may take it out.
fn starts_unreached(program: &Path, said: &str, how: &str, sees: &str) {
    let done = output(run(&["--"]).arg(program));
    assert_eq!(done.err, format!("faultless: {} {said}; {how}\n", program.display()));
    assert_eq!((done.out, done.status), (format!("{sees}\n"), Some(5)));
}

fn script(folder: &Path, name: &str, text: &str) -> std::path::PathBuf {
    let path = folder.join(name);
    let draft = folder.join("draft");
    fs::write(&draft, text).unwrap();
    // Another test's fork may hold what this process writes open for a moment, and exec would say ETXTBSY.
    assert!(Command::new("cp").arg(&draft).arg(&path).status().unwrap().success());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
fn a_dynamic_program_is_reached() {
    let program = compile("dynamic", TELLS, &[]).unwrap();
    assert!(verdict(&program).ends_with("is reached by preloading"));
    let done = output(run(&["--"]).arg(&program));
    assert_eq!((done.out, done.err.as_str()), (format!("{}\n", empty_library().display()), ""));
}

#[test]
fn a_static_program_keeps_the_preload_for_its_children() {
    for (name, flag) in [("static", "-static"), ("static-pie", "-static-pie")] {
        if let Some(program) = compile(name, TELLS, &[flag]) {
            let library = empty_library();
            starts_unreached(
                &program,
                "is static: preloading cannot reach it",
                CHILDREN,
                &library.display().to_string(),
            );
        }
    }
}

#[test]
fn a_program_with_asan_is_started_without() {
    if let Some(program) = compile("asan", TELLS, &["-fsanitize=address"]) {
        starts_without(&program, "is built with AddressSanitizer, which must be loaded first");
    }
    // clang links the runtime into the program and exports it.
    let exported = format!("void __asan_init(void) {{}}\n{TELLS}");
    if let Some(program) = compile("asan-exported", &exported, &["-rdynamic"]) {
        starts_without(&program, "is built with AddressSanitizer, which must be loaded first");
    }
}

#[test]
fn a_program_with_tsan_is_started_without() {
    if let Some(program) = compile("tsan", TELLS, &["-fsanitize=thread"]) {
        starts_without(&program, "is built with ThreadSanitizer, which bears no mappings of others");
    }
}

#[test]
fn a_setuid_or_setgid_program_is_said_to_be_unreached() {
    if !is_root() {
        return skip("only root can make another user's setuid file").unwrap_or(());
    }
    let program = compile("setid", TELLS, &[]).unwrap();
    for (mode, said) in [(0o4755, "is setuid"), (0o2755, "is setgid")] {
        chown(&program, Some(65534), Some(65534)).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(mode)).unwrap();
        // glibc's loader takes LD_PRELOAD out of the environment of such a program.
        let how = "nor what it starts, under glibc: put faultless run behind it (sudo faultless run -- …)";
        starts_unreached(&program, &format!("{said}: the loader ignores LD_PRELOAD there"), how, "none");
        // Setuid to who we are anyway changes nothing.
        chown(&program, Some(0), Some(0)).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(mode)).unwrap();
        assert!(verdict(&program).ends_with("is reached by preloading"));
    }
}

#[test]
fn a_setuid_program_under_no_new_privs_is_reached() {
    if !is_root() || Command::new("setpriv").arg("--version").output().is_err() {
        return skip("needs root and setpriv (apt-get install util-linux)").unwrap_or(());
    }
    let program = compile("nnp", TELLS, &[]).unwrap();
    chown(&program, Some(65534), None).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o4755)).unwrap();
    let mut command = Command::new("setpriv");
    command.arg("--no-new-privs").arg(faultless().get_program()).args(["run", "--lib"]).arg(empty_library());
    let done = output(command.args(["--dry-run", "--"]).arg(&program));
    assert!(done.out.contains("is reached by preloading"), "{}{}", done.out, done.err);
}

#[test]
fn a_program_with_file_capabilities_is_started_without_but_for_root() {
    let program = compile("caps", TELLS, &[]).unwrap();
    let setcap = Command::new("setcap").arg("cap_net_raw+ep").arg(&program).status();
    if !is_root() || !setcap.is_ok_and(|s| s.success()) {
        return skip("needs root and setcap (apt-get install libcap2-bin)").unwrap_or(());
    }
    assert!(verdict(&program).ends_with("is reached by preloading"));
    // As somebody else: they need to reach the fixtures.
    fs::set_permissions(program.parent().unwrap(), fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(faultless().get_program());
    command.args(["run", "--lib"]).arg(empty_library()).args(["--dry-run", "--"]).arg(&program);
    match command.output() {
        Ok(done) if done.status.success() => {
            let out = String::from_utf8_lossy(&done.stdout).into_owned();
            assert!(out.contains("is given file capabilities: the loader ignores LD_PRELOAD there"), "{out}");
        }
        _ => skip("setpriv cannot become another user here").unwrap_or(()),
    }
}

#[test]
fn a_program_of_another_class_is_said_to_be_foreign() {
    let folder = tempfile::tempdir().unwrap();
    let mut bytes = fs::read("/proc/self/exe").unwrap();
    bytes[4] = 1; // ELFCLASS32
    let program = folder.path().join("i386");
    fs::write(&program, bytes).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let said = verdict(&program);
    assert!(said.ends_with("is of another ELF class or machine than libfaultless.so"), "{said}");
}

#[test]
fn a_script_is_judged_by_its_interpreter() {
    let folder = tempfile::tempdir().unwrap();
    let plain = script(folder.path(), "plain", "#!/bin/sh\necho\n");
    assert!(verdict(&plain).ends_with("plain is run by /bin/sh, which is reached by preloading"));
    let Some(program) = compile("interpreter", TELLS, &["-static"]) else { return };
    let inner = script(folder.path(), "inner", &format!("#!{}\n", program.display()));
    let outer = script(folder.path(), "outer", &format!("#!/usr/bin/env -S {}\n", inner.display()));
    let path = program.display();
    let said = format!("is run by {path}, which is static: preloading cannot reach it");
    starts_unreached(&inner, &said, CHILDREN, &empty_library().display().to_string());
    let said = verdict(&outer);
    assert!(
        said.ends_with(&format!(
            "is run by {}, that by {path}, which is static: preloading cannot reach it",
            inner.display()
        )),
        "{said}"
    );
}

#[test]
fn a_script_that_runs_itself_ends_the_look() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("loop");
    let path = script(folder.path(), "loop", &format!("#!{}\n", path.display()));
    assert!(verdict(&path).contains("more than four interpreters"));
}

#[test]
fn the_loader_itself_is_reached() {
    let loader = Path::new("/lib64/ld-linux-x86-64.so.2");
    if !loader.exists() {
        return skip("no /lib64/ld-linux-x86-64.so.2 here").unwrap_or(());
    }
    assert!(verdict(loader).ends_with("is reached by preloading"));
}
