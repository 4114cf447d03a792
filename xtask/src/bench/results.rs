//! The samples of all rounds: medians, and ratios to the yardstick of the same run.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::load::Figures;
use super::median::median;
use super::scenarios::{Pace, SCENARIOS, Scenario};
use super::subjects::{DIRECT, NGINX};

/// A load that is late by more than this says so.
const LATE_US: f64 = 200.0;

/// One run of one scenario over one subject.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) figures: Figures,
    /// CPU time of the subject during the run.
    pub(crate) cpu: Duration,
    /// Its resident bytes right after the run.
    pub(crate) resident: u64,
}

/// What is measured of a run, in the order of the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Row {
    pub(crate) cpu_us_per_request: f64,
    /// Zero where nothing is streamed.
    pub(crate) cpu_us_per_event: f64,
    pub(crate) requests_per_second: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) first_byte_p50_us: f64,
    pub(crate) first_byte_p99_us: f64,
    pub(crate) resident_mib: f64,
    /// The load generator's own lateness, where times count from when requests were due.
    pub(crate) late_p99_us: f64,
}

/// All samples of one scenario over one subject.
#[derive(Debug, Default)]
pub(crate) struct Cell {
    rows: Vec<Row>,
    wrong: Vec<String>,
}

/// All cells, by scenario and subject, in the order they were measured first, and figures that stand alone.
#[derive(Debug, Default)]
pub(crate) struct Results {
    order: Vec<(&'static str, String)>,
    cells: BTreeMap<(&'static str, String), Cell>,
    alone: BTreeMap<String, Vec<f64>>,
}

/// A cell as it is written to the file.
#[derive(Serialize)]
pub(crate) struct Summary<'a> {
    scenario: &'a str,
    subject: &'a str,
    median: Option<Row>,
    cpu_ratio_to_nginx: Option<f64>,
    rate_ratio_to_nginx: Option<f64>,
    /// What it adds to the times without it, where requests are due at fixed times.
    added_p50_us: Option<f64>,
    added_p99_us: Option<f64>,
    runs: &'a [Row],
    runs_with_errors: &'a [String],
}

impl Sample {
    /// The figures.
    ///
    /// # Errors
    /// When the run had errors or no answer: such a run does not count.
    pub(crate) fn row(&self) -> Result<Row, String> {
        let Figures { requests, events, errors, seconds, whole, first_byte, late_p99_us, .. } = self.figures;
        if errors > 0 || requests == 0 {
            let first = self.figures.first_error.as_deref().unwrap_or("no answer at all");
            return Err(format!("{errors} errors, the first: {first}"));
        }
        let cpu = self.cpu.as_secs_f64() * 1e6;
        Ok(Row {
            cpu_us_per_request: cpu / requests as f64,
            cpu_us_per_event: if events == 0 { 0.0 } else { cpu / events as f64 },
            requests_per_second: requests as f64 / seconds,
            p50_us: whole.p50_us,
            p99_us: whole.p99_us,
            first_byte_p50_us: first_byte.p50_us,
            first_byte_p99_us: first_byte.p99_us,
            resident_mib: mib(self.resident),
            late_p99_us,
        })
    }
}

/// Bytes as MiB.
pub(crate) fn mib(bytes: u64) -> f64 {
    bytes as f64 / 1024.0 / 1024.0
}

impl Row {
    /// What a request costs, or an event where the scenario streams.
    pub(crate) fn cost(&self) -> f64 {
        if self.cpu_us_per_event > 0.0 { self.cpu_us_per_event } else { self.cpu_us_per_request }
    }

