//! Orders as a pure function of seed and number: the same seed gives the same
//! bytes, so a run can be repeated, split over machines, and a retry can be made
//! without remembering what it retries.

use std::io::Write;

use crate::order_mix::{Kind, Mix};
use crate::popularity::Popularity;
use crate::random::Random;

/// Streams of random numbers, so that a new use never shifts the others.
const PURPOSE_KIND: u64 = 1;
const PURPOSE_ORDER: u64 = 2;
const PURPOSE_PRICE: u64 = 3;
const PURPOSE_FAULT: u64 = 4;
const PURPOSE_RETRY: u64 = 5;
// 6 is the schedule's.
const PURPOSE_KEY: u64 = 7;

/// A retry follows its order by at most this many slots: seconds, as clients do.
const RETRY_DISTANCE_MAX: u32 = 1000;

/// Of so many orders one has a key, when some are retried: the gateway treats them
/// differently, and both kinds are to be seen.
const KEY_ONE_IN: u32 = 10;

/// What one slot of the schedule sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Order number `n`.
    Order,
    /// Once more the order with this number.
    Retry(u64),
    /// An order that breaks a rule.
    Invalid,
    /// A cancellation.
    Cancel,
    /// A shipment.
    Ship,
}

/// Makes the requests of a run.
#[derive(Clone, Debug)]
pub struct Generator {
    seed: u64,
    mix: Mix,
    popularity: Popularity,
}

impl Generator {
    /// A generator; everything it makes follows from these two.
    pub fn new(seed: u64, mix: Mix) -> Self {
        let popularity = Popularity::zipf(mix.products, mix.zipf);
        Self { seed, mix, popularity }
    }

    /// The body of order `n`.
    pub fn order(&self, n: u64) -> Vec<u8> {
        // Three lines and the customer fit, so the buffer grows once.
        let mut body = Vec::with_capacity(224);
        self.write_order(n, &mut body);
        body
    }

    /// Appends the body of order `n`.
    pub fn write_order(&self, n: u64, out: &mut Vec<u8>) {
        let mut random = Random::for_slot(self.seed, PURPOSE_ORDER, n);
        let customer = random.below(self.mix.customers);
        append(out, format_args!("{{\"customerId\":\"c-{customer:06}\""));
        // One customer in ten pays in another currency.
        if customer % 10 == 9 {
            out.extend_from_slice(b",\"currency\":\"USD\"");
        }
        out.extend_from_slice(b",\"items\":[");
        for line in 0..=random.below(3) {
            if line > 0 {
                out.push(b',');
            }
            let rank = self.popularity.rank(random.unit());
            let (quantity, price) = (1 + random.below(3), price_minor(rank));
            let prefix = &self.mix.product_prefix;
            append(
                out,
                format_args!(
                    "{{\"productId\":\"{prefix}{rank:05}\",\"quantity\":{quantity},\"price\":{}.{:02}}}",
                    price / 100,
                    price % 100
                ),
            );
        }
        out.extend_from_slice(b"]}");
    }

    /// What slot `n` sends.
    pub fn step(&self, n: u64) -> Step {
        match self.kind(n) {
            Kind::Order => Step::Order,
            Kind::Invalid => Step::Invalid,
            Kind::Cancel => Step::Cancel,
            Kind::Ship => Step::Ship,
            Kind::Retry => self.retried(n).map_or(Step::Order, Step::Retry),
        }
    }

    /// The body for slot `n` when it must be refused: one broken rule each.
    pub fn invalid(&self, n: u64) -> Vec<u8> {
        let bodies: [&[u8]; 8] = [
            br#"{"customerId":"c-1","items":[{"productId":"p-00001","quantity":0,"price":1}]}"#,
            br#"{"customerId":"c-1","items":[{"productId":"p-00001","quantity":1,"price":-1}]}"#,
            br#"{"items":[{"productId":"p-00001","quantity":1,"price":1}]}"#,
            br#"{"customerId":"c-1","items":[{"productId":"p-00001","quantity":1"#,
            br#"{"customerId":"c-1","items":[{"productId":"p-00001","quantity":1,"price":1.005}]}"#,
            br#"{"customerId":"c-1","customerId":"c-2","items":[{"productId":"p-00001","quantity":1,"price":1}]}"#,
            br#"{"customerId":"c-1","items":[]}"#,
            br#"{"customerId":"c 1","items":[{"productId":"p 1","quantity":"1","price":1}]}"#,
        ];
        let which = Random::for_slot(self.seed, PURPOSE_FAULT, n).below(bodies.len() as u32);
        bodies[which as usize].to_vec()
    }

