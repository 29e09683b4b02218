//! Life signs on standard error: one line rewritten each second on a terminal, a
//! line every five seconds otherwise.

use std::io::{IsTerminal, Write};

use crate::latency::Latency;
use crate::recorder::Window;

/// Seconds between lines where they cannot be rewritten.
const PLAIN_EVERY: u64 = 5;

/// How progress is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// Not at all.
    Silent,
    /// A new line now and then.
    Lines,
    /// One line that is rewritten.
    Terminal,
}

/// The state of a run after one more second.
#[derive(Clone, Copy, Debug)]
pub struct Moment<'a> {
    /// Seconds since the start.
    pub second: u64,
    /// What happened since the moment before.
    pub interval: &'a Window,
    /// What happened since the start.
    pub totals: &'a Window,
    /// Settlements since the moment before, when they are followed.
    pub settled: Option<&'a Latency>,
    /// Orders that wait for their settlement.
    pub unsettled: u64,
}

impl Progress {
    /// What fits standard error.
    pub fn detect() -> Self {
        if std::io::stderr().is_terminal() { Self::Terminal } else { Self::Lines }
    }

    /// Shows a moment, when it is time.
    pub fn show(self, moment: Moment<'_>) {
        match self {
            Self::Silent => {}
            Self::Terminal => rewrite(&line(moment)),
            Self::Lines if moment.second.is_multiple_of(PLAIN_EVERY) => say(&line(moment)),
            Self::Lines => {}
        }
    }

    /// Says something that is not a number.
    pub fn note(self, text: &str) {
        match self {
            Self::Silent => {}
            Self::Lines => say(text),
            Self::Terminal => rewrite(text),
        }
    }

    /// Leaves the rewritten line behind.
    pub fn end(self) {
        if self == Self::Terminal {
            rewrite("");
        }
    }
}

fn line(moment: Moment<'_>) -> String {
    let Moment { second, interval, totals, settled, unsettled } = moment;
    let total = totals.total();
    let in_flight = total.sent - total.acknowledged - total.refused - total.failed;
    let sent = interval.total().sent;
    let mut line = format!(
        "{second:>5} s  {sent}/s  in flight {in_flight}  accept p50 {} p99 {} ms",
        ms(&interval.accept, 0.5),
        ms(&interval.accept, 0.99)
    );
    if let Some(settled) = settled {
        line += &format!(
            "  settled p50 {} p95 {} ms, open {unsettled}",
            ms(settled, 0.5),
            ms(settled, 0.95)
        );
    }
    line + &format!("  errors {}  lag p99 {} ms", totals.errors(), ms(&interval.lag, 0.99))
}

/// Milliseconds, or what stands for them.
pub(crate) fn ms(latency: &Latency, quantile: f64) -> String {
    match latency.quantile_ms(quantile) {
        None => "-".to_owned(),
        Some(ms) if ms.is_infinite() => "∞".to_owned(),
        Some(ms) if ms < 100.0 => format!("{ms:.1}"),
        Some(ms) => format!("{ms:.0}"),
    }
}

fn rewrite(text: &str) {
    eprint!("\r\x1b[K{text}");
    // A terminal that is gone takes no progress, the load goes on.
    let _not_our_problem = std::io::stderr().flush();
}

fn say(text: &str) {
    eprintln!("{text}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order_mix::Kind;
    use crate::recorder::{Sample, Verdict};

    #[test]
    fn a_line_tells_rate_flight_latency_and_errors() {
        let mut window = Window::default();
        window.kinds[Kind::Order as usize].sent = 3;
        let (kind, verdict) = (Kind::Order, Verdict::Acknowledged);
        window.record(Sample { kind, intended_ns: 0, sent_ns: 0, ended_ns: 2_000_000, verdict });
        let settled = Latency::new();
        let line = line(Moment {
            second: 7,
            interval: &window,
            totals: &window,
            settled: Some(&settled),
            unsettled: 1,
        });
        assert_eq!(
            line,
            "    7 s  3/s  in flight 2  accept p50 2.0 p99 2.0 ms  \
             settled p50 - p95 - ms, open 1  errors 0  lag p99 - ms"
        );
    }
}
