//! Calls that may panic for reasons that are not ours, without a word on
//! standard error. The Kafka client panics on a header name that is not UTF-8;
//! to a reader of a topic that others write to that is one bad record, not a
//! report of a page each.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::Once;

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Runs `call`; `None` when it panics. Nothing that `call` changes may be used
/// after that.
pub fn catch<T>(call: impl FnOnce() -> T) -> Option<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let loud = panic::take_hook();
        panic::set_hook(Box::new(move |report| {
            if !QUIET.get() {
                loud(report);
            }
        }));
    });
    let outer = QUIET.replace(true);
    let outcome = catch_unwind(AssertUnwindSafe(call));
    QUIET.set(outer);
    outcome.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_nothing_and_later_ones_are_loud_again() {
        assert_eq!(catch(|| 1), Some(1));
        let foreign = || -> u32 { "no number".parse().unwrap() };
        assert_eq!(catch(foreign), None);
        assert!(!QUIET.get());
        assert_eq!(catch(|| catch(foreign).unwrap_or(2)), Some(2));
    }
}
