//! What the broker has said of one parcel.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::Notify;

/// Acknowledgements of one parcel.
#[derive(Debug)]
pub struct Receipt {
    /// The client that its parcel was given to.
    generation: u64,
    missing: AtomicUsize,
    failed: AtomicBool,
    wake: Arc<Notify>,
}

/// What became of a parcel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Delivery {
    UnderWay,
    Acknowledged,
    Failed,
}

impl Receipt {
    pub(super) fn new(records: usize, generation: u64, wake: Arc<Notify>) -> Arc<Self> {
        let missing = AtomicUsize::new(records);
        Arc::new(Self { generation, missing, failed: AtomicBool::new(false), wake })
    }

    /// Which client its parcel is for; another one must not take it, for what came
    /// before it would come behind.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    pub(super) fn delivery(&self) -> Delivery {
        if self.failed.load(Ordering::Acquire) {
            Delivery::Failed
        } else if self.missing.load(Ordering::Acquire) == 0 {
            Delivery::Acknowledged
        } else {
            Delivery::UnderWay
        }
    }

    /// The broker has one more record of the parcel.
    pub fn acknowledge(&self) {
        if self.missing.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.wake.notify_one();
        }
    }

    /// Part of the parcel was not delivered, or nobody knows: all of it is sent
    /// again.
    pub fn fail(&self) {
        self.failed.store(true, Ordering::Release);
        self.wake.notify_one();
    }
}
