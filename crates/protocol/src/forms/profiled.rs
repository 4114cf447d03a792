//! A body of `GenerateAssistantResponse` with what is no part of the conversation: its id, and the profile of the account.
//!
//! AWS's client (aws/amazon-q-developer-cli, `amzn-codewhisperer-streaming-client`) has `profileArn` beside
//! `conversationState`, and `conversationId` in it. The whole conversation is sent each time, so that the id only has to be
//! one that nobody else has: each request has its own, as with AIClient-2-API.

use std::hash::{DefaultHasher, Hash, Hasher};

use bytes::Bytes;

use super::{Dressing, Form, joined};
use crate::{
    ir::{Fault, FaultKind},
    json::Object,
    splice::{Edits, json_string},
};

#[derive(Debug)]
pub(super) struct Profiled;

const STATE: &str = "conversationState";

impl Form for Profiled {
    fn name(&self) -> &'static str {
        "profiled"
    }

    fn dress(&self, pieces: Vec<Bytes>, dressing: Dressing<'_>) -> Result<Vec<Bytes>, Fault> {
        let body = joined(pieces);
        let refused = |why: &dyn std::fmt::Display| {
            Fault::new(FaultKind::BadRequest, format!("the body cannot be sent: {why}"))
        };
        let outer = Object::scan(&body).map_err(|error| refused(&error))?;
        let state = outer.get(&body, STATE).map_err(|error| refused(&error))?;
        let mut edits = Edits::default();
        // What the operator's rules have put there stands.
        let put = |edits: &mut Edits, object: &Object, start: usize, name: &str, value: &str| {
            if object.get(&body[start..], name).is_ok_and(|known| known.is_none()) {
                let end: &[u8] = if object.is_empty() { b"" } else { b"," };
                let member = [json_string(name), Bytes::from_static(b":"), json_string(value)].concat();
                let place = start + object.inside;
                edits.replace(place..place, [member.as_slice(), end].concat());
            }
        };
        if let Some(profile) = dressing.project {
            put(&mut edits, &outer, 0, "profileArn", profile);
        }
        if let Some(state) = state {
            let inner = Object::scan(&body[state.clone()]).map_err(|error| refused(&error))?;
            put(&mut edits, &inner, state.start, "conversationId", &uuid(dressing.id));
        }
        Ok(edits.apply(&body))
    }
}

/// A text as an id in the shape of a random UUID, always the same for the same text.
fn uuid(text: &str) -> String {
    let half = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        (salt, text).hash(&mut hasher);
        hasher.finish()
    };
    let (high, low) = (half(0), half(1));
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        0x8000 | (low >> 48) & 0x3fff,
        low & 0xffff_ffff_ffff
    )
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;
    use crate::dialect::Operation;

    #[track_caller]
    fn check(body: &'static str, project: Option<&str>, expected: Result<&str, &str>) {
        let mut headers = HeaderMap::new();
        let dressing = Dressing {
            operation: Operation::Generate,
            model: "m",
            project,
            id: "req_1",
            headers: &mut headers,
        };
        let dressed = Profiled.dress(vec![Bytes::from_static(body.as_bytes())], dressing);
        match (dressed, expected) {
            (Ok(pieces), Ok(expected)) => {
                assert_eq!(
                    String::from_utf8(pieces.concat()).unwrap(),
                    expected.replace("ID", &uuid("req_1"))
                );
            }
            (Err(fault), Err(expected)) => assert!(fault.public.contains(expected), "{fault}"),
            (dressed, expected) => panic!("{dressed:?} is not {expected:?}"),
        }
    }

    #[test]
    fn profile_and_id_are_put_where_they_are_missing() {
        check(
            r#"{"conversationState":{"history":[]}}"#,
            Some("arn:1"),
            Ok(r#"{"profileArn":"arn:1","conversationState":{"conversationId":"ID","history":[]}}"#),
        );
        check(r#"{"conversationState":{}}"#, None, Ok(r#"{"conversationState":{"conversationId":"ID"}}"#));
        let own = r#"{"profileArn":"mine","conversationState":{"conversationId":"7","x":1}}"#;
        check(own, Some("arn:1"), Ok(own));
        check("{}", Some("arn:1"), Ok(r#"{"profileArn":"arn:1"}"#));
        check(r#"{"conversationState":1}"#, None, Err("object"));
        check("[]", None, Err("object"));
    }

    #[test]
    fn ids_have_the_shape_of_uuids_and_differ() {
        let id = uuid("req_1");
        let lengths: Vec<usize> = id.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert_eq!(&id[14..15], "4");
        assert!(matches!(&id[19..20], "8" | "9" | "a" | "b"));
        assert_ne!(id, uuid("req_2"));
        assert_eq!(id, uuid("req_1"));
    }
}
