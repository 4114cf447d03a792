//! Agreement with recorded traffic: what Google took the mock takes, and where it refused it says the same.

use super::*;
use crate::recorded::{self, Recorded};

/// Recordings that are not requests to this API as it is.
const EXCUSED: &[(&str, &str)] = &[
    ("non-stream/prompt-blocked", "Vertex alone has `modelArmorConfig`"),
    ("stream/partial-args", "Vertex alone has `streamFunctionCallArguments`"),
    ("non-stream/error-400-api-key", "the key is not in the recording: see `door::keys`"),
    ("non-stream/error-404", "Vertex has words of its own for a model it does not have"),
    ("non-stream/error-429-retry-info", "the quota is not in the recording"),
];

#[test]
fn agrees_with_recorded_traffic() {
    let exchanges = recorded::exchanges("gemini");
    let (mut taken, mut refused) = (0, 0);
    for Recorded { name, url, model, status, request, response } in &exchanges {
        if let Some((_, why)) = EXCUSED.iter().find(|(excused, _)| excused == name) {
            eprintln!("EXCUSED: {name}: {why}");
            continue;
        }
        // The path and query of the recording under this API's prefix; some recordings have neither.
        let (_, verb) = url.rsplit_once(':').unwrap_or(("", "generateContent"));
        let model = if model == "x" { "gemini-2.5-flash" } else { model };
        let path = format!("/v1beta/models/{model}:{verb}");
        let seen = send(&Method::POST, &path, &key(), request.to_string().as_bytes());
        if *status == 200 {
            assert_eq!(seen.status, 200, "{name}: {}", seen.body);
            taken += 1;
        } else {
            let error = seen.json()["error"].clone();
            for field in ["code", "message", "status"] {
                assert_eq!(error[field], response["error"][field], "{name}");
            }
            assert_eq!(u64::from(seen.status), *status, "{name}");
            refused += 1;
        }
    }
    assert!(
        exchanges.is_empty() || taken >= 35 && refused >= 2,
        "only {taken} answers and {refused} refusals were compared"
    );
}
