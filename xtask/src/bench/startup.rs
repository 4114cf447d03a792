//! How long the gateway takes from exec to its first 200 on `/health/ready`, and what memory it then holds.

use std::process::Command;
use std::time::Duration;

use lockgate_testkit::clock;
use lockgate_testkit::process::{Process, free_address};
use serde::Serialize;

use super::median::median;
use super::servers::write_config;
use crate::workspace::{self, Failure, Profile};

const STARTS: usize = 10;
const LIMIT: Duration = Duration::from_secs(10);

/// Medians of ten starts.
#[derive(Debug, Serialize)]
pub(crate) struct Startup {
    /// From just before exec to the first 200; looked at every millisecond.
    pub(crate) ready_ms: f64,
    /// Resident memory then, before any request.
    pub(crate) idle_mib: f64,
}

/// Starts and kills the gateway ten times. It needs no provider to be up.
pub(crate) fn measure() -> Result<Startup, Failure> {
    let (mut ready, mut idle) = (Vec::new(), Vec::new());
    let upstream = free_address()?;
    for _ in 0..STARTS {
        let listen = free_address()?;
        let file = write_config(listen, upstream)?;
        let mut command = Command::new(workspace::binary(Profile::Release, "lockgate"));
        let began = clock::now();
        let mut gateway = Process::spawn(command.arg("run").arg(file))?;
        gateway.wait_ready(listen, "/health/ready", LIMIT)?;
        ready.push(clock::now().duration_since(began).as_secs_f64() * 1e3);
        idle.push(gateway.usage()?.resident as f64 / 1024.0 / 1024.0);
    }
    Ok(Startup { ready_ms: median(&ready), idle_mib: median(&idle) })
}
