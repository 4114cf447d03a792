//! Streams: one JSON object a line, the last one `done`.

mod decode;
mod encode;
mod watch;

pub(super) use decode::Decoder;
pub(super) use encode::Encoder;
pub(super) use watch::LineWatch;