    fn median(rows: &[Self]) -> Option<Self> {
        let of = |field: fn(&Self) -> f64| median(&rows.iter().map(field).collect::<Vec<_>>());
        (!rows.is_empty()).then(|| Self {
            cpu_us_per_request: of(|row| row.cpu_us_per_request),
            cpu_us_per_event: of(|row| row.cpu_us_per_event),
            requests_per_second: of(|row| row.requests_per_second),
            p50_us: of(|row| row.p50_us),
            p99_us: of(|row| row.p99_us),
            first_byte_p50_us: of(|row| row.first_byte_p50_us),
            first_byte_p99_us: of(|row| row.first_byte_p99_us),
            resident_mib: of(|row| row.resident_mib),
            late_p99_us: of(|row| row.late_p99_us),
        })
    }
}

impl Results {
    /// Adds a run.
    pub(crate) fn add(&mut self, scenario: &Scenario, subject: &str, row: Result<Row, String>) {
        let key = (scenario.name, subject.to_owned());
        if !self.cells.contains_key(&key) {
            self.order.push(key.clone());
        }
        let cell = self.cells.entry(key).or_default();
        match row {
            Ok(row) => cell.rows.push(row),
            Err(why) => cell.wrong.push(why),
        }
    }

    /// Adds a figure that belongs to no scenario.
    pub(crate) fn add_alone(&mut self, name: impl Into<String>, figure: f64) {
        self.alone.entry(name.into()).or_default().push(figure);
    }

    /// The median of a figure that belongs to no scenario.
    pub(crate) fn alone(&self, name: &str) -> Option<f64> {
        self.alone.get(name).map(|figures| median(figures))
    }

    /// All figures that belong to no scenario, by name.
    pub(crate) fn all_alone(&self) -> impl Iterator<Item = (&str, f64)> {
        self.alone.iter().map(|(name, figures)| (name.as_str(), median(figures)))
    }

    /// The medians of a cell.
    pub(crate) fn row(&self, scenario: &str, subject: &str) -> Option<Row> {
        Row::median(&self.cell(scenario, subject)?.rows)
    }

    fn cell(&self, scenario: &str, subject: &str) -> Option<&Cell> {
        let key = self.order.iter().find(|(name, of)| *name == scenario && of == subject)?;
        self.cells.get(key)
    }

    /// What a request or event costs there, divided by what it costs nginx in the scenario that is the yardstick.
    pub(crate) fn cost_ratio(&self, scenario: &str, subject: &str) -> Option<f64> {
        Some(self.row(scenario, subject)?.cost() / self.row(yardstick(scenario)?, NGINX)?.cost())
    }

    /// The same, where the rate of requests is the same over all subjects, so that the times can be compared.
    fn added_at_rate(&self, scenario: &str, subject: &str, time: fn(&Row) -> f64) -> Option<f64> {
        let found = SCENARIOS.iter().find(|other| other.name == scenario)?;
        match found.pace {
            Pace::Due(..) | Pace::Part(..) if subject != DIRECT => self.added(scenario, subject, time),
            _ => None,
        }
    }

    fn rate_ratio(&self, scenario: &str, subject: &str) -> Option<f64> {
        let nginx = self.row(yardstick(scenario)?, NGINX)?;
        Some(self.row(scenario, subject)?.requests_per_second / nginx.requests_per_second)
    }

    /// A time that the subject adds to what it takes without it.
    pub(crate) fn added(&self, scenario: &str, subject: &str, time: fn(&Row) -> f64) -> Option<f64> {
        Some(time(&self.row(scenario, subject)?) - time(&self.row(scenario, DIRECT)?))
    }

    /// Every cell, in the order they were measured.
    pub(crate) fn summaries(&self) -> impl Iterator<Item = Summary<'_>> {
        self.order.iter().filter_map(|(scenario, subject)| {
            let cell = self.cell(scenario, subject)?;
            Some(Summary {
                scenario,
                subject,
                median: Row::median(&cell.rows),
                cpu_ratio_to_nginx: self.cost_ratio(scenario, subject),
                rate_ratio_to_nginx: self.rate_ratio(scenario, subject),
                added_p50_us: self.added_at_rate(scenario, subject, |row| row.p50_us),
                added_p99_us: self.added_at_rate(scenario, subject, |row| row.p99_us),
                runs: &cell.rows,
                runs_with_errors: &cell.wrong,
            })
        })
    }

    /// Scenarios and subjects without a run that counts, with what was wrong first.
    pub(crate) fn without_figures(&self) -> Vec<String> {
        let failed = self.summaries().filter(|summary| summary.median.is_none());
        failed
            .map(|summary| {
                let why = summary.runs_with_errors.first().map_or("", String::as_str);
                format!("{} over {}: {why}", summary.scenario, summary.subject)
            })
            .collect()
    }

