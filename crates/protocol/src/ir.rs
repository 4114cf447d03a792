//! The superset that every dialect is translated through: what a call asks, answers, costs and how it fails.
//!
//! The types borrow from the bytes they were decoded from, so that a picture in a request is copied once: into the
//! outgoing body. Raw JSON (tool arguments, schemas) stays text, so that key order and number spelling survive.

mod content;
mod event;
mod fault;
mod loss;
mod request;
mod response;
mod room;
mod size;
mod text;
mod tool;
mod usage;

pub use content::{
    Block, CacheHint, Citation, Content, Media, Message, Role, Signature, Source, Thinking, ToolResult,
    ToolUse,
};
pub use event::{BlockKind, Delta, Event, Extras, Place};
pub use fault::{Blame, Complaint, Fault, FaultKind, Remedy, Scope};
pub use loss::{Loss, Losses};
pub use request::{Audio, Effort, OutputFormat, Reasoning, Request, Sampling};
pub use response::{Choice, Response, Stop, StopReason};
pub use room::{Left, Room};
pub use text::{Members, Number, Raw, Text, raw};
pub use tool::{Tool, ToolChoice, ToolKind};
pub use usage::Usage;
