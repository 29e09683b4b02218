//! What the committed progress says of the chunk in hand, and what becomes of both
//! when partitions come and go. Pure.

use anyhow::bail;

use crate::chunk::Chunk;
use crate::consumer::Change;

/// What the group counts as told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Committed {
    /// No more than was told.
    Told,
    /// That or all of it: a commit has no answer yet. Nothing is told before one has, or
    /// before the progress was read back.
    Unanswered,
    /// All of it: the group counts as told what is not. To be taken back.
    All,
    /// All of it, and its partitions may be another's: nobody but this lane tells it.
    Owed,
}

impl Committed {
    /// The state once all that is in hand counts as told.
    pub(super) fn all_of(chunk: &Chunk) -> Self {
        if chunk.doubtful().is_empty() { Self::All } else { Self::Owed }
    }

    /// Whether a lane may end with this many events in hand.
    pub(super) fn end(self, events: usize) -> anyhow::Result<()> {
        match self {
            Self::Told => Ok(()),
            Self::Unanswered => {
                bail!("{events} events may count as told and are not; this sink may not get them")
            }
            Self::All | Self::Owed => {
                bail!("{events} events count as told and are not; this sink will not get them")
            }
        }
    }

    /// Lets the chunk follow a change of the partitions.
    pub(super) fn follow(self, change: &Change, chunk: &mut Chunk) -> Self {
        match (change, self) {
            (Change::Revoked(partition), Self::Told) => chunk.forget(*partition),
            (Change::Revoked(partition), Self::Unanswered) => chunk.doubt(*partition),
            (Change::Revoked(_), Self::All | Self::Owed) => return Self::Owed,
            // What could be taken back after all comes again from the log.
            (Change::Assigned(partition, inherited), Self::Owed) => {
                chunk.pending.retain(|event| {
                    event.partition != *partition || inherited.covers(event.offset)
                });
            }
            // What it had in doubt is asked for before it tells again.
            (Change::Assigned(..), Self::Told | Self::Unanswered | Self::All)
            | (Change::Failed(_), _) => {}
        }
        self
    }

    /// The same when all partitions went at once.
    pub(super) fn leave_group(self, chunk: &mut Chunk) -> Self {
        match self {
            Self::Told => *chunk = Chunk::default(),
            Self::Unanswered => chunk.doubt_all(),
            Self::All | Self::Owed => return Self::Owed,
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notification::tests::paid;
    use crate::progress::Progress;

    /// Two events of partition 0 and one of partition 1.
    fn chunk() -> Chunk {
        let mut chunk = Chunk::default();
        for (partition, offset) in [(0, 10), (0, 11), (1, 5)] {
            chunk.push(paid(partition, offset));
        }
        chunk
    }

    fn offsets(chunk: &Chunk) -> Vec<(i32, i64)> {
        chunk.pending.iter().map(|event| (event.partition, event.offset)).collect()
    }

    #[test]
    fn a_partition_that_leaves_takes_along_what_does_not_count_as_told() {
        let mut chunk = chunk();
        let after = Committed::Told.follow(&Change::Revoked(0), &mut chunk);
        assert_eq!((after, offsets(&chunk)), (Committed::Told, vec![(1, 5)]));
    }

    #[test]
    fn events_of_an_unanswered_commit_stay_until_it_is_known_whether_it_took_place() {
        let mut chunk = chunk();
        let after = Committed::Unanswered.follow(&Change::Revoked(0), &mut chunk);
        assert_eq!((after, chunk.pending.len()), (Committed::Unanswered, 3));
        assert!(after.end(3).is_err(), "it does not end as if all were well");
        let back = Change::Assigned(0, Progress::up_to(12));
        assert_eq!(after.follow(&back, &mut chunk), Committed::Unanswered);
        assert_eq!(chunk.doubtful(), [(0, Progress::up_to(12))]);
        assert_eq!(chunk.end(), [(1, Progress::up_to(6))], "only that may be committed");

        chunk.keep(&[0]);
        assert_eq!(offsets(&chunk), [(0, 10), (0, 11), (1, 5)]);
        assert_eq!(Committed::all_of(&chunk), Committed::Owed);
    }

    #[test]
    fn events_of_a_commit_that_did_not_take_place_are_left_to_the_log() {
        let mut chunk = chunk();
        Committed::Unanswered.follow(&Change::Revoked(0), &mut chunk);
        chunk.keep(&[]);
        assert_eq!(offsets(&chunk), [(1, 5)]);
        assert_eq!(Committed::all_of(&chunk), Committed::All);
    }

    #[test]
    fn a_new_member_doubts_all_that_was_not_answered() {
        let mut chunk = chunk();
        assert_eq!(Committed::Unanswered.leave_group(&mut chunk), Committed::Unanswered);
        assert_eq!((chunk.doubtful().len(), chunk.end().len(), chunk.pending.len()), (2, 0, 3));
        assert_eq!(Committed::Told.leave_group(&mut chunk), Committed::Told);
        assert!(chunk.is_empty() && chunk.pending.is_empty());
    }

    #[test]
    fn what_is_owed_and_could_be_taken_back_after_all_comes_from_the_log() {
        let mut chunk = chunk();
        let owed = Committed::All.follow(&Change::Revoked(0), &mut chunk);
        owed.follow(&Change::Assigned(0, Progress::up_to(11)), &mut chunk);
        assert_eq!((owed, offsets(&chunk)), (Committed::Owed, vec![(0, 10), (1, 5)]));
    }
}
