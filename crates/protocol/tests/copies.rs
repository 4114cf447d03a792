//! How much a translation allocates. A test binary of its own, because its allocator counts.
#![allow(clippy::panic, reason = "a test that cannot go on fails")]

#[path = "../benches/load/mod.rs"]
mod load;

use lockgate_protocol::dialects::DIALECTS;

/// Bytes of base64 of the picture.
const IMAGE: usize = 1 << 20;

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
