//! What all orders and adjustments add up to: pieces per product, metrics.

use contract::OrderStatus;

use super::by_id::Names;
use super::ledger::Ledger;
use super::metrics::{Expected, Metrics};
use super::order::Order;
use super::request::{Ask, Request};

/// The sums.
#[derive(Default, Debug)]
pub struct Totals {
    pieces: Vec<Pieces>,
    /// Counts and money.
    pub metrics: Metrics,
}

/// The pieces of one product.
#[derive(Clone, Copy, Default, Debug)]
pub struct Pieces {
    /// Accepted adjustments.
    pub received: i128,
    /// Corrections among them whose refusal may be forgotten: 0 or below.
    pub doubtful: i128,
    /// In orders that wait for their payment.
    pub reserved: i128,
    /// In orders that are paid or shipped.
    pub sold: i128,
    /// In orders that ever had them set aside.
    pub taken: i128,
    /// Whether there was any adjustment.
    pub stocked: bool,
}

impl Totals {
    /// Adds up, after orders, payments and refused events were read.
    pub fn of(ledger: &Ledger) -> Self {
        let mut totals = Self::default();
        for request in ledger.requests.items() {
            totals.adjust(request, ledger.may_be_forgotten(request.logged_s));
        }
        for order in ledger.orders.items() {
            let Some(status) = order.status else { continue };
            totals.count(order, status, order.reason, 1);
            totals.take(ledger, order, status);
        }
        totals
    }

    /// Adds an adjustment, unless it was refused; its refusal may be forgotten.
    pub fn adjust(&mut self, request: &Request, forgettable: bool) {
        let Ask::Adjust(sku, quantity) = request.ask else { return };
        if request.refused.is_some() {
            return;
        }
        let pieces = self.pieces_mut(sku);
        pieces.received += i128::from(quantity);
        pieces.stocked = true;
        if quantity < 0 && forgettable {
            pieces.doubtful += i128::from(quantity);
        }
    }

    /// Counts an order with this status in the metrics, or takes it out again (-1).
    pub fn count(&mut self, order: &Order, status: OrderStatus, reason: Option<u8>, sign: i128) {
        self.metrics.count(order, status, reason, sign);
    }

    /// Adds the pieces of an order that had none counted before.
    pub fn take(&mut self, ledger: &Ledger, order: &Order, status: OrderStatus) {
        if status == OrderStatus::Rejected {
            return;
        }
        for (sku, quantity) in ledger.lines.of(order.lines_at) {
            self.pieces_mut(sku).taken += i128::from(quantity);
        }
        self.hold(ledger, order, status, 1);
    }

    /// Adds the pieces that an order with this status holds, or takes them away (-1).
    pub fn hold(&mut self, ledger: &Ledger, order: &Order, status: OrderStatus, sign: i128) {
        use OrderStatus::{Paid, Reserved, Shipped};
        for (sku, quantity) in ledger.lines.of(order.lines_at) {
            let quantity = i128::from(quantity) * sign;
            let pieces = self.pieces_mut(sku);
            match status {
                Paid | Shipped => pieces.sold += quantity,
                Reserved => pieces.reserved += quantity,
                OrderStatus::Rejected | OrderStatus::PaymentFailed | OrderStatus::Cancelled => {}
            }
        }
    }

    /// What `sales_metrics` should show.
    pub fn expected(&self, skus: &Names) -> Expected {
        let sold = (0..).zip(&self.pieces).map(|(sku, pieces)| (skus.name(sku), pieces.sold));
        self.metrics.expected(sold)
    }

    /// The pieces of a product, to be changed.
    pub fn pieces_mut(&mut self, sku: u32) -> &mut Pieces {
        let sku = sku as usize;
        if self.pieces.len() <= sku {
            self.pieces.resize(sku + 1, Pieces::default());
        }
        &mut self.pieces[sku]
    }

    /// The pieces of a product.
    pub fn pieces(&self, sku: u32) -> Pieces {
        self.pieces.get(sku as usize).copied().unwrap_or_default()
    }
}
