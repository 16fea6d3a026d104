//! `cargo +nightly fuzz run hpack`

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wsspec_fuzz::http2::hpack(data));
