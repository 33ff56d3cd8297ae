//! The files of the log and the positions in them.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::stores::{check_in_place, sync_dir};

use super::file::{read_at, write_at};
use super::frame::u32_at;

/// The bytes of a segment's header: magic (8), format (4), number (4), id of the store (8), length of the segment before
/// (4), and the CRC-32 of all that (4), little endian.
pub(super) const HEADER: u64 = HEADER_LENGTH as u64;
/// The same as the length of an array.
const HEADER_LENGTH: usize = 32;
const MAGIC: [u8; 8] = *b"rungslog";
/// The most bytes that are read at once.
const PART: usize = 1 << 20;
/// Zeros to write, which take no memory before they are read.
static ZEROS: [u8; 1 << 16] = [0; 1 << 16];
/// The format of segments that this release writes.
const FORMAT: u32 = 1;

/// A place in the log: the number of a segment and an offset in it. Later places are greater.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position(pub(super) u64);

impl Position {
    pub(super) fn new(segment: u32, offset: u32) -> Self {
        Self(u64::from(segment) << 32 | u64::from(offset))
    }

    pub(super) fn segment(self) -> u32 {
        u32::try_from(self.0 >> 32).unwrap_or(u32::MAX)
    }

    pub(super) fn offset(self) -> u64 {
        self.0 & u64::from(u32::MAX)
    }
}

/// An open file of the log.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) number: u32,
    /// The id of the store, which is part of every checksum.
    pub(super) store: u64,
    /// The length of the segment before, 0 for the first one. A segment that was cut between two frames looks whole.
    pub(super) length_before: u32,
    path: PathBuf,
    file: File,
}

impl Segment {
    /// Returns the path of the segment with this number.
    pub(super) fn path(dir: &Path, number: u32) -> PathBuf {
        dir.join(format!("{number:010}.log"))
    }

    /// Returns the path of the segment's checkpoint.
    pub(super) fn checkpoint_path(dir: &Path, number: u32) -> PathBuf {
        dir.join(format!("{number:010}.index"))
    }

    /// Creates a segment durably.
    pub(super) fn create(
        dir: &Path,
        number: u32,
        store: u64,
        length_before: u32,
    ) -> io::Result<Self> {
        let path = Self::path(dir, number);
        let file =
            File::options().create(true).truncate(true).read(true).write(true).open(&path)?;
        let made = write_at(&file, &header(number, store, length_before), 0)
            .and_then(|()| file.sync_all())
            .and_then(|()| sync_dir(dir));
        if let Err(error) = made {
            // If it stays, it is removed when the store is opened.
            let _ = fs::remove_file(&path);
            return Err(error);
        }
        Ok(Self { number, store, length_before, path, file })
    }

