//! Endpoints that take forms, and the one that answers in sound.

use bytes::Bytes;
use http::{HeaderMap, Method, header};
use serde_json::json;

use super::{super::OpenAi, send};
use crate::{
    Behaviour,
    dialects::{Call, Dialect},
    reply::Payload,
};

/// A multipart request with a file and these fields.
fn upload(path: &str, fields: &[(&str, &str)]) -> (u16, String) {
    let mut body = String::new();
    for (name, value) in fields {
        body += &format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    }
    body +=
        "--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\nRIFF\r\n--B--\r\n";
    send(&Method::POST, path, "multipart/form-data; boundary=B", body.as_bytes())
}

#[test]
fn forms() {
    let transcribe = "/v1/audio/transcriptions";
    let (status, text) = upload(transcribe, &[("model", "whisper-1")]);
    assert_eq!(status, 200, "{text}");
    assert!(text.contains("This is what whisper-1 heard in a.wav, 4 bytes long."), "{text}");
    let (_, plain) = upload(transcribe, &[("model", "whisper-1"), ("response_format", "text")]);
    assert_eq!(plain, "This is what whisper-1 heard in a.wav, 4 bytes long.\n");
    let (_, verbose) = upload(transcribe, &[("model", "whisper-1"), ("response_format", "verbose_json")]);
    assert!(verbose.contains("\"segments\":["), "{verbose}");
    let (_, stream) = upload(transcribe, &[("model", "gpt-4o-transcribe"), ("stream", "true")]);
    assert!(
        stream.starts_with("data: {\"delta\":\"This\",\"type\":\"transcript.text.delta\"}\n\n"),
        "{stream}"
    );
    assert!(stream.contains("transcript.text.done"), "{stream}");
    let (status, text) = upload(transcribe, &[("model", "whisper-1"), ("speed", "2")]);
    assert_eq!(status, 400, "{text}");
    let (status, text) = upload("/v1/files", &[("purpose", "batch")]);
    assert_eq!(status, 200, "{text}");
    assert!(text.contains("\"filename\":\"a.wav\""), "{text}");
    let (status, text) = upload("/v1/images/edits", &[("model", "gpt-image-1"), ("prompt", "x")]);
    assert_eq!((status, text.contains("'image'")), (400, true), "{text}");
}

#[test]
fn speech_is_binary_and_as_long_as_the_text() {
    let body = json!({ "model": "tts-1", "voice": "alloy", "input": "one two three" }).to_string();
    let mut headers = HeaderMap::new();
    headers.insert(header::AUTHORIZATION, "Bearer x".parse().unwrap());
    headers.insert(header::CONTENT_TYPE, "application/json".parse().unwrap());
    let (body, behaviour) = (Bytes::from(body), Behaviour::default());
    let call = Call {
        method: &Method::POST,
        path: "/v1/audio/speech",
        query: "",
        headers: &headers,
        body: &body,
        serial: 1,
        strict: true,
        require_key: true,
        aws: None,
        behaviour: &behaviour,
    };
    let reply = OpenAi.answer(&call);
    let Payload::Frames(frames) = reply.payload else { panic!("not a stream") };
    let pieces: Vec<_> = frames.map(|frame| frame.bytes).collect();
    assert_eq!((reply.content_type, pieces.len()), ("audio/mpeg", 3));
    assert!(pieces.iter().all(|piece| piece.starts_with(&[0xff, 0xfb])));
}