    /// Whether order `n` carries an idempotency key: one in ten does when some of them
    /// are retried.
    pub fn has_key(&self, n: u64) -> bool {
        self.mix.duplicates.as_f64() > 0.0
            && Random::for_slot(self.seed, PURPOSE_KEY, n).below(KEY_ONE_IN) == 0
    }

    /// Every product there is.
    pub fn skus(&self) -> impl Iterator<Item = String> + use<> {
        let prefix = self.mix.product_prefix.clone();
        (0..self.popularity.products()).map(move |rank| format!("{prefix}{rank:05}"))
    }

    fn kind(&self, n: u64) -> Kind {
        self.mix.kind(Random::for_slot(self.seed, PURPOSE_KIND, n).unit())
    }

    /// The nearest new order with a key at a random distance before slot `n`.
    fn retried(&self, n: u64) -> Option<u64> {
        let mut random = Random::for_slot(self.seed, PURPOSE_RETRY, n);
        let from = n.checked_sub(1 + u64::from(random.below(RETRY_DISTANCE_MAX)))?;
        let oldest = from.saturating_sub(u64::from(RETRY_DISTANCE_MAX));
        (oldest..=from)
            .rev()
            .find(|&earlier| self.kind(earlier) == Kind::Order && self.has_key(earlier))
    }
}

/// The price of a product in cents, the same in every run: 0.50 to about 100,
/// cheap ones more often.
fn price_minor(rank: u32) -> u32 {
    let mut random = Random::for_slot(0, PURPOSE_PRICE, u64::from(rank));
    50 + random.below(100) * random.below(100)
}

fn append(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to a vector cannot fail.
    let _always_ok = out.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use contract::order::{Order, Scratch};

    use super::*;
    use crate::order_mix::Share;

    fn mix() -> Mix {
        let share = |text| Share::parse(text).unwrap();
        Mix {
            duplicates: share("5%"),
            invalid: share("1%"),
            cancels: share("2%"),
            ..Mix::default()
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes_in_every_version() {
        let generator = Generator::new(42, Mix::default());
        assert_eq!(
            String::from_utf8(generator.order(0)).unwrap(),
            concat!(
                r#"{"customerId":"c-004985","items":["#,
                r#"{"productId":"p-00062","quantity":2,"price":26.54},"#,
                r#"{"productId":"p-00004","quantity":3,"price":16.10},"#,
                r#"{"productId":"p-00019","quantity":3,"price":79.62}]}"#
            )
        );
        assert_eq!(generator.order(7), Generator::new(42, mix()).order(7));
        assert_ne!(generator.order(7), Generator::new(43, Mix::default()).order(7));
        assert_ne!(generator.order(7), generator.order(8));
    }

    #[test]
    fn every_order_is_valid_and_every_invalid_one_is_not() {
        let generator = Generator::new(1, Mix::default());
        let mut scratch = Scratch::default();
        for n in 0..5_000 {
            let order = Order::decode(&generator.order(n), &mut scratch).unwrap();
            assert!((1..=3).contains(&order.lines.len()));
            assert!(Order::decode(&generator.invalid(n), &mut scratch).is_err());
        }
    }

    #[test]
    fn a_product_has_one_price() {
        let generator = Generator::new(1, Mix { products: 50, ..Mix::default() });
        let (mut prices, mut scratch) = (BTreeMap::new(), Scratch::default());
        for n in 0..5_000 {
            for line in Order::decode(&generator.order(n), &mut scratch).unwrap().lines {
                let sku = line.sku.as_str().to_owned();
                assert_eq!(*prices.entry(sku).or_insert(line.price_minor), line.price_minor);
            }
        }
        let skus: Vec<String> = generator.skus().collect();
        assert_eq!(prices.into_keys().collect::<Vec<_>>(), skus);
    }

    #[test]
    fn shares_come_out_and_retries_repeat_an_earlier_order() {
        let generator = Generator::new(9, mix());
        let mut counts = [0_u32; 5];
        for n in 0..100_000 {
            let kind = match generator.step(n) {
                Step::Order => Kind::Order,
                Step::Invalid => Kind::Invalid,
                Step::Cancel => Kind::Cancel,
                Step::Ship => Kind::Ship,
                Step::Retry(earlier) => {
                    assert!(earlier < n && n - earlier <= 2001);
                    assert_eq!(generator.step(earlier), Step::Order);
                    assert!(generator.has_key(earlier));
                    Kind::Retry
                }
            };
            counts[kind as usize] += 1;
        }
        let expected = [92_000, 5_000, 1_000, 2_000, 0];
        for (count, expected) in counts.into_iter().zip(expected) {
            assert!(count.abs_diff(expected) <= expected / 10, "{count} for {expected}");
        }
    }
}
