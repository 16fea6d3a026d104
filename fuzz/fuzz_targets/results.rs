//! `cargo +nightly fuzz run results`

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wsspec_fuzz::files::results(data));
