//! Properties of the decision: whatever comes in, stock is conserved and never
//! negative, money adds up, batches make no difference, and the result is that
//! of a plain one-at-a-time model written apart from it.

#![cfg(test)]

use std::collections::HashMap;

use contract::inbound::{Body, Inbound};
use contract::{
    AdjustmentReason, Amount, CancelRequest, Currency, CustomerId, DeclineReason, Line, Order,
    OrderId, OrderStatus, Shipment, Sku, StockAdjustment,
};
use processor::decide::{
    Books, Certainty, Decided, Effects, OrderState, Outcome, Shelf, StockView, decide,
};
use processor::lane::{LaneId, Source};
use proptest::prelude::*;
use uuid::Uuid;

const ORDERS: LaneId = LaneId { source: Source::Orders, partition: 0 };
const PRODUCTS: usize = 3;

/// One thing that happens. Orders are named by the order of their creation.
#[derive(Clone, Debug)]
enum Step {
    Order(Vec<(usize, i64)>),
    Cancel(usize),
    Ship(usize),
    Adjust(usize, i64),
    Pay(usize),
    Decline(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let lines = prop::collection::vec((0..PRODUCTS, 1..5_i64), 1..4);
    let step = prop_oneof![
        5 => lines.prop_map(Step::Order),
        1 => (0..20_usize).prop_map(Step::Cancel),
        1 => (0..20_usize).prop_map(Step::Ship),
        1 => (0..PRODUCTS, -6..12_i64).prop_map(|(sku, n)| Step::Adjust(sku, if n == 0 { 1 } else { n })),
        3 => (0..20_usize).prop_map(Step::Pay),
        1 => (0..20_usize).prop_map(Step::Decline),
    ];
    prop::collection::vec(step, 1..60)
}

fn order_id(n: usize) -> OrderId {
    OrderId(Uuid::from_u128(n as u128 + 1))
}

fn sku(n: usize) -> Sku {
    Sku::parse(&format!("p-{n}")).unwrap()
}

fn order(lines: &[(usize, i64)]) -> Order {
    let lines: Vec<_> = lines
        .iter()
        .map(|(n, quantity)| Line { sku: sku(*n), quantity: *quantity, price_minor: 100 })
        .collect();
    let minor = lines.iter().map(|line| line.quantity * line.price_minor).sum();
    Order {
        customer_id: CustomerId::parse("c-1").unwrap(),
        lines,
        total: Amount { minor, currency: Currency::DEFAULT },
    }
}

/// Plain bookkeeping, one step at a time.
#[derive(Default)]
struct Plain {
    available: [Option<i64>; PRODUCTS],
    received: [i64; PRODUCTS],
    orders: Vec<(Vec<i64>, &'static str)>,
}

impl Plain {
    fn step(&mut self, step: &Step) {
        match step {
            Step::Order(lines) => {
                let mut need = vec![0; PRODUCTS];
                lines.iter().for_each(|(n, quantity)| need[*n] += quantity);
                let fits = (0..PRODUCTS)
                    .all(|n| need[n] == 0 || self.available[n].unwrap_or(-1) >= need[n]);
                if fits {
                    self.shelve(&need, -1);
                }
                self.orders.push((need, if fits { "RESERVED" } else { "REJECTED" }));
            }
            Step::Adjust(n, quantity) => {
                let after = self.available[*n].unwrap_or(0) + quantity;
                if after >= 0 {
                    self.available[*n] = Some(after);
                    self.received[*n] += quantity;
                }
            }
            Step::Pay(n) => self.change(*n, &["RESERVED"], "PAID", 0),
            Step::Decline(n) => self.change(*n, &["RESERVED"], "PAYMENT_FAILED", 1),
            Step::Cancel(n) => self.change(*n, &["RESERVED", "PAID"], "CANCELLED", 1),
            Step::Ship(n) => self.change(*n, &["PAID"], "SHIPPED", 0),
        }
    }

    fn change(&mut self, n: usize, from: &[&str], to: &'static str, back: i64) {
        if let Some((need, status)) = self.orders.get_mut(n)
            && from.contains(status)
        {
            *status = to;
            let need = need.clone();
            self.shelve(&need, back);
        }
    }

    fn shelve(&mut self, need: &[i64], sign: i64) {
        for (available, need) in self.available.iter_mut().zip(need) {
            if let Some(available) = available {
                *available += sign * need;
            }
        }
    }
}

/// The tables as far as decisions are concerned.
#[derive(Default)]
struct Tables {
    orders: HashMap<OrderId, OrderState>,
    stock: HashMap<Sku, [i64; 4]>,
    paid: i128,
}

impl Tables {
    fn books(&self) -> Books {
        let shelves = self
            .stock
            .iter()
            .map(|(sku, [available, ..])| (sku.clone(), Shelf { available: *available }));
        Books {
            orders: self.orders.clone().into_iter().collect(),
            stock: StockView::new(shelves.collect(), Certainty::Locked),
        }
    }

