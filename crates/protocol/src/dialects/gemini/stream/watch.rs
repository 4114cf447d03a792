//! Watches a stream as it passes, and reads whole answers as far as the gateway must know them.

use bytes::Bytes;

use super::{
    super::{error, finish, usage, wire, write},
    MAX_CANDIDATES,
};
use crate::{
    dialect::{Answer, Ending, Meaning, Watch},
    framing::{Framing, sse::Event},
    ir::{Fault, Usage},
};

/// Knows which candidates have begun and which have their finish reason.
pub(in super::super) struct ChunkWatch {
    framing: Framing,
    /// True once an array was opened; one object may come in its place.
    is_open: bool,
    usage: Option<Usage>,
    candidates: Vec<(u64, bool)>,
    is_blocked: bool,
}

impl ChunkWatch {
    /// For the beginning of a stream in that framing, which is server-sent events or one array.
    pub(in super::super) fn of(framing: Framing) -> Self {
        Self { framing, is_open: false, usage: None, candidates: Vec::new(), is_blocked: false }
    }

    fn data(&mut self, data: &[u8]) -> Meaning {
        serde_json::from_slice(data).map_or(Meaning::Garbled, |chunk| self.chunk(&chunk))
    }

    /// An item of an array, or the bracket that closes it.
    fn item(&mut self, raw: &[u8]) -> Meaning {
        let item = self.framing.payload(raw);
        if item.is_empty() {
            return if self.is_whole() { Meaning::End } else { Meaning::Garbled };
        }
        let meaning = self.data(&item);
        let is_good = !matches!(meaning, Meaning::Failed | Meaning::Garbled);
        self.is_open |= is_good && raw.trim_ascii_start().starts_with(b"[");
        meaning
    }

    fn chunk(&mut self, chunk: &wire::Response<'_>) -> Meaning {
        if chunk.error.is_some() {
            return Meaning::Failed;
        }
        self.usage = chunk.usage.as_ref().and_then(usage::read).or(self.usage);
        let mut meaning = Meaning::Lifecycle;
        if chunk.feedback.and_then(finish::blocked).is_some() {
            self.is_blocked = true;
            meaning = Meaning::Output;
        }
        for candidate in chunk.candidates.iter().flatten() {
            let index = candidate.index.map_or(0, wire::Int::count);
            let is_finished = candidate.finish.and_then(|raw| finish::read(raw, false)).is_some();
            if let Some((_, state)) = self.candidates.iter_mut().find(|(known, _)| *known == index) {
                *state |= is_finished;
            } else if self.candidates.len() < MAX_CANDIDATES {
                self.candidates.push((index, is_finished));
            } else {
                return Meaning::Garbled;
            }
            let parts = candidate.content.iter().flat_map(|content| content.parts.iter().flatten());
            meaning = parts.into_iter().map(said).fold(meaning, Meaning::and);
            if is_finished {
                meaning = Meaning::Output;
            }
        }
        meaning
    }

    fn is_whole(&self) -> bool {
        let finished = self.candidates.iter().all(|(_, is_finished)| *is_finished);
        finished && (self.is_blocked || !self.candidates.is_empty())
    }
}

/// What one part is of the answer. A proof beside no text proves the thinking that came before it.
fn said(part: &wire::Part<'_>) -> Meaning {
    let is_empty = part.text.as_deref().is_some_and(str::is_empty);
    match (is_empty, part.signature.is_some()) {
        (true, false) => Meaning::Lifecycle,
        (true, true) => Meaning::Thinking,
        _ if part.thought == Some(true) => Meaning::Thinking,
        _ => Meaning::Output,
    }
}

impl Watch for ChunkWatch {
    fn event(&mut self, raw: &[u8]) -> Meaning {
        if self.framing == Framing::JsonArray {
            return self.item(raw);
        }
        Event::parse(raw).data.map_or(Meaning::Lifecycle, |data| self.data(&data))
    }

    fn finish(&mut self) -> Ending {
        // Nothing marks the end of a Gemini stream but the closing bracket of an array.
        let closing: &[u8] = if self.is_open { b"]" } else { b"" };
        if self.is_whole() { Ending::Whole(Bytes::from_static(closing)) } else { Ending::Cut }
    }

    fn fail(&mut self, fault: &Fault) -> Bytes {
        let (front, back): (&[u8], &[u8]) = match self.framing {
            Framing::JsonArray if self.is_open => (b",\r\n", b"]"),
            Framing::JsonArray => (b"[", b"]"),
            _ => (b"data: ", b"\r\n\r\n"),
        };
        let mut out = front.to_vec();
        write::object(&mut out, |object| object.object("error", |object| error::write(object, fault)));
        out.extend_from_slice(back);
        out.into()
    }

    fn usage(&self) -> Option<Usage> {
        self.usage
    }
}

