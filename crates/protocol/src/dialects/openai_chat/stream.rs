//! Watches a stream of chat or text completion chunks.

use bytes::Bytes;

use super::{
    error,
    few::Few,
    reasoning,
    wire::{Chunk, Usage, says_something},
};
use crate::{
    dialect::{Ending, Meaning, Watch},
    framing::{again::Again, sse::Event},
    ir, json,
};

const DONE: &[u8] = b"[DONE]";
/// Most choices whose end is followed; OpenAI allows `n` up to 128.
const MAX_CHOICES: usize = 1024;

/// Members of chunks of which only counts whether they are empty: a piece of the answer, and what hides how long it is.
const TEXTS: &[&str] =
    &["content", "text", "reasoning", "reasoning_content", "refusal", "arguments", "obfuscation"];

/// Knows which choices have begun and which have their finish reason.
pub(super) struct ChunkWatch {
    spare_usage: bool,
    usage: Option<ir::Usage>,
    /// Index of each choice seen, and whether it finished. Choices interleave and indices may have gaps.
    choices: Vec<(u64, bool)>,
    has_output: bool,
    again: Again,
}

impl ChunkWatch {
    pub(super) fn new(spare_usage: bool) -> Self {
        let again = Again::new(TEXTS);
        Self { spare_usage, usage: None, choices: Vec::new(), has_output: false, again }
    }

    fn choice(&mut self, index: u64, finished: bool) {
        if let Some((_, state)) = self.choices.iter_mut().find(|(known, _)| *known == index) {
            *state |= finished;
        } else if self.choices.len() < MAX_CHOICES {
            self.choices.push((index, finished));
        }
    }

    fn is_finished(&self) -> bool {
        !self.choices.is_empty() && self.choices.iter().all(|(_, finished)| *finished)
    }

    fn chunk(&mut self, chunk: &Chunk<'_>) -> Meaning {
        if chunk.error.is_some() {
            return Meaning::Failed;
        }
        let usage = chunk.usage.and_then(|raw| Usage::read(raw.get().as_bytes()));
        self.usage = usage.or(self.usage);
        let mut meaning = Meaning::Lifecycle;
        for choice in chunk.choices.iter().flat_map(Few::iter) {
            let finished = choice.finish_reason.is_some();
            self.choice(choice.index.unwrap_or(0), finished);
            if finished || choice.text.is_some_and(|text| says_something(text.get().as_bytes())) {
                meaning = Meaning::Output;
            }
            if let Some(delta) = choice.delta.filter(|_| meaning != Meaning::Output) {
                meaning = meaning.and(said(delta.get().as_bytes()));
            }
        }
        self.has_output |= meaning.says_something();
        // Azure's first chunk has no choices either, but it has no usage.
        let has_choices = chunk.choices.as_ref().is_some_and(|choices| !choices.is_empty());
        let only_usage = !has_choices && usage.is_some();
        if only_usage && self.spare_usage { Meaning::Withheld } else { meaning }
    }
}

/// What a delta says. One that only names the role, or whose fields are all empty, opens the answer but says nothing of
/// it.
fn said(delta: &[u8]) -> Meaning {
    let Ok(object) = json::Object::scan(delta) else { return Meaning::Lifecycle };
    let told = object.members(delta).filter(|(key, value)| *key != b"\"role\"" && says_something(value));
    told.map(|(key, value)| match reasoning::is_only_thinking(key, value) {
        true => Meaning::Thinking,
        false => Meaning::Output,
    })
    .fold(Meaning::Lifecycle, Meaning::and)
}

impl Watch for ChunkWatch {
    fn event(&mut self, raw: &[u8]) -> Meaning {
        if let Some(meaning) = self.again.meaning(raw) {
            return meaning;
        }
        let event = Event::parse(raw);
        let Some(data) = event.data.as_deref() else { return Meaning::Lifecycle };
        if data == DONE {
            return if self.has_output { Meaning::End } else { Meaning::Empty };
        }
        if event.name == Some(b"error") {
            return Meaning::Failed;
        }
        let Ok(chunk) = serde_json::from_slice::<Chunk<'_>>(data) else { return Meaning::Garbled };
        let meaning = self.chunk(&chunk);
        self.again.note(raw, meaning);
        meaning
    }

    fn finish(&mut self) -> Ending {
        // Some servers close the connection without `[DONE]`: with every choice finished, nothing is missing.
        if self.is_finished() { Ending::Whole(Bytes::from_static(b"data: [DONE]\n\n")) } else { Ending::Cut }
    }

    fn fail(&mut self, fault: &ir::Fault) -> Bytes {
        [b"data: ", error::body(fault).as_ref(), b"\n\n"].concat().into()
    }

