//! The strict ShareGPT form, as LLaMA-Factory and axolotl read it.
//!
//! Source: `data/README.md` of LLaMA-Factory, and the converter that reads the form. `human` and `observation` stand in odd
//! places, `gpt` and `function_call` in even ones; a `system` may stand first. A `function_call` is JSON, one call or a list
//! of them, with nothing but `<think>` before it; several results of one turn are a list of texts in JSON. Pictures are
//! `<image>` in the text, and `images` has them in their order. `tools` is JSON in a text.

use std::borrow::Cow;

use lockgate_protocol::ir::{Losses, ToolUse, raw};
use serde::Serialize;
use serde_json::value::RawValue;

use super::{Line, json_text, no_field, strict, unsaid};
use crate::{
    Conversation, NotUsable, Reasoning, chat,
    tools::{Function, Functions},
    turns::{Speaker, Turn},
};

#[derive(Serialize)]
struct Object<'o> {
    conversations: Vec<Said>,
    tools: String,
    images: Vec<Cow<'o, str>>,
}

#[derive(Serialize)]
struct Said {
    from: &'static str,
    value: String,
}

/// A call in a `function_call`.
#[derive(Serialize)]
struct Called<'c> {
    name: &'c str,
    arguments: &'c RawValue,
}

/// A function as the readers' templates want it: they look for all three.
#[derive(Serialize)]
struct Described<'f> {
    name: &'f str,
    description: &'f str,
    parameters: Cow<'f, RawValue>,
}

pub(crate) fn line(conversation: &Conversation<'_>, reasoning: Reasoning) -> Result<Line, NotUsable> {
    let mut losses = Losses::default();
    let functions = Functions::of(conversation, &mut losses);
    let turns = strict(conversation, &functions, &mut losses)?;
    let mut writer = Writer { said: Vec::new(), images: Vec::new(), losses, reasoning };
    let mut rest = &turns[..];
    if let Some((first, behind)) = rest.split_first().filter(|(first, _)| first.speaker == Speaker::System) {
        let value = writer.text(first)?;
        writer.said.push(Said { from: "system", value });
        rest = behind;
    }
    let mut is_models_turn = false;
    for group in rest.chunk_by(|one, next| one.speaker == next.speaker) {
        let Some(first) = group.first() else { continue };
        let is_models = first.speaker == Speaker::Assistant;
        if is_models != is_models_turn {
            return Err(unsaid(&*first.path, out_of_turn(first.speaker, writer.said.is_empty())));
        }
        writer.group(group, first.speaker)?;
        is_models_turn = !is_models;
    }
    let Writer { said: conversations, images, mut losses, .. } = writer;
    let tools: Vec<_> = functions
        .on_offer(&mut losses)
        .iter()
        .enumerate()
        .map(|(at, function)| described(at, function, &mut losses))
        .collect();
    let tools = json_text(&tools);
    Line::new(&Object { conversations, tools, images }, losses)
}

/// Why nobody of this kind may speak here.
fn out_of_turn(speaker: Speaker, is_first: bool) -> &'static str {
    match speaker {
        Speaker::Assistant if is_first => "the model speaks first",
        Speaker::System => "a system message within the conversation",
        _ => "the user's words and a tool's result in one turn",
    }
}

struct Writer<'t> {
    said: Vec<Said>,
    images: Vec<Cow<'t, str>>,
    losses: Losses,
    reasoning: Reasoning,
}

impl<'t> Writer<'t> {
    fn text(&mut self, turn: &Turn<'t>) -> Result<String, NotUsable> {
        let before = self.images.len();
        let text = chat::text(turn, &mut self.images, &mut self.losses);
        if text.matches(chat::PICTURE).count() != self.images.len() - before {
            return Err(unsaid(&*turn.path, "its text has what stands for a picture in this form"));
        }
        if !turn.name.is_empty() && turn.speaker != Speaker::Tool {
            self.losses.add(format!("{}.name", turn.path), "speakers have no names here");
        }
        Ok(text)
    }

    /// Writes what stands in one place: turns of one speaker that follow each other.
    fn group(&mut self, turns: &[Turn<'t>], speaker: Speaker) -> Result<(), NotUsable> {
        let mut texts = Vec::new();
        for turn in turns {
            no_field(turn, self.reasoning)?;
            texts.push(chat::thought(turn, self.reasoning) + &self.text(turn)?);
        }
        for turn in turns.iter().skip(1).filter(|_| speaker != Speaker::Tool) {
            self.losses.add(&*turn.path, "joined to the message before it");
        }
        let said = match speaker {
            Speaker::System => return Err(unsaid(path(turns), out_of_turn(speaker, false))),
            Speaker::User => Said { from: "human", value: texts.join("\n\n") },
            Speaker::Tool => Said {
                from: "observation",
                value: match &mut texts[..] {
                    [one] => std::mem::take(one),
                    several => raw(several).get().to_owned(),
                },
            },
            Speaker::Assistant => self.answer(turns, &texts)?,
        };
        self.said.push(said);
        Ok(())
    }

    fn answer(&self, turns: &[Turn<'t>], texts: &[String]) -> Result<Said, NotUsable> {
        let calls: Vec<&ToolUse<'_>> = turns.iter().flat_map(|turn| turn.calls.iter().copied()).collect();
        if calls.is_empty() {
            return Ok(Said { from: "gpt", value: texts.join("\n\n") });
        }
        if turns.iter().any(|turn| !turn.pieces.is_empty()) {
            return Err(unsaid(path(turns), "the model's words beside its calls"));
        }
        let called = calls.iter().map(|call| {
            let arguments = serde_json::from_str(&call.input)
                .map_err(|_| unsaid(path(turns), "arguments of a call that are no JSON"))?;
            Ok(Called { name: &call.name, arguments })
        });
        let called: Vec<Called<'_>> = called.collect::<Result<_, NotUsable>>()?;
        let json = match &called[..] {
            [one] => raw(one),
            several => raw(several),
        };
        // All there is beside the calls is reasoning.
        Ok(Said { from: "function_call", value: texts.concat() + json.get() })
    }
}

fn path<'p>(turns: &'p [Turn<'_>]) -> &'p str {
    turns.first().map_or("messages", |turn| &turn.path)
}

/// A function without parameters has an empty list of them: so the chat API reads it.
fn described<'f>(at: usize, function: &Function<'f>, losses: &mut Losses) -> Described<'f> {
    if function.strict.is_some() {
        losses.add(format!("tools[{at}].strict"), "how strictly arguments are checked has no place here");
    }
    let parameters = match function.parameters {
        Some(parameters) => Cow::Borrowed(parameters),
        None => raw(&serde_json::json!({ "type": "object", "properties": {} })),
    };
    Described { name: function.name, description: function.description.unwrap_or_default(), parameters }
}
