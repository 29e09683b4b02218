#![no_main]

#[allow(dead_code)]
#[path = "../../processor/tests/input/checks.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|data: &[u8]| checks::record(data));
