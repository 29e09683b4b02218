//! How far the books are proved: for the terminal, for Prometheus, and for the
//! report.

use std::fmt;

use contract::topic::Topics;
use serde::Serialize;

use super::books::{Books, LaneId};
use crate::fold::progress::Extent;

/// How far the books are proved.
#[derive(Clone, Default, Debug, Serialize)]
pub struct Standing {
    /// Each partition of the input topics.
    pub watermarks: Vec<Watermark>,
    /// Whether the sums of stock and metrics were compared at these watermarks.
    pub whole: bool,
    /// How long ago the oldest record that is not proved may have been written, at most.
    pub lag_seconds: f64,
    /// Records of the input topics that are proved.
    pub proved_records: u64,
    /// Orders that are proved.
    pub proved_orders: u64,
    /// What waits for something longer than a step, and not too long yet.
    pub late: usize,
    /// What was found.
    pub findings: u64,
}

/// One partition.
#[derive(Clone, Debug, Serialize)]
pub struct Watermark {
    /// Its topic.
    pub topic: String,
    /// Its number.
    pub partition: i32,
    /// Everything below is proved.
    pub offset: i64,
}

impl Standing {
    /// After a step whose snapshot began at `began_us`, when the log ended at
    /// `ends`, seen from `now_us` (both µs since 1970).
    pub fn of(books: &Books, topics: &Topics, ends: &[Extent], began_us: i64, now_us: i64) -> Self {
        let watermarks = books.lanes().map(|((topic, partition), lane)| Watermark {
            topic: topic.name(topics).to_owned(),
            partition,
            offset: lane.watermark,
        });
        let proved = books.lanes().map(|(_, lane)| lane.watermark.abs_diff(lane.from));
        Self {
            watermarks: watermarks.collect(),
            whole: true,
            lag_seconds: now_us.saturating_sub(proved_until(books, ends, began_us)) as f64 / 1e6,
            proved_records: proved.sum(),
            proved_orders: books.proved_orders,
            late: books.late(),
            findings: books.findings.total(),
        }
    }
}

/// Every record written before that moment (µs since 1970) is proved.
fn proved_until(books: &Books, ends: &[Extent], began_us: i64) -> i64 {
    let until = |(id, lane): (LaneId, &super::books::Lane)| {
        let end = ends.iter().find(|end| (end.topic, end.partition) == id);
        if end.is_none_or(|end| lane.watermark >= end.high) {
            return began_us;
        }
        // A later record was written later.
        let logged_s = books.oldest_open_s(id).unwrap_or(lane.logged_s);
        i64::from(logged_s) * 1_000_000
    };
    books.lanes().map(until).min().unwrap_or(began_us).min(began_us)
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lag_seconds, proved_records, proved_orders, late, findings, .. } = self;
        if !self.whole {
            return write!(f, "catching up: {proved_orders} orders proved, {findings} findings");
        }
        write!(
            f,
            "proved to {lag_seconds:.1} s behind the head: {proved_records} records, \
             {proved_orders} orders; {late} late, {findings} findings"
        )
    }
}
