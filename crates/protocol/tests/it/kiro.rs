//! Kiro, which only providers speak: requests of clients' dialects written for it, and its streams.

mod requests;
mod streams;

use lockgate_protocol::{codec::Codec, dialects};

fn codec() -> &'static dyn Codec {
    dialects::find("kiro").expect("the table has it").codec()
}
