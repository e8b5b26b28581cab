//! Tests of the choice: axes, kinds, bounds, paths.

extern crate std;

use super::*;
use crate::parse::Form;
use std::string::String;
use std::vec::Vec;

const GIB: u64 = 1 << 30;

fn policy(source: &str) -> Policy {
    let mut policy = Policy::empty();
    policy.append(source.as_bytes(), Form::Line).expect(source);
    policy
}

fn choose(source: &str, kind: Kind, size: u64, path: Option<&str>) -> Chosen {
    policy(source).choose(&Region { kind, size, path: path.map(str::as_bytes) }, 4 * GIB)
}

#[test]
fn the_first_match_wins_each_axis_on_its_own() {
    let c = choose("any:lock,malloc@1M:huge+populate+lock=onfault", Kind::Malloc, GIB, None);
    assert_eq!(c.stay, Some((0, Stay::Full)));
    assert_eq!(c.page_size, Some((1, PageSize::Thp)));
    assert_eq!(c.arrival, Some((1, Arrival::Full)));
    assert_eq!(c.matched, 0b11);
}

#[test]
fn a_rule_that_wins_no_axis_has_not_matched() {
    let c = choose("anon:huge,anon:nohuge", Kind::Anon, GIB, None);
    assert_eq!((c.page_size, c.matched), (Some((0, PageSize::Thp)), 0b01));
}

#[test]
fn leave_settles_every_axis_that_is_open() {
    let c = choose("anon:lock,anon@1G:leave,anon:huge+lock+dontdump", Kind::Anon, GIB, None);
    assert_eq!(c, Chosen { stay: Some((0, Stay::Full)), matched: 0b011, ..Chosen::default() });
}

#[test]
fn nothing_matched_is_nothing_done() {
    assert_eq!(choose("malloc:huge", Kind::Anon, GIB, None), Chosen::default());
    assert_eq!(choose("", Kind::Malloc, GIB, None), Chosen::default());
}

#[test]
fn bounds_are_at_least_and_below() {
    for (size, matched) in [(1 << 20, 1), ((1 << 20) - 1, 0), ((2 << 20) - 1, 1), (2 << 20, 0)] {
        assert_eq!(choose("anon@1M..2M:huge", Kind::Anon, size, None).matched, matched, "{size}");
    }
}

#[test]
fn pct_is_of_memory() {
    assert_eq!(choose("file@50pct:random", Kind::File, 2 * GIB, None).matched, 1);
    assert_eq!(choose("file@50pct:random", Kind::File, 2 * GIB - 1, None).matched, 0);
}

#[test]
fn any_says_nothing_about_what_the_kind_lacks() {
    let source = "any:random+lock,malloc:dontdump";
    assert_eq!(choose(source, Kind::File, GIB, None).access, Some((0, Access::Random)));
    let c = choose(source, Kind::Malloc, GIB, None);
    assert_eq!((c.access, c.stay, c.dontdump), (None, Some((0, Stay::Full)), Some(1)));
    assert_eq!(choose("any:random", Kind::Malloc, GIB, None), Chosen::default());
}

#[test]
fn a_rule_with_a_path_matches_only_that_path() {
    assert_eq!(choose("file=/a/*:lock", Kind::File, 1, Some("/a/b")).matched, 1);
    assert_eq!(choose("file=/a/*:lock", Kind::File, 1, Some("/b/b")).matched, 0);
    assert_eq!(choose("file=/a/*:lock", Kind::File, 1, None).matched, 0);
    assert_eq!(choose("any=/a/*:lock", Kind::Malloc, 1, None).matched, 0);
}

#[test]
fn the_malloc_bound_is_the_smallest_of_the_rules_that_match_malloc() {
    assert_eq!(policy("malloc@4M:huge,malloc@2M..3M:lock,anon@64K:huge").malloc_bound(GIB), Some(2 << 20));
    assert_eq!(policy("malloc@4M:huge,any:lock").malloc_bound(GIB), Some(DEFAULT_MALLOC_BOUND));
    assert_eq!(policy("malloc@1pct:huge").malloc_bound(100 << 20), Some(1 << 20));
}

#[test]
fn the_malloc_bound_is_never_under_64k() {
    assert_eq!(policy("any@4K:lock").malloc_bound(GIB), Some(MIN_MALLOC_BOUND));
    assert_eq!(policy("malloc@1pct:huge").malloc_bound(1 << 20), Some(MIN_MALLOC_BOUND));
}

