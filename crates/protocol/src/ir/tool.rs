//! The tools a client offers, and how the model is to choose among them.

use super::{CacheHint, Members, Raw, Text};

/// What a tool takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ToolKind {
    /// JSON that fits a schema.
    #[default]
    Function,
    /// Plain text (OpenAI custom tools).
    Custom,
}

/// One tool.
#[derive(Debug, Clone)]
pub enum Tool<'a> {
    /// A tool of the client.
    Client {
        /// Its name.
        name: Text<'a>,
        /// What it does, for the model to read.
        description: Option<Text<'a>>,
        /// The JSON Schema of its arguments; for a custom tool its grammar or format.
        schema: Option<Raw<'a>>,
        /// Whether arguments have to fit the schema exactly.
        strict: Option<bool>,
        /// What it takes.
        kind: ToolKind,
        /// The provider is asked to cache the prompt up to and with this tool.
        cache: Option<CacheHint<'a>>,
        /// Members that only the origin dialect knows.
        extra: Members<'a>,
    },
    /// A tool that the provider runs (web search, code execution, namespaces, ...): only its own dialect has it, and a
    /// client could not run it, so elsewhere it is a loss.
    Foreign {
        /// The dialect it comes from.
        origin: &'static str,
        /// Its type or name there.
        kind: Text<'a>,
        /// All of it.
        raw: Raw<'a>,
    },
}

/// How the model is to choose.
#[derive(Debug, Clone)]
pub enum ToolChoice<'a> {
    /// As it likes.
    Auto,
    /// No tool.
    None,
    /// Some tool.
    Required,
    /// This tool.
    Named(Text<'a>),
    /// One of these tools, and whether one has to be called.
    Allowed {
        /// The names.
        names: Vec<Text<'a>>,
        /// Whether one of them has to be called.
        required: bool,
    },
    /// A choice only its own dialect has.
    Foreign {
        /// The dialect it comes from.
        origin: &'static str,
        /// All of it.
        raw: Raw<'a>,
    },
}
