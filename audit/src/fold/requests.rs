//! What became of each cancellation and shipment: it had its effect, or it is
//! in `refused_events` with a reason that can be true.
//!
//! They have their order's key, so they lie in its partition: what stands before
//! the order cannot have known it. When partitions were added they may lie in
//! another, and which was read first is not in the log. Nor is when a payment was
//! settled: that the times in the tables tell, where they lie far enough apart.

use contract::OrderStatus;

use super::ledger::Ledger;
use super::order::Order;
use super::request::{Ask, Refusal, Request};
use super::settled;
use crate::findings::{Findings, Sample};
use crate::invariants::Invariant;

/// Judges all requests, after orders and refused events were read.
pub fn judge(ledger: &Ledger, findings: &mut Findings) {
    judge_where(ledger, |_| true, findings);
}

/// The same, but leaves out orders whose earlier requests are not known.
pub fn judge_where(ledger: &Ledger, whole: impl Fn(u32) -> bool, findings: &mut Findings) {
    let mut of_orders = Vec::new();
    for (number, request) in ledger.requests.items().iter().enumerate() {
        let Some(id) = request.target() else { continue };
        match ledger.orders.find(id) {
            Some(order) if whole(order) => of_orders.push((order, request.place, number)),
            Some(_) => {}
            None if request.refused == Some(Refusal::UnknownOrder) => {}
            None if forgotten(ledger, request) => {}
            None => {
                add(findings, missing_or_wrong(request), request, "no such order is in the log");
            }
        }
    }
    of_orders.sort_unstable();
    for group in of_orders.chunk_by(|a, b| a.0 == b.0) {
        let requests: Vec<_> = group.iter().map(|r| &ledger.requests.items()[r.2]).collect();
        judge_order(ledger, ledger.orders.get(group[0].0), &requests, findings);
    }
    judge_uncaused(ledger, &of_orders, whole, findings);
}

/// Judges a request of an order whose earlier requests are not known.
pub fn judge_alone(ledger: &Ledger, order: &Order, request: &Request, findings: &mut Findings) {
    use OrderStatus::{Cancelled, Shipped};
    let Some(status) = order.status else { return };
    let detail = match request.refused {
        None if caused(request, order) => return,
        Some(Refusal::UnknownOrder) if may_have_come_first(ledger, request, order) => return,
        None => format!("neither refused nor the cause of {status}"),
        Some(Refusal::UnknownOrder) => "the order was known".to_owned(),
        // Its cause may have come before.
        Some(_) if matches!(status, Cancelled | Shipped) => return,
        Some(_) => match untrue(ledger, order, request, status) {
            Some(detail) => detail,
            None => return,
        },
    };
    add(findings, missing_or_wrong(request), request, &detail);
}

/// The requests of one order, in the order of their offsets.
fn judge_order(ledger: &Ledger, order: &Order, requests: &[&Request], findings: &mut Findings) {
    let Some(status) = order.status else { return };
    let mut cause = None;
    for request in requests {
        let before = is_before(request, order);
        let invariant = missing_or_wrong(request);
        let detail = match request.refused {
            Some(Refusal::UnknownOrder) if may_have_come_first(ledger, request, order) => continue,
            Some(Refusal::UnknownOrder) => "the order was known".to_owned(),
            None if forgotten(ledger, request) && !caused(request, order) => continue,
            _ if before => "the order was not known yet".to_owned(),
            None if cause.is_none() && causes(request, status) => {
                cause = Some(*request);
                continue;
            }
            None => format!("neither refused nor the cause of {status}"),
            Some(_) if cause.is_some() => continue,
            Some(_) => match untrue(ledger, order, request, status) {
                Some(detail) if !caused_elsewhere(requests, request, status) => detail,
                _ => continue,
            },
        };
        add(findings, invariant, request, &detail);
    }
    if let Some(Ask::Cancel(_, detail) | Ask::Ship(_, detail)) = cause.map(|cause| cause.ask)
        && detail != order.detail
    {
        findings.add(Invariant::StatusReason, || Sample {
            id: order.id.to_string(),
            place: Some(order.place()),
            detail: format!("{status} in other words than it was asked for"),
        });
    }
}

