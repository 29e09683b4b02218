//! A watch that runs for long keeps what is under way and a little of the past.
#![expect(clippy::unwrap_used, reason = "a test reports by panicking, helpers of tests too")]

use std::ops::Range;

use audit::fold::{orders, payments, processed, refused};
use audit::place::{Place, Topic, body_hash};
use audit::read::window::Found;
use audit::rules::{Headers, Record};
use audit::watch::Books;
use uuid::Uuid;

const WINDOW: i64 = 1_500;
const WINDOWS: i64 = 60;
const BODY: &[u8] = br#"{"customerId":"c","items":[{"productId":"p","quantity":1,"price":1}]}"#;
const LINES: &str = r#"[{"sku":"p","quantity":1,"price_minor":100}]"#;
const DATA: &[u8] = br#"{"orderId":"ORDER","customerId":"c","totalPrice":1,"currency":"EUR"}"#;

fn id(offset: i64) -> Uuid {
    Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0000 + u128::try_from(offset).unwrap())
}

fn place(topic: Topic, offset: i64) -> Place {
    Place { topic, partition: 0, offset }
}

fn record<'a>(
    at: Place,
    key: &'a str,
    value: &'a [u8],
    headers: &[(&'a str, &'a str)],
) -> Record<'a> {
    let headers = headers.iter().map(|(name, value)| (*name, Some(value.as_bytes())));
    let headers = Headers(headers.collect());
    Record { place: at, logged_s: 0, key: Some(key.as_bytes()), value: Some(value), headers }
}

const VERSION: (&str, &str) = ("ce_specversion", "1.0");
const TIME: (&str, &str) = ("ce_time", "2026-11-21T08:00:00Z");

fn take(books: &mut Books, offset: i64) {
    take_at(books, place(Topic::Orders, offset), offset);
}

fn take_at(books: &mut Books, at: Place, order: i64) {
    let id = id(order).to_string();
    let headers = [VERSION, ("ce_id", id.as_str()), ("ce_type", "order.created.v1"), TIME];
    books.take(&record(at, &id, BODY, &headers));
}

fn row(books: &mut Books, offset: i64, status: &str) {
    books.row(&found(offset, status));
}

fn found(offset: i64, status: &str) -> Found<'_> {
    found_at(place(Topic::Orders, offset), offset, status)
}

fn found_at(source: Place, order: i64, status: &str) -> Found<'_> {
    let id = id(order);
    let order = orders::Row {
        order_id: id,
        customer_id: "c",
        status,
        currency: "EUR",
        total_minor: 100,
        lines: LINES,
        reason: None,
        shipment: None,
        source,
        created_us: 1_795_248_000_000_000,
    };
    let payment = payments::Row {
        order_id: id,
        status: "CAPTURED",
        currency: "EUR",
        amount_minor: 100,
        reason: None,
        decided_us: 1,
    };
    let processed = processed::Row {
        event_id: id,
        place: source,
        epoch: 1,
        body: body_hash(BODY),
        processed_us: 0,
    };
    let payment = (status == "PAID").then_some(payment);
    Found { id, order: Some(order), payment, processed: Some(processed) }
}

fn tell(books: &mut Books, offset: i64, step: &str) {
    let order = id(offset).to_string();
    let data = String::from_utf8(DATA.to_vec()).unwrap().replace("ORDER", &order);
    let (event, kind) = (format!("{order}/{step}"), format!("{step}.v1"));
    let headers = [
        ("ce_id", event.as_str()),
        ("ce_type", kind.as_str()),
        ("ce_source", "/processor"),
        ("ce_subject", order.as_str()),
    ];
    books.told(&record(place(Topic::Events, 0), &order, data.as_bytes(), &headers));
}

/// One step over these offsets, all paid and told.
fn step(books: &mut Books, offsets: Range<i64>, now_s: u32) {
    begin(books, offsets.clone());
    end(books, offsets, now_s, true);
}

fn begin(books: &mut Books, offsets: Range<i64>) {
    offsets.clone().for_each(|offset| take(books, offset));
    let _asked = books.asks(|_, _| true);
    books.begin();
    offsets.for_each(|offset| row(books, offset, "PAID"));
}

