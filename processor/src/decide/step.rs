//! The decision itself: payment outcomes first, then records in offset order.

use std::sync::Arc;

use contract::event::Outcome as Told;
use contract::inbound::{Body, Inbound};
use contract::{
    CancelRequest, DeclineReason, Order, OrderId, OrderStatus, Shipment, Sku, StockAdjustment,
};
use serde_json::json;

use super::effects::TakenOrder;
use super::stock::Shortage;
use super::{
    Books, Certainty, Charge, Effects, EventOut, OrderState, PaymentRow, Refund, Refusal,
    StatusChange, StockView,
};
use crate::lane::LaneId;

/// A record that was read and is new.
#[derive(Clone, PartialEq, Debug)]
pub struct Decided {
    /// Where it was read.
    pub lane: LaneId,
    /// At which offset.
    pub offset: i64,
    /// What it says.
    pub inbound: Inbound,
}

/// What the payment provider said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The money is there.
    Captured(OrderId),
    /// The provider said no.
    Declined(OrderId, DeclineReason),
    /// Nothing is kept of this payment.
    Refunded(Refund),
}

impl Outcome {
    /// Of which order.
    pub fn order_id(&self) -> OrderId {
        match self {
            Self::Captured(order_id) | Self::Declined(order_id, _) => *order_id,
            Self::Refunded(refund) => refund.order_id,
        }
    }
}

/// The view was not sure enough: something does not fit what was last seen, so
/// the batch must be decided again on locked rows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotSure;

/// Decides a batch. `now` is the time its events carry.
///
/// # Errors
/// [`NotSure`] when an order or correction does not fit a view that may be
/// out of date.
pub fn decide<'a>(
    records: &[&'a Decided],
    outcomes: &[Outcome],
    books: Books,
    now: &str,
) -> Result<Effects<'a>, NotSure> {
    let (now, effects) = (Arc::from(now), Effects::default());
    let mut step = Step { books, now, effects, follow_ups: has_follow_ups(records) };
    for outcome in outcomes {
        step.settle(outcome);
    }
    for record in records {
        step.apply(record)?;
    }
    Ok(step.effects)
}

/// Whether a record speaks of an order that this batch may itself create.
fn has_follow_ups(records: &[&Decided]) -> bool {
    records
        .iter()
        .any(|record| matches!(record.inbound.body, Body::CancelRequested(..) | Body::Shipped(..)))
}

struct Step<'a> {
    books: Books,
    now: Arc<str>,
    effects: Effects<'a>,
    follow_ups: bool,
}

impl<'a> Step<'a> {
    fn apply(&mut self, record: &'a Decided) -> Result<(), NotSure> {
        match &record.inbound.body {
            Body::Created(order_id, order) => self.take(record, *order_id, order),
            Body::CancelRequested(order_id, request) => self.cancel(record, *order_id, request),
            Body::Shipped(order_id, shipment) => self.ship(record, *order_id, shipment),
            Body::StockAdjusted(sku, adjustment) => self.adjust(record, sku, adjustment),
        }
    }

    fn take(
        &mut self,
        record: &Decided,
        order_id: OrderId,
        order: &'a Order,
    ) -> Result<(), NotSure> {
        let created_ms = record.inbound.occurred_at.as_microsecond().div_euclid(1000);
        let mut state = OrderState::reserved(order, created_ms, record.lane, record.offset);
        let mut reason = None;
        match self.books.stock.reserve(&state.pieces) {
            Ok(()) => self.reserve(order_id, &state),
            Err(shortage) => {
                self.require_certainty()?;
                state.status = OrderStatus::Rejected;
                reason = Some(self.reject(order_id, &state, &shortage));
            }
        }
        self.effects.rollup.taken(&state, state.status);
        if self.follow_ups {
            self.books.orders.insert(order_id, state.clone());
        }
        self.effects.taken.push(TakenOrder { order_id, order, state, reason });
        Ok(())
    }

    fn reserve(&mut self, order_id: OrderId, state: &OrderState) {
        self.effects.move_stock(&state.pieces, |stock, quantity| {
            stock.available -= quantity;
            stock.reserved += quantity;
        });
        self.effects.charges.push(Charge { order_id, amount: state.total });
        self.tell(
            state.lane,
            &Told::InventoryReserved {
                order_id,
                customer_id: state.customer_id.to_string(),
                total: state.total.into(),
            },
        );
    }

    fn reject(&mut self, order_id: OrderId, state: &OrderState, shortage: &Shortage) -> String {
        let Shortage { reason, sku, requested, available } = shortage;
        self.effects.rollup.rejected(reason.as_str());
        self.tell(
            state.lane,
            &Told::InventoryFailed {
                order_id,
                customer_id: state.customer_id.to_string(),
                reason: *reason,
                product_id: sku.clone(),
                requested: *requested,
                available: *available,
            },
        );
        json!({
            "code": reason.as_str(), "productId": sku.as_str(),
            "requested": requested, "available": available,
        })
        .to_string()
    }

