//! Credential files that other programs keep: only what a refresh changed is written back, everything else stays.

use std::{
    fmt,
    path::Path,
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use indexmap::IndexMap;
use serde::de::DeserializeOwned;
use serde_json::{Value, value::RawValue};

use super::{Host, Refusal};

/// A token in a file counts if it is good for longer than this: as long as tokens are renewed ahead.
const FRESH: Duration = Duration::from_secs(300);

/// The token that was given out last, to know it again where it was refused.
#[derive(Default)]
pub(super) struct Last(Mutex<Option<String>>);

impl Last {
    /// Whether the token in a file counts: it is good for a while, and is not the one that was refused.
    pub(super) fn counts(&self, token: &str, expires: SystemTime, now: SystemTime, stale: bool) -> bool {
        let is_fresh = now.checked_add(FRESH).is_some_and(|soon| soon < expires);
        is_fresh
            && !(stale && self.0.lock().unwrap_or_else(PoisonError::into_inner).as_deref() == Some(token))
    }

    /// Remembers a token that is given out.
    pub(super) fn given(&self, token: &str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(token.to_owned());
    }
}

impl fmt::Debug for Last {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Last(<redacted>)")
    }
}

/// What a JSON file says. serde's own words could quote it, so only the place is told.
pub(super) async fn read<T: DeserializeOwned>(host: &Host, path: &Path, what: &str) -> Result<T, Refusal> {
    serde_json::from_slice(&host.read(path).await?).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        Refusal::lasting(format!("`{}` is not {what}: line {line}, column {column}", path.display()))
    })
}

/// Writes `changes` into the JSON object in the file. A file that cannot be written costs the next process a refresh, and
/// is no reason to refuse the token that is there.
pub(super) async fn write_back(host: &Host, path: &Path, changes: &[(&str, Value)]) {
    if changes.is_empty() {
        return;
    }
    let written = match host.read(path).await {
        // Read anew: another process may have added to it meanwhile.
        Ok(contents) => match changed(&contents, changes) {
            Some(new) => host.replace(path, new).await.map_err(|error| error.to_string()),
            None => Err("it is not a JSON object".to_owned()),
        },
        Err(refusal) => Err(refusal.why),
    };
    if let Err(why) = written {
        tracing::warn!(file = %path.display(), "a refreshed credential cannot be written back: {why}");
    }
}

/// The object with these members changed or added; order and spelling of all others stay.
fn changed(contents: &[u8], changes: &[(&str, Value)]) -> Option<Vec<u8>> {
    let mut members: IndexMap<String, Box<RawValue>> = serde_json::from_slice(contents).ok()?;
    for (name, value) in changes {
        members.insert((*name).to_owned(), serde_json::value::to_raw_value(value).ok()?);
    }
    serde_json::to_vec_pretty(&members).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_changed_is_written() {
        let before = br#"{"z":1.50,"access_token":"old","a":{"k": [1,2]},"expiry_date":1}"#;
        let after = changed(
            before,
            &[("access_token", json!("new")), ("expiry_date", json!(2)), ("id_token", json!("i"))],
        );
        let expect = "{\n  \"z\": 1.50,\n  \"access_token\": \"new\",\n  \"a\": {\"k\": [1,2]},\n  \"expiry_date\": 2,\n  \"id_token\": \"i\"\n}";
        assert_eq!(String::from_utf8(after.expect("an object")).expect("text"), expect);
        assert_eq!(changed(b"[]", &[]), None);
    }
}
