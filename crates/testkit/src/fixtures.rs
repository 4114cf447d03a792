//! Recorded provider traffic: finds the folder, reads its index, loads cases as exact bytes.
//!
//! The recordings live outside the repository. [`open`] returns `None` where they are absent, after saying so, and a
//! test then passes on what the repository itself holds.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Once;

use serde_json::Value;

/// The environment variable that may name the folder of recorded traffic.
pub const FIXTURES_ENV: &str = "LOCKGATE_FIXTURES";

/// The folder of recorded traffic with its index read.
#[derive(Debug)]
pub struct Fixtures {
    root: PathBuf,
    index: Vec<Value>,
    awkward_cuts: Vec<Value>,
}

/// Whether a recorded answer came whole or as a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// One answer body.
    NonStream,
    /// A stream of events.
    Stream,
}

/// How the events of a recorded stream are framed in its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Framing {
    /// Server-sent events.
    Sse,
    /// One JSON value per line.
    Ndjson,
    /// One JSON array, sent piece by piece.
    JsonArray,
    /// AWS binary event stream.
    EventStream,
}

/// What the provider answered.
#[derive(Clone, Debug)]
pub enum Answer {
    /// The body of an answer that was not streamed.
    Whole(Vec<u8>),
    /// The bytes of a stream, in its framing.
    Stream(Framing, Vec<u8>),
    /// The JSON payloads of a stream whose framing the recorder did not keep.
    Events(Vec<String>),
}

/// One recorded exchange.
#[derive(Clone, Debug)]
pub struct Case {
    /// Folder of the dialect, as the recordings name it, for example `openai-chat`.
    pub protocol: String,
    /// Whole or stream.
    pub kind: Kind,
    /// Name within protocol and kind, for example `tool-call-single`.
    pub name: String,
    /// What the case was kept for.
    pub shows: String,
    /// HTTP status of the answer.
    pub status: u16,
    /// Headers of the answer, in recorded order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Method of the request.
    pub method: String,
    /// URL of the request, where it was recorded.
    pub url: Option<String>,
    /// Whether the answer's bytes are exactly those of the wire (not re-serialised by the recorder).
    pub exact: bool,
    /// Body of the request, where it was recorded.
    pub request: Option<Vec<u8>>,
    /// The answer.
    pub answer: Answer,
    /// Lengths in bytes of the pieces in which the network delivered the stream, where they were recorded.
    pub boundaries: Option<Vec<usize>>,
    /// Byte offsets that cut the stream inside UTF-8 characters, CRLF pairs, escapes and field names.
    pub awkward_cuts: Vec<usize>,
}

impl Case {
    /// `protocol/kind/name`: how a failing test should call this case.
    pub fn id(&self) -> String {
        format!("{}/{}/{}", self.protocol, self.kind.folder(), self.name)
    }

    /// The first answer header of that name, compared without case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

impl Kind {
    fn folder(self) -> &'static str {
        match self {
            Self::NonStream => "non-stream",
            Self::Stream => "stream",
        }
    }
}

/// Finds recorded traffic: `$LOCKGATE_FIXTURES`, else `../shared/fixtures` beside the repository root.
///
/// `None`, with one line on stderr, where there is none. An index that is there but cannot be read is an error of the
/// machine, not an absence, and is printed as such.
pub fn open() -> Option<Fixtures> {
    let root = std::env::var_os(FIXTURES_ENV).map_or_else(beside_the_repository, PathBuf::from);
    match Fixtures::at(&root) {
        Ok(fixtures) => Some(fixtures),
        Err(error) => {
            notice(&format!(
                "SKIPPED: no recorded traffic at {} ({error}); set {FIXTURES_ENV} to the folder that holds index.json",
                root.display()
            ));
            None
        }
    }
}

fn beside_the_repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures")
}

/// Once per test program, and past the harness, which keeps what `eprintln!` of a passing test says to itself.
fn notice(line: &str) {
    static SAID: Once = Once::new();
    // Nobody is left to tell when stderr is closed.
    SAID.call_once(|| drop(writeln!(io::stderr(), "{line}")));
}

