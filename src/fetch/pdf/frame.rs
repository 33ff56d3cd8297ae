//! What the reading process and its parent say to each other.
//!
//! The parent gives a [`Task`] in the environment and the document on standard input. The child
//! answers in frames on standard output: a kind, a length, and so many bytes.

use serde::{Deserialize, Serialize};

/// What the child is asked to do, and within which bounds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Task {
    /// What the child says first, to show that it is one.
    pub(super) token: String,
    /// Bytes of address space.
    pub(super) memory: u64,
    /// Milliseconds after which no further page is begun.
    pub(super) millis: u64,
    /// Pages read at most.
    pub(super) max_pages: usize,
    /// Whether the images of pages without text are wanted.
    pub(super) wants_images: bool,
}

/// One thing that the child says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Frame {
    /// It is the reader; it limits itself next, and reads only then.
    Ready { token: String },
    /// The document opened.
    About(About),
    /// The next page.
    Sheet(Sheet),
    /// An image of a page without text.
    #[serde(skip)]
    Image { page: usize, bytes: Vec<u8> },
    /// There is no document to read, and why.
    Flaw(Flaw),
    /// The time is up before the last page.
    Late,
    /// That was all.
    End,
}

/// A document's word on itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct About {
    pub(super) pages: usize,
    pub(super) title: Option<String>,
    pub(super) author: Option<String>,
    pub(super) created: Option<String>,
    pub(super) modified: Option<String>,
}

/// One page.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Sheet {
    pub(super) blocks: Vec<Block>,
    pub(super) links: Vec<String>,
    pub(super) has_images: bool,
    /// The library gave up on it.
    pub(super) is_broken: bool,
    /// It has more letters than are read.
    pub(super) was_cut: bool,
    /// Some of its letters are only known by their number in their font.
    pub(super) was_guessed: bool,
}

/// A part of a page that reads as one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Block {
    /// Lines of one paragraph, heading or item of a list.
    Lines { lines: Vec<String>, size: f64, is_bold: bool },
    /// Rows of cells.
    Table { rows: Vec<Vec<String>> },
}

/// Why nothing could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Flaw {
    /// It opens with a password only.
    Password,
    /// It is encrypted in a way that is not known.
    Encryption,
    /// It is no PDF, or too damaged to find its pages.
    NoDocument,
    /// The library gave up on it.
    Panic,
}

const TOLD: u8 = b'{';
const IMAGE: u8 = b'#';
/// Bytes of a kind and a length.
pub(super) const HEAD: usize = 5;

impl Frame {
    /// The frame as it goes through the pipe.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let (kind, body) = match self {
            Self::Image { page, bytes } => {
                let page = u32::try_from(*page).unwrap_or(u32::MAX);
                (IMAGE, [&page.to_le_bytes(), bytes.as_slice()].concat())
            }
            told => (TOLD, serde_json::to_vec(told).expect("a frame is plain data")),
        };
        let length = u32::try_from(body.len()).expect("a frame is bounded by what a page may hold");
        let mut out = vec![kind];
        out.extend(length.to_le_bytes());
        out.extend(body);
        out
    }

    /// How many bytes follow this head.
    pub(super) fn length(head: [u8; HEAD]) -> u64 {
        let [_, length @ ..] = head;
        u64::from(u32::from_le_bytes(length))
    }

    /// The frame with this head and body; none if it is no frame.
    pub(super) fn parse(head: [u8; HEAD], body: &[u8]) -> Option<Self> {
        match head[0] {
            TOLD => serde_json::from_slice(body).ok(),
            IMAGE => {
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
    fn frames_come_through_as_they_were() {
        let lines = vec!["Bread".to_owned()];
        let block = Block::Lines { lines, size: 12.5, is_bold: true };
        let frames = [
            Frame::Ready { token: "t".to_owned() },
            Frame::Sheet(Sheet { blocks: vec![block], ..Sheet::default() }),
            Frame::Image { page: 3, bytes: b"II*\0".to_vec() },
            Frame::Flaw(Flaw::Password),
        ];

        for frame in frames {
            let bytes = frame.bytes();
            let (head, body) = bytes.split_first_chunk().expect("a head");
            assert_eq!(Frame::length(*head), body.len() as u64);
            assert_eq!(Frame::parse(*head, body), Some(frame));
        }
    }

    #[test]
    fn what_is_no_frame_is_none() {
        assert_eq!(Frame::parse(*b"?\0\0\0\0", b""), None);
        assert_eq!(Frame::parse(*b"{\x02\0\0\0", b"no"), None);
        assert_eq!(Frame::parse(*b"#\x02\0\0\0", b"no"), None);
    }
}
