//! The definition of a valid order: walks the document and names every fault.

use super::{Collector, LINES_MAX, Line, Order, QUANTITY_MAX};
use crate::json::{self, Node, child};
use crate::{Amount, Currency, CustomerId, MINOR_MAX, Sku, Violations};

/// Reads an order by the definition alone; kept beside the others to be held
/// against them.
pub fn decode(body: &[u8]) -> Result<Order, Violations> {
    let document = json::parse(body)?;
    if !matches!(document, Node::Object(_)) {
        return Err(Violations::one("", format!("must be an object, is {}", document.kind())));
    }
    let mut faults = Collector::default();
    let customer_id = id(&document, "", "customerId", &mut faults).and_then(CustomerId::parse);
    let currency = currency(&document, &mut faults);
    let lines = lines(&document, currency.unwrap_or(Currency::DEFAULT), &mut faults);
    let order = match (customer_id, currency, lines) {
        (Some(customer_id), Some(currency), Some(lines)) => {
            let order = Order::new(customer_id, currency, lines);
            if order.is_err() {
                faults.add("", format!("total must be at most {MINOR_MAX} minor units"));
            }
            order.ok()
        }
        _ => None,
    };
    document.finish(faults, order)
}

/// The member as text that follows the grammar of ids.
fn id<'a>(
    parent: &'a Node,
    pointer: &str,
    name: &'static str,
    faults: &mut Collector,
) -> Option<&'a str> {
    let place = || child(pointer, name);
    let Some(node) = parent.member(name) else {
        faults.add(place(), "is required");
        return None;
    };
    let Some(text) = node.text() else {
        faults.add(place(), format!("must be a string, is {}", node.kind()));
        return None;
    };
    if !crate::id::follows_grammar(text) {
        faults.add(place(), "must be 1 to 64 characters of A-Z a-z 0-9 . _ : -");
        return None;
    }
    Some(text)
}

fn currency(document: &Node, faults: &mut Collector) -> Option<Currency> {
    let Some(node) = document.member("currency") else {
        return Some(Currency::DEFAULT);
    };
    let currency = node.text().and_then(Currency::parse);
    if currency.is_none() {
        faults.add("/currency", "must be an ISO 4217 code such as EUR");
    }
    currency
}

fn lines(document: &Node, currency: Currency, faults: &mut Collector) -> Option<Vec<Line>> {
    let items = match document.member("items") {
        Some(Node::Array(items)) => items,
        Some(other) => {
            faults.add("/items", format!("must be an array, is {}", other.kind()));
            return None;
        }
        None => {
            faults.add("/items", "is required");
            return None;
        }
    };
    if !(1..=LINES_MAX).contains(&items.len()) {
        faults.add("/items", format!("must have 1 to {LINES_MAX} lines, has {}", items.len()));
        return None;
    }
    let lines: Vec<_> =
        items.iter().enumerate().map(|(n, item)| line(item, n, currency, faults)).collect();
    lines.into_iter().collect()
}

fn line(item: &Node, n: usize, currency: Currency, faults: &mut Collector) -> Option<Line> {
    let pointer = format!("/items/{n}");
    if !matches!(item, Node::Object(_)) {
        faults.add(pointer, format!("must be an object, is {}", item.kind()));
        return None;
    }
    let sku = id(item, &pointer, "productId", faults).and_then(Sku::parse);
    let quantity = quantity(item, &pointer, faults);
    let price_minor = price(item, &pointer, currency, faults);
    Some(Line { sku: sku?, quantity: quantity?, price_minor: price_minor? })
}

fn quantity(item: &Node, pointer: &str, faults: &mut Collector) -> Option<i64> {
    let place = || child(pointer, "quantity");
    match item.member("quantity") {
        None => faults.add(place(), "is required"),
        Some(Node::Integer(n)) if (1..=i128::from(QUANTITY_MAX)).contains(n) => {
            return i64::try_from(*n).ok();
        }
        Some(_) => faults.add(place(), format!("must be an integer from 1 to {QUANTITY_MAX}")),
    }
    None
}

fn price(item: &Node, pointer: &str, currency: Currency, faults: &mut Collector) -> Option<i64> {
    let place = || child(pointer, "price");
    let Some(node) = item.member("price") else {
        faults.add(place(), "is required");
        return None;
    };
    let amount = node.number().and_then(|number| Amount::from_json_number(number, currency));
    if amount.is_none() {
        let (digits, code) = (currency.digits(), currency.code());
        faults.add(
            place(),
            format!(
                "must be a number from 0 with at most {digits} decimals ({code}) and 15 digits"
            ),
        );
    }
    amount.map(|amount| amount.minor)
}
