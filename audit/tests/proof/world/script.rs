//! What happens in the honest world.

use super::id;

/// An order and how it ends.
pub struct Order {
    pub number: u32,
    pub name: &'static str,
    pub customer: &'static str,
    pub currency: &'static str,
    pub minute: u32,
    /// SKU, quantity, price as written, price in minor units.
    pub lines: &'static [(&'static str, i64, &'static str, i64)],
    pub total_minor: i64,
    pub total: &'static str,
    pub status: &'static str,
    pub reason: Option<&'static str>,
    pub shipment: Option<&'static str>,
    /// Status and reason of its payment.
    pub payment: Option<(&'static str, Option<&'static str>)>,
}

const PAID: Order = Order {
    number: 1,
    name: "paid",
    customer: "c-1",
    currency: "EUR",
    minute: 46,
    lines: &[("p-1", 2, "10", 1000), ("p-2", 1, "50.00", 5000)],
    total_minor: 7000,
    total: "70",
    status: "PAID",
    reason: None,
    shipment: None,
    payment: Some(("CAPTURED", None)),
};

pub const ORDERS: [Order; 10] = [
    PAID,
    Order {
        number: 2,
        name: "shipped",
        customer: "c-2",
        lines: &[("p-1", 3, "1.5", 150)],
        total_minor: 450,
        total: "4.5",
        status: "SHIPPED",
        shipment: Some(r#"{"carrier":"Post","trackingId":"T-1"}"#),
        ..PAID
    },
    Order {
        number: 3,
        name: "out of stock",
        lines: &[("p-2", 100, "1", 100)],
        total_minor: 10000,
        total: "100",
        status: "REJECTED",
        reason: Some(
            r#"{"code":"insufficient_stock","productId":"p-2","requested":100,"available":3}"#,
        ),
        payment: None,
        ..PAID
    },
    Order {
        number: 4,
        name: "declined",
        lines: &[("p-1", 1, "5", 500)],
        total_minor: 500,
        total: "5",
        status: "PAYMENT_FAILED",
        reason: Some(r#"{"code":"insufficient_funds"}"#),
        payment: Some(("DECLINED", Some("insufficient_funds"))),
        ..PAID
    },
    Order {
        number: 5,
        name: "refunded",
        lines: &[("p-1", 4, "2", 200)],
        total_minor: 800,
        total: "8",
        status: "CANCELLED",
        reason: Some(r#"{"code":"requested","text":"too late"}"#),
        payment: Some(("REFUNDED", None)),
        ..PAID
    },
    Order {
        number: 6,
        name: "cancelled",
        lines: &[("p-2", 2, "3", 300)],
        total_minor: 600,
        total: "6",
        status: "CANCELLED",
        reason: Some(r#"{"code":"requested"}"#),
        payment: Some(("REFUNDED", None)),
        ..PAID
    },
    Order {
        number: 7,
        name: "unknown product",
        lines: &[("p-9", 1, "1", 100)],
        total_minor: 100,
        total: "1",
        status: "REJECTED",
        reason: Some(r#"{"code":"unknown_product","productId":"p-9","requested":1,"available":0}"#),
        payment: None,
        ..PAID
    },
    Order {
        number: 8,
        name: "in yen",
        currency: "JPY",
        minute: 47,
        lines: &[("p-1", 10, "100", 100)],
        total_minor: 1000,
        total: "1000",
        ..PAID
    },
    Order {
        number: 9,
        name: "one product twice",
        minute: 47,
        lines: &[("p-1", 1, "1", 100), ("p-1", 2, "1", 100)],
        total_minor: 300,
        total: "3",
        ..PAID
    },
    Order {
        number: 10,
        name: "captured late",
        lines: &[("p-1", 1, "1", 100)],
        total_minor: 100,
        total: "1",
        status: "CANCELLED",
        reason: Some(r#"{"code":"requested"}"#),
        payment: Some(("REFUNDED", None)),
        ..PAID
    },
];

impl Order {
    /// The client's request.
    pub fn body(&self) -> String {
        let line = |(sku, quantity, price, _): &(&str, i64, &str, i64)| {
            format!(r#"{{"productId":"{sku}","quantity":{quantity},"price":{price}}}"#)
        };
        let items = self.lines.iter().map(line).collect::<Vec<_>>().join(",");
        let (customer, currency) = (self.customer, self.currency);
        match currency {
            "EUR" => format!(r#"{{"customerId":"{customer}","items":[{items}]}}"#),
            _ => format!(
                r#"{{"customerId":"{customer}","currency":"{currency}","items":[{items}]}}"#
            ),
        }
    }

    /// As the table has them.
    pub fn lines_json(&self) -> String {
        let line = |(sku, quantity, _, minor): &(&str, i64, &str, i64)| {
            format!(r#"{{"sku":"{sku}","quantity":{quantity},"price_minor":{minor}}}"#)
        };
        format!("[{}]", self.lines.iter().map(line).collect::<Vec<_>>().join(","))
    }

    pub fn created_at(&self) -> String {
        format!("2026-11-21T08:{}:10.250Z", self.minute)
    }
}

/// Something asked for besides orders: number, name, key, type, value, and the
/// reason when it was refused.
pub type Request = (u32, &'static str, Key, &'static str, &'static str, Option<&'static str>);

/// The key of a request.
#[derive(Clone, Copy)]
pub enum Key {
    Order(u32),
    Sku(&'static str),
}

impl Key {
    pub fn text(self) -> String {
        match self {
            Self::Order(number) => id(number),
            Self::Sku(sku) => sku.to_owned(),
        }
    }
}

const CANCEL: &str = "order.cancel_requested.v1";
const SHIP: &str = "order.shipped.v1";
const ADJUST: &str = "stock.adjusted.v1";

pub const ADJUSTMENTS: [Request; 4] = [
    (100, "restock 1", Key::Sku("p-1"), ADJUST, r#"{"quantity":1000,"reason":"restock"}"#, None),
    (101, "restock 2", Key::Sku("p-2"), ADJUST, r#"{"quantity":5,"reason":"restock"}"#, None),
    (102, "lost one", Key::Sku("p-2"), ADJUST, r#"{"quantity":-1,"reason":"correction"}"#, None),
    (
        103,
        "lost too many",
        Key::Sku("p-2"),
        ADJUST,
        r#"{"quantity":-50,"reason":"correction"}"#,
        Some("below_zero"),
    ),
];

pub const REQUESTS: [Request; 8] = [
    (110, "refund it", Key::Order(5), CANCEL, r#"{"reason":"too late"}"#, None),
    (111, "cancel it", Key::Order(6), CANCEL, "{}", None),
    (112, "cancel it too", Key::Order(10), CANCEL, "", None),
    (113, "ship it early", Key::Order(2), SHIP, "{}", Some("illegal_step")),
    (114, "ship it", Key::Order(2), SHIP, r#"{"carrier":"Post","trackingId":"T-1"}"#, None),
    (115, "ship the unpaid", Key::Order(4), SHIP, "{}", Some("illegal_step")),
    (116, "cancel the shipped", Key::Order(2), CANCEL, "{}", Some("illegal_step")),
    (117, "cancel nothing", Key::Order(99), CANCEL, "{}", Some("unknown_order")),
];

/// An outgoing event.
#[derive(Clone, Debug)]
pub struct Event {
    pub subject: String,
    pub name: &'static str,
    pub id: String,
    pub data: String,
}

/// Every event, in an order in which it may have been told; one twice.
pub fn events() -> Vec<Event> {
    let mut events: Vec<_> = ORDERS.iter().flat_map(events_of).collect();
    events.push(events[0].clone());
    events.push(Event {
        subject: "p-2".into(),
        name: "stock.low",
        id: "p-2/stock.low/1".into(),
        data: r#"{"productId":"p-2","available":3,"threshold":10}"#.into(),
    });
    events
}

fn events_of(order: &Order) -> Vec<Event> {
    let (id, customer, total) = (id(order.number), order.customer, order.total);
    let who = format!(r#""orderId":"{id}","customerId":"{customer}""#);
    let money = format!(r#""totalPrice":{total},"currency":"{}""#, order.currency);
    let event = |name: &'static str, more: &str| Event {
        subject: id.clone(),
        name,
        id: format!("{id}/{name}"),
        data: format!("{{{who},{more}}}").replace(",}", "}"),
    };
    let reserved = event("inventory.reserved", &money);
    let paid = event("payment.completed", &money);
    match order.name {
        "out of stock" => vec![event(
            "inventory.failed",
            r#""reason":"insufficient_stock","productId":"p-2","requested":100,"available":3"#,
        )],
        "unknown product" => vec![event(
            "inventory.failed",
            r#""reason":"unknown_product","productId":"p-9","requested":1,"available":0"#,
        )],
        "declined" => {
            vec![reserved, event("payment.failed", r#""reason":"insufficient_funds""#)]
        }
        "refunded" => {
            let refund = format!(r#""reason":"too late","refund":{{{money}}}"#);
            vec![reserved, paid, event("order.cancelled", &refund)]
        }
        "cancelled" | "captured late" => vec![reserved, event("order.cancelled", "")],
        "shipped" => {
            vec![reserved, paid, event("order.shipped", r#""carrier":"Post","trackingId":"T-1""#)]
        }
        _ => vec![reserved, paid],
    }
}
