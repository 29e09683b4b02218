//! From what was gathered to the report, and to the verdict on the generator
//! itself; pure.

use crate::config::{Config, Mode};
use crate::order_mix::Kind;
use crate::report::{RefusalCount, Report, RunInfo};
use crate::resources;
use crate::schedule::Extent;
use crate::settlements::SettledCounts;
use crate::slo::Measured;
use crate::watch::Watch;

/// A generator saturated in more than this share of the seconds measured itself.
const SATURATED_SECONDS_MAX: f64 = 0.05;

/// What is known at the end of a run.
#[derive(Debug)]
pub struct Facts<'a> {
    /// What was asked for.
    pub config: &'a Config,
    /// What was gathered.
    pub watch: &'a Watch,
    /// When it started.
    pub started_at: jiff::Timestamp,
    /// The intended instant of the first slot, in nanoseconds of the run's clock.
    pub start_ns: u64,
    /// Seconds from the last answer to the last settlement.
    pub settle_wait_s: f64,
    /// How orders were settled.
    pub settled: Option<SettledCounts>,
    /// Receipts written.
    pub receipts: Option<u64>,
    /// CPU time of the process during the load.
    pub cpu_us: u64,
    /// Whether the run was ended early.
    pub interrupted: bool,
}

/// The report.
pub fn report(facts: &Facts<'_>) -> Report {
    let Facts { config, watch, start_ns, interrupted, .. } = *facts;
    let totals = &watch.totals;
    let load_s = totals.last_end_ns.saturating_sub(start_ns) as f64 / 1e9;
    let total = totals.total();
    let scheduled = total.sent + totals.dropped;
    let unanswered = total.sent - total.acknowledged - total.refused - total.failed;
    let errors = totals.errors() + if interrupted { 0 } else { unanswered };
    // A retry is an order that was counted already.
    let orders = totals.kinds[Kind::Order as usize].acknowledged;
    let measured = Measured {
        accept: &totals.accept,
        settled: watch.settled.as_ref(),
        lag: &totals.lag,
        error_share: errors as f64 / scheduled.max(1) as f64,
    };
    let invalid_because = doubts(facts);
    Report {
        run: run_info(config, facts.started_at),
        elapsed_s: round(load_s),
        scheduled,
        sent: total.sent,
        acknowledged: total.acknowledged,
        refused: total.refused,
        errors,
        dropped: totals.dropped,
        unanswered,
        orders_per_s: round(orders as f64 / load_s.max(0.001)),
        accept_ms: totals.accept.summary(),
        service_ms: totals.service.summary(),
        settled_ms: watch.settled.as_ref().map(crate::latency::Latency::summary),
        settled: facts.settled,
        settle_wait_s: facts.settled.map(|_| round(facts.settle_wait_s)),
        schedule_lag_ms: totals.lag.summary(),
        queued: totals.queued,
        kinds: used_kinds(watch),
        refusals: refusals(watch),
        failures: totals.failures.clone(),
        receipts: facts.receipts,
        cpu_us_per_request: (total.sent > 0)
            .then(|| round(facts.cpu_us as f64 / total.sent as f64)),
        peak_rss_mib: resources::peak_rss_mib(),
        valid: invalid_because.is_empty(),
        invalid_because,
        interrupted,
        slo: config.slos.iter().map(|slo| slo.judge(measured)).collect(),
    }
}

/// Why the figures say more about the generator than about the target.
fn doubts(facts: &Facts<'_>) -> Vec<String> {
    let (totals, mut doubts) = (&facts.watch.totals, Vec::new());
    let limit_ms = facts.config.lag_limit.as_secs_f64() * 1e3;
    if let Some(lag_ms) = totals.lag.quantile_ms(0.99).filter(|&lag_ms| lag_ms > limit_ms) {
        doubts.push(format!(
            "schedule lag p99 is {lag_ms:.1} ms, above {limit_ms:.0} ms: the generator got too little CPU"
        ));
    }
    if totals.dropped > 0 && !facts.interrupted {
        doubts.push(format!(
            "{} requests were never sent: the target took too few for too long",
            totals.dropped
        ));
    }
    let (seconds, saturated) = facts.watch.saturated;
    if saturated as f64 > seconds as f64 * SATURATED_SECONDS_MAX {
        doubts.push(format!(
            "a load thread was out of CPU in {saturated} of {seconds} s while requests queued; add --threads or cores"
        ));
    }
    doubts
}

