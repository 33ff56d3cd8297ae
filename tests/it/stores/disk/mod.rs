//! Disk faults: a full disk, a truncated file, changed bytes and a removed directory. The store reports each, and
//! neither acknowledges nor returns data that is not there.

mod damage;
mod full;
pub(crate) mod removed;
