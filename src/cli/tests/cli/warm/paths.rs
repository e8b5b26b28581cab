//! What paths mean: folders, patterns, links, and what is no file.

use std::fs;
use std::fs::File;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use super::{PAGE, cold, folder, json, resident, warm};
use crate::fixtures::{faultless, output, skip};

#[test]
fn a_folder_means_all_that_lies_in_it_by_name() {
    let folder = folder();
    fs::create_dir(folder.path().join("m")).unwrap();
    let paths = ["z", "m/x", "a"].map(|name| cold(folder.path(), name, PAGE));
    let report = json(&[], &[folder.path()]);
    let names: Vec<_> = report["files"].as_array().unwrap().iter().map(|f| f["path"].as_str().unwrap()).collect();
    assert_eq!(names, [&paths[2], &paths[1], &paths[0]].map(|path| path.to_str().unwrap()));
    assert_eq!(paths.map(|path| resident(&path)), [1, 1, 1]);
}

#[test]
fn a_pattern_that_no_shell_expanded_means_what_a_rule_means() {
    let folder = folder();
    fs::create_dir(folder.path().join("sub.idx")).unwrap();
    let paths = ["a.idx", "b.dat", "sub.idx/c.dat"].map(|name| cold(folder.path(), name, PAGE));
    assert_eq!(warm(&[], &[&folder.path().join("*.idx")]).status, Some(0));
    assert_eq!(paths.map(|path| resident(&path)), [1, 0, 1]);
}

#[test]
fn a_relative_pattern_starts_here() {
    let folder = folder();
    let path = cold(folder.path(), "a.idx", PAGE);
    let mut command = faultless();
    assert_eq!(output(command.args(["warm", "?.idx"]).current_dir(folder.path())).status, Some(0));
    assert_eq!(resident(&path), 1);
}

#[test]
fn a_pattern_that_nothing_matches_fails() {
    let folder = folder();
    let done = warm(&[], &[&folder.path().join("*.idx")]);
    assert_eq!(done.status, Some(1));
    assert!(done.err.contains("*.idx: no file matches"), "{}", done.err);
}

#[test]
fn a_link_in_a_folder_is_followed_only_with_follow() {
    let (folder, elsewhere) = (folder(), folder());
    let path = cold(elsewhere.path(), "x", PAGE);
    symlink(&path, folder.path().join("link")).unwrap();
    warm(&[], &[folder.path()]);
    assert_eq!(resident(&path), 0);
    warm(&["--follow"], &[folder.path()]);
    assert_eq!(resident(&path), 1);
}

#[test]
fn a_link_that_is_named_is_followed() {
    let folder = folder();
    let path = cold(folder.path(), "x", PAGE);
    let link = folder.path().join("link");
    symlink(&path, &link).unwrap();
    assert_eq!(warm(&[], &[&link]).status, Some(0));
    assert_eq!(resident(&path), 1);
}

#[test]
fn links_in_a_circle_end() {
    let folder = folder();
    symlink(folder.path(), folder.path().join("self")).unwrap();
    let path = cold(folder.path(), "x", PAGE);
    assert_eq!(json(&["--follow"], &[folder.path()])["total"]["files"], 1);
    assert_eq!(resident(&path), 1);
}

#[test]
fn a_file_with_two_names_counts_once() {
    let folder = folder();
    let path = cold(folder.path(), "x", PAGE);
    fs::hard_link(&path, folder.path().join("y")).unwrap();
    assert_eq!(json(&["--query"], &[folder.path(), &path])["total"]["files"], 1);
}

#[test]
fn another_file_system_is_left_alone_if_asked() {
    let folder = folder();
    let (inside, mount) = (cold(folder.path(), "a", PAGE), folder.path().join("m"));
    fs::create_dir(&mount).unwrap();
    // In a mount namespace of its own, so that nothing is left over.
    let script = r#"mount -t tmpfs none "$1/m" && echo x > "$1/m/y" && exec "$0" warm --json $2 "$1""#;
    let report = |flag: &str| {
        let binary = assert_cmd::cargo::cargo_bin!("faultless");
        let words = ["--mount", "--map-root-user", "sh", "-c", script];
        let done = output(Command::new("unshare").args(words).arg(binary).arg(folder.path()).arg(flag));
        serde_json::from_str::<serde_json::Value>(&done.out).ok()
    };
    let (Some(all), Some(one)) = (report(""), report("--one-file-system")) else {
        return skip("no mount namespace here").unwrap_or(());
    };
    assert_eq!((&all["total"]["files"], &one["total"]["files"]), (&2.into(), &1.into()));
    assert_eq!(one["files"][0]["path"], inside.to_str().unwrap());
}

#[test]
fn what_cannot_be_read_is_said_and_the_rest_goes_on() {
    let folder = folder();
    let fifo = folder.path().join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let (missing, device) = (folder.path().join("missing"), Path::new("/dev/null"));
    let path = cold(folder.path(), "x", PAGE);
    let done = warm(&[], &[&missing, &fifo, device, &path]);
    assert_eq!((resident(&path), done.status), (1, Some(1)));
    for said in ["missing: No such file", "fifo: a FIFO", "/dev/null: a device"] {
        assert!(done.err.contains(said), "{said}: {}", done.err);
    }
    assert_eq!(done.err.lines().count(), 3, "{}", done.err);
}

#[test]
fn a_fifo_in_a_folder_is_said_but_no_failure() {
    let folder = folder();
    assert!(Command::new("mkfifo").arg(folder.path().join("fifo")).status().unwrap().success());
    let done = warm(&[], &[folder.path()]);
    assert!(done.err.contains("fifo: a FIFO"), "{}", done.err);
    assert_eq!(done.status, Some(0));
}

#[test]
fn an_empty_file_is_said_and_no_failure() {
    let folder = folder();
    let path = folder.path().join("x");
    File::create(&path).unwrap();
    let done = warm(&[], &[&path]);
    assert!(done.err.contains("x: empty"), "{}", done.err);
    assert_eq!(done.status, Some(0));
}
