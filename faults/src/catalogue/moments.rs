//! Processors and gateways die, or lose a connection, at named moments.

use super::scenario;
use crate::link::Link::{IngestKafka, ProcessorKafka};
use crate::link::Moment::{Begin, Commit, CommitAnswer, Dedupe, Recover, Retire, Settle, Stock};
use crate::link::Weather::{Clear, Deaf, Mute};
use crate::scenario::Action::{BreakHeld, Hold, Kill, Link, Start, StartWith, Stop};
use crate::scenario::Program::{Ingest, Processor};
use crate::scenario::{Scenario, Target};

// A scenario is a table of instants and actions; one line each tells it best.
#[rustfmt::skip]
pub(super) const ALL: &[Scenario] = &[
    scenario("die-before-claimed", "kill -9 between claim and first batch", Target::Processor, &[
        (0, Kill(Processor(0))), (100, Start(Processor(0))), (100, Hold(Recover)), (100, Kill(Processor(0))), (1_000, Start(Processor(0))),
    ]),
    scenario("die-after-poll", "kill -9 with records polled, before the transaction", Target::Processor, &[
        (0, Hold(Begin)), (0, Kill(Processor(0))), (1_000, Start(Processor(0))),
    ]),
    scenario("die-fenced", "kill -9 when progress is written and nothing else", Target::Processor, &[
        (0, Hold(Dedupe)), (0, Kill(Processor(0))), (1_000, Start(Processor(0))),
    ]),
    scenario("die-in-transaction", "kill -9 inside the transaction", Target::Processor, &[
        (0, Hold(Stock)), (0, Kill(Processor(0))), (1_000, Start(Processor(0))),
    ]),
    scenario("die-before-commit", "kill -9 with everything written and COMMIT not sent", Target::Processor, &[
        (0, Hold(Commit)), (0, Kill(Processor(0))), (1_000, Start(Processor(0))),
    ]),
    scenario("die-committed", "kill -9 when PostgreSQL has committed and its answer is under way", Target::Processor, &[
        (0, Hold(CommitAnswer)), (0, Kill(Processor(0))), (1_000, Start(Processor(0))),
    ]),
    scenario("die-before-publish", "kill -9 after commits whose events the broker has not got", Target::Processor, &[
        (0, Link(ProcessorKafka, Mute)), (500, Kill(Processor(0))), (600, Link(ProcessorKafka, Clear)), (1_000, Start(Processor(0))),
    ]),
    scenario("die-before-retire", "kill -9 when events are published and their outbox row stands", Target::Processor, &[
        (0, Hold(Retire)), (0, Kill(Processor(0))), (1_000, Start(Processor(0))),
    ]),
    scenario("die-charged", "kill -9 when slow charges are answered and not settled", Target::Processor, &[
        (0, Stop(Processor(0))), (100, StartWith(Processor(0), &[("PAYMENT_LATENCY", "500ms")])),
        (5_000, Hold(Settle)), (5_000, Kill(Processor(0))), (6_000, Start(Processor(0))),
    ]),
    scenario("commit-answer-lost", "the answers to three COMMITs are lost, the processor lives", Target::Processor, &[
        (0, Hold(CommitAnswer)), (100, BreakHeld), (1_000, Hold(CommitAnswer)), (1_100, BreakHeld),
        (2_000, Hold(CommitAnswer)), (2_100, BreakHeld),
    ]),
    scenario("commit-lost", "three COMMITs do not arrive, the processor lives", Target::Processor, &[
        (0, Hold(Commit)), (100, BreakHeld), (1_000, Hold(Commit)), (1_100, BreakHeld), (2_000, Hold(Commit)), (2_100, BreakHeld),
    ]),
    scenario("ingest-die-unsent", "kill -9 the gateway with records that the broker has not got", Target::Ingest, &[
        (0, Link(IngestKafka, Mute)), (500, Kill(Ingest)), (600, Link(IngestKafka, Clear)), (1_000, Start(Ingest)),
    ]),
    scenario("ingest-die-unanswered", "kill -9 the gateway with records that the broker has and clients do not know of", Target::Ingest, &[
        (0, Link(IngestKafka, Deaf)), (500, Kill(Ingest)), (600, Link(IngestKafka, Clear)), (1_000, Start(Ingest)),
    ]),
];
