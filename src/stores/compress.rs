//! Compression of result bodies.

use std::fmt;
use std::io;
use std::sync::{Mutex, PoisonError};

use zstd::bulk::Compressor;

/// The compression level: the fastest, because bodies are read a few times and removed after a day.
const LEVEL: i32 = 1;

/// Compressors that are not in use. A new one allocates several hundred kilobytes.
#[derive(Default)]
pub(super) struct Compressors(Mutex<Vec<Compressor<'static>>>);

impl fmt::Debug for Compressors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Compressors")
    }
}

impl Compressors {
    /// The most that are kept.
    const MAX_IDLE: usize = 4;

    pub(super) fn compress(&self, body: &[u8]) -> io::Result<Vec<u8>> {
        let idle = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut compressor = idle.map_or_else(|| Compressor::new(LEVEL), Ok)?;
        let compressed = compressor.compress(body)?;
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < Self::MAX_IDLE {
            idle.push(compressor);
        }
        Ok(compressed)
    }
}
