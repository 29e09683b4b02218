//! What one transaction writes, and what follows once it is committed.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use contract::event::{EventType, Outcome, outcome_id};
use contract::inbound::Body;
use contract::{Amount, Order, OrderId, OrderStatus, Sku};
use foldhash::fast::FixedState;
use uuid::Uuid;

use super::{Decided, OrderState, Rollup};
use crate::lane::LaneId;

/// Everything a batch changes.
#[derive(Default, Debug)]
pub struct Effects<'a> {
    /// Orders to insert, with their state and the reason of a rejected one.
    pub taken: Vec<TakenOrder<'a>>,
    /// Status changes of existing orders, in order; an order may have several.
    pub changes: Vec<StatusChange>,
    /// The last word on each payment that the batch touches.
    pub payments: HashMap<OrderId, PaymentRow, FixedState>,
    /// Stock movements by product, in the order in which rows are locked.
    pub stock: BTreeMap<Sku, StockDelta>,
    /// Analytics.
    pub rollup: Rollup,
    /// Events by lane, in transition order.
    pub events: BTreeMap<LaneId, Vec<EventOut>>,
    /// Readable events that were refused.
    pub refusals: Vec<Refusal>,
    /// Charges to ask for after the commit.
    pub charges: Vec<Charge>,
    /// Refunds to ask for after the commit.
    pub refunds: Vec<Refund>,
}

/// An order to insert.
#[derive(Debug)]
pub struct TakenOrder<'a> {
    /// Its id.
    pub order_id: OrderId,
    /// Its lines as the customer wrote them.
    pub order: &'a Order,
    /// Its state; `status` may be `REJECTED`.
    pub state: OrderState,
    /// Why it was rejected, as JSON.
    pub reason: Option<String>,
}

/// An order's step to another status.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StatusChange {
    /// Which order.
    pub order_id: OrderId,
    /// From where.
    pub from: OrderStatus,
    /// To where.
    pub to: OrderStatus,
    /// Why it is no sale, as JSON.
    pub reason: Option<String>,
    /// How it travels, as JSON.
    pub shipment: Option<String>,
}

/// A payment as it stands after the batch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PaymentRow {
    /// The SQL enum's word.
    pub status: &'static str,
    /// How much.
    pub amount: Amount,
    /// The provider's word for a declined payment.
    pub reason: Option<&'static str>,
}

/// Movements of one product's pieces.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct StockDelta {
    /// Change of what may be reserved.
    pub available: i64,
    /// Change of what unpaid orders hold.
    pub reserved: i64,
    /// Change of what is sold.
    pub sold: i64,
    /// Change of what came in.
    pub received: i64,
}

/// A readable event that changes nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// Where it was read.
    pub lane: LaneId,
    /// At which offset.
    pub offset: i64,
    /// Which event.
    pub event_id: Uuid,
    /// Of which type.
    pub kind: EventType,
    /// About what.
    pub subject: String,
    /// Why.
    pub reason: &'static str,
}

/// A charge to ask for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Charge {
    /// Also the provider's idempotency key.
    pub order_id: OrderId,
    /// How much.
    pub amount: Amount,
}

/// A payment of which nothing shall be kept: refunded when captured, void when
/// not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refund {
    /// Also the provider's idempotency key.
    pub order_id: OrderId,
    /// How much at most.
    pub amount: Amount,
    /// The lane of the order; the confirmation is committed under its claim.
    pub lane: LaneId,
}

/// What the payment provider is to be asked after a commit or a claim.
#[derive(Clone, Default, Debug)]
pub struct Questions {
    /// Charges, in the order of their orders.
    pub charges: Vec<Charge>,
    /// Refunds.
    pub refunds: Vec<Refund>,
}

/// An event, ready for outbox and topic.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EventOut {
    /// `ce_id`; the same each time it is published.
    pub id: String,
    /// `ce_type`
    pub kind: &'static str,
    /// `ce_subject` and Kafka key.
    pub subject: String,
    /// `ce_time`, one for all events of a batch.
    pub time: Arc<str>,
    /// The value.
    pub data: String,
}

impl Refusal {
    /// A known event id with another body.
    pub fn body_mismatch(record: &Decided) -> Self {
        Self::new(record, "body_mismatch")
    }

    /// A refusal of this record.
    pub fn new(record: &Decided, reason: &'static str) -> Self {
        let (kind, subject) = match &record.inbound.body {
            Body::Created(order_id, _) => (EventType::OrderCreated, order_id.to_string()),
            Body::CancelRequested(order_id, _) => {
                (EventType::OrderCancelRequested, order_id.to_string())
            }
            Body::Shipped(order_id, _) => (EventType::OrderShipped, order_id.to_string()),
            Body::StockAdjusted(sku, _) => (EventType::StockAdjusted, sku.to_string()),
        };
        let event_id = record.inbound.event_id;
        Self { lane: record.lane, offset: record.offset, event_id, kind, subject, reason }
    }
}

impl EventOut {
    /// The event that tells of this outcome.
    pub fn new(outcome: &Outcome, time: &Arc<str>) -> Self {
        let mut event = Self::with_id(outcome, time, String::new());
        event.id = outcome_id(&event.subject, outcome.event_type());
        event
    }

    /// The same for an outcome that its subject can have more than once.
    pub fn with_id(outcome: &Outcome, time: &Arc<str>, id: String) -> Self {
        Self {
            id,
            kind: outcome.event_type().as_str(),
            subject: outcome.subject(),
            time: time.clone(),
            // Plain data with string keys: serialisation has nothing to fail on.
            data: serde_json::to_string(outcome).unwrap_or_default(),
        }
    }
}

impl Effects<'_> {
    /// Adds the pieces of an order to a movement of stock.
    pub fn move_stock(&mut self, pieces: &[(Sku, i64)], step: impl Fn(&mut StockDelta, i64)) {
        for (sku, quantity) in pieces {
            match self.stock.get_mut(sku) {
                Some(delta) => step(delta, *quantity),
                None => {
                    let mut delta = StockDelta::default();
                    step(&mut delta, *quantity);
                    self.stock.insert(sku.clone(), delta);
                }
            }
        }
    }

    /// Adds an event to a lane.
    pub fn tell(&mut self, lane: LaneId, event: EventOut) {
        self.events.entry(lane).or_default().push(event);
    }
}
