//! One id in several partitions: whichever record was processed first may stand, which
//! the tables name.

use uuid::Uuid;

use super::ledger::Ledger;
use crate::place::Place;

impl Ledger {
    /// Lets the record at `place` be the one that made the order, when it may
    /// have been the first.
    pub fn adopt_order(&mut self, number: u32, place: Place) -> bool {
        let id = self.orders.get(number).id;
        let mut rivals = self.rival_orders.get_mut(&id).into_iter().flatten();
        let Some(rival) = rivals.find(|rival| rival.place() == place) else { return false };
        let first = self.orders.get_mut(number);
        std::mem::swap(first, rival);
        first.processed = rival.processed;
        self.repeats.remove(&place);
        let (place, body, logged_s) = (rival.place(), rival.body, rival.logged_s);
        self.repeat(id, place, body, logged_s);
        true
    }

    /// The same for a request.
    pub fn adopt_request(&mut self, number: u32, place: Place) -> bool {
        let id = self.requests.get(number).id;
        let mut rivals = self.rival_requests.get_mut(&id).into_iter().flatten();
        let Some(rival) = rivals.find(|rival| rival.place == place) else { return false };
        std::mem::swap(self.requests.get_mut(number), rival);
        self.repeats.remove(&place);
        let (place, body, logged_s) = (rival.place, rival.body, rival.logged_s);
        self.repeat(id, place, body, logged_s);
        true
    }

    /// Forgets repetitions from other partitions.
    pub(super) fn forget_rivals(&mut self) {
        self.rival_orders.clear();
        self.rival_requests.clear();
    }

    /// Whether a record at `place` repeats that event from another partition.
    pub fn has_rival(&self, id: Uuid, place: Place) -> bool {
        let mut orders = self.rival_orders.get(&id).into_iter().flatten();
        let mut requests = self.rival_requests.get(&id).into_iter().flatten();
        orders.any(|rival| rival.place() == place) || requests.any(|rival| rival.place == place)
    }
}
