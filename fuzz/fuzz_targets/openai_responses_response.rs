//! Target `openai_responses_response`: see `src/lib.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| lockgate_fuzz::run("openai_responses_response", input));
