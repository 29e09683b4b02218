//! The end of a schedule: the tables, the provider and the topic against the
//! reference.

use std::collections::{BTreeMap, BTreeSet};

use super::log::{Log, lanes};
use super::reference::{Plain, PlainShelf};
use super::world::World;

/// Judges a world that has come to rest.
pub(crate) fn judge(log: &Log, world: &World<'_>) -> Result<(), String> {
    let mut plain = Plain::new();
    for deed in &world.ledger.deeds {
        plain.follow(log, deed)?;
        let mut outcomes = deed.outcomes.iter();
        if let Some(outcome) = outcomes.find(|outcome| !world.provider.has_said(outcome)) {
            return Err(format!("the provider never said {outcome:?}"));
        }
    }
    progress(log, world)?;
    orders(world, &plain)?;
    stock(world, &plain)?;
    metrics(world, &plain)?;
    told(world, &plain)
}

fn progress(log: &Log, world: &World<'_>) -> Result<(), String> {
    for lane in lanes() {
        let row = world.ledger.tables.progress.get(&lane).copied().unwrap_or_default();
        same(&format!("{lane}: progress"), &row.next, &log.end(lane))?;
    }
    Ok(())
}

fn orders(world: &World<'_>, plain: &Plain) -> Result<(), String> {
    let tables = &world.ledger.tables;
    let rows = tables.orders.iter().map(|(id, row)| (*id, row.state.status.as_str()));
    let expected = plain.orders.iter().map(|(id, order)| (*id, order.status));
    same("statuses", &rows.collect::<BTreeMap<_, _>>(), &expected.collect())?;
    let payments = tables.payments.iter().map(|(id, row)| (*id, row.status));
    let expected = plain.orders.iter().filter_map(|(id, order)| Some((*id, order.payment?)));
    same("payments", &payments.collect::<BTreeMap<_, _>>(), &expected.collect())?;
    let refused = tables.refused.iter().map(|(place, (_, reason))| (*place, *reason));
    same("refusals", &refused.collect::<BTreeMap<_, _>>(), &plain.refused)?;
    for (id, order) in &plain.orders {
        if ["RESERVED"].contains(&order.status) || order.payment == Some("REFUND_PENDING") {
            return Err(format!("{id} is never settled: {order:?}"));
        }
        let account = world.provider.accounts.get(id).copied().unwrap_or_default();
        let sold = matches!(order.status, "PAID" | "SHIPPED");
        same(&format!("{id}: money"), &account.kept, &if sold { order.total } else { 0 })?;
        if account.captures > 1 {
            return Err(format!("{id} is charged {} times", account.captures));
        }
    }
    match world.provider.accounts.keys().find(|id| !plain.orders.contains_key(id)) {
        Some(id) => Err(format!("{id} is charged and no order")),
        None => Ok(()),
    }
}

fn stock(world: &World<'_>, plain: &Plain) -> Result<(), String> {
    let shelves = world.ledger.tables.stock.iter().map(|(sku, shelf)| {
        let plain = PlainShelf { available: shelf.available, received: shelf.received };
        (sku.clone(), plain)
    });
    // A product that was never stocked has no shelf; an empty one is no other.
    let nothing = PlainShelf::default();
    let shelves: BTreeMap<_, _> = shelves.filter(|(_, shelf)| *shelf != nothing).collect();
    let expected = plain.shelves.clone().into_iter().filter(|(_, shelf)| *shelf != nothing);
    same("stock", &shelves, &expected.collect())?;
    match world.ledger.tables.stock.iter().find(|(_, shelf)| shelf.reserved != 0) {
        Some((sku, shelf)) => Err(format!("{sku}: reserved for nobody: {shelf:?}")),
        None => Ok(()),
    }
}

fn metrics(world: &World<'_>, plain: &Plain) -> Result<(), String> {
    let mut expected: BTreeMap<(&str, String), i128> = BTreeMap::new();
    let mut add = |name, dimension: &str, value: i64| {
        *expected.entry((name, dimension.to_owned())).or_default() += i128::from(value);
    };
    for order in plain.orders.values() {
        add("orders_total", "", 1);
        add("orders_by_status", order.status, 1);
        if matches!(order.status, "PAID" | "SHIPPED") {
            add("revenue_total", "EUR", order.total);
            order.pieces.iter().for_each(|(sku, n)| add("top_products", sku.as_str(), *n));
        }
    }
    let mut found: BTreeMap<(&str, String), i128> = BTreeMap::new();
    for ((name, dimension, _), value) in &world.ledger.tables.metrics {
        if ["orders_total", "orders_by_status", "revenue_total"].contains(name) {
            *found.entry((name, dimension.clone())).or_default() += value;
        }
    }
    // As the view has it.
    let sold = world.ledger.tables.stock.iter();
    found.extend(
        sold.map(|(sku, shelf)| (("top_products", sku.to_string()), i128::from(shelf.sold))),
    );
    found.retain(|_, value| *value != 0);
    same("metrics", &found, &expected)
}

fn told(world: &World<'_>, plain: &Plain) -> Result<(), String> {
    let steps = |id, order: &super::reference::PlainOrder| {
        order.steps.iter().map(|step| format!("{id}/{step}")).collect::<Vec<_>>()
    };
    let expected = plain.orders.iter().map(|(id, order)| (id.to_string(), steps(id, order)));
    same("events", &world.topic.of, &expected.collect())?;
    if !world.ledger.tables.outbox.is_empty() {
        return Err(format!("the outbox keeps {:?}", world.ledger.tables.outbox));
    }
    let dead = &world.ledger.tables.dead;
    let places: BTreeSet<_> = plain.dead.iter().copied().collect();
    same("dead letters", &dead.keys().copied().collect(), &places)?;
    same("published dead letters", &world.topic.dead, &places)?;
    match dead.iter().find(|(_, published)| !**published) {
        Some((place, _)) => Err(format!("the letter at {place:?} counts as unpublished")),
        None => Ok(()),
    }
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: &T, expected: &T) -> Result<(), String> {
    if found == expected {
        return Ok(());
    }
    Err(format!("{what}: found {found:?}, expected {expected:?}"))
}
