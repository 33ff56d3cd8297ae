//! What the program says: a table of words with their places.

use crate::ports::fetch::{OcrText, OcrWord};

/// The level of a row that is a word; the others are the boxes around words.
const WORD: &str = "5";

/// Page, block, paragraph and line of a word.
type Place<'a> = [&'a str; 4];

/// Reads the table. The text is put together from the words as the program itself would: a line a
/// line, and an empty one between paragraphs. A row that is none is passed over.
pub(super) fn read(table: &str) -> OcrText {
    let mut read = OcrText::default();
    let mut last: Option<Place<'_>> = None;
    for (place, word) in table.lines().filter_map(row) {
        read.text.push_str(match last {
            None => "",
            Some(last) if last == place => " ",
            Some(last) if last[..3] == place[..3] => "\n",
            Some(_) => "\n\n",
        });
        read.text.push_str(&word.text);
        read.words.push(word);
        last = Some(place);
    }
    read
}

fn row(line: &str) -> Option<(Place<'_>, OcrWord)> {
    let fields: Vec<&str> = line.splitn(12, '\t').collect();
    let [level, page, block, paragraph, in_line, _, left, top, width, height, sure, text] =
        fields.try_into().ok()?;
    let text = text.trim();
    if level != WORD || text.is_empty() {
        return None;
    }
    let side = |it: &str| it.parse().ok();
    let confidence: f32 = sure.parse().ok()?;
    let word = OcrWord {
        text: text.to_owned(),
        bbox: [side(left)?, side(top)?, side(width)?, side(height)?],
        confidence: if confidence.is_nan() { 0.0 } else { confidence.clamp(0.0, 100.0) },
    };
    Some(([page, block, paragraph, in_line], word))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\t\
        height\tconf\ttext\n";

    #[test]
    fn words_lines_and_paragraphs_are_kept_apart() {
        let rows = "1\t1\t0\t0\t0\t0\t0\t0\t9\t9\t-1\t\n\
            5\t1\t1\t1\t1\t1\t1\t2\t3\t4\t95.5\tOne\n\
            5\t1\t1\t1\t1\t2\t5\t2\t3\t4\t101\ttwo\n\
            5\t1\t1\t1\t2\t1\t1\t8\t3\t4\t90\tthree\n\
            5\t1\t1\t1\t2\t2\t1\t8\t3\t4\t90\t \n\
            5\t1\t1\t2\t1\t1\t1\t9\t3\t4\t90\tfour\n\
            5\t2\t1\t1\t1\t1\t1\t2\t3\t4\t90\tfive\n";

        let read = read(&format!("{HEAD}{rows}"));

        assert_eq!(read.text, "One two\nthree\n\nfour\n\nfive");
        assert_eq!(read.words.len(), 5);
        assert_eq!(read.words[0].bbox, [1, 2, 3, 4]);
        assert!(read.words.iter().all(|it| (90.0..=100.0).contains(&it.confidence)));
    }

    #[test]
    fn what_is_no_row_is_passed_over() {
        for it in ["", HEAD, "5\t1", "5\t1\t1\t1\t1\t1\t-1\t2\t3\t4\t9\tx", "5\t1\t1\t1\t1\t1\t1"] {
            assert_eq!(read(it), OcrText::default(), "{it}");
        }
        let unsure = read("5\t1\t1\t1\t1\t1\t1\t2\t3\t4\tNaN\tx");
        assert_eq!(unsure.words.iter().map(|it| it.confidence).collect::<Vec<_>>(), [0.0]);
    }
}
