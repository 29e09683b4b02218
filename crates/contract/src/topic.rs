//! Topics: what each carries, under which name and with how many partitions.

/// Names of the topics; configuration, with these defaults.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Topics {
    /// In: everything about orders, keyed by order id.
    pub orders: String,
    /// In: restock and corrections, keyed by SKU.
    pub stock: String,
    /// Out: what became of orders, keyed by order id (stock alerts by SKU).
    pub order_events: String,
    /// Out: records nobody could read, bytes untouched, reasons in headers.
    pub dlq: String,
}

/// Default name of [`Topics::orders`].
pub const ORDERS: &str = "orders";
/// Default name of [`Topics::stock`].
pub const STOCK: &str = "stock";
/// Default name of [`Topics::order_events`].
pub const ORDER_EVENTS: &str = "order-events";
/// Default name of [`Topics::dlq`].
pub const DLQ: &str = "orders.dlq";

/// Default partition counts. Few partitions fill batches: twelve instead of
/// four cost the broker almost twice as much a message at the same rate.
pub const PARTITIONS: [(&str, i32); 4] = [(ORDERS, 4), (STOCK, 2), (ORDER_EVENTS, 4), (DLQ, 1)];

impl Default for Topics {
    fn default() -> Self {
        Self {
            orders: ORDERS.into(),
            stock: STOCK.into(),
            order_events: ORDER_EVENTS.into(),
            dlq: DLQ.into(),
        }
    }
}