/// Whether it certainly came before its order.
fn is_before(request: &Request, order: &Order) -> bool {
    request.place.partition == order.partition && request.place < order.place()
}

/// From another partition it may have overtaken its order, unless that was settled long
/// before.
fn may_have_come_first(ledger: &Ledger, request: &Request, order: &Order) -> bool {
    if request.place.partition == order.partition {
        return is_before(request, order);
    }
    let decided_us = ledger.settled.of(order.id);
    !decided_us.is_some_and(|at_us| settled::was_known(request, at_us))
}

/// Why its refusal cannot be true, when no request had an effect before it.
fn untrue(
    ledger: &Ledger,
    order: &Order,
    request: &Request,
    status: OrderStatus,
) -> Option<String> {
    if had_to_succeed(request, status) {
        return Some(format!("refused, but the order was not final before; it is {status}"));
    }
    let decided_us = ledger.settled.of(order.id)?;
    let own = request.place.partition == order.partition;
    (own && settled::bore(request, status, decided_us)).then(|| {
        let when = if status == OrderStatus::PaymentFailed { "after" } else { "before" };
        format!("refused, but its payment was decided {when} that; the order is {status}")
    })
}

/// Whether a request in another partition did it. Which of the two came first is not
/// in the log: when partitions are added, an order's key may move to a lower one.
fn caused_elsewhere(requests: &[&Request], request: &Request, status: OrderStatus) -> bool {
    requests.iter().any(|other| {
        let elsewhere = other.place.partition != request.place.partition;
        elsewhere && other.refused.is_none() && causes(other, status)
    })
}

fn causes(request: &Request, status: OrderStatus) -> bool {
    match request.ask {
        Ask::Cancel(..) => status == OrderStatus::Cancelled,
        Ask::Ship(..) => status == OrderStatus::Shipped,
        Ask::Adjust(..) => false,
    }
}

/// Whether it asks for the very words that the order has.
fn caused(request: &Request, order: &Order) -> bool {
    let (Ask::Cancel(_, detail) | Ask::Ship(_, detail)) = request.ask else { return false };
    detail == order.detail && order.status.is_some_and(|status| causes(request, status))
}

/// Whether a refusal of it may have been there and removed.
fn forgotten(ledger: &Ledger, request: &Request) -> bool {
    request.refused.is_none() && ledger.may_be_forgotten(request.logged_s)
}

/// An order that ends so was reserved or paid until its cause: a cancellation
/// that came before it was legal.
fn had_to_succeed(request: &Request, status: OrderStatus) -> bool {
    use OrderStatus::{Cancelled, Paid, Reserved, Shipped};
    matches!(request.ask, Ask::Cancel(..))
        && matches!(status, Reserved | Paid | Shipped | Cancelled)
}

/// Orders that are cancelled or shipped without a request that did it.
fn judge_uncaused(
    ledger: &Ledger,
    of_orders: &[(u32, crate::place::Place, usize)],
    whole: impl Fn(u32) -> bool,
    findings: &mut Findings,
) {
    let caused = |number: u32, status: OrderStatus| {
        let first = of_orders.partition_point(|r| r.0 < number);
        let requests = of_orders[first..].iter().take_while(|r| r.0 == number);
        requests
            .map(|r| &ledger.requests.items()[r.2])
            .any(|request| request.refused.is_none() && causes(request, status))
    };
    for (number, order) in (0..).zip(ledger.orders.items()) {
        let Some(status @ (OrderStatus::Cancelled | OrderStatus::Shipped)) = order.status else {
            continue;
        };
        if whole(number) && !caused(number, status) {
            findings.add(Invariant::StatusWithoutRequest, || Sample {
                id: order.id.to_string(),
                place: Some(order.place()),
                detail: format!("{status}, but no request for it had an effect"),
            });
        }
    }
}

fn missing_or_wrong(request: &Request) -> Invariant {
    match request.refused {
        None => Invariant::RefusedEventMissing,
        Some(_) => Invariant::RefusedEventUnexpected,
    }
}

fn add(findings: &mut Findings, invariant: Invariant, request: &Request, detail: &str) {
    findings.add(invariant, || Sample {
        id: request.id.to_string(),
        place: Some(request.place),
        detail: detail.to_owned(),
    });
}
