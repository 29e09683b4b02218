//! What a claim finds, and what others leave to it: the simulated
//! `store::recover` and `store::pending`.

use contract::{OrderId, OrderStatus};
use processor::decide::{PaymentRow, Refund};
use processor::lane::{Claim, Source};
use processor::store::{Pending, Recovered};

use super::ledger::Ledger;
use super::log::Log;
use super::mutation::Mutation;
use super::tables::OrderRow;

/// Reads what is left of a lane.
pub(crate) fn recover(log: &Log, ledger: &Ledger, claim: &Claim) -> Recovered {
    let (lane, tables) = (claim.lane, &ledger.tables);
    let mut recovered = Recovered { pending: pending(ledger, claim, &[]), ..Recovered::default() };
    if ledger.mutation == Mutation::OutboxForgotten {
        recovered.pending.outbox.clear();
    }
    let dead = tables.dead.iter().filter(|((of, _), published)| *of == lane && !**published);
    let letter = |offset| {
        let entry = log.at(lane, offset)?;
        let (code, message) = entry.says.as_ref().err()?;
        Some((entry.record.clone(), (*code).to_owned(), message.clone()))
    };
    recovered.dead = dead.filter_map(|((_, offset), _)| letter(*offset)).collect();
    if lane.source == Source::Orders && ledger.mutation != Mutation::ResumeSkipped {
        let waits = |row: &&OrderRow| {
            let state = &row.state;
            state.lane == lane
                && state.status == OrderStatus::Reserved
                && state.offset >= claim.resume_offset
        };
        let waiting = tables.orders.iter().filter(|(_, row)| waits(row));
        recovered.reserved = waiting.map(|(id, row)| (*id, row.state.clone())).collect();
    }
    recovered
}

/// Reads what a claim has to do beside these outbox rows.
pub(crate) fn pending(ledger: &Ledger, claim: &Claim, known: &[i64]) -> Pending {
    let (lane, tables) = (claim.lane, &ledger.tables);
    if tables
        .progress
        .get(&lane)
        .is_none_or(|row| (row.epoch, row.seq) != (claim.epoch, claim.commit_seq))
    {
        return Pending { lost: vec![lane], ..Pending::default() };
    }
    let rows = tables.outbox.iter().filter(|(id, (of, _))| *of == lane && !known.contains(id));
    let outbox = rows.map(|(id, (_, events))| (lane, *id, events.clone())).collect();
    if ledger.mutation == Mutation::RefundsForgotten {
        return Pending { outbox, ..Pending::default() };
    }
    let unpaid = tables.payments.iter().filter(|(_, row)| row.status == "REFUND_PENDING");
    let of_lane = unpaid.filter(|(id, _)| tables.orders[id].state.lane == lane);
    let refund =
        |(id, row): (&OrderId, &PaymentRow)| Refund { order_id: *id, amount: row.amount, lane };
    Pending { outbox, refunds: of_lane.map(refund).collect(), lost: Vec::new() }
}
