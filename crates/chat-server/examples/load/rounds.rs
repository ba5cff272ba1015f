//! Contestants measured side by side: in rounds, every other one the other way round, because a
//! machine that gets slower meanwhile would otherwise be to the harm of the last.

use std::io;
use std::time::Duration;

use futures::future::BoxFuture;

use crate::figures;

/// How long each measurement takes.
pub(crate) const SPAN: Duration = Duration::from_millis(1500);

/// How often each contestant is measured.
pub(crate) const ROUNDS: usize = 6;

/// One contestant: its name, and what measures it once. The measure is a rate; more is better.
pub(crate) struct Contestant<'a> {
    name: String,
    measure: Box<dyn Fn() -> BoxFuture<'a, anyhow::Result<f64>> + 'a>,
}

impl<'a> Contestant<'a> {
    pub(crate) fn new<F>(name: impl Into<String>, measure: impl Fn() -> F + 'a) -> Self
    where
        F: Future<Output = anyhow::Result<f64>> + Send + 'a,
    {
        Self {
            name: name.into(),
            measure: Box::new(move || Box::pin(measure())),
        }
    }
}

/// Measures all of them. Prints the median of each, and how many times that the first one makes,
/// round by round. Notes these ratios as figures about `at`, such as `1 sender`.
pub(crate) async fn compare(at: &str, contestants: &[Contestant<'_>]) -> anyhow::Result<()> {
    let mut rates = vec![Vec::new(); contestants.len()];
    for round in 0..ROUNDS {
        for i in order(round, contestants.len()) {
            rates[i].push((contestants[i].measure)().await?);
        }
    }
    println!("{at}: {ROUNDS} rounds, every other one the other way round");
    println!("  {:44} {:>9.0}/s", contestants[0].name, median(&rates[0]));
    for (other, theirs) in contestants.iter().zip(&rates).skip(1) {
        let ratios = rates[0].iter().zip(theirs);
        let ratios: Vec<f64> = ratios.map(|(ours, theirs)| ours / theirs).collect();
        let shown: Vec<String> = ratios.iter().map(|ratio| format!("{ratio:.2}")).collect();
        println!(
            "  {:44} {:>9.0}/s {:>6.2} ({})",
            other.name,
            median(theirs),
            median(&ratios),
            shown.join(" ")
        );
        note(&other.name, at, ratios)?;
    }
    Ok(())
}

/// Returns who is measured when in this round.
pub(crate) fn order(round: usize, contestants: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..contestants).collect();
    if round % 2 == 1 {
        order.reverse();
    }
    order
}

fn note(other: &str, at: &str, ratios: Vec<f64>) -> io::Result<()> {
    let what = format!("durable messages a second, of {other}");
    figures::note("chat", &what, at, ratios)
}

pub(crate) fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    f64::midpoint(values[middle], values[(values.len() - 1) / 2])
}
