//! From the samples of all rounds to medians, ratios to nginx, a table and a file.

use std::fmt;
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use super::cores::{Cores, processor};
use super::load::Figures;
use super::median::median;
use super::scenarios::Scenario;
use super::servers::Route;
use super::startup::Startup;
use crate::workspace::Failure;

/// One run of one scenario over one route.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) figures: Figures,
    /// User plus system time of the program under test during the run.
    pub(crate) cpu: Duration,
    /// Its resident bytes right after the run.
    pub(crate) resident: u64,
}

/// What is measured of a run, in the order of the table.
#[derive(Clone, Copy, Debug, Serialize)]
struct Row {
    cpu_us_per_request: f64,
    /// Zero where nothing is streamed.
    cpu_us_per_event: f64,
    requests_per_second: f64,
    p50_us: f64,
    p99_us: f64,
    resident_mib: f64,
}

/// All samples of one scenario over one route.
struct Cell {
    scenario: &'static str,
    about: &'static str,
    route: Route,
    samples: Vec<Sample>,
}

/// A cell as it is written to the file.
#[derive(Serialize)]
struct Summary<'a> {
    scenario: &'a str,
    route: &'a str,
    median: Option<Row>,
    /// CPU per request divided by nginx's, per event where the scenario streams.
    cpu_ratio_to_nginx: Option<f64>,
    requests_per_second_ratio_to_nginx: Option<f64>,
    runs: Vec<Row>,
    runs_with_errors: usize,
    first_error: Option<&'a str>,
}

/// The benchmark's result.
pub(crate) struct Report {
    pub(crate) startup: Option<Startup>,
    rounds: u32,
    seconds: u64,
    cores: Cores,
    cells: Vec<Cell>,
}

impl Sample {
    /// The figures, unless the run had errors or no answer: such a run does not count.
    fn row(&self) -> Option<Row> {
        let Figures { requests, events, errors, seconds, p50_us, p99_us, .. } = self.figures;
        if errors > 0 || requests == 0 {
            return None;
        }
        let cpu = self.cpu.as_secs_f64() * 1e6;
        Some(Row {
            cpu_us_per_request: cpu / requests as f64,
            cpu_us_per_event: if events == 0 { 0.0 } else { cpu / events as f64 },
            requests_per_second: requests as f64 / seconds,
            p50_us: p50_us as f64,
            p99_us: p99_us as f64,
            resident_mib: self.resident as f64 / 1024.0 / 1024.0,
        })
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.row() {
            Some(row) => write!(
                f,
                "{:>9.1} us/request {:>8.0} requests/s",
                row.cpu_us_per_request, row.requests_per_second
            ),
            None => write!(
                f,
                "does not count: {} errors, the first: {}",
                self.figures.errors,
                self.figures.first_error.as_deref().unwrap_or("no answer at all")
            ),
        }
    }
}

impl Row {
    fn median(rows: &[Self]) -> Option<Self> {
        let of = |field: fn(&Self) -> f64| median(&rows.iter().map(field).collect::<Vec<_>>());
        (!rows.is_empty()).then(|| Self {
            cpu_us_per_request: of(|row| row.cpu_us_per_request),
            cpu_us_per_event: of(|row| row.cpu_us_per_event),
            requests_per_second: of(|row| row.requests_per_second),
            p50_us: of(|row| row.p50_us),
            p99_us: of(|row| row.p99_us),
            resident_mib: of(|row| row.resident_mib),
        })
    }
}

impl Cell {
    fn rows(&self) -> Vec<Row> {
        self.samples.iter().filter_map(Sample::row).collect()
    }

    fn median(&self) -> Option<Row> {
        Row::median(&self.rows())
    }
}

impl Report {
    pub(crate) fn new(rounds: u32, seconds: u64, cores: &Cores) -> Self {
        Self { startup: None, rounds, seconds, cores: *cores, cells: Vec::new() }
    }

    pub(crate) fn add(&mut self, scenario: &Scenario, route: Route, sample: Sample) {
        let known = self.cells.iter_mut().find(|cell| cell.scenario == scenario.name && cell.route == route);
        match known {
            Some(cell) => cell.samples.push(sample),
            None => self.cells.push(Cell {
                scenario: scenario.name,
                about: scenario.about,
                route,
                samples: vec![sample],
            }),
        }
    }

    /// The medians of `cell` divided by nginx's in the same scenario: CPU, requests per second.
    fn ratios(&self, cell: &Cell) -> Option<(f64, f64)> {
        let nginx =
            self.cells.iter().find(|other| other.scenario == cell.scenario && other.route == Route::Nginx)?;
        let (own, yardstick) = (cell.median()?, nginx.median()?);
        Some((
            own.cpu_us_per_request / yardstick.cpu_us_per_request,
            own.requests_per_second / yardstick.requests_per_second,
        ))
    }

