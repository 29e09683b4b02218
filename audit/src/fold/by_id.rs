//! Millions of things found by id, packed: five bytes of index an item.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use uuid::Uuid;

/// A thing with an id.
pub trait Identified {
    /// Its id.
    fn id(&self) -> Uuid;
}

/// Items in the order of their arrival, each id once.
#[derive(Debug)]
pub struct ById<T> {
    index: HashTable<u32>,
    items: Vec<T>,
    state: FixedState,
}

impl<T: Identified> ById<T> {
    /// Room for so many; what is not used costs address space, not memory.
    pub fn with_capacity(items: usize) -> Self {
        let (index, state) = (HashTable::new(), FixedState::with_seed(1));
        Self { index, items: Vec::with_capacity(items), state }
    }

    /// The number of the item with that id.
    pub fn find(&self, id: Uuid) -> Option<u32> {
        let hash = self.state.hash_one(id.as_u128());
        self.index.find(hash, |n| self.items[*n as usize].id() == id).copied()
    }

    /// Adds an item whose id is not there yet, and gives its number.
    pub fn add(&mut self, item: T) -> u32 {
        // Four thousand million items are far beyond the memory of a machine.
        let number = u32::try_from(self.items.len()).unwrap_or(u32::MAX);
        let hash_of = |item: &T| self.state.hash_one(item.id().as_u128());
        let hash = hash_of(&item);
        self.items.push(item);
        self.index.insert_unique(hash, number, |n| hash_of(&self.items[*n as usize]));
        number
    }

    /// The item with that number.
    pub fn get(&self, number: u32) -> &T {
        &self.items[number as usize]
    }

    /// The item with that number, to be changed; its id stays.
    pub fn get_mut(&mut self, number: u32) -> &mut T {
        &mut self.items[number as usize]
    }

    /// Puts another item in the place of one with the same id.
    pub fn replace(&mut self, number: u32, item: T) {
        self.items[number as usize] = item;
    }

    /// All items.
    pub fn items(&self) -> &[T] {
        &self.items
    }
}

/// Texts that stand for themselves as small numbers.
#[derive(Default, Debug)]
pub struct Names {
    index: HashTable<u32>,
    names: Vec<Box<str>>,
    state: FixedState,
}

impl Names {
    /// The number of a text, given to it when it is new.
    pub fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.find(name) {
            return number;
        }
        let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.names.push(name.into());
        let hash = self.state.hash_one(name);
        let rehash = |n: &u32| self.state.hash_one(&*self.names[*n as usize]);
        self.index.insert_unique(hash, number, rehash);
        number
    }

    /// The number of a text that was seen before.
    pub fn find(&self, name: &str) -> Option<u32> {
        let hash = self.state.hash_one(name);
        self.index.find(hash, |n| *self.names[*n as usize] == *name).copied()
    }

    /// The text of a number.
    pub fn name(&self, number: u32) -> &str {
        &self.names[number as usize]
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Identified for Uuid {
        fn id(&self) -> Uuid {
            *self
        }
    }

    #[test]
    fn what_was_added_is_found_by_its_id() {
        let mut items = ById::with_capacity(0);
        for n in 0..10_000 {
            assert_eq!(items.add(Uuid::from_u128(n * 7)), u32::try_from(n).unwrap());
        }
        assert_eq!(items.find(Uuid::from_u128(7 * 9_999)), Some(9_999));
        assert_eq!(items.find(Uuid::from_u128(8)), None);
        assert_eq!(*items.get(3), Uuid::from_u128(21));
    }

    #[test]
    fn a_name_has_one_number() {
        let mut names = Names::default();
        let (a, b) = (names.number("a"), names.number("b"));
        assert_ne!(a, b);
        assert_eq!((names.number("a"), names.find("b"), names.find("c")), (a, Some(b), None));
        assert_eq!((names.name(b), names.len()), ("b", 2));
    }
}
