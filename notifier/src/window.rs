//! The ids last seen in one partition, bounded: what makes a second copy of an
//! event visible. Ids are kept as 64-bit hashes with a seed of this process; at
//! 200,000 ids one event in 10^14 is taken for another.

use std::collections::{HashSet, VecDeque};
use std::hash::BuildHasher;

use foldhash::fast::{FixedState, RandomState};

/// A first-in, first-out set of ids.
pub struct Window {
    hasher: RandomState,
    order: VecDeque<u64>,
    // The members are hashes already; hashing them again costs next to nothing.
    members: HashSet<u64, FixedState>,
    capacity: usize,
}

impl Window {
    /// An empty window over the last `capacity` distinct ids.
    pub fn new(capacity: usize) -> Self {
        Self {
            hasher: RandomState::default(),
            order: VecDeque::new(),
            members: HashSet::default(),
            capacity,
        }
    }

    /// Notes an id; false when it was noted before and is still in the window.
    pub fn insert(&mut self, id: &[u8]) -> bool {
        let hash = self.hasher.hash_one(id);
        if !self.members.insert(hash) {
            return false;
        }
        self.order.push_back(hash);
        if self.order.len() > self.capacity
            && let Some(oldest) = self.order.pop_front()
        {
            self.members.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_new_once_as_long_as_it_is_in_the_window() {
        let mut window = Window::new(2);
        assert!(window.insert(b"a"));
        assert!(!window.insert(b"a"));
        assert!(window.insert(b"b"));
        assert!(window.insert(b"c"), "which pushes a out");
        assert!(!window.insert(b"b"));
        assert!(window.insert(b"a"), "forgotten, hence new");
    }

    #[test]
    fn a_window_never_outgrows_its_capacity() {
        let mut window = Window::new(100);
        for n in 0..10_000_u32 {
            window.insert(&n.to_be_bytes());
        }
        assert_eq!((window.order.len(), window.members.len()), (100, 100));
    }
}
