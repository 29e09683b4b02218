//! What the notifier told against what it was to tell: each event of the log once.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use tokio::time::{Instant, sleep};

use crate::world::World;

/// How long a notifier may take to tell what the log has: a client that has lost Kafka is
/// looked at after its silence and after what it still waits for.
pub(crate) const TELL_PATIENCE: Duration = Duration::from_secs(60);
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
/// Ids that a message names.
const NAMED_MAX: usize = 3;

/// What a notifier had in hand when it did not end in order may not have been told: events
/// that were written up to this instant.
pub(crate) type Excuse = Option<SystemTime>;

/// Events and their notifications so far, in one world.
#[derive(Default)]
pub(crate) struct Notices {
    hasher: RandomState,
    /// Ids that were told, as hashes: a world has some million.
    told: HashSet<u64>,
    /// Events that were not told yet, and when they were first written.
    untold: HashMap<String, SystemTime>,
    twice: Vec<String>,
    /// Where each partition of the log is to be read on.
    next: HashMap<i32, i64>,
    /// How much of the file was read.
    position: u64,
}

/// Waits until the notifier has told what the log has; gives what is wrong about it.
///
/// # Errors
/// The log or the file cannot be read.
pub(crate) async fn check(world: &mut World) -> Result<Vec<String>> {
    let World { notices, squad, kafka, .. } = world;
    let (file, excuse) = (squad.told(), squad.take_excuse());
    // What is told already need not be kept as text.
    notices.read(&file)?;
    let mut next = std::mem::take(&mut notices.next);
    kafka.read_events(&mut next, |id, written| notices.expect(id, written))?;
    notices.next = next;
    let begin = Instant::now();
    while !notices.missing(excuse).is_empty() && begin.elapsed() < TELL_PATIENCE {
        sleep(LOOK_INTERVAL).await;
        notices.read(&file)?;
    }
    Ok(notices.judge(excuse))
}

#[derive(serde::Deserialize)]
struct Line {
    id: String,
}

impl Notices {
    /// Notes an event of the log. After a crash one may come again, and is told once.
    fn expect(&mut self, id: &str, written: SystemTime) {
        if !self.told.contains(&self.hasher.hash_one(id)) {
            self.untold.entry(id.to_owned()).or_insert(written);
        }
    }

    /// Notes a notification.
    fn tell(&mut self, id: String) {
        self.untold.remove(&id);
        if !self.told.insert(self.hasher.hash_one(&id)) {
            self.twice.push(id);
        }
    }

    /// Reads the lines that the notifier has written since the last time. Half a line, as
    /// of one that was killed, tells nothing.
    ///
    /// # Errors
    /// The file cannot be read.
    fn read(&mut self, file: &Path) -> Result<()> {
        let Ok(mut file) = File::open(file) else { return Ok(()) };
        file.seek(SeekFrom::Start(self.position))?;
        let (mut lines, mut line) = (BufReader::new(file), Vec::new());
        while lines.read_until(b'\n', &mut line)? > 0 && line.ends_with(b"\n") {
            self.position += line.len() as u64;
            if let Ok(Line { id }) = serde_json::from_slice(&line) {
                self.tell(id);
            }
            line.clear();
        }
        Ok(())
    }

    /// Events that were to be told and were not.
    fn missing(&self, excuse: Excuse) -> Vec<&str> {
        let due = |written: &SystemTime| excuse.is_none_or(|until| *written > until);
        self.untold.iter().filter(|(_, written)| due(written)).map(|(id, _)| id.as_str()).collect()
    }

    /// What is wrong about them. What may be missing is not asked for again.
    fn judge(&mut self, excuse: Excuse) -> Vec<String> {
        let twice: Vec<_> = self.twice.iter().map(String::as_str).collect();
        let wrong =
            [("told twice", twice), ("not told", self.missing(excuse))].map(|(what, mut ids)| {
                ids.sort_unstable();
                let named = ids[..ids.len().min(NAMED_MAX)].join(", ");
                (!ids.is_empty()).then(|| format!("{} events {what}, such as {named}", ids.len()))
            });
        self.twice.clear();
        self.untold.clear();
        wrong.into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(s)
    }

    /// Events a, b, c and d, written in this order.
    fn notices(told: &[&str]) -> Notices {
        let mut notices = Notices::default();
        for (s, id) in ["a", "b", "c", "d"].into_iter().enumerate() {
            notices.expect(id, at(s as u64));
        }
        told.iter().for_each(|id| notices.tell((*id).to_owned()));
        notices
    }

    #[test]
    fn each_event_is_to_be_told_once() {
        assert!(notices(&["a", "b", "c", "d"]).judge(None).is_empty());
        let wrong = notices(&["a", "c", "d", "d"]).judge(None);
        assert_eq!(wrong, ["1 events told twice, such as d", "1 events not told, such as b"]);
    }

    #[test]
    fn what_was_written_after_a_notifier_died_was_not_in_its_hand() {
        let mut gap = notices(&["a", "d"]);
        assert_eq!(gap.missing(Some(at(1))), ["c"]);
        assert!(gap.judge(Some(at(2))).is_empty());
        assert!(gap.judge(None).is_empty(), "it was forgiven");
        let wrong = notices(&["a", "b", "c", "c"]).judge(Some(at(2)));
        assert_eq!(wrong, ["1 events told twice, such as c", "1 events not told, such as d"]);
    }

    #[test]
    fn an_event_that_comes_again_or_is_told_before_it_was_seen_is_told_once() {
        let mut notices = notices(&["a", "b", "c", "d", "e"]);
        for (id, s) in [("a", 4), ("e", 5), ("e", 6)] {
            notices.expect(id, at(s));
        }
        assert!(notices.judge(None).is_empty());
    }

    #[test]
    fn half_a_line_tells_nothing_and_no_line_is_read_again() {
        let file = std::env::temp_dir().join(format!("ordermill-notices-{}", std::process::id()));
        let mut notices = notices(&["b", "c", "d"]);
        notices.read(&file).unwrap();
        for text in ["{\"id\":\"a\"}\n{\"id\":\"b", "{\"id\":\"a\"}\n{\"id\":\"b\n"] {
            std::fs::write(&file, text).unwrap();
            notices.read(&file).unwrap();
        }
        std::fs::remove_file(&file).unwrap();
        assert!(notices.judge(None).is_empty());
    }
}
