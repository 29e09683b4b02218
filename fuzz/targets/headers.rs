#![no_main]

#[allow(dead_code, reason = "each target runs one of the checks")]
#[path = "../../processor/tests/input/checks.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|data: &[u8]| checks::headers(data));
