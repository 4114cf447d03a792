//! Runs a program under test: waits until it serves, reads what it used, and never leaves it behind.

mod proc_stat;

use std::io::{self, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

pub use proc_stat::{TreeUsage, descendants};

use crate::{clock, http};

/// How much of a program's output is kept, from its end.
const KEPT_OUTPUT: usize = 256 * 1024;
/// How often readiness and exit are looked at. Short, because start-up time is measured with it.
const GLANCE: Duration = Duration::from_millis(1);

/// A running program; dropping it kills it and its children.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    output: Arc<Mutex<Vec<u8>>>,
    readers: Vec<JoinHandle<()>>,
}

/// A loopback address that was free a moment ago.
///
/// # Errors
/// When no port can be bound.
pub fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

impl Process {
    /// Starts `command` with its output captured and no input.
    ///
    /// # Errors
    /// When the program cannot be started; the error names it.
    pub fn spawn(command: &mut Command) -> io::Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| io::Error::new(error.kind(), format!("cannot start {name}: {error}")))?;
        let output = Arc::new(Mutex::new(Vec::new()));
        let mut readers = Vec::new();
        if let Some(pipe) = child.stdout.take() {
            readers.push(keep_tail(pipe, &output));
        }
        if let Some(pipe) = child.stderr.take() {
            readers.push(keep_tail(pipe, &output));
        }
        Ok(Self { name, child, output, readers })
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The last 256 KiB of standard output and error, in the order they came.
    pub fn output(&self) -> String {
        String::from_utf8_lossy(&self.output.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }

    /// Waits until `GET path` on `server` answers 200, and returns how long that took.
    ///
    /// # Errors
    /// When the program ends first or the limit passes; the error carries what it printed.
    pub fn wait_ready(&mut self, server: SocketAddr, path: &str, limit: Duration) -> io::Result<Duration> {
        let started = clock::now();
        loop {
            let answer = http::Client::new(server).patience(limit).send(&http::Request::get(path));
            if answer.is_ok_and(|answer| answer.head.status == 200) {
                return Ok(clock::now().duration_since(started));
            }
            if let Some(status) = self.child.try_wait()? {
                self.drain();
                return Err(self.complaint(&format!("ended with {status} before it served {path}")));
            }
            if clock::now().duration_since(started) > limit {
                return Err(self.complaint(&format!("did not serve {path} within {limit:?}")));
            }
            thread::sleep(GLANCE);
        }
    }

    /// Asks the program to end, with SIGTERM.
    ///
    /// # Errors
    /// When the signal cannot be sent.
    pub fn terminate(&self) -> io::Result<()> {
        signal("TERM", &[self.id()])
    }

    /// Waits for the program's end, at most `limit`.
    ///
    /// # Errors
    /// When it is still running after the limit; the error carries what it printed.
    pub fn wait_exit(&mut self, limit: Duration) -> io::Result<ExitStatus> {
        let started = clock::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                self.drain();
                return Ok(status);
            }
            if clock::now().duration_since(started) > limit {
                return Err(self.complaint(&format!("still runs after {limit:?}")));
            }
            thread::sleep(GLANCE);
        }
    }

    /// CPU time and resident memory of the program and its children, as of now.
    ///
    /// # Errors
    /// When `/proc` does not show the program.
    pub fn usage(&self) -> io::Result<TreeUsage> {
        TreeUsage::of(self.id())
    }

    /// After the program's end: waits for the last of its output. A child of it that lives on may hold the pipe open,
    /// so only readers that are at their end are waited for.
    fn drain(&mut self) {
        let started = clock::now();
        while self.readers.iter().any(|reader| !reader.is_finished())
            && clock::now().duration_since(started) < Duration::from_millis(200)
        {
            thread::sleep(GLANCE);
        }
    }

    fn complaint(&self, what: &str) -> io::Error {
        io::Error::other(format!("{} {what}; it printed:\n{}", self.name, self.output()))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        let children = descendants(self.id());
        // Nothing can be done about a failure here, and the process may have ended meanwhile.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if !children.is_empty() {
            let _ = signal("KILL", &children);
        }
    }
}

