//! `POST /audio/transcriptions`, `/audio/translations` and `/audio/speech`.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{
    Answered, ApiError, Ask, Object, models,
    rules::{self, ANY, Kind, Param, optional, required},
};
use crate::{
    Usage,
    multipart::Form,
    reply::{Frame, Reply, Role, json_bytes},
    text,
};

const FORMATS: &[&str] = &["json", "text", "srt", "verbose_json", "vtt", "diarized_json"];
const FIELDS: &[&str] = &[
    "file",
    "model",
    "language",
    "prompt",
    "response_format",
    "temperature",
    "stream",
    "include",
    "timestamp_granularities",
    "chunking_strategy",
    "known_speaker_names",
    "known_speaker_references",
];
const SPEECH: &[Param] = &[
    optional("model", Kind::Text(ANY)),
    required("input", Kind::Text(4096)),
    required("voice", Kind::TextOrObject),
    optional("instructions", Kind::Text(4096)),
    optional("response_format", Kind::OneOf(&["mp3", "opus", "aac", "flac", "wav", "pcm"])),
    optional("speed", Kind::Decimal(0.25, 4.0)),
    optional("stream_format", Kind::OneOf(&["sse", "audio"])),
];
/// Bytes in each piece of speech: one MPEG frame at 128 kbit/s and 44.1 kHz.
const SPEECH_PIECE: usize = 417;

/// What was said, in the language it was said in.
pub(super) fn transcribe(ask: &Ask<'_>, form: &Form) -> Answered {
    heard(ask, form, "transcribe")
}

/// What was said, in English.
pub(super) fn translate(ask: &Ask<'_>, form: &Form) -> Answered {
    heard(ask, form, "translate")
}

fn heard(ask: &Ask<'_>, form: &Form, task: &str) -> Answered {
    let model = ask.model(form.text("model"), models::Use::Transcription)?;
    if ask.call.strict {
        check(form)?;
    }
    let file = form.file("file").ok_or_else(|| ApiError::missing("file"))?;
    let name = file.file_name.as_deref().unwrap_or_default();
    let size = file.content.len();
    let transcript = format!("This is what {model} heard in {name}, {size} bytes long.");
    let usage =
        Usage { input: (size as u64).div_ceil(1000), output: text::token_count(&transcript), reasoning: 0 };
    let tokens = json!({
        "type": "tokens",
        "input_tokens": usage.input,
        "input_token_details": { "text_tokens": 0, "audio_tokens": usage.input },
        "output_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
    });
    // The oldest model has no streams and takes no notice of being asked for one.
    if form.text("stream") == Some("true") && model != "whisper-1" {
        return Ok(streamed(&transcript, &tokens).noting(&model, Some(usage)));
    }
    let reply = match form.text("response_format").unwrap_or("json") {
        "text" => Reply::whole(200, "text/plain; charset=utf-8", format!("{transcript}\n")),
        "srt" => {
            let cue = format!("1\n00:00:00,000 --> 00:00:01,000\n{transcript}\n\n");
            Reply::whole(200, "text/plain; charset=utf-8", cue)
        }
        "vtt" => {
            let cue = format!("WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n{transcript}\n\n");
            Reply::whole(200, "text/plain; charset=utf-8", cue)
        }
        "verbose_json" => {
            let segment = json!({
                "id": 0, "seek": 0, "start": 0.0, "end": 1.0, "text": transcript, "tokens": [1, 2, 3],
                "temperature": 0.0, "avg_logprob": -0.25, "compression_ratio": 1.0, "no_speech_prob": 0.01,
            });
            let body = json!({
                "task": task, "language": form.text("language").unwrap_or("english"), "duration": 1.0,
                "text": transcript, "segments": [segment], "usage": { "type": "duration", "seconds": 1 },
            });
            Reply::json(200, json_bytes(&body))
        }
        _ => Reply::json(200, json_bytes(&json!({ "text": transcript, "usage": tokens }))),
    };
    Ok(reply.noting(&model, Some(usage)))
}

fn check(form: &Form) -> Result<(), ApiError> {
    if let Some(unknown) =
        form.names().find(|name| !FIELDS.contains(&name.strip_suffix("[]").unwrap_or(name)))
    {
        return Err(ApiError::unknown(unknown));
    }
    if form.file("file").is_none() && form.field("file").is_some() {
        return Err(ApiError::bad("Invalid type for 'file': expected a file, but got a string instead.")
            .param("file")
            .code("invalid_type"));
    }
    if let Some(format) = form.text("response_format")
        && !FORMATS.contains(&format)
    {
        return Err(ApiError::not_one_of("response_format", format, FORMATS));
    }
    Ok(())
}

fn streamed(transcript: &str, tokens: &Value) -> Reply {
    let mut start = 0;
    let mut frames: Vec<_> = text::piece_ends(transcript)
        .into_iter()
        .map(|end| {
            let delta = &transcript[std::mem::replace(&mut start, end)..end];
            Frame::data(Role::Output, &json!({ "type": "transcript.text.delta", "delta": delta }))
        })
        .collect();
    let done = json!({ "type": "transcript.text.done", "text": transcript, "usage": tokens });
    frames.push(Frame::data(Role::Terminator, &done));
    Reply::frames("text/event-stream; charset=utf-8", Box::new(frames.into_iter()))
}

/// Noise that has the right header, as long as the text.
pub(super) fn speak(ask: &Ask<'_>, body: &Object) -> Answered {
    let model = ask.json_model(body, models::Use::Speech)?;
    if ask.call.strict {
        rules::check(SPEECH, body, "")?;
    }
    let input = body.get("input").and_then(Value::as_str).unwrap_or_default();
    let content_type = match body.get("response_format").and_then(Value::as_str) {
        Some("opus") => "audio/opus",
        Some("aac") => "audio/aac",
        Some("flac") => "audio/flac",
        Some("wav") => "audio/wav",
        Some("pcm") => "audio/pcm",
        _ => "audio/mpeg",
    };
    let words = text::token_count(input).max(1);
    let seed = text::hash(input.as_bytes());
    let frames = (0..words).map(move |word| {
        let mut piece = vec![0xff, 0xfb, 0x90, 0x00];
        piece.extend(
            (0..SPEECH_PIECE as u64 - 4).map(|byte| (text::mix(seed ^ (word << 16 | byte)) & 0x7f) as u8),
        );
        Frame { bytes: Bytes::from(piece), role: Role::Output }
    });
    let usage = Usage { input: text::input_tokens(input), output: words, reasoning: 0 };
    Ok(Reply::frames(content_type, Box::new(frames)).noting(&model, Some(usage)))
}