/// Reads an answer that is not SSE: one object, or the array that a stream without `alt=sse` is.
pub(in super::super) fn whole(body: &[u8]) -> Answer {
    let read = match serde_json::from_slice::<wire::Response<'_>>(body) {
        Ok(one) => Ok(vec![one]),
        Err(error) => serde_json::from_slice::<Vec<wire::Response<'_>>>(body).map_err(|_| error),
    };
    let chunks = match read {
        Ok(chunks) => chunks,
        Err(error) => return Answer::Garbled(error.to_string()),
    };
    let mut watch = ChunkWatch::of(Framing::JsonArray);
    if chunks.iter().any(|chunk| watch.chunk(chunk) == Meaning::Failed) {
        return Answer::Failed;
    }
    if watch.is_whole() {
        Answer::Whole(watch.usage)
    } else {
        Answer::Garbled("no candidate with a `finishReason`, and no blocked prompt".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        dialect::Meaning::{Failed, Garbled, Lifecycle, Output, Thinking},
        ir::FaultKind,
    };

    #[track_caller]
    fn check(events: &[&str], expect: &[Meaning], is_whole: bool) -> ChunkWatch {
        let mut watch = ChunkWatch::of(Framing::Sse);
        let got: Vec<_> =
            events.iter().map(|data| watch.event(format!("data: {data}\r\n\r\n").as_bytes())).collect();
        assert_eq!(got, expect);
        assert_eq!(watch.finish() == Ending::Whole(Bytes::new()), is_whole);
        watch
    }

    const TEXT: &str = r#"{"candidates":[{"content":{"parts":[{"text":"hi"}]},"index":0}]}"#;
    const STOP: &str = r#"{"candidates":[{"content":{"parts":[{"text":""}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":7}}"#;
    const OTHER: &str = r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f"}}]},"index":1}]}"#;
    const EMPTY: &str = r#"{"candidates":[{"content":{"parts":[{"text":""}]}}]}"#;

    #[test]
    fn a_stream_is_whole_when_every_candidate_is() {
        let watch = check(&[EMPTY, TEXT, STOP], &[Lifecycle, Output, Output], true);
        assert_eq!(watch.usage().unwrap().input, 7);
        check(&[TEXT], &[Output], false);
        check(&[OTHER, STOP], &[Output, Output], false);
        check(&[], &[], false);
        check(&[r#"{"promptFeedback":{"blockReason":"SAFETY"}}"#], &[Output], true);
        check(&[r#"{"promptFeedback":{}}"#], &[Lifecycle], false);
    }

    #[test]
    fn thoughts_and_their_proof_are_not_yet_the_answer() {
        let chunk = |parts: &str| format!(r#"{{"candidates":[{{"content":{{"parts":[{parts}]}}}}]}}"#);
        let thought = chunk(r#"{"text":"hm","thought":true}"#);
        let proof = chunk(r#"{"text":"","thoughtSignature":"x"}"#);
        let both = chunk(r#"{"text":"hm","thought":true},{"text":"hi"}"#);
        let call = chunk(r#"{"functionCall":{"name":"f"},"thoughtSignature":"x"}"#);
        check(&[&thought, &proof, &both, &call], &[Thinking, Thinking, Output, Output], false);
    }

    #[test]
    fn errors_in_a_200() {
        check(&[TEXT, r#"{"error":{"code":503}}"#, "{"], &[Output, Failed, Garbled], false);
        let frame = ChunkWatch::of(Framing::Sse).fail(&Fault::new(FaultKind::Cut, "cut"));
        assert!(frame.starts_with(b"data: {\"error\":{\"code\":502,") && frame.ends_with(b"}\r\n\r\n"));
    }

    #[test]
    fn an_array_ends_with_its_bracket_or_with_an_error() {
        let mut watch = ChunkWatch::of(Framing::JsonArray);
        assert_eq!(watch.event(b"]"), Garbled);
        assert_eq!(watch.event(format!("[{TEXT}").as_bytes()), Output);
        let cut = |watch: &mut ChunkWatch| {
            let end = watch.fail(&Fault::new(FaultKind::Cut, "cut"));
            serde_json::from_str::<Vec<serde_json::Value>>(&format!(
                "[{TEXT}{}",
                str::from_utf8(&end).unwrap()
            ))
        };
        assert_eq!(cut(&mut watch).unwrap()[1]["error"]["code"], 502);
        assert_eq!(watch.event(b"\n]"), Garbled);
        assert_eq!(watch.finish(), Ending::Cut);
        assert_eq!(watch.event(format!("\n,{STOP}").as_bytes()), Output);
        assert_eq!(watch.finish(), Ending::Whole(Bytes::from_static(b"]")));
        assert_eq!(watch.event(b"\n]"), Meaning::End);
        assert_eq!(watch.event(br#",{"error":{"code":503}}"#), Failed);
        let mut alone = ChunkWatch::of(Framing::JsonArray);
        assert_eq!(alone.event(STOP.as_bytes()), Output);
        assert_eq!(alone.finish(), Ending::Whole(Bytes::new()));
    }

    #[test]
    fn whole_answers() {
        let is_whole = |body: &str| matches!(whole(body.as_bytes()), Answer::Whole(_));
        assert!(is_whole(STOP) && is_whole(&format!("[{TEXT}\n,\n{STOP}]")));
        assert!(!is_whole(TEXT) && !is_whole("{}") && !is_whole(&format!("[{TEXT}]")));
        assert!(matches!(whole(format!("[{STOP}").as_bytes()), Answer::Garbled(_)));
        assert_eq!(whole(br#"[{"error":{"code":500}}]"#), Answer::Failed);
        assert_eq!(whole(br#"{"error":{"code":500}}"#), Answer::Failed);
    }
}
