//! Our own programs die, freeze, come and go.

use super::scenario;
use crate::expect::Expect;
use crate::link::Moment::{Begin, CommitAnswer, Dedupe};
use crate::scenario::Action::{
    Freeze, Hold, Kill, KillLoad, LetGo, Migrate, Overload, Start, StartLoad, StartWith, Stop,
    StopLoad, Thaw, Wait,
};
use crate::scenario::Program::{Ingest, Notifier, Processor};
use crate::scenario::{Action, Scenario, Target};

const ONE: Action = Start(Processor(1));
const TWO: Action = Start(Processor(2));

// A scenario is a table of instants and actions; one line each tells it best.
#[rustfmt::skip]
pub(super) const ALL: &[Scenario] = &[
    scenario("ingest-kill", "kill -9 the gateway, start it after 1 s", Target::Ingest, &[
        (0, Kill(Ingest)), (1_000, Start(Ingest)),
    ]),
    scenario("ingest-stop", "SIGTERM the gateway under load, start it again", Target::Ingest, &[
        (0, Stop(Ingest)), (1_000, Start(Ingest)),
    ]).expecting(&[Expect::OnlyUnserved]),
    scenario("processor-kill", "kill -9 the only processor, start it after 2 s", Target::Processor, &[
        (0, Kill(Processor(0))), (2_000, Start(Processor(0))),
    ]),
    scenario("processor-stop", "SIGTERM the only processor, start it again", Target::Processor, &[
        (0, Stop(Processor(0))), (1_000, Start(Processor(0))),
    ]),
    scenario("processor-handover", "a second processor joins, the first is stopped", Target::Processor, &[
        (0, ONE), (5_000, Stop(Processor(0))), (8_000, Start(Processor(0))), (11_000, Stop(Processor(1))),
    ]).expecting(&[Expect::Standstill(2_000)]),
    scenario("processor-churn", "processors come and go every 3 s", Target::Processor, &[
        (0, ONE), (3_000, TWO), (6_000, Kill(Processor(1))), (9_000, ONE),
        (12_000, Stop(Processor(2))), (15_000, TWO), (18_000, Stop(Processor(1))), (21_000, Kill(Processor(2))),
    ]),
    scenario("processor-zombie", "SIGSTOP one of two past its session, then SIGCONT", Target::Processor, &[
        (0, ONE), (4_000, Freeze(Processor(0))), (24_000, Thaw(Processor(0))), (29_000, Stop(Processor(1))),
    ]).expecting(&[Expect::Counted(Processor(0), "fenced_total")]),
    // The first stands at the begin of a large batch; the second has taken the
    // partitions and stops when it has committed one of the same records: the first
    // may not write its own.
    scenario("two-owners", "two processors both believe that they own the partitions", Target::Processor, &[
        (0, Stop(Processor(0))), (100, StartWith(Processor(0), &[("PROCESSOR_COMMIT_INTERVAL", "1s")])),
        (5_000, Hold(Begin)), (5_000, Freeze(Processor(0))), (5_100, StartWith(Processor(1), &[("PROCESSOR_BATCH_MAX", "1")])),
        (11_000, Hold(Dedupe)), (11_000, LetGo), (11_000, Hold(CommitAnswer)), (11_000, Freeze(Processor(1))),
        (11_000, Thaw(Processor(0))), (11_000, LetGo), (11_000, Wait(2_000)), (11_000, Thaw(Processor(1))),
        (20_000, Stop(Processor(1))),
    ]).expecting(&[Expect::Counted(Processor(0), "fenced_total")]),
    scenario("processor-crash-loop", "kill -9 the only processor five times, 1 s apart", Target::Processor, &[
        (0, Kill(Processor(0))), (200, Start(Processor(0))), (1_200, Kill(Processor(0))), (1_400, Start(Processor(0))),
        (2_400, Kill(Processor(0))), (2_600, Start(Processor(0))), (3_600, Kill(Processor(0))), (3_800, Start(Processor(0))),
        (4_800, Kill(Processor(0))), (5_000, Start(Processor(0))),
    ]),
    scenario("clocks-apart", "the gateway's clock is an hour fast and the processor's an hour slow, then the other way round", Target::Processor, &[
        (0, Stop(Ingest)), (100, StartWith(Ingest, &[("CLOCK_SHIFT", "1h")])),
        (200, Stop(Processor(0))), (300, StartWith(Processor(0), &[("CLOCK_SHIFT", "-1h")])),
        (8_000, Stop(Ingest)), (8_100, StartWith(Ingest, &[("CLOCK_SHIFT", "-1h")])),
        (8_200, Stop(Processor(0))), (8_300, StartWith(Processor(0), &[("CLOCK_SHIFT", "1h")])),
        (16_000, Stop(Ingest)), (16_100, Start(Ingest)), (16_200, Stop(Processor(0))), (16_300, Start(Processor(0))),
    ]),
    scenario("notifier-kill", "kill -9 the notifier, start it after 2 s", Target::Notifier, &[
        (0, Kill(Notifier)), (2_000, Start(Notifier)),
    ]),
    scenario("notifier-freeze", "SIGSTOP the notifier past its session, then SIGCONT", Target::Notifier, &[
        (0, Freeze(Notifier)), (15_000, Thaw(Notifier)),
    ]),
    scenario("loadgen-kill", "kill -9 the load generator, start another", Target::Load, &[
        (0, KillLoad), (1_000, StartLoad),
    ]),
    scenario("loadgen-stop", "SIGINT the load generator, start another", Target::Load, &[
        (0, StopLoad), (1_000, StartLoad),
    ]),
    scenario("overload", "50,000 orders/s on 4,096 connections for 20 s", Target::Load, &[
        (0, Stop(Processor(0))), (100, Start(Processor(0))), (200, Overload(50_000, 20)),
    ]).expecting(&[Expect::OnlyBusy, Expect::PeakBelow(Ingest, 256), Expect::PeakBelow(Processor(0), 384)]),
    scenario("rolling-change", "a migration, then each program is replaced under load, the processor by one beside it", Target::Processor, &[
        (0, Migrate), (2_000, ONE), (6_000, Stop(Processor(0))), (9_000, Start(Processor(0))), (13_000, Stop(Processor(1))),
        (15_000, Stop(Notifier)), (15_000, Start(Notifier)), (17_000, Stop(Ingest)), (17_000, Start(Ingest)),
    ]).expecting(&[Expect::Standstill(2_000), Expect::OnlyUnserved]),
];