fn end(books: &mut Books, offsets: Range<i64>, now_s: u32, level: bool) {
    books.account();
    if level {
        books.judge_level();
    }
    for offset in offsets {
        tell(books, offset, "inventory.reserved");
        tell(books, offset, "payment.completed");
    }
    books.close(now_s, level);
    books.compact(0);
}

/// A shipment of the first order, and that it was refused.
fn ship_first(books: &mut Books, at: Place) {
    let (event, order) = (Uuid::from_u128(7), id(0).to_string());
    let (text, kind) = (event.to_string(), "order.shipped.v1");
    let headers = [VERSION, ("ce_id", &*text), ("ce_type", kind), TIME];
    books.take(&record(at, &order, b"{}", &headers));
    let row = refused::Row {
        place: at,
        event_id: event,
        event_type: kind,
        subject: &order,
        reason: "illegal_step",
    };
    books.refused(&row);
    let processed = processed::Row {
        event_id: event,
        place: at,
        epoch: 1,
        body: body_hash(b"{}"),
        processed_us: 0,
    };
    books.row_by_id(&Found { id: event, order: None, payment: None, processed: Some(processed) });
}

fn books() -> Books {
    Books::new(std::iter::once(((Topic::Orders, 0), 0)), 0, 60)
}

#[test]
fn what_is_kept_does_not_grow_with_the_run() {
    let mut books = books();
    let mut most = 0;
    for window in 0..WINDOWS {
        step(&mut books, window * WINDOW..(window + 1) * WINDOW, 0);
        most = most.max(books.retained());
    }
    assert_eq!(books.findings.total(), 0, "{:?}", books.findings);
    assert_eq!(books.proved_orders, u64::try_from(WINDOWS * WINDOW).unwrap());
    assert!(most <= 52_000, "{most}");
    let (_, lane) = books.lanes().next().unwrap();
    assert_eq!(lane.watermark, WINDOWS * WINDOW);
}

/// A client that repeats one order for ever, and hardly anything else.
#[test]
fn what_is_kept_does_not_grow_with_repetitions() {
    let mut books = books();
    step(&mut books, 0..1, 0);
    let mut most = 0;
    for window in 0..WINDOWS {
        let copies = window * WINDOW + 1..(window + 1) * WINDOW + 1;
        copies.for_each(|offset| take_at(&mut books, place(Topic::Orders, offset), 0));
        end(&mut books, 0..0, 0, true);
        most = most.max(books.retained());
    }
    assert_eq!(books.findings.total(), 0, "{:?}", books.findings);
    assert!(most <= 52_000, "{most}");
}

/// After the retention only the order's row knows that a record repeats it.
#[test]
fn a_copy_of_an_order_whose_trace_is_gone_is_no_second_order() {
    let mut books = books();
    for window in 0..WINDOWS {
        step(&mut books, window * WINDOW..(window + 1) * WINDOW, 0);
    }
    books.remember_since(1);
    let copy = place(Topic::Orders, WINDOWS * WINDOW);
    take_at(&mut books, copy, 0);
    let _asked = books.asks(|_, _| true);
    books.begin();
    books.row_by_id(&Found { processed: None, ..found(0, "PAID") });
    end(&mut books, 0..0, 0, true);
    assert_eq!(books.findings.total(), 0, "{:?}", books.findings);
    assert_eq!(books.proved_orders, u64::try_from(WINDOWS * WINDOW + 1).unwrap());
}

