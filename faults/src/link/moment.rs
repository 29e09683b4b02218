//! Named moments in the life of a batch, told from what a processor says to
//! PostgreSQL, and the gate that holds a connection at one.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// What a processor is about to do, or to hear.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Moment {
    /// Between claim and first batch: what the former owner left is to be read.
    Recover,
    /// Records are polled and decoded, the transaction is to begin.
    Begin,
    /// The fence is passed, records are to be noted.
    Dedupe,
    /// Inside the transaction, all tables but stock are written.
    Stock,
    /// Everything is written, COMMIT is to be sent.
    Commit,
    /// PostgreSQL has committed and answers; the answer is held.
    CommitAnswer,
    /// The charge is answered, the settlement is to be written.
    Settle,
    /// The broker has acknowledged events, their outbox row is to be deleted.
    Retire,
}

impl Moment {
    /// How a statement begins that stands for the moment.
    const fn statement(self) -> &'static str {
        match self {
            Self::Recover => {
                "select \"offset\", key, value, headers::text, code, message from dead_letters"
            }
            Self::Begin => "BEGIN",
            Self::Dedupe => "insert into processed_events",
            Self::Stock => "update stock",
            Self::Commit | Self::CommitAnswer => "COMMIT",
            Self::Settle => "update orders o",
            Self::Retire => "delete from outbox",
        }
    }

    /// Whether it is the answer to the statement that is held.
    pub(super) const fn is_answer(self) -> bool {
        matches!(self, Self::CommitAnswer)
    }
}

/// What a connection says: prepared statements are told once and then named.
#[derive(Default)]
pub(super) struct Statements {
    prepared: HashMap<Vec<u8>, Vec<u8>>,
}

impl Statements {
    /// The text of the statement that this message of a client runs, if it does.
    pub(super) fn run_by(&mut self, message: &[u8]) -> Option<Vec<u8>> {
        // Type, length, then strings that end in zero.
        let mut strings = message.get(5..)?.split(|byte| *byte == 0);
        match message.first()? {
            b'Q' => strings.next().map(<[u8]>::to_vec),
            b'P' => {
                let (name, text) = (strings.next()?, strings.next()?);
                self.prepared.insert(name.to_vec(), text.to_vec());
                None
            }
            // Portal, then statement.
            b'B' => self.prepared.get(strings.nth(1)?).cloned(),
            _ => None,
        }
    }
}

/// Holds the first connection that comes to the moment it was armed with.
pub(super) struct Gate {
    armed: Mutex<Option<Armed>>,
    held: watch::Sender<u64>,
    released: watch::Sender<Release>,
}

/// What a gate was armed with.
struct Armed {
    moment: Moment,
    /// Connections held until then.
    since: u64,
    /// Whether a connection has come to it.
    taken: bool,
}

/// What becomes of connections that are held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Release {
    /// What was held goes on to where it was going.
    Pass,
    /// The connection is reset, what was held is lost.
    Break,
}

impl Gate {
    pub(super) fn new() -> Self {
        let (held, released) = (watch::channel(0).0, watch::channel(Release::Break).0);
        Self { armed: Mutex::new(None), held, released }
    }

    /// Waits until a connection is held at the moment. Whoever gives up waiting leaves
    /// the gate armed, and may come again: some moments come once.
    pub(super) async fn arm(&self, moment: Moment) {
        let mut held = self.held.subscribe();
        let since = match &mut *self.armed() {
            Some(armed) if armed.moment == moment => armed.since,
            other => {
                let since = *held.borrow();
                *other = Some(Armed { moment, since, taken: false });
                since
            }
        };
        // The sender lives as long as this gate.
        let _held = held.wait_for(|count| *count > since).await;
        self.disarm();
    }

    pub(super) fn disarm(&self) {
        *self.armed() = None;
    }

    /// The connection that was to be held has ended before its answer came.
    pub(super) fn takes_another(&self) {
        if let Some(armed) = &mut *self.armed() {
            armed.taken = false;
        }
    }

    fn armed(&self) -> MutexGuard<'_, Option<Armed>> {
        self.armed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The moment, if this statement is what the gate waits for; it waits no more.
    pub(super) fn takes(&self, statement: &[u8]) -> Option<Moment> {
        let mut armed = self.armed();
        let waiting = armed.as_mut().filter(|armed| !armed.taken)?;
        waiting.taken = statement.starts_with(waiting.moment.statement().as_bytes());
        waiting.taken.then_some(waiting.moment)
    }

    /// Holds the caller's connection until it is released.
    pub(super) async fn hold(&self) -> Release {
        let mut released = self.released.subscribe();
        self.held.send_modify(|count| *count += 1);
        // The sender lives as long as this gate.
        let _changed = released.changed().await;
        *released.borrow()
    }

    /// Releases every connection that is held.
    pub(super) fn release(&self, how: Release) {
        self.released.send_replace(how);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_prepared_statement_is_known_by_its_name() {
        let mut statements = Statements::default();
        assert_eq!(statements.run_by(b"P\0\0\0\0s1\0update stock s set\0\0\0"), None);
        let run = statements.run_by(b"B\0\0\0\0\0s1\0\0\0");
        assert_eq!(run.as_deref(), Some(b"update stock s set".as_slice()));
        assert_eq!(statements.run_by(b"B\0\0\0\0\0s2\0\0\0"), None);
        assert_eq!(statements.run_by(b"Q\0\0\0\0COMMIT\0").as_deref(), Some(b"COMMIT".as_slice()));
    }

    #[test]
    fn a_gate_takes_the_moment_it_was_armed_with_once() {
        let gate = Gate::new();
        *gate.armed() = Some(Armed { moment: Moment::Stock, since: 0, taken: false });
        assert_eq!(gate.takes(b"update orders o"), None);
        assert_eq!(gate.takes(b"update stock s"), Some(Moment::Stock));
        assert_eq!(gate.takes(b"update stock s"), None);
    }

    #[tokio::test]
    async fn a_moment_that_comes_while_nobody_waits_for_it_is_held() {
        let gate = Gate::new();
        let impatient = tokio::time::timeout(Duration::ZERO, gate.arm(Moment::Stock)).await;
        assert!(impatient.is_err());
        assert_eq!(gate.takes(b"update stock s"), Some(Moment::Stock));
        tokio::select! {
            biased;
            _ = gate.hold() => panic!("nobody released it"),
            () = gate.arm(Moment::Stock) => {}
        }
        assert!(gate.armed().is_none());
    }
}
