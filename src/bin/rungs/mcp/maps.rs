//! The lists of recent maps, so that the rest of a long list costs nothing.
//!
//! The REST API returns a map once and keeps none. This process keeps the newest lists, within a number and a size.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// Maximum number of lists.
const MAX_MAPS: usize = 64;
/// Maximum size of all lists together in bytes.
const MAX_BYTES: usize = 32 * 1_048_576;
/// Maximum size of one list in bytes.
const MAX_LIST_BYTES: usize = 8 * 1_048_576;

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
    /// Keeps a list, and drops old ones beyond the limits: the oldest of the key that has the most, so that no key can
    /// drop the lists of others. A list that is too large by itself is cut.
    pub(super) fn keep(&self, list: SiteList) -> Arc<SiteList> {
        let list = Arc::new(list.cut());
        let mut lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        lists.push_back(Arc::clone(&list));
        while let Some(victim) = victim(&lists) {
            lists.remove(victim);
        }
        list
    }

    /// Finds a list of this key.
    pub(super) fn find(&self, key: &str, id: &str) -> Option<Arc<SiteList>> {
        let lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        lists.iter().find(|it| it.id == id && it.key == key).cloned()
    }
}

impl SiteList {
    /// Cuts the list after the last line within the limit of its size.
    fn cut(mut self) -> Self {
        if self.text.len() > MAX_LIST_BYTES {
            let most = self.text.floor_char_boundary(MAX_LIST_BYTES);
            let end = self.text[..most].rfind('\n').map_or(most, |it| it + 1);
            self.text.truncate(end);
            self.head.push(format!(
                "warning: the list is cut after {} MiB: map a part of the site with `include_patterns`",
                MAX_LIST_BYTES >> 20
            ));
        }
        self
    }
}

/// Returns the position of the list to drop, if the lists exceed a limit. The newest one is never dropped.
fn victim(lists: &VecDeque<Arc<SiteList>>) -> Option<usize> {
    let size: fn(&SiteList) -> usize = if lists.len() > MAX_MAPS {
        |_| 1
    } else if lists.iter().map(|it| it.text.len()).sum::<usize>() > MAX_BYTES {
        |it| it.text.len()
    } else {
        return None;
    };
    let of_key =
        |key: &str| -> usize { lists.iter().filter(|it| it.key == key).map(|it| size(it)).sum() };
    let older = lists.len().saturating_sub(1);
    // Of several that are equal, the first is the oldest.
    (0..older).max_by_key(|at| (of_key(&lists[*at].key), older - at))
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

        for id in 1_000..1_004 {
            maps.keep(list("a", id, MAX_LIST_BYTES));
        }

        assert!(maps.find("a", "64").is_none() && maps.find("a", "1000").is_some());
    }

    #[test]
    fn a_key_drops_no_list_of_another_one() {
        let maps = Maps::default();
        maps.keep(list("b", 1, 10));
        for id in 0..=MAX_MAPS {
            maps.keep(list("a", id, MAX_LIST_BYTES));
        }

        assert!(maps.find("b", "1").is_some());
        assert!(maps.find("a", "64").is_some() && maps.find("a", "60").is_none());
    }

    #[test]
    fn a_list_that_is_too_large_is_cut_after_a_line() {
        let maps = Maps::default();
        let long = SiteList { text: "https://example.com/\n".repeat(500_000), ..list("a", 1, 0) };

        let kept = maps.keep(long);

        assert!(kept.text.len() <= MAX_LIST_BYTES && kept.text.ends_with("/\n"));
        assert!(
            kept.head[0].starts_with("warning: the list is cut after 8 MiB"),
            "{:?}",
            kept.head
        );
        assert!(maps.find("a", "1").is_some());
    }
}
