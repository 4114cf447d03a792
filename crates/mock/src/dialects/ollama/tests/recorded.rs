//! Agreement with recorded traffic: what Ollama took the mock takes, and where Ollama refused it says the same.

use std::path::PathBuf;

use super::*;

#[test]
fn agrees_with_recorded_traffic() {
    let folder = std::env::var_os("LOCKGATE_FIXTURES").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures"),
        PathBuf::from,
    );
    let read = |path: PathBuf| serde_json::from_slice::<Value>(&std::fs::read(path).ok()?).ok();
    let Some(index) = read(folder.join("index.json")) else {
        eprintln!("SKIPPED: no recorded traffic in {}, set LOCKGATE_FIXTURES", folder.display());
        return;
    };
    let mut compared = 0;
    for entry in index.as_array().unwrap().iter().filter(|entry| entry["protocol"] == "ollama") {
        let text = |name: &str| entry[name].as_str().unwrap_or_default();
        let base = folder.join(text("protocol")).join(text("kind")).join(text("name"));
        let request = read(base.with_extension("request.json")).unwrap();
        let is_generate = entry["url"].as_str().unwrap_or(text("name")).contains("generate");
        let seen = post(if is_generate { "/api/generate" } else { "/api/chat" }, &request);
        assert_eq!(
            Some(u64::from(seen.status)),
            entry["status"].as_u64(),
            "{}: {}",
            base.display(),
            seen.body
        );
        if seen.status != 200 {
            assert_eq!(Some(seen.json()), read(base.with_extension("response.json")));
        }
        compared += 1;
    }
    assert!(compared >= 22, "only {compared} cases were compared");
}
