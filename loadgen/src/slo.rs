//! Objectives on the command line: `accept.p99<50ms`, `errors<0.1%`.

use std::time::Duration;

use serde::Serialize;
use service::args::share;

use crate::latency::Latency;

/// What an objective bounds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Subject {
    /// Intended instant to acknowledgement.
    Accept,
    /// Intended instant to settlement; needs `--follow`.
    Settled,
    /// Lateness of the generator.
    Lag,
}

/// One objective; it is met when the measure is below the bound.
#[derive(Clone, PartialEq, Debug)]
pub struct Slo {
    text: String,
    rule: Rule,
}

#[derive(Clone, PartialEq, Debug)]
enum Rule {
    Latency { subject: Subject, quantile: f64, below_ms: f64 },
    Errors { below: f64 },
}

/// An objective against what was measured.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// The objective as it was written.
    pub rule: String,
    /// Milliseconds, or the share of errors; null when infinite or not measured.
    pub measured: Option<f64>,
    /// Whether it was met. What was not measured is not met.
    pub met: bool,
}

/// What objectives are held against.
#[derive(Clone, Copy, Debug)]
pub struct Measured<'a> {
    /// Intended instant to acknowledgement.
    pub accept: &'a Latency,
    /// Intended instant to settlement.
    pub settled: Option<&'a Latency>,
    /// Lateness of the generator.
    pub lag: &'a Latency,
    /// Errors over slots that were due.
    pub error_share: f64,
}

impl Slo {
    /// Reads `accept|settled|lag.p50…p99.9|max<DURATION` or `errors<SHARE`.
    ///
    /// # Errors
    /// The text is neither.
    pub fn parse(text: &str) -> Result<Self, String> {
        let rule = parse_rule(text).ok_or_else(|| {
            "write an objective as accept.p99<50ms, settled.p95<90ms, lag.max<10ms or errors<0.1%"
                .to_owned()
        })?;
        Ok(Self { text: text.trim().to_owned(), rule })
    }

    /// Whether it needs settlements to be followed.
    pub fn needs_settlements(&self) -> bool {
        matches!(self.rule, Rule::Latency { subject: Subject::Settled, .. })
    }

    /// Holds the objective against what was measured.
    pub fn judge(&self, measured: Measured<'_>) -> Outcome {
        let (value, met) = match self.rule {
            Rule::Errors { below } => (Some(measured.error_share), measured.error_share < below),
            Rule::Latency { subject, quantile, below_ms } => {
                let latency = match subject {
                    Subject::Accept => Some(measured.accept),
                    Subject::Settled => measured.settled,
                    Subject::Lag => Some(measured.lag),
                };
                let value = latency.and_then(|latency| latency.quantile_ms(quantile));
                (value, value.is_some_and(|ms| ms < below_ms))
            }
        };
        Outcome { rule: self.text.clone(), measured: value.filter(|v| v.is_finite()), met }
    }
}

fn parse_rule(text: &str) -> Option<Rule> {
    let (left, bound) = text.split_once('<')?;
    let (left, bound) = (left.trim(), bound.trim());
    if left == "errors" {
        return share(bound).ok().map(|below| Rule::Errors { below });
    }
    let (subject, quantile) = left.split_once('.')?;
    let subject = match subject {
        "accept" => Subject::Accept,
        "settled" => Subject::Settled,
        "lag" => Subject::Lag,
        _ => return None,
    };
    let quantile = match quantile {
        "max" => 1.0,
        // Rounded, so that p99.9 is 0.999 and not a hair above.
        percent => (percent.strip_prefix('p')?.parse::<f64>().ok()? * 1e7).round() / 1e9,
    };
    let below: Duration = humantime::parse_duration(bound).ok()?;
    let known = (0.0..=1.0).contains(&quantile);
    known.then_some(Rule::Latency { subject, quantile, below_ms: below.as_secs_f64() * 1e3 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(accept: &Latency) -> Measured<'_> {
        Measured { accept, settled: None, lag: accept, error_share: 0.001 }
    }

    #[test]
    fn objectives_are_read_as_people_write_them() {
        let rule = |text| Slo::parse(text).unwrap().rule;
        assert_eq!(
            rule("accept.p99<50ms"),
            Rule::Latency { subject: Subject::Accept, quantile: 0.99, below_ms: 50.0 }
        );
        assert_eq!(
            rule(" settled.p99.9 < 1s "),
            Rule::Latency { subject: Subject::Settled, quantile: 0.999, below_ms: 1000.0 }
        );
        assert_eq!(rule("errors<0.1%"), Rule::Errors { below: 0.001 });
        for bad in [
            "",
            "accept.p99",
            "accept<50ms",
            "p99<5ms",
            "accept.p101<5ms",
            "accept.p99<5",
            "errors<5ms",
        ] {
            assert!(Slo::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_objective_is_met_below_its_bound_only() {
        let mut accept = Latency::new();
        accept.record_ns(10_000_000);
        let met = |text: &str| Slo::parse(text).unwrap().judge(measured(&accept)).met;
        assert!(met("accept.p99<11ms"));
        assert!(!met("accept.p99<10ms"));
        assert!(met("errors<0.2%"));
        assert!(!met("errors<0.1%"));
        assert!(!met("settled.p50<1h"), "what was not measured is not met");
    }

    #[test]
    fn an_unanswered_request_misses_every_latency_objective_it_falls_on() {
        let mut accept = Latency::new();
        accept.record_never(1);
        let outcome = Slo::parse("accept.p50<1h").unwrap().judge(measured(&accept));
        assert_eq!((outcome.met, outcome.measured), (false, None));
    }
}
