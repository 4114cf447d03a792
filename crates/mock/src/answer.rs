//! What a model would say: one answer for one prompt, whatever the dialect.

use std::borrow::Cow;

use serde_json::Value;

use crate::{Behaviour, Prefill, ScriptedCall, Usage, schema, text};

/// Longest part of the user's text an answer quotes, in characters.
const QUOTE_CHARS: usize = 200;
/// How much of the end of a text has to be quoted for it to be known again, in characters; all of a shorter one.
const QUOTED_CHARS: usize = 24;
/// Longest answer in words, whatever the behaviour says.
const MAX_WORDS: usize = 100_000;

/// What a dialect understood of a request.
pub(crate) struct Prompt<'a> {
    pub(crate) model: &'a str,
    /// The text of the last user message.
    pub(crate) user_text: Cow<'a, str>,
    pub(crate) last: Last<'a>,
    pub(crate) tokens: u64,
    pub(crate) tools: Vec<Tool<'a>>,
    pub(crate) tool_choice: ToolChoice<'a>,
    pub(crate) parallel_tools: bool,
    pub(crate) shape: Shape<'a>,
    /// How hard the model was told to think.
    pub(crate) effort: Option<&'a str>,
    /// Most tokens the answer may cost, thinking included.
    pub(crate) limit: Option<u64>,
    pub(crate) stops: Vec<&'a str>,
}

/// Who spoke last.
pub(crate) enum Last<'a> {
    User,
    ToolResult(Cow<'a, str>),
    /// The answer has begun already, with these words.
    Assistant(Cow<'a, str>),
    Other,
}

/// A tool the client offers.
pub(crate) struct Tool<'a> {
    pub(crate) name: &'a str,
    /// The schema of its arguments; absent for a tool that takes plain text.
    pub(crate) parameters: Option<&'a Value>,
    pub(crate) takes_text: bool,
}

/// Which tool the client wants called.
pub(crate) enum ToolChoice<'a> {
    Auto,
    None,
    Required,
    Named(&'a str),
}

/// The form the answer must have.
pub(crate) enum Shape<'a> {
    Text,
    Object,
    Schema(&'a Value),
}

/// The answer.
pub(crate) struct Answer {
    pub(crate) content: Content,
    pub(crate) end: End,
    /// The stop sequence that ended the text; dialects that have a place for it name it.
    pub(crate) stopped_by: Option<String>,
    pub(crate) usage: Usage,
}

/// What the answer consists of.
pub(crate) enum Content {
    Text(String),
    Calls(Vec<ToolCall>),
}

/// A tool the model wants called.
pub(crate) struct ToolCall {
    pub(crate) name: String,
    /// JSON, or plain text for a tool that takes text.
    pub(crate) arguments: String,
    pub(crate) takes_text: bool,
}

/// Why the answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Stop,
    Length,
    Tools,
}

