//! The lists of recent maps, so that the rest of a long list costs nothing.
//!
//! The REST API returns a map once and keeps none. This process keeps the newest lists, within a number and a size.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// Maximum number of lists.
const MAX_MAPS: usize = 64;
/// Maximum size of all lists together in bytes.
const MAX_BYTES: usize = 32 * 1_048_576;

/// A list of URLs as text, and what precedes it in every part.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SiteList {
    /// Name of the API key that may read the list.
    pub(super) key: String,
    pub(super) id: String,
    /// Lines before the list.
    pub(super) head: Vec<String>,
    /// The URLs, one per line.
    pub(super) text: String,
}

/// The newest lists, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Maps {
    lists: Mutex<VecDeque<Arc<SiteList>>>,
}

impl Maps {
    /// Keeps a list, and drops the oldest ones beyond the limits.
    pub(super) fn keep(&self, list: SiteList) -> Arc<SiteList> {
        let list = Arc::new(list);
        let mut lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        lists.push_back(Arc::clone(&list));
        while lists.len() > MAX_MAPS
            || lists.iter().map(|it| it.text.len()).sum::<usize>() > MAX_BYTES
        {
            lists.pop_front();
        }
        list
    }

    /// Finds a list of this key.
    pub(super) fn find(&self, key: &str, id: &str) -> Option<Arc<SiteList>> {
        let lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        lists.iter().find(|it| it.id == id && it.key == key).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(key: &str, id: usize, bytes: usize) -> SiteList {
        let text = "x".repeat(bytes);
        SiteList { key: key.to_owned(), id: id.to_string(), head: Vec::new(), text }
    }

    #[test]
    fn a_list_is_found_by_its_own_key_only() {
        let maps = Maps::default();
        maps.keep(list("a", 1, 10));

        assert!(maps.find("a", "1").is_some());
        assert!(maps.find("b", "1").is_none());
        assert!(maps.find("a", "2").is_none());
    }

    #[test]
    fn the_oldest_lists_are_dropped() {
        let maps = Maps::default();
        for id in 0..=MAX_MAPS {
            maps.keep(list("a", id, 1));
        }
        assert!(maps.find("a", "0").is_none() && maps.find("a", "1").is_some());

        maps.keep(list("a", 1_000, MAX_BYTES));

        assert!(maps.find("a", "64").is_none() && maps.find("a", "1000").is_some());
        maps.keep(list("a", 1_001, MAX_BYTES + 1));
        assert!(maps.find("a", "1001").is_none(), "one list alone is too large");
    }
}
