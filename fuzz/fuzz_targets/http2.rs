//! `cargo +nightly fuzz run http2`

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wsspec_fuzz::http2::connection(data));
