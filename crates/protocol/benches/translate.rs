//! What translating costs: `cargo bench -p lockgate-protocol`. Time and allocations by divan, then the price of a byte and
//! of an event.
#![allow(clippy::panic, clippy::print_stdout, reason = "a benchmark that cannot go on stops, and prints")]

mod load;

use std::{fmt, hint::black_box, time::Instant};

use divan::{AllocProfiler, Bencher, counter::BytesCount, counter::ItemsCount};
use load::Dialects;
use lockgate_protocol::{affinity, envelope::Envelope, ir::Request};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

/// From what the client speaks to what the provider speaks; answers and streams go the other way.
const PAIRS: &[Pair] = &[
    Pair { client: "anthropic", provider: "openai-chat" },
    Pair { client: "openai-chat", provider: "anthropic" },
    Pair { client: "openai-chat", provider: "gemini" },
    Pair { client: "openai-responses", provider: "anthropic" },
    Pair { client: "anthropic", provider: "gemini" },
    Pair { client: "ollama", provider: "openai-chat" },
];

/// Bytes of base64 of the picture.
const IMAGE: usize = 1 << 20;
/// Pieces of the streamed answer.
const EVENTS: u64 = 1000;

#[derive(Clone, Copy)]
struct Pair {
    client: &'static str,
    provider: &'static str,
}

impl Pair {
    fn there(self) -> Dialects {
        (load::dialect(self.client), load::dialect(self.provider))
    }

    fn back(self) -> Dialects {
        (load::dialect(self.provider), load::dialect(self.client))
    }
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}", self.client, self.provider)
    }
}

#[divan::bench(args = PAIRS)]
fn request_1_kb(bencher: Bencher<'_, '_>, pair: &Pair) {
    requests(bencher, pair.there(), &load::small_request(pair.there().0));
}

#[divan::bench(args = PAIRS)]
fn request_200_kb(bencher: Bencher<'_, '_>, pair: &Pair) {
    requests(bencher, pair.there(), &load::agent_request(pair.there().0));
}

#[divan::bench(args = PAIRS)]
fn request_image_1_mb(bencher: Bencher<'_, '_>, pair: &Pair) {
    requests(bencher, pair.there(), &load::image_request(pair.there().0, IMAGE));
}

/// The key of the session, once the envelope is read.
#[divan::bench(args = ["openai-chat", "openai-responses", "anthropic", "gemini", "ollama", "bedrock"])]
fn affinity_200_kb(bencher: Bencher<'_, '_>, name: &str) {
    let client = load::dialect(name);
    let body = load::agent_request(client);
    let Ok(envelope) = Envelope::read(None, body.into()) else { panic!("{name}: no request") };
    bencher.bench(|| affinity::key(client, |_| None, black_box(&envelope)));
}

fn requests(bencher: Bencher<'_, '_>, dialects: Dialects, body: &[u8]) {
    bencher.counter(BytesCount::new(body.len())).bench(|| load::translate_request(dialects, black_box(body)));
}

#[divan::bench(args = PAIRS)]
fn answer(bencher: Bencher<'_, '_>, pair: &Pair) {
    let (body, request) = (load::answer(pair.back().0), Request::default());
    bencher
        .counter(BytesCount::new(body.len()))
        .bench(|| load::translate_answer(pair.back(), black_box(&body), &request));
}

#[divan::bench(args = PAIRS)]
fn stream_1000_events(bencher: Bencher<'_, '_>, pair: &Pair) {
    let (chunks, request) = (load::stream(pair.back().0, EVENTS), load::stream_request());
    bencher
        .counter(ItemsCount::new(chunks.len()))
        .bench(|| load::translate_stream(pair.back(), black_box(&chunks), &request));
}

fn main() {
    divan::main();
    prices();
}

/// One line per pair: what a byte of a request or an answer costs, and an event of a stream.
fn prices() {
    println!(
        "\n{:32}{:>11}{:>11}{:>11}{:>11}{:>11}",
        "ns per byte, event", "1 KB", "200 KB", "image", "answer", "event"
    );
    for pair in PAIRS {
        let (there, back) = (pair.there(), pair.back());
        let of_request = |body: Vec<u8>| {
            nanoseconds(|| drop(black_box(load::translate_request(there, &body)))) / body.len() as f64
        };
        let (answer, request) = (load::answer(back.0), Request::default());
        let (chunks, asked) = (load::stream(back.0, EVENTS), load::stream_request());
        let whole = nanoseconds(|| drop(black_box(load::translate_answer(back, &answer, &request))));
        let stream = nanoseconds(|| _ = black_box(load::translate_stream(back, &chunks, &asked)));
        println!(
            "{:32}{:>11.3}{:>11.3}{:>11.3}{:>11.3}{:>11.1}",
            pair.to_string(),
            of_request(load::small_request(there.0)),
            of_request(load::agent_request(there.0)),
            of_request(load::image_request(there.0, IMAGE)),
            whole / answer.len() as f64,
            stream / chunks.len() as f64,
        );
    }
}

/// The median of some runs.
fn nanoseconds(mut run: impl FnMut()) -> f64 {
    #[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
    let mut once = || {
        let begin = Instant::now();
        run();
        begin.elapsed().as_nanos() as f64
    };
    let mut runs: Vec<f64> = (0..200).map(|_| once()).collect();
    runs.sort_by(f64::total_cmp);
    runs[runs.len() / 2]
}
