//! The ledger and its comparisons without servers: what is hard to bring about
//! with real ones, above all hostile records with one id in several partitions.

use audit::findings::Findings;
use audit::fold::causes::Causes;
use audit::fold::ledger::Ledger;
use audit::fold::orders::{self, Row};
use audit::fold::stock::{self, Shelves};
use audit::fold::totals::Totals;
use audit::fold::{dead_letters, payments, processed, refused, requests};
use audit::invariants::Invariant;
use audit::place::{Place, Topic, body_hash};
use audit::rules::{Headers, Record};
use uuid::Uuid;

const ORDER: Uuid = Uuid::from_u128(1);
const CANCEL: Uuid = Uuid::from_u128(2);
const ANN: &str = r#"{"customerId":"ann","items":[{"productId":"p","quantity":2,"price":1}]}"#;
const BOB: &str = r#"{"customerId":"bob","items":[{"productId":"p","quantity":2,"price":1}]}"#;

/// The books of one test.
struct Books {
    ledger: Ledger,
    causes: Causes,
    findings: Findings,
}

fn at(partition: i32, offset: i64) -> Place {
    Place { topic: Topic::Orders, partition, offset }
}

impl Books {
    fn new() -> Self {
        Self::remembered_since(0)
    }

    /// Every record is written in second 10.
    fn remembered_since(second: u32) -> Self {
        let (causes, findings) = (Causes::default(), Findings::default());
        Self { ledger: Ledger::new(0, second), causes, findings }
    }

    fn record(&mut self, place: Place, kind: &str, event: Uuid, (key, value): (&str, &str)) {
        let event = event.to_string();
        let headers = vec![
            ("ce_specversion", Some(&b"1.0"[..])),
            ("ce_id", Some(event.as_bytes())),
            ("ce_type", Some(kind.as_bytes())),
            ("ce_time", Some(&b"2026-11-21T08:00:00Z"[..])),
        ];
        let (key, value) = (Some(key.as_bytes()), Some(value.as_bytes()));
        let headers = Headers(headers);
        self.ledger.take(&Record { place, logged_s: 10, key, value, headers });
    }

    fn created(&mut self, place: Place, body: &str) {
        self.record(place, "order.created.v1", ORDER, (&ORDER.to_string(), body));
    }

    fn cancel(&mut self, place: Place) {
        let key = ORDER.to_string();
        self.record(place, "order.cancel_requested.v1", CANCEL, (&key, "{}"));
    }

    fn row(&mut self, source: Place, customer: &str, status: &str, reason: Option<&str>) {
        let row = Row {
            order_id: ORDER,
            customer_id: customer,
            status,
            currency: "EUR",
            total_minor: 200,
            lines: r#"[{"sku": "p", "quantity": 2, "price_minor": 100}]"#,
            reason,
            shipment: None,
            source,
            created_us: 1_795_248_000_000_000,
        };
        orders::judge(&mut self.ledger, &mut self.causes, &row, &mut self.findings);
    }

    fn processed(&mut self, event_id: Uuid, place: Place, value: &str, processed_us: i64) {
        let body = body_hash(value.as_bytes());
        let row = processed::Row { event_id, place, epoch: 1, body, processed_us };
        processed::judge(&mut self.ledger, &mut self.causes, &row, &mut self.findings);
    }

    fn payment(&mut self, status: &str, decided_us: i64) {
        let reason = (status == "DECLINED").then_some("declined");
        let (order_id, currency, amount_minor) = (ORDER, "EUR", 200);
        let row = payments::Row { order_id, status, currency, amount_minor, reason, decided_us };
        payments::judge(&mut self.ledger, &row, &mut self.findings);
    }

    fn refused(&mut self, event_id: Uuid, place: Place, event_type: &str, reason: &str) {
        let subject = &ORDER.to_string();
        let row = refused::Row { place, event_id, event_type, subject, reason };
        refused::judge(&mut self.ledger, &row, &mut self.findings);
    }

    /// The names of what is false once everything was compared.
    fn broken(mut self) -> Vec<&'static str> {
        refused::judge_unflagged(&self.ledger, &mut self.findings);
        requests::judge(&self.ledger, &mut self.findings);
        let totals = Totals::of(&self.ledger);
        self.causes.judge(&self.ledger, &totals, &mut self.findings);
        let findings = &self.findings;
        Invariant::all().filter(|i| findings.count(*i) > 0).map(Invariant::name).collect()
    }
}