#[test]
fn no_malloc_bound_without_a_rule_for_malloc() {
    for source in ["", "heap:huge,anon:huge", "any:random", "any=/a/:lock"] {
        assert_eq!(policy(source).malloc_bound(GIB), None, "{source}");
    }
}

#[test]
fn a_policy_knows_which_kinds_it_may_match() {
    let p = policy("any=/a/:lock,any:random,heap:huge");
    assert!(p.may_match(Kind::File) && p.may_match(Kind::Text) && p.may_match(Kind::Shm) && p.may_match(Kind::Heap));
    assert!(!p.may_match(Kind::Anon) && !p.may_match(Kind::Malloc) && !p.may_match(Kind::Stack));
}

#[test]
fn memory_is_needed_only_for_pct() {
    assert!(!policy("anon@2M:huge,file:lock=1M..2M").needs_memory());
    for source in ["anon@1pct:huge", "anon@1M..1pct:huge", "anon:populate=1pct", "file:lock=0..1pct"] {
        assert!(policy(source).needs_memory(), "{source}");
    }
}

#[test]
fn paths_are_needed_only_where_a_rule_has_one() {
    assert!(policy("anon:huge,file=/a:lock").needs_path());
    assert!(!policy("file:lock").needs_path());
}

#[test]
fn globs_match_as_they_read() {
    for (pattern, path, want) in [
        ("/a/b", "/a/b", true),
        ("/a/b", "/a/bc", false),
        ("/a/*.idx", "/a/x.idx", true),
        ("/a/*.idx", "/a/b/x.idx", false),
        ("/a/**.idx", "/a/b/x.idx", true),
        ("/a/*", "/a/", true),
        ("/a?b", "/axb", true),
        ("/a?b", "/a/b", false),
        ("/a/", "/a/b/c", true),
        ("/a/", "/ab", false),
        ("/a/*/", "/a/b/c/d", true),
        ("**/x", "/a/b/x", true),
        ("*", "/a", false),
        ("**", "/a", true),
        ("**/lib*.so", "/usr/lib/libc.so", true),
        ("*a*b*", "xxaxxbxx", true),
        ("", "", true),
        ("", "/", false),
    ] {
        assert_eq!(glob(pattern.as_bytes(), path.as_bytes()), want, "{pattern} {path}");
    }
}

/// What the words of the rule language say, without any care for time.
fn plain(pattern: &[u8], path: &[u8]) -> bool {
    match pattern {
        [b'*', b'*', rest @ ..] => (0..=path.len()).any(|n| plain(rest, &path[n..])),
        [b'*', rest @ ..] => {
            let most = path.iter().position(|b| *b == b'/').unwrap_or(path.len());
            (0..=most).any(|n| plain(rest, &path[n..]))
        }
        [b'?', rest @ ..] => path.first().is_some_and(|b| *b != b'/') && plain(rest, &path[1..]),
        [b'/'] => path.first() == Some(&b'/'),
        [b, rest @ ..] => path.first() == Some(b) && plain(rest, &path[1..]),
        [] => path.is_empty(),
    }
}

fn words(alphabet: &str, longest: u32) -> Vec<String> {
    let letters: Vec<char> = alphabet.chars().collect();
    let base = letters.len();
    (0..=longest)
        .flat_map(|len| (0..base.pow(len)).map(move |n| (n, len)))
        .map(|(n, len)| (0..len).map(|i| letters[n / base.pow(i) % base]).collect())
        .collect()
}

#[test]
fn globs_agree_with_the_plain_definition() {
    let paths = words("ab/", 5);
    for pattern in words("ab/*", 6) {
        for path in &paths {
            let (pattern, path) = (pattern.as_bytes(), path.as_bytes());
            assert_eq!(glob(pattern, path), plain(pattern, path), "{pattern:?} {path:?}");
        }
    }
}

#[test]
fn a_pathological_pattern_ends() {
    // Backtracking into every star would take longer than the sun has left.
    let path = "a".repeat(4000);
    let pattern = std::format!("**{}b", "a*".repeat(200));
    assert!(!glob(pattern.as_bytes(), path.as_bytes()));
    let pattern = std::format!("{}b", "a**".repeat(200));
    assert!(!glob(pattern.as_bytes(), path.as_bytes()));
}
