//! Rules and policy files: any bytes, as a variable or a file holds them, and paths for their patterns.
//!
//! What must hold here: a source is read whole or refused, with a place that lies in it, and then nothing of it stays; a
//! pattern means what its translation to a regular expression means; a rule's own text is that rule.
#![no_main]

use faultless_core::matching::{Region, glob};
use faultless_core::parse::Form;
use faultless_core::rules::{Kind, MAX_RULES, Policy};
use libfuzzer_sys::fuzz_target;
use regex::bytes::Regex;

/// The rules come first; after a zero byte, a path.
fn split(data: &[u8]) -> (&[u8], &[u8]) {
    let at = data.iter().position(|b| *b == 0).unwrap_or(data.len());
    (&data[..at], data.get(at + 1..).unwrap_or(&[]))
}

const KINDS: [Kind; 7] = [Kind::Malloc, Kind::Heap, Kind::Anon, Kind::File, Kind::Shm, Kind::Stack, Kind::Text];

/// What a rule is read from, read again.
fn again(policy: &Policy, form: Form) {
    for rule in policy.rules() {
        let (start, len) = (usize::from(rule.text.start), usize::from(rule.text.len));
        let mut alone = Policy::empty();
        alone.append(&policy.text()[start..start + len], form).expect("a rule that was read before");
        let [same] = alone.rules() else { panic!("{} rules in one's text", alone.rules().len()) };
        assert_eq!((same.kind, same.min, same.below, same.actions), (rule.kind, rule.min, rule.below, rule.actions));
    }
}

fn parse(source: &[u8], path: &[u8], form: Form) {
    let mut policy = Policy::empty();
    policy.append(b"anon:huge=collapse", form).expect("a rule of ours");
    let before = policy;
    match policy.append(source, form) {
        Err(error) => {
            assert!(error.start <= error.end && error.end <= source.len(), "{error:?} of {} bytes", source.len());
            assert!(!error.kind.to_string().is_empty());
            assert_eq!(policy.rules(), before.rules());
        }
        Ok(()) => {
            assert!(policy.rules().len() <= MAX_RULES);
            for kind in KINDS {
                for size in [0, 4095, 1 << 20, 1 << 40, u64::MAX] {
                    let chosen = policy.choose(&Region { kind, size, path: Some(path) }, 1 << 30);
                    assert!(!(chosen.stay.is_some() || chosen.arrival.is_some()) || policy.may_match(kind));
                }
            }
            again(&policy, form);
            let _ = (policy.malloc_bound(1 << 30), policy.needs_memory(), policy.needs_path());
        }
    }
}

/// What the grammar says of `*`, `**`, `?` and a `/` at the end.
fn translated(pattern: &[u8]) -> Option<Regex> {
    let mut text = String::from("(?s-u)^");
    let mut rest = pattern;
    while let [first, others @ ..] = rest {
        rest = others;
        text += &match first {
            b'*' if rest.first() == Some(&b'*') => {
                rest = &rest[1..];
                ".*".into()
            }
            b'*' => "[^/]*".into(),
            b'?' => "[^/]".into(),
            byte => format!("\\x{byte:02x}"),
        };
    }
    if pattern.last() == Some(&b'/') {
        text += ".*";
    }
    Regex::new(&(text + "$")).ok()
}

fuzz_target!(|data: &[u8]| {
    let (source, path) = split(data);
    parse(source, path, Form::Line);
    parse(source, path, Form::File);
    parse(source, path, Form::Attach);
    if source.len() <= 64
        && let Some(meant) = translated(source)
    {
        assert_eq!(glob(source, path), meant.is_match(path), "{source:?} on {path:?}");
    }
});
