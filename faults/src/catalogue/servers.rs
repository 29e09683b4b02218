//! Kafka and PostgreSQL die, freeze, refuse.

use stack::Signal;

use super::scenario;
use crate::expect::Expect;
use crate::link::Link::ProcessorPostgres;
use crate::link::Weather::{Clear, Slow};
use crate::needs::Needs;
use crate::scenario::Action::{
    AddPartitions, AwaitEnd, Broker, DeleteRecords, EndSessions, FailOver, FillDisk, FreeDisk,
    KillBackend, Link, LockHotRow, OpenTransaction, Postgres, Release, RemakeTopic, Standby, Start,
    StartBroker, StartPostgres, Stop, StopLoad, StopStandby, TakeSessions, Writable,
};
use crate::scenario::Program::Processor;
use crate::scenario::Replication::{Asynchronous, Synchronous};
use crate::scenario::{Scenario, Target};

// A scenario is a table of instants and actions; one line each tells it best.
#[rustfmt::skip]
pub(super) const ALL: &[Scenario] = &[
    scenario("broker-kill", "kill -9 the broker, start it after 2 s", Target::Broker, &[
        (0, Broker(Signal::Kill)), (2_000, StartBroker),
    ]),
    scenario("broker-away-20s", "kill -9 the broker, start it after 20 s, longer than any session", Target::Broker, &[
        (0, Broker(Signal::Kill)), (20_000, StartBroker),
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
    scenario("partitions-added", "orders gets two partitions more under load", Target::Broker, &[
        (0, AddPartitions(2)), (30_000, Start(Processor(0))),
    ]),
    scenario("topic-remade", "the topic of orders is deleted and made anew: the processor must stop and name the gap", Target::Broker, &[
        (0, StopLoad), (1_000, RemakeTopic), (1_500, Start(Processor(0))),
    ]).expecting(&[Expect::Ends(Processor(0), "gone from the log")]),
    scenario("records-deleted", "records are deleted before they were read: the processor must stop and name the gap", Target::Broker, &[
        (0, Stop(Processor(0))), (2_000, DeleteRecords), (2_500, Start(Processor(0))),
    ]).expecting(&[Expect::Ends(Processor(0), "gone from the log")]),
    scenario("postgres-no-sessions", "PostgreSQL has no session left for 6 s", Target::Postgres, &[
        (0, TakeSessions), (6_000, Release),
    ]),
    scenario("postgres-read-only", "PostgreSQL takes no writes for 6 s, as after a failover", Target::Postgres, &[
        (0, Writable(false)), (6_000, Writable(true)),
    ]),
    scenario("failover-synchronous", "PostgreSQL is killed, a standby that every commit waited for takes over", Target::Postgres, &[
        (0, Standby(Synchronous)), (4_000, Postgres(Signal::Kill)), (5_000, FailOver),
    ]).needing(Needs::Standby),
    // What was confirmed meanwhile is gone with the first server; the log has it.
    scenario("failover-asynchronous", "PostgreSQL is killed, a standby takes over that was 2 s behind", Target::Postgres, &[
        (0, Standby(Asynchronous)), (4_000, StopStandby), (6_000, Postgres(Signal::Kill)), (7_000, FailOver),
        (7_500, AwaitEnd(Processor(0), "although PostgreSQL confirmed")), (8_000, Start(Processor(0))),
    ]).needing(Needs::Standby).expecting(&[Expect::Retold]),
    scenario("postgres-sessions-ended", "all sessions of the processors are ended, three times", Target::Postgres, &[
        (0, EndSessions), (1_000, EndSessions), (2_000, EndSessions),
    ]),
    scenario("postgres-slow", "every statement takes 2 s for 20 s", Target::Postgres, &[
        (0, Link(ProcessorPostgres, Slow(1_000))), (20_000, Link(ProcessorPostgres, Clear)),
    ]),
    scenario("broker-disk-full", "the disk of the broker is full for 5 s; it stops and is started again", Target::Broker, &[
        (0, FillDisk), (5_000, FreeDisk), (5_500, StartBroker),
    ]).needing(Needs::SmallDisk(stack::Server::Kafka)),
    scenario("postgres-disk-full", "the disk of PostgreSQL is full for 5 s; it stops and is started again", Target::Postgres, &[
        (0, FillDisk), (5_000, FreeDisk), (5_500, StartPostgres),
    ]).needing(Needs::SmallDisk(stack::Server::Postgres)),
];
