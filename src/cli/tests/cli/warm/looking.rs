//! `--query` and `--evict`.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use super::{MIB, Mapped, PAGE, cold, folder, json, residency, resident, warm};
use crate::fixtures::skip;

#[test]
fn modes_exclude_each_other() {
    for flags in [["--query", "--evict"], ["--query", "--hold"], ["--evict", "--hold"], ["--evict", "--max=1M"]] {
        assert_eq!(warm(&flags, &[Path::new("/")]).status, Some(2), "{flags:?}");
    }
    assert_eq!(warm(&["--lock-max", "1M"], &[Path::new("/")]).status, Some(2));
}

#[test]
fn a_query_reads_nothing_and_shows_where() {
    let folder = folder();
    let path = cold(folder.path(), "x", 4 * MIB);
    warm(&["--range", "1M..2M"], &[&path]);
    let done = warm(&["--query"], &[&path]);
    assert_eq!(resident(&path), MIB / PAGE);
    assert!(done.out.contains("1 MiB  4 MiB  25 %  [........########................]"), "{}", done.out);
    assert!(done.out.ends_with("1 file of 4 MiB: 1 MiB (25 %) resident\n"), "{}", done.out);
}

#[test]
fn a_query_shows_a_part_that_is_partly_there() {
    let folder = folder();
    let path = cold(folder.path(), "x", 4 * MIB);
    warm(&["--range", "0..64K"], &[&path]);
    assert_eq!(json(&["--query"], &[&path])["files"][0]["map"], "+...............................");
}

#[test]
fn evict_drops_what_is_clean() {
    let folder = folder();
    let path = cold(folder.path(), "x", 3 * MIB + 1);
    warm(&[], &[&path]);
    let done = warm(&["--evict"], &[&path]);
    assert_eq!((resident(&path), done.status), (0, Some(0)), "{}{}", done.out, done.err);
    assert!(done.out.starts_with("evicted 3 MiB"), "{}", done.out);
}

#[test]
fn evict_of_a_range_leaves_the_rest() {
    let folder = folder();
    let path = cold(folder.path(), "x", 4 * MIB);
    warm(&[], &[&path]);
    warm(&["--evict", "--range", "1M..2M"], &[&path]);
    let wanted: Vec<bool> = (0..4 * MIB / PAGE).map(|page| !(MIB..2 * MIB).contains(&(page * PAGE))).collect();
    assert_eq!(residency(&path), wanted);
}

#[test]
fn evict_leaves_dirty_pages_dirty_and_drops_those_beside_them() {
    let folder = folder();
    let path = cold(folder.path(), "x", 4 * MIB);
    warm(&[], &[&path]);
    let mut file = OpenOptions::new().write(true).open(&path).unwrap();
    file.write_all(&[8; PAGE]).unwrap();
    let report = json(&["--evict"], &[&path]);
    let row = &report["files"][0];
    if row["dirty"].is_null() {
        return skip("no cachestat here").unwrap_or(());
    }
    assert_eq!((&row["dirty"], &row["resident"]), (&PAGE.into(), &PAGE.into()));
    assert_eq!((residency(&path)[0], resident(&path)), (true, 1));
}

#[test]
fn evict_says_what_stays_because_it_is_mapped() {
    let folder = folder();
    let path = cold(folder.path(), "x", MIB);
    let mapped = Mapped::new(&path);
    mapped.touch();
    let done = warm(&["--evict"], &[&path]);
    assert!(done.out.contains("x: 1 MiB stayed: "), "{}", done.out);
    assert!(done.out.contains("mapped, locked or in use"), "{}", done.out);
    assert_eq!(resident(&path), MIB / PAGE);
}
