//! This process's executable, through Linux's `/proc`.

use std::ops::Range;
use std::os::linux::fs::MetadataExt;
use std::path::PathBuf;

/// Returns a path to the running executable that stays valid if its file is replaced or removed.
#[expect(clippy::unnecessary_wraps, reason = "other systems have to look it up")]
pub(in super::super) fn path() -> std::io::Result<PathBuf> {
    Ok(PathBuf::from("/proc/self/exe"))
}

/// Returns `true` if the address is mapped from the executable's file.
pub(super) fn contains(address: usize) -> bool {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let Ok(executable) = std::fs::metadata("/proc/self/exe") else { return false };
    maps.lines()
        .filter_map(parse_mapping)
        .any(|(range, inode)| range.contains(&address) && inode == executable.st_ino())
}

/// Parses a line `from-to permissions offset device inode path`.
fn parse_mapping(line: &str) -> Option<(Range<usize>, u64)> {
    let mut fields = line.split_whitespace();
    let (from, to) = fields.next()?.split_once('-')?;
    let range = usize::from_str_radix(from, 16).ok()?..usize::from_str_radix(to, 16).ok()?;
    Some((range, fields.nth(3)?.parse().ok()?))
}
