//! Where notifications go: lines of text, lines of JSON, a webhook.

mod lines;
mod spec;
mod webhook;

pub use lines::{Format, Lines};
pub use spec::{Kind, Spec};
pub use webhook::{Settings, Webhook};

use tokio_util::sync::CancellationToken;

use crate::notification::Notification;

/// A sink of one lane.
pub enum Sink {
    /// Standard output or a file.
    Lines(Lines),
    /// HTTP.
    Webhook(Webhook),
}

/// What became of a chunk.
#[derive(Debug, Default)]
pub struct Report {
    /// Events that the sink has not taken; told again later.
    pub left: Vec<Notification>,
    /// Partition and offset of those it took.
    pub told: Vec<(i32, i64)>,
    /// Why some are left, unless the process is stopping.
    pub problem: Option<String>,
}

impl Sink {
    /// Opens what the specification names. A webhook is not called yet, so that
    /// it may be down now.
    ///
    /// # Errors
    /// The file cannot be opened or is another process's.
    pub fn open(spec: &Spec, settings: Settings) -> anyhow::Result<Self> {
        Ok(match &spec.kind {
            Kind::Log => Self::Lines(Lines::standard_output()?),
            Kind::File(path) => Self::Lines(Lines::file(path)?),
            Kind::Webhook(url) => Self::Webhook(Webhook::new(&spec.name, url, settings)?),
        })
    }

    /// The most events it is told at once: what a crash can cost.
    pub fn chunk_max(&self) -> usize {
        match self {
            Self::Lines(_) => 5_000,
            Self::Webhook(_) => 256,
        }
    }

    /// Tells a chunk, in order for each subject. Comes back when every event was
    /// tried, or as soon as it can once `stop` is cancelled.
    ///
    /// # Errors
    /// The lane cannot go on.
    pub fn tell(
        &mut self,
        chunk: Vec<Notification>,
        stop: &CancellationToken,
    ) -> anyhow::Result<Report> {
        match self {
            Self::Lines(lines) => lines.tell(chunk),
            Self::Webhook(webhook) => webhook.tell(chunk, stop),
        }
    }
}
