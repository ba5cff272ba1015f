//! What benchmarks have measured, as lines of JSON: `scripts/bench.sh` has them written and drawn.
//! PURE.
//!
//! A figure is a ratio to a baseline of the same run, because an absolute time is of one machine
//! and one hour. More is better, always: what costs more than its baseline is less than 1.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One figure, or several measurements of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// The benchmark: `ring`.
    pub bench: String,
    /// What was measured, and against what: `verses a second, of a raw TCP ring`.
    pub what: String,
    /// With what: `3 buddies`. May be empty.
    #[serde(default)]
    pub at: String,
    /// How many times that of the baseline it is, a number for each repetition.
    pub ratios: Vec<f64>,
}

impl Figure {
    /// Returns the median, and the least and the greatest ratio.
    #[must_use]
    pub fn spread(&self) -> (f64, f64, f64) {
        let mut ratios = self.ratios.clone();
        ratios.sort_by(f64::total_cmp);
        let (Some(least), Some(most)) = (ratios.first(), ratios.last()) else {
            return (1.0, 1.0, 1.0);
        };
        let middle = ratios.len() / 2;
        let median = f64::midpoint(ratios[middle], ratios[(ratios.len() - 1) / 2]);
        (median, *least, *most)
    }

    fn is_same(&self, other: &Self) -> bool {
        (&self.bench, &self.what, &self.at) == (&other.bench, &other.what, &other.at)
    }
}

/// As a line of JSON, without its end.
impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

/// Returns the figures in `text`.
///
/// # Errors
/// The number of the line that is not a figure, and the cause.
pub fn parse(text: &str) -> Result<Vec<Figure>, String> {
    let figure = |(number, line)| {
        let wrong = |cause: String| format!("line {number} is not a figure: {cause}");
        let figure: Figure =
            serde_json::from_str(line).map_err(|error| wrong(error.to_string()))?;
        // Nothing else has a place on a scale of powers.
        let is_ratio = |ratio: &f64| ratio.is_finite() && *ratio > 0.0;
        if figure.ratios.is_empty() || !figure.ratios.iter().all(is_ratio) {
            return Err(wrong("a ratio is a number above 0".into()));
        }
        Ok(figure)
    };
    (1..).zip(text.lines()).map(figure).collect()
}

/// Returns the figures with those of a benchmark together, and in it those of a kind. What was
/// measured again counts as more repetitions.
#[must_use]
pub fn sorted(figures: Vec<Figure>) -> Vec<Figure> {
    let mut sorted: Vec<Figure> = Vec::new();
    for figure in figures {
        if let Some(known) = sorted.iter_mut().find(|known| known.is_same(&figure)) {
            known.ratios.extend(figure.ratios);
            continue;
        }
        let is_of_it = |known: &Figure| known.bench == figure.bench;
        let last_of_kind = sorted
            .iter()
            .rposition(|known| is_of_it(known) && known.what == figure.what);
        let last = last_of_kind.or_else(|| sorted.iter().rposition(is_of_it));
        sorted.insert(last.map_or(sorted.len(), |last| last + 1), figure);
    }
    sorted
}

/// Returns the figures as a table for the terminal.
#[must_use]
pub fn table(figures: &[Figure]) -> String {
    let mut table = String::new();
    let mut above: Option<&Figure> = None;
    for figure in figures {
        let bench = above.is_none_or(|above| above.bench != figure.bench);
        if bench {
            table += &format!("{}\n", figure.bench);
        }
        if bench || above.is_none_or(|above| above.what != figure.what) {
            table += &format!("  {}\n", figure.what);
        }
        let (median, least, most) = figure.spread();
        table += &format!(
            "    {:<40} {median:6.2}   {least:.2} to {most:.2}\n",
            figure.at
        );
        above = Some(figure);
    }
    table
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn figure(bench: &str, what: &str, at: &str, ratios: &[f64]) -> Figure {
        Figure {
            bench: bench.into(),
            what: what.into(),
            at: at.into(),
            ratios: ratios.into(),
        }
    }

    #[test]
    fn a_figure_is_a_line_that_is_read_back_equal() {
        let one = figure("ring", "verses a second", "3 buddies", &[2.5, 2.75]);
        let line =
            r#"{"bench":"ring","what":"verses a second","at":"3 buddies","ratios":[2.5,2.75]}"#;
        assert_eq!(one.to_string(), line);
        assert_eq!(parse(line), Ok(vec![one]));
    }

    #[test]
    fn figures_of_a_kind_come_together_and_repetitions_add_up() {
        let lines = [
            figure("ring", "verses", "3", &[1.0]),
            figure("chat", "sends", "1", &[0.5]),
            figure("ring", "memory", "3", &[2.0]),
            figure("ring", "verses", "10", &[1.5]),
            figure("ring", "verses", "3", &[4.0, 2.0]),
        ];
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let expected = [
            figure("ring", "verses", "3", &[1.0, 4.0, 2.0]),
            figure("ring", "verses", "10", &[1.5]),
            figure("ring", "memory", "3", &[2.0]),
            figure("chat", "sends", "1", &[0.5]),
        ];
        assert_eq!(parse(&text).map(sorted), Ok(expected.to_vec()));
        assert_eq!(expected[0].spread(), (2.0, 1.0, 4.0));
        assert_eq!(figure("", "", "", &[1.0, 2.0]).spread().0, 1.5);
        let table = table(&expected);
        assert!(table.starts_with("ring\n  verses\n    3  "), "{table}");
        assert!(table.contains("  2.00   1.00 to 4.00\n    10 "), "{table}");
        assert_eq!(table.matches("ring").count(), 1);
    }

    #[test]
    fn what_is_not_a_figure_is_named() {
        for wrong in ["", "{}", r#"{"bench":"a","what":"b","ratios":[]}"#] {
            let text = format!("{}\n{wrong}\n", figure("a", "b", "", &[1.0]));
            assert!(parse(&text).is_err_and(|error| error.starts_with("line 2 ")));
        }
        for ratio in ["0", "-1", "null", "1e999"] {
            let text = format!(r#"{{"bench":"a","what":"b","ratios":[1,{ratio}]}}"#);
            assert!(parse(&text).is_err(), "{ratio}");
        }
    }
}
