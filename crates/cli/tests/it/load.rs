//! Clients that ask the real binary, streamed and not, and know what they were answered.

use std::{
    collections::BTreeMap,
    fs, io,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    process::Command,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use lockgate_mock::{Mock, Settings, Usage};
use lockgate_store::{CallRecord, Most, Position, Reader};
use lockgate_testkit::{
    http,
    process::{self, Process},
};

use crate::lockgate;

/// How long anything may take on a loaded machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);
/// The header by which the mock knows which call it answers. All that begin so travel.
const MARK: &str = "openai-mark";

/// A gateway's folder and address, and the provider behind it.
pub(crate) struct House {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) address: SocketAddr,
    pub(crate) mock: Mock,
}

/// What clients know.
#[derive(Default)]
pub(crate) struct Known {
    /// Calls that were answered whole, by their ids, each with its mark.
    pub(crate) whole: Mutex<BTreeMap<String, u64>>,
    /// Streams of which a client saw the beginning.
    pub(crate) begun: Mutex<Vec<String>>,
    /// Answers that were none.
    pub(crate) failed: Mutex<Vec<String>>,
    pub(crate) ends: AtomicBool,
    /// How often a client was told that its budget is spent: then it ends.
    pub(crate) spent: AtomicU64,
    /// The client's key; empty is none.
    pub(crate) key: &'static str,
    /// More members of each request, with a comma behind each.
    pub(crate) wishes: &'static str,
    /// How many calls there were.
    pub(crate) marks: AtomicU64,
}

impl House {
    pub(crate) async fn new(rest: &str) -> Self {
        let settings = Settings { strict: false, ledger_entries: 400_000, ..Settings::default() };
        let mock = lockgate_mock::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), settings).await.unwrap();
        let (folder, address) = (tempfile::tempdir().unwrap(), process::free_address().unwrap());
        let text = format!(
            "server: {{ listen: \"{address}\" }}\nproviders:\n  up: {{ kind: openai-compatible, base_url: \"{}\", api_key: k }}\nmodels:\n  m: {{ targets: [up/m] }}\n{rest}",
            mock.base_url()
        );
        fs::write(folder.path().join("lockgate.yaml"), text).unwrap();
        Self { folder, address, mock }
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = lockgate(&["run"], &[]);
        command.current_dir(self.folder.path());
        command
    }

    pub(crate) fn start(&self) -> Process {
        self.start_with(&mut self.command())
    }

    pub(crate) fn start_with(&self, command: &mut Command) -> Process {
        let mut gateway = Process::spawn(command).unwrap();
        gateway.wait_ready(self.address, "/health", LIMIT).unwrap();
        gateway
    }

    pub(crate) fn data(&self) -> std::path::PathBuf {
        self.folder.path().join("data")
    }

    /// What the mock says that each call cost, by its mark.
    pub(crate) fn ledger(&self) -> BTreeMap<u64, Usage> {
        let entries = self.mock.ledger();
        assert_eq!(self.mock.counts().entries_dropped, 0, "the ledger is not whole");
        let row = |entry: &lockgate_mock::Entry| {
            let mark = entry.headers.get(MARK)?.to_str().ok()?.parse().ok()?;
            Some((mark, entry.usage?))
        };
        entries.iter().filter_map(row).collect()
    }
}

/// Asks and asks until the gateway is gone, or all is to end.
pub(crate) fn ask(address: SocketAddr, known: &Known) {
    let mut client = http::Client::new(address).patience(LIMIT);
    while !known.ends.load(Ordering::Relaxed) {
        if once(&mut client, known).is_err() {
            return;
        }
    }
}

/// Asks once; an error is a gateway that is gone, or a budget that is spent.
pub(crate) fn once(client: &mut http::Client, known: &Known) -> io::Result<()> {
    let mark = known.marks.fetch_add(1, Ordering::Relaxed) + 1;
    let stream = mark.is_multiple_of(2);
    // Of a length of its own, so that no two calls need cost the same.
    let words = "word ".repeat(usize::try_from(mark % 97).unwrap());
    let wishes = known.wishes;
    let body = format!(
        r#"{{"model":"m",{wishes}"stream":{stream},"messages":[{{"role":"user","content":"call {mark} {words}"}}]}}"#
    );
    let text = mark.to_string();
    let headers = [("content-type", "application/json"), (MARK, text.as_str()), ("x-api-key", known.key)];
    let headers = if known.key.is_empty() { &headers[..2] } else { &headers[..] };
    let request =
        http::Request { method: "POST", path: "/v1/chat/completions", headers, body: body.as_bytes() };
    let mut reader = client.open(&request)?;
    let id = reader.head.header("x-request-id").unwrap_or_default().to_owned();
    if reader.head.status != 200 {
        let status = reader.head.status;
        let told = format!("{status}: {:?}", String::from_utf8_lossy(&reader.rest()?));
        if told.contains("insufficient_quota") {
            known.spent.fetch_add(1, Ordering::Relaxed);
            return Err(io::Error::other("the budget is spent"));
        }
        // What is left of a budget may be kept for calls under way.
        match status {
            429 if told.contains("is kept for calls under way") => thread::sleep(Duration::from_millis(50)),
            _ => known.failed.lock().unwrap().push(told),
        }
        return Ok(());
    }
    let mut answer = Vec::new();
    if stream {
        let Some(first) = reader.next_piece()? else { return Ok(()) };
        known.begun.lock().unwrap().push(id.clone());
        answer.extend(first.bytes);
    }
    answer.extend(reader.rest()?);
    let answer = String::from_utf8_lossy(&answer);
    let is_whole = if stream { answer.ends_with("data: [DONE]\n\n") } else { answer.ends_with('}') };
    if is_whole {
        known.whole.lock().unwrap().insert(id, mark);
    } else {
        known.failed.lock().unwrap().push(format!("{id}: {answer}"));
    }
    Ok(())
}

/// All records of the journal, in their order.
pub(crate) fn records(data: &Path) -> Vec<CallRecord> {
    let mut reader = Reader::open(&data.join("journal"), Position::default());
    let mut records = Vec::new();
    loop {
        let batch = reader.batch(Most { records: 1000, bytes: 1 << 30 }).unwrap();
        if batch.entries.is_empty() {
            return records;
        }
        assert_eq!(batch.skipped, lockgate_store::Skipped::default());
        records.extend(batch.entries.into_iter().map(|entry| entry.record));
    }
}

/// Every call that a client knows of is on record once.
pub(crate) fn check_once(known: &Known, records: &[CallRecord]) {
    let mut times: BTreeMap<&str, u64> = BTreeMap::new();
    for record in records {
        *times.entry(&record.id).or_default() += 1;
    }
    let twice: Vec<_> = times.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "twice: {twice:?}");
    let (whole, begun) = (known.whole.lock().unwrap(), known.begun.lock().unwrap());
    let missing: Vec<_> = whole.keys().chain(&*begun).filter(|id| !times.contains_key(id.as_str())).collect();
    assert!(missing.is_empty(), "missing: {missing:?}");
}

/// How long or how often a test goes on: as that variable says, or as is fit for a test among many.
pub(crate) fn as_told(variable: &str, usual: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// Waits for it, a minute at most.
#[track_caller]
pub(crate) fn until(what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..3_000 {
        if is_so() {
            return;
        }
        thread::sleep(Duration::from_millis(20));
    }
    panic!("never came: {what}");
}
