//! Records that should not be, a rush of them, and a payment provider in trouble.

use super::scenario;
use crate::expect::Expect;
use crate::link::Moment::Settle;
use crate::scenario::Action::{
    BreakHeld, FlashSale, Hold, Kill, Poison, Redeliver, Refusable, Replay, Start, StartWith, Stop,
};
use crate::scenario::Program::Processor;
use crate::scenario::{Scenario, Target};

// A scenario is a table of instants and actions; one line each tells it best.
#[rustfmt::skip]
pub(super) const ALL: &[Scenario] = &[
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
    // What the first processor heard it never committed.
    scenario("payment-contradicts", "the payment provider, asked again after a crash, says something else", Target::Processor, &[
        (0, Stop(Processor(0))), (100, StartWith(Processor(0), &[("PAYMENT_SUCCESS", "0.5")])),
        (3_000, Hold(Settle)), (3_000, Kill(Processor(0))), (3_100, BreakHeld),
        (3_200, StartWith(Processor(0), &[("PAYMENT_SUCCESS", "0.5"), ("PAYMENT_SEED", "2")])),
        (12_000, Stop(Processor(0))), (12_100, Start(Processor(0))),
    ]),
    scenario("payment-outage", "the payment provider is away for 15 s", Target::Processor, &[
        (0, Stop(Processor(0))), (100, StartWith(Processor(0), &[("PAYMENT_OUTAGE", "2s..17s")])),
        (18_000, Stop(Processor(0))), (18_100, Start(Processor(0))),
    ]),
    scenario("refusable", "orders that only PostgreSQL refuses, among good ones", Target::Records, &[
        (0, Refusable), (1_000, Refusable),
    ]),
    scenario("replay", "every order there ever was once more, in other partitions", Target::Records, &[
        (0, Replay),
    ]),
    scenario("flash-sale", "100,000 orders for 1,000 pieces of one product", Target::Records, &[
        (0, Stop(Processor(0))), (100, StartWith(Processor(0), &[("PAYMENT_SUCCESS", "1")])), (200, FlashSale(100_000, 1_000)),
    ]).expecting(&[Expect::SoldOut(1_000)]),
    scenario("payment-slow", "the payment provider takes 2 s for each answer", Target::Processor, &[
        (0, Stop(Processor(0))), (100, StartWith(Processor(0), &[("PAYMENT_LATENCY", "2s")])),
        (12_000, Stop(Processor(0))), (12_100, Start(Processor(0))),
    ]),
];
