//! How text is laid out on an image.

/// How text is laid out on an image: Tesseract's page segmentation modes that read text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Layout {
    /// Found by the program, whichever way up the page is (1).
    AnyWayUp,
    /// Found by the program (3).
    #[default]
    Auto,
    /// One column of text of different sizes (4).
    Column,
    /// One block of vertical text (5).
    VerticalBlock,
    /// One block of text (6).
    Block,
    /// One line (7).
    Line,
    /// One word (8).
    Word,
    /// One word in a circle (9).
    CircledWord,
    /// One symbol (10).
    Symbol,
    /// As much text as there is, in no order (11).
    Sparse,
    /// The same, whichever way up the page is (12).
    SparseAnyWayUp,
    /// One line, taken as it is (13).
    RawLine,
}

impl Layout {
    /// The one that Tesseract's `--psm` knows by this number, if it reads text.
    pub fn from_number(number: u64) -> Option<Self> {
        Some(match number {
            1 => Self::AnyWayUp,
            3 => Self::Auto,
            4 => Self::Column,
            5 => Self::VerticalBlock,
            6 => Self::Block,
            7 => Self::Line,
            8 => Self::Word,
            9 => Self::CircledWord,
            10 => Self::Symbol,
            11 => Self::Sparse,
            12 => Self::SparseAnyWayUp,
            13 => Self::RawLine,
            _ => return None,
        })
    }

    pub(super) fn as_argument(self) -> &'static str {
        match self {
            Self::AnyWayUp => "1",
            Self::Auto => "3",
            Self::Column => "4",
            Self::VerticalBlock => "5",
            Self::Block => "6",
            Self::Line => "7",
            Self::Word => "8",
            Self::CircledWord => "9",
            Self::Symbol => "10",
            Self::Sparse => "11",
            Self::SparseAnyWayUp => "12",
            Self::RawLine => "13",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_that_reads_text_is_its_own_argument() {
        for number in 0..20 {
            let reads = (1..=13).contains(&number) && number != 2;
            let layout = Layout::from_number(number);
            assert_eq!(layout.map(Layout::as_argument), reads.then_some(&*number.to_string()));
        }
    }
}
