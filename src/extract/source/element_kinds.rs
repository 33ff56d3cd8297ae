//! The sets of elements that [`bounded`](super::bound::bounded) tells apart.

/// The longest of the names below.
const LONGEST: usize = 10;

/// The sets that an element belongs to, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kinds(u16);

impl Kinds {
    const NONE: Self = Self(0);
    /// An element without content.
    pub(super) const VOID: Self = Self(1);
    /// An element whose content is text without tags.
    pub(super) const RAW: Self = Self(1 << 1);
    /// An element that the parser opens again in the next block. `a` is not among them: a second one closes the first.
    pub(super) const FORMATTING: Self = Self(1 << 2);
    /// An element that an end tag cannot close from inside.
    pub(super) const WALL: Self = Self(1 << 3);
    /// An element whose content is not HTML.
    pub(super) const FOREIGN: Self = Self(1 << 4);
    /// `plaintext`, which nothing ends.
    pub(super) const PLAINTEXT: Self = Self(1 << 5);
    /// A block, which ends a paragraph.
    const BLOCK: Self = Self(1 << 6);
    const PARAGRAPH: Self = Self(1 << 7);
    const ITEM: Self = Self(1 << 8);
    const TERM: Self = Self(1 << 9);
    const CELL: Self = Self(1 << 10);
    const ROW: Self = Self(1 << 11);
    const OPTION: Self = Self(1 << 12);

    /// Returns the sets of the element with this name, in any case.
    pub(super) fn of(name: &str) -> Self {
        let mut lower = [0; LONGEST];
        let Some(lower) = lower.get_mut(..name.len()) else { return Self::NONE };
        lower.copy_from_slice(name.as_bytes());
        lower.make_ascii_lowercase();
        match &*lower {
            b"area" | b"base" | b"br" | b"col" | b"embed" | b"hr" | b"img" | b"input" | b"link"
            | b"meta" | b"param" | b"source" | b"track" | b"wbr" => Self::VOID,
            b"iframe" | b"noembed" | b"noframes" | b"noscript" | b"script" | b"style"
            | b"textarea" | b"title" | b"xmp" => Self::RAW,
            b"b" | b"big" | b"code" | b"em" | b"font" | b"i" | b"s" | b"small" | b"strike"
            | b"strong" | b"tt" | b"u" => Self::FORMATTING,
            b"applet" | b"button" | b"caption" | b"marquee" | b"object" | b"select" | b"table" => {
                Self::WALL
            }
            b"td" | b"th" => Self::WALL.and(Self::CELL),
            b"tr" => Self::ROW,
            b"li" => Self::ITEM,
            b"dd" | b"dt" => Self::TERM,
            b"option" => Self::OPTION,
            b"p" => Self::BLOCK.and(Self::PARAGRAPH),
            b"address" | b"article" | b"aside" | b"blockquote" | b"details" | b"div" | b"dl"
            | b"fieldset" | b"figure" | b"footer" | b"form" | b"h1" | b"h2" | b"h3" | b"h4"
            | b"h5" | b"h6" | b"header" | b"main" | b"nav" | b"ol" | b"pre" | b"section"
            | b"ul" => Self::BLOCK,
            b"math" | b"svg" => Self::FOREIGN,
            b"plaintext" => Self::PLAINTEXT,
            _ => Self::NONE,
        }
    }

    const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns `true` if the two have a set in common.
    pub(super) const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Returns the sets of elements that an element inside them ends without an end tag.
    pub(super) fn ended_by(self) -> Self {
        const ENDED: [(Kinds, Kinds); 6] = [
            (Kinds::ITEM, Kinds::PARAGRAPH.and(Kinds::ITEM)),
            (Kinds::TERM, Kinds::PARAGRAPH.and(Kinds::TERM)),
            (Kinds::CELL, Kinds::PARAGRAPH.and(Kinds::CELL)),
            (Kinds::ROW, Kinds::PARAGRAPH.and(Kinds::CELL).and(Kinds::ROW)),
            (Kinds::OPTION, Kinds::OPTION),
            (Kinds::BLOCK, Kinds::PARAGRAPH),
        ];
        ENDED.iter().find(|(begins, _)| self.has(*begins)).map_or(Self::NONE, |(_, ends)| *ends)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_known_in_any_case_and_only_whole() {
        assert_eq!(Kinds::of("SCRIPT"), Kinds::RAW);
        assert_eq!(Kinds::of("Blockquote"), Kinds::BLOCK);
        for other in ["", "scrip", "scripts", "blockquotes", "custom-element", "\u{e9}"] {
            assert_eq!(Kinds::of(other), Kinds::NONE, "{other}");
        }
    }

    #[test]
    fn a_row_ends_the_cells_and_the_paragraph_before_it() {
        let ended = Kinds::of("tr").ended_by();

        for (name, ends) in [("td", true), ("th", true), ("tr", true), ("p", true), ("li", false)] {
            assert_eq!(Kinds::of(name).has(ended), ends, "{name}");
        }
    }
}
