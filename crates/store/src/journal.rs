//! The journal: append-only segments of one line per call. docs/journal.md describes the format.

mod bell;
mod durable;
mod folder;
mod fresh;
mod health;
mod keeper;
mod line;
mod lines;
mod medium;
mod position;
mod reader;
mod repair;
mod retention;
mod segments;
mod settings;
mod spell;
#[cfg(test)]
mod tests;
mod writer;

pub use durable::Durable;
pub use folder::OpenError;
pub use health::Health;
pub use line::{Line, VERSION, read as read_line};
pub use position::Position;
pub use reader::{Batch, Depth, Entry, Most, Reader, Skipped, record_at};
pub(crate) use reader::{count_lines, oldest};
pub use segments::Segments;
pub(crate) use segments::Shared;
pub use settings::{Event, Keep, Settings, Watcher};
