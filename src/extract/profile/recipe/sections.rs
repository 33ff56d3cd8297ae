//! Finds the ingredients and the steps that a recipe's page shows and its data lacks.

use crate::extract::dom::doc::{Doc, Id};
use crate::extract::dom::lines::{BOLD_LEVEL, TextLine, lines};
use crate::extract::dom::tag::Tag;
use crate::extract::vocabulary::{
    INGREDIENT_HEADINGS, RECIPE_ENDINGS, STEP_COUNTERS, STEP_HEADINGS,
};

use super::MAX_LINES;

/// Bytes of a line that may be a heading.
const HEADING: usize = 60;
/// Bytes of an ingredient.
const INGREDIENT: usize = 160;
/// Bytes of a line that may be a heading without any mark of one.
const SHORT_HEADING: usize = 24;
/// Bytes of an element that may hold a section.
const MIN_SECTION: usize = 20;
/// Bytes, words and letters of a line that is only an amount: `500 g`, `2 EL`.
const AMOUNT: usize = 14;
const AMOUNT_WORDS: usize = 2;
const AMOUNT_LETTERS: usize = 4;

// The numbers below rank the candidates of a page. They were tuned by hand on the recipes of
// docs/QUALITY.md, where the section of a page is known.

/// The factor by which a later candidate must be better: the first of equals is the one in the content.
const CLEARLY_BETTER: f64 = 1.15;
/// Lines that make a list of ingredients, and lines beyond which more do not count.
const FEWEST_INGREDIENTS: f64 = 2.0;
const MANY_INGREDIENTS: f64 = 40.0;
/// The weights of a line, and of a line in a list, beside 1 for a line that begins with an amount.
const PLAIN_INGREDIENT: f64 = 0.2;
const LISTED_INGREDIENT: f64 = 0.3;
/// Mean bytes of ingredients, and the factor for longer lines.
const SHORT_INGREDIENT: f64 = 80.0;
const LONG_INGREDIENTS: f64 = 0.2;
/// Mean bytes of steps, and the factor for shorter lines.
const LONG_STEP: f64 = 30.0;
const SHORT_STEPS: f64 = 0.3;
/// Bytes of steps beyond which more do not count.
const LONG_METHOD: f64 = 2_500.0;
/// Candidates that are read, and elements of one name that are.
const MAX_CANDIDATES: usize = 40;

/// A section of a recipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RecipeSection {
    /// The list of ingredients.
    Ingredients,
    /// The steps of the preparation.
    Steps,
}

/// Returns `true` if a heading names a section and hardly anything else.
pub(super) fn has_heading(doc: &Doc<'_>, section: RecipeSection) -> bool {
    (0..doc.len()).any(|it| {
        let node = doc.node(it);
        let heads =
            node.tag.level().is_some_and(|it| it > 1) || matches!(node.tag, Tag::B | Tag::Strong);
        heads
            && !node.hidden
            && (3..=SHORT_HEADING).contains(&node.text)
            && section.is_in(&doc.folded_text(it))
    })
}

impl RecipeSection {
    /// Returns the names of its property in schema.org.
    const fn properties(self) -> &'static [&'static str] {
        match self {
            Self::Ingredients => &["recipeIngredient", "ingredients"],
            Self::Steps => &["recipeInstructions", "instructions"],
        }
    }

    const fn words(self) -> &'static [&'static str] {
        match self {
            Self::Ingredients => INGREDIENT_HEADINGS,
            Self::Steps => STEP_HEADINGS,
        }
    }

    fn is_in(self, text: &str) -> bool {
        let text = text.to_lowercase().replace('’', "'");
        self.words().iter().any(|it| text.contains(it))
    }

    /// Returns `true` if a line is the heading of the section.
    fn begins(self, line: &TextLine) -> bool {
        let other = if self == Self::Steps { Self::Ingredients } else { Self::Steps };
        line.text.len() <= HEADING
            && !line.linked
            && (line.level.is_some()
                || line.text.ends_with(':')
                || line.text.len() <= SHORT_HEADING)
            && self.is_in(&line.text)
            && (line.level.is_some() || !other.is_in(&line.text))
    }
}

