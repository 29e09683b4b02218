//! Events: their types, their data and, for those that go out, their bytes.
//!
//! The id of an outgoing event is made of what it is about and its type, so
//! that publishing it again after a crash gives the same id:
//! `0199…-…/payment.completed`.

mod read;

use serde::Serialize;

pub use read::{ReadError, read};

use crate::{Amount, DeclineReason, OrderId, RejectReason, Shipment, Sku};

/// Every event type there is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum EventType {
    /// In: the gateway took an order.
    OrderCreated,
    /// In: somebody wants an order cancelled.
    OrderCancelRequested,
    /// In: the warehouse handed an order over. Out: the books agree.
    OrderShipped,
    /// In: stock changed other than by an order.
    StockAdjusted,
    /// Out: stock is set aside.
    InventoryReserved,
    /// Out: there was not enough.
    InventoryFailed,
    /// Out: the money is there.
    PaymentCompleted,
    /// Out: the payment was declined.
    PaymentFailed,
    /// Out: the order is cancelled.
    OrderCancelled,
    /// Out: a product went below its threshold.
    StockLow,
}

impl EventType {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::OrderCreated,
        Self::OrderCancelRequested,
        Self::OrderShipped,
        Self::StockAdjusted,
        Self::InventoryReserved,
        Self::InventoryFailed,
        Self::PaymentCompleted,
        Self::PaymentFailed,
        Self::OrderCancelled,
        Self::StockLow,
    ];

    /// The `ce_type`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OrderCreated => "order.created.v1",
            Self::OrderCancelRequested => "order.cancel_requested.v1",
            Self::OrderShipped => "order.shipped.v1",
            Self::StockAdjusted => "stock.adjusted.v1",
            Self::InventoryReserved => "inventory.reserved.v1",
            Self::InventoryFailed => "inventory.failed.v1",
            Self::PaymentCompleted => "payment.completed.v1",
            Self::PaymentFailed => "payment.failed.v1",
            Self::OrderCancelled => "order.cancelled.v1",
            Self::StockLow => "stock.low.v1",
        }
    }

    /// Reads a `ce_type`.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// Data of an outgoing event.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
pub enum Outcome {
    /// `inventory.reserved.v1`
    InventoryReserved {
        /// Which order.
        order_id: OrderId,
        /// Whose.
        customer_id: String,
        /// What it costs.
        #[serde(flatten)]
        total: Total,
    },
    /// `inventory.failed.v1`
    InventoryFailed {
        /// Which order.
        order_id: OrderId,
        /// Whose.
        customer_id: String,
        /// Why.
        reason: RejectReason,
        /// The first product that was short.
        product_id: Sku,
        /// How many were ordered.
        requested: i64,
        /// How many there were.
        available: i64,
    },
    /// `payment.completed.v1`
    PaymentCompleted {
        /// Which order.
        order_id: OrderId,
        /// Whose.
        customer_id: String,
        /// What was captured.
        #[serde(flatten)]
        total: Total,
    },
    /// `payment.failed.v1`
    PaymentFailed {
        /// Which order.
        order_id: OrderId,
        /// Whose.
        customer_id: String,
        /// Why.
        reason: DeclineReason,
    },
    /// `order.cancelled.v1`
    OrderCancelled {
        /// Which order.
        order_id: OrderId,
        /// Whose.
        customer_id: String,
        /// Why, when the customer said.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// What goes back to the customer; absent when nothing was captured.
        #[serde(skip_serializing_if = "Option::is_none")]
        refund: Option<Total>,
    },
    /// `order.shipped.v1`
    OrderShipped {
        /// Which order.
        order_id: OrderId,
        /// Whose.
        customer_id: String,
        /// How it travels.
        #[serde(flatten)]
        shipment: Shipment,
    },
    /// `stock.low.v1`
    StockLow {
        /// Which product.
        product_id: Sku,
        /// How many are left.
        available: i64,
        /// Below how many it counts as low.
        threshold: i64,
    },
}

/// An amount as two members, `totalPrice` and `currency`.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Total {
    total_price: Amount,
    currency: &'static str,
}

impl Total {
    /// The amount of money.
    pub fn amount(self) -> Amount {
        self.total_price
    }
}

impl From<Amount> for Total {
    fn from(amount: Amount) -> Self {
        Self { total_price: amount, currency: amount.currency.code() }
    }
}

impl Outcome {
    /// The event's type.
    pub fn event_type(&self) -> EventType {
        match self {
            Self::InventoryReserved { .. } => EventType::InventoryReserved,
            Self::InventoryFailed { .. } => EventType::InventoryFailed,
            Self::PaymentCompleted { .. } => EventType::PaymentCompleted,
            Self::PaymentFailed { .. } => EventType::PaymentFailed,
            Self::OrderCancelled { .. } => EventType::OrderCancelled,
            Self::OrderShipped { .. } => EventType::OrderShipped,
            Self::StockLow { .. } => EventType::StockLow,
        }
    }

    /// What it is about: `ce_subject` and Kafka key.
    pub fn subject(&self) -> String {
        match self {
            Self::InventoryReserved { order_id, .. }
            | Self::InventoryFailed { order_id, .. }
            | Self::PaymentCompleted { order_id, .. }
            | Self::PaymentFailed { order_id, .. }
            | Self::OrderCancelled { order_id, .. }
            | Self::OrderShipped { order_id, .. } => order_id.to_string(),
            Self::StockLow { product_id, .. } => product_id.to_string(),
        }
    }
}

/// The id of the event of this type about this order: each order passes each
/// step at most once.
pub fn outcome_id(subject: &str, kind: EventType) -> String {
    let name = kind.as_str();
    [subject, "/", name.strip_suffix(".v1").unwrap_or(name)].concat()
}
