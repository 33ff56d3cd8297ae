//! Compression of result bodies.

use std::fmt;
use std::io;
use std::sync::{Mutex, PoisonError};

use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::get_frame_content_size;

/// The compression level: the fastest, because bodies are read a few times and removed after a day.
const LEVEL: i32 = 1;

/// The largest body that is written or read, in bytes: 1 GiB.
const MAX_BODY: u64 = 1 << 30;

/// Compressors and decompressors that are not in use. A new one allocates several hundred kilobytes.
#[derive(Default)]
pub(super) struct BodyCodec {
    compressors: Mutex<Vec<Compressor<'static>>>,
    decompressors: Mutex<Vec<Decompressor<'static>>>,
}

impl fmt::Debug for BodyCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BodyCodec")
    }
}

impl BodyCodec {
    /// The most of each kind that are kept.
    const MAX_IDLE: usize = 4;

    /// Compresses a body of at most 1 GiB.
    pub(super) fn compress(&self, body: &[u8]) -> io::Result<Vec<u8>> {
        if body.len() as u64 > MAX_BODY {
            let what = "a body exceeds 1 GiB: lower `max_response_bytes`";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        with_idle(&self.compressors, || Compressor::new(LEVEL), |it| it.compress(body))
    }

    /// Decompresses a body, which contains its own length.
    pub(super) fn decompress(&self, compressed: &[u8]) -> io::Result<Vec<u8>> {
        let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what);
        let length = get_frame_content_size(compressed).ok().flatten();
        let length = length.ok_or_else(|| invalid("a body without a length"))?;
        let capacity = usize::try_from(length).ok().filter(|_| length <= MAX_BODY);
        let capacity = capacity.ok_or_else(|| invalid("a body over 1 GiB"))?;
        with_idle(&self.decompressors, Decompressor::new, |it| it.decompress(compressed, capacity))
    }
}

/// Runs `work` with an idle context, or with a new one.
fn with_idle<C>(
    idle: &Mutex<Vec<C>>,
    new: impl FnOnce() -> io::Result<C>,
    work: impl FnOnce(&mut C) -> io::Result<Vec<u8>>,
) -> io::Result<Vec<u8>> {
    let lock = || idle.lock().unwrap_or_else(PoisonError::into_inner);
    let found = lock().pop();
    let mut context = found.map_or_else(new, Ok)?;
    let made = work(&mut context)?;
    let mut idle = lock();
    if idle.len() < BodyCodec::MAX_IDLE {
        idle.push(context);
    }
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_reads_back_as_it_was_written() {
        let codec = BodyCodec::default();
        let large = vec![7; 300_000];
        for body in [&b""[..], b"text", &large] {
            let compressed = codec.compress(body).expect("compressed");

            assert_eq!(codec.decompress(&compressed).expect("readable"), body);
        }
    }

    #[test]
    fn a_body_that_could_not_be_read_is_not_written() {
        // Zeros that nothing reads take no memory.
        let body = vec![0; usize::try_from(MAX_BODY).expect("64 bits") + 1];

        let refused = BodyCodec::default().compress(&body).expect_err("too large");

        assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn no_bytes_that_are_not_a_body_panic() {
        let codec = BodyCodec::default();
        let compressed = codec.compress(&[7; 3_000]).expect("compressed");

        for end in 0..compressed.len() {
            assert!(codec.decompress(&compressed[..end]).is_err(), "{end}");
        }
        assert!(codec.decompress(b"no frame of zstd").is_err());
    }
}
