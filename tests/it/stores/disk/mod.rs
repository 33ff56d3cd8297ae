//! What disks do: they fill up, lose the end of a file, change bytes, and are taken away. The store
//! says so, and nothing is acknowledged or shown that is not there.

mod damage;
mod full;
mod removed;
