//! What a poll brought: partitions that came and went, and a record judged against
//! what was told of its partition.

use std::collections::HashMap;

use anyhow::{Context, bail};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;

use crate::chunk::Chunk;
use crate::consumer::Change;
use crate::metrics::LaneMetrics;
use crate::progress::Progress;
use crate::record::{Record, Skip};
use crate::window::Window;

/// What a lane knows of a partition it owns.
pub(super) struct Partition {
    /// As it was when the partition came.
    inherited: Progress,
    seen: Window,
}

/// Adds or forgets a partition.
pub(super) fn apply(
    change: Change,
    partitions: &mut HashMap<i32, Partition>,
    window: usize,
) -> anyhow::Result<()> {
    match change {
        Change::Assigned(partition, inherited) => {
            partitions.insert(partition, Partition { inherited, seen: Window::new(window) });
        }
        Change::Revoked(partition) => {
            partitions.remove(&partition);
        }
        Change::Failed(error) => {
            return Err(error).context("cannot learn how far new partitions are told");
        }
    }
    Ok(())
}

/// Whether an error says that no broker is there.
pub(super) fn is_loss(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown)
}

/// Whether an error says that a partition has no record at the place that is next: the
/// log was made anew, or its old records are gone.
pub(super) fn is_out_of_log(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::AutoOffsetReset)
}

/// Puts a record into the chunk, or passes it.
pub(super) fn read(
    polled: Option<KafkaResult<BorrowedMessage<'_>>>,
    partitions: &mut HashMap<i32, Partition>,
    chunk: &mut Chunk,
    metrics: &LaneMetrics,
) -> anyhow::Result<()> {
    let message = match polled {
        None => return Ok(()),
        Some(Ok(message)) => message,
        Some(Err(KafkaError::MessageConsumptionFatal(code))) => {
            bail!("the Kafka consumer failed for good: {code}")
        }
        Some(Err(error)) => {
            // The client has logged it already.
            tracing::debug!(%error, "Kafka consumer");
            return Ok(());
        }
    };
    let record = Record::of(&message);
    let (number, offset) =
        (rdkafka::Message::partition(&message), rdkafka::Message::offset(&message));
    let Some(partition) = partitions.get_mut(&number) else {
        tracing::warn!(partition = number, "record of a partition that is not ours");
        return Ok(());
    };
    let event = record.and_then(|record| record.read());
    let fresh = event.as_ref().is_ok_and(|event| partition.seen.insert(event.id.as_bytes()));
    if partition.inherited.covers(offset) {
        if offset >= partition.inherited.next {
            chunk.pass_told(number, offset);
        }
        return Ok(());
    }
    match event {
        Ok(event) if fresh => chunk.push(event),
        Ok(_) => {
            metrics.duplicates.increment(1);
            chunk.pass(number, offset);
        }
        Err(why) => {
            skip(why, number, offset, metrics);
            chunk.pass(number, offset);
        }
    }
    Ok(())
}

fn skip(why: Skip, partition: i32, offset: i64, metrics: &LaneMetrics) {
    tracing::debug!(reason = why.as_str(), partition, offset, "record skipped");
    metrics.skipped(why);
}
