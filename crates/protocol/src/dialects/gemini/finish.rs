//! Why a candidate ended, in Gemini's words.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::wire;
use crate::ir::{Block, Content, Stop, StopReason, Text};

/// Gemini's words with what they mean; the place of each of the first [`NUMBERED`] is its number in Vertex answers with
/// `enum-encoding=int`. Source: discovery documents of Vertex and of the Gemini API, `Candidate.finishReason`.
const WORDS: &[(&str, StopReason)] = &[
    ("FINISH_REASON_UNSPECIFIED", StopReason::Other),
    ("STOP", StopReason::End),
    ("MAX_TOKENS", StopReason::MaxTokens),
    ("SAFETY", StopReason::ContentFilter),
    ("RECITATION", StopReason::ContentFilter),
    ("OTHER", StopReason::Other),
    ("BLOCKLIST", StopReason::ContentFilter),
    ("PROHIBITED_CONTENT", StopReason::ContentFilter),
    ("SPII", StopReason::ContentFilter),
    ("MALFORMED_FUNCTION_CALL", StopReason::Malformed),
    ("MODEL_ARMOR", StopReason::ContentFilter),
    ("IMAGE_SAFETY", StopReason::ContentFilter),
    ("IMAGE_PROHIBITED_CONTENT", StopReason::ContentFilter),
    ("IMAGE_RECITATION", StopReason::ContentFilter),
    ("IMAGE_OTHER", StopReason::Other),
    // A call of a tool that is not on offer: nobody can run it.
    ("UNEXPECTED_TOOL_CALL", StopReason::Malformed),
    ("NO_IMAGE", StopReason::Other),
    ("MALFORMED_RESPONSE", StopReason::Malformed),
    ("CONTINUATION", StopReason::MaxTokens),
    // The provider's own tools ran in a circle until it stopped them, before there was an answer.
    ("TOO_MANY_TOOL_CALLS", StopReason::Pause),
    ("LANGUAGE", StopReason::ContentFilter),
    ("ESCALATION", StopReason::ContentFilter),
    // The request is at fault, not what the model called.
    ("MISSING_THOUGHT_SIGNATURE", StopReason::Other),
];

/// How many of [`WORDS`] have a number that is known.
const NUMBERED: usize = 17;

/// Reads a `finishReason`, which may be a word or a number; `None` while the candidate goes on. The content says
/// whether tools are to be run: Gemini has no such reason.
pub(super) fn read<'a>(raw: &'a RawValue, calls_tools: bool) -> Option<Stop<'a>> {
    let word: Text<'a> = match (wire::string(raw), raw.get().parse::<usize>()) {
        (Some(word), _) if !word.is_empty() => word,
        (None, Ok(0)) => return None,
        (None, Ok(number)) => WORDS[..NUMBERED].get(number).map_or("OTHER", |row| row.0).into(),
        _ => return None,
    };
    let reason = WORDS.iter().find(|row| word == row.0).map_or(StopReason::Other, |row| row.1);
    let reason = if reason == StopReason::End && calls_tools { StopReason::ToolUse } else { reason };
    Some(Stop { word: Some(word), ..Stop::new(reason) })
}

/// Gemini's word for the end: its own where it gave one (no other dialect's words are in upper case).
pub(super) fn write<'s>(stop: &'s Stop<'_>) -> Cow<'s, str> {
    if let Some(word) = stop.word.as_deref().filter(|word| is_own(word)) {
        return Cow::Borrowed(word);
    }
    Cow::Borrowed(match stop.reason {
        StopReason::End | StopReason::StopSequence | StopReason::ToolUse => "STOP",
        StopReason::MaxTokens | StopReason::ContextFull => "MAX_TOKENS",
        StopReason::ContentFilter | StopReason::Refusal => "SAFETY",
        StopReason::Malformed => "MALFORMED_FUNCTION_CALL",
        StopReason::Pause | StopReason::Other => "OTHER",
    })
}

fn is_own(word: &str) -> bool {
    !word.is_empty()
        && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

/// The end of an answer whose prompt was blocked; `None` if `feedback` blocks nothing.
pub(super) fn blocked(feedback: &RawValue) -> Option<Stop<'_>> {
    let read: wire::Feedback<'_> = serde_json::from_str(feedback.get()).ok()?;
    let reason = read.reason?;
    Some(Stop {
        word: wire::string(reason).or_else(|| Some(reason.get().into())),
        details: Some(Cow::Borrowed(feedback)),
        ..Stop::new(StopReason::ContentFilter)
    })
}

/// The `promptFeedback` that the end came from, if it did.
pub(super) fn feedback<'s>(stop: &'s Stop<'_>) -> Option<&'s RawValue> {
    let details = stop.details.as_deref()?;
    blocked(details).map(|_| details)
}

/// True if a tool of the client is called.
pub(super) fn calls_tools(blocks: &[Block<'_>]) -> bool {
    blocks.iter().any(|block| matches!(block.content, Content::ToolUse(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(raw: &str, calls_tools: bool, expect: Option<(&str, StopReason)>) {
        let raw: &RawValue = serde_json::from_str(raw).unwrap();
        let stop = read(raw, calls_tools);
        let got = stop.as_ref().map(|stop| (stop.word.as_deref().unwrap(), stop.reason));
        assert_eq!(got, expect);
    }

    #[test]
    fn words_and_numbers() {
        check(r#""STOP""#, false, Some(("STOP", StopReason::End)));
        check(r#""STOP""#, true, Some(("STOP", StopReason::ToolUse)));
        check(r#""UNEXPECTED_TOOL_CALL""#, true, Some(("UNEXPECTED_TOOL_CALL", StopReason::Malformed)));
        check("2", false, Some(("MAX_TOKENS", StopReason::MaxTokens)));
        check("0", false, None);
        check("16", false, Some(("NO_IMAGE", StopReason::Other)));
        check("17", false, Some(("OTHER", StopReason::Other)));
        check("77", false, Some(("OTHER", StopReason::Other)));
        check(r#""""#, false, None);
        check(r#""NEW_WORD""#, false, Some(("NEW_WORD", StopReason::Other)));
    }

    #[test]
    fn only_stop_is_a_normal_end() {
        for (word, reason) in WORDS {
            let is_normal =
                matches!(reason, StopReason::End | StopReason::ToolUse | StopReason::StopSequence);
            assert_eq!(is_normal, *word == "STOP", "{word}");
            for calls_tools in [false, true] {
                let raw = format!("\"{word}\"");
                let expect = if is_normal && calls_tools { StopReason::ToolUse } else { *reason };
                check(&raw, calls_tools, Some((word, expect)));
            }
        }
    }

    #[test]
    fn words_of_others_are_translated() {
        let stop = |reason, word: &'static str| Stop { word: Some(word.into()), ..Stop::new(reason) };
        assert_eq!(write(&stop(StopReason::ToolUse, "tool_use")), "STOP");
        assert_eq!(write(&stop(StopReason::MaxTokens, "length")), "MAX_TOKENS");
        assert_eq!(write(&stop(StopReason::ContentFilter, "SPII")), "SPII");
        assert_eq!(write(&Stop::new(StopReason::Refusal)), "SAFETY");
    }
}
