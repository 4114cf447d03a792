//! The targets of the protocol crate: every decoder of every dialect, every framing, every scanner of bodies.
//!
//! A decoder that takes the bytes is not left alone with them: what it read is written in every dialect, and what was
//! written must be readable there. So each target also tries all translations.

mod conversation;
mod scan;
mod stream;

use lockgate_protocol::{
    dialect::Dialect,
    dialects::{DIALECTS, UPSTREAM_ONLY},
    framing::Framing,
};

/// What a target does with an input.
pub(crate) type Run = Box<dyn Fn(&[u8])>;

/// One target.
pub(crate) struct Target {
    /// Its name: that of its corpus folder and its binary.
    pub(crate) name: String,
    /// What it does with an input; panics if something is wrong.
    pub(crate) run: Run,
}

/// All of them.
pub(crate) fn targets() -> Vec<Target> {
    type OfDialect = fn(&dyn Dialect, &[u8]);
    type Scan = fn(&[u8]);
    let of_dialect: [(&str, OfDialect); 4] = [
        ("request", conversation::request),
        ("response", conversation::response),
        ("stream", stream::stream),
        ("error", conversation::error),
    ];
    let of_framing =
        [("sse", Framing::Sse), ("ndjson", Framing::Ndjson), ("event_stream", Framing::EventStream)];
    let scanners: [(&str, Scan); 3] =
        [("json", scan::json), ("multipart", scan::multipart), ("envelope", scan::envelope)];

    let mut targets = Vec::new();
    for dialect in DIALECTS {
        for (what, run) in of_dialect {
            let name = format!("{}_{what}", dialect.name().replace('-', "_"));
            targets.push(Target { name, run: Box::new(move |input| run(*dialect, input)) });
        }
    }
    // What only providers speak is only read from them.
    for dialect in UPSTREAM_ONLY {
        for (what, run) in of_dialect.into_iter().filter(|(what, _)| matches!(*what, "stream" | "error")) {
            let name = format!("{}_{what}", dialect.name());
            targets.push(Target { name, run: Box::new(move |input| run(*dialect, input)) });
        }
    }
    for (name, framing) in of_framing {
        targets
            .push(Target { name: name.into(), run: Box::new(move |input| stream::framing(framing, input)) });
    }
    for (name, run) in scanners {
        targets.push(Target { name: name.into(), run: Box::new(run) });
    }
    targets
}

/// Stops with what was written where it should have been JSON.
#[track_caller]
fn assert_json(written: &[u8], by: &str) {
    if let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(written) {
        panic!("{by} wrote what is not JSON ({error}): {}", written.escape_ascii());
    }
}
