//! Tesseract's page segmentation modes.

use std::fmt;

/// Layout of the text on an image: Tesseract's page segmentation modes that read text, by Tesseract's names.
///
/// # Example
///
/// ```
/// use rungs::fetch::ocr::PageSegmentation;
///
/// let mode = PageSegmentation::from_psm(11);
/// assert_eq!(mode, Some(PageSegmentation::SparseText));
/// assert_eq!(PageSegmentation::SparseText.to_string(), "sparse_text");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PageSegmentation {
    /// Automatic, with detection of orientation and script (`--psm 1`).
    AutoOsd,
    /// Automatic (`--psm 3`).
    #[default]
    Auto,
    /// One column of text of different sizes (`--psm 4`).
    SingleColumn,
    /// One block of vertical text (`--psm 5`).
    SingleBlockVertical,
    /// One block of text (`--psm 6`).
    SingleBlock,
    /// One line (`--psm 7`).
    SingleLine,
    /// One word (`--psm 8`).
    SingleWord,
    /// One word in a circle (`--psm 9`).
    CircleWord,
    /// One character (`--psm 10`).
    SingleChar,
    /// As much text as possible in no particular order (`--psm 11`).
    SparseText,
    /// Sparse text, with detection of orientation and script (`--psm 12`).
    SparseTextOsd,
    /// One line, without Tesseract's own corrections (`--psm 13`).
    RawLine,
}

/// Each mode with its `--psm` number and its name.
const MODES: [(PageSegmentation, &str, &str); 12] = [
    (PageSegmentation::AutoOsd, "1", "auto_osd"),
    (PageSegmentation::Auto, "3", "auto"),
    (PageSegmentation::SingleColumn, "4", "single_column"),
    (PageSegmentation::SingleBlockVertical, "5", "single_block_vertical"),
    (PageSegmentation::SingleBlock, "6", "single_block"),
    (PageSegmentation::SingleLine, "7", "single_line"),
    (PageSegmentation::SingleWord, "8", "single_word"),
    (PageSegmentation::CircleWord, "9", "circle_word"),
    (PageSegmentation::SingleChar, "10", "single_char"),
    (PageSegmentation::SparseText, "11", "sparse_text"),
    (PageSegmentation::SparseTextOsd, "12", "sparse_text_osd"),
    (PageSegmentation::RawLine, "13", "raw_line"),
];

impl PageSegmentation {
    /// Returns the mode with this `--psm` number, or `None` if that mode reads no text.
    pub fn from_psm(number: u64) -> Option<Self> {
        let number = number.to_string();
        MODES.iter().find(|(_, psm, _)| *psm == number).map(|(mode, ..)| *mode)
    }

    /// Returns the `--psm` number as text.
    pub(super) fn psm(self) -> &'static str {
        self.row().1
    }

    /// Returns the mode's name, such as `sparse_text`.
    pub fn as_str(self) -> &'static str {
        self.row().2
    }

    fn row(self) -> &'static (Self, &'static str, &'static str) {
        MODES.iter().find(|(mode, ..)| *mode == self).expect("every mode has a row")
    }
}

impl fmt::Display for PageSegmentation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_of_a_mode_that_reads_text_is_its_own_argument() {
        for number in 0..20 {
            let reads_text = (1..=13).contains(&number) && number != 2;
            let mode = PageSegmentation::from_psm(number);
            assert_eq!(mode.map(PageSegmentation::psm), reads_text.then_some(&*number.to_string()));
        }
    }
}
