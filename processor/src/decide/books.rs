//! The view a decision is made on: the orders it touches and the stock it needs.

use std::collections::HashMap;

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
    /// Pieces by product, each product once.
    pub pieces: Vec<(Sku, i64)>,
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
            pieces: merge(order),
            created_ms,
            lane,
            offset,
        }
    }
}

/// Pieces by product; the same product on two lines is one demand.
fn merge(order: &Order) -> Vec<(Sku, i64)> {
    let mut pieces: Vec<(Sku, i64)> = Vec::with_capacity(order.lines.len());
    for line in &order.lines {
        match pieces.iter_mut().find(|(sku, _)| *sku == line.sku) {
            Some((_, quantity)) => *quantity += line.quantity,
            None => pieces.push((line.sku.clone(), line.quantity)),
        }
    }
    pieces
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
