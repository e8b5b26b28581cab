//! The grammar's tests: what is read, and each error with the place it points at.

extern crate std;

use super::*;
use crate::rules::{Access, Arrival, PageSize, Stay};
use std::string::String;
use std::vec::Vec;

fn read(source: &str, form: Form) -> Policy {
    let mut policy = Policy::empty();
    policy.append(source.as_bytes(), form).expect(source);
    policy
}

fn only_rule(source: &str) -> Rule {
    let policy = read(source, Form::Line);
    assert_eq!(policy.rules().len(), 1, "{source}");
    policy.rules()[0]
}

/// The error, and the text that it points at.
#[track_caller]
fn refused(source: &[u8], form: Form) -> (ErrorKind, String) {
    let mut policy = read("heap:huge", Form::Line);
    let e = policy.append(source, form).expect_err("a bad source was accepted");
    assert_eq!((policy.rules().len(), policy.text()), (1, &b"heap:huge"[..]), "the policy changed");
    (e.kind, String::from_utf8_lossy(&source[e.start..e.end]).into_owned())
}

#[track_caller]
fn fault(source: &str, kind: ErrorKind, at: &str) {
    assert_eq!(refused(source.as_bytes(), Form::Line), (kind, at.into()), "{source}");
}

#[test]
fn the_first_pages_rule_is_read() {
    let source = "malloc@1M:huge+recycle,heap:huge,anon@2M:huge,file@100pct:auto,file=/data/*.idx:populate+lock";
    let policy = read(source, Form::Line);
    let rules = policy.rules();
    assert_eq!(policy.text(), source.as_bytes());
    assert_eq!(
        rules.iter().map(|r| r.kind).collect::<Vec<_>>(),
        [Kind::Malloc, Kind::Heap, Kind::Anon, Kind::File, Kind::File]
    );
    assert_eq!(policy.slice(rules[0].text), b"malloc@1M:huge+recycle");
    assert_eq!((rules[0].min, rules[0].actions.recycle), (Some(Size::Bytes(1 << 20)), true));
    assert_eq!((rules[3].min, rules[3].actions.access), (Some(Size::Pct(100)), Some(Access::Auto)));
    assert_eq!(rules[4].path.map(|p| policy.slice(p)), Some(&b"/data/*.idx"[..]));
    assert_eq!((rules[4].actions.arrival, rules[4].actions.stay), (Some(Arrival::Full), Some(Stay::Full)));
}

#[test]
fn each_argument_is_read() {
    let mib = |n: u64| Size::Bytes(n << 20);
    assert_eq!(only_rule("malloc:huge=thp").actions.page_size, Some(PageSize::Thp));
    assert_eq!(only_rule("malloc:huge=collapse").actions.page_size, Some(PageSize::Collapse));
    assert_eq!(only_rule("malloc:huge=hugetlb").actions.page_size, Some(PageSize::Hugetlb));
    assert_eq!(only_rule("malloc:nohuge").actions.page_size, Some(PageSize::Never));
    assert_eq!(only_rule("anon:populate=4M").actions.arrival, Some(Arrival::First(mib(4))));
    assert_eq!(only_rule("anon:populate=async").actions.arrival, Some(Arrival::Async));
    assert_eq!(only_rule("file:populate=1M..2M").actions.arrival, Some(Arrival::Range(mib(1), mib(2))));
    assert_eq!(only_rule("file:lock=onfault").actions.stay, Some(Stay::OnFault));
    assert_eq!(only_rule("file:lock=hot").actions.stay, Some(Stay::Hot));
    assert_eq!(only_rule("file:lock=1M..2M").actions.stay, Some(Stay::Range(mib(1), mib(2))));
    assert_eq!(only_rule("file:drop-behind").actions.access, Some(Access::DropBehind));
    assert!(only_rule("any:dontdump").actions.dontdump && only_rule("any:leave").actions.leave);
}

#[test]
fn bounds_have_an_upper_end() {
    let rule = only_rule("anon@2M..100pct:huge");
    assert_eq!((rule.min, rule.below), (Some(Size::Bytes(2 << 20)), Some(Size::Pct(100))));
}

#[test]
fn newlines_separate_lines_and_commas_rules() {
    let policy = read("anon:huge\n\nheap:huge,shm:lock\n", Form::Line);
    assert_eq!(policy.text(), b"anon:huge,heap:huge,shm:lock");
    assert_eq!(policy.slice(policy.rules()[2].text), b"shm:lock");
}

#[test]
fn nothing_at_all_is_no_rule() {
    assert_eq!(read("", Form::Line).rules().len(), 0);
    assert_eq!(read(" # only words\n\n", Form::File).rules().len(), 0);
}

