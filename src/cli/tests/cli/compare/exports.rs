//! Files: JSON as its schema says, CSV, Markdown, and a page that needs nothing else.

use std::fs;

use serde_json::Value;

use super::compare;
use crate::fixtures::output;

/// The four files of one comparison: JSON, CSV, Markdown, HTML; and what was said.
fn exported(rounds: &str) -> ([String; 4], String) {
    let folder = tempfile::tempdir().unwrap();
    let names = ["json", "csv", "markdown", "html"];
    let mut command =
        compare(&["--runs", rounds, "--metric", "n:lower=n=([0-9]+)", "--rules", "anon:leave,heap:leave"]);
    for name in names {
        command.arg(format!("--{name}")).arg(folder.path().join(name));
    }
    let done = output(command.args(["--", "echo", "<n=7>"]));
    assert_eq!(done.status, Some(0), "{}", done.err);
    (names.map(|name| fs::read_to_string(folder.path().join(name)).unwrap()), done.out)
}

/// Checks a value as far as our schema goes: types, required, no others, references, patterns left out.
fn conforms(value: &Value, schema: &Value, root: &Value, at: &str) {
    if let Some(name) = schema["$ref"].as_str() {
        return conforms(value, root.pointer(&name[1..]).unwrap(), root, at);
    }
    if let Some(expected) = schema.get("const") {
        assert_eq!(value, expected, "{at}");
    }
    if let Some(options) = schema["enum"].as_array() {
        assert!(options.contains(value), "{at}: {value}");
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(n) if n.is_u64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let fits = |name: &Value| name == kind || (name == "number" && kind == "integer");
    match &schema["type"] {
        Value::Array(kinds) => assert!(kinds.iter().any(fits), "{at}: {value}"),
        Value::Null => {}
        one => assert!(fits(one), "{at}: {value}"),
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        conforms(item, &schema["items"], root, &format!("{at}[{index}]"));
    }
    let Some(object) = value.as_object() else { return };
    for name in schema["required"].as_array().into_iter().flatten() {
        assert!(object.contains_key(name.as_str().unwrap()), "{at} lacks {name}");
    }
    for (name, item) in object {
        let known = schema["properties"].get(name).or(schema.get("additionalProperties"));
        let known = known.unwrap_or_else(|| panic!("{at}: {name} is not in the schema"));
        assert_ne!(known, &Value::Bool(false), "{at}: {name} is not in the schema");
        conforms(item, known, root, &format!("{at}.{name}"));
    }
}

#[test]
fn the_json_is_as_its_schema_says_and_has_every_run() {
    let schema = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/compare.schema.json")).unwrap();
    let schema: Value = serde_json::from_str(&schema).unwrap();
    for rounds in ["2", "6"] {
        let ([json, ..], _) = exported(rounds);
        let value: Value = serde_json::from_str(&json).unwrap();
        conforms(&value, &schema, &schema, "$");
        assert_eq!(value["runs"].as_array().unwrap().len(), 2 * rounds.parse::<usize>().unwrap());
        assert_eq!(value["contenders"][1]["metrics"]["n"]["median"], 7.0);
    }
}

#[test]
fn the_csv_has_a_line_for_each_run_with_as_many_cells_as_its_head() {
    let ([_, csv, ..], _) = exported("2");
    let cells = |line: &str| line.replace("anon:leave,heap:leave", "x").split(',').count();
    let lines: Vec<_> = csv.lines().collect();
    assert_eq!(lines.len(), 5);
    assert!(lines.iter().all(|line| cells(line) == cells(lines[0])), "{csv}");
}

#[test]
fn the_markdown_has_the_tables_of_the_terminal() {
    let ([_, _, markdown, _], _) = exported("2");
    assert!(markdown.contains("| policy | wall ms | middle half | vs none [95 %] |"), "{markdown}");
    assert!(markdown.contains("| none | 7.00 | 7.00–7.00 | 1.00 |"), "{markdown}");
}

#[test]
fn the_page_has_every_run_in_its_plots_and_asks_nothing_of_a_network() {
    let ([_, _, _, html], _) = exported("6");
    // Two by run for the time, two for the faults by round and their metric: four plots with a dot a run.
    assert_eq!(html.matches("<circle").count(), 4 * 12, "{html}");
    assert_eq!(html.matches("<svg").count(), 5);
    for outside in ["http:", "https:", "src=", "<script", "@import", "url("] {
        assert!(!html.contains(outside), "{outside}");
    }
    assert!(html.contains("prefers-color-scheme: dark"));
    assert!(html.contains("echo &#39;&lt;n=7&gt;&#39;") || html.contains("echo '&lt;n=7&gt;'"), "{html}");
}

#[test]
fn what_was_saved_is_said() {
    let (_, out) = exported("2");
    let saved = out.lines().find(|line| line.starts_with("saved")).unwrap();
    assert!(saved.contains("json"), "{out}");
}
