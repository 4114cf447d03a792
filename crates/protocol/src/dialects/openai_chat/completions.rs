//! Text completions: a stream of chunks joined into the whole answer, which has the same shape.
//!
//! Source: the OpenAI API description, schema `CreateCompletionResponse`: "both the streamed and non-streamed response
//! objects share the same shape (unlike the chat endpoint)".

use std::{borrow::Cow, collections::BTreeMap};

use bytes::Bytes;
use serde_json::value::{RawValue, to_raw_value};

/// The members of an object as they were spelled.
type Object = BTreeMap<String, Box<RawValue>>;

/// One choice so far.
#[derive(Default)]
struct Choice {
    text: String,
    /// Its lists by name: tokens, their probabilities, where they begin.
    logprobs: Option<BTreeMap<String, Vec<Box<RawValue>>>>,
    members: Object,
}

/// The answer that chunks come to; `None` if one of them is none, or none of them has a choice.
pub(super) fn join(chunks: &[Cow<'_, [u8]>]) -> Option<Bytes> {
    let (mut members, mut choices) = (Object::new(), BTreeMap::<u64, Choice>::new());
    for chunk in chunks.iter().filter(|chunk| !chunk.is_empty()) {
        let mut chunk: Object = serde_json::from_slice(chunk).ok()?;
        let more: Option<Vec<Object>> = take(&mut chunk, "choices")?;
        update(&mut members, chunk);
        for mut more in more.unwrap_or_default() {
            let index = take(&mut more, "index")?.unwrap_or_default();
            choices.entry(index).or_default().add(more)?;
        }
    }
    if choices.is_empty() {
        return None;
    }
    let choices: Vec<Object> =
        choices.into_iter().map(|(index, choice)| choice.whole(index)).collect::<Option<_>>()?;
    members.insert("choices".to_owned(), to_raw_value(&choices).ok()?);
    serde_json::to_vec(&members).ok().map(Bytes::from)
}

/// Takes a member out; the inner `None` if it is not there or null, the outer one if it is something else.
#[expect(clippy::option_option, reason = "absent and wrong are two things")]
fn take<T: for<'de> serde::Deserialize<'de>>(object: &mut Object, name: &str) -> Option<Option<T>> {
    object.remove(name).map_or(Some(None), |raw| serde_json::from_str(raw.get()).ok())
}

/// What came last counts, unless it is null.
fn update(members: &mut Object, more: Object) {
    for (name, value) in more {
        if value.get() != "null" || !members.contains_key(&name) {
            members.insert(name, value);
        }
    }
}

impl Choice {
    fn add(&mut self, mut more: Object) -> Option<()> {
        let text: Option<String> = take(&mut more, "text")?;
        self.text.push_str(&text.unwrap_or_default());
        let lists: Option<BTreeMap<String, Option<Vec<Box<RawValue>>>>> = take(&mut more, "logprobs")?;
        for (name, list) in lists.into_iter().flatten() {
            let all = self.logprobs.get_or_insert_default().entry(name).or_default();
            all.extend(list.unwrap_or_default());
        }
        update(&mut self.members, more);
        Some(())
    }

    fn whole(self, index: u64) -> Option<Object> {
        let Self { text, logprobs, mut members } = self;
        members.insert("index".to_owned(), to_raw_value(&index).ok()?);
        members.insert("text".to_owned(), to_raw_value(&text).ok()?);
        members.insert("logprobs".to_owned(), to_raw_value(&logprobs).ok()?);
        Some(members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(chunks: &[&str], expect: Option<&str>) {
        let chunks: Vec<Cow<'_, [u8]>> = chunks.iter().map(|chunk| chunk.as_bytes().into()).collect();
        let joined = join(&chunks).map(|whole| String::from_utf8(whole.to_vec()).unwrap());
        assert_eq!(joined.as_deref(), expect);
    }

    #[test]
    fn chunks_are_joined_choice_by_choice() {
        check(
            &[
                r#"{"id":"cmpl-1","object":"text_completion","created":7,"model":"m","choices":[{"index":0,"text":"Aho","logprobs":{"tokens":["Aho"],"token_logprobs":[-0.10]},"finish_reason":null}],"usage":null}"#,
                r#"{"id":"cmpl-1","choices":[{"index":1,"text":"Moin","finish_reason":"length"}]}"#,
                r#"{"id":"cmpl-1","choices":[{"index":0,"text":"i!","logprobs":{"tokens":["i!"],"token_logprobs":[-2.50]},"finish_reason":"stop"}]}"#,
                r#"{"id":"cmpl-1","choices":[],"usage":{"total_tokens":3}}"#,
            ],
            Some(
                r#"{"choices":[{"finish_reason":"stop","index":0,"logprobs":{"token_logprobs":[-0.10,-2.50],"tokens":["Aho","i!"]},"text":"Ahoi!"},{"finish_reason":"length","index":1,"logprobs":null,"text":"Moin"}],"created":7,"id":"cmpl-1","model":"m","object":"text_completion","usage":{"total_tokens":3}}"#,
            ),
        );
    }

    #[test]
    fn what_is_no_completion_is_none() {
        check(&[], None);
        check(&[r#"{"choices":[]}"#], None);
        check(&[r#"{"choices":[{"text":7}]}"#], None);
        check(&[r#"{"choices":[{"text":"a"}]}"#, "<html>"], None);
    }
}
