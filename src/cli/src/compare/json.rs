//! `--json`: everything, every run too. docs/compare.schema.json describes it.
//!
//! What must hold here: names are only added; a changed meaning is a new `version`; an unknown is null.

use serde_json::{Map, Value, json};

use super::figures::{FIGURES, end};
use super::outcome::{Column, Comparison, Output};

const VERSION: u32 = 1;

/// One object, and a newline.
pub fn export(comparison: &Comparison<'_>) -> String {
    let c = comparison;
    let value = json!({
        "version": VERSION,
        "faultless": env!("CARGO_PKG_VERSION"),
        "command": c.command,
        "load": c.load,
        "prepare": c.prepare,
        "cold": c.cold,
        "warmup": c.warmup,
        "rounds": c.rounds,
        "interrupted_by_signal": c.interrupted,
        "host": c.host.json(),
        "output": match c.output() {
            Output::Ignored => "ignored",
            Output::Identical => "identical",
            Output::Unsteady(_) => "not steady",
            Output::Differs(..) => "differs",
        },
        "noise": c.noise(Column::Figure(&super::figures::WALL)),
        "contenders": (0..c.contenders.len()).map(|index| contender(c, index)).collect::<Vec<_>>(),
        "runs": (0..c.runs.len()).map(|index| run(c, index)).collect::<Vec<_>>(),
    });
    format!("{value:#}\n")
}

fn contender(c: &Comparison<'_>, index: usize) -> Value {
    let of = &c.contenders[index];
    let figures = FIGURES.iter().map(|figure| (figure.name.to_owned(), summary(c, index, Column::Figure(figure))));
    let metrics =
        c.metrics.iter().enumerate().map(|(m, metric)| (metric.name.clone(), summary(c, index, Column::Metric(m))));
    json!({
        "name": of.name,
        "policy": of.policy,
        "rules": of.rules,
        "figures": figures.collect::<Map<_, _>>(),
        "metrics": metrics.collect::<Map<_, _>>(),
    })
}

fn summary(c: &Comparison<'_>, index: usize, column: Column<'_>) -> Value {
    let Some(middle) = c.middle(index, column) else { return Value::Null };
    let ratio = c.ratio(index, column).filter(|_| index > 0);
    let interval = ratio.and_then(|ratio| ratio.interval);
    json!({
        "median": middle.median,
        "lower_quartile": middle.low,
        "upper_quartile": middle.high,
        "ratio": ratio.map(|ratio| ratio.value),
        "ratio_low": interval.map(|(low, _)| low),
        "ratio_high": interval.map(|(_, high)| high),
        "differs": ratio.and_then(|ratio| ratio.differs()),
    })
}

fn run(c: &Comparison<'_>, index: usize) -> Value {
    let run = &c.runs[index];
    let mut fields = Map::new();
    fields.insert("round".into(), (run.round + 1).into());
    fields.insert("position".into(), (run.position + 1).into());
    fields.insert("contender".into(), c.contenders[run.contender].name.clone().into());
    for figure in FIGURES {
        fields.insert(figure.name.into(), (figure.of)(run).map_or(Value::Null, number));
    }
    fields.insert("end".into(), end(run.end).into());
    fields.insert("output".into(), format!("{:016x}", run.output).into());
    let metrics = c.metrics.iter().zip(&run.metrics).map(|(metric, value)| (metric.name.clone(), json!(value)));
    fields.insert("metrics".into(), metrics.collect::<Map<_, _>>().into());
    fields.into()
}

/// A whole number without `.0`.
fn number(value: f64) -> Value {
    if value.fract() == 0.0 && (0.0..9e15).contains(&value) { (value as u64).into() } else { value.into() }
}
