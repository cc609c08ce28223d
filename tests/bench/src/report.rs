//! Figures beside their targets: lines while they come, a table, and one JSON line at the end.

use serde_json::{Map, Value, json};

/// What a figure should be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Target {
    /// Only shown.
    None,
    /// This or less.
    AtMost(f64),
    /// This or more.
    AtLeast(f64),
}

/// One measured value.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// Its name within its row, with its unit last: `p50_ms`.
    pub name: String,
    /// What was measured; NaN where nothing was.
    pub value: f64,
    /// What it should be.
    pub target: Target,
}

impl Figure {
    /// A figure without a target.
    pub fn shown(name: impl Into<String>, value: f64) -> Self {
        Self { name: name.into(), value, target: Target::None }
    }

    /// A figure that should be this or less.
    pub fn at_most(name: impl Into<String>, value: f64, target: f64) -> Self {
        Self { name: name.into(), value, target: Target::AtMost(target) }
    }

    /// A figure that should be this or more.
    pub fn at_least(name: impl Into<String>, value: f64, target: f64) -> Self {
        Self { name: name.into(), value, target: Target::AtLeast(target) }
    }

    /// Whether it misses its target. What was not measured does.
    pub fn missed(&self) -> bool {
        match self.target {
            Target::None => false,
            Target::AtMost(target) => self.value.is_nan() || self.value > target,
            Target::AtLeast(target) => self.value.is_nan() || self.value < target,
        }
    }
}

/// What became of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Figures, and lines that explain them.
    Measured(Vec<Figure>, Vec<String>),
    /// It cannot run here; why.
    Skipped(String),
}

/// The outcomes of one run.
#[derive(Debug, Default)]
pub struct Report {
    rows: Vec<(String, Outcome)>,
    failed: Vec<(String, String)>,
}

impl Report {
    /// Takes a row's outcome and prints it.
    pub fn add(&mut self, name: &str, outcome: anyhow::Result<Outcome>) {
        match outcome {
            Ok(outcome) => {
                print!("{}", table(name, &outcome));
                self.rows.push((name.to_owned(), outcome));
            }
            Err(error) => {
                let words = format!("{error:#}");
                println!("{name}: FAILED: {words}");
                self.failed.push((name.to_owned(), words));
            }
        }
    }

    /// Whether every row could be measured or said why it cannot be here.
    pub fn is_whole(&self) -> bool {
        self.failed.is_empty()
    }

    /// All rows as a table.
    pub fn table(&self) -> String {
        self.rows.iter().map(|(name, outcome)| table(name, outcome)).collect()
    }

    /// All rows as one object.
    pub fn json(&self) -> Value {
        let (mut rows, mut skipped, mut missed) = (Map::new(), Map::new(), Vec::new());
        for (name, outcome) in &self.rows {
            match outcome {
                Outcome::Measured(figures, _) => {
                    let values = figures.iter().map(|f| (f.name.clone(), json!(rounded(f.value))));
                    rows.insert(name.clone(), Value::Object(values.collect()));
                    let misses = figures.iter().filter(|figure| figure.missed());
                    missed.extend(misses.map(|figure| format!("{name}.{}", figure.name)));
                }
                Outcome::Skipped(reason) => {
                    skipped.insert(name.clone(), json!(reason));
                }
            }
        }
        // The first line says what failed; what the programs said last stands above.
        let first_line = |words: &str| words.lines().next().unwrap_or_default().to_owned();
        let failed: Map<String, Value> = self
            .failed
            .iter()
            .map(|(name, words)| (name.clone(), first_line(words).into()))
            .collect();
        json!({
            "bench": "lanlens",
            "rows": rows,
            "missed": missed,
            "skipped": skipped,
            "failed": failed,
        })
    }
}

/// To a thousandth; `None` for what was not measured, which JSON has no number for.
fn rounded(value: f64) -> Option<f64> {
    value.is_finite().then(|| (value * 1000.0).round() / 1000.0)
}

fn table(name: &str, outcome: &Outcome) -> String {
    match outcome {
        Outcome::Skipped(reason) => format!("{name:<24} skipped: {reason}\n"),
        Outcome::Measured(figures, notes) => {
            let mut lines: String = figures.iter().map(|figure| line(name, figure)).collect();
            for note in notes {
                lines.push_str(&format!("{:<24} {note}\n", ""));
            }
            lines
        }
    }
}

fn line(row: &str, figure: &Figure) -> String {
    let verdict = if figure.missed() { "MISSED" } else { "ok" };
    let target = match figure.target {
        Target::None => String::new(),
        Target::AtMost(target) => format!("≤ {target:<8} {verdict}"),
        Target::AtLeast(target) => format!("≥ {target:<8} {verdict}"),
    };
    let line = format!("{row:<24} {:<32} {:>10.2}  {target}", figure.name, figure.value);
    format!("{}\n", line.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_json_names_what_was_measured_missed_skipped_and_failed() {
        let mut report = Report::default();
        let figures = vec![Figure::at_most("p50_ms", 4.12345, 4.0), Figure::shown("fps", 30.0)];
        report.add("latency", Ok(Outcome::Measured(figures, vec!["why".to_owned()])));
        report.add("peers", Ok(Outcome::Skipped("no browser".to_owned())));
        report.add("loss", Err(anyhow::anyhow!("it broke\nand said much")));
        assert_eq!(
            report.json(),
            json!({
                "bench": "lanlens",
                "rows": { "latency": { "p50_ms": 4.123, "fps": 30.0 } },
                "missed": ["latency.p50_ms"],
                "skipped": { "peers": "no browser" },
                "failed": { "loss": "it broke" },
            })
        );
        assert!(!report.is_whole());
    }

    #[test]
    fn a_target_is_met_at_its_value_and_never_by_nothing() {
        assert!(!Figure::at_most("x", 4.0, 4.0).missed());
        assert!(!Figure::at_least("x", 14.0, 14.0).missed());
        assert!(Figure::at_least("x", 13.9, 14.0).missed());
        assert!(Figure::at_most("x", f64::NAN, 4.0).missed());
        assert!(!Figure::shown("x", f64::NAN).missed());
    }
}
