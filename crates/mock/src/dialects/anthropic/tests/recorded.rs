//! Agreement with recorded traffic: what Anthropic took the mock takes, and where it refused it says the same.

use super::*;
use crate::recorded::{self, Recorded};

/// Recordings that are not requests to this API as it is.
const EXCUSED: &[(&str, &str)] = &[
    ("non-stream/vertex-tool-call", "Vertex's form: the version in the body, the model in the path"),
    ("stream/vertex-thinking", "Vertex's form: the version in the body, the model in the path"),
    ("non-stream/error-401", "the key is not in the recording"),
    ("non-stream/error-400-context", "the length of the prompt was cut out of the recording"),
];

#[test]
fn agrees_with_recorded_traffic() {
    let exchanges = recorded::exchanges("anthropic-messages");
    let (mut taken, mut refused) = (0, 0);
    for Recorded { name, url, status, request, response, .. } in &exchanges {
        if let Some((_, why)) = EXCUSED.iter().find(|(excused, _)| excused == name) {
            eprintln!("EXCUSED: {name}: {why}");
            continue;
        }
        let mut headers = headers(OLD);
        if url.ends_with("?beta=true") {
            // The recordings have no request headers.
            headers.insert("anthropic-beta", HeaderValue::from_static("mcp-client-2025-11-20"));
        }
        let seen = send(&Method::POST, "/v1/messages", &headers, request.to_string().as_bytes());
        if *status == 200 {
            assert_eq!(seen.status, 200, "{name}: {}", seen.body);
            taken += 1;
        } else {
            let answer = seen.json();
            assert_eq!((u64::from(seen.status), &answer["error"]), (*status, &response["error"]), "{name}");
            refused += 1;
        }
    }
    assert!(
        exchanges.is_empty() || taken >= 40 && refused >= 2,
        "only {taken} answers and {refused} refusals were compared"
    );
}
