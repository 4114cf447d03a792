//! Watches the streams of the image and audio endpoints, and of endpoints the gateway does not know.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{error, wire};
use crate::{
    dialect::{Ending, Meaning, Watch},
    framing::sse::Event,
    ir,
};

/// Typed events such as `transcript.text.delta` and `image_generation.completed`; a `.done` or `.completed` ends the
/// answer. A stream without such types is whole when its bytes end as HTTP says they should.
#[derive(Default)]
pub(super) struct EventWatch {
    usage: Option<ir::Usage>,
    /// True once an event had a type that can end: then the stream has to.
    is_typed: bool,
    is_done: bool,
    has_output: bool,
}

#[derive(Deserialize)]
struct Typed<'a> {
    #[serde(borrow, default)]
    r#type: Option<&'a str>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
}

impl Watch for EventWatch {
    fn event(&mut self, raw: &[u8]) -> Meaning {
        let event = Event::parse(raw);
        let Some(data) = event.data.as_deref() else { return Meaning::Lifecycle };
        if data == b"[DONE]" {
            self.is_done = true;
            return if self.has_output { Meaning::End } else { Meaning::Empty };
        }
        if event.name == Some(b"error") || wire::failure(data) {
            return Meaning::Failed;
        }
        self.has_output = true;
        if let Ok(typed) = serde_json::from_slice::<Typed<'_>>(data) {
            self.usage = typed.usage.and_then(|raw| wire::Usage::read(raw.get().as_bytes())).or(self.usage);
            if let Some(name) = typed.r#type {
                self.is_typed |= name.contains('.');
                self.is_done |= name.ends_with(".done") || name.ends_with(".completed");
            }
        }
        Meaning::Output
    }

    fn finish(&mut self) -> Ending {
        if self.has_output && (self.is_done || !self.is_typed) {
            Ending::Whole(Bytes::new())
        } else {
            Ending::Cut
        }
    }

    fn fail(&mut self, fault: &ir::Fault) -> Bytes {
        [b"event: error\ndata: ", error::body(fault).as_ref(), b"\n\n"].concat().into()
    }

    fn usage(&self) -> Option<ir::Usage> {
        self.usage
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(events: &[&str], ending: &Ending) {
        let mut watch = EventWatch::default();
        for data in events {
            watch.event(format!("data: {data}\n\n").as_bytes());
        }
        assert_eq!(&watch.finish(), ending);
    }

    #[test]
    fn a_typed_stream_has_to_say_that_it_is_done() {
        let (delta, done) = (
            r#"{"type":"transcript.text.delta","delta":"a"}"#,
            r#"{"type":"transcript.text.done","text":"a"}"#,
        );
        check(&[delta, done], &Ending::Whole(Bytes::new()));
        check(&[delta], &Ending::Cut);
        check(&[r#"{"any":"thing"}"#], &Ending::Whole(Bytes::new()));
        check(&[], &Ending::Cut);
    }
}
