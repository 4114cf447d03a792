//! Agreement with recorded traffic: what OpenAI took the mock takes, and where OpenAI refused it says the same.

use http::Method;
use serde_json::Value;

use super::{super::models, send};
use crate::recorded::{self, Recorded};

/// Refusals that follow from something other than the request: a key that is not in the recording, the length of
/// a prompt that was cut out of it.
const NOT_IN_THE_REQUEST: &[&str] = &["error-401", "error-401-invalid-key", "error-400-context"];

#[test]
fn agrees_with_recorded_traffic() {
    let (mut taken, mut refused) = (0, 0);
    let exchanges: Vec<_> =
        ["openai-chat", "openai-responses"].into_iter().flat_map(recorded::exchanges).collect();
    for Recorded { name, url, status: recorded, request, response, .. } in &exchanges {
        let Some(path) = url.strip_prefix("https://api.openai.com") else { continue };
        let (status, answer) = send(&Method::POST, path, "application/json", request.to_string().as_bytes());
        let known = request["model"].as_str().is_some_and(|model| models::find(model).is_some());
        if *recorded == 200 && known {
            assert_eq!(status, 200, "{name}: {answer}");
            taken += 1;
        } else if *recorded != 200 && !NOT_IN_THE_REQUEST.iter().any(|excused| name.ends_with(excused)) {
            let answer: Value = serde_json::from_str(&answer).unwrap();
            assert_eq!((u64::from(status), &answer), (*recorded, response), "{name}");
            refused += 1;
        }
    }
    assert!(
        exchanges.is_empty() || taken >= 40 && refused >= 6,
        "only {taken} answers and {refused} refusals were compared"
    );
}
