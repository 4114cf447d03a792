//! Agreement with recorded traffic: what Bedrock took the mock takes, and where it refused it says the same.

use super::*;
use crate::recorded::{self, Recorded};

/// Recordings whose requests do not show why they were refused.
const EXCUSED: &[(&str, &str)] = &[
    ("non-stream/error-400-context", "the length of the prompt was cut out of the recording"),
    ("non-stream/error-403-auth", "the key is not in the recording"),
];

#[test]
fn agrees_with_recorded_traffic() {
    let exchanges = recorded::exchanges("bedrock-converse");
    let (mut taken, mut refused) = (0, 0);
    for Recorded { name, url, status, request, response, .. } in &exchanges {
        if let Some((_, why)) = EXCUSED.iter().find(|(excused, _)| excused == name) {
            eprintln!("EXCUSED: {name}: {why}");
            continue;
        }
        let path = url.find("/model/").map(|at| &url[at..]).unwrap();
        let seen = send(&Method::POST, path, &headers("Bearer k"), request.to_string().as_bytes(), true);
        assert_eq!(u64::from(seen.status), *status, "{name}: {:?}", seen.body);
        if *status == 200 {
            assert_eq!(seen.content_type.ends_with("eventstream"), name.starts_with("stream/"), "{name}");
            taken += 1;
        } else {
            assert_eq!((seen.kind(), &seen.json()), ("ValidationException", response), "{name}");
            refused += 1;
        }
    }
    assert!(
        exchanges.is_empty() || taken >= 30 && refused >= 3,
        "only {taken} answers and {refused} refusals were compared"
    );
}

/// What the recordings of refusals show that no request of a test can bring about.
#[test]
fn refuses_in_recorded_words() {
    for Recorded { name, status, response, .. } in recorded::exchanges("bedrock-converse") {
        let error = match name.as_str() {
            "non-stream/error-400-context" => ApiError::of(Refusal::ContextLength),
            "non-stream/error-403-auth" => ApiError::wrong_token(),
            _ => continue,
        };
        let reply = error.into_reply();
        let Payload::Whole(body) = reply.payload else { panic!("{name} is no stream") };
        assert_eq!(u64::from(reply.status), status, "{name}");
        assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), response, "{name}");
    }
}