#[test]
fn a_repetition_is_no_second_order_and_another_body_must_be_flagged() {
    let mut books = Books::new();
    books.created(at(0, 0), ANN);
    books.created(at(0, 1), ANN);
    books.row(at(0, 0), "ann", "PAID", None);
    assert_eq!(books.broken(), [""; 0]);

    let mut books = Books::new();
    books.created(at(0, 0), ANN);
    books.created(at(0, 1), BOB);
    books.row(at(0, 0), "ann", "PAID", None);
    assert_eq!(books.broken(), ["body-mismatch-unflagged"]);

    let mut books = Books::new();
    books.created(at(0, 0), ANN);
    books.created(at(0, 1), ANN);
    books.row(at(0, 0), "ann", "PAID", None);
    books.refused(ORDER, at(0, 1), "order.created.v1", "body_mismatch");
    assert_eq!(books.broken(), ["refused-event-unexpected"], "the body is the same");
}

#[test]
fn of_one_id_in_two_partitions_either_may_be_the_order_but_only_its_first_record() {
    let three = |books: &mut Books| {
        books.created(at(0, 0), ANN);
        books.created(at(1, 4), BOB);
        books.created(at(1, 5), ANN);
    };
    let mut books = Books::new();
    three(&mut books);
    books.row(at(1, 4), "bob", "PAID", None);
    books.processed(ORDER, at(1, 4), BOB, 0);
    books.refused(ORDER, at(0, 0), "order.created.v1", "body_mismatch");
    books.refused(ORDER, at(1, 5), "order.created.v1", "body_mismatch");
    assert_eq!(books.broken(), [""; 0]);

    let mut books = Books::new();
    three(&mut books);
    books.row(at(1, 5), "ann", "PAID", None);
    books.refused(ORDER, at(1, 4), "order.created.v1", "body_mismatch");
    assert_eq!(books.broken(), ["order-content"], "the later record cannot have been first");
}

