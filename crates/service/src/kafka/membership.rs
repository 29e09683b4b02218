//! Whether a member of a group that lost its partitions while Kafka was away gets some
//! again. Pure: it is told what is known and when.
//!
//! A member that comes back joins within the session time-out of the one that it was
//! (10 s). It has been seen to wait much longer, in a join that nobody answered, while
//! Kafka answered everything else: then only a new member helps.

use std::time::{Duration, Instant};

/// Twice the session time-out.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the group has given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Given {
    /// Some partitions.
    Partitions,
    /// None.
    Nothing,
}

/// Whether Kafka answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kafka {
    /// It does.
    There,
    /// It does not.
    Away,
}

/// What a member without partitions does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// It waits: it may be one more than there are partitions.
    Wait,
    /// It joins as a new member, once.
    JoinAnew,
}

/// The watch over a membership.
#[derive(Default, Debug)]
pub struct Membership {
    given: Option<Given>,
    /// Since when Kafka answers, and gives back nothing of what was lost.
    without_since: Option<Instant>,
}

impl Membership {
    /// Takes note of what there is, and whether Kafka is away.
    pub fn look(&mut self, given: Given, kafka: Kafka, now: Instant) -> Next {
        let before = self.given.replace(given);
        if given == Given::Partitions {
            self.without_since = None;
        } else if kafka == Kafka::Away
            && (before == Some(Given::Partitions) || self.without_since.is_some())
        {
            self.without_since = Some(now);
        }
        let long = self.without_since.is_some_and(|since| now.duration_since(since) >= PATIENCE);
        if long {
            self.without_since = None;
            return Next::JoinAnew;
        }
        Next::Wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(begin: Instant, seconds: u64) -> Instant {
        begin + Duration::from_secs(seconds)
    }

    #[test]
    fn who_lost_its_partitions_with_kafka_and_gets_none_joins_anew_once() {
        let (mut membership, begin) = (Membership::default(), Instant::now());
        let mut look = |given, kafka, second| membership.look(given, kafka, at(begin, second));
        assert_eq!(look(Given::Partitions, Kafka::Away, 0), Next::Wait);
        assert_eq!(look(Given::Nothing, Kafka::Away, 10), Next::Wait);
        assert_eq!(look(Given::Nothing, Kafka::Away, 60), Next::Wait, "Kafka is away");
        assert_eq!(look(Given::Nothing, Kafka::There, 79), Next::Wait);
        assert_eq!(look(Given::Nothing, Kafka::There, 80), Next::JoinAnew);
        assert_eq!(look(Given::Nothing, Kafka::There, 200), Next::Wait);
    }

    #[test]
    fn who_has_partitions_again_or_lost_them_to_others_waits() {
        let (mut membership, begin) = (Membership::default(), Instant::now());
        let mut look = |given, kafka, second| membership.look(given, kafka, at(begin, second));
        assert_eq!(look(Given::Nothing, Kafka::Away, 0), Next::Wait, "it never had any");
        assert_eq!(look(Given::Nothing, Kafka::There, 100), Next::Wait);
        assert_eq!(look(Given::Partitions, Kafka::Away, 101), Next::Wait);
        assert_eq!(look(Given::Nothing, Kafka::Away, 102), Next::Wait);
        assert_eq!(look(Given::Partitions, Kafka::There, 110), Next::Wait);
        assert_eq!(look(Given::Nothing, Kafka::There, 200), Next::Wait, "another has them");
        assert_eq!(look(Given::Nothing, Kafka::There, 300), Next::Wait);
    }
}
