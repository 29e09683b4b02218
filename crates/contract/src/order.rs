//! What a valid order is.
//!
//! Two readers, one meaning. `explain` is the definition: it walks a parsed
//! document and names every fault. `fast` reads the common shape straight
//! into an order and gives up at the first surprise; whatever it gives up on is
//! judged by the definition. A property test holds them together.

mod explain;
mod fast;

pub use explain::decode as decode_explained;
pub use fast::{Scratch, decode_serde_json, decode_simd_json};

use crate::violation::Collector;
use crate::{Amount, Currency, CustomerId, MINOR_MAX, Sku, Violations};

/// The most lines an order may have.
pub const LINES_MAX: usize = 100;
/// The largest quantity of one line; the smallest is 1.
pub const QUANTITY_MAX: i64 = 1_000_000;

/// A valid order: every field within its limits and the total known to fit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Order {
    /// Who ordered.
    pub customer_id: CustomerId,
    /// 1..=[`LINES_MAX`] lines.
    pub lines: Vec<Line>,
    /// Σ quantity × price.
    pub total: Amount,
}

/// One line of an order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// What.
    pub sku: Sku,
    /// How many, 1..=[`QUANTITY_MAX`].
    pub quantity: i64,
    /// Price of one, in minor units of the order's currency.
    pub price_minor: i64,
}

impl Order {
    /// Reads an order, or names everything that is wrong with it.
    pub fn decode(body: &[u8], scratch: &mut Scratch) -> Result<Self, Violations> {
        match fast::decode(body, scratch) {
            Some(order) => Ok(order),
            None => explain::decode(body),
        }
    }

    fn new(
        customer_id: CustomerId,
        currency: Currency,
        lines: Vec<Line>,
    ) -> Result<Self, Overflow> {
        let minor = total_minor(&lines).ok_or(Overflow)?;
        Ok(Self { customer_id, lines, total: Amount { minor, currency } })
    }
}

/// The total does not fit [`MINOR_MAX`].
struct Overflow;

