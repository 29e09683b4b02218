//! Quantiles from a metrics page: the upper edge of the bucket they fall into.

/// A quantile in milliseconds of a histogram in seconds, all label sets
/// together; none when it has no samples or lies beyond the last bucket.
pub fn quantile_ms(page: &str, histogram: &str, quantile: f64) -> Option<f64> {
    let mut buckets: Vec<(f64, u64)> = Vec::new();
    for (edge, count) in page.lines().filter_map(|line| bucket(line, histogram)) {
        match buckets.iter_mut().find(|(known, _)| known.total_cmp(&edge).is_eq()) {
            Some((_, sum)) => *sum += count,
            None => buckets.push((edge, count)),
        }
    }
    buckets.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let rank = quantile * buckets.last().filter(|(_, all)| *all > 0)?.1 as f64;
    let (edge, _) = buckets.iter().find(|(_, count)| *count as f64 >= rank)?;
    edge.is_finite().then_some(edge * 1e3)
}

/// `name_bucket{worker="0",le="0.05"} 17`
fn bucket(line: &str, histogram: &str) -> Option<(f64, u64)> {
    let labels = line.strip_prefix(histogram)?.strip_prefix("_bucket{")?;
    let (_, rest) = labels.split_once("le=\"")?;
    let (edge, _) = rest.split_once('"')?;
    let (_, count) = labels.rsplit_once(' ')?;
    Some((edge.parse().unwrap_or(f64::INFINITY), count.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# TYPE t histogram\n\
        t_bucket{worker=\"0\",le=\"0.01\"} 1\n\
        t_bucket{worker=\"0\",le=\"0.05\"} 5\n\
        t_bucket{worker=\"0\",le=\"+Inf\"} 5\n\
        t_bucket{worker=\"1\",le=\"0.01\"} 0\n\
        t_bucket{worker=\"1\",le=\"0.05\"} 3\n\
        t_bucket{worker=\"1\",le=\"+Inf\"} 5\n\
        t_sum{worker=\"1\"} 1.5\n";

    #[test]
    fn quantiles_are_the_edges_of_their_buckets() {
        assert_eq!(quantile_ms(PAGE, "t", 0.1), Some(10.0));
        assert_eq!(quantile_ms(PAGE, "t", 0.8), Some(50.0));
        assert_eq!(quantile_ms(PAGE, "t", 0.99), None);
        assert_eq!(quantile_ms("", "t", 0.5), None);
    }
}
