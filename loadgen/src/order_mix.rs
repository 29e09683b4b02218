//! What the load consists of: who orders what, and which share of the requests
//! is a retry, an invalid order, a cancellation or a shipment.

/// A share of all requests, 0 to 1.
#[derive(Clone, Copy, PartialEq, PartialOrd, Debug, Default)]
pub struct Share(f64);

impl Share {
    /// Reads `1%`, `0.5%` or `0.01`.
    ///
    /// # Errors
    /// The text is no number between 0 and 1 (or 0% and 100%).
    pub fn parse(text: &str) -> Result<Self, String> {
        service::args::share(text).map(Self)
    }

    /// As a number from 0 to 1.
    pub fn as_f64(self) -> f64 {
        self.0
    }
}

/// The parameters of the load.
#[derive(Clone, Debug)]
pub struct Mix {
    /// How many customers order.
    pub customers: u32,
    /// How many products they order.
    pub products: u32,
    /// What their names begin with; a number follows.
    pub product_prefix: String,
    /// Exponent of Zipf's law over the products.
    pub zipf: f64,
    /// Retries of an earlier order: same body, same idempotency key.
    pub duplicates: Share,
    /// Orders that break a rule and must be refused.
    pub invalid: Share,
    /// Cancellations of an order acknowledged a moment earlier.
    pub cancels: Share,
    /// Shipments of an order acknowledged a moment earlier.
    pub ships: Share,
}

impl Default for Mix {
    fn default() -> Self {
        Self {
            customers: 5000,
            products: 1000,
            product_prefix: "p-".to_owned(),
            zipf: 1.0,
            duplicates: Share(0.0),
            invalid: Share(0.0),
            cancels: Share(0.0),
            ships: Share(0.0),
        }
    }
}

impl Mix {
    /// The shares must leave room for orders.
    ///
    /// # Errors
    /// They add up to 1 or more, or there is nobody to buy or nothing to sell.
    pub fn check(&self) -> Result<(), String> {
        let shares = [self.duplicates, self.invalid, self.cancels, self.ships];
        if shares.iter().map(|share| share.0).sum::<f64>() >= 1.0 {
            return Err("the shares of duplicates, invalid, cancels and ships leave no orders; \
                        together they must be below 100%"
                .to_owned());
        }
        if self.customers == 0 || self.products == 0 {
            return Err("there must be at least one customer and one product".to_owned());
        }
        if !(0.0..=10.0).contains(&self.zipf) {
            return Err("the Zipf exponent must be from 0 to 10".to_owned());
        }
        Ok(())
    }

    /// Which kind of request a number in `[0, 1)` stands for.
    pub(crate) fn kind(&self, unit: f64) -> Kind {
        let mut edge = 0.0;
        let shares = [
            (Kind::Retry, self.duplicates),
            (Kind::Invalid, self.invalid),
            (Kind::Cancel, self.cancels),
            (Kind::Ship, self.ships),
        ];
        for (kind, share) in shares {
            edge += share.0;
            if unit < edge {
                return kind;
            }
        }
        Kind::Order
    }
}

/// The kinds of requests, as the report counts them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, PartialOrd, Ord)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A new order.
    Order,
    /// An earlier order once more.
    Retry,
    /// An order that must be refused.
    Invalid,
    /// A cancellation.
    Cancel,
    /// A shipment.
    Ship,
}

impl Kind {
    /// All of them, in the order of the report.
    pub const ALL: [Self; 5] = [Self::Order, Self::Retry, Self::Invalid, Self::Cancel, Self::Ship];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_read_as_percent_or_fraction() {
        assert_eq!(Share::parse("1%"), Ok(Share(0.01)));
        assert_eq!(Share::parse("0.25"), Ok(Share(0.25)));
        for bad in ["", "%", "101%", "-1%", "1.5", "NaN", "one"] {
            assert!(Share::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn shares_that_leave_no_orders_are_refused() {
        let mix =
            |invalid| Mix { duplicates: Share(0.5), invalid: Share(invalid), ..Mix::default() };
        assert!(mix(0.4).check().is_ok());
        assert!(mix(0.5).check().is_err());
        assert!(Mix { customers: 0, ..Mix::default() }.check().is_err());
    }

    #[test]
    fn kinds_take_their_shares_of_the_unit_interval() {
        let mix = Mix { duplicates: Share(0.1), cancels: Share(0.2), ..Mix::default() };
        assert_eq!(
            [0.0, 0.09, 0.11, 0.29, 0.31, 0.99].map(|unit| mix.kind(unit)),
            [Kind::Retry, Kind::Retry, Kind::Cancel, Kind::Cancel, Kind::Order, Kind::Order]
        );
    }
}