fn total_minor(lines: &[Line]) -> Option<i64> {
    let mut total: i64 = 0;
    for line in lines {
        total = total.checked_add(line.quantity.checked_mul(line.price_minor)?)?;
    }
    (total <= MINOR_MAX).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = r#"{"customerId":"c-1","items":[{"productId":"p-1","quantity":2,"price":10},{"productId":"p-2","quantity":1,"price":50}]}"#;

    fn decode(body: &str) -> Result<Order, Violations> {
        Order::decode(body.as_bytes(), &mut Scratch::default())
    }

    fn pointers(body: &str) -> Vec<String> {
        let faults = decode(body).unwrap_err();
        faults.as_slice().iter().map(|fault| fault.pointer.clone()).collect()
    }

    #[test]
    fn the_example_order_costs_seventy() {
        let order = decode(EXAMPLE).unwrap();
        assert_eq!(order.total.to_string(), "70");
        assert_eq!(order.total.currency.code(), "EUR");
        assert_eq!(order.lines[0].price_minor, 1000);
    }

    #[test]
    fn every_fault_is_named_with_its_place() {
        let body = r#"{"customerId":"a b","currency":"eur","items":[
            {"productId":"p","quantity":0,"price":1},
            {"quantity":"2","price":-1,"productId":"\u0000"},
            7]}"#;
        assert_eq!(
            pointers(body),
            [
                "/customerId",
                "/currency",
                "/items/0/quantity",
                "/items/1/productId",
                "/items/1/quantity",
                "/items/1/price",
                "/items/2"
            ]
        );
        assert_eq!(pointers("{}"), ["/customerId", "/items"]);
        assert_eq!(pointers("[]"), [""]);
    }

    #[test]
    fn an_order_written_as_an_array_is_no_order() {
        assert_eq!(pointers(r#"["c-1",null,[]]"#), [""]);
        assert_eq!(pointers(r#"{"customerId":"c","items":[["p",1,1]]}"#), ["/items/0"]);
    }

    #[test]
    fn unknown_members_are_ignored_and_repeated_ones_are_not() {
        let extra = EXAMPLE.replacen('{', r#"{"note":{"deep":[1]},"#, 1);
        assert_eq!(decode(&extra), decode(EXAMPLE));
        let twice = EXAMPLE.replacen('{', r#"{"customerId":"c-2","#, 1);
        assert_eq!(pointers(&twice), ["/customerId"]);
        let unknown_twice = EXAMPLE.replacen('{', r#"{"x":1,"x":1,"#, 1);
        assert_eq!(pointers(&unknown_twice), ["/x"]);
    }

    #[test]
    fn limits_hold_at_their_edges() {
        let with_lines = |n: usize| {
            let line = r#"{"productId":"p","quantity":1,"price":1}"#;
            format!(r#"{{"customerId":"c","items":[{}]}}"#, vec![line; n].join(","))
        };
        assert!(decode(&with_lines(LINES_MAX)).is_ok());
        assert_eq!(pointers(&with_lines(LINES_MAX + 1)), ["/items"]);
        assert_eq!(pointers(&with_lines(0)), ["/items"]);
        let with = |quantity: &str, price: &str| {
            format!(
                r#"{{"customerId":"c","items":[{{"productId":"p","quantity":{quantity},"price":{price}}}]}}"#
            )
        };
        assert!(decode(&with("1000000", "9999999.99")).is_ok());
        assert_eq!(pointers(&with("1000000", "10000000")), [""], "the total overflows");
        assert_eq!(pointers(&with("1000001", "1")), ["/items/0/quantity"]);
        assert_eq!(pointers(&with("1.0", "1.001")), ["/items/0/quantity", "/items/0/price"]);
        assert_eq!(pointers(&with("99999999999999999999", "1e400")), [""]);
    }

    #[test]
    fn long_names_cost_no_more_than_their_bytes() {
        let long = "~".repeat(32 * 1024);
        let items = vec!["0"; 16_000].join(",");
        let wide = EXAMPLE.replacen('{', &format!(r#"{{"{long}":[{items}],"#), 1);
        assert!(wide.len() <= crate::inbound::VALUE_BYTES_MAX);
        assert_eq!(decode(&wide), decode(EXAMPLE));
    }

    #[test]
    fn faults_at_long_names_are_few_and_short() {
        let repeated: Vec<_> = (0..101).map(|n| format!(r#""{n}":0,"{n}":0"#)).collect();
        for name in ["~", "\\u0001", "\u{e9}"] {
            let long = name.repeat(60_000 / name.len());
            let body = format!(r#"{{"{long}":{{{}}}}}"#, repeated.join(","));
            let faults = decode(&body).unwrap_err();
            assert!(faults.as_slice().iter().all(|fault| fault.pointer.is_empty()));
            assert!(faults.to_string().len() <= 10 * 1024, "{}", faults.to_string().len());
        }
        let short = "\\u0001".repeat(250);
        let body = format!(r#"{{"{short}":{{{}}}}}"#, repeated.join(","));
        let faults = decode(&body).unwrap_err();
        assert_eq!(faults.as_slice()[0].pointer, format!("/{}/0", "\u{1}".repeat(250)));
        assert!(serde_json::to_string(&faults).unwrap().len() <= 10 * 1024);
    }

    mod agreement {
        use proptest::prelude::*;

        use super::*;

        fn scalar() -> impl Strategy<Value = String> {
            prop_oneof![
                Just("1".to_owned()),
                Just("-0".to_owned()),
                Just("null".to_owned()),
                Just("\"p-1\"".to_owned()),
                Just("\"\\ud800\"".to_owned()),
                Just("\"a\\u0062\"".to_owned()),
                Just("\"a b\"".to_owned()),
                Just("1e2".to_owned()),
                Just("[]".to_owned()),
                Just("{\"x\":1}".to_owned()),
                any::<i64>().prop_map(|n| n.to_string()),
                any::<f64>().prop_map(|n| n.to_string()),
                (0..2_000_000_i64).prop_map(|n| n.to_string()),
                (0..100_000_i64).prop_map(|n| format!("{}.{:02}", n / 100, n % 100)),
            ]
        }

        fn mostly(good: &'static str) -> impl Strategy<Value = String> {
            prop_oneof![9 => Just(good.to_owned()), 1 => scalar()]
        }

        fn line() -> impl Strategy<Value = String> {
            (mostly("\"p-1\""), mostly("3"), prop_oneof![mostly("9.95"), scalar()], any::<u8>()).prop_map(
                |(sku, quantity, price, shape)| match shape {
                    0..8 => format!(r#"{{"productId":{sku},"quantity":{quantity}}}"#),
                    8..16 => format!(r#"[{sku},{quantity},{price}]"#),
                    16..24 => format!(r#"{{"productId":{sku},"productId":{sku},"quantity":{quantity},"price":{price}}}"#),
                    24..40 => format!(r#"{{"note":{price},"productId":{sku},"quantity":{quantity},"price":{price}}}"#),
                    _ => format!(r#"{{"productId":{sku},"quantity":{quantity},"price":{price}}}"#),
                },
            )
        }

        pub(crate) fn body() -> impl Strategy<Value = String> {
            let lines = prop::collection::vec(line(), 0..4);
            (mostly("\"c-1\""), mostly("\"EUR\""), lines, any::<u8>()).prop_map(
                |(customer, currency, lines, shape)| {
                    let lines = lines.join(",");
                    match shape {
                        0..8 => format!(r#"{{"customerId":{customer},"items":[{lines}]"#),
                        8..16 => format!(r#"{{"customerId":{customer},"items":[{lines}]}} x"#),
                        16..128 => format!(r#"{{"customerId":{customer},"items":[{lines}]}}"#),
                        _ => format!(
                            r#"{{"customerId":{customer},"currency":{currency},"items":[{lines}]}}"#
                        ),
                    }
                },
            )
        }

        proptest! {
            #![proptest_config(ProptestConfig::with_cases(4_000))]
            #[test]
            fn both_fast_readers_accept_only_what_the_definition_accepts(body in body()) {
                let truth = explain::decode(body.as_bytes()).ok();
                let mut scratch = Scratch::default();
                let simd = decode_simd_json(body.as_bytes(), &mut scratch);
                let serde = decode_serde_json(body.as_bytes());
                for order in simd.into_iter().chain(serde) {
                    prop_assert_eq!(Some(order), truth.clone(), "{}", body);
                }
            }
        }
    }
}