impl Fixtures {
    /// Reads the index of the folder `root`.
    ///
    /// # Errors
    /// When `index.json` is absent or is not a JSON array.
    pub fn at(root: &Path) -> io::Result<Self> {
        let index = serde_json::from_slice(&fs::read(root.join("index.json"))?)?;
        // The cuts are an extra: a folder without them serves all the same.
        let awkward_cuts = match fs::read(root.join("resplit.json")) {
            Ok(bytes) => serde_json::from_slice(&bytes)?,
            Err(_) => Vec::new(),
        };
        Ok(Self { root: root.to_owned(), index, awkward_cuts })
    }

    /// All cases of one protocol and kind, in the order of the index. An unreadable case is an item, not a stop.
    pub fn cases<'a>(&'a self, protocol: &'a str, kind: Kind) -> impl Iterator<Item = io::Result<Case>> + 'a {
        self.index
            .iter()
            .filter(move |entry| text(entry, "protocol") == protocol && text(entry, "kind") == kind.folder())
            .map(|entry| self.load(entry))
    }

    /// All cases of all protocols, in the order of the index.
    pub fn all(&self) -> impl Iterator<Item = io::Result<Case>> + '_ {
        self.index.iter().map(|entry| self.load(entry))
    }

    /// One case by name.
    ///
    /// # Errors
    /// When the index has no such case or its files cannot be read.
    pub fn case(&self, protocol: &str, kind: Kind, name: &str) -> io::Result<Case> {
        let entry = self
            .index
            .iter()
            .find(|entry| {
                text(entry, "protocol") == protocol
                    && text(entry, "kind") == kind.folder()
                    && text(entry, "name") == name
            })
            .ok_or_else(|| {
                io::Error::new(
                    io::ErrorKind::NotFound,
                    format!("index.json has no case {protocol}/{}/{name}", kind.folder()),
                )
            })?;
        self.load(entry)
    }

    fn load(&self, entry: &Value) -> io::Result<Case> {
        let name = text(entry, "name");
        let kind = if text(entry, "kind") == "stream" { Kind::Stream } else { Kind::NonStream };
        let folder = self.root.join(text(entry, "protocol")).join(kind.folder());
        let read = |suffix: &str| -> io::Result<Option<Vec<u8>>> {
            let file = format!("{name}{suffix}");
            if !list(entry, "files").any(|listed| listed == file) {
                return Ok(None);
            }
            let path = folder.join(file);
            fs::read(&path)
                .map(Some)
                .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
        };
        Ok(Case {
            protocol: text(entry, "protocol").to_owned(),
            kind,
            name: name.to_owned(),
            shows: text(entry, "shows").to_owned(),
            status: entry["status"].as_u64().and_then(|status| status.try_into().ok()).unwrap_or(0),
            headers: headers(entry),
            method: text(entry, "method").to_owned(),
            url: entry["url"].as_str().map(str::to_owned),
            exact: entry["bytes_exact"].as_bool().unwrap_or(false),
            request: read(".request.json")?,
            answer: answer(&read)?,
            boundaries: match read(".stream.boundaries.json")? {
                Some(bytes) => Some(numbers(&serde_json::from_slice::<Value>(&bytes)?["chunk_byte_lengths"])),
                None => None,
            },
            awkward_cuts: self.awkward_cuts(text(entry, "protocol"), kind, name),
        })
    }

    /// `resplit.json` keys its offsets by the stream's file.
    fn awkward_cuts(&self, protocol: &str, kind: Kind, name: &str) -> Vec<usize> {
        let stem = format!("{protocol}/{}/{name}.stream.", kind.folder());
        let rows = self.awkward_cuts.iter().filter(|row| text(row, "file").starts_with(&stem));
        let lists = rows.filter_map(Value::as_object).flatten().filter(|(key, _)| key.starts_with("cut_"));
        let mut cuts: Vec<usize> = lists.flat_map(|(_, offsets)| numbers(offsets)).collect();
        cuts.sort_unstable();
        cuts.dedup();
        cuts
    }
}

