//! Watches a stream of this dialect as it passes.

use bytes::Bytes;

use crate::{
    dialect::{Ending, Meaning, Watch},
    dialects::ollama::{error, response::usage, wire},
    framing::ndjson,
    ir::{Fault, Usage},
};

/// Knows whether the answer has said anything and whether it is `done`.
#[derive(Debug, Default)]
pub(in crate::dialects::ollama) struct LineWatch {
    has_output: bool,
    usage: Option<Usage>,
}

/// What a line carries of the answer.
fn said(answer: &wire::Answer<'_>) -> Meaning {
    let message = answer.message.as_ref();
    let texts = [&answer.response, &answer.image, message.map_or(&None, |message| &message.content)];
    let thoughts = [&answer.thinking, message.map_or(&None, |message| &message.thinking)];
    let calls = [&answer.tool_calls, message.map_or(&None, |message| &message.tool_calls)];
    let images = message.and_then(|message| message.images.as_ref());
    let is_said = texts.into_iter().flatten().any(|text| !text.is_empty())
        || calls.into_iter().flatten().any(|calls| !calls.is_empty())
        || images.is_some_and(|images| !images.is_empty());
    let is_thought = thoughts.into_iter().flatten().any(|text| !text.is_empty());
    // Thinking has log probabilities too.
    let has_logprobs = answer.logprobs.as_ref().is_some_and(|list| !list.is_empty());
    match (is_said, is_thought) {
        (true, _) => Meaning::Output,
        (false, true) => Meaning::Thinking,
        (false, false) if has_logprobs => Meaning::Output,
        (false, false) => Meaning::Lifecycle,
    }
}

impl Watch for LineWatch {
    fn event(&mut self, raw: &[u8]) -> Meaning {
        let Some(line) = ndjson::value(raw) else { return Meaning::Lifecycle };
        let Ok(answer) = serde_json::from_slice::<wire::Answer<'_>>(line) else { return Meaning::Garbled };
        if answer.error.is_some() {
            return Meaning::Failed;
        }
        self.usage = usage(answer.prompt_eval_count, answer.eval_count).or(self.usage);
        let said = said(&answer);
        self.has_output |= said.says_something();
        match answer.done {
            // A model that was only to be loaded or unloaded has nothing to say, and has said so.
            Some(true)
                if self.has_output || matches!(answer.done_reason.as_deref(), Some("load" | "unload")) =>
            {
                Meaning::End
            }
            Some(true) => Meaning::Empty,
            _ => said,
        }
    }

    fn finish(&mut self) -> Ending {
        // Only `done` completes an answer, and after it nobody asks.
        Ending::Cut
    }

    fn fail(&mut self, fault: &Fault) -> Bytes {
        error::line(fault).into()
    }

    fn usage(&self) -> Option<Usage> {
        self.usage
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        dialect::Meaning::{Empty, End, Failed, Garbled, Lifecycle, Output, Thinking},
        ir::FaultKind,
    };

    #[track_caller]
    fn check(lines: &[&str], expect: &[Meaning]) {
        let mut watch = LineWatch::default();
        let got: Vec<_> = lines.iter().map(|line| watch.event(format!("{line}\n").as_bytes())).collect();
        assert_eq!(got, expect);
        assert_eq!(watch.finish(), Ending::Cut);
    }

    const EMPTY: &str = r#"{"message":{"role":"assistant","content":""},"done":false}"#;
    const DONE: &str = r#"{"message":{"role":"assistant","content":""},"done":true,"done_reason":"stop"}"#;

    #[test]
    fn chat_and_generate() {
        let text = r#"{"message":{"role":"assistant","content":"hi"},"done":false}"#;
        check(&[EMPTY, text, "", DONE], &[Lifecycle, Output, Lifecycle, End]);
        check(&[r#"{"response":"hi","done":false}"#, r#"{"response":"","done":true}"#], &[Output, End]);
        let thinking =
            r#"{"message":{"content":"","thinking":"hm"},"done":false,"logprobs":[{"token":"hm"}]}"#;
        check(&[thinking, text, DONE], &[Thinking, Output, End]);
        check(&[r#"{"response":"","thinking":"hm","done":false}"#, DONE], &[Thinking, End]);
        let call = r#"{"message":{"content":"","tool_calls":[{"function":{"name":"f","arguments":{}}}]},"done":false}"#;
        check(&[call, DONE], &[Output, End]);
        check(&[r#"{"message":{"content":"all"},"done":true}"#], &[End]);
    }

    #[test]
    fn nothing_and_failure() {
        check(&[EMPTY, DONE], &[Lifecycle, Empty]);
        check(&[r#"{"message":{"content":""},"done":true,"done_reason":"load"}"#], &[End]);
        check(&[r#"{"error":"out of memory"}"#], &[Failed]);
        check(&[r#"{"message":{"content":"#], &[Garbled]);
        check(&["[]"], &[Garbled]);
        let fault = Fault::new(FaultKind::Cut, "cut");
        assert_eq!(LineWatch::default().fail(&fault), "{\"error\":\"cut\"}\n");
    }

    #[test]
    fn usage_is_kept() {
        let mut watch = LineWatch::default();
        watch.event(br#"{"response":"x","done":true,"prompt_eval_count":26,"eval_count":259}"#);
        assert_eq!(watch.usage(), Some(Usage { input: 26, output: 259, ..Usage::default() }));
    }
}
