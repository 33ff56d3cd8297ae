//! Reads the frames of a segment in order, as changes of the index.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

use crc32fast::Hasher;

use crate::stores::codec;

use super::frame::{BODY_HEAD, BodyHead, FrameKind, HEAD, Head, Place, read_write};
use super::index::{BodyEntry, Change, Entry, Span};
use super::segment::HEADER;

/// The bytes that are read at once.
const BUFFER: usize = 1 << 18;

/// Reads the frames of a segment file of `length` bytes and passes each change to `each`. Returns the end of the last
/// whole frame: what follows it was not written, or not completely.
pub(super) fn scan(
    file: File,
    place: Place,
    length: u64,
    each: &mut dyn FnMut(&Change<'_>),
) -> io::Result<u64> {
    let mut reader = BufReader::with_capacity(BUFFER, file);
    reader.seek(SeekFrom::Start(HEADER))?;
    let mut scan = Scan { reader, place: Place { offset: HEADER, ..place }, length };
    while let Some(end) = scan.frame(each)? {
        scan.place.offset = end;
    }
    Ok(scan.place.offset)
}

struct Scan {
    reader: BufReader<File>,
    /// The place of the next frame.
    place: Place,
    length: u64,
}

impl Scan {
    /// Reads one frame and returns its end, `None` if there is none.
    fn frame(&mut self, each: &mut dyn FnMut(&Change<'_>)) -> io::Result<Option<u64>> {
        let payload_at = self.place.offset + HEAD as u64;
        if payload_at > self.length || u32::try_from(self.length).is_err() {
            return Ok(None);
        }
        let mut bytes = [0; HEAD];
        self.reader.read_exact(&mut bytes)?;
        let Some(head) = Head::decode(&bytes, self.place) else { return Ok(None) };
        let end = payload_at + head.length as u64;
        // Before the payload is read, so that no more memory is taken than the file is long.
        if end > self.length {
            return Ok(None);
        }
        let is_whole = match head.kind {
            FrameKind::Commit => self.commit(&head, each)?,
            FrameKind::Body => self.body(&head, each)?,
            FrameKind::BodiesRemoved => self.bodies_removed(&head, each)?,
        };
        Ok(is_whole.then_some(end))
    }

    fn commit(&mut self, head: &Head, each: &mut dyn FnMut(&Change<'_>)) -> io::Result<bool> {
        let mut payload = vec![0; head.length];
        self.reader.read_exact(&mut payload)?;
        if !head.matches(&payload) {
            return Ok(false);
        }
        let mut at = 0;
        // A frame changes all or nothing.
        let mut changes = Vec::new();
        while at < payload.len() {
            let Some(write) = read_write(&payload[at..]) else { return Ok(false) };
            match write.value {
                None => changes.push(Change::Removed { key: write.key }),
                Some(value) => {
                    // A value of a later release is no torn frame.
                    let header = codec::header(value).map_err(io::Error::other)?;
                    let Some(span) = self.span(HEAD + at, write.length) else { return Ok(false) };
                    let entry = Entry { version: header.version, due: header.due, span };
                    changes.push(Change::Record { key: write.key, entry });
                }
            }
            at += write.length;
        }
        changes.iter().for_each(each);
        Ok(true)
    }

    fn body(&mut self, head: &Head, each: &mut dyn FnMut(&Change<'_>)) -> io::Result<bool> {
        let mut begin = [0; BODY_HEAD];
        let Some(mut left) = head.length.checked_sub(BODY_HEAD) else { return Ok(false) };
        self.reader.read_exact(&mut begin)?;
        let mut sum = Hasher::new();
        sum.update(&begin);
        while left > 0 {
            let buffer = self.reader.fill_buf_some()?;
            let taken = buffer.len().min(left);
            sum.update(&buffer[..taken]);
            io::BufRead::consume(&mut self.reader, taken);
            left -= taken;
        }
        let (true, Some(body)) = (head.sum == sum.finalize(), BodyHead::decode(&begin)) else {
            return Ok(false);
        };
        let Some(span) = self.span(0, HEAD + head.length) else { return Ok(false) };
        each(&Change::Body { batch: body.batch, entry: BodyEntry { number: body.number, span } });
        Ok(true)
    }

    fn bodies_removed(
        &mut self,
        head: &Head,
        each: &mut dyn FnMut(&Change<'_>),
    ) -> io::Result<bool> {
        let mut batch = [0; 16];
        if head.length != batch.len() {
            return Ok(false);
        }
        self.reader.read_exact(&mut batch)?;
        if !head.matches(&batch) {
            return Ok(false);
        }
        each(&Change::BodiesRemoved { batch });
        Ok(true)
    }

    /// Returns the span of `length` bytes that begins `at` bytes after the frame does.
    fn span(&self, at: usize, length: usize) -> Option<Span> {
        let offset = u32::try_from(self.place.offset + at as u64).ok()?;
        Some(Span { segment: self.place.segment, offset, length: u32::try_from(length).ok()? })
    }
}

/// Reads that must return something.
trait FillSome {
    fn fill_buf_some(&mut self) -> io::Result<&[u8]>;
}

impl FillSome for BufReader<File> {
    fn fill_buf_some(&mut self) -> io::Result<&[u8]> {
        let buffer = io::BufRead::fill_buf(self)?;
        if buffer.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(buffer)
    }
}