    fn settle(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Captured(order_id) => self.capture(*order_id),
            Outcome::Declined(order_id, reason) => self.decline(*order_id, *reason),
            Outcome::Refunded(refund) => {
                let row = PaymentRow { status: "REFUNDED", amount: refund.amount, reason: None };
                self.effects.payments.insert(refund.order_id, row);
            }
        }
    }

    fn capture(&mut self, order_id: OrderId) {
        let Some(state) = self.step_order(order_id, OrderStatus::Paid, None, None) else { return };
        let row = PaymentRow { status: "CAPTURED", amount: state.total, reason: None };
        self.effects.payments.insert(order_id, row);
        self.effects.move_stock(&state.pieces, |stock, quantity| {
            stock.reserved -= quantity;
            stock.sold += quantity;
        });
        self.effects.rollup.sold(&state, 1);
        self.tell(
            state.lane,
            &Told::PaymentCompleted {
                order_id,
                customer_id: state.customer_id.to_string(),
                total: state.total.into(),
            },
        );
    }

    fn decline(&mut self, order_id: OrderId, reason: DeclineReason) {
        let why = json!({ "code": reason.as_str() }).to_string();
        let Some(state) = self.step_order(order_id, OrderStatus::PaymentFailed, Some(why), None)
        else {
            return;
        };
        let row =
            PaymentRow { status: "DECLINED", amount: state.total, reason: Some(reason.as_str()) };
        self.effects.payments.insert(order_id, row);
        self.give_back_reserved(&state);
        self.effects.rollup.rejected(reason.as_str());
        self.tell(
            state.lane,
            &Told::PaymentFailed { order_id, customer_id: state.customer_id.to_string(), reason },
        );
    }

    fn cancel(
        &mut self,
        record: &Decided,
        order_id: OrderId,
        request: &CancelRequest,
    ) -> Result<(), NotSure> {
        let Some(before) = self.books.orders.get(&order_id).map(|state| state.status) else {
            return self.refuse_step(record, order_id);
        };
        let why = match &request.reason {
            Some(text) => json!({ "code": "requested", "text": text }).to_string(),
            None => json!({ "code": "requested" }).to_string(),
        };
        let Some(state) = self.step_order(order_id, OrderStatus::Cancelled, Some(why), None) else {
            return self.refuse_step(record, order_id);
        };
        let paid = before == OrderStatus::Paid;
        if paid {
            self.effects.move_stock(&state.pieces, |stock, quantity| {
                stock.sold -= quantity;
                stock.available += quantity;
            });
            self.books.stock.release(&state.pieces);
            self.effects.rollup.sold(&state, -1);
        } else {
            self.give_back_reserved(&state);
            self.effects.charges.retain(|charge| charge.order_id != order_id);
        }
        self.effects.rollup.rejected("requested");
        let row = PaymentRow { status: "REFUND_PENDING", amount: state.total, reason: None };
        self.effects.payments.insert(order_id, row);
        self.effects.refunds.push(Refund { order_id, amount: state.total, lane: state.lane });
        self.tell(
            state.lane,
            &Told::OrderCancelled {
                order_id,
                customer_id: state.customer_id.to_string(),
                reason: request.reason.clone(),
                refund: paid.then(|| state.total.into()),
            },
        );
        Ok(())
    }

    fn ship(
        &mut self,
        record: &Decided,
        order_id: OrderId,
        shipment: &Shipment,
    ) -> Result<(), NotSure> {
        let details = serde_json::to_string(shipment).ok();
        let Some(state) = self.step_order(order_id, OrderStatus::Shipped, None, details) else {
            return self.refuse_step(record, order_id);
        };
        self.tell(
            state.lane,
            &Told::OrderShipped {
                order_id,
                customer_id: state.customer_id.to_string(),
                shipment: shipment.clone(),
            },
        );
        Ok(())
    }

    fn adjust(
        &mut self,
        record: &Decided,
        sku: &Sku,
        adjustment: &StockAdjustment,
    ) -> Result<(), NotSure> {
        if !self.books.stock.adjust(sku, adjustment.quantity) {
            self.require_certainty()?;
            self.refuse(record, "below_zero");
            return Ok(());
        }
        self.effects.move_stock(&[(sku.clone(), adjustment.quantity)], |stock, quantity| {
            stock.available += quantity;
            stock.received += quantity;
        });
        Ok(())
    }

    /// Moves an order to `to` when that step is legal, and tells its state.
    fn step_order(
        &mut self,
        order_id: OrderId,
        to: OrderStatus,
        reason: Option<String>,
        shipment: Option<String>,
    ) -> Option<OrderState> {
        let state = self.books.orders.get_mut(&order_id)?;
        let from = state.status;
        if !from.may_become(to) {
            return None;
        }
        state.status = to;
        self.effects.rollup.moved(from, to);
        self.effects.changes.push(StatusChange { order_id, from, to, reason, shipment });
        Some(state.clone())
    }

    fn give_back_reserved(&mut self, state: &OrderState) {
        self.effects.move_stock(&state.pieces, |stock, quantity| {
            stock.reserved -= quantity;
            stock.available += quantity;
        });
        self.books.stock.release(&state.pieces);
    }

    /// Refuses a request that its order does not bear, or whose order is unknown.
    fn refuse_step(&mut self, record: &Decided, order_id: OrderId) -> Result<(), NotSure> {
        let Some(state) = self.books.orders.get(&order_id) else {
            self.refuse(record, "unknown_order");
            return Ok(());
        };
        // The fence keeps an order where it is for its own lane; for another one
        // it may just now be paid.
        if state.lane != record.lane {
            self.require_certainty()?;
        }
        self.refuse(record, "illegal_step");
        Ok(())
    }

    fn refuse(&mut self, record: &Decided, reason: &'static str) {
        self.effects.refusals.push(Refusal::new(record, reason));
    }

    fn require_certainty(&self) -> Result<(), NotSure> {
        match StockView::certainty(&self.books.stock) {
            Certainty::Locked => Ok(()),
            Certainty::LastSeen => Err(NotSure),
        }
    }

    fn tell(&mut self, lane: LaneId, outcome: &Told) {
        self.effects.tell(lane, EventOut::new(outcome, &self.now));
    }
}