#[test]
fn a_file_may_have_blanks_and_comments() {
    let policy = read("# for the index\r\n  file=/a/:lock , anon:huge # both\r\n\theap:huge", Form::File);
    assert_eq!(policy.text(), b"file=/a/:lock,anon:huge,heap:huge");
    assert_eq!(policy.rules()[0].path.map(|p| policy.slice(p)), Some(&b"/a/"[..]));
}

#[test]
fn rules_are_appended_behind_those_there() {
    let mut policy = read("any:lock", Form::Line);
    policy.append(b"file=/x:random", Form::Line).expect("second");
    assert_eq!(policy.text(), b"any:lock,file=/x:random");
    assert_eq!(policy.rules()[1].path.map(|p| policy.slice(p)), Some(&b"/x"[..]));
}

#[test]
fn a_path_may_hold_at_plus_and_equals() {
    let policy = read("file=/a@1M+b=c?d:lock", Form::Line);
    assert_eq!(policy.rules()[0].path.map(|p| policy.slice(p)), Some(&b"/a@1M+b=c?d"[..]));
    assert_eq!(policy.rules()[0].min, None);
}

#[test]
fn an_empty_rule_is_refused() {
    fault("anon:huge,", ErrorKind::EmptyRule, ",");
    fault(",anon:huge", ErrorKind::EmptyRule, ",");
    fault("anon:huge,,heap:huge", ErrorKind::EmptyRule, ",");
    assert_eq!(refused(b"anon:huge, # more", Form::File).0, ErrorKind::EmptyRule);
}

#[test]
fn a_blank_or_comment_in_a_line_is_refused() {
    fault("anon:huge, heap:huge", ErrorKind::Blank, " ");
    fault(" ", ErrorKind::Blank, " ");
    fault("anon:huge#fast", ErrorKind::Comment, "#fast");
    assert_eq!(refused(b"anon :huge", Form::File), (ErrorKind::Blank, " ".into()));
}

#[test]
fn a_missing_colon_is_refused() {
    fault("anon:huge,heap", ErrorKind::MissingColon, "heap");
    fault("throughput", ErrorKind::MissingColon, "throughput");
}

#[test]
fn an_unknown_kind_is_refused() {
    fault("mem@1M:huge", ErrorKind::UnknownKind, "mem");
    fault(":huge", ErrorKind::UnknownKind, "");
    fault("Anon:huge", ErrorKind::UnknownKind, "Anon");
}

#[test]
fn bounds_are_refused_where_sizes_mean_nothing() {
    fault("heap@1M:huge", ErrorKind::NoBounds(Kind::Heap), "1M");
    fault("text@1M:huge", ErrorKind::NoBounds(Kind::Text), "1M");
    fault("stack@1M:huge", ErrorKind::NoBounds(Kind::Stack), "1M");
}

#[test]
fn a_bad_size_is_refused() {
    fault("anon@1MB:huge", ErrorKind::BadSize, "1MB");
    fault("anon@:huge", ErrorKind::BadSize, "");
    fault("anon@1M..:huge", ErrorKind::BadSize, "");
    fault("anon:populate=1x", ErrorKind::BadSize, "1x");
}

#[test]
fn a_size_that_overflows_is_refused() {
    fault("anon@18446744073709551616:huge", ErrorKind::SizeOverflow, "18446744073709551616");
    fault("file:lock=0..8388608T", ErrorKind::SizeOverflow, "8388608T");
}

#[test]
fn bounds_that_nothing_is_within_are_refused() {
    fault("anon@2M..2M:huge", ErrorKind::EmptyBounds, "2M..2M");
    fault("anon@50pct..1pct:huge", ErrorKind::EmptyBounds, "50pct..1pct");
}

#[test]
fn a_malloc_bound_under_64k_is_refused() {
    fault("malloc@65535:huge", ErrorKind::SmallMalloc, "65535");
    fault("malloc@4K..1M:huge", ErrorKind::SmallMalloc, "4K");
    assert_eq!(only_rule("malloc@64K:huge").min, Some(Size::Bytes(65536)));
}

#[test]
fn a_path_is_refused_on_a_kind_without_paths() {
    fault("heap=/x:huge", ErrorKind::NoPath(Kind::Heap), "/x");
    fault("malloc=huge:lock", ErrorKind::NoPath(Kind::Malloc), "huge");
}

#[test]
fn a_path_that_starts_otherwise_is_refused() {
    fault("file=data/x:lock", ErrorKind::PathStart, "d");
    fault("file=:lock", ErrorKind::PathStart, "");
}

#[test]
fn a_byte_that_a_shell_or_unit_file_would_eat_is_refused_in_a_path() {
    for byte in b" ;'\"`\\$%#&|<>()[]{}!~\t\x01\x7f" {
        let source = [b"file=/a", &[*byte][..], b"b:lock"].concat();
        let (kind, _) = refused(&source, Form::Line);
        assert_eq!(kind, ErrorKind::PathByte, "{:?}", *byte as char);
    }
    assert_eq!(read("file=/ä-._+@=^?*:lock", Form::Line).rules().len(), 1);
}

