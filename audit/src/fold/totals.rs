//! What all orders and adjustments add up to: pieces per product, metrics.

use contract::OrderStatus;

use super::ledger::{Ask, Ledger};
use super::metrics::Metrics;

/// The sums.
#[derive(Debug)]
pub struct Totals {
    pieces: Vec<Pieces>,
    /// What `sales_metrics` should show.
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
        let mut pieces = vec![Pieces::default(); ledger.skus.len()];
        for request in ledger.requests.items().iter().filter(|request| request.refused.is_none()) {
            if let Ask::Adjust(sku, quantity) = request.ask {
                let pieces = &mut pieces[sku as usize];
                pieces.received += i128::from(quantity);
                pieces.stocked = true;
                if quantity < 0 && ledger.may_be_forgotten(request.logged_s) {
                    pieces.doubtful += i128::from(quantity);
                }
            }
        }
        let mut metrics = Metrics::default();
        for order in ledger.orders.items() {
            let Some(status) = order.status else { continue };
            metrics.add_order(order, status);
            if status == OrderStatus::Rejected {
                continue;
            }
            let sold = matches!(status, OrderStatus::Paid | OrderStatus::Shipped);
            for (sku, quantity) in ledger.lines.of(order.lines_at) {
                let pieces = &mut pieces[sku as usize];
                pieces.taken += i128::from(quantity);
                if sold {
                    pieces.sold += i128::from(quantity);
                } else if status == OrderStatus::Reserved {
                    pieces.reserved += i128::from(quantity);
                }
            }
        }
        for (sku, pieces) in (0..).zip(&pieces) {
            metrics.add_product(ledger.skus.name(sku), pieces.sold);
        }
        Self { pieces, metrics }
    }

    /// The pieces of a product.
    pub fn pieces(&self, sku: u32) -> Pieces {
        self.pieces.get(sku as usize).copied().unwrap_or_default()
    }
}
