//! What the notifier told against what it was to tell: each event of the log once.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, sleep};

use crate::world::World;

/// How long a notifier may take to tell what the log has: a client that has lost Kafka is
/// looked at after its silence and after what it still waits for.
pub(crate) const TELL_PATIENCE: Duration = Duration::from_secs(60);
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
/// Ids that a message names.
const NAMED_MAX: usize = 3;

/// A partition and an offset.
pub(crate) type Place = (i32, i64);

/// Whether the notifier may have left events out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Gaps {
    /// All was to be told.
    None,
    /// It lost what it had in hand, and then went on: the newest events are told.
    InHand,
}

/// Events and their notifications so far, in one world.
#[derive(Default)]
pub(crate) struct Notices {
    hasher: RandomState,
    /// Ids that were told, as hashes: a world has some million.
    told: HashSet<u64>,
    /// Events that were not told yet, and where they came first.
    untold: HashMap<String, Place>,
    /// The newest event of each partition that was told.
    newest: HashMap<i32, i64>,
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
    let (file, gaps) = (squad.told(), squad.take_gaps());
    // What is told already need not be kept as text.
    notices.read(&file)?;
    let mut next = std::mem::take(&mut notices.next);
    kafka.read_events(&mut next, |id, place| notices.expect(id, place))?;
    notices.next = next;
    let begin = Instant::now();
    while !notices.are_complete(gaps) && begin.elapsed() < TELL_PATIENCE {
        sleep(LOOK_INTERVAL).await;
        notices.read(&file)?;
    }
    Ok(notices.judge(gaps))
}

#[derive(serde::Deserialize)]
struct Line {
    id: String,
}

impl Notices {
    /// Notes an event of the log. After a crash one may come again, and is told once.
    fn expect(&mut self, id: &str, place: Place) {
        if self.told.contains(&self.hasher.hash_one(id)) {
            self.reach(place);
        } else {
            self.untold.entry(id.to_owned()).or_insert(place);
        }
    }

    /// Notes a notification.
    fn tell(&mut self, id: String) {
        if let Some(place) = self.untold.remove(&id) {
            self.reach(place);
        }
        if !self.told.insert(self.hasher.hash_one(&id)) {
            self.twice.push(id);
        }
    }

    fn reach(&mut self, (partition, offset): Place) {
        let newest = self.newest.entry(partition).or_insert(offset);
        *newest = (*newest).max(offset);
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
    fn missing(&self, gaps: Gaps) -> Vec<&str> {
        let newer = |(partition, offset): &Place| {
            self.newest.get(partition).is_none_or(|newest| offset > newest)
        };
        let due = |place: &Place| match gaps {
            Gaps::None => true,
            Gaps::InHand => newer(place),
        };
        self.untold.iter().filter(|(_, place)| due(place)).map(|(id, _)| id.as_str()).collect()
    }

    /// Whether all is told.
    fn are_complete(&self, gaps: Gaps) -> bool {
        self.missing(gaps).is_empty()
    }

    /// What is wrong about them. What may be missing is not asked for again.
    fn judge(&mut self, gaps: Gaps) -> Vec<String> {
        let twice: Vec<_> = self.twice.iter().map(String::as_str).collect();
        let wrong =
            [("told twice", twice), ("not told", self.missing(gaps))].map(|(what, mut ids)| {
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

    /// Events a, b and c of partition 0 and d of partition 1, with those told.
    fn notices(told: &[&str]) -> Notices {
        let mut notices = Notices::default();
        for (id, place) in [("a", (0, 1)), ("b", (0, 2)), ("c", (0, 3)), ("d", (1, 1))] {
            notices.expect(id, place);
        }
        told.iter().for_each(|id| notices.tell((*id).to_owned()));
        notices
    }

    #[test]
    fn each_event_is_to_be_told_once() {
        assert!(notices(&["a", "b", "c", "d"]).judge(Gaps::None).is_empty());
        let wrong = notices(&["a", "c", "d", "d"]).judge(Gaps::None);
        assert_eq!(wrong, ["1 events told twice, such as d", "1 events not told, such as b"]);
    }

    #[test]
    fn a_notifier_that_was_killed_may_leave_a_gap_and_has_to_go_on_behind_it() {
        let mut gap = notices(&["a", "c", "d"]);
        assert!(gap.are_complete(Gaps::InHand) && !gap.are_complete(Gaps::None));
        assert!(gap.judge(Gaps::InHand).is_empty());
        assert!(gap.judge(Gaps::None).is_empty(), "it was forgiven");
        let wrong = notices(&["a", "b", "c", "c"]).judge(Gaps::InHand);
        assert_eq!(wrong, ["1 events told twice, such as c", "1 events not told, such as d"]);
        let wrong = notices(&["a", "d"]).judge(Gaps::InHand);
        assert_eq!(wrong, ["2 events not told, such as b, c"]);
    }

    #[test]
    fn an_event_that_comes_again_or_is_told_before_it_was_seen_is_told_once() {
        let mut notices = notices(&["a", "b", "c", "d", "e"]);
        for (id, place) in [("a", (0, 4)), ("e", (1, 2)), ("e", (1, 3))] {
            notices.expect(id, place);
        }
        assert!(notices.judge(Gaps::None).is_empty());
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
        assert!(notices.judge(Gaps::None).is_empty());
    }
}
