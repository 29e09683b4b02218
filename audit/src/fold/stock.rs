//! The table `stock` against adjustments and orders.

use super::ledger::Ledger;
use super::totals::{Pieces, Totals};
use crate::findings::{Findings, Sample};
use crate::invariants::Invariant;

/// A row.
#[derive(Debug)]
#[expect(missing_docs, reason = "the columns of the table")]
pub struct Row<'a> {
    pub sku: &'a str,
    pub available: i64,
    pub reserved: i64,
    pub sold: i64,
    pub received: i64,
}

/// The rows seen so far.
#[derive(Debug)]
pub struct Shelves {
    seen: Vec<bool>,
}

impl Shelves {
    /// Before the first row.
    pub fn new(ledger: &Ledger) -> Self {
        Self { seen: vec![false; ledger.skus.len()] }
    }

    /// Judges one row.
    pub fn judge(
        &mut self,
        ledger: &Ledger,
        totals: &Totals,
        row: &Row<'_>,
        findings: &mut Findings,
    ) {
        let known = ledger.skus.find(row.sku).filter(|sku| totals.pieces(*sku).stocked);
        let Some(sku) = known else {
            let detail = format!("{} received, but no adjustment says so", row.received);
            return findings.add(Invariant::StockUnexpected, || sample(row.sku, detail));
        };
        self.seen[sku as usize] = true;
        if let Some(detail) = imbalance(row, totals.pieces(sku)) {
            findings.add(Invariant::StockConservation, || sample(row.sku, detail));
        }
    }

    /// After the last row: products without one.
    pub fn judge_missing(&self, ledger: &Ledger, totals: &Totals, findings: &mut Findings) {
        for (sku, seen) in (0..).zip(&self.seen) {
            let pieces = totals.pieces(sku);
            if pieces.stocked && !seen {
                let detail = format!("{} received, but there is no row", pieces.received);
                findings.add(Invariant::StockMissing, || sample(ledger.skus.name(sku), detail));
            }
        }
    }
}

fn imbalance(row: &Row<'_>, pieces: Pieces) -> Option<String> {
    let possible = pieces.received..=pieces.received - pieces.doubtful;
    let received = i128::from(row.received).clamp(*possible.start(), *possible.end());
    let available = received - pieces.reserved - pieces.sold;
    let wrong: Vec<_> = [
        ("received", row.received, received),
        ("reserved", row.reserved, pieces.reserved),
        ("sold", row.sold, pieces.sold),
        ("available", row.available, available),
    ]
    .into_iter()
    .filter(|(_, is, should)| i128::from(*is) != *should)
    .map(|(what, is, should)| format!("{what} is {is}, should be {should}"))
    .collect();
    if wrong.is_empty() && available < 0 {
        return Some(format!("available is {available}"));
    }
    (!wrong.is_empty()).then(|| wrong.join("; "))
}

fn sample(sku: &str, detail: String) -> Sample {
    Sample { id: sku.to_owned(), place: None, detail }
}
