//! Log probabilities: a bare list here, `{"content":[...]}` with every member present in OpenAI's shape.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::wire::Logprob;
use crate::ir::{Raw, Text, raw};

/// OpenAI's shape. Source: the OpenAI API description, `ChatCompletionTokenLogprob`.
#[derive(Serialize, Deserialize)]
struct Shape<'a> {
    #[serde(borrow, default)]
    content: Option<Vec<Token<'a>>>,
    #[serde(borrow, default)]
    refusal: Option<&'a RawValue>,
}

#[derive(Serialize, Deserialize)]
struct Token<'a> {
    #[serde(borrow)]
    token: Text<'a>,
    #[serde(borrow)]
    logprob: &'a RawValue,
    #[serde(borrow, default)]
    bytes: Option<&'a RawValue>,
    #[serde(borrow, default)]
    top_logprobs: Vec<Alternative<'a>>,
}

#[derive(Serialize, Deserialize)]
struct Alternative<'a> {
    #[serde(borrow)]
    token: Text<'a>,
    #[serde(borrow)]
    logprob: &'a RawValue,
    #[serde(borrow, default)]
    bytes: Option<&'a RawValue>,
}

/// A token of this dialect, whose server leaves empty members out.
#[derive(Serialize)]
struct Bare<'a> {
    token: &'a str,
    logprob: &'a RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    top_logprobs: Vec<Bare<'a>>,
}

/// Brings a list into OpenAI's shape; `None` if it is empty or an item lacks its token or its probability.
pub(super) fn read(list: Vec<Logprob<'_>>) -> Option<Raw<'static>> {
    if list.is_empty() {
        return None;
    }
    let content: Option<Vec<_>> = list.into_iter().map(token).collect();
    Some(raw(&Shape { content: Some(content?), refusal: None }))
}

fn token(item: Logprob<'_>) -> Option<Token<'_>> {
    let others = item.top_logprobs.unwrap_or_default().into_iter();
    let others = others
        .map(|other| Some(Alternative { token: other.token?, logprob: other.logprob?, bytes: other.bytes }));
    Some(Token {
        token: item.token?,
        logprob: item.logprob?,
        bytes: item.bytes,
        top_logprobs: others.collect::<Option<_>>()?,
    })
}

/// The list of this dialect; `None` if the shape has no tokens of the answer's text.
pub(super) fn write(shape: &RawValue) -> Option<Raw<'static>> {
    let content = serde_json::from_str::<Shape<'_>>(shape.get()).ok()?.content?;
    let list: Vec<Bare<'_>> = content.iter().map(Token::bare).collect();
    (!list.is_empty()).then(|| raw(&list))
}

impl Token<'_> {
    fn bare(&self) -> Bare<'_> {
        let others = self.top_logprobs.iter().map(|other| Bare {
            token: &other.token,
            logprob: other.logprob,
            bytes: other.bytes,
            top_logprobs: Vec::new(),
        });
        Bare { token: &self.token, logprob: self.logprob, bytes: self.bytes, top_logprobs: others.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let here = r#"[{"token":"A","logprob":-0.10,"bytes":[65],"top_logprobs":[{"token":"B","logprob":-2}]},{"token":"C","logprob":0}]"#;
        let there = read(serde_json::from_str(here).unwrap()).unwrap();
        assert_eq!(
            there.get(),
            r#"{"content":[{"token":"A","logprob":-0.10,"bytes":[65],"top_logprobs":[{"token":"B","logprob":-2,"bytes":null}]},{"token":"C","logprob":0,"bytes":null,"top_logprobs":[]}],"refusal":null}"#
        );
        assert_eq!(write(&there).unwrap().get(), here);
        assert!(read(Vec::new()).is_none());
        assert!(write(&raw(&serde_json::json!({ "content": null, "refusal": [] }))).is_none());
    }
}
