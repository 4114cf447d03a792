//! What every recorded answer says is left of its provider's limits.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue};
use lockgate_testkit::fixtures;

#[test]
fn recorded_limits_are_read() {
    let Some(recordings) = fixtures::open() else { return };
    let site = crate::site("openai", None, None, &[]).expect("a site");
    // Before all of the recordings, so that no moment in them has passed.
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let (mut with_requests, mut with_tokens) = (0, 0);
    for case in recordings.all() {
        let case = case.expect("a readable recording");
        let header = |(name, value): &(String, String)| {
            Some((HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_str(value).ok()?))
        };
        let headers: HeaderMap = case.headers.iter().filter_map(header).collect();
        // A limit of -1 is none.
        let says = |words: &[&str]| {
            let is_it = |name: &str| words.iter().any(|word| name.contains(word));
            case.headers.iter().any(|(name, value)| is_it(name) && value != "-1")
        };
        let room = site.room(&headers, now);
        let requests = ["requests-remaining", "remaining-requests", "remaining-req-"];
        assert_eq!(room.requests.is_some(), says(&requests), "{}", case.id());
        let tokens = ["tokens-remaining", "remaining-tokens"];
        assert_eq!(room.tokens.is_some(), says(&tokens), "{}", case.id());
        for left in [room.requests, room.tokens].into_iter().flatten() {
            assert!(left.limit.is_none_or(|limit| left.remaining <= limit), "{}: {left:?}", case.id());
        }
        with_requests += usize::from(room.requests.is_some());
        with_tokens += usize::from(room.tokens.is_some());
    }
    assert!(with_requests >= 40 && with_tokens >= 40, "{with_requests} and {with_tokens}");
}
