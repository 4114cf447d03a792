//! OpenAI's form for fine-tuning: `messages`, `tools` and `parallel_tool_calls`, nothing else.
//!
//! Source: the OpenAI API description, schema `FineTuneChatRequestInput`: "Input messages may contain text or image content
//! only. Audio and file input messages are not currently supported for fine-tuning."

use std::borrow::Cow;

use lockgate_protocol::ir::Losses;
use serde::Serialize;

use super::{Line, messages::role, no_field, strict, unsaid};
use crate::{
    Conversation, NotUsable, Reasoning, chat,
    tools::{ChatCall, Entry, Functions},
    turns::{Piece, Speaker, Turn},
};

#[derive(Serialize)]
struct Object<'o> {
    messages: Vec<Message<'o>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Entry<'o>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parallel_tool_calls: Option<bool>,
}

#[derive(Serialize)]
struct Message<'o> {
    role: &'static str,
    content: Content<'o>,
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'o str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<ChatCall<'o>>,
    #[serde(skip_serializing_if = "str::is_empty")]
    tool_call_id: &'o str,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Content<'o> {
    Text(String),
    Parts(Vec<Part<'o>>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Part<'o> {
    Text { text: &'o str },
    ImageUrl { image_url: ImageUrl<'o> },
}

#[derive(Serialize)]
struct ImageUrl<'o> {
    url: Cow<'o, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'o str>,
}

pub(crate) fn line(conversation: &Conversation<'_>, reasoning: Reasoning) -> Result<Line, NotUsable> {
    let mut losses = Losses::default();
    let functions = Functions::of(conversation, &mut losses);
    let turns = strict(conversation, &functions, &mut losses)?;
    let messages = turns.iter().map(|turn| message(turn, reasoning)).collect::<Result<_, _>>()?;
    let tools: Vec<_> = functions.on_offer(&mut losses).into_iter().map(Entry::from).collect();
    // Elsewhere OpenAI refuses it, where there are no tools.
    let parallel_tool_calls = conversation.request.parallel_tools.filter(|_| !tools.is_empty());
    Line::new(&Object { messages, tools, parallel_tool_calls }, losses)
}

fn message<'o>(turn: &'o Turn<'o>, reasoning: Reasoning) -> Result<Message<'o>, NotUsable> {
    no_field(turn, reasoning)?;
    let content = if turn.has_pictures() {
        if turn.speaker != Speaker::User {
            return Err(unsaid(&*turn.path, "only the user's messages have pictures in this form"));
        }
        Content::Parts(turn.pieces.iter().map(part).collect())
    } else {
        let text = chat::text(turn, &mut Vec::new(), &mut Losses::default());
        Content::Text(chat::thought(turn, reasoning) + &text)
    };
    Ok(Message {
        role: role(turn.speaker),
        content,
        // A tool's message is known by its call.
        name: if turn.speaker == Speaker::Tool { "" } else { turn.name },
        tool_calls: turn.calls.iter().map(|call| ChatCall::from(*call)).collect(),
        tool_call_id: turn.call,
    })
}

fn part<'o>(piece: &'o Piece<'o>) -> Part<'o> {
    match piece {
        Piece::Text(text) => Part::Text { text },
        Piece::Picture(picture) => Part::ImageUrl {
            image_url: ImageUrl {
                url: Cow::Borrowed(&picture.url),
                detail: picture.detail.filter(|detail| *detail != "auto"),
            },
        },
    }
}
