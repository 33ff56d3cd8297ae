//! The program's output: a table of words with their positions.

use crate::ports::fetch::{OcrText, OcrWord};

/// Level of a row that is a word. The other levels are the boxes around words.
const WORD_LEVEL: &str = "5";

/// Page, block, paragraph and line of a word.
type LinePath<'a> = [&'a str; 4];

/// Parses the table. The text is assembled as the program itself would: lines by line breaks, paragraphs by an empty
/// line. Rows that cannot be parsed are skipped.
pub(super) fn parse(table: &str) -> OcrText {
    let mut parsed = OcrText::default();
    let mut last: Option<LinePath<'_>> = None;
    for (path, word) in table.lines().filter_map(parse_row) {
        parsed.text.push_str(match last {
            None => "",
            Some(last) if last == path => " ",
            Some(last) if last[..3] == path[..3] => "\n",
            Some(_) => "\n\n",
        });
        parsed.text.push_str(&word.text);
        parsed.words.push(word);
        last = Some(path);
    }
    parsed
}

fn parse_row(line: &str) -> Option<(LinePath<'_>, OcrWord)> {
    let fields: Vec<&str> = line.splitn(12, '\t').collect();
    let [level, page, block, paragraph, line, _, left, top, width, height, confidence, text] =
        fields.try_into().ok()?;
    let text = text.trim();
    if level != WORD_LEVEL || text.is_empty() {
        return None;
    }
    let pixels = |field: &str| field.parse().ok();
    let confidence: f32 = confidence.parse().ok()?;
    let word = OcrWord {
        text: text.to_owned(),
        bbox: [pixels(left)?, pixels(top)?, pixels(width)?, pixels(height)?],
        confidence: if confidence.is_nan() { 0.0 } else { confidence.clamp(0.0, 100.0) },
    };
    Some(([page, block, paragraph, line], word))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\t\
        height\tconf\ttext\n";

    #[test]
    fn words_lines_and_paragraphs_are_separated() {
        let rows = "1\t1\t0\t0\t0\t0\t0\t0\t9\t9\t-1\t\n\
            5\t1\t1\t1\t1\t1\t1\t2\t3\t4\t95.5\tOne\n\
            5\t1\t1\t1\t1\t2\t5\t2\t3\t4\t101\ttwo\n\
            5\t1\t1\t1\t2\t1\t1\t8\t3\t4\t90\tthree\n\
            5\t1\t1\t1\t2\t2\t1\t8\t3\t4\t90\t \n\
            5\t1\t1\t2\t1\t1\t1\t9\t3\t4\t90\tfour\n\
            5\t2\t1\t1\t1\t1\t1\t2\t3\t4\t90\tfive\n";

        let parsed = parse(&format!("{HEAD}{rows}"));

        assert_eq!(parsed.text, "One two\nthree\n\nfour\n\nfive");
        assert_eq!(parsed.words.len(), 5);
        assert_eq!(parsed.words[0].bbox, [1, 2, 3, 4]);
        assert!(parsed.words.iter().all(|word| (90.0..=100.0).contains(&word.confidence)));
    }

    #[test]
    fn a_malformed_row_is_skipped() {
        for table in
            ["", HEAD, "5\t1", "5\t1\t1\t1\t1\t1\t-1\t2\t3\t4\t9\tx", "5\t1\t1\t1\t1\t1\t1"]
        {
            assert_eq!(parse(table), OcrText::default(), "{table}");
        }
        let unsure = parse("5\t1\t1\t1\t1\t1\t1\t2\t3\t4\tNaN\tx");
        assert_eq!(unsure.words.iter().map(|word| word.confidence).collect::<Vec<_>>(), [0.0]);
    }
}
