//! Agreement with recorded traffic: what OpenAI took the mock takes, and where OpenAI refused it says the same.

use std::path::{Path, PathBuf};

use http::Method;
use serde_json::Value;

use super::{super::models, send};

/// Refusals that follow from something other than the request: a key that is not in the recording, the length of
/// a prompt that was cut out of it.
const NOT_IN_THE_REQUEST: &[&str] = &["error-401", "error-401-invalid-key", "error-400-context"];

/// The folder of recorded traffic, or a loud word that it is not there.
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

fn read(path: &Path) -> Option<Value> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

#[test]
fn agrees_with_recorded_traffic() {
    let Some(folder) = folder() else { return };
    let (mut taken, mut refused) = (0, 0);
    for entry in read(&folder.join("index.json")).unwrap().as_array().unwrap() {
        let text = |name: &str| entry[name].as_str().unwrap_or_default();
        let Some(path) = text("url").strip_prefix("https://api.openai.com") else { continue };
        let base = folder.join(text("protocol")).join(text("kind")).join(text("name"));
        let Some(request) = read(&base.with_extension("request.json")) else { continue };
        let (status, answer) = send(&Method::POST, path, "application/json", request.to_string().as_bytes());
        let known = request["model"].as_str().is_some_and(|model| models::find(model).is_some());
        let recorded = entry["status"].as_u64();
        if recorded == Some(200) && known {
            assert_eq!(status, 200, "{}: {answer}", base.display());
            taken += 1;
        } else if recorded != Some(200) && !NOT_IN_THE_REQUEST.contains(&text("name")) {
            let expected = read(&base.with_extension("response.json")).unwrap();
            let answer: Value = serde_json::from_str(&answer).unwrap();
            assert_eq!((Some(u64::from(status)), &answer), (recorded, &expected), "{}", base.display());
            refused += 1;
        }
    }
    assert!(taken >= 40 && refused >= 6, "only {taken} answers and {refused} refusals were compared");
}
