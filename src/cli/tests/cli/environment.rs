//! What the program finds in its environment.

use std::os::unix::ffi::OsStrExt;

use crate::fixtures::{compile, empty_library, faultless, output, run};

fn variable(out: &str, name: &str) -> Option<String> {
    out.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix('=').map(str::to_owned))
}

#[test]
fn the_library_stands_ahead_of_what_ld_preload_had() {
    let other = compile("other.so", "int other;\n", &["-shared", "-fPIC"]).unwrap();
    let ours = empty_library().display().to_string();
    let other = other.display().to_string();
    let done = output(run(&["--", "env"]).env("LD_PRELOAD", &other));
    assert_eq!(variable(&done.out, "LD_PRELOAD"), Some(format!("{ours}:{other}")));
}

#[test]
fn the_library_is_named_once_however_often_it_is_nested() {
    let inner = faultless().get_program().to_owned();
    let ours = empty_library();
    let done = output(run(&["--"]).arg(inner).args(["run", "--lib"]).arg(ours).args(["--", "env"]));
    assert_eq!(variable(&done.out, "LD_PRELOAD"), Some(ours.display().to_string()));
}

#[test]
fn flags_become_variables_and_nothing_else_does() {
    let flags = ["--policy", "lean", "--lock-max", "1M", "--rule", "any:lock", "--rule", "text:huge", "--", "env"];
    let done = output(run(&flags).env("FAULTLESS_RULES", "heap:lock").env("FAULTLESS_RETAIN_MAX", "2M"));
    let mut found: Vec<_> = done.out.lines().filter(|l| l.starts_with("FAULTLESS_")).collect();
    found.sort_unstable();
    let tree = found.pop().unwrap();
    assert_eq!(
        found,
        [
            "FAULTLESS_LOCK_MAX=1M",
            "FAULTLESS_POLICY=lean",
            "FAULTLESS_RETAIN_MAX=2M",
            "FAULTLESS_RULES=any:lock,text:huge,heap:lock",
        ]
    );
    let digits = tree.strip_prefix("FAULTLESS_TREE=").unwrap();
    assert!(digits.len() == 16 && u64::from_str_radix(digits, 16).is_ok_and(|t| t != 0), "{tree}");
}

#[test]
fn each_run_is_a_tree_of_its_own() {
    let tree =
        || variable(&output(run(&["--", "env"]).env("FAULTLESS_TREE", "00000000000000ff")).out, "FAULTLESS_TREE");
    assert_ne!(tree(), tree());
}

#[test]
fn a_policy_file_is_handed_on_with_its_whole_path() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("site.rules"), "heap:huge\n").unwrap();
    let done = output(run(&["--policy", "./site.rules", "--", "env"]).current_dir(folder.path()));
    let path = variable(&done.out, "FAULTLESS_POLICY").unwrap_or_else(|| panic!("{}", done.err));
    assert!(path.starts_with('/') && path.ends_with("/site.rules"), "{path}");
}

#[test]
fn a_policy_of_none_preloads_nothing() {
    let done = output(&mut run(&["--policy", "none", "--", "env"]));
    assert_eq!((variable(&done.out, "LD_PRELOAD"), done.err.as_str()), (None, ""));
}

#[test]
fn unknown_names_warn_and_stop_nothing() {
    let mut command = run(&["--", "true"]);
    command.env("FAULTLESS_POLCY", "x").env("FAULTLESS_SERVICE_HOST", "x").env("FAULTLESS_PORT", "x");
    command.env(std::ffi::OsStr::from_bytes(b"FAULTLESS_\xff"), "x").env("OTHER", std::ffi::OsStr::from_bytes(b"\xff"));
    let done = output(&mut command);
    assert_eq!(done.status, Some(0), "{}", done.err);
    assert!(done.err.contains("FAULTLESS_POLCY is no option; did you mean FAULTLESS_POLICY?"), "{}", done.err);
    assert!(!done.err.contains("SERVICE_HOST") && !done.err.contains("PORT"), "{}", done.err);
}

#[test]
fn with_wait_the_library_prints_nothing_unless_a_file_is_asked_for() {
    for (flags, report) in [
        (&["--wait", "--", "env"][..], "none"),
        (&["--wait", "--report", "all", "--", "env"], "none"),
        (&["--wait", "--report", "json=/tmp/{pid}", "--", "env"], "json=/tmp/{pid}"),
    ] {
        let done = output(&mut run(flags));
        assert_eq!(variable(&done.out, "FAULTLESS_REPORT").as_deref(), Some(report), "{flags:?}");
    }
}

#[test]
fn a_dry_run_runs_nothing_and_says_what_it_would() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("made");
    let flags = ["--dry-run", "--policy", "throughput", "--rule", "any:lock", "--", "touch", file.to_str().unwrap()];
    let done = output(&mut run(&flags));
    assert_eq!((done.status, done.err.as_str()), (Some(0), ""));
    assert!(!file.exists());
    for part in ["touch is reached by preloading", "throughput (built in)", "1 any:lock", "2 malloc@1M:huge+recycle"] {
        assert!(done.out.contains(part), "{part}: {}", done.out);
    }
    assert!(done.out.contains(&format!("LD_PRELOAD={}", empty_library().display())), "{}", done.out);
}
