//! About how long a message becomes when it is written, so that an outgoing body is allocated once.

use super::{Block, Content, Media, Members, Message, OutputFormat, Request, Response, Source, Text, Tool};

/// What surrounds the conversation: model, settings, usage.
const AROUND: usize = 2048;
/// What surrounds one thing in any dialect: names, braces, a type, an id.
const EACH: usize = 160;

impl Request<'_> {
    /// About how many bytes the request takes in any dialect; seldom less than it does.
    pub fn size(&self) -> usize {
        let format = match &self.format {
            Some(OutputFormat::Schema { schema, .. }) => schema.get().len(),
            _ => 0,
        };
        AROUND
            + blocks(&self.system)
            + self.messages.iter().map(message).sum::<usize>()
            + self.tools.iter().map(tool).sum::<usize>()
            + format
            + members(&self.extra)
    }
}

impl Response<'_> {
    /// About how many bytes the answer takes in any dialect; seldom less than it does.
    pub fn size(&self) -> usize {
        let logprobs = |raw: &super::Raw<'_>| raw.get().len();
        let choice = |choice: &super::Choice<'_>| {
            EACH + blocks(&choice.blocks)
                + choice.logprobs.as_ref().map_or(0, logprobs)
                + members(&choice.extra)
        };
        AROUND + self.choices.iter().map(choice).sum::<usize>() + members(&self.extra)
    }
}

fn message(message: &Message<'_>) -> usize {
    EACH + blocks(&message.blocks) + members(&message.extra)
}

fn blocks(blocks: &[Block<'_>]) -> usize {
    blocks.iter().map(block).sum()
}

fn block(block: &Block<'_>) -> usize {
    let content = match &block.content {
        Content::Text { text, citations } => {
            words(text) + citations.iter().map(|citation| EACH + citation.raw.get().len()).sum::<usize>()
        }
        Content::Image(media) | Content::Document(media) | Content::Audio(media) | Content::Video(media) => {
            self::media(media)
        }
        Content::ToolUse(call) => words(&call.input) + call.id.len() + call.name.len(),
        Content::ToolResult(result) => blocks(&result.blocks) + result.id.len(),
        Content::Thinking(thinking) => {
            words(&thinking.text) + thinking.signature.as_ref().map_or(0, |signature| signature.value.len())
        }
        Content::Refusal(text) => words(text),
        Content::Foreign { raw, .. } => raw.get().len(),
    };
    EACH + content + members(&block.extra)
}

fn media(media: &Media<'_>) -> usize {
    let source = match &media.source {
        Source::Base64(data) => data.len(),
        Source::Text(text) => words(text),
        Source::Blocks(inner) => blocks(inner),
        Source::Url(place) | Source::File(place) => place.len(),
    };
    source + media.context.as_ref().map_or(0, words)
}

fn tool(tool: &Tool<'_>) -> usize {
    match tool {
        Tool::Client { description, schema, extra, .. } => {
            EACH + description.as_ref().map_or(0, words)
                + schema.as_ref().map_or(0, |schema| schema.get().len())
                + members(extra)
        }
        Tool::Foreign { raw, .. } => EACH + raw.get().len(),
    }
}

/// Text with some room for escapes: line ends and quotes are every tenth byte of a program's text.
fn words(text: &Text<'_>) -> usize {
    text.len() + text.len() / 8
}

fn members(members: &Members<'_>) -> usize {
    members.iter().map(|(key, raw)| key.len() + raw.get().len() + 4).sum()
}
