//! The reader of outgoing events, for whoever consumes `order-events`.
//!
//! Lenient where versions may differ (members it does not know, optional ones
//! that are missing), strict where a wrong guess would tell a lie: ids, money
//! and closed words.

use std::borrow::Cow;

use serde::Deserialize;

use super::{EventType, Outcome, Total};
use crate::{Amount, Currency, CustomerId, DeclineReason, OrderId, RejectReason, Shipment, Sku};

/// Why the data of an event cannot be read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ReadError {
    /// The type is one that goes in, not out.
    #[error("{0} is not an outgoing event")]
    Incoming(&'static str),
    /// The value is no JSON object, or a member has the wrong JSON type.
    #[error("is not the JSON object it should be: {0}")]
    Json(String),
    /// A member that every version has is missing.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A member has the right JSON type and an impossible value.
    #[error("{0} has a value that it cannot have")]
    Invalid(&'static str),
}

/// Every member any outgoing event has; which ones it must have, its type says.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Members<'a> {
    #[serde(borrow)]
    order_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    customer_id: Option<Cow<'a, str>>,
    total_price: Option<f64>,
    #[serde(borrow)]
    currency: Option<Cow<'a, str>>,
    #[serde(borrow)]
    reason: Option<Cow<'a, str>>,
    #[serde(borrow)]
    product_id: Option<Cow<'a, str>>,
    requested: Option<i64>,
    available: Option<i64>,
    threshold: Option<i64>,
    #[serde(borrow)]
    refund: Option<Refund<'a>>,
    carrier: Option<String>,
    tracking_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Refund<'a> {
    total_price: Option<f64>,
    #[serde(borrow)]
    currency: Option<Cow<'a, str>>,
}

/// Reads the data of an outgoing event of a known type.
///
/// # Errors
/// It is not what the type says; the error names the member.
pub fn read(kind: EventType, data: &[u8]) -> Result<Outcome, ReadError> {
    // The derived reader would also take the members as an array, by position.
    if data.trim_ascii_start().first() != Some(&b'{') {
        return Err(ReadError::Json("no object".to_owned()));
    }
    let members: Members<'_> =
        serde_json::from_slice(data).map_err(|error| ReadError::Json(error.to_string()))?;
    members.outcome(kind)
}

impl Members<'_> {
    fn outcome(self, kind: EventType) -> Result<Outcome, ReadError> {
        match kind {
            EventType::InventoryReserved => Ok(Outcome::InventoryReserved {
                order_id: self.order_id()?,
                customer_id: self.customer_id()?,
                total: total(self.total_price, self.currency.as_deref())?,
            }),
            EventType::InventoryFailed => Ok(Outcome::InventoryFailed {
                order_id: self.order_id()?,
                customer_id: self.customer_id()?,
                reason: self.reject_reason()?,
                product_id: self.product_id()?,
                requested: required("requested", self.requested)?,
                available: required("available", self.available)?,
            }),
            EventType::PaymentCompleted => Ok(Outcome::PaymentCompleted {
                order_id: self.order_id()?,
                customer_id: self.customer_id()?,
                total: total(self.total_price, self.currency.as_deref())?,
            }),
            EventType::PaymentFailed => Ok(Outcome::PaymentFailed {
                order_id: self.order_id()?,
                customer_id: self.customer_id()?,
                reason: DeclineReason::parse(&required("reason", self.reason)?),
            }),
            EventType::OrderCancelled => Ok(Outcome::OrderCancelled {
                order_id: self.order_id()?,
                customer_id: self.customer_id()?,
                reason: self.reason.map(Cow::into_owned),
                refund: self.refund.map(Refund::total).transpose()?,
            }),
            EventType::OrderShipped => Ok(Outcome::OrderShipped {
                order_id: self.order_id()?,
                customer_id: self.customer_id()?,
                shipment: Shipment { carrier: self.carrier, tracking_id: self.tracking_id },
            }),
            EventType::StockLow => Ok(Outcome::StockLow {
                product_id: self.product_id()?,
                available: required("available", self.available)?,
                threshold: required("threshold", self.threshold)?,
            }),
            EventType::OrderCreated
            | EventType::OrderCancelRequested
            | EventType::StockAdjusted => Err(ReadError::Incoming(kind.as_str())),
        }
    }

    fn order_id(&self) -> Result<OrderId, ReadError> {
        let text = required("orderId", self.order_id.as_deref())?;
        OrderId::parse(text).ok_or(ReadError::Invalid("orderId"))
    }

    fn customer_id(&self) -> Result<String, ReadError> {
        let text = required("customerId", self.customer_id.as_deref())?;
        let customer = CustomerId::parse(text).ok_or(ReadError::Invalid("customerId"))?;
        Ok(customer.as_str().to_owned())
    }

    fn product_id(&self) -> Result<Sku, ReadError> {
        let text = required("productId", self.product_id.as_deref())?;
        Sku::parse(text).ok_or(ReadError::Invalid("productId"))
    }

    fn reject_reason(&self) -> Result<RejectReason, ReadError> {
        let word = required("reason", self.reason.as_deref())?;
        RejectReason::parse(word).ok_or(ReadError::Invalid("reason"))
    }
}

