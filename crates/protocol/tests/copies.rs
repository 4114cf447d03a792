//! How much a translation allocates. A test binary of its own, because its allocator counts.
#![allow(clippy::panic, reason = "a test that cannot go on fails")]

#[path = "../benches/load/mod.rs"]
mod load;

use lockgate_protocol::dialects::DIALECTS;

/// Bytes of base64 of the picture.
const IMAGE: usize = 1 << 20;
/// Pieces of a streamed answer.
const EVENTS: u64 = 1000;
/// Most bytes that reading one of them may allocate, and writing it for a client of the same dialect.
const PER_EVENT: u64 = 400;

/// Large base64 is borrowed where it came in and written once, into the outgoing body: whatever the pair of dialects,
/// all allocations together are little more than that body. (The counting allocator never grows in place, so that a
/// body that was begun too small counts each time it is moved.)
#[test]
fn a_picture_is_copied_once() {
    let mut problems = Vec::new();
    for from in DIALECTS {
        let body = load::image_request(*from, IMAGE);
        for to in DIALECTS {
            let mut length = 0;
            let allocated =
                allocation_counter::measure(|| length = load::translate_request((*from, *to), &body).len());
            assert!(length > IMAGE, "{} -> {}: the picture is lost", from.name(), to.name());
            if allocated.bytes_total > (IMAGE + IMAGE / 4) as u64 {
                let times = allocated.bytes_total as f64 / IMAGE as f64;
                problems.push(format!("{} -> {}: {times:.2} times the picture", from.name(), to.name()));
            }
        }
    }
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

/// What an event of a stream allocates is paid a thousand times per answer.
#[test]
fn a_chunk_of_a_stream_needs_little_memory() {
    let chat = load::dialect("openai-chat");
    let (chunks, request) = (load::stream(chat, EVENTS), load::stream_request());
    let allocated = allocation_counter::measure(|| {
        load::translate_stream((chat, chat), &chunks, &request);
    });
    let each = allocated.bytes_total / chunks.len() as u64;
    assert!(each <= PER_EVENT, "{each} bytes per event, in {} allocations", allocated.count_total);
}