    fn write(&mut self, effects: Effects<'_>) {
        for (sku, delta) in &effects.stock {
            let shelf = self.stock.entry(sku.clone()).or_default();
            for (column, change) in
                shelf.iter_mut().zip([delta.available, delta.reserved, delta.sold, delta.received])
            {
                *column += change;
                assert!(*column >= 0 || delta.received < 0, "{sku}: {shelf:?}");
            }
        }
        for taken in effects.taken {
            self.orders.insert(taken.order_id, taken.state);
        }
        for change in &effects.changes {
            let state = self.orders.get_mut(&change.order_id).unwrap();
            assert_eq!(state.status, change.from);
            state.status = change.to;
        }
        self.paid += effects
            .rollup
            .rows()
            .iter()
            .filter(|row| row.0.name() == "revenue_total")
            .map(|row| row.2)
            .sum::<i128>();
    }
}

/// Runs steps in batches cut where `cuts` says.
fn run(steps: &[Step], cuts: &[bool]) -> Tables {
    let mut tables = Tables::default();
    let (mut records, mut outcomes): (Vec<Decided>, Vec<Outcome>) = (Vec::new(), Vec::new());
    let mut orders = 0;
    for (n, step) in steps.iter().enumerate() {
        match step {
            // Outcomes come before records in a batch, so a cut keeps the order.
            Step::Pay(target) | Step::Decline(target) => {
                flush(&mut tables, &mut records, &mut outcomes);
                let id = order_id(*target);
                outcomes.push(match step {
                    Step::Pay(_) => Outcome::Captured(id),
                    _ => Outcome::Declined(id, DeclineReason::Declined),
                });
            }
            _ => records.push(record(n, step, &mut orders)),
        }
        if cuts.get(n).copied().unwrap_or(false) {
            flush(&mut tables, &mut records, &mut outcomes);
        }
    }
    flush(&mut tables, &mut records, &mut outcomes);
    tables
}

fn flush(tables: &mut Tables, records: &mut Vec<Decided>, outcomes: &mut Vec<Outcome>) {
    let references: Vec<_> = records.iter().collect();
    let effects = decide(&references, outcomes, tables.books(), "2026-11-21T08:00:00Z").unwrap();
    tables.write(effects);
    records.clear();
    outcomes.clear();
}

fn record(n: usize, step: &Step, orders: &mut usize) -> Decided {
    let body = match step {
        Step::Order(lines) => {
            *orders += 1;
            Body::Created(order_id(*orders - 1), order(lines))
        }
        Step::Cancel(target) => Body::CancelRequested(order_id(*target), CancelRequest::default()),
        Step::Ship(target) => Body::Shipped(order_id(*target), Shipment::default()),
        Step::Adjust(product, quantity) => {
            let adjustment =
                StockAdjustment { quantity: *quantity, reason: AdjustmentReason::Correction };
            Body::StockAdjusted(sku(*product), adjustment)
        }
        Step::Pay(_) | Step::Decline(_) => unreachable!("an outcome is no record"),
    };
    let inbound = Inbound {
        event_id: Uuid::from_u128(n as u128),
        occurred_at: "2026-11-21T08:00:00Z".parse().unwrap(),
        body,
    };
    Decided { lane: ORDERS, offset: n as i64, inbound }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_stream_in_any_batches_gives_the_books_of_the_plain_model(
        steps in steps(),
        cuts in prop::collection::vec(any::<bool>(), 60),
    ) {
        let tables = run(&steps, &cuts);
        let mut plain = Plain::default();
        steps.iter().for_each(|step| plain.step(step));

        let statuses: Vec<_> = (0..plain.orders.len()).map(|n| tables.orders[&order_id(n)].status.as_str()).collect();
        let expected: Vec<_> = plain.orders.iter().map(|(_, status)| *status).collect();
        prop_assert_eq!(statuses, expected);
        for n in 0..PRODUCTS {
            let [available, reserved, sold, received] = tables.stock.get(&sku(n)).copied().unwrap_or_default();
            prop_assert_eq!(available, plain.available[n].unwrap_or(0));
            prop_assert_eq!(received, plain.received[n]);
            prop_assert_eq!(available + reserved + sold, received);
        }
        let paid: i128 = tables.orders.values()
            .filter(|state| matches!(state.status, OrderStatus::Paid | OrderStatus::Shipped))
            .map(|state| i128::from(state.total.minor))
            .sum();
        prop_assert_eq!(tables.paid, paid);
    }
}
