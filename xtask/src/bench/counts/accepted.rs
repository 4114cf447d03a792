//! The instructions that are accepted: a file in the repository, and what a new count may be beside it.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use super::callgrind::Instructions;
use crate::workspace::{self, Failure};

/// What a path may grow by, in percent: its counts repeat within 1 %.
const PATH_SLACK: u64 = 10;
/// What all beside it may grow by: how many records the projection takes together is a matter of the machine's pace, and a
/// batch costs much the same however few they are.
const BESIDE_SLACK: u64 = 200;
/// Below this many instructions for a request, what goes on beside it is timers and no guard's business.
const BESIDE_FLOOR: u64 = 20_000;

const HEAD: &str = "# Instructions of the release binary per request, per event for streams; see docs/performance.md.\n\
                    # Made by `cargo xtask bench --counts --accept`: never by hand.\n\n";

/// Counts by their names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Accepted(BTreeMap<String, Instructions>);

impl Accepted {
    fn file() -> PathBuf {
        workspace::root().join("xtask/src/bench/counts.toml")
    }

    /// What is accepted now.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn read() -> Result<Self, Failure> {
        Ok(Self(toml::from_str(&fs::read_to_string(Self::file())?)?))
    }

    pub(crate) fn put(&mut self, name: &str, instructions: Instructions) {
        println!("{name:<18} {:>10} on the path {:>9} beside it", instructions.path, instructions.beside);
        self.0.insert(name.to_owned(), instructions);
    }

    /// Writes these figures down as the accepted ones.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn write(&self) -> Result<(), Failure> {
        fs::write(Self::file(), format!("{HEAD}{}", toml::to_string(&self.0)?))?;
        println!("accepted: {}", Self::file().display());
        Ok(())
    }

    /// Prints these figures beside the accepted ones.
    ///
    /// # Errors
    /// When one is over its bound, or nobody knows it.
    pub(crate) fn judge(&self, accepted: &Self) -> Result<(), Failure> {
        println!("\n{:<18} {:>10} {:>10} {:>7} {:>10}", "count", "accepted", "now", "change", "bound");
        let mut over = Vec::new();
        for (name, now) in &self.0 {
            let Some(was) = accepted.0.get(name) else {
                over.push(format!("{name} (new)"));
                continue;
            };
            let rows = [
                ("", was.path, now.path, PATH_SLACK, 0),
                (" beside", was.beside, now.beside, BESIDE_SLACK, BESIDE_FLOOR),
            ];
            for (part, was, now, slack, floor) in rows {
                let bound = (was + was * slack / 100).max(floor);
                let change = (now as f64 / was.max(1) as f64 - 1.0) * 100.0;
                println!("{:<18} {was:>10} {now:>10} {change:>+6.1}% {bound:>10}", format!("{name}{part}"));
                if now > bound {
                    over.push(format!("{name}{part}"));
                }
            }
        }
        if over.is_empty() {
            return Ok(());
        }
        Err(format!(
            "more instructions than are accepted: {}; make it cheaper, or accept it with: cargo xtask bench --counts --accept",
            over.join(", ")
        )
        .into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: u64, beside: u64) -> Accepted {
        Accepted([("chat".to_owned(), Instructions { path, beside })].into())
    }

    #[track_caller]
    fn check(path: u64, beside: u64, over: Option<&str>) {
        let judged = of(path, beside).judge(&of(1_000_000, 100_000)).map_err(|error| error.to_string());
        match over {
            None => judged.unwrap(),
            Some(over) => {
                let error = judged.unwrap_err();
                assert!(error.contains(&format!("accepted: {over};")), "{error}");
            }
        }
    }

    #[test]
    fn what_is_over_its_bound_is_named() {
        check(1_100_000, 300_000, None);
        check(500_000, 0, None);
        check(1_100_001, 300_001, Some("chat, chat beside"));
        check(1_000_000, 300_001, Some("chat beside"));
        assert!(of(1, 1).judge(&Accepted::default()).is_err());
    }

    #[test]
    fn what_is_written_is_read() {
        let text = format!("{HEAD}{}", toml::to_string(&of(7, 2).0).unwrap());
        assert_eq!(Accepted(toml::from_str(&text).unwrap()), of(7, 2));
    }

    #[test]
    fn every_count_has_an_accepted_figure() {
        let accepted = Accepted::read().unwrap();
        let names: Vec<&str> = super::super::COUNTS.iter().map(|count| count.name).collect();
        assert!(names.iter().all(|name| accepted.0.contains_key(*name)), "{names:?}");
        assert_eq!(accepted.0.len(), names.len());
    }
}
