//! How long the gateway takes from exec to its first 200 on `/health/ready`, what memory it then holds, and its size.

use std::process::Command;

use lockgate_testkit::clock;
use lockgate_testkit::process::{Process, free_address};

use super::goals::alone;
use super::house::{EVERYTHING, write_config};
use super::results::{Results, mib};
use super::subjects::START_LIMIT;
use crate::workspace::{self, Failure, Profile};

const STARTS: usize = 10;

/// Starts and kills the gateway ten times. It needs no provider to be up.
///
/// # Errors
/// When it does not start.
pub(crate) fn measure(results: &mut Results) -> Result<(), Failure> {
    let binary = workspace::binary(Profile::Release, "lockgate");
    results.add_alone(alone::BINARY, mib(std::fs::metadata(&binary)?.len()));
    let upstream = free_address()?;
    for _ in 0..STARTS {
        let listen = free_address()?;
        let file = write_config(listen, upstream, EVERYTHING)?;
        let began = clock::now();
        let mut gateway = Process::spawn(Command::new(&binary).arg("run").arg(file))?;
        // Looked at every millisecond.
        gateway.wait_ready(listen, "/health/ready", START_LIMIT)?;
        results.add_alone(alone::READY, clock::now().duration_since(began).as_secs_f64() * 1e3);
        results.add_alone(alone::IDLE, mib(gateway.usage()?.resident));
    }
    Ok(())
}
