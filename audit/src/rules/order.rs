//! What a valid order is, in the audit's own words.

use super::id::is_id;
use super::json::Json;
use super::money::{self, Code, MINOR_MAX};

const LINES: std::ops::RangeInclusive<usize> = 1..=100;
const QUANTITY: std::ops::RangeInclusive<i64> = 1..=1_000_000;

/// A valid order.
#[derive(Debug)]
pub struct Order {
    /// Who ordered.
    pub customer: String,
    /// In which currency.
    pub currency: Code,
    /// Σ quantity × price, in minor units.
    pub total: i64,
    /// What was ordered, in the order of the document.
    pub lines: Vec<Line>,
}

/// One line.
#[derive(Debug)]
pub struct Line {
    /// What.
    pub sku: String,
    /// How many.
    pub quantity: i64,
    /// Price of one, in minor units.
    pub price: i64,
}

/// Reads the value of `order.created`; `None` when any rule is broken.
pub fn read(value: &[u8]) -> Option<Order> {
    let document = Json::parse_body(value)?;
    let customer = id(document.get("customerId")?)?;
    let currency = match document.get("currency") {
        Some(code) => Code::parse(code.text()?)?,
        None => Code::EUR,
    };
    let items = document.get("items")?.elements()?;
    if !LINES.contains(&items.len()) {
        return None;
    }
    let lines = items.iter().map(|item| line(item, currency)).collect::<Option<Vec<_>>>()?;
    let total: i128 = lines.iter().map(|l| i128::from(l.quantity) * i128::from(l.price)).sum();
    let total = i64::try_from(total).ok().filter(|total| *total <= MINOR_MAX)?;
    Some(Order { customer, currency, total, lines })
}

fn line(item: &Json<'_>, currency: Code) -> Option<Line> {
    let sku = id(item.get("productId")?)?;
    let quantity = item.get("quantity")?.integer().filter(|n| QUANTITY.contains(n))?;
    let price = money::minor(item.get("price")?, currency)?;
    Some(Line { sku, quantity, price })
}

fn id(json: &Json<'_>) -> Option<String> {
    json.text().filter(|text| is_id(text)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_order_costs_seventy() {
        let order = read(
            br#"{"customerId":"c-1","note":[{}],"items":[{"productId":"p-1","quantity":2,"price":10},
            {"productId":"p-2","quantity":1,"price":50.00}]}"#,
        )
        .unwrap();
        assert_eq!(
            (order.customer.as_str(), order.currency, order.total),
            ("c-1", Code::EUR, 7000)
        );
        let lines: Vec<_> =
            order.lines.iter().map(|l| (l.sku.as_str(), l.quantity, l.price)).collect();
        assert_eq!(lines, [("p-1", 2, 1000), ("p-2", 1, 5000)]);
    }

    #[test]
    fn one_broken_rule_makes_an_order_invalid() {
        let line = r#"{"productId":"p","quantity":1,"price":1}"#;
        let with = |line: &str| format!(r#"{{"customerId":"c","items":[{line}]}}"#);
        let lines = |n: usize| with(&vec![line; n].join(","));
        assert!(read(with(line).as_bytes()).is_some());
        assert!(read(lines(100).as_bytes()).is_some());
        for bad in [
            "[]".to_owned(),
            "{}".to_owned(),
            lines(0),
            lines(101),
            with("[\"p\",1,1]"),
            with(r#"{"productId":"p q","quantity":1,"price":1}"#),
            with(r#"{"productId":"p","quantity":1.0,"price":1}"#),
            with(r#"{"productId":"p","quantity":1000001,"price":1}"#),
            with(r#"{"productId":"p","quantity":0,"price":1}"#),
            with(r#"{"productId":"p","quantity":1,"price":"1"}"#),
            with(r#"{"productId":"p","quantity":1000000,"price":10000000}"#),
            with(line).replace('{', r#"{"x":1,"x":2,"#),
            with(line).replacen('{', r#"{"currency":null,"#, 1),
            with(line).replacen('{', r#"{"currency":"eur","#, 1),
            with(line).replace("\"c\"", "\"\""),
            with(line).replace("\"c\"", "7"),
        ] {
            assert!(read(bad.as_bytes()).is_none(), "{bad:.200}");
        }
    }
}