    /// Prints the table.
    pub(crate) fn print(&self) {
        println!(
            "\n{}; program under test on core {}, mock and load on core {}",
            processor(),
            self.cores.subject,
            self.cores.rest
        );
        println!(
            "medians of {} rounds of {} s; cpu of `direct` is the mock's own",
            self.rounds, self.seconds
        );
        let mut scenario = "";
        for cell in &self.cells {
            if scenario != cell.scenario {
                scenario = cell.scenario;
                println!("\n{scenario}: {}", cell.about);
                println!(
                    "  {:<9} {:>14} {:>8} {:>12} {:>11} {:>8} {:>8} {:>8} {:>8}",
                    "route",
                    "cpu us/request",
                    "x nginx",
                    "cpu us/event",
                    "requests/s",
                    "x nginx",
                    "p50 us",
                    "p99 us",
                    "rss MiB"
                );
            }
            let Some(row) = cell.median() else {
                println!("  {:<9} no run without errors", cell.route.name());
                continue;
            };
            let ratios = self.ratios(cell).filter(|_| cell.route == Route::Lockgate);
            let ratio =
                |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"));
            let per_event = Some(row.cpu_us_per_event).filter(|us| *us > 0.0);
            println!(
                "  {:<9} {:>14.1} {:>8} {:>12} {:>11.0} {:>8} {:>8.0} {:>8.0} {:>8.1}",
                cell.route.name(),
                row.cpu_us_per_request,
                ratio(ratios.map(|(cpu, _)| cpu)),
                ratio(per_event),
                row.requests_per_second,
                ratio(ratios.map(|(_, rate)| rate)),
                row.p50_us,
                row.p99_us,
                row.resident_mib,
            );
        }
        if let Some(startup) = &self.startup {
            println!(
                "\nstart to ready: {:.1} ms, then {:.1} MiB resident (medians of 10 starts)",
                startup.ready_ms, startup.idle_mib
            );
        }
    }

    /// Writes every run and the medians as JSON.
    pub(crate) fn write(&self, path: &Path) -> Result<(), Failure> {
        let summaries: Vec<Summary<'_>> = self.cells.iter().map(|cell| self.summary(cell)).collect();
        let json = serde_json::json!({
            "processor": processor(),
            "rounds": self.rounds,
            "seconds": self.seconds,
            "startup": self.startup,
            "results": summaries,
        });
        fs::write(path, serde_json::to_string_pretty(&json)?)?;
        println!("written to {}", path.display());
        Ok(())
    }

    fn summary<'a>(&self, cell: &'a Cell) -> Summary<'a> {
        let ratios = self.ratios(cell);
        let runs = cell.rows();
        Summary {
            scenario: cell.scenario,
            route: cell.route.name(),
            median: Row::median(&runs),
            cpu_ratio_to_nginx: ratios.map(|(cpu, _)| cpu),
            requests_per_second_ratio_to_nginx: ratios.map(|(_, rate)| rate),
            runs_with_errors: cell.samples.len() - runs.len(),
            first_error: cell.samples.iter().find_map(|sample| sample.figures.first_error.as_deref()),
            runs,
        }
    }

    /// # Errors
    /// When a scenario over the gateway had no run that counts.
    pub(crate) fn verdict(&self) -> Result<(), Failure> {
        let failed: Vec<&str> = self
            .cells
            .iter()
            .filter(|cell| cell.route == Route::Lockgate && cell.median().is_none())
            .map(|cell| cell.scenario)
            .collect();
        if failed.is_empty() {
            Ok(())
        } else {
            Err(format!("no run of the gateway without errors in: {}", failed.join(", ")).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(requests: usize, errors: usize, cpu_ms: u64) -> Sample {
        let first_error = (errors > 0).then(|| "status 502".to_owned());
        let figures =
            Figures { requests, events: 0, errors, first_error, seconds: 1.0, p50_us: 10, p99_us: 20 };
        Sample { figures, cpu: Duration::from_millis(cpu_ms), resident: 1 << 20 }
    }

    #[test]
    fn a_run_with_errors_does_not_count() {
        let scenario = &super::super::scenarios::SCENARIOS[0];
        let mut report = Report::new(1, 1, &Cores { subject: 0, rest: 1 });
        report.add(scenario, Route::Nginx, sample(1000, 0, 20));
        report.add(scenario, Route::Lockgate, sample(9000, 1, 1));
        assert_eq!(
            report.verdict().unwrap_err().to_string(),
            "no run of the gateway without errors in: chat"
        );

        report.add(scenario, Route::Lockgate, sample(1000, 0, 30));
        assert!(report.verdict().is_ok());
        let (cpu, rate) = report.ratios(&report.cells[1]).unwrap();
        assert!((cpu - 1.5).abs() < 1e-9 && (rate - 1.0).abs() < 1e-9, "{cpu} {rate}");
    }
}
