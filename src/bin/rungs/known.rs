//! The content hashes of an earlier run, so that pages that still have them are not delivered again.

use std::collections::HashMap;
use std::fmt::Display;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use rungs::core::request::Item;
use rungs::service::wire::ResultLine;
use sha2::{Digest, Sha256};

use crate::error::{CliError, io_reason};
use crate::values;

/// Maximum size of a line in bytes, and so of what is in memory of the file.
const MAX_LINE_BYTES: u64 = 256 * 1_048_576;

/// The content hash of each page that an earlier run fetched, by its URL.
#[derive(Debug, Default)]
pub(crate) struct KnownPages {
    hashes: HashMap<String, String>,
    /// Number of results without a hash, such as those of pages that failed.
    without_hash: usize,
    /// Identifies the file, so that a run with a newer one is another run.
    digest: Vec<u8>,
}

impl KnownPages {
    /// Reads the results file of an earlier run.
    pub(crate) fn read(path: &Path) -> Result<Self, CliError> {
        let name = path.display();
        let unreadable = |error: std::io::Error| {
            let reason = io_reason(&error);
            CliError::Usage(format!("--unless-from: cannot read {name} ({reason}): check the path"))
        };
        let mut reader = BufReader::new(File::open(path).map_err(unreadable)?);
        let mut known = Self::default();
        let mut digest = Sha256::new();
        let mut line = Vec::new();
        for number in 1_usize.. {
            line.clear();
            let mut limited = reader.by_ref().take(MAX_LINE_BYTES);
            limited.read_until(b'\n', &mut line).map_err(unreadable)?;
            digest.update(&line);
            match known.add(&line) {
                Ok(()) => {}
                // A crash cut it off. The next run with this file as its output repairs it.
                Err(_) if is_cut_off(&line) => break,
                Err(reason) => {
                    let message = format!("--unless-from: {name}: line {number}: {reason}");
                    return Err(CliError::Usage(message));
                }
            }
            if line.is_empty() {
                break;
            }
        }
        known.digest = digest.finalize().to_vec();
        Ok(known)
    }

    /// Adds the page of a line, unless it has no hash.
    fn add(&mut self, line: &[u8]) -> Result<(), String> {
        if line.len() as u64 == MAX_LINE_BYTES && !line.ends_with(b"\n") {
            let most = MAX_LINE_BYTES >> 20;
            return Err(format!("exceeds {most} MiB: remove the line, its page is fetched then"));
        }
        if line.trim_ascii().is_empty() {
            return Ok(());
        }
        let earlier = ResultLine::parse(line).map_err(|error| not_a_result(&error))?;
        let url = earlier.url.as_deref().ok_or_else(|| not_a_result(&"it has no `url`"))?;
        let Some(hash) = earlier.content_hash() else {
            self.without_hash += 1;
            return Ok(());
        };
        let hash = values::content_hash(hash).map_err(|error| format!("content_hash: {error}"))?;
        self.hashes.insert(url.to_owned(), hash);
        Ok(())
    }

    /// Sets the hash that an item's page is known to have, unless the item names one itself. A page that is not known has
    /// an empty one, so that what the site needs for a conditional request is kept.
    pub(crate) fn set(&self, item: &mut Item) {
        let hash = &mut item.advanced.if_changed_since_hash;
        if hash.is_none() {
            *hash = Some(self.hashes.get(item.url.trim()).cloned().unwrap_or_default());
        }
    }

    /// Returns a value that identifies the file.
    pub(crate) fn digest(&self) -> &[u8] {
        &self.digest
    }

    /// Prints to standard error how many pages are known, and how many results could not be used.
    pub(crate) fn print_counts(&self) {
        let (known, without) = (self.hashes.len(), self.without_hash);
        eprintln!(
            "rungs: --unless-from: known pages: {known}, ignored results without a hash: {without}"
        );
    }
}

fn not_a_result(reason: &dyn Display) -> String {
    format!("not a result ({reason}): use a file that `rungs batch --out` wrote")
}

/// Returns `true` for the beginning of a result, after which the file ends.
fn is_cut_off(line: &[u8]) -> bool {
    (line.len() as u64) < MAX_LINE_BYTES && line.starts_with(b"{") && !line.ends_with(b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<KnownPages, String> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), text).expect("written");
        KnownPages::read(file.path()).map_err(|error| match error {
            CliError::Usage(message) | CliError::Failed(message) => message,
        })
    }

    fn line(url: &str, hash: &str) -> String {
        format!("{{\"url\":\"{url}\",\"result\":{{\"content_hash\":\"{hash}\",\"text\":\"x\"}}}}\n")
    }

    #[test]
    fn the_last_hash_of_a_url_counts() {
        let (old, new) = ("0a".repeat(32), "0b".repeat(32));
        let failed = "\n{\"url\":\"https://a.example/\",\"error\":\"TIMEOUT\"}\n";
        let url = "https://a.example/";

        let known = read(&[&line(url, &old), &line(url, &new), failed].concat()).expect("results");

        let hash_of = |mut item: Item| {
            known.set(&mut item);
            item.advanced.if_changed_since_hash.expect("a hash")
        };
        assert_eq!(hash_of(Item::get(url)), new);
        assert_eq!(hash_of(Item::get("https://b.example/")), "");
        assert_eq!(hash_of(Item::get(url).unless(&old)), old, "its own");
        assert_eq!(known.without_hash, 1);
    }

    #[test]
    fn a_wrong_line_is_named() {
        let good = line("https://a.example/", &"0a".repeat(32));

        assert!(read("https://a.example/").is_err(), "a list of URLs");
        for (wrong, reason) in [
            ("https://a.example/\n", "line 2: not a result"),
            ("{\"result\":null}\n", "line 2: not a result (it has no `url`)"),
            (&line("https://a.example/", "0a"), "line 2: content_hash: use the 64 hexadecimal"),
        ] {
            let error = read(&[&good, wrong, &good].concat()).expect_err("a wrong line");
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn a_line_that_a_crash_cut_off_is_ignored() {
        let good = line("https://a.example/", &"0a".repeat(32));

        let known = read(&[&good, &good[..20]].concat()).expect("results");

        assert_eq!((known.hashes.len(), known.without_hash), (1, 0));
        assert!(read("").expect("no results").hashes.is_empty());
    }
}