#[test]
fn a_cancellation_before_its_order_did_not_know_it() {
    let cancelled = |reason: &str, status: &str, why| {
        let mut books = Books::new();
        books.cancel(at(0, 0));
        books.created(at(0, 1), ANN);
        books.row(at(0, 1), "ann", status, why);
        books.refused(CANCEL, at(0, 0), "order.cancel_requested.v1", reason);
        books.broken()
    };
    assert_eq!(cancelled("unknown_order", "PAID", None), [""; 0]);
    assert_eq!(cancelled("illegal_step", "PAID", None), ["refused-event-unexpected"]);
    let why = Some(r#"{"code": "requested"}"#);
    assert_eq!(cancelled("unknown_order", "CANCELLED", why), ["status-without-request"]);
}

#[test]
fn a_cancellation_that_had_to_succeed_cannot_be_refused() {
    let cancelled = |status: &str, why| {
        let mut books = Books::new();
        books.created(at(0, 0), ANN);
        books.cancel(at(0, 1));
        books.row(at(0, 0), "ann", status, why);
        books.refused(CANCEL, at(0, 1), "order.cancel_requested.v1", "illegal_step");
        books.broken()
    };
    assert_eq!(cancelled("PAID", None), ["refused-event-unexpected"]);
    assert_eq!(cancelled("PAYMENT_FAILED", Some(r#"{"code": "declined"}"#)), [""; 0]);
}

/// A key moves to another partition when some are added; which of the two
/// cancellations came first is known to the processor alone.
#[test]
fn a_second_cancellation_may_lie_in_a_lower_partition() {
    let second = Uuid::from_u128(3);
    let cancelled = |effective: bool| {
        let mut books = Books::new();
        books.created(at(3, 0), ANN);
        books.cancel(at(3, 1));
        let key = ORDER.to_string();
        books.record(at(1, 0), "order.cancel_requested.v1", second, (&key, "{}"));
        let (status, why) = match effective {
            true => ("CANCELLED", Some(r#"{"code": "requested"}"#)),
            false => ("PAID", None),
        };
        books.row(at(3, 0), "ann", status, why);
        books.refused(second, at(1, 0), "order.cancel_requested.v1", "illegal_step");
        if !effective {
            books.refused(CANCEL, at(3, 1), "order.cancel_requested.v1", "illegal_step");
        }
        books.broken()
    };
    assert_eq!(cancelled(true), [""; 0]);
    assert_eq!(cancelled(false), ["refused-event-unexpected"]);
}

#[test]
fn a_cancellation_in_another_partition_may_overtake_its_order() {
    let cancelled = |partition: i32| {
        let mut books = Books::new();
        books.created(at(0, 0), ANN);
        books.cancel(at(partition, 1));
        books.row(at(0, 0), "ann", "PAID", None);
        books.refused(CANCEL, at(partition, 1), "order.cancel_requested.v1", "unknown_order");
        books
    };
    assert_eq!(cancelled(1).broken(), [""; 0]);
    assert_eq!(cancelled(0).broken(), ["refused-event-unexpected"]);

    // The same when earlier requests of the order are not known.
    let found_alone = |mut books: Books| {
        let (order, request) = (&books.ledger.orders.items()[0], &books.ledger.requests.items()[0]);
        requests::judge_alone(&books.ledger, order, request, &mut books.findings);
        books.findings.total()
    };
    assert_eq!(found_alone(cancelled(1)), 0);
    assert_eq!(found_alone(cancelled(0)), 1);
}

const SECOND: i64 = 1_000_000;

/// A refused request at `request_us` of an order whose payment was decided at second 100:
/// what is false in a whole history, and whether anything is in one of which the earlier
/// requests are not known.
fn refused_by_time(kind: &str, partition: i32, status: &str, request_us: i64) -> (bool, bool) {
    let history = |reason| {
        let mut books = Books::new();
        books.created(at(0, 0), ANN);
        books.record(at(partition, 1), kind, CANCEL, (&ORDER.to_string(), "{}"));
        let failed = (status == "PAYMENT_FAILED").then_some(r#"{"code": "declined"}"#);
        books.row(at(0, 0), "ann", status, failed);
        books.payment(if failed.is_some() { "DECLINED" } else { "CAPTURED" }, 100 * SECOND);
        books.processed(CANCEL, at(partition, 1), "{}", request_us);
        books.refused(CANCEL, at(partition, 1), kind, reason);
        books
    };
    let reason = if partition == 0 { "illegal_step" } else { "unknown_order" };
    let mut alone = history(reason);
    let (order, request) = (&alone.ledger.orders.items()[0], &alone.ledger.requests.items()[0]);
    requests::judge_alone(&alone.ledger, order, request, &mut alone.findings);
    let broken = history(reason).broken();
    let untrue = broken.contains(&"refused-event-unexpected");
    (untrue, alone.findings.total() > 0)
}

#[test]
fn a_shipment_that_came_after_its_payment_was_refused_wrongly() {
    let refused = |status, at_us| refused_by_time("order.shipped.v1", 0, status, at_us);
    let paid_at = 100 * SECOND;
    assert_eq!(refused("PAID", paid_at), (true, true), "payments come first in a transaction");
    assert_eq!(refused("PAID", paid_at + 10 * SECOND), (true, true));
    assert_eq!(refused("PAID", paid_at + 9 * SECOND), (false, false), "the clock was put back");
    assert_eq!(refused("PAID", paid_at - 1), (false, false));
    // An earlier one may have shipped it.
    assert_eq!(refused("SHIPPED", paid_at), (true, false));
    assert_eq!(refused("PAYMENT_FAILED", paid_at + 10 * SECOND), (false, false));
}

#[test]
fn a_cancellation_that_came_before_the_payment_failed_was_refused_wrongly() {
    let refused = |at_us| refused_by_time("order.cancel_requested.v1", 0, "PAYMENT_FAILED", at_us);
    assert_eq!(refused(90 * SECOND), (true, true));
    assert_eq!(refused(91 * SECOND), (false, false), "the clock was put back");
    assert_eq!(refused(100 * SECOND), (false, false), "payments come first in a transaction");
}

#[test]
fn an_order_that_was_paid_long_before_was_known_in_every_partition() {
    let refused = |at_us| refused_by_time("order.cancel_requested.v1", 1, "PAID", at_us);
    assert_eq!(refused(220 * SECOND), (true, true));
    assert_eq!(refused(219 * SECOND), (false, false), "its transaction may not have ended");
}

/// Only what is needed to judge a refusal is kept.
#[test]
fn the_times_of_payments_are_kept_of_orders_of_which_something_is_asked() {
    let mut settled = audit::fold::settled::Settled::default();
    settled.ask(ORDER);
    settled.note(ORDER, 7);
    settled.note(CANCEL, 8);
    assert_eq!((settled.of(ORDER), settled.of(CANCEL)), (Some(7), None));
    settled.keep([ORDER].into_iter());
    assert_eq!(settled.of(ORDER), Some(7));
    settled.keep(std::iter::empty());
    assert_eq!(settled.of(ORDER), None);
}

#[test]
fn a_correction_of_pieces_that_were_certainly_there_was_refused_wrongly() {
    let refused = |pieces: i64, restocked_us: i64| {
        let mut books = Books::new();
        let stock = |offset| Place { topic: Topic::Stock, ..at(0, offset) };
        for (n, pieces, at_us) in [(0, 10, restocked_us), (1, pieces, 300_000_000)] {
            let (id, place) = (Uuid::from_u128(20 + n), stock(n as i64));
            let body = format!(r#"{{"quantity":{pieces},"reason":"correction"}}"#);
            books.record(place, "stock.adjusted.v1", id, ("p", &body));
            books.processed(id, place, &body, at_us);
        }
        let (place, event_type, reason) = (stock(1), "stock.adjusted.v1", "below_zero");
        let event_id = Uuid::from_u128(21);
        let row = refused::Row { place, event_id, event_type, subject: "p", reason };
        refused::judge(&mut books.ledger, &row, &mut books.findings);
        books.broken()
    };
    assert_eq!(refused(-10, 0), ["refused-event-unexpected"]);
    assert_eq!(refused(-11, 0), [""; 0]);
    assert_eq!(refused(-10, 300_000_000), [""; 0], "the pieces may have come just after");
}

#[test]
fn who_was_refused_stock_that_was_certainly_there_was_refused_wrongly() {
    let minute = 60_000_000;
    let rejected = |restocked: &str, at_us: i64, decided_us: i64| {
        let mut books = Books::new();
        let (restock, stock) = (Uuid::from_u128(9), Place { topic: Topic::Stock, ..at(0, 0) });
        let body = format!(r#"{{"quantity":{restocked},"reason":"restock"}}"#);
        books.record(stock, "stock.adjusted.v1", restock, ("p", &body));
        books.created(at(0, 0), ANN);
        let short = r#"{"code":"insufficient_stock","productId":"p","requested":2,"available":1}"#;
        books.row(at(0, 0), "ann", "REJECTED", Some(short));
        books.processed(restock, stock, &body, at_us);
        books.processed(ORDER, at(0, 0), ANN, decided_us);
        books.broken()
    };
    assert_eq!(rejected("2", 0, 5 * minute), ["rejected-without-cause"]);
    assert_eq!(rejected("1", 0, 5 * minute), [""; 0]);
    assert_eq!(rejected("2", 5 * minute, 5 * minute), [""; 0], "it may have come just after");
}

#[test]
fn a_missing_trace_is_excused_by_age_alone() {
    let missing = |second: u32| {
        let mut books = Books::remembered_since(second);
        books.created(at(0, 0), ANN);
        books.created(at(0, 1), BOB);
        books.cancel(at(0, 2));
        books.row(at(0, 0), "ann", "REJECTED", None);
        books.findings = Findings::default();
        processed::judge_missing(&books.ledger, &mut books.findings);
        books.broken()
    };
    let (refused, flag) = ("refused-event-missing", "body-mismatch-unflagged");
    assert_eq!(missing(10), [refused, flag, "processed-event-missing"]);
    assert_eq!(missing(11), [""; 0]);
}

#[test]
fn a_correction_whose_refusal_is_forgotten_may_or_may_not_have_counted() {
    let balanced = |second: u32, received: i64| {
        let mut books = Books::remembered_since(second);
        for (n, pieces) in [(20, 10), (21, -4)] {
            let (id, place) = (Uuid::from_u128(n), Place { topic: Topic::Stock, ..at(0, 0) });
            let body = format!(r#"{{"quantity":{pieces},"reason":"correction"}}"#);
            books.record(place, "stock.adjusted.v1", id, ("p", &body));
        }
        let totals = Totals::of(&books.ledger);
        let row = stock::Row { sku: "p", available: received, reserved: 0, sold: 0, received };
        let mut shelves = Shelves::new(&books.ledger);
        shelves.judge(&books.ledger, &totals, &row, &mut books.findings);
        books.broken() == [""; 0]
    };
    assert!(balanced(0, 6) && !balanced(0, 10));
    assert!(balanced(11, 6) && balanced(11, 10) && !balanced(11, 11) && !balanced(11, 5));
}

#[test]
fn the_tables_refuse_a_copy_of_an_order_whose_trace_is_gone() {
    for (since, broken) in [(11, vec![]), (0, vec!["dead-letter-unexpected"])] {
        let mut books = Books::remembered_since(since);
        books.created(at(0, 0), ANN);
        books.created(at(0, 1), ANN);
        books.row(at(0, 0), "ann", "PAID", None);
        let row = dead_letters::Row {
            place: at(0, 1),
            key: None,
            value: None,
            headers: "[]",
            code: "refused_by_database",
            published: true,
        };
        dead_letters::judge(&mut books.ledger, &row, &mut books.findings);
        assert_eq!(books.broken(), broken);
    }
}
