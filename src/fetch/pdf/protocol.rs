//! The protocol between the reading process and its parent.
//!
//! The parent passes a [`ReadTask`] in the environment and the document on standard input. The child replies with
//! messages on standard output. Each has a kind (one byte), a length (four bytes, little-endian) and a body.

use serde::{Deserialize, Serialize};

/// The task of a reading process, with its limits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ReadTask {
    /// Random text that the child sends first, to prove that it is a reader.
    pub(super) token: String,
    /// Address space in bytes.
    pub(super) memory_bytes: u64,
    /// Milliseconds after which no further page is started.
    pub(super) millis: u64,
    /// Maximum number of pages to read.
    pub(super) max_pages: usize,
    /// Extract the images of pages without text.
    pub(super) wants_scans: bool,
}

/// A message from the child.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum ReaderMessage {
    /// The process is a reader. It limits itself next, and only then reads the document.
    Ready { token: String },
    /// The document was opened.
    Info(DocumentInfo),
    /// The next page.
    Page(PageContent),
    /// An image of a page without text, by the page's index from 0.
    #[serde(skip)]
    Image { page: usize, bytes: Vec<u8> },
    /// The document cannot be read.
    Unreadable(Unreadable),
    /// The time was up before the last page.
    TimedOut,
    /// All pages were sent.
    End,
}

/// A document's metadata and number of pages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct DocumentInfo {
    pub(super) pages: usize,
    /// The number of pages that the page tree announces, if the file is cut off.
    pub(super) announced_pages: Option<usize>,
    pub(super) title: Option<String>,
    pub(super) author: Option<String>,
    pub(super) created: Option<String>,
    pub(super) modified: Option<String>,
}

/// The content of one page.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct PageContent {
    pub(super) blocks: Vec<TextBlock>,
    pub(super) links: Vec<String>,
    pub(super) has_images: bool,
    /// The library failed on the page.
    pub(super) is_broken: bool,
    /// The page has more text than the limit.
    pub(super) is_truncated: bool,
    /// Some characters were guessed, because their fonts do not map them to Unicode.
    pub(super) is_guessed: bool,
}

/// A part of a page that is read as one unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum TextBlock {
    /// The lines of one paragraph, heading or list item, with their font size in points.
    Lines { lines: Vec<String>, size: f64, is_bold: bool },
    /// Rows of cells.
    Table { rows: Vec<Vec<String>> },
}

/// The reason why a document cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Unreadable {
    /// A password is needed.
    Password,
    /// The encryption is of an unsupported kind.
    Encryption,
    /// The document is not a PDF, or too damaged to find its pages.
    NoPages,
    /// The file ends before the first page that could be found.
    CutOff,
    /// The library panicked.
    Panic,
}

/// Kind of a message whose body is JSON.
const JSON_KIND: u8 = b'{';
/// Kind of a message whose body is a page index (four bytes) and an image.
const IMAGE_KIND: u8 = b'#';
/// Bytes of a message's kind and length.
pub(super) const HEADER_BYTES: usize = 5;

impl ReaderMessage {
    /// Encodes the message for the pipe.
    pub(super) fn encode(&self) -> Vec<u8> {
        let (kind, body) = match self {
            Self::Image { page, bytes } => {
                let page = u32::try_from(*page).unwrap_or(u32::MAX);
                (IMAGE_KIND, [&page.to_le_bytes(), bytes.as_slice()].concat())
            }
            message => (JSON_KIND, serde_json::to_vec(message).expect("a message is plain data")),
        };
        let length = u32::try_from(body.len()).expect("a page's content is limited");
        let mut encoded = vec![kind];
        encoded.extend(length.to_le_bytes());
        encoded.extend(body);
        encoded
    }

    /// Returns the length of the body that follows a header.
    pub(super) fn body_length(header: [u8; HEADER_BYTES]) -> u64 {
        let [_, length @ ..] = header;
        u64::from(u32::from_le_bytes(length))
    }

    /// Decodes a message; returns `None` if it is malformed.
    pub(super) fn decode(header: [u8; HEADER_BYTES], body: &[u8]) -> Option<Self> {
        match header[0] {
            JSON_KIND => serde_json::from_slice(body).ok(),
            IMAGE_KIND => {
                let (page, bytes) = body.split_first_chunk()?;
                let page = usize::try_from(u32::from_le_bytes(*page)).ok()?;
                Some(Self::Image { page, bytes: bytes.to_vec() })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoded_message_decodes_to_itself() {
        let lines = vec!["Bread".to_owned()];
        let block = TextBlock::Lines { lines, size: 12.5, is_bold: true };
        let messages = [
            ReaderMessage::Ready { token: "t".to_owned() },
            ReaderMessage::Page(PageContent { blocks: vec![block], ..PageContent::default() }),
            ReaderMessage::Image { page: 3, bytes: b"II*\0".to_vec() },
            ReaderMessage::Unreadable(Unreadable::Password),
        ];

        for message in messages {
            let encoded = message.encode();
            let (header, body) = encoded.split_first_chunk().expect("a header");
            assert_eq!(ReaderMessage::body_length(*header), body.len() as u64);
            assert_eq!(ReaderMessage::decode(*header, body), Some(message));
        }
    }

    #[test]
    fn a_malformed_message_does_not_decode() {
        assert_eq!(ReaderMessage::decode(*b"?\0\0\0\0", b""), None);
        assert_eq!(ReaderMessage::decode(*b"{\x02\0\0\0", b"no"), None);
        assert_eq!(ReaderMessage::decode(*b"#\x02\0\0\0", b"no"), None);
    }
}
