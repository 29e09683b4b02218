//! Money: integer minor units and an ISO 4217 currency inside, decimal numbers
//! in JSON.
//!
//! JSON numbers reach most readers as IEEE doubles. A decimal of at most 15
//! significant digits survives that trip unchanged (`DBL_DIG`), so amounts are
//! limited to 15 digits of minor units and a price is accepted when it is the
//! double nearest to a decimal with at most the currency's digits.

use std::fmt;

use serde::{Serialize, Serializer};

/// The largest amount, in minor units: 15 digits.
pub const MINOR_MAX: i64 = 999_999_999_999_999;

/// An ISO 4217 currency.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Currency(iso_currency::Currency);

impl Currency {
    /// What an order without `currency` is priced in.
    pub const DEFAULT: Self = Self(iso_currency::Currency::EUR);

    /// Reads an upper-case alphabetic code such as `EUR`.
    pub fn parse(code: &str) -> Option<Self> {
        let currency = iso_currency::Currency::from_code(code)?;
        // Currencies without minor units in the standard (gold, testing codes)
        // have no exponent and cannot price an order.
        currency.exponent().map(|_| Self(currency))
    }

    /// The alphabetic code.
    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// Digits after the decimal point: 2 for EUR, 0 for JPY, 3 for KWD.
    pub fn digits(self) -> u32 {
        u32::from(self.0.exponent().unwrap_or(0))
    }

    fn scale(self) -> i64 {
        10_i64.pow(self.digits())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

/// An amount of one currency, 0..=[`MINOR_MAX`] minor units.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Amount {
    /// Minor units: cents for EUR.
    pub minor: i64,
    /// The currency they are units of.
    pub currency: Currency,
}

impl Amount {
    /// Reads a JSON number as an amount; `None` when it is negative, too large
    /// or has more decimals than the currency.
    pub fn from_json_number(number: f64, currency: Currency) -> Option<Self> {
        let scale = currency.scale() as f64;
        let minor = (number * scale).round();
        let exact = minor / scale == number;
        // The comparison is false for NaN and infinities too.
        (exact && (0.0..=MINOR_MAX as f64).contains(&minor))
            .then_some(Self { minor: minor as i64, currency })
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scale, digits) = (self.currency.scale(), self.currency.digits() as usize);
        let (whole, fraction) = (self.minor / scale, self.minor % scale);
        if fraction == 0 {
            return write!(f, "{whole}");
        }
        let fraction = format!("{fraction:0digits$}");
        write!(f, "{whole}.{}", fraction.trim_end_matches('0'))
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let scale = self.currency.scale();
        if self.minor % scale == 0 {
            serializer.serialize_i64(self.minor / scale)
        } else {
            serializer.serialize_f64(self.minor as f64 / scale as f64)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(number: f64, code: &str) -> Option<i64> {
        Amount::from_json_number(number, Currency::parse(code).unwrap()).map(|a| a.minor)
    }

    #[test]
    fn a_price_has_at_most_the_digits_of_its_currency() {
        assert_eq!(read(19.99, "EUR"), Some(1999));
        assert_eq!(read(19.999, "EUR"), None);
        assert_eq!(read(1.234, "KWD"), Some(1234));
        assert_eq!(read(5.0, "JPY"), Some(5));
        assert_eq!(read(5.5, "JPY"), None);
        assert_eq!(read(0.1 + 0.2, "EUR"), None);
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for bad in [-0.01, -1.0, f64::NAN, f64::INFINITY, 1e300, 10_000_000_000_000.0] {
            assert_eq!(read(bad, "EUR"), None, "{bad}");
        }
        assert_eq!(read(9_999_999_999_999.99, "EUR"), Some(MINOR_MAX));
        for code in ["", "eur", "EURO", "XAU", "ZZZ"] {
            assert_eq!(Currency::parse(code), None, "{code}");
        }
    }

    #[test]
    fn amounts_print_as_short_decimals() {
        let print =
            |minor, code| Amount { minor, currency: Currency::parse(code).unwrap() }.to_string();
        assert_eq!(print(7000, "EUR"), "70");
        assert_eq!(print(7050, "EUR"), "70.5");
        assert_eq!(print(5, "EUR"), "0.05");
        assert_eq!(print(1234, "KWD"), "1.234");
        assert_eq!(print(1234, "JPY"), "1234");
    }

    proptest! {
        #[test]
        fn every_amount_survives_json(minor in 0..=MINOR_MAX, code in "EUR|JPY|KWD") {
            let currency = Currency::parse(&code).unwrap();
            let amount = Amount { minor, currency };
            let json = serde_json::to_string(&amount).unwrap();
            let number: f64 = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(Amount::from_json_number(number, currency), Some(amount));
            prop_assert_eq!(json, amount.to_string());
        }
    }
}