/// The stored forms of an answer, best first: exact bytes before payloads whose framing was lost.
fn answer(read: &dyn Fn(&str) -> io::Result<Option<Vec<u8>>>) -> io::Result<Answer> {
    if let Some(body) = read(".response.json")? {
        return Ok(Answer::Whole(body));
    }
    for (suffix, framing) in [
        (".stream.sse", Framing::Sse),
        (".stream.ndjson", Framing::Ndjson),
        (".stream.json-array.txt", Framing::JsonArray),
    ] {
        if let Some(bytes) = read(suffix)? {
            return Ok(Answer::Stream(framing, bytes));
        }
    }
    if let Some(encoded) = read(".stream.eventstream.b64")? {
        let bytes = crate::base64::decode(&encoded)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "event stream is not base64"))?;
        return Ok(Answer::Stream(Framing::EventStream, bytes));
    }
    if let Some(lines) = read(".stream.chunks.jsonl")? {
        let text = String::from_utf8_lossy(&lines);
        return Ok(Answer::Events(text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()));
    }
    if let Some(array) = read(".stream.chunks.json")? {
        let events: Vec<Value> = serde_json::from_slice(&array)?;
        return Ok(Answer::Events(events.iter().map(Value::to_string).collect()));
    }
    Err(io::Error::new(io::ErrorKind::NotFound, "the case lists no file with an answer"))
}

fn text<'a>(entry: &'a Value, key: &str) -> &'a str {
    entry[key].as_str().unwrap_or_default()
}

fn list<'a>(entry: &'a Value, key: &str) -> impl Iterator<Item = &'a str> {
    entry[key].as_array().into_iter().flatten().filter_map(Value::as_str)
}

fn numbers(value: &Value) -> Vec<usize> {
    let numbers = value.as_array().into_iter().flatten();
    numbers.filter_map(|number| number.as_u64()?.try_into().ok()).collect()
}

fn headers(entry: &Value) -> Vec<(String, String)> {
    let headers = entry["headers"].as_object().into_iter().flatten();
    headers
        .filter_map(|(name, value)| Some((name.to_ascii_lowercase(), value.as_str()?.to_owned())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_recorded_case_loads_and_keeps_its_promises() {
        let Some(fixtures) = open() else { return };
        let mut count = 0;
        for case in fixtures.all() {
            let case = case.unwrap();
            count += 1;
            assert!(case.status >= 200, "{} has no status", case.id());
            let (Answer::Whole(bytes) | Answer::Stream(_, bytes)) = &case.answer else { continue };
            assert!(!bytes.is_empty(), "{} has an empty answer", case.id());
            assert!(case.awkward_cuts.iter().all(|cut| *cut < bytes.len()), "{} is cut outside", case.id());
            if let Some(boundaries) = &case.boundaries {
                assert_eq!(boundaries.iter().sum::<usize>(), bytes.len(), "boundaries of {}", case.id());
            }
        }
        assert!(count > 0, "the index is empty");
    }

    #[test]
    fn a_case_is_read_from_its_files() {
        let root = std::env::temp_dir().join(format!("lockgate-fixtures-{}", std::process::id()));
        let folder = root.join("openai-chat/stream");
        fs::create_dir_all(&folder).unwrap();
        let index = r#"[{"protocol":"openai-chat","kind":"stream","name":"a","files":["a.request.json","a.stream.sse"],
            "method":"POST","url":null,"status":200,"headers":{"Content-Type":"text/event-stream"},
            "shows":"x","bytes_exact":true}]"#;
        fs::write(root.join("index.json"), index).unwrap();
        fs::write(folder.join("a.request.json"), "{}").unwrap();
        fs::write(folder.join("a.stream.sse"), "data: 1\n\n").unwrap();

        let fixtures = Fixtures::at(&root).unwrap();
        let case = fixtures.case("openai-chat", Kind::Stream, "a").unwrap();
        let unknown = fixtures.case("openai-chat", Kind::Stream, "b").unwrap_err().to_string();
        let in_protocol = fixtures.cases("openai-chat", Kind::Stream).count();
        let in_other_kind = fixtures.cases("openai-chat", Kind::NonStream).count();
        fs::remove_dir_all(&root).unwrap();

        assert_eq!(case.id(), "openai-chat/stream/a");
        assert_eq!(case.header("content-type"), Some("text/event-stream"));
        assert_eq!(case.request.as_deref(), Some(&b"{}"[..]));
        assert!(matches!(case.answer, Answer::Stream(Framing::Sse, bytes) if bytes == b"data: 1\n\n"));
        assert_eq!(unknown, "index.json has no case openai-chat/stream/b");
        assert_eq!((in_protocol, in_other_kind), (1, 0));
    }
}
