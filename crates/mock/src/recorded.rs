//! Recorded traffic for the tests: which requests a provider took and which it refused.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// One recorded exchange.
pub(crate) struct Recorded {
    /// `stream/text-basic`.
    pub(crate) name: String,
    pub(crate) url: String,
    /// The model asked for, in the body or the path.
    pub(crate) model: String,
    pub(crate) status: u64,
    pub(crate) request: Value,
    /// The answer, where it is one JSON body.
    pub(crate) response: Value,
}

/// The exchanges of a protocol that have a request; none, and a loud word, where there is no recorded traffic.
pub(crate) fn exchanges(protocol: &str) -> Vec<Recorded> {
    let Some(folder) = folder() else { return Vec::new() };
    let index = read(&folder.join("index.json"));
    let entries = index.as_array().into_iter().flatten();
    let of_protocol = entries.filter(|entry| entry["protocol"] == protocol);
    of_protocol
        .filter_map(|entry| {
            let text = |name: &str| entry[name].as_str().unwrap_or_default();
            let base = folder.join(protocol).join(text("kind")).join(text("name"));
            let request = read(&base.with_extension("request.json"));
            (!request.is_null()).then(|| Recorded {
                name: format!("{}/{}", text("kind"), text("name")),
                url: text("url").to_owned(),
                model: text("model").to_owned(),
                status: entry["status"].as_u64().unwrap_or_default(),
                request,
                response: read(&base.with_extension("response.json")),
            })
        })
        .collect()
}

/// The folder of recorded traffic.
fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("LOCKGATE_FIXTURES").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures"),
        PathBuf::from,
    );
    if !folder.join("index.json").exists() {
        eprintln!("SKIPPED: no recorded traffic in {}, set LOCKGATE_FIXTURES", folder.display());
        return None;
    }
    Some(folder)
}

fn read(path: &Path) -> Value {
    std::fs::read(path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}