/// Returns the lines of a section that the page marks as a property, for items whose value has run them
/// into one.
pub(super) fn marked_up(doc: &Doc<'_>, section: RecipeSection) -> Vec<String> {
    let is = |id: Id| {
        let marks = doc.node(id).marks;
        let of = |name| doc.attr(id, name).unwrap_or_default();
        let (own, rdfa) = (of("itemprop"), of("property"));
        (marks.property || marks.rdfa_property)
            && doc.tag(id) != Tag::Meta
            && own
                .split_whitespace()
                .chain(rdfa.split_whitespace().filter_map(|it| it.rsplit(':').next()))
                .any(|it| section.properties().contains(&it))
    };
    let (mut out, mut at) = (Vec::new(), 0);
    while at < doc.len() {
        if is(at) {
            out.extend(lines(doc, at, doc.end(at)));
            at = doc.end(at);
        } else {
            at += 1;
        }
    }
    texts(doc, out, section)
}

/// Returns the section as the page shows it: behind its heading, or in an element named after it.
pub(super) fn visible(doc: &Doc<'_>, section: RecipeSection) -> Vec<String> {
    let body = doc.body();
    let all = lines(doc, body, doc.end(body));
    let named = elements_named(doc, section).map(|it| {
        let inside = all.iter().filter(|line| (it..doc.end(it)).contains(&line.at));
        let inside: Vec<TextLine> = inside.cloned().collect();
        let begin = inside.iter().position(|it| section.begins(it));
        lines_behind(inside.get(begin.map_or(0, |it| it + 1)..).unwrap_or_default(), None, section)
    });
    let headed =
        all.iter().enumerate().filter(|it| section.begins(it.1)).map(|(at, line)| {
            lines_behind(all.get(at + 1..).unwrap_or_default(), line.level, section)
        });
    let candidates = named.chain(headed.take(MAX_CANDIDATES)).filter(|it| !it.is_empty());
    let mut best: Option<(f64, Vec<TextLine>)> = None;
    for candidate in candidates {
        let score = score(&candidate, section);
        // The first of equals is the one in the content.
        if score > best.as_ref().map_or(0.0, |it| it.0 * CLEARLY_BETTER) {
            best = Some((score, candidate));
        }
    }
    texts(doc, best.map(|it| it.1).unwrap_or_default(), section)
}

/// Returns the elements with a class, id or property named after a section, outer before inner.
fn elements_named(doc: &Doc<'_>, section: RecipeSection) -> impl Iterator<Item = Id> {
    let named = move |id: Id| {
        let node = doc.node(id);
        node.tag != Tag::Text
            && !matches!(node.tag, Tag::Body | Tag::Html)
            && node.text >= MIN_SECTION
            && doc.attrs(id).any(|(name, value)| {
                matches!(name, "class" | "id" | "itemprop") && section.is_in(value)
            })
    };
    (0..doc.len()).filter(move |it| named(*it)).take(MAX_CANDIDATES)
}

/// Returns the lines that belong to a heading, from the line behind it on.
fn lines_behind(all: &[TextLine], level: Option<usize>, section: RecipeSection) -> Vec<TextLine> {
    let mut found: Vec<TextLine> = Vec::new();
    for (at, line) in all.iter().enumerate() {
        if found.len() >= MAX_LINES || ends(line, all.get(at + 1), level, section) {
            break;
        }
        let grows =
            section == RecipeSection::Ingredients && line.text.len() > INGREDIENT && !line.listed;
        if grows && !found.is_empty() {
            break;
        }
        if line.level.is_none() && !grows {
            found.push(line.clone());
        }
    }
    // Beside a list there may be remarks, counters and credits.
    let size =
        |all: &mut dyn Iterator<Item = &TextLine>| all.map(|it| it.text.len()).sum::<usize>();
    let listed = found.iter().filter(|it| it.listed).count();
    if listed >= 2 && size(&mut found.iter().filter(|it| it.listed)) * 2 > size(&mut found.iter()) {
        found.retain(|it| it.listed);
    }
    found
}

