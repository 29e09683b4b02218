//! The fast reader: simd-json over a reused copy of the body, straight into an
//! order. `None` means "not the common shape", never "invalid".
//!
//! The visitors take maps only. Derived ones would also read an order written
//! as an array, and would let members they do not know pass unexamined.

use std::fmt;

use compact_str::CompactString;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

use super::{LINES_MAX, Line, Order, QUANTITY_MAX};
use crate::{Amount, Currency, CustomerId, Sku};

/// More opening brackets than this cannot be the common shape: one for the
/// order, one for its lines, one for each line. It also bounds nesting before a
/// parser that recurses sees the text.
const BRACKETS_MAX: usize = LINES_MAX + 2;

/// Buffers that one thread reuses from order to order.
#[derive(Default)]
pub struct Scratch {
    copy: Vec<u8>,
    buffers: simd_json::Buffers,
}

pub(super) fn decode(body: &[u8], scratch: &mut Scratch) -> Option<Order> {
    decode_simd_json(body, scratch)
}

/// Reads with simd-json. It unescapes in place, so it works on a copy.
pub fn decode_simd_json(body: &[u8], scratch: &mut Scratch) -> Option<Order> {
    within_brackets(body)?;
    scratch.copy.clear();
    scratch.copy.extend_from_slice(body);
    let raw: RawOrder =
        simd_json::serde::from_slice_with_buffers(&mut scratch.copy, &mut scratch.buffers).ok()?;
    raw.check()
}

/// Reads with `serde_json`; kept beside the other to be measured against it.
pub fn decode_serde_json(body: &[u8]) -> Option<Order> {
    within_brackets(body)?;
    let raw: RawOrder = serde_json::from_slice(body).ok()?;
    raw.check()
}

fn within_brackets(body: &[u8]) -> Option<()> {
    let brackets = body.iter().filter(|byte| matches!(byte, b'[' | b'{')).count();
    (brackets <= BRACKETS_MAX).then_some(())
}

struct RawOrder {
    customer_id: CompactString,
    currency: Option<CompactString>,
    items: Vec<RawLine>,
}

struct RawLine {
    product_id: CompactString,
    quantity: i64,
    price: f64,
}

impl RawOrder {
    fn check(self) -> Option<Order> {
        let currency = match self.currency {
            Some(code) => Currency::parse(&code)?,
            None => Currency::DEFAULT,
        };
        if !(1..=LINES_MAX).contains(&self.items.len()) {
            return None;
        }
        let lines =
            self.items.into_iter().map(|line| line.check(currency)).collect::<Option<_>>()?;
        Order::new(CustomerId::from_compact(self.customer_id)?, currency, lines).ok()
    }
}

impl RawLine {
    fn check(self, currency: Currency) -> Option<Line> {
        let sku = Sku::from_compact(self.product_id)?;
        let price = Amount::from_json_number(self.price, currency)?;
        (1..=QUANTITY_MAX).contains(&self.quantity).then_some(Line {
            sku,
            quantity: self.quantity,
            price_minor: price.minor,
        })
    }
}

impl<'de> Deserialize<'de> for RawOrder {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(OrderVisitor)
    }
}

struct OrderVisitor;

impl<'de> Visitor<'de> for OrderVisitor {
    type Value = RawOrder;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an order")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<RawOrder, A::Error> {
        let (mut customer_id, mut currency, mut items) = (None, None, None);
        while let Some(name) = members.next_key::<Name>()? {
            match name {
                Name::CustomerId => once(&mut customer_id, members.next_value()?)?,
                Name::Currency => once(&mut currency, members.next_value()?)?,
                Name::Items => once(&mut items, members.next_value()?)?,
                _ => return Err(A::Error::custom("an uncommon member")),
            }
        }
        Ok(RawOrder { customer_id: required(customer_id)?, currency, items: required(items)? })
    }
}

impl<'de> Deserialize<'de> for RawLine {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(LineVisitor)
    }
}

struct LineVisitor;

impl<'de> Visitor<'de> for LineVisitor {
    type Value = RawLine;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a line")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<RawLine, A::Error> {
        let (mut product_id, mut quantity, mut price) = (None, None, None);
        while let Some(name) = members.next_key::<Name>()? {
            match name {
                Name::ProductId => once(&mut product_id, members.next_value()?)?,
                Name::Quantity => once(&mut quantity, members.next_value()?)?,
                Name::Price => once(&mut price, members.next_value()?)?,
                _ => return Err(A::Error::custom("an uncommon member")),
            }
        }
        Ok(RawLine {
            product_id: required(product_id)?,
            quantity: required(quantity)?,
            price: required(price)?,
        })
    }
}

fn once<T, E: Error>(slot: &mut Option<T>, value: T) -> Result<(), E> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(E::custom("a repeated member")),
    }
}

fn required<T, E: Error>(slot: Option<T>) -> Result<T, E> {
    slot.ok_or_else(|| E::custom("a missing member"))
}

enum Name {
    CustomerId,
    Currency,
    Items,
    ProductId,
    Quantity,
    Price,
    Uncommon,
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_identifier(NameVisitor)
    }
}

struct NameVisitor;

impl Visitor<'_> for NameVisitor {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Name, E> {
        Ok(match name {
            "customerId" => Name::CustomerId,
            "currency" => Name::Currency,
            "items" => Name::Items,
            "productId" => Name::ProductId,
            "quantity" => Name::Quantity,
            "price" => Name::Price,
            _ => Name::Uncommon,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_common_shape_is_read_and_anything_else_is_left_to_the_definition() {
        let mut scratch = Scratch::default();
        let mut read = |body: &str| decode_simd_json(body.as_bytes(), &mut scratch).is_some();
        assert!(read(r#"{"customerId":"c","items":[{"productId":"p","quantity":1,"price":1.5}]}"#));
        assert!(!read(
            r#"{"customerId":"c","note":1,"items":[{"productId":"p","quantity":1,"price":1}]}"#
        ));
        assert!(!read(&"[".repeat(60_000)));
        assert!(!read(&format!("{{\"customerId\":{}", "[".repeat(100))));
    }
}