impl Refund<'_> {
    fn total(self) -> Result<Total, ReadError> {
        total(self.total_price, self.currency.as_deref())
    }
}

fn total(price: Option<f64>, code: Option<&str>) -> Result<Total, ReadError> {
    let (price, code) = (required("totalPrice", price)?, required("currency", code)?);
    let currency = Currency::parse(code).ok_or(ReadError::Invalid("currency"))?;
    let amount = Amount::from_json_number(price, currency);
    amount.map(Total::from).ok_or(ReadError::Invalid("totalPrice"))
}

fn required<T>(name: &'static str, member: Option<T>) -> Result<T, ReadError> {
    member.ok_or(ReadError::Missing(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "01990000-0000-7000-8000-000000000001";

    fn paid(members: &str) -> Result<Outcome, ReadError> {
        let data = format!(r#"{{"orderId":"{ID}",{members}}}"#);
        read(EventType::PaymentCompleted, data.as_bytes())
    }

    #[test]
    fn what_is_written_is_read_again() {
        let (order_id, customer_id) = (OrderId::parse(ID).unwrap(), "c-1".to_owned());
        let currency = Currency::parse("KWD").unwrap();
        let refund = Some(Total::from(Amount { minor: 1_234, currency }));
        let reason = Some("too \"late\"".to_owned());
        let cancelled = Outcome::OrderCancelled { order_id, customer_id, reason, refund };
        let data = serde_json::to_vec(&cancelled).unwrap();
        assert_eq!(read(EventType::OrderCancelled, &data), Ok(cancelled));
    }

    #[test]
    fn each_defect_names_its_member() {
        let good = r#""customerId":"c","totalPrice":7.5,"currency":"EUR""#;
        assert!(paid(good).is_ok());
        let error = |members: &str| paid(members).unwrap_err();
        assert_eq!(error(r#""customerId":"c","totalPrice":7.5"#), ReadError::Missing("currency"));
        assert_eq!(error(&good.replace("7.5", "7.555")), ReadError::Invalid("totalPrice"));
        assert_eq!(error(&good.replace("EUR", "eur")), ReadError::Invalid("currency"));
        assert_eq!(error(&good.replace("\"c\"", "\"a b\"")), ReadError::Invalid("customerId"));
        assert!(matches!(error(&good.replace("7.5", "\"7\"")), ReadError::Json(_)));
        assert!(matches!(error(&format!("{good},{good}")), ReadError::Json(_)));
    }

    #[test]
    fn an_event_is_an_object_of_an_outgoing_type() {
        let by_position = format!(r#"["{ID}","c",7.5,"EUR"]"#);
        assert!(matches!(
            read(EventType::PaymentCompleted, by_position.as_bytes()),
            Err(ReadError::Json(_))
        ));
        assert!(matches!(read(EventType::OrderCreated, b"{}"), Err(ReadError::Incoming(_))));
        assert!(matches!(read(EventType::StockLow, b""), Err(ReadError::Json(_))));
    }
}
