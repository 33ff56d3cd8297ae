//! Decides what a reader sees: which inline styles hide an element, and which buttons are content.

use crate::extract::dom::doc::{Id, Node};
use crate::extract::dom::tag::Tag;

/// Words of a button that is a question or a heading.
const BUTTON_WORDS: usize = 4;

/// Returns `true` if a button holds content: the heading of a part that unfolds, the name of a tab, or a
/// card with blocks of its own.
///
/// `around` gives the tags of the elements around it, from the inside out.
pub(super) fn names_content<T: Iterator<Item = Tag>>(
    nodes: &[Node<'_>],
    button: Id,
    around: impl Fn() -> T,
) -> bool {
    let element = &nodes[button];
    if around().any(|it| matches!(it, Tag::Nav | Tag::Form)) {
        return false;
    }
    let parent = around().next().unwrap_or(Tag::Other);
    if parent.level().is_some() || matches!(parent, Tag::Dt | Tag::Summary) {
        return true;
    }
    if element.attr("role") == Some("tab") {
        return true;
    }
    let inside = || &nodes[button + 1..element.end];
    if inside().iter().any(|it| it.tag == Tag::P || it.tag.level().is_some()) {
        return true;
    }
    let unfolds =
        element.attr("aria-expanded").is_some() || element.attr("aria-controls").is_some();
    unfolds && !around().any(|it| it == Tag::Header) && {
        let text: String = inside().iter().filter_map(Node::own_text).collect();
        text.trim_end().ends_with(['?', '？']) || text.split_whitespace().count() >= BUTTON_WORDS
    }
}

/// Pixels outside the window at which no reader sees a text.
const OFF_SCREEN: i64 = -900;

/// Returns `true` if an inline style hides an element: it is not displayed, has no size, or stands outside
/// the window. An element that fades in is transparent only at first.
pub(super) fn style_hides(style: &str, unless: Styled<'_, '_>) -> bool {
    let mut found = StyleFacts::default();
    for (name, value) in style.split(';').filter_map(|it| it.split_once(':')) {
        found.read(&name.trim().to_ascii_lowercase(), &value.trim().to_ascii_lowercase());
    }
    found.hides()
        || found.tiny && !unless.is_resized()
        || found.transparent && !found.moves && !unless.fades_in()
}

/// Nodes of an element that are looked at.
const MAX_NODES: usize = 2_000;
/// Bytes of a text that is hidden by being transparent.
const TRANSPARENT: usize = 400;

/// An element with a style that seems to hide it.
#[derive(Clone, Copy)]
pub(super) struct Styled<'n, 'a> {
    pub(super) nodes: &'n [Node<'a>],
    pub(super) id: Id,
}

impl<'n, 'a> Styled<'n, 'a> {
    /// Returns the nodes in the element.
    fn inside(self) -> impl Iterator<Item = &'n Node<'a>> {
        self.nodes[self.id + 1..self.nodes[self.id].end].iter().take(MAX_NODES)
    }

    /// Returns `true` if an element inside sets a font size of its own, or shows an image. Mails take the
    /// gaps between elements away like this.
    fn is_resized(self) -> bool {
        let resizes = |it: &Node<'_>| it.attr("style").is_some_and(|it| it.contains("font-size"));
        self.inside().any(|it| it.tag == Tag::Img || resizes(it))
    }

    /// Returns `true` if a script seems to show the element later: it has data for scripts, or it holds a
    /// part of the page.
    fn fades_in(self) -> bool {
        let scripted = self.nodes[self.id].attrs().any(|(name, value)| {
            let shows = ["anim", "fade", "reveal", "show"].iter().any(|it| value.contains(it));
            name.starts_with("data-") || name == "class" && shows
        });
        let texts = || self.inside().filter_map(Node::own_text);
        scripted
            || self.inside().any(|it| it.tag.is_block())
            || texts().map(str::len).sum::<usize>() > TRANSPARENT
    }
}

/// The declarations of an inline style that can hide an element together.
#[derive(Default)]
struct StyleFacts {
    gone: bool,
    tiny: bool,
    transparent: bool,
    moves: bool,
    flat: bool,
    clips: bool,
    cut: bool,
    placed: bool,
    outside: bool,
}

impl StyleFacts {
    fn read(&mut self, name: &str, value: &str) {
        let value = value.split('!').next().unwrap_or_default().trim();
        let first = value.split(' ').next().unwrap_or_default();
        let zero = || {
            let digits = first.trim_end_matches(|it: char| it.is_ascii_alphabetic() || it == '%');
            digits.parse::<f32>().is_ok_and(|it| it.abs() < f32::EPSILON)
        };
        let far = || {
            let digits: String =
                first.chars().take_while(|it| *it == '-' || it.is_ascii_digit()).collect();
            digits.parse::<i64>().is_ok_and(|it| it <= OFF_SCREEN)
        };
        match name {
            "display" => self.gone |= first == "none",
            "visibility" => self.gone |= first == "hidden",
            "font-size" => self.tiny |= zero(),
            "clip-path" => self.gone |= matches!(value, "inset(100%)" | "inset(50%)"),
            "clip" => {
                let sides = value.trim_start_matches("rect(").trim_end_matches(')');
                let mut sides = sides.split([',', ' ']).filter(|it| !it.is_empty());
                let is_point = |it: &str| matches!(it, "0" | "0px" | "1px");
                self.cut |= value.starts_with("rect(") && sides.all(is_point);
            }
            "opacity" => self.transparent |= zero(),
            "transform" | "transition" | "animation" | "animation-name" | "will-change"
            | "filter" => self.moves = true,
            "height" | "width" | "max-height" | "max-width" => self.flat |= zero(),
            "overflow" | "overflow-x" | "overflow-y" => self.clips |= first == "hidden",
            "position" => self.placed |= matches!(first, "absolute" | "fixed"),
            "left" | "top" | "right" => self.outside |= far(),
            "text-indent" => self.gone |= far(),
            _ => {}
        }
    }

    fn hides(&self) -> bool {
        self.gone || self.flat && self.clips && !self.moves || self.placed && self.outside
    }
}