fn run_info(config: &Config, started_at: jiff::Timestamp) -> RunInfo {
    let (mode, target, connections, threads) = match &config.mode {
        Mode::Http(http) => ("http", http.url.clone(), Some(http.connections), http.threads),
        Mode::Direct => ("direct", config.brokers.clone(), None, 1),
    };
    let (duration_s, orders) = match config.extent {
        Extent::Duration(duration) => (Some(duration.as_secs_f64()), None),
        Extent::Orders(count) => (None, Some(count)),
    };
    RunInfo {
        version: env!("CARGO_PKG_VERSION"),
        mode,
        target,
        started_at: format!("{started_at:.3}"),
        name: config.run.clone(),
        seed: config.seed,
        rate: config.rate,
        arrivals: config.arrivals,
        duration_s,
        orders,
        connections,
        threads,
    }
}

fn used_kinds(watch: &Watch) -> std::collections::BTreeMap<Kind, crate::recorder::Tally> {
    let tallies = Kind::ALL.into_iter().map(|kind| (kind, watch.totals.kinds[kind as usize]));
    tallies.filter(|(_, tally)| tally.sent > 0).collect()
}

fn refusals(watch: &Watch) -> Vec<RefusalCount> {
    let all = watch.totals.refusals.iter();
    let mut counts: Vec<_> =
        all.map(|(refusal, &count)| RefusalCount { refusal: refusal.clone(), count }).collect();
    counts.sort_by_key(|line| std::cmp::Reverse(line.count));
    counts
}

fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::progress::Progress;

    fn about<T>(change: impl FnOnce(&mut Watch), look: impl FnOnce(&Facts<'_>) -> T) -> T {
        let config = Config::default();
        let mut watch = Watch::new(Clock::start(), 0, Progress::Silent);
        change(&mut watch);
        look(&Facts {
            config: &config,
            watch: &watch,
            started_at: jiff::Timestamp::UNIX_EPOCH,
            start_ns: 0,
            settle_wait_s: 0.0,
            settled: None,
            receipts: None,
            cpu_us: 0,
            interrupted: false,
        })
    }

    fn doubts_about(change: impl FnOnce(&mut Watch)) -> Vec<String> {
        about(change, doubts)
    }

    #[test]
    fn a_retry_is_no_second_order() {
        let taken = |watch: &mut Watch| {
            watch.totals.last_end_ns = 2_000_000_000;
            for (kind, acknowledged) in [(Kind::Order, 60), (Kind::Retry, 20), (Kind::Cancel, 20)] {
                let tally = &mut watch.totals.kinds[kind as usize];
                (tally.sent, tally.acknowledged) = (acknowledged, acknowledged);
            }
        };
        let report = about(taken, report);
        assert_eq!((report.acknowledged, report.orders_per_s), (100, 30.0));
    }

    #[test]
    fn a_run_is_doubted_for_the_generators_own_faults_only() {
        assert_eq!(doubts_about(|_| {}), Vec::<String>::new());
        let slow_target = |watch: &mut Watch| {
            watch.totals.accept.record_ns(5_000_000_000);
            watch.totals.lag.record_ns(9_900_000);
            watch.totals.queued = 1_000_000;
            watch.saturated = (100, 5);
        };
        assert_eq!(doubts_about(slow_target), Vec::<String>::new());
        let late = doubts_about(|watch| watch.totals.lag.record_ns(10_100_000));
        assert_eq!(
            late,
            ["schedule lag p99 is 10.1 ms, above 10 ms: the generator got too little CPU"]
        );
        let saturated = doubts_about(|watch| watch.saturated = (100, 6));
        assert_eq!(
            saturated,
            [
                "a load thread was out of CPU in 6 of 100 s while requests queued; add --threads or cores"
            ]
        );
        let dropped = doubts_about(|watch| watch.totals.drop_slots(3));
        assert_eq!(dropped, ["3 requests were never sent: the target took too few for too long"]);
    }
}
