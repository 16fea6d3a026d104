//! `cargo +nightly fuzz run handshake`

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rfc6455_fuzz::handshake(data));
