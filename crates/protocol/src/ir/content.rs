//! Messages and what they consist of.

use std::borrow::Cow;

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use super::{Members, Raw, Text, ToolKind};

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// The operator of the application. A leading run of these is in [`super::Request::system`] instead.
    System,
    /// The same, in the newer OpenAI word.
    Developer,
    /// The user; tool results are the user's too, as in Anthropic, Gemini and Bedrock.
    User,
    /// The model.
    Assistant,
}

/// One turn. Tool results that follow each other are blocks of one message.
#[derive(Debug, Clone)]
pub struct Message<'a> {
    /// Who speaks.
    pub role: Role,
    /// What is said, in order.
    pub blocks: Vec<Block<'a>>,
    /// The speaker's name, where several share a role.
    pub name: Option<Text<'a>>,
    /// The message's id, where the dialect gives items ids.
    pub id: Option<Text<'a>>,
    /// Members that only the origin dialect knows.
    pub extra: Members<'a>,
}

/// One piece of a message.
#[derive(Debug, Clone)]
pub struct Block<'a> {
    /// What it is.
    pub content: Content<'a>,
    /// The provider is asked to cache the prompt up to and with this block.
    pub cache: Option<CacheHint<'a>>,
    /// Members that only the origin dialect knows.
    pub extra: Members<'a>,
}

impl Block<'_> {
    /// The member of [`Block::extra`] that is the proof of a block, where its content has no place for one: Gemini signs
    /// texts and media too. In a stream it is [`super::Delta::Signature`].
    pub const PROOF: &'static str = "signature";
}

/// Where the provider's prompt cache shall end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheHint<'a> {
    /// How long it shall live, as the dialect spells it (`5m`, `1h`); absent for the default.
    pub ttl: Option<Text<'a>>,
}

/// What a block is.
#[derive(Debug, Clone)]
pub enum Content<'a> {
    /// Plain text.
    Text {
        /// The text.
        text: Text<'a>,
        /// What backs it, in answers.
        citations: Vec<Citation<'a>>,
    },
    /// A picture.
    Image(Media<'a>),
    /// A document: PDF, plain text, or blocks of its own.
    Document(Media<'a>),
    /// Sound.
    Audio(Media<'a>),
    /// Moving pictures.
    Video(Media<'a>),
    /// The model calls a tool of the client.
    ToolUse(ToolUse<'a>),
    /// What a tool of the client gave back.
    ToolResult(ToolResult<'a>),
    /// The model's reasoning.
    Thinking(Thinking<'a>),
    /// The model declines.
    Refusal(Text<'a>),
    /// What only one dialect has (server tools and their results, approvals, ...), kept whole.
    Foreign {
        /// The dialect it comes from.
        origin: &'static str,
        /// Its type there.
        kind: Text<'a>,
        /// All of it.
        raw: Raw<'a>,
    },
}

/// Something that is not text, or a text that came as a file.
#[derive(Debug, Clone, Default)]
pub struct Media<'a> {
    /// Where its bytes are.
    pub source: Source<'a>,
    /// The media type, e.g. `image/png`; for audio that a dialect names by format only, `audio/` and the format.
    pub media_type: Option<Text<'a>>,
    /// The file's name or title.
    pub name: Option<Text<'a>>,
    /// What the client says about a document, for the model to read; of sound, the words it says.
    pub context: Option<Text<'a>>,
    /// How closely to look at a picture: `low`, `high`, `auto`.
    pub detail: Option<Text<'a>>,
    /// Whether the answer shall cite this document.
    pub cite: Option<bool>,
}

/// Base64 as RFC 4648 has it, with its padding or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl<'a> Media<'a> {
    /// What stands before a document that is said as text: its title, and what the client says about it.
    pub fn heading(&self) -> impl Iterator<Item = &Text<'a>> {
        [&self.name, &self.context].into_iter().flatten()
    }

    /// The text of a document that is one: as it came, or out of base64 whose media type says text. `None` for any other
    /// document, and for what is not UTF-8. For dialects that take documents as text only.
    pub fn plain_text(&self) -> Option<Cow<'_, str>> {
        match &self.source {
            Source::Text(text) => Some(Cow::Borrowed(text)),
            Source::Base64(data) => {
                let kind = self.media_type.as_deref()?;
                if !(kind.starts_with("text/") || kind.starts_with("application/json")) {
                    return None;
                }
                String::from_utf8(BASE64.decode(&**data).ok()?).ok().map(Cow::Owned)
            }
            Source::Blocks(_) | Source::Url(_) | Source::File(_) => None,
        }
    }
}

/// Where the bytes of a medium are.
#[derive(Debug, Clone)]
pub enum Source<'a> {
    /// Here, in base64 (never as a data URL: decoders take the prefix off, encoders put it on).
    Base64(Text<'a>),
    /// Here, as text.
    Text(Text<'a>),
    /// Here, as blocks (an Anthropic document of blocks).
    Blocks(Vec<Block<'a>>),
    /// At a URL that the provider fetches; the gateway never does.
    Url(Text<'a>),
    /// In the provider's file store, under this id or URI.
    File(Text<'a>),
}

impl Default for Source<'_> {
    fn default() -> Self {
        Self::Text(Text::default())
    }
}

/// A call of a client's tool.
#[derive(Debug, Clone)]
pub struct ToolUse<'a> {
    /// Ties the result to the call. Never empty: a decoder whose dialect has none makes one up from position and name.
    pub id: Text<'a>,
    /// The tool.
    pub name: Text<'a>,
    /// The arguments as JSON text (`{}` if there are none); for a custom tool the plain text.
    pub input: Text<'a>,
    /// Whether `input` is JSON or plain text.
    pub kind: ToolKind,
    /// A signature that has to stand at this very call (Gemini).
    pub signature: Option<Signature<'a>>,
    /// The id of the item that holds the call, where the dialect has both (Responses).
    pub item: Option<Text<'a>>,
}

/// What a tool gave back.
#[derive(Debug, Clone)]
pub struct ToolResult<'a> {
    /// The call it belongs to.
    pub id: Text<'a>,
    /// The tool, where the dialect says it; filled in from the call where it can be found.
    pub name: Option<Text<'a>>,
    /// Text, pictures, documents.
    pub blocks: Vec<Block<'a>>,
    /// Whether the tool failed, if the client said so.
    pub is_error: Option<bool>,
    /// Which kind of call it answers.
    pub kind: ToolKind,
}

/// The model's reasoning, as far as it is shown, and what proves it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Thinking<'a> {
    /// The readable part; empty if there is none.
    pub text: Text<'a>,
    /// True if `text` is a summary (Responses `summary`), false if it is the reasoning itself.
    pub is_summary: bool,
    /// What the provider wants back unchanged: a signature, or the whole reasoning encrypted.
    pub signature: Option<Signature<'a>>,
    /// True if the reasoning itself is only in the signature (Anthropic `redacted_thinking`, Bedrock `redactedContent`).
    pub is_redacted: bool,
    /// The item's id (Responses).
    pub item: Option<Text<'a>>,
}

/// An opaque proof that only the dialect it comes from can read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature<'a> {
    /// The dialect it comes from.
    pub origin: Text<'a>,
    /// The proof.
    pub value: Text<'a>,
}

/// Marks a signature that travels through a place of another dialect.
const TAG: &str = "lockgate:";

impl<'a> Signature<'a> {
    /// A signature of the dialect `origin`.
    pub fn new(origin: &'a str, value: impl Into<Text<'a>>) -> Self {
        Self { origin: origin.into(), value: value.into() }
    }

    /// How the signature is written into the place that the dialect `here` has for one: as it is at home, tagged with
    /// its origin elsewhere, so that it can be put back on the next turn.
    pub fn write(&self, here: &str) -> Text<'_> {
        if self.origin == *here {
            self.value.borrowed()
        } else {
            format!("{TAG}{}:{}", self.origin, self.value).into()
        }
    }

    /// Reads what [`Signature::write`] wrote into a place of the dialect `here`.
    pub fn read(here: &'static str, written: Text<'a>) -> Self {
        let tagged = written.strip_prefix(TAG).and_then(|rest| rest.split_once(':'));
        match tagged.map(|(origin, value)| (origin.to_owned(), value.to_owned())) {
            Some((origin, value)) => Self { origin: origin.into(), value: value.into() },
            None => Self { origin: here.into(), value: written },
        }
    }

    /// The proof, if it is one of the dialect `here`: no provider takes another's.
    pub fn at_home(&self, here: &str) -> Option<&str> {
        (self.origin == *here).then_some(&*self.value)
    }
}

/// What backs a piece of an answer. The common part is typed; the rest is in the raw form of its dialect.
#[derive(Debug, Clone)]
pub struct Citation<'a> {
    /// The words cited.
    pub text: Option<Text<'a>>,
    /// Where they are from.
    pub url: Option<Text<'a>>,
    /// The title of that place.
    pub title: Option<Text<'a>>,
    /// Where in the answer's text the citation stands, in characters.
    pub range: Option<(u64, u64)>,
    /// The dialect of `raw`.
    pub origin: &'static str,
    /// All of it.
    pub raw: Raw<'a>,
}

