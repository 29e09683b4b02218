//! The audit that looks on: its lines among the progress of the load, and what
//! it had found in the end.

use std::io::{IsTerminal as _, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;

/// Between two looks at its log.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Prints what it says of its progress, until dropped with its task.
pub(crate) async fn follow(log: PathBuf) {
    let mut read = 0;
    loop {
        tokio::time::sleep(LOOK_INTERVAL).await;
        // Not there yet, or gone: there is nothing to print.
        let Ok(text) = rest(&log, read) else { continue };
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        read += whole as u64;
        text[..whole].lines().filter(|line| line.starts_with("audit: ")).for_each(print);
    }
}

fn rest(log: &Path, from: u64) -> std::io::Result<String> {
    let mut file = std::fs::File::open(log)?;
    file.seek(SeekFrom::Start(from))?;
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok(text)
}

/// The load writes its progress again and again over one line.
fn print(line: &str) {
    let clear = if std::io::stderr().is_terminal() { "\r\x1b[K" } else { "" };
    eprintln!("{clear}{line}");
}

/// What its metrics page says.
#[derive(Debug)]
pub(crate) struct Watched {
    /// Places where an invariant is false.
    pub(crate) findings: f64,
    /// How far the books are proved, in seconds behind the head.
    pub(crate) lag_seconds: f64,
    /// Orders that are proved.
    pub(crate) orders: f64,
}

impl Watched {
    /// Reads the page.
    pub(crate) fn of(page: &str) -> anyhow::Result<Self> {
        let shown = |metric| {
            stack::service::metric(page, metric)
                .with_context(|| format!("the watch does not show {metric}"))
        };
        Ok(Self {
            findings: shown("audit_findings_total")?,
            lag_seconds: shown("audit_lag_seconds")?,
            orders: shown("audit_proved_orders_total")?,
        })
    }
}

/// Its line in the report.
pub(crate) fn line(page: &str) -> anyhow::Result<(String, bool)> {
    let watched = Watched::of(page).context("cannot tell what the watch found")?;
    let Watched { findings, lag_seconds, orders } = watched;
    let line = format!(
        "audit --watch: {orders} orders proved, to {lag_seconds:.1} s behind the head, \
         {findings} findings"
    );
    Ok((line, findings == 0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_of_all_invariants_are_added_up() {
        let page = "# TYPE audit_findings_total counter\n\
            audit_findings_total{invariant=\"order-missing\"} 2\n\
            audit_findings_total{invariant=\"event-missing\"} 1\n\
            audit_lag_seconds 1.25\naudit_proved_orders_total 70\n";
        let (text, clean) = line(page).unwrap();
        assert!(text.ends_with("70 orders proved, to 1.2 s behind the head, 3 findings"), "{text}");
        assert!(!clean);
        assert!(line(&page.replace(" 2\n", " 0\n").replace(" 1\n", " 0\n")).unwrap().1);
        assert!(line("nothing").is_err());
    }
}
