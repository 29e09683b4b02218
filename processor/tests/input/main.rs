//! Bytes from outside, thousands of them, in the time of a unit test: samples
//! that are valid or nearly so, mutated. `fuzz/` runs the same checks for longer.

#![cfg(test)]

mod checks;
mod samples;

/// How many mutated inputs each check sees.
const INPUTS: u64 = 20_000;

fn run(check: fn(&[u8]), target: &str) {
    let samples = samples::of(target);
    samples.iter().for_each(|sample| check(sample));
    let mut mutator = samples::Mutator::new(samples);
    (0..INPUTS).for_each(|_| check(&mutator.next()));
}

#[test]
fn the_readers_of_an_order_agree_on_any_bytes() {
    run(checks::order_body, "order_body");
}

#[test]
fn any_record_is_read_or_dead() {
    run(checks::record, "record");
}

#[test]
fn any_headers_are_kept_and_the_first_counts() {
    run(checks::headers, "headers");
}

#[test]
fn any_outbox_row_is_refused_or_comes_out_as_it_went_in() {
    run(checks::outbox, "outbox");
}