#[test]
fn a_missing_action_is_refused() {
    fault("anon:", ErrorKind::MissingAction, "");
    fault("anon:huge+", ErrorKind::MissingAction, "");
}

#[test]
fn an_unknown_action_is_refused() {
    fault("anon:huge+lokc", ErrorKind::UnknownAction, "lokc");
    fault("anon:huge:lock", ErrorKind::UnknownAction, "huge:lock");
}

#[test]
fn an_unknown_word_is_refused() {
    for (source, at) in [("malloc:huge=big", "big"), ("anon:populate=later", "later"), ("file:lock=", "")] {
        let (kind, shown) = refused(source.as_bytes(), Form::Line);
        assert!(matches!(kind, ErrorKind::UnknownWord(_)), "{kind:?}");
        assert_eq!(shown, at);
    }
}

#[test]
fn an_argument_is_refused_where_the_action_takes_none() {
    fault("anon:huge=2M", ErrorKind::NoSize, "2M");
    fault("anon:lock=2M", ErrorKind::NoSize, "2M");
    fault("anon:nohuge=2M", ErrorKind::NoSize, "2M");
    fault("file:random=yes", ErrorKind::NoArgument, "yes");
    fault("file:random=", ErrorKind::NoArgument, "");
}

#[test]
fn an_empty_range_is_refused() {
    fault("file:populate=2M..1M", ErrorKind::EmptyRange, "2M..1M");
    fault("file:lock=1M..1M", ErrorKind::EmptyRange, "1M..1M");
}

#[test]
fn an_action_that_the_kind_lacks_is_refused() {
    for (source, kind, at) in [
        ("anon:recycle", Kind::Anon, "recycle"),
        ("any:recycle", Kind::Any, "recycle"),
        ("anon:huge=hugetlb", Kind::Anon, "huge=hugetlb"),
        ("malloc:random", Kind::Malloc, "random"),
        ("shm:random", Kind::Shm, "random"),
        ("text:auto", Kind::Text, "auto"),
        ("malloc:populate=1M..2M", Kind::Malloc, "populate=1M..2M"),
        ("any:lock=1M..2M", Kind::Any, "lock=1M..2M"),
        ("heap:populate=async", Kind::Heap, "populate=async"),
        ("stack:huge=collapse", Kind::Stack, "huge=collapse"),
    ] {
        fault(source, ErrorKind::KindLacks(kind), at);
    }
}

#[test]
fn two_actions_on_one_axis_are_refused() {
    fault("anon:huge+nohuge", ErrorKind::TwoOnAxis, "nohuge");
    fault("file:random+lock+sequential", ErrorKind::TwoOnAxis, "sequential");
    fault("malloc:recycle+recycle", ErrorKind::TwoOnAxis, "recycle");
    fault("anon:leave+lock", ErrorKind::TwoOnAxis, "lock");
    fault("anon:lock+leave", ErrorKind::TwoOnAxis, "leave");
}

#[test]
fn a_policy_holds_so_many_rules_and_no_more() {
    let rules = |n: usize| std::vec!["anon:huge"; n].join(",");
    assert_eq!(read(&rules(MAX_RULES), Form::Line).rules().len(), MAX_RULES);
    fault(&rules(MAX_RULES), ErrorKind::TooManyRules, "anon:huge"); // one was there before
}

#[test]
fn a_policy_holds_so_much_text_and_no_more() {
    let rule = |n: usize| std::format!("file=/{}:lock", "a".repeat(n - "file=/:lock".len()));
    assert_eq!(read(&rule(MAX_TEXT), Form::Line).text().len(), MAX_TEXT);
    let source = rule(MAX_TEXT);
    fault(&source, ErrorKind::TooMuchText, &source);
}

#[test]
fn no_bytes_make_it_panic_and_spans_stay_inside() {
    let seeds: [&[u8]; 3] =
        [b"malloc@1M..2M:huge+recycle,heap:huge", b"file=/d/*.x:lock=1M..2M\n#c", b"any:leave,\xff"];
    let alphabet = b"@=:+,.\n #\0\xff19KMGpct/*ahl";
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as usize
    };
    for _ in 0..20_000 {
        let mut source = seeds[next() % seeds.len()].to_vec();
        for _ in 0..1 + next() % 4 {
            let at = next() % source.len();
            source[at] = alphabet[next() % alphabet.len()];
        }
        source.truncate(1 + next() % source.len());
        for form in [Form::Line, Form::File] {
            if let Err(e) = Policy::empty().append(&source, form) {
                assert!(e.start <= e.end && e.end <= source.len(), "{e:?} in {source:?}");
            }
        }
    }
}