/// While it catches up, the copy of an order may be read before the record that made it,
/// which lies in another partition: the order is counted once.
#[test]
fn an_order_whose_copy_is_read_first_is_counted_once() {
    let lanes = [((Topic::Orders, 0), 0), ((Topic::Orders, 1), 0)];
    let mut books = Books::new(lanes.into_iter(), 0, 60);
    let (copied, source) = (WINDOWS * WINDOW, Place { partition: 1, ..place(Topic::Orders, 0) });
    take_at(&mut books, place(Topic::Orders, 0), copied);
    let _asked = books.asks(|_, _| false);
    books.begin();
    let found = || found_at(source, copied, "PAID");
    books.row_of_span(&Found { order: None, processed: None, ..found() });
    books.row_of_span(&Found { order: None, payment: None, ..found() });
    books.row_by_id(&found());
    end(&mut books, copied..copied + 1, 0, false);
    for window in 0..WINDOWS {
        let offsets = window * WINDOW + 1..(window + 1) * WINDOW;
        begin(&mut books, offsets.clone());
        end(&mut books, offsets, 0, false);
    }
    take_at(&mut books, source, copied);
    let _asked = books.asks(|_, _| true);
    books.begin();
    books.row(&found_at(source, copied, "PAID"));
    end(&mut books, copied..copied + 1, 0, true);
    assert_eq!(books.findings.total(), 0, "{:?}", books.findings);
    assert_eq!(books.proved_orders, u64::try_from(WINDOWS * (WINDOW - 1) + 1).unwrap());
}

/// While it catches up, an event may be told of a request that was not read yet.
#[test]
fn an_event_of_a_request_that_was_not_read_yet_waits() {
    let mut books = books();
    begin(&mut books, 0..1);
    let order = id(0).to_string();
    let told = |kind| {
        !books.is_ahead(&record(place(Topic::Events, 0), &order, DATA, &[("ce_type", kind)]))
    };
    assert_eq!(["payment.completed.v1", "order.shipped.v1"].map(told), [true, false]);
}

/// While it catches up, orders are proved and forgotten before what was asked of them
/// is judged.
#[test]
fn an_order_is_remembered_until_what_was_asked_of_it_is_judged() {
    let mut books = books();
    begin(&mut books, 0..1);
    ship_first(&mut books, place(Topic::Orders, 1));
    end(&mut books, 0..1, 0, false);
    for window in 1..WINDOWS {
        let offsets = window * WINDOW..(window + 1) * WINDOW;
        begin(&mut books, offsets.clone());
        end(&mut books, offsets, 0, false);
    }
    assert!(books.retained() < 52_000, "{}", books.retained());
    step(&mut books, WINDOWS * WINDOW..WINDOWS * WINDOW + 1, 0);
    assert_eq!(books.findings.total(), 0, "{:?}", books.findings);
}

/// While it catches up, a request may be read before its order, which lies in another
/// partition; its row is found by the order's id.
#[test]
fn an_order_that_was_not_read_yet_is_judged_with_its_record() {
    let mut books = books();
    let _asked = books.asks(|_, _| false);
    books.begin();
    books.row_by_id(&found(0, "PAID"));
    books.account();
    books.close(100, false);
    step(&mut books, 0..1, 101);
    assert_eq!((books.proved_orders, books.findings.total()), (1, 0), "{:?}", books.findings);
}

#[test]
fn what_waits_is_late_at_first_and_a_finding_after_the_deadline() {
    let mut books = books();
    (0..3).for_each(|offset| take(&mut books, offset));
    let _asked = books.asks(|_, _| true);
    books.begin();
    row(&mut books, 0, "PAID");
    row(&mut books, 1, "RESERVED");
    row(&mut books, 2, "PAID");
    books.account();
    for offset in 0..3 {
        tell(&mut books, offset, "inventory.reserved");
    }
    tell(&mut books, 0, "payment.completed");
    books.close(100, true);
    assert_eq!((books.proved_orders, books.late(), books.findings.total()), (1, 2, 0));
    let watermark = |books: &Books| books.lanes().next().unwrap().1.watermark;
    assert_eq!(watermark(&books), 1);
    books.close(159, true);
    assert_eq!(books.findings.total(), 0);
    books.close(160, true);
    let found: Vec<_> = audit::invariants::Invariant::all()
        .filter(|invariant| books.findings.count(*invariant) > 0)
        .map(audit::invariants::Invariant::name)
        .collect();
    assert_eq!(found, ["not-terminal", "event-missing"]);
    // What was reported holds nothing up any more.
    assert_eq!((watermark(&books), books.late()), (3, 0));
}
