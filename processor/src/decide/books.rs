//! The view a decision is made on: the orders it touches and the stock it needs.

use std::collections::HashMap;
use std::sync::Arc;

use contract::{Amount, CustomerId, Order, OrderId, OrderStatus, Sku};
use foldhash::fast::FixedState;

use super::StockView;
use crate::lane::LaneId;

/// One order as the books know it.
#[derive(Clone, PartialEq, Debug)]
pub struct OrderState {
    /// Whose.
    pub customer_id: CustomerId,
    /// Where it stands.
    pub status: OrderStatus,
    /// What it costs.
    pub total: Amount,
    /// What it is made of.
    pub pieces: Pieces,
    /// When it was taken, in milliseconds since 1970.
    pub created_ms: i64,
    /// The lane of the record it came from.
    pub lane: LaneId,
    /// The offset of that record.
    pub offset: i64,
}

impl OrderState {
    /// The state of an order that was just taken.
    pub fn reserved(order: &Order, created_ms: i64, lane: LaneId, offset: i64) -> Self {
        Self {
            customer_id: order.customer_id.clone(),
            status: OrderStatus::Reserved,
            total: order.total,
            pieces: pieces(order.lines.iter().map(|line| (line.sku.clone(), line.quantity))),
            created_ms,
            lane,
            offset,
        }
    }
}

/// Pieces by product, each product once. A state is copied from hand to hand; these are not.
pub type Pieces = Arc<[(Sku, i64)]>;

/// Pieces of an order's lines; the same product on two lines is one demand.
pub fn pieces(lines: impl ExactSizeIterator<Item = (Sku, i64)>) -> Pieces {
    let mut pieces: Vec<(Sku, i64)> = Vec::with_capacity(lines.len());
    for (product, more) in lines {
        match pieces.iter_mut().find(|(sku, _)| *sku == product) {
            Some((_, quantity)) => *quantity += more,
            None => pieces.push((product, more)),
        }
    }
    pieces.into()
}

/// Orders by id.
pub type OrdersById = HashMap<OrderId, OrderState, FixedState>;

/// Orders by id and stock by SKU.
#[derive(Clone, Default, Debug)]
pub struct Books {
    /// Every order that the batch's outcomes, cancellations and shipments name
    /// and that exists.
    pub orders: OrdersById,
    /// Every product that the batch names.
    pub stock: StockView,
}
