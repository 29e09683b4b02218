//! Every scenario. Instants leave room for what each fault is about: 15 s is a
//! consumer's session, 3 s the broker's, 10 s a drain.

use stack::Signal;

use crate::scenario::Action::{
    Broker, Freeze, Kill, KillBackend, LockHotRow, OpenTransaction, Poison, Postgres, Redeliver,
    Release, Start, StartBroker, StartPostgres, StartWith, Stop, Thaw,
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
