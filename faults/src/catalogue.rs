//! Every scenario. Instants leave room for what each fault is about: 15 s is a
//! consumer's session, 3 s the broker's, 10 s a drain.

use stack::Signal;

use crate::link::Link::{
    ClientIngest, IngestKafka, NotifierKafka, ProcessorKafka, ProcessorPostgres,
};
use crate::link::Moment::{Begin, Commit, CommitAnswer, Recover, Retire, Settle, Stock};
use crate::link::Weather::{Clear, Clogged, Crumbs, Cut, Deaf, Mute, Slow};
use crate::scenario::Action::{
    BreakHeld, Broker, Freeze, Hold, Kill, KillBackend, Link, LockHotRow, OpenTransaction, Poison,
    Postgres, Redeliver, Release, Start, StartBroker, StartPostgres, StartWith, Stop, Thaw,
};
use crate::scenario::Program::{Ingest, Notifier, Processor};
use crate::scenario::{Action, Scenario, Target};

const ONE: Action = Start(Processor(1));
const TWO: Action = Start(Processor(2));

// A scenario is a table of instants and actions; one line each tells it best.
#[rustfmt::skip]
pub(crate) const CATALOGUE: &[Scenario] = &[
    scenario("ingest-kill", "kill -9 the gateway, start it after 1 s", Target::Ingest, &[
        (0, Kill(Ingest)), (1_000, Start(Ingest)),
    ]),
    scenario("ingest-stop", "SIGTERM the gateway under load, start it again", Target::Ingest, &[
        (0, Stop(Ingest)), (1_000, Start(Ingest)),
    ]),
    scenario("processor-kill", "kill -9 the only processor, start it after 2 s", Target::Processor, &[
        (0, Kill(Processor(0))), (2_000, Start(Processor(0))),
    ]),
    scenario("processor-stop", "SIGTERM the only processor, start it again", Target::Processor, &[
        (0, Stop(Processor(0))), (1_000, Start(Processor(0))),
    ]),
    scenario("processor-handover", "a second processor joins, the first is stopped", Target::Processor, &[
        (0, ONE), (5_000, Stop(Processor(0))), (8_000, Start(Processor(0))), (11_000, Stop(Processor(1))),
    ]),
    scenario("processor-churn", "processors come and go every 3 s", Target::Processor, &[
        (0, ONE), (3_000, TWO), (6_000, Kill(Processor(1))), (9_000, ONE),
        (12_000, Stop(Processor(2))), (15_000, TWO), (18_000, Stop(Processor(1))), (21_000, Kill(Processor(2))),
    ]),
    scenario("processor-zombie", "SIGSTOP one of two past its session, then SIGCONT", Target::Processor, &[
        (0, ONE), (4_000, Freeze(Processor(0))), (24_000, Thaw(Processor(0))), (29_000, Stop(Processor(1))),
    ]),
    scenario("processor-crash-loop", "kill -9 the only processor five times, 1 s apart", Target::Processor, &[
        (0, Kill(Processor(0))), (200, Start(Processor(0))), (1_200, Kill(Processor(0))), (1_400, Start(Processor(0))),
        (2_400, Kill(Processor(0))), (2_600, Start(Processor(0))), (3_600, Kill(Processor(0))), (3_800, Start(Processor(0))),
        (4_800, Kill(Processor(0))), (5_000, Start(Processor(0))),
    ]),
    scenario("notifier-kill", "kill -9 the notifier, start it after 2 s", Target::Notifier, &[
        (0, Kill(Notifier)), (2_000, Start(Notifier)),
    ]),
    scenario("broker-kill", "kill -9 the broker, start it after 2 s", Target::Broker, &[
        (0, Broker(Signal::Kill)), (2_000, StartBroker),
    ]),
    scenario("broker-restart", "stop and start the broker under load", Target::Broker, &[
        (0, Broker(Signal::Term)), (500, StartBroker),
    ]),
    scenario("broker-pause-5s", "SIGSTOP the broker for 5 s", Target::Broker, &[
        (0, Broker(Signal::Stop)), (5_000, Broker(Signal::Cont)),
    ]),
    scenario("broker-pause-40s", "SIGSTOP the broker for 40 s, longer than any session", Target::Broker, &[
        (0, Broker(Signal::Stop)), (40_000, Broker(Signal::Cont)),
    ]),
    scenario("postgres-restart-fast", "stop PostgreSQL as for an upgrade, start it again", Target::Postgres, &[
        (0, Postgres(Signal::Int)), (1_000, StartPostgres),
    ]),
    scenario("postgres-restart-immediate", "stop PostgreSQL without a checkpoint, start it again", Target::Postgres, &[
        (0, Postgres(Signal::Quit)), (1_000, StartPostgres),
    ]),
    scenario("postgres-kill", "kill -9 the postmaster, start it after 3 s", Target::Postgres, &[
        (0, Postgres(Signal::Kill)), (3_000, StartPostgres),
    ]),
    scenario("postgres-pause-10s", "SIGSTOP PostgreSQL for 10 s", Target::Postgres, &[
        (0, Postgres(Signal::Stop)), (10_000, Postgres(Signal::Cont)),
    ]),
    scenario("postgres-backend-kill", "kill -9 a backend: PostgreSQL ends all sessions and recovers", Target::Postgres, &[
        (0, KillBackend), (3_000, KillBackend),
    ]),
    scenario("hot-row-lock", "hold a lock on the best selling product for 8 s", Target::Postgres, &[
        (0, LockHotRow), (8_000, Release),
    ]),
    scenario("open-transaction", "hold a transaction open for 30 s while rows are updated", Target::Postgres, &[
        (0, OpenTransaction), (30_000, Release),
    ]),
    scenario("die-before-claimed", "kill -9 between claim and first batch", Target::Processor, &[
        (0, Kill(Processor(0))), (100, Start(Processor(0))), (100, Hold(Recover)), (100, Kill(Processor(0))), (1_000, Start(Processor(0))),
    ]),
    scenario("die-after-poll", "kill -9 with records polled, before the transaction", Target::Processor, &[
        (0, Hold(Begin)), (0, Kill(Processor(0))), (1_000, Start(Processor(0))),
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
    scenario("die-charged", "kill -9 when charges are answered and not settled", Target::Processor, &[
        (0, Hold(Settle)), (0, Kill(Processor(0))), (1_000, Start(Processor(0))),
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
    scenario("links-cut", "each link is cut for 2 s, one after another", Target::Links, &[
        (0, Link(ClientIngest, Cut)), (2_000, Link(ClientIngest, Clear)), (2_000, Link(IngestKafka, Cut)), (4_000, Link(IngestKafka, Clear)),
        (4_000, Link(ProcessorKafka, Cut)), (6_000, Link(ProcessorKafka, Clear)), (6_000, Link(ProcessorPostgres, Cut)), (8_000, Link(ProcessorPostgres, Clear)),
        (8_000, Link(NotifierKafka, Cut)), (10_000, Link(NotifierKafka, Clear)),
    ]),
    scenario("links-reset", "all connections of all links are reset three times", Target::Links, &[
        (0, Link(ClientIngest, Cut)), (50, Link(ClientIngest, Clear)), (100, Link(IngestKafka, Cut)), (150, Link(IngestKafka, Clear)),
        (200, Link(ProcessorKafka, Cut)), (250, Link(ProcessorKafka, Clear)), (300, Link(ProcessorPostgres, Cut)), (350, Link(ProcessorPostgres, Clear)),
        (2_000, Link(IngestKafka, Cut)), (2_050, Link(IngestKafka, Clear)), (2_100, Link(ProcessorPostgres, Cut)), (2_150, Link(ProcessorPostgres, Clear)),
        (4_000, Link(ProcessorKafka, Cut)), (4_050, Link(ProcessorKafka, Clear)), (4_100, Link(NotifierKafka, Cut)), (4_150, Link(NotifierKafka, Clear)),
    ]),
    scenario("links-one-way", "one direction of each link is lost for 4 s", Target::Links, &[
        (0, Link(IngestKafka, Mute)), (4_000, Link(IngestKafka, Clear)), (4_000, Link(IngestKafka, Deaf)), (8_000, Link(IngestKafka, Clear)),
        (8_000, Link(ProcessorKafka, Mute)), (12_000, Link(ProcessorKafka, Clear)), (12_000, Link(ProcessorKafka, Deaf)), (16_000, Link(ProcessorKafka, Clear)),
        (16_000, Link(ProcessorPostgres, Mute)), (20_000, Link(ProcessorPostgres, Clear)), (20_000, Link(ProcessorPostgres, Deaf)), (24_000, Link(ProcessorPostgres, Clear)),
    ]),
    scenario("links-slow", "all links take 50 ms, then 500 ms, each way", Target::Links, &[
        (0, Link(IngestKafka, Slow(50))), (0, Link(ProcessorKafka, Slow(50))), (0, Link(ProcessorPostgres, Slow(50))), (0, Link(NotifierKafka, Slow(50))),
        (8_000, Link(IngestKafka, Slow(500))), (8_000, Link(ProcessorKafka, Slow(500))), (8_000, Link(ProcessorPostgres, Slow(500))),
        (16_000, Link(IngestKafka, Clear)), (16_000, Link(ProcessorKafka, Clear)), (16_000, Link(ProcessorPostgres, Clear)), (16_000, Link(NotifierKafka, Clear)),
    ]),
    scenario("links-crumbs", "the head of every message comes one byte at a time, on all links", Target::Links, &[
        (0, Link(ClientIngest, Crumbs)), (0, Link(IngestKafka, Crumbs)), (0, Link(ProcessorKafka, Crumbs)),
        (0, Link(ProcessorPostgres, Crumbs)), (0, Link(NotifierKafka, Crumbs)), (8_000, Link(ClientIngest, Clear)), (8_000, Link(IngestKafka, Clear)),
        (8_000, Link(ProcessorKafka, Clear)), (8_000, Link(ProcessorPostgres, Clear)), (8_000, Link(NotifierKafka, Clear)),
    ]),
    scenario("links-clogged", "links clog one by one and are freed in another order", Target::Links, &[
        (0, Link(ProcessorPostgres, Clogged)), (700, Link(IngestKafka, Clogged)), (1_100, Link(NotifierKafka, Clogged)), (2_300, Link(ProcessorKafka, Clogged)),
        (3_100, Link(ClientIngest, Clogged)), (4_000, Link(NotifierKafka, Clear)), (5_200, Link(ProcessorPostgres, Clear)), (6_500, Link(ClientIngest, Clear)),
        (7_100, Link(ProcessorPostgres, Clogged)), (8_800, Link(ProcessorKafka, Clear)), (10_000, Link(IngestKafka, Clear)), (12_000, Link(ProcessorPostgres, Clear)),
    ]),
    scenario("poison", "unreadable records among good ones, twice", Target::Records, &[
        (0, Poison), (2_000, Poison),
    ]),
    scenario("redelivery", "the newest orders once more, in other partitions", Target::Records, &[
        (0, Redeliver), (2_000, Redeliver), (4_000, Redeliver),
    ]),
    scenario("payment-timeouts", "a fifth of the questions to the payment provider gets no answer", Target::Processor, &[
        (0, Stop(Processor(0))), (100, StartWith(Processor(0), &[("PAYMENT_TIMEOUTS", "0.2"), ("PAYMENT_DEADLINE", "200ms")])),
        (12_000, Stop(Processor(0))), (12_100, Start(Processor(0))),
    ]),
    scenario("payment-outage", "the payment provider is away for 15 s", Target::Processor, &[
        (0, Stop(Processor(0))), (100, StartWith(Processor(0), &[("PAYMENT_OUTAGE", "2s..17s")])),
        (18_000, Stop(Processor(0))), (18_100, Start(Processor(0))),
    ]),
];

const fn scenario(
    name: &'static str,
    what: &'static str,
    target: Target,
    steps: &'static [(u64, Action)],
) -> Scenario {
    Scenario { name, what, target, steps }
}
