//! What the end-to-end benchmarks share: arguments, a stack of their own, CPU
//! time by process, medians, the audit and the report.
//!
//! `micro` measures pure code with criterion. `gateway`, `drain`,
//! `end_to_end` and `watch` start the real programs on a real stack; ratios are taken
//! between interleaved legs of one run, because absolute figures move with the
//! machine and the hour.

pub mod args;
pub mod audited;
pub mod bed;
pub mod cost;
pub mod entry;
pub mod goods;
pub mod knee;
pub mod median;
pub mod pipeline;
pub mod report;
pub mod scrape;
pub mod step;
