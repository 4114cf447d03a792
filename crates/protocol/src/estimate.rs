//! Estimates the tokens of a conversation, for providers that cannot count them.
//!
//! Text is counted by the tokenizers that OpenAI published, pictures by the formulas of the makers' guides. What a
//! provider adds around a conversation nobody can know, and other makers keep their tokenizers to themselves: what comes
//! out is an estimate, and has to be called one.

mod family;
mod meter;
mod picture;
mod vocabulary;

use crate::ir::{Block, Content, Media, OutputFormat, Request, Source, Tool};
use family::Family;

pub use meter::Meter;

/// What a document costs about that has to be fetched first, in tokens: a page or so.
const ELSEWHERE: u64 = 1000;
/// Bytes of base64 that cost about a token in documents and sound.
const BASE64_PER_TOKEN: usize = 60;

/// About how many tokens `request` has as a prompt for `model`. Takes a time that is linear in the request's size: some
/// hundredth of a second for what an agent sends. The first call loads a vocabulary, which takes a tenth of a second, and
/// keeps its 45 MiB.
pub fn tokens(request: &Request<'_>, model: &str) -> u64 {
    let count = Count { family: Family::of(model) };
    let frame = &count.family.frame;
    let messages = request.messages.iter().map(|message| frame.message + count.blocks(&message.blocks));
    let tools = request.tools.iter().map(|tool| count.tool(tool));
    let format = match &request.format {
        Some(OutputFormat::Schema { schema, .. }) => count.schema(schema.get(), frame.format),
        Some(_) | None => 0,
    };
    let for_tools = if request.tools.is_empty() { 0 } else { frame.instructions };
    frame.whole
        + count.blocks(&request.system)
        + messages.sum::<u64>()
        + for_tools
        + tools.sum::<u64>()
        + format
}

/// Counts for the models of one family.
struct Count {
    family: &'static Family,
}

impl Count {
    fn blocks(&self, list: &[Block<'_>]) -> u64 {
        list.iter().map(|block| self.content(&block.content)).sum()
    }

    fn content(&self, content: &Content<'_>) -> u64 {
        match content {
            Content::Text { text, .. } | Content::Refusal(text) => self.text(text),
            Content::Image(media) => self.picture(media),
            Content::Document(media) | Content::Audio(media) | Content::Video(media) => match &media.source {
                Source::Text(text) => self.text(text),
                Source::Blocks(inner) => self.blocks(inner),
                Source::Base64(data) => (data.len() / BASE64_PER_TOKEN) as u64,
                Source::Url(_) | Source::File(_) => ELSEWHERE,
            },
            Content::ToolUse(call) => self.text(&call.name) + self.text(&call.input),
            Content::ToolResult(result) => self.blocks(&result.blocks),
            Content::Thinking(thinking) => self.text(&thinking.text),
            Content::Foreign { raw, .. } => self.text(raw.get()),
        }
    }

    fn tool(&self, tool: &Tool<'_>) -> u64 {
        match tool {
            Tool::Client { name, description, schema, .. } => {
                self.text(name)
                    + description.as_deref().map_or(0, |text| self.text(text))
                    + schema.as_ref().map_or(0, |schema| self.schema(schema.get(), self.family.frame.tool))
            }
            Tool::Foreign { raw, .. } => self.text(raw.get()),
        }
    }

    fn text(&self, text: &str) -> u64 {
        self.schema(text, self.family.frame.thousandths)
    }

    /// A schema, of which makers count another part than of a text.
    fn schema(&self, schema: &str, thousandths: u64) -> u64 {
        (self.family.vocabulary.count(schema) * thousandths).div_ceil(1000)
    }

    fn picture(&self, media: &Media<'_>) -> u64 {
        let size = match &media.source {
            Source::Base64(data) => picture::size(data),
            Source::Text(_) | Source::Blocks(_) | Source::Url(_) | Source::File(_) => None,
        };
        let is_coarse = media.detail.as_deref() == Some("low");
        self.family.picture.tokens(size, is_coarse)
    }
}
