//! Values under a budget: the ones used longest ago make room for new ones.

use std::collections::HashMap;
use std::hash::Hash;

/// A map whose values have sizes that add up to at most a budget.
#[derive(Debug)]
pub(crate) struct Budgeted<K, V> {
    size_max: u64,
    size: u64,
    uses: u64,
    entries: HashMap<K, Entry<V>>,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    size: u64,
    last_use: u64,
}

impl<K: Hash + Eq + Clone, V: Clone> Budgeted<K, V> {
    /// An empty map for values of at most `size_max` in all.
    pub(crate) fn new(size_max: u64) -> Self {
        Self { size_max, size: 0, uses: 0, entries: HashMap::new() }
    }

    /// The value of `key`, which becomes the one used last.
    pub(crate) fn get(&mut self, key: &K) -> Option<V> {
        self.uses += 1;
        let entry = self.entries.get_mut(key)?;
        entry.last_use = self.uses;
        Some(entry.value.clone())
    }

    /// Keeps `value`, unless it alone exceeds the budget.
    pub(crate) fn insert(&mut self, key: K, value: V, size: u64) {
        self.remove(&key);
        if size > self.size_max {
            return;
        }
        while self.size_max - self.size < size && self.evict() {}
        self.uses += 1;
        self.size += size;
        self.entries.insert(key, Entry { value, size, last_use: self.uses });
    }

    /// Drops every value.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.size = 0;
    }

    /// Drops the value used longest ago. Returns whether there was one.
    fn evict(&mut self) -> bool {
        let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.last_use);
        let Some(key) = oldest.map(|(key, _)| key.clone()) else { return false };
        self.remove(&key);
        true
    }

    fn remove(&mut self, key: &K) {
        if let Some(entry) = self.entries.remove(key) {
            self.size -= entry.size;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_used_longest_ago_makes_room() {
        let mut kept = Budgeted::new(10);
        kept.insert("a", 1, 4);
        kept.insert("b", 2, 4);
        kept.get(&"a");
        kept.insert("c", 3, 4);
        assert_eq!((kept.get(&"a"), kept.get(&"b"), kept.get(&"c")), (Some(1), None, Some(3)));
    }

    #[test]
    fn one_large_value_evicts_many_small_ones() {
        let mut kept = Budgeted::new(10);
        for key in 0..5 {
            kept.insert(key, key, 2);
        }
        kept.insert(9, 9, 9);
        assert_eq!((kept.size, kept.entries.len()), (9, 1));
    }

    #[test]
    fn a_value_beyond_the_budget_is_not_kept_and_evicts_nothing() {
        let mut kept = Budgeted::new(10);
        kept.insert("a", 1, 10);
        kept.insert("b", 2, 11);
        assert_eq!((kept.get(&"a"), kept.get(&"b")), (Some(1), None));
    }

    #[test]
    fn a_replaced_value_is_counted_once() {
        let mut kept = Budgeted::new(10);
        kept.insert("a", 1, 6);
        kept.insert("a", 2, 6);
        assert_eq!((kept.get(&"a"), kept.size), (Some(2), 6));
    }
}
