//! `systemd`, `install`, and policy files that others may change.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use crate::fixtures::{empty_library, faultless, output, run};

#[test]
fn a_drop_in_has_the_library_the_options_and_the_limit_that_locks_need() {
    let flags = ["systemd", "redis", "--policy", "latency", "--lock-max", "2G", "--lib"];
    let done = output(faultless().args(flags).arg(empty_library()).env("FAULTLESS_RETAIN_MAX", "1M"));
    let library = empty_library().display();
    let text = done.out.lines().filter(|l| !l.starts_with("# for lock")).collect::<Vec<_>>().join("\n");
    let wanted = format!(
        "# /etc/systemd/system/redis.service.d/faultless.conf\n[Service]\nEnvironment=LD_PRELOAD={library}\n\
        Environment=FAULTLESS_POLICY=latency\nEnvironment=FAULTLESS_LOCK_MAX=2G\nLimitMEMLOCK=2G"
    );
    assert_eq!((text, done.status), (wanted, Some(0)), "{}", done.err);
}

#[test]
fn a_policy_that_locks_nothing_asks_for_no_limit() {
    let done = output(faultless().args(["systemd", "redis.service", "--policy", "lean", "--lib"]).arg(empty_library()));
    assert!(!done.out.contains("LimitMEMLOCK") && done.status == Some(0), "{}{}", done.out, done.err);
}

#[test]
fn what_is_no_service_and_what_is_no_rule_gets_no_drop_in() {
    for arguments in
        [["redis.timer", "--policy", "lean"], ["re/dis", "--policy", "lean"], ["redis", "--rule", "heap:hgue"]]
    {
        let done = output(faultless().arg("systemd").args(arguments).arg("--lib").arg(empty_library()));
        assert_eq!((done.status, done.out.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(done.err.contains('^'), "{}", done.err);
    }
}

#[test]
fn install_renames_both_files_into_place() {
    let folder = tempfile::tempdir().unwrap();
    let library = folder.path().join("libfaultless.so");
    fs::write(&library, "an old one, which programs have mapped").unwrap();
    let old = fs::metadata(&library).unwrap().ino();
    fs::hard_link(&library, folder.path().join("kept")).unwrap();
    let done = output(faultless().args(["install", "--lib"]).arg(empty_library()).arg(folder.path()));
    assert_eq!(done.status, Some(0), "{}", done.err);
    assert_ne!(fs::metadata(&library).unwrap().ino(), old);
    assert_eq!(fs::read(&library).unwrap(), fs::read(empty_library()).unwrap());
    assert_eq!(fs::read_to_string(folder.path().join("kept")).unwrap(), "an old one, which programs have mapped");
    assert_eq!(fs::metadata(&library).unwrap().permissions().mode() & 0o777, 0o755);
    let names = fs::read_dir(folder.path()).unwrap().count();
    let version = output(std::process::Command::new(folder.path().join("faultless")).arg("--version"));
    assert_eq!((names, version.status), (3, Some(0)));
}

#[test]
fn install_into_a_folder_that_is_not_there_says_so() {
    let done = output(faultless().args(["install", "--lib"]).arg(empty_library()).arg("/nonexistent/folder"));
    assert_eq!(done.status, Some(1));
    assert!(done.err.contains("/nonexistent/folder/faultless"), "{}", done.err);
}

#[test]
fn a_policy_file_that_anybody_may_write_is_refused_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let (rules, ran) = (folder.path().join("site.rules"), folder.path().join("ran"));
    fs::write(&rules, "heap:huge\n").unwrap();
    let with_mode = |mode| {
        fs::set_permissions(&rules, fs::Permissions::from_mode(mode)).unwrap();
        output(run(&["--policy", rules.to_str().unwrap(), "--", "touch"]).arg(&ran))
    };
    let done = with_mode(0o666);
    assert_eq!((done.status, ran.exists()), (Some(2), false));
    let remedy = format!("anybody may change it; try: chmod go-w {}", rules.display());
    assert!(done.err.contains(&remedy), "{}", done.err);
    assert_eq!((with_mode(0o644).status, ran.exists()), (Some(0), true));
}

#[test]
fn a_policy_that_is_no_file_is_refused() {
    let done = output(&mut run(&["--policy", "/dev/zero", "--", "true"]));
    assert_eq!(done.status, Some(2));
    assert!(done.err.contains("not a regular file"), "{}", done.err);
}

#[test]
fn a_page_folder_that_others_may_write_is_said_to_be_of_no_use() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let done = output(&mut run(&["--wait", "--pages", folder.path().to_str().unwrap(), "--", "true"]));
    assert!(done.err.contains("not a folder that belongs to this user alone"), "{}", done.err);
    assert_eq!((done.status, fs::read_dir(folder.path()).unwrap().count()), (Some(0), 0));
}