/// Through the shell's `kill`, which every system has: a signal to another process needs either that or unsafe code.
fn signal(name: &str, ids: &[u32]) -> io::Result<()> {
    let ids: Vec<String> = ids.iter().map(u32::to_string).collect();
    let status = Command::new("sh")
        .args(["-c", &format!("kill -{name} {}", ids.join(" "))])
        .stderr(Stdio::null())
        .status()?;
    if status.success() {
        Ok(())
    } else {
        Err(io::Error::other(format!("cannot send {name} to {}", ids.join(" "))))
    }
}

fn keep_tail(mut pipe: impl Read + Send + 'static, output: &Arc<Mutex<Vec<u8>>>) -> JoinHandle<()> {
    let output = Arc::clone(output);
    thread::spawn(move || {
        let mut room = [0; 8 * 1024];
        while let Ok(count) = pipe.read(&mut room) {
            if count == 0 {
                break;
            }
            let mut kept = output.lock().unwrap_or_else(PoisonError::into_inner);
            kept.extend_from_slice(&room[..count]);
            // Cut at twice the bound, so that a chatty program does not move the whole tail at every line.
            if kept.len() > 2 * KEPT_OUTPUT {
                let surplus = kept.len() - KEPT_OUTPUT;
                kept.drain(..surplus);
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(5);

    fn shell(script: &str) -> Process {
        Process::spawn(Command::new("sh").args(["-c", script])).unwrap()
    }

    #[test]
    fn a_program_that_ends_early_is_quoted() {
        let mut process = shell("echo no such config >&2; exit 3");
        let error = process.wait_ready(free_address().unwrap(), "/health", SOON).unwrap_err().to_string();
        assert!(error.contains("ended with exit status: 3") && error.contains("no such config"), "{error}");
    }

    #[test]
    fn a_program_that_never_serves_is_given_up() {
        let mut process = shell("echo thinking; exec sleep 30");
        let error =
            process.wait_ready(free_address().unwrap(), "/health", Duration::from_millis(50)).unwrap_err();
        assert!(error.to_string().contains("did not serve /health within 50ms"), "{error}");
    }

    #[test]
    fn readiness_is_a_200() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            for status in ["503 Not Yet", "200 OK"] {
                let (mut stream, _) = listener.accept().unwrap();
                let mut asked = [0; 1024];
                let count = stream.read(&mut asked).unwrap();
                assert!(asked[..count].starts_with(b"GET /health/ready "));
                io::Write::write_all(
                    &mut stream,
                    format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").as_bytes(),
                )
                .unwrap();
            }
        });
        shell("exec sleep 30").wait_ready(address, "/health/ready", SOON).unwrap();
        server.join().unwrap();
    }

    #[test]
    fn terminate_reaches_the_program() {
        let mut process = shell("trap 'exit 7' TERM; echo up; while :; do sleep 0.01; done");
        while !process.output().contains("up") {
            thread::sleep(GLANCE);
        }
        process.terminate().unwrap();
        assert_eq!(process.wait_exit(SOON).unwrap().code(), Some(7));
    }

    #[test]
    fn dropping_kills_the_children_too() {
        let process = shell("sleep 30 & echo up; wait");
        while descendants(process.id()).is_empty() {
            thread::sleep(GLANCE);
        }
        let child = descendants(process.id())[0];
        drop(process);
        let started = clock::now();
        while TreeUsage::of(child).is_ok_and(|usage| usage.resident > 0) {
            assert!(clock::now().duration_since(started) < SOON, "the child {child} lives on");
            thread::sleep(GLANCE);
        }
    }

    #[test]
    fn usage_counts_the_children() {
        let process = shell("(i=0; while :; do i=$((i+1)); done) & wait");
        let started = clock::now();
        while process.usage().unwrap().cpu < Duration::from_millis(50) {
            assert!(clock::now().duration_since(started) < SOON, "a busy loop used no cpu");
            thread::sleep(Duration::from_millis(5));
        }
        assert!(process.usage().unwrap().resident > 0);
    }
}