    /// Opens a segment, `None` if its header is not what was written.
    pub(super) fn open(dir: &Path, number: u32, store: u64) -> io::Result<Option<Self>> {
        let path = Self::path(dir, number);
        let file = File::options().read(true).write(true).open(&path)?;
        let mut found = [0; HEADER_LENGTH];
        match read_at(&file, &mut found, 0) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            read => read?,
        }
        let length_before = u32_at(&found, 24).unwrap_or_default();
        let is_ours = found == header(number, store, length_before);
        Ok(is_ours.then_some(Self { number, store, length_before, path, file }))
    }

    pub(super) fn length(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    pub(super) fn read(&self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        read_at(&self.file, &mut bytes, offset)?;
        Ok(bytes)
    }

    pub(super) fn write(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        write_at(&self.file, bytes, offset)
    }

    /// Writes zeros from `from` to `end`.
    pub(super) fn write_zeros(&self, from: u64, end: u64) -> io::Result<()> {
        let mut at = from;
        while at < end {
            let length = usize::try_from(end - at).unwrap_or(ZEROS.len()).min(ZEROS.len());
            self.write(&ZEROS[..length], at)?;
            at += length as u64;
        }
        Ok(())
    }

    /// Writes the bytes from `from` to `end` again, as they are.
    ///
    /// After a failed sync the system may keep bytes in its cache as if they were on disk, and then the next sync skips
    /// them.
    pub(super) fn write_again(&self, from: u64, end: u64) -> io::Result<()> {
        self.each_part(from, end, |bytes, at| self.write(bytes, at).map(|()| true)).map(drop)
    }

    /// Returns `true` if the bytes from `from` to `end` are zeros.
    pub(super) fn is_zero(&self, from: u64, end: u64) -> io::Result<bool> {
        self.each_part(from, end, |bytes, _| Ok(bytes.iter().all(|it| *it == 0)))
    }

    /// Reads the bytes from `from` to `end` in parts. Returns `false` as soon as `each` does.
    fn each_part(
        &self,
        from: u64,
        end: u64,
        mut each: impl FnMut(&[u8], u64) -> io::Result<bool>,
    ) -> io::Result<bool> {
        let mut at = from;
        while at < end {
            let length = usize::try_from(end - at).unwrap_or(PART).min(PART);
            let bytes = self.read(at, length)?;
            if !each(&bytes, at)? {
                return Ok(false);
            }
            at += bytes.len() as u64;
        }
        Ok(true)
    }

    /// Puts what was written on disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()?;
        self.check_in_place()
    }

    /// Checks that the file was neither removed nor replaced.
    pub(super) fn check_in_place(&self) -> io::Result<()> {
        check_in_place(&self.file, &self.path)
    }

    /// Drops everything behind `length` durably.
    pub(super) fn truncate(&self, length: u64) -> io::Result<()> {
        self.file.set_len(length)?;
        self.file.sync_all()
    }
}

fn header(number: u32, store: u64, length_before: u32) -> [u8; HEADER_LENGTH] {
    let mut bytes = [0; HEADER_LENGTH];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..12].copy_from_slice(&FORMAT.to_le_bytes());
    bytes[12..16].copy_from_slice(&number.to_le_bytes());
    bytes[16..24].copy_from_slice(&store.to_le_bytes());
    bytes[24..28].copy_from_slice(&length_before.to_le_bytes());
    let sum = crc32fast::hash(&bytes[..28]);
    bytes[28..].copy_from_slice(&sum.to_le_bytes());
    bytes
}

/// Returns the numbers of all segments, in order.
pub(super) fn numbers(dir: &Path) -> io::Result<Vec<u32>> {
    numbered(dir, ".log")
}

/// Returns the numbers of all files that are named by ten digits and `suffix`, in order. Other names belong to other
/// programs.
pub(super) fn numbered(dir: &Path, suffix: &str) -> io::Result<Vec<u32>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        let digits = name.to_str().and_then(|it| it.strip_suffix(suffix));
        let number = digits.and_then(|it| Some((it, it.parse::<u32>().ok()?)));
        found.extend(number.filter(|(it, number)| *it == format!("{number:010}")).map(|it| it.1));
    }
    found.sort_unstable();
    Ok(found)
}

/// Returns `true` if a file is named by ten digits and an extension, as the files of a store are.
pub(super) fn is_numbered(name: &str) -> bool {
    let (digits, rest) = name.split_at_checked(10).unwrap_or_default();
    digits.bytes().all(|it| it.is_ascii_digit()) && rest.starts_with('.')
}

/// Removes the segments above `last`, the one that is written to. Each is a header that could neither be completed nor
/// removed.
pub(super) fn remove_unfinished(dir: &Path, last: u32) -> io::Result<()> {
    let mut is_changed = false;
    for number in numbers(dir)?.into_iter().filter(|it| *it > last) {
        let found = Segment::path(dir, number).metadata()?;
        if found.is_file() && found.len() <= HEADER {
            remove(dir, number)?;
            is_changed = true;
        }
    }
    if is_changed { sync_dir(dir) } else { Ok(()) }
}

/// Returns the beginning of the first segment's header, which is the same in every store.
pub(super) fn first_header() -> [u8; 16] {
    let header = header(1, 0, 0);
    std::array::from_fn(|at| header[at])
}

/// Removes a segment and its checkpoint.
pub(super) fn remove(dir: &Path, number: u32) -> io::Result<()> {
    for path in [Segment::checkpoint_path(dir, number), Segment::path(dir, number)] {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}
