//! The HdrHistogram interval log: one line a second and measure, readable by
//! `HistogramLogProcessor` and every other tool of that family. Values are
//! microseconds; requests without an answer are not in it.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, anyhow};
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};

use crate::latency::Latency;

/// An open log.
#[derive(Debug)]
pub struct IntervalLog {
    out: BufWriter<File>,
    name: String,
}

impl IntervalLog {
    /// Creates or replaces the file.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn create(path: &Path) -> anyhow::Result<Self> {
        let name = path.display().to_string();
        let file = File::create(path).with_context(|| format!("cannot create {name}"))?;
        let mut log = Self { out: BufWriter::new(file), name };
        let now = jiff::Timestamp::now().as_duration();
        let start = Duration::from_millis(now.as_millis().max(0) as u64);
        write!(
            log.out,
            "#[Histogram log format version 1.3, values in microseconds]\n\
             #[StartTime: {:.3} (seconds since epoch)]\n\
             #[BaseTime: {:.3} (seconds since epoch)]\n\
             \"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n",
            start.as_secs_f64(),
            start.as_secs_f64()
        )
        .with_context(|| format!("cannot write {}", log.name))?;
        Ok(log)
    }

    /// Adds one interval of one measure.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(
        &mut self,
        tag: &'static str,
        (from, length): (Duration, Duration),
        latency: &Latency,
    ) -> anyhow::Result<()> {
        if latency.histogram().is_empty() {
            return Ok(());
        }
        let tag = Tag::new(tag).ok_or_else(|| anyhow!("{tag:?} is no tag"))?;
        let mut serializer = V2DeflateSerializer::new();
        let mut line = Vec::new();
        let mut writer = IntervalLogWriterBuilder::new()
            .begin_log_with(&mut line, &mut serializer)
            .with_context(|| format!("cannot write {}", self.name))?;
        writer
            .write_histogram(latency.histogram(), from, length, Some(tag))
            .map_err(|error| anyhow!("cannot write {}: {error:?}", self.name))?;
        self.out.write_all(&line).with_context(|| format!("cannot write {}", self.name))
    }

    /// Writes what is buffered.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn finish(mut self) -> anyhow::Result<()> {
        self.out.flush().with_context(|| format!("cannot write {}", self.name))
    }
}

#[cfg(test)]
mod tests {
    use hdrhistogram::Histogram;
    use hdrhistogram::serialization::Deserializer;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    use super::*;

    #[test]
    fn what_is_logged_can_be_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.hlog");
        let mut log = IntervalLog::create(&path).unwrap();
        let mut latency = Latency::new();
        latency.record_ns(5_000_000);
        let interval = (Duration::from_secs(1), Duration::from_secs(1));
        log.write("accept", interval, &latency).unwrap();
        log.write("settled", interval, &Latency::new()).unwrap();
        log.finish().unwrap();
        let text = std::fs::read(&path).unwrap();
        let entries: Vec<LogEntry<'_>> =
            IntervalLogIterator::new(&text).map(Result::unwrap).collect();
        let [LogEntry::StartTime(_), LogEntry::BaseTime(_), LogEntry::Interval(interval)] =
            &entries[..]
        else {
            panic!("{entries:?}")
        };
        assert_eq!(interval.tag().unwrap().as_str(), "accept");
        assert_eq!(interval.start_timestamp(), Duration::from_secs(1));
        let encoded = interval.encoded_histogram();
        assert_eq!(&encoded[..4], "HIST");
        let bytes = {
            use std::process::{Command, Stdio};
            let mut decode = Command::new("base64")
                .arg("-d")
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            decode.stdin.take().unwrap().write_all(encoded.as_bytes()).unwrap();
            decode.wait_with_output().unwrap().stdout
        };
        let histogram: Histogram<u64> =
            Deserializer::new().deserialize(&mut std::io::Cursor::new(bytes)).unwrap();
        assert_eq!((histogram.len(), histogram.max() / 10), (1, 500));
    }
}
