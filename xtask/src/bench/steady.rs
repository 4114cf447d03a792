//! Minutes at half of what the gateway can do: whether its memory grows.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::goals::alone;
use super::load::{self, Load};
use super::results::{Results, mib};
use super::scenarios::apart::STEADY;
use super::subjects::{self, LOCKGATE, Subjects};
use crate::workspace::Failure;

/// How often memory is looked at.
const LOOK: Duration = Duration::from_secs(2);
/// The part of the run that is left out at its beginning: caches fill and pools grow to their size.
const SETTLING: f64 = 0.25;
const CONNECTIONS: usize = 64;
/// Bytes by which resident memory changes at the least.
const PAGE: f64 = 4096.0;

/// How memory changes over time.
#[derive(Clone, Copy, Debug)]
struct Slope {
    /// Bytes in a second.
    rate: f64,
    /// How far chance alone may have moved it, about one time in twenty.
    noise: f64,
}

/// Sends half of `capacity` requests a second for so long.
///
/// # Errors
/// When an answer is wrong.
pub(crate) fn measure(
    subjects: &Subjects,
    capacity: f64,
    time: Duration,
    results: &mut Results,
) -> Result<(), Failure> {
    let expected = subjects::expected(subjects.mock(), &STEADY)?;
    let subject = subjects.named(LOCKGATE)?;
    let load = Load::Due { connections: CONNECTIONS, rate: capacity / 2.0 };
    let order = subject.order(&STEADY, expected, load, time);
    let (done, ended) = mpsc::channel::<()>();
    let (figures, looks) = thread::scope(|scope| {
        let looking = scope.spawn(move || {
            let mut looks = Vec::new();
            while let Err(mpsc::RecvTimeoutError::Timeout) = ended.recv_timeout(LOOK) {
                // A subject that has ended is found by its load.
                looks.extend(subject.usage().ok().map(|usage| usage.resident as f64));
            }
            looks
        });
        let figures =
            load::in_its_own_process(subjects.cores(), &order, || Ok(())).map_err(|error| error.to_string());
        drop(done);
        (figures, looking.join().unwrap_or_default())
    });
    let figures = figures?;
    if figures.errors > 0 {
        return Err(
            format!("steady load: {} errors, the first: {:?}", figures.errors, figures.first_error).into()
        );
    }
    let settled = &looks[(looks.len() as f64 * SETTLING) as usize..];
    let Some(Slope { rate, noise }) = Slope::of(settled, LOOK.as_secs_f64()) else {
        println!("steady      too short to say anything of memory");
        return Ok(());
    };
    let hourly = |rate: f64| rate * 3600.0 / 1024.0 / 1024.0;
    println!(
        "steady      {} requests, p99 {:.0} us, {:.1} MiB at the end; slope {:+.2} MiB/h, noise {:.2} MiB/h",
        figures.requests,
        figures.whole.p99_us,
        mib(settled.last().copied().unwrap_or_default() as u64),
        hourly(rate),
        hourly(noise)
    );
    results.add_alone("steady slope, MiB/h", hourly(rate));
    results.add_alone("steady noise, MiB/h", hourly(noise));
    results.add_alone(alone::GROWTH, hourly((rate - noise).max(0.0)));
    Ok(())
}

impl Slope {
    /// From how the mean of each quarter of the time differs from that of the one before. Looks at memory follow from one
    /// another, so that their scatter around a line would say too little of chance.
    fn of(looks: &[f64], period: f64) -> Option<Self> {
        const PARTS: usize = 4;
        let length = looks.len() / PARTS;
        if length < 3 {
            return None;
        }
        let means: Vec<f64> = looks
            .chunks_exact(length)
            .take(PARTS)
            .map(|part| part.iter().sum::<f64>() / part.len() as f64)
            .collect();
        let steps: Vec<f64> = means.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let count = steps.len() as f64;
        let mean = steps.iter().sum::<f64>() / count;
        let spread = steps.iter().map(|step| (step - mean).powi(2)).sum::<f64>() / (count - 1.0);
        // Twice the standard error, and never less than a page for each part.
        let noise = (2.0 * (spread / count).sqrt()).max(PAGE);
        let time = length as f64 * period;
        Some(Self { rate: mean / time, noise: noise / time })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_told_from_noise() {
        let wobble = |index: usize| [0.0, 9e5, -4e5, 3e5, -8e5][index % 5];
        let flat: Vec<f64> = (0..100).map(|index| 3e7 + wobble(index)).collect();
        let Slope { rate, noise } = Slope::of(&flat, 2.0).unwrap();
        assert!(rate.abs() <= noise, "{rate} {noise}");

        let leak: Vec<f64> =
            flat.iter().enumerate().map(|(index, bytes)| bytes + 5e4 * index as f64).collect();
        let Slope { rate, noise } = Slope::of(&leak, 2.0).unwrap();
        assert!(rate > noise && (rate - 25_000.0).abs() < 3_000.0, "{rate} {noise}");
        assert!(Slope::of(&flat[..11], 2.0).is_none());
    }
}
