//! The network between programs and servers fails.

use super::scenario;
use crate::link::Link::{
    ClientIngest, IngestKafka, NotifierKafka, ProcessorKafka, ProcessorPostgres,
};
use crate::link::Weather::{Clear, Clogged, Crumbs, Cut, Deaf, Mute, Slow};
use crate::scenario::Action::Link;
use crate::scenario::{Scenario, Target};

// A scenario is a table of instants and actions; one line each tells it best.
#[rustfmt::skip]
pub(super) const ALL: &[Scenario] = &[
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
];
