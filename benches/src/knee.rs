//! Where the knee is: what puts a step of load beyond it, from loadgen's report.

use serde_json::Value;

/// Less than this share of the offered rate is beyond the knee.
const ACCEPTED_SHARE_MIN: f64 = 0.99;
/// A settlement this late at p95 is beyond the knee.
const SETTLED_P95_MS_MAX: f64 = 90.0;

/// Why a step that offered `rate` orders a second is beyond the knee; empty when
/// it is not.
pub fn beyond(rate: u32, load: &Value) -> Vec<String> {
    let mut reasons = Vec::new();
    let accepted = load["orders_per_s"].as_f64().unwrap_or_default() / f64::from(rate);
    if accepted < ACCEPTED_SHARE_MIN {
        reasons.push(format!("{:.0} % accepted in time", accepted * 100.0));
    }
    match load["settled_ms"]["p95"].as_f64() {
        Some(p95) if p95 <= SETTLED_P95_MS_MAX => {}
        Some(p95) => reasons.push(format!("settled p95 {p95:.0} ms")),
        None => reasons.push("not all settled".to_owned()),
    }
    let errors = load["errors"].as_u64().unwrap_or_default();
    if errors > 0 {
        reasons.push(format!("{errors} errors"));
    }
    reasons
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_reason_alone_puts_a_step_beyond_the_knee() {
        let load = |rate: f64, p95: Value, errors: u64| json!({ "orders_per_s": rate, "settled_ms": { "p95": p95 }, "errors": errors });
        assert!(beyond(1000, &load(990.0, json!(90.0), 0)).is_empty());
        assert_eq!(beyond(1000, &load(900.0, json!(10.0), 0)), ["90 % accepted in time"]);
        assert_eq!(beyond(1000, &load(1000.0, json!(91.0), 0)), ["settled p95 91 ms"]);
        assert_eq!(beyond(1000, &load(1000.0, Value::Null, 0)), ["not all settled"]);
        assert_eq!(beyond(1000, &load(1000.0, json!(10.0), 3)), ["3 errors"]);
    }
}
