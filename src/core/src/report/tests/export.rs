//! Tests of JSON and Prometheus: well-formed whatever the pages hold, and an unknown is none.

use super::std;
use super::*;

fn json_of(totals: &Totals<'_>) -> String {
    let mut out = String::new();
    json(&mut out, totals).expect("a string takes all");
    out
}

#[test]
fn json_has_every_counter_by_its_name() {
    let s = server();
    let out = json_of(&Totals::new(&[&s]));
    for row in TABLE {
        assert_eq!(out.matches(&std::format!("\"{}\":", row.name)).count().min(2), 2, "{}", row.name);
    }
    assert!(out.starts_with("{\"version\":1,\"command\":\"server\",\"policy\":\"throughput\""), "{out}");
    assert!(out.ends_with("}\n") && out.lines().count() == 1, "{out}");
    assert!(out.contains("\"action\":\"lock\",\"outcome\":\"partly\",\"reason\":\"RLIMIT_MEMLOCK reached\""), "{out}");
    assert!(out.contains("\"errno\":12,\"errno_name\":\"ENOMEM\",\"count\":6"), "{out}");
}

#[test]
fn json_escapes_whatever_a_name_holds() {
    let s = page(1, b"a\"\\\n\xff\xe2\x82z\x7f", &[b"file=/\xfe:lock"]);
    let out = json_of(&Totals::new(&[&s]));
    assert!(out.contains("\"exe\":\"a\\\"\\\\\\u000a\\ufffd\\ufffdz\x7f\""), "{out}");
    assert!(out.contains("\"rule\":\"file=/\\ufffd:lock\""), "{out}");
}

#[test]
fn json_says_null_for_what_is_unknown() {
    let s = page(1, b"a", &[]);
    let out = json_of(&Totals::new(&[&s]));
    for key in ["minor_faults", "major_faults", "huge_bytes", "peak_rss", "user_us", "huge_now", "ran_ns"] {
        let (known, null) = (std::format!("\"{key}\":"), std::format!("\"{key}\":null"));
        assert_eq!(out.matches(&known).count(), out.matches(&null).count(), "{key}");
        assert!(out.contains(&null), "{key}");
    }
}

/// A reader as strict as the grammar about brackets, commas and strings.
fn check_json(text: &[u8]) -> &[u8] {
    fn string(t: &[u8]) -> &[u8] {
        let mut t = t.strip_prefix(b"\"").expect("a string");
        loop {
            t = match t {
                [b'"', rest @ ..] => return rest,
                [b'\\', b'u', rest @ ..] => &rest[4..],
                [b'\\', b'"' | b'\\', rest @ ..] => rest,
                [0..0x20 | b'\\', ..] | [] => panic!("a bare byte in a string"),
                [_, rest @ ..] => rest,
            };
        }
    }
    fn members(mut t: &[u8], end: u8, keys: bool) -> &[u8] {
        if t[0] == end {
            return &t[1..];
        }
        loop {
            if keys {
                t = string(t).strip_prefix(b":").expect("a colon");
            }
            t = check_json(t);
            match t {
                [b',', rest @ ..] => t = rest,
                [b, rest @ ..] if *b == end => return rest,
                other => panic!("no end at {:?}", String::from_utf8_lossy(&other[..other.len().min(30)])),
            }
        }
    }
    match text[0] {
        b'{' => members(&text[1..], b'}', true),
        b'[' => members(&text[1..], b']', false),
        b'"' => string(text),
        _ => {
            let end = text.iter().position(|b| b",]}".contains(b)).expect("an end");
            let word = std::str::from_utf8(&text[..end]).expect("ascii");
            assert!(["null", "true", "false"].contains(&word) || word.parse::<i64>().is_ok(), "{word}");
            &text[end..]
        }
    }
}

