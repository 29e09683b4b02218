//! What a claim finds: the simulated `store::recover`.

use contract::OrderStatus;
use processor::decide::Refund;
use processor::lane::{Claim, Source};
use processor::store::Recovered;

use super::ledger::Ledger;
use super::log::Log;
use super::mutation::Mutation;

/// Reads what is left of a lane.
pub(crate) fn recover(log: &Log, ledger: &Ledger, claim: &Claim) -> Recovered {
    let (lane, tables) = (claim.lane, &ledger.tables);
    let mut recovered = Recovered::default();
    if ledger.mutation != Mutation::OutboxForgotten {
        let rows = tables.outbox.iter().filter(|(_, (of, _))| *of == lane);
        recovered.outbox = rows.map(|(id, (_, events))| (*id, events.clone())).collect();
    }
    let dead = tables.dead.iter().filter(|((of, _), published)| *of == lane && !**published);
    let letter = |offset| {
        let entry = log.at(lane, offset)?;
        let (code, message) = entry.says.as_ref().err()?;
        Some((entry.record.clone(), (*code).to_owned(), message.clone()))
    };
    recovered.dead = dead.filter_map(|((_, offset), _)| letter(*offset)).collect();
    if lane.source == Source::Orders {
        payments(&mut recovered, ledger, claim);
    }
    recovered
}

fn payments(recovered: &mut Recovered, ledger: &Ledger, claim: &Claim) {
    let of_lane = ledger.tables.orders.iter().filter(|(_, row)| row.state.lane == claim.lane);
    for (order_id, row) in of_lane {
        let waits =
            row.state.status == OrderStatus::Reserved && row.state.offset >= claim.resume_offset;
        if waits && ledger.mutation != Mutation::ResumeSkipped {
            recovered.reserved.insert(*order_id, row.state.clone());
        }
        let payment = ledger.tables.payments.get(order_id);
        let pending = payment.filter(|payment| payment.status == "REFUND_PENDING");
        if let Some(payment) = pending
            && ledger.mutation != Mutation::RefundsForgotten
        {
            let (order_id, amount) = (*order_id, payment.amount);
            recovered.refunds.push(Refund { order_id, amount, lane: claim.lane });
        }
    }
}
