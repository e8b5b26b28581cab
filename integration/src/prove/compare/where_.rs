//! Whether `faultless where` names the functions that take the faults.
//!
//! What must hold here: a function counts only if the program's own source defines it; faults of the loader, and those
//! that nobody is named for, count against it.

use serde_json::Value;

use super::table::{built, done, faultless, scratch};
use crate::artefacts::workspace;
use crate::prove::{Line, Sink};

const GOAL: &str = "at least 95 % of faults";
const LEAST: f64 = 0.95;

/// The C programs of `bench/` by what they do with memory. FILE is a mapped file of [`MAPPED`] bytes, as much as the
/// others touch: of a short run the loader takes most faults.
const PROGRAMS: &[(&str, &[&str])] = &[
    ("bench/touch.c", &["malloc", "256"]),
    ("bench/touch.c", &["mmap", "256"]),
    ("bench/large.c", &["calloc"]),
    ("bench/large.c", &["reuse"]),
    ("bench/large.c", &["realloc"]),
    ("bench/blocks.c", &["take", "0", "2048", "65536"]),
    ("bench/blocks.c", &["take", "4", "2048", "65536"]),
    ("bench/small.c", &["churn", "1000", "262144"]),
    ("bench/mapped_reads.c", &["reads=4000", "FILE"]),
    ("bench/mapped_reads.c", &["pattern=sequential", "passes=1", "FILE"]),
];
const MAPPED: &str = "1073741824";

/// A line for each program.
pub fn prove(sink: Sink<'_>) -> Result<(), String> {
    let folder = scratch()?;
    let file = folder.path().join("file").to_string_lossy().into_owned();
    let reads = built("bench/mapped_reads.c", folder.path())?;
    done(&crate::child::Run::new(folder.path(), [&reads, "make", MAPPED, &file]).run()?)?;
    for (source, arguments) in PROGRAMS {
        let criterion = format!("where: functions named in {source} {}", arguments.join(" "));
        let program = built(source, folder.path())?;
        // The program has standard output for itself.
        let answer = folder.path().join("where.json").to_string_lossy().into_owned();
        let words = ["where", "--json", "--output", &answer, "--", &program].map(String::from).into_iter();
        let arguments = arguments.iter().map(|word| if *word == "FILE" { file.clone() } else { (*word).to_owned() });
        done(&faultless(folder.path(), words.chain(arguments)).run()?)?;
        let text = std::fs::read_to_string(&answer).map_err(|e| format!("{answer}: {e}"))?;
        sink(one(&criterion, source, &text)?);
    }
    Ok(())
}

fn one(criterion: &str, source: &str, answer: &str) -> Result<Line, String> {
    let answer: Value = serde_json::from_str(answer).map_err(|e| format!("where --json: {e}"))?;
    if answer["source"] != "perf" {
        return Ok(Line::skipped(criterion, GOAL, "no perf events here: sysctl kernel.perf_event_paranoid=2"));
    }
    let read = |file: &str| std::fs::read_to_string(workspace().join(file)).map_err(|e| format!("{file}: {e}"));
    let sources = [source, "bench/common.h", "bench/counted.h"].map(read).into_iter().collect::<Result<String, _>>()?;
    let items = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let functions: Vec<Value> =
        items(&answer["regions"]).iter().flat_map(|region| items(&region["functions"])).collect();
    let faults = |of: &Value| of["faults"].as_u64().unwrap_or(0);
    let own = |of: &&Value| of["function"].as_str().is_some_and(|name| defines(&sources, name));
    // What got lost is counted too: nobody is named for it.
    let lost = answer["faults"]["lost"].as_u64().unwrap_or(0);
    let all: u64 = lost + functions.iter().map(faults).sum::<u64>();
    let named: u64 = functions.iter().filter(own).map(faults).sum();
    let share = named as f64 / all.max(1) as f64;
    let mut most: Vec<&Value> = functions.iter().filter(own).collect();
    most.sort_by_key(|of| std::cmp::Reverse(faults(of)));
    let first = most.first().and_then(|of| of["function"].as_str()).unwrap_or("none");
    let note = format!("{named} of {all}, most in {first}; {lost} lost");
    Ok(Line::judged(criterion, GOAL, format!("{:.2} %", share * 100.0), share >= LEAST).noted(note))
}

/// Whether a C source has a function of this name: at the start of a line there is its type, then the name and `(`.
fn defines(source: &str, name: &str) -> bool {
    let head = format!("{name}(");
    let is_head = |line: &str| !line.starts_with([' ', '/', '#', '}']) && line.contains(&head);
    source.lines().any(is_head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_defined_where_its_line_begins_with_its_type() {
        let source = "#define F(x) g(x)\nstatic void touch(char *p) {\n    call(p);\n}\n";
        assert!(defines(source, "touch"));
        assert!(!defines(source, "call") && !defines(source, "g"));
    }
}