#[test]
fn json_is_well_formed() {
    let (a, mut b) = (server(), page(2, b"\"\x01", &[b"any:leave", b"heap:huge"]));
    (b.end, b.tree, b.budgets) = (99, u64::MAX, [u64::MAX; 4]);
    let unreached = [Unreached { pid: None, exe: b"\xff", why: "set\"uid" }; 2];
    let mut totals = Totals::new(&[]);
    let pages = [&a, &b, &b];
    for n in 0..=pages.len() {
        totals.pages = &pages[..n];
        totals.unreached = &unreached[..n.min(2)];
        assert_eq!(check_json(json_of(&totals).as_bytes()), b"\n");
    }
}

#[test]
fn prometheus_has_each_series_once_and_no_pid() {
    let (a, mut b, mut c) = (server(), server(), server());
    b.pid = 12345;
    put(&mut c.exe, b"we\"ird\\\n");
    let mut out = String::new();
    prom(&mut out, &Totals::new(&[&a, &b, &c])).expect("a string takes all");
    let mut series: std::vec::Vec<&str> =
        out.lines().filter(|l| !l.starts_with('#')).map(|l| l.rsplit_once(' ').expect("a value").0).collect();
    let all = series.len();
    series.sort_unstable();
    series.dedup();
    assert_eq!(series.len(), all);
    assert!(!out.contains("pid") && !out.contains("12345"));
    says(&out, "faultless_regions_ruled_total{exe=\"server\",policy=\"throughput\"} 2426");
    says(&out, "faultless_own_seconds_total{exe=\"server\",policy=\"throughput\"} 1.680000000");
    says(&out, "faultless_peak_rss_bytes{exe=\"we\\\"ird\\\\\\n\",policy=\"throughput\"} 8589934592");
    says(
        &out,
        "faultless_rule_regions_total{exe=\"server\",policy=\"throughput\",n=\"1\",rule=\"malloc@1M:huge+recycle\",\
         outcome=\"partly\"} 12",
    );
    says(
        &out,
        "faultless_rule_bytes_total{exe=\"server\",policy=\"throughput\",n=\"2\",rule=\"heap:huge\"} 2147483648",
    );
}

#[test]
fn prometheus_has_no_sample_for_what_is_unknown() {
    let s = page(1, b"a", &[]);
    let mut out = String::new();
    prom(&mut out, &Totals::new(&[&s])).expect("a string takes all");
    assert!(!out.contains("faultless_minor_faults{") && out.contains("faultless_mmap_calls_total{"));
}

#[test]
fn every_metric_has_a_name_of_its_own() {
    let mut out = String::new();
    prom(&mut out, &Totals::new(&[])).expect("a string takes all");
    let mut names: std::vec::Vec<&str> =
        out.lines().filter_map(|l| l.strip_prefix("# TYPE ")).map(|l| l.split(' ').next().unwrap_or("")).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!((names.len(), all), (TABLE.len() + 2, TABLE.len() + 2));
}

#[test]
fn what_a_page_says_wrongly_is_shown_and_breaks_nothing() {
    let mut s = server();
    (s.state, s.why, s.end, s.exit_status) = (77, 99, 55, 1234);
    s.rules[0].notes[0] = Note { axis: 200, outcome: 9, reason: 255, errno: 60_000, count: u64::MAX };
    s.rules[0].notes[1] = Note { axis: Axis::Stay as u8, outcome: 9, reason: 255, errno: 60_000, count: u64::MAX };
    s.counters = [u64::MAX; crate::counters::COUNT];
    (s.start_ns, s.end_ns) = (u64::MAX, 1);
    s.rules[1].regions = u64::MAX;
    let pages = [&s, &s];
    let mut totals = Totals::new(&pages);
    totals.again = Some(1);
    let mut out = String::new();
    text(&mut out, &totals).expect("text");
    json(&mut out, &totals).expect("json");
    prom(&mut out, &totals).expect("prom");
    line(&mut out, &s).expect("line");
    assert!(out.contains("rule 1, unknown 18,446,744,073,709,551,615: action: unknown (errno 60000)"), "{out}");
}
