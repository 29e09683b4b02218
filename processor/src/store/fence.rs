//! The fence: the first statement of every transaction. It advances the
//! progress of the batch's lanes and matches only rows whose epoch is ours and
//! that stand where we left them. A lane that does not match has another owner.
//! The row locks it takes make a rival's claim wait until we are done.

use std::collections::BTreeMap;

use sqlx::PgConnection;
use uuid::Uuid;

use super::{Advance, Database};
use crate::lane::LaneId;

/// Advances all lanes, in the order of their keys; returns how many matched.
pub(super) async fn advance(
    connection: &mut PgConnection,
    database: &Database,
    advances: &BTreeMap<LaneId, Advance>,
) -> Result<u64, sqlx::Error> {
    let lanes = advances.len();
    let mut topics = Vec::with_capacity(lanes);
    let mut partitions = Vec::with_capacity(lanes);
    let mut numbers: [Vec<i64>; 5] = Default::default();
    let mut newest: (Vec<Option<i64>>, Vec<Option<Uuid>>) = Default::default();
    for (lane, advance) in advances {
        topics.push(database.topic(*lane));
        partitions.push(lane.partition);
        let row = [
            advance.claim.epoch,
            advance.claim.commit_seq,
            advance.first,
            advance.next,
            advance.resume,
        ];
        for (column, number) in numbers.iter_mut().zip(row) {
            column.push(number);
        }
        newest.0.push(advance.newest.map(|witness| witness.offset));
        newest.1.push(advance.newest.map(|witness| witness.event_id));
    }
    let [epochs, seqs, firsts, nexts, resumes] = numbers;
    let done = sqlx::query(
        "update partition_progress p \
         set next_offset = u.next, resume_offset = u.resume, commit_seq = u.seq + 1, updated_at = now(), \
             newest_offset = coalesce(u.newest_offset, p.newest_offset), \
             newest_event_id = coalesce(u.newest_event_id, p.newest_event_id) \
         from unnest($1::text[], $2::int[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], \
                     $8::bigint[], $9::uuid[]) \
              as u(topic, partition, epoch, seq, first, next, resume, newest_offset, newest_event_id) \
         where p.topic = u.topic and p.partition = u.partition \
           and p.epoch = u.epoch and p.commit_seq = u.seq and p.next_offset <= u.first",
    )
    .bind(topics)
    .bind(partitions)
    .bind(epochs)
    .bind(seqs)
    .bind(firsts)
    .bind(nexts)
    .bind(resumes)
    .bind(newest.0)
    .bind(newest.1)
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}