    fn usage(&self) -> Option<ir::Usage> {
        self.usage
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Meaning::{Empty, End, Failed, Garbled, Lifecycle, Output, Thinking, Withheld};

    #[track_caller]
    fn check(events: &[&str], expect: &[Meaning], ending: &Ending) {
        let mut watch = ChunkWatch::new(true);
        let got: Vec<_> =
            events.iter().map(|data| watch.event(format!("data: {data}\n\n").as_bytes())).collect();
        assert_eq!(got, expect);
        assert_eq!(&watch.finish(), ending);
    }

    const ROLE: &str =
        r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#;
    const TEXT: &str =
        r#"{"choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":null}],"usage":null}"#;
    const STOP: &str = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
    const USAGE: &str = r#"{"choices":[],"usage":{"prompt_tokens":10,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":4}}}"#;
    const AZURE: &str = r#"{"choices":[],"created":0,"id":"","prompt_filter_results":[]}"#;

    fn closed() -> Ending {
        Ending::Whole(Bytes::from_static(b"data: [DONE]\n\n"))
    }

    #[test]
    fn a_plain_stream() {
        check(
            &[AZURE, ROLE, TEXT, STOP, USAGE, "[DONE]"],
            &[Lifecycle, Lifecycle, Output, Output, Withheld, End],
            &closed(),
        );
        check(&[ROLE, TEXT], &[Lifecycle, Output], &Ending::Cut);
        check(&[ROLE, "[DONE]"], &[Lifecycle, Empty], &Ending::Cut);
        check(&[ROLE, STOP], &[Lifecycle, Output], &closed());
        check(&[], &[], &Ending::Cut);
    }

    #[test]
    fn one_finished_choice_of_two_is_not_the_end() {
        let other = r#"{"choices":[{"index":1,"delta":{"content":"x"},"finish_reason":null}]}"#;
        check(&[TEXT, other, STOP], &[Output, Output, Output], &Ending::Cut);
    }

    #[test]
    fn errors_in_a_200() {
        check(&[r#"{"error":{"message":"x"},"choices":[]}"#], &[Failed], &Ending::Cut);
        check(&["{\"choices\":[{"], &[Garbled], &Ending::Cut);
        assert_eq!(ChunkWatch::new(false).event(b"event: error\ndata: {\"error\":{}}\n\n"), Failed);
    }

    #[test]
    fn tools_and_old_completions_are_output() {
        let says = |data: &str| ChunkWatch::new(false).event(format!("data: {data}\n\n").as_bytes());
        assert_eq!(says(r#"{"choices":[{"delta":{"content":null,"tool_calls":[{"index":0}]}}]}"#), Output);
        assert_eq!(
            says(r#"{"choices":[{"delta":{"role":null,"content":null,"tool_calls":null}}]}"#),
            Lifecycle
        );
        assert_eq!(says(r#"{"choices":[{"index":0,"text":"x"}]}"#), Output);
        assert_eq!(ChunkWatch::new(false).event(b": OPENROUTER PROCESSING\n\n"), Lifecycle);
    }

    #[test]
    fn thinking_by_any_of_its_names_is_not_yet_the_answer() {
        let says = |deltas: &[&str]| {
            let choices: Vec<_> = deltas.iter().map(|delta| format!(r#"{{"delta":{delta}}}"#)).collect();
            let data = format!("data: {{\"choices\":[{}]}}\n\n", choices.join(","));
            ChunkWatch::new(false).event(data.as_bytes())
        };
        assert_eq!(says(&[r#"{"role":"assistant","content":"","reasoning":"We"}"#]), Thinking);
        assert_eq!(says(&[r#"{"content":null,"reasoning_content":"We"}"#]), Thinking);
        assert_eq!(says(&[r#"{"reasoning":"We","reasoning_details":[{"text":"We"}]}"#]), Thinking);
        let part = r#"{"type":"thinking","thinking":[{"type":"text","text":"We"}]}"#;
        assert_eq!(says(&[&format!(r#"{{"content":[{part}]}}"#)]), Thinking);
        assert_eq!(says(&[&format!(r#"{{"content":[{part},{{"type":"text","text":"We"}}]}}"#)]), Output);
        assert_eq!(says(&[r#"{"content":"We","reasoning_content":"We"}"#]), Output);
        assert_eq!(says(&[r#"{"reasoning":"We"}"#, r#"{"content":"We"}"#]), Output);
        assert_eq!(says(&[r#"{"reasoning":"We"}"#, r#"{"role":"assistant"}"#]), Thinking);
    }

    #[test]
    fn usage_is_kept_and_split() {
        let mut watch = ChunkWatch::new(false);
        assert_eq!(watch.event(format!("data: {USAGE}\n\n").as_bytes()), Lifecycle);
        let usage = watch.usage().unwrap();
        assert_eq!((usage.input, usage.cache_read, usage.output), (6, 4, 2));
    }
}
