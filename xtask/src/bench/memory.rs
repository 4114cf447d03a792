//! Memory of a gateway of its own: what a large body takes at its peak, and what ten thousand idle streams do.

use std::net::SocketAddr;
use std::time::Duration;

use lockgate_testkit::clock;
use lockgate_testkit::process::Process;

use super::cores::Cores;
use super::goals::alone;
use super::house::EVERYTHING;
use super::load::{self, Figures, Load};
use super::results::{Results, mib};
use super::scenarios::Ask;
use super::scenarios::apart::{IDLE, LARGE, LARGE_PICTURE, STEADY};
use super::subjects::{self, Subjects};
use super::usage::{Usage, forget_peak, peak};
use crate::workspace::Failure;

/// Streams that are held open at once.
pub(crate) const STREAMS: usize = 10_000;
/// How long memory may take to come back.
const COMING_BACK: Duration = Duration::from_secs(60);
/// So short that no second request begins.
const ONE_REQUEST: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// A gateway that nothing else was asked of.
struct Fresh<'a> {
    cores: &'a Cores,
    mock: SocketAddr,
    process: Process,
    address: SocketAddr,
}

impl<'a> Fresh<'a> {
    fn start(subjects: &'a Subjects) -> Result<Self, Failure> {
        let (cores, mock) = (subjects.cores(), subjects.mock());
        let (process, address) = subjects::gateway(cores, mock, EVERYTHING)?;
        let fresh = Self { cores, mock, process, address };
        // What any first requests bring along is nobody's.
        fresh.send(&STEADY, Load::Closed { connections: 8 }, SECOND, || Ok(()))?;
        Ok(fresh)
    }

    fn send(
        &self,
        ask: &Ask,
        load: Load,
        time: Duration,
        while_held: impl FnOnce() -> Result<(), Failure>,
    ) -> Result<Figures, Failure> {
        let expected = subjects::expected(self.mock, ask)?;
        let model = ask.upstream.model.to_owned();
        let order = subjects::order(ask, self.address, model, expected, load, time);
        let figures = load::in_its_own_process(self.cores, &order, while_held)?;
        match figures.first_error {
            None => Ok(figures),
            Some(error) => Err(format!("{} errors, the first: {error}", figures.errors).into()),
        }
    }

    fn resident(&self) -> Result<u64, Failure> {
        Ok(Usage::of(self.process.id())?.resident)
    }
}

/// The peak of memory while a large body goes through, and while one after the other does, as a multiple of the body.
///
/// # Errors
/// When an answer is wrong.
pub(crate) fn large_bodies(subjects: &Subjects, results: &mut Results) -> Result<(), Failure> {
    let names = [(alone::LARGE, alone::LARGE_AGAIN), (alone::PICTURE, alone::PICTURE_AGAIN)];
    for ((one, again), ask) in names.into_iter().zip([&LARGE, &LARGE_PICTURE]) {
        let fresh = Fresh::start(subjects)?;
        let before = fresh.resident()?;
        forget_peak(fresh.process.id())?;
        for (name, time) in [(one, ONE_REQUEST), (again, SECOND)] {
            fresh.send(ask, Load::Closed { connections: 1 }, time, || Ok(()))?;
            let taken = peak(fresh.process.id())?.saturating_sub(before);
            let multiple = taken as f64 / ask.bytes as f64;
            println!("{name}: {multiple:.2} ({:.1} MiB over {:.1} MiB)", mib(taken), mib(before));
            results.add_alone(name, multiple);
        }
    }
    Ok(())
}

/// What each of ten thousand idle streams takes, and whether memory comes back when they are over.
///
/// # Errors
/// When a stream fails.
pub(crate) fn idle_streams(subjects: &Subjects, results: &mut Results) -> Result<(), Failure> {
    // The gateway has both ends of each open, and a few files of its own.
    let streams = STREAMS.min((subjects.cores().files as usize).saturating_sub(400) / 2);
    if streams < STREAMS {
        println!(
            "!! only {streams} idle streams: a program may open no more than {} files here",
            subjects.cores().files
        );
    }
    let fresh = Fresh::start(subjects)?;
    let before = fresh.resident()?;
    let mut held = 0;
    fresh.send(&IDLE, Load::Hold { streams }, Duration::ZERO, || {
        // Until what was needed to begin them has been given back.
        std::thread::sleep(2 * SECOND);
        held = fresh.resident()?;
        Ok(())
    })?;
    let each = held.saturating_sub(before) as f64 / streams as f64 / 1024.0;
    let ended = clock::now();
    let mut after = fresh.resident()? as f64 / before as f64;
    while after > 1.05 && clock::now().duration_since(ended) < COMING_BACK {
        std::thread::sleep(SECOND);
        after = fresh.resident()? as f64 / before as f64;
    }
    println!(
        "{streams} idle streams: {each:.1} KiB each ({:.1} MiB over {:.1} MiB), {after:.2} of before {} s after their end",
        mib(held),
        mib(before),
        clock::now().duration_since(ended).as_secs()
    );
    results.add_alone(alone::STREAM, each);
    results.add_alone(alone::AFTERWARDS, after);
    Ok(())
}
