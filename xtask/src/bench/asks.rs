//! What is asked, in each dialect that the load speaks, and how a right answer ends.

use lockgate_testkit::http::Request;
use memchr::memmem;
use serde_json::{Value, json};

/// The client key that the gateway checks on every request. It guards nothing.
pub(crate) const CLIENT_KEY: &str = "lockgate-bench-client-key";

/// A dialect as the load speaks it.
#[derive(Debug)]
pub(crate) struct Tongue {
    /// Its name, as the gateway has it.
    pub(crate) name: &'static str,
    pub(crate) path: &'static str,
    headers: &'static [(&'static str, &'static str)],
    /// What only the last event of a whole stream has.
    last: &'static str,
    body: fn(&str, Value) -> Value,
    /// A picture as a part of a message, from its base64.
    picture: fn(&str) -> Value,
    /// What a part of text says it is.
    text: &'static str,
}

/// Every dialect that the load speaks.
pub(crate) static TONGUES: [&Tongue; 3] = [&OPENAI_CHAT, &ANTHROPIC, &OPENAI_RESPONSES];

/// `POST /v1/chat/completions`.
pub(crate) static OPENAI_CHAT: Tongue = Tongue {
    name: "openai-chat",
    path: "/v1/chat/completions",
    headers: &[("authorization", "Bearer lockgate-bench-client-key"), ("content-type", "application/json")],
    last: "data: [DONE]",
    body: |model, content| json!({ "model": model, "messages": [{ "role": "user", "content": content }] }),
    picture: |data| json!({ "type": "image_url", "image_url": { "url": format!("data:image/png;base64,{data}") } }),
    text: "text",
};

/// `POST /v1/messages`.
pub(crate) static ANTHROPIC: Tongue = Tongue {
    name: "anthropic",
    path: "/v1/messages",
    headers: &[
        ("x-api-key", CLIENT_KEY),
        ("anthropic-version", "2023-06-01"),
        ("content-type", "application/json"),
    ],
    last: "\"type\":\"message_stop\"",
    body: |model, content| json!({ "model": model, "max_tokens": 4096, "messages": [{ "role": "user", "content": content }] }),
    picture: |data| json!({ "type": "image", "source": { "type": "base64", "media_type": "image/png", "data": data } }),
    text: "text",
};

/// `POST /v1/responses`.
pub(crate) static OPENAI_RESPONSES: Tongue = Tongue {
    name: "openai-responses",
    path: "/v1/responses",
    headers: OPENAI_CHAT.headers,
    last: "\"type\":\"response.completed\"",
    // Nothing is to be kept of it, which would be measured along.
    body: |model, content| json!({ "model": model, "store": false, "input": [{ "role": "user", "content": content }] }),
    picture: |data| json!({ "type": "input_image", "image_url": format!("data:image/png;base64,{data}") }),
    text: "input_text",
};

impl Tongue {
    /// The request body: about `bytes` long, nearly all of it text or a picture, for the model as `model`.
    pub(crate) fn body(&self, model: &str, bytes: usize, stream: bool, picture: bool) -> Vec<u8> {
        let length = bytes.saturating_sub(100);
        let content = if picture {
            // The beginning of any PNG, which is as much as anybody looks at.
            let data = format!("iVBORw0KGgoAAAANSUhEUgAA{}", "Abc0".repeat(length / 4));
            json!([{ "type": self.text, "text": "What is this?" }, (self.picture)(&data)])
        } else {
            let sentence = "A lock lets boats pass between waters that stand at different levels. ";
            Value::String(sentence.chars().cycle().take(length).collect())
        };
        let mut request = (self.body)(model, content);
        if stream {
            request["stream"] = Value::Bool(true);
        }
        request.to_string().into_bytes()
    }

    /// The request with this body.
    pub(crate) fn request<'a>(&self, body: &'a [u8]) -> Request<'a> {
        Request { method: "POST", path: self.path, headers: self.headers, body }
    }

    /// The events of a whole stream.
    ///
    /// # Errors
    /// When the stream does not end as this dialect's streams do.
    pub(crate) fn events(&self, body: &[u8]) -> Result<usize, &'static str> {
        let Some(whole) = body.strip_suffix(b"\n\n") else { return Err("the stream ends inside an event") };
        let last = memmem::rfind(whole, b"\n\n").map_or(whole, |at| &whole[at..]);
        match memmem::find(last, self.last.as_bytes()) {
            Some(_) => Ok(memmem::find_iter(body, b"\n\n").count()),
            None => Err("the stream lacks its last event"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dialect_shows_the_client_key() {
        for tongue in TONGUES {
            assert!(tongue.headers.iter().any(|(_, value)| value.ends_with(CLIENT_KEY)), "{}", tongue.name);
        }
    }

    #[test]
    fn a_body_is_about_as_long_as_it_should_be() {
        for tongue in TONGUES {
            for (picture, bytes) in [(false, 1024), (true, 4096)] {
                let length = tongue.body("fast", bytes, true, picture).len();
                assert!((bytes - 40..bytes + 200).contains(&length), "{}: {length}", tongue.name);
            }
        }
    }

    #[test]
    fn only_a_whole_stream_has_events() {
        let events = |body: &str| OPENAI_CHAT.events(body.as_bytes());
        assert_eq!(events("data: 1\n\ndata: [DONE]\n\n"), Ok(2));
        assert_eq!(events("data: [DONE]\n\n"), Ok(1));
        assert_eq!(events("data: [DONE]\n\ndata: 1\n\n"), Err("the stream lacks its last event"));
        assert_eq!(events("data: 1\n\ndata: [DONE]\n"), Err("the stream ends inside an event"));
        let anthropic = "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
        assert_eq!(ANTHROPIC.events(anthropic.as_bytes()), Ok(1));
    }
}