/// Returns `true` if a line is the heading of something else.
fn ends(
    line: &TextLine,
    next: Option<&TextLine>,
    level: Option<usize>,
    section: RecipeSection,
) -> bool {
    let lower = line.text.to_lowercase();
    let short = line.text.len() <= HEADING;
    let other = if section == RecipeSection::Steps {
        RecipeSection::Ingredients
    } else {
        RecipeSection::Steps
    };
    let Some(own) = line.level else { return short && other.begins(line) };
    let counts = section == RecipeSection::Steps
        && (without_counter(&line.text) != line.text || is_amount(&lower));
    if counts {
        return false;
    }
    if short && other.is_in(&lower) && !section.is_in(&lower) {
        return true;
    }
    if RECIPE_ENDINGS.iter().any(|it| lower.contains(it)) {
        return true;
    }
    let Some(level) = level else { return false };
    if own > level || own == BOLD_LEVEL {
        return false;
    }
    // A heading inside the section: `For the sauce`, `Step 2`.
    let continues = match section {
        RecipeSection::Ingredients => {
            next.is_some_and(|it| is_amount(&it.text)) || section.is_in(&lower)
        }
        RecipeSection::Steps => section.is_in(&lower),
    };
    !continues
}

/// Returns `true` if a line begins with an amount.
fn is_amount(text: &str) -> bool {
    let text = text.trim_start_matches(|it: char| !it.is_alphanumeric());
    text.starts_with(|it: char| it.is_numeric())
}

/// Scores lines by how likely they are the section.
fn score(lines: &[TextLine], section: RecipeSection) -> f64 {
    let count = |fits: &dyn Fn(&TextLine) -> bool| {
        u32::try_from(lines.iter().filter(|it| fits(it)).count()).map_or(0.0, f64::from)
    };
    let all = count(&|_| true);
    let bytes = u32::try_from(lines.iter().map(|it| it.text.len()).sum::<usize>());
    let bytes = bytes.map_or(0.0, f64::from);
    let linked = count(&|it| it.linked) / all;
    match section {
        RecipeSection::Ingredients => {
            let amounts = count(&|it| is_amount(&it.text)) / all;
            let listed = count(&|it| it.listed) / all;
            let short = if bytes / all <= SHORT_INGREDIENT { 1.0 } else { LONG_INGREDIENTS };
            if all < FEWEST_INGREDIENTS {
                0.0
            } else {
                let kinds = PLAIN_INGREDIENT + amounts + listed * LISTED_INGREDIENT;
                all.min(MANY_INGREDIENTS) * kinds * (1.0 - linked) * short
            }
        }
        RecipeSection::Steps => {
            let long = if bytes / all >= LONG_STEP { 1.0 } else { SHORT_STEPS };
            bytes.min(LONG_METHOD) * (1.0 - linked) * long
        }
    }
}

/// Returns the texts of the lines, without step numbers.
fn texts(doc: &Doc<'_>, lines: Vec<TextLine>, section: RecipeSection) -> Vec<String> {
    let kept = lines.into_iter().filter(|it| it.level.is_none());
    let mut out: Vec<String> = Vec::new();
    match section {
        RecipeSection::Ingredients => {
            out = amounts_joined(doc, &kept.collect::<Vec<_>>());
        }
        RecipeSection::Steps => {
            for line in kept.filter(|it| !it.linked) {
                let text = without_counter(bare(&line.text));
                if text.len() > 2 && !out.iter().any(|it| it == text) {
                    out.push(text.to_owned());
                }
            }
        }
    }
    out.truncate(MAX_LINES);
    out
}