impl Prompt<'_> {
    /// Whether the provider is one that does not let an answer be begun for it.
    pub(crate) fn is_refused(&self, behaviour: &Behaviour) -> bool {
        behaviour.prefill == Prefill::Refuse && matches!(self.last, Last::Assistant(_))
    }

    /// The answer, which depends on nothing but the prompt and the behaviour.
    pub(crate) fn answer(&self, behaviour: &Behaviour) -> Answer {
        let wanted = reasoning_tokens(self.effort);
        let reasoning = self.limit.map_or(wanted, |limit| wanted.min(limit));
        let scripted = self.scripted(&behaviour.calls);
        let calls = if scripted.is_empty() { self.calls() } else { scripted };
        let (content, end, stopped_by, output) = if calls.is_empty() {
            let budget = self.limit.map(|limit| limit - reasoning);
            let text = self.text(behaviour);
            let text = match behaviour.prefill {
                Prefill::Continue | Prefill::Refuse => self.rest_of(&text, behaviour.overlap).to_owned(),
                Prefill::Ignore => text,
            };
            let (text, end, stop, tokens) = self.cut(text, budget);
            (Content::Text(text), end, stop.map(str::to_owned), tokens)
        } else {
            let tokens = calls.iter().map(|call| text::token_count(&call.arguments) + 3).sum();
            (Content::Calls(calls), End::Tools, None, tokens)
        };
        let usage = Usage { input: self.tokens, output: output + reasoning, reasoning };
        Answer { content, end, stopped_by, usage }
    }

    /// The calls the script has for this point of the conversation, as far as the client can take them.
    fn scripted(&self, script: &[ScriptedCall]) -> Vec<ToolCall> {
        let is_due = |call: &&ScriptedCall| match (&self.last, &call.after) {
            (Last::ToolResult(result), Some(after)) => result.contains(after.as_str()),
            (Last::ToolResult(_), None) | (_, Some(_)) => false,
            (_, None) => true,
        };
        let wanted = |tool: &Tool<'_>| match self.tool_choice {
            ToolChoice::None => false,
            ToolChoice::Named(name) => tool.name == name,
            ToolChoice::Auto | ToolChoice::Required => true,
        };
        let most = if self.parallel_tools { script.len() } else { 1 };
        let made = |call: &ScriptedCall| {
            let tool = self.tools.iter().find(|tool| tool.name == call.tool && wanted(tool))?;
            let arguments = match &call.arguments {
                Value::String(text) if tool.takes_text => text.clone(),
                value => value.to_string(),
            };
            Some(ToolCall { name: call.tool.clone(), arguments, takes_text: tool.takes_text })
        };
        script.iter().filter(is_due).filter_map(made).take(most).collect()
    }

    fn calls(&self) -> Vec<ToolCall> {
        let asked_for = |word: &str| self.user_text.to_lowercase().contains(word);
        let tools: Vec<&Tool<'_>> = match self.tool_choice {
            ToolChoice::None => Vec::new(),
            ToolChoice::Named(name) => self.tools.iter().filter(|tool| tool.name == name).take(1).collect(),
            ToolChoice::Auto if !matches!(self.last, Last::User) => Vec::new(),
            ToolChoice::Auto if !(asked_for("weather") || asked_for("tool")) => Vec::new(),
            ToolChoice::Auto | ToolChoice::Required => match (self.tools.as_slice(), self.parallel_tools) {
                ([], _) => Vec::new(),
                ([only], true) if asked_for("parallel") => vec![only, only],
                (all, true) if asked_for("parallel") => all.iter().collect(),
                (all, _) => {
                    let named = all.iter().find(|tool| self.user_text.contains(tool.name));
                    vec![named.unwrap_or(&all[0])]
                }
            },
        };
        tools.into_iter().map(Tool::call).collect()
    }

    fn text(&self, behaviour: &Behaviour) -> String {
        match self.shape {
            Shape::Schema(schema) => return schema::sample(schema).to_string(),
            Shape::Object => {
                let quote = text::shortened(&self.user_text, QUOTE_CHARS);
                return serde_json::json!({ "model": self.model, "you_said": quote }).to_string();
            }
            Shape::Text => {}
        }
        if let Some(answer) = &behaviour.answer {
            return answer.clone();
        }
        if let Some(words) = behaviour.words {
            return text::words(words.min(MAX_WORDS));
        }
        let model = self.model;
        match &self.last {
            Last::ToolResult(result) => {
                let quote = text::shortened(result, QUOTE_CHARS);
                format!("The tool answered \"{quote}\", and that is all {model} knows.")
            }
            _ if self.user_text.is_empty() => format!("Hello, this is {model}, a model that needs no key."),
            _ => {
                let quote = text::shortened(&self.user_text, QUOTE_CHARS);
                format!("You said \"{quote}\". This is {model}, a model that needs no key and always agrees.")
            }
        }
    }

    /// What of `text` comes behind the part that the conversation ends with or that the user's last words quote the end
    /// of, and the `overlap` tokens before it.
    fn rest_of<'t>(&self, text: &'t str, overlap: usize) -> &'t str {
        let ends = text::piece_ends(text);
        let quotes = |end: &usize| {
            let said = &text[..*end];
            match &self.last {
                Last::Assistant(words) => words.trim_end() == said.trim_end(),
                _ => self.user_text.contains(tail(said)),
            }
        };
        // The longest part first: the end of a shorter one may be quoted by accident.
        let Some(place) = ends.iter().rposition(quotes) else { return text };
        match place.checked_sub(overlap) {
            Some(last) => &text[ends[last]..],
            None => text,
        }
    }

    /// The text up to the first stop sequence or the last token allowed.
    fn cut(&self, mut text: String, budget: Option<u64>) -> (String, End, Option<&str>, u64) {
        let stops = self.stops.iter().filter(|stop| !stop.is_empty());
        let first = stops.filter_map(|stop| text.find(stop).map(|at| (at, *stop))).min();
        if let Some((at, _)) = first {
            text.truncate(at);
        }
        let tokens = text::token_count(&text);
        match budget {
            Some(budget) if budget < tokens => {
                let ends = text::piece_ends(&text);
                let last = usize::try_from(budget).ok().and_then(|count| count.checked_sub(1));
                text.truncate(last.and_then(|last| ends.get(last).copied()).unwrap_or(0));
                (text, End::Length, None, budget)
            }
            _ => (text, End::Stop, first.map(|(_, stop)| stop), tokens),
        }
    }
}

impl Tool<'_> {
    fn call(&self) -> ToolCall {
        let arguments = if self.takes_text {
            format!("input for {}", self.name)
        } else {
            self.parameters.map_or_else(
                || "{}".to_owned(),
                |schema| {
                    let value = schema::sample(schema);
                    if value.is_object() { value.to_string() } else { "{}".to_owned() }
                },
            )
        };
        ToolCall { name: self.name.to_owned(), arguments, takes_text: self.takes_text }
    }
}

/// The end of a text by which it is known again.
fn tail(text: &str) -> &str {
    let start = text.char_indices().rev().nth(QUOTED_CHARS - 1).map_or(0, |(at, _)| at);
    &text[start..]
}

/// Thinking costs more the harder it was asked for; unasked there is none.
fn reasoning_tokens(effort: Option<&str>) -> u64 {
    match effort {
        None | Some("none" | "minimal") => 0,
        Some("low") => 64,
        Some("medium") => 128,
        Some("high") => 256,
        Some(_) => 512,
    }
}

#[cfg(test)]
mod tests;