impl<'a> Content<'a> {
    /// Plain text without citations.
    pub fn text(text: impl Into<Text<'a>>) -> Self {
        Self::Text { text: text.into(), citations: Vec::new() }
    }
}

impl<'a> From<Content<'a>> for Block<'a> {
    fn from(content: Content<'a>) -> Self {
        Self { content, cache: None, extra: Vec::new() }
    }
}

impl<'a> Message<'a> {
    /// A message of these blocks.
    pub fn new(role: Role, blocks: Vec<Block<'a>>) -> Self {
        Self { role, blocks, name: None, id: None, extra: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_text(media_type: &'static str, source: Source<'static>, expect: Option<&str>) {
        let media = Media { source, media_type: Some(media_type.into()), ..Media::default() };
        assert_eq!(media.plain_text().as_deref(), expect);
    }

    #[test]
    fn a_text_that_came_as_a_file_is_text() {
        let base64 = |data: &'static str| Source::Base64(data.into());
        check_text("text/plain", base64("w6k="), Some("é"));
        check_text("text/markdown; charset=utf-8", base64("w6k"), Some("é"));
        check_text("application/json", base64("e30="), Some("{}"));
        check_text("application/pdf", base64("w6k="), None);
        check_text("text/plain", base64("/w=="), None);
        check_text("text/plain", base64("?"), None);
        check_text("application/pdf", Source::Text("as it is".into()), Some("as it is"));
        check_text("text/plain", Source::Url("https://x/y.txt".into()), None);
    }

    #[test]
    fn a_signature_finds_home_through_another_dialect() {
        let signature = Signature::new("anthropic", "EqoB:x==");
        assert_eq!(signature.write("anthropic"), "EqoB:x==");
        let written = signature.write("openai-responses").into_owned();
        let read = Signature::read("openai-responses", written);
        assert_eq!(read, signature);
        assert_eq!((read.at_home("anthropic"), read.at_home("gemini")), (Some("EqoB:x=="), None));
    }
}