/// Joins ingredients with their amounts where these are lines of their own, before or behind.
fn amounts_joined(doc: &Doc<'_>, all: &[TextLine]) -> Vec<String> {
    let apart = all.iter().filter(|it| is_only_amount(&it.text)).count() >= 2;
    let mut out: Vec<String> = Vec::new();
    let mut waiting: Option<String> = None;
    for (at, line) in all.iter().enumerate() {
        let text = round(bare(&line.text));
        if text.is_empty() {
            continue;
        }
        if text.starts_with('(') && out.last().is_some_and(|it| !it.contains('(')) {
            // A remark on the line before.
            let last = out.pop().unwrap_or_default();
            out.push(format!("{last} {text}"));
        } else if !apart || !is_only_amount(&text) {
            out.push(waiting.take().map_or_else(|| text.clone(), |it| format!("{it} {text}")));
        } else if all.get(at + 1).is_some_and(|it| is_beside(doc, line, it)) || out.is_empty() {
            waiting = Some(text);
        } else if let Some(last) = out.pop() {
            out.push(format!("{text} {last}"));
        }
    }
    out
}

/// Returns `true` if two lines share an element that holds little else.
fn is_beside(doc: &Doc<'_>, line: &TextLine, other: &TextLine) -> bool {
    let shared = doc.around(line.at).find(|it| doc.node(*it).text > line.text.len() + 1);
    shared.is_some_and(|it| (it..doc.end(it)).contains(&other.at))
}

/// Drops an empty fraction of the first number of a line: `500.0 g` becomes `500 g`.
fn round(text: &str) -> String {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at(digits);
    let rest = rest.strip_prefix(".0").filter(|it| digits > 0 && it.starts_with(' '));
    rest.map_or_else(|| text.to_owned(), |it| format!("{number}{it}"))
}

/// Strips the bullet of a line.
fn bare(text: &str) -> &str {
    text.trim_start_matches(['•', '·', '▢', '☐', '□', '▪', '●', '*', '–', '—', '-', ' ', '\u{a0}'])
}

/// Returns `true` if a line is only an amount.
fn is_only_amount(text: &str) -> bool {
    let words = text.split_whitespace().count();
    let letters = text.chars().filter(|it| it.is_alphabetic()).count();
    text.len() <= AMOUNT && is_amount(text) && words <= AMOUNT_WORDS && letters <= AMOUNT_LETTERS
}

/// Strips the words and numbers that count a step.
pub(super) fn without_counter(text: &str) -> &str {
    let lower = text.to_lowercase();
    let counter = STEP_COUNTERS
        .iter()
        .find(|it| lower.starts_with(**it))
        .filter(|_| text.is_char_boundary(4));
    let rest = counter.and_then(|it| text.get(it.len()..)).unwrap_or(text);
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let Some(after) = rest.get(digits..).filter(|_| (1..=2).contains(&digits)) else { return text };
    let cut = after.trim_start_matches(['.', ')', ':', '|', '-', '–', ' ', '\u{a0}']);
    let marked = after.trim_start().starts_with(['.', ')', ':', '|', '-', '–']);
    let decimal = after.starts_with('.') && cut.starts_with(|it: char| it.is_ascii_digit());
    if counter.is_some() || cut.is_empty() || (marked && !decimal) { cut } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_lose_what_counts_them_and_nothing_else() {
        for (text, is) in [
            ("1. Boil it.", "Boil it."),
            ("STEP 2 | Stir.", "Stir."),
            ("Step 3", ""),
            ("Schritt 4: Rühren.", "Rühren."),
            ("2 minutes later stir.", "2 minutes later stir."),
            ("1.5 litres go in.", "1.5 litres go in."),
            ("Step back.", "Step back."),
            ("350 degrees.", "350 degrees."),
        ] {
            assert_eq!(without_counter(text), is, "{text}");
        }
    }
}