    /// Prints the table.
    pub(crate) fn print(&self) {
        let mut scenario = "";
        for summary in self.summaries() {
            if scenario != summary.scenario {
                scenario = summary.scenario;
                let about =
                    SCENARIOS.iter().find(|other| other.name == scenario).map_or("", |found| found.about);
                println!("\n{scenario}: {about}");
                println!(
                    "  {:<12} {:>14} {:>12} {:>8} {:>10} {:>8} {:>8} {:>8} {:>11} {:>8}",
                    "subject",
                    "cpu us/request",
                    "cpu us/event",
                    "x nginx",
                    "requests/s",
                    "x nginx",
                    "p50 us",
                    "p99 us",
                    "1st byte us",
                    "rss MiB"
                );
            }
            let Some(row) = summary.median else {
                println!("  {:<12} no run without errors", summary.subject);
                continue;
            };
            let shown =
                |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"));
            let event = Some(row.cpu_us_per_event).filter(|us| *us > 0.0);
            println!(
                "  {:<12} {:>14.1} {:>12} {:>8} {:>10.0} {:>8} {:>8.0} {:>8.0} {:>11.0} {:>8.1}{}",
                summary.subject,
                row.cpu_us_per_request,
                shown(event),
                shown(summary.cpu_ratio_to_nginx),
                row.requests_per_second,
                shown(summary.rate_ratio_to_nginx),
                row.p50_us,
                row.p99_us,
                row.first_byte_p50_us,
                row.resident_mib,
                remarks(&summary),
            );
        }
    }
}

/// What is to be said of a cell beside its figures.
fn remarks(summary: &Summary<'_>) -> String {
    let mut remarks = String::new();
    if let (Some(p50), Some(p99)) = (summary.added_p50_us, summary.added_p99_us) {
        remarks += &format!("  (adds {p50:.0} us, {p99:.0} us at p99)");
    }
    let late = summary.median.map_or(0.0, |row| row.late_p99_us);
    if late > LATE_US {
        remarks += &format!("  (load late by {late:.0} us at p99)");
    }
    if !summary.runs_with_errors.is_empty() {
        remarks += &format!("  ({} runs do not count)", summary.runs_with_errors.len());
    }
    remarks
}

fn yardstick(scenario: &str) -> Option<&'static str> {
    SCENARIOS.iter().find(|other| other.name == scenario).map(|found| found.yardstick)
}

#[cfg(test)]
mod tests {
    use super::super::subjects::LOCKGATE;
    use super::*;

    fn sample(requests: usize, errors: usize, cpu_ms: u64) -> Result<Row, String> {
        let first_error = (errors > 0).then(|| "status 502".to_owned());
        let figures = Figures { requests, errors, first_error, seconds: 1.0, ..Figures::default() };
        Sample { figures, cpu: Duration::from_millis(cpu_ms), resident: 1 << 20 }.row()
    }

    #[test]
    fn a_run_with_errors_does_not_count() {
        let scenario = &SCENARIOS[0];
        let mut results = Results::default();
        results.add(scenario, NGINX, sample(1000, 0, 20));
        results.add(scenario, LOCKGATE, sample(9000, 1, 1));
        assert_eq!(results.without_figures(), ["chat over lockgate: 1 errors, the first: status 502"]);
        assert_eq!(results.cost_ratio("chat", LOCKGATE), None);

        results.add(scenario, LOCKGATE, sample(1000, 0, 30));
        assert!(results.without_figures().is_empty());
        assert!((results.cost_ratio("chat", LOCKGATE).unwrap() - 1.5).abs() < 1e-9);
        assert!((results.rate_ratio("chat", LOCKGATE).unwrap() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_translation_is_held_against_what_nginx_does_with_the_same_size() {
        let mut results = Results::default();
        let pair = SCENARIOS.iter().find(|scenario| scenario.name == "openai-gemini").unwrap();
        results.add(&SCENARIOS[0], NGINX, sample(1000, 0, 20));
        results.add(pair, LOCKGATE, sample(1000, 0, 50));
        assert!((results.cost_ratio("openai-gemini", LOCKGATE).unwrap() - 2.5).abs() < 1e-9);
    }
}
