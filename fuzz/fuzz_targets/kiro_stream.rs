//! Target `kiro_stream`: see `src/lib.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| lockgate_fuzz::run("kiro_stream", input));
