//! The ingredients and the steps that a recipe's page shows and its data does not say.

use crate::extract::doc::{Doc, Id};
use crate::extract::profile::lines::{BOLD, Line, lines};
use crate::extract::tag::Tag;

use super::MAX_LINES;

/// Words of a heading, a class or an id that say what a part holds.
const INGREDIENTS: [&str; 33] = [
    "ingredient",
    "ingrédient",
    "ingrediënt",
    "what you need",
    "what you'll need",
    "what you will need",
    "you'll need",
    "you will need",
    "zutaten",
    "składniki",
    "ainekset",
    "malzemeler",
    "ингредиенты",
    "продукты",
    "інгредієнти",
    "інгрэдыенты",
    "hozzávalók",
    "suroviny",
    "ingrediencie",
    "sestavine",
    "sastojci",
    "састојци",
    "koostisosad",
    "sastāvdaļas",
    "υλικά",
    "συστατικά",
    "состав",
    "材料",
    "食材",
    "用料",
    "재료",
    "مكونات",
    "nguyên liệu",
];
const STEPS: [&str; 50] = [
    "instruction",
    "direction",
    "method",
    "how to make",
    "how to prepare",
    "how to cook",
    "how do i make",
    "step-by-step",
    "step by step",
    "procedure",
    "let's make",
    "preparation",
    "préparation",
    "preparación",
    "preparazione",
    "procedimento",
    "elaboración",
    "instruccione",
    "pasos",
    "étapes",
    "preparo",
    "modo de fazer",
    "zubereitung",
    "anleitung",
    "so geht",
    "so wird",
    "bereidingswijze",
    "bereiding",
    "instructies",
    "zo maak je",
    "fremgangsmåte",
    "fremgangsmåde",
    "tilberedning",
    "gör så här",
    "så här gör du",
    "valmistus",
    "przygotowanie",
    "sposób przygotowania",
    "wykonanie",
    "elkészítés",
    "postup",
    "priprava",
    "mod de preparare",
    "yapılışı",
    "hazırlanışı",
    "приготовлени",
    "приготування",
    "作り方",
    "做法",
    "만드는",
];
/// Words of a heading behind which a recipe is over.
const BEHIND: [&str; 32] = [
    "nutrition",
    "notes",
    "note:",
    "tips",
    "tip:",
    "comment",
    "review",
    "related",
    "you may also",
    "you might also",
    "more recipe",
    "similar",
    "share",
    "about the author",
    "equipment",
    "tools",
    "storage",
    "newsletter",
    "faq",
    "frequently asked",
    "substitution",
    "variation",
    "nährwert",
    "tipps",
    "notizen",
    "kommentar",
    "nutritionnel",
    "voedingswaarde",
    "consejos",
    "comentarios",
    "leave a reply",
    "did you make",
];
/// Bytes of a line that may say what the lines behind it are.
const HEADING: usize = 60;
/// Bytes of an ingredient.
const INGREDIENT: usize = 160;
/// Candidates that are looked at, and parts of one name that are.
const MAX_CANDIDATES: usize = 40;

/// What is looked for on the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// What goes in.
    Ingredients,
    /// What is done.
    Steps,
}

impl Part {
    /// What its property is called.
    const fn properties(self) -> &'static [&'static str] {
        match self {
            Self::Ingredients => &["recipeIngredient", "ingredients"],
            Self::Steps => &["recipeInstructions", "instructions"],
        }
    }

    const fn words(self) -> &'static [&'static str] {
        match self {
            Self::Ingredients => &INGREDIENTS,
            Self::Steps => &STEPS,
        }
    }

    fn is_in(self, text: &str) -> bool {
        let text = text.to_lowercase().replace('’', "'");
        self.words().iter().any(|it| text.contains(it))
    }

    /// Whether a line says that what follows is this.
    fn begins(self, line: &Line) -> bool {
        let other = if self == Self::Steps { Self::Ingredients } else { Self::Steps };
        line.text.len() <= HEADING
            && !line.linked
            && (line.level.is_some() || line.text.ends_with(':') || line.text.len() <= 24)
            && self.is_in(&line.text)
            && (line.level.is_some() || !other.is_in(&line.text))
    }
}

/// The lines of a part that the page marks as a property, where an item's value has run them into one.
pub(super) fn marked(doc: &Doc<'_>, part: Part) -> Vec<String> {
    let is = |id: Id| {
        let marks = doc.node(id).marks;
        let of = |name| doc.attr(id, name).unwrap_or_default();
        let (own, rdfa) = (of("itemprop"), of("property"));
        (marks.property || marks.rdfa_property)
            && doc.tag(id) != Tag::Meta
            && own
                .split_whitespace()
                .chain(rdfa.split_whitespace().filter_map(|it| it.rsplit(':').next()))
                .any(|it| part.properties().contains(&it))
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
    texts(doc, out, part)
}

/// The part as the page shows it: behind a heading that says so, or in a part that is called so.
pub(super) fn shown(doc: &Doc<'_>, part: Part) -> Vec<String> {
    let body = doc.body();
    let all = lines(doc, body, doc.end(body));
    let called = called(doc, part).map(|it| {
        let inside = all.iter().filter(|line| (it..doc.end(it)).contains(&line.at));
        let inside: Vec<Line> = inside.cloned().collect();
        let begin = inside.iter().position(|it| part.begins(it));
        section(inside.get(begin.map_or(0, |it| it + 1)..).unwrap_or_default(), None, part)
    });
    let headed = all
        .iter()
        .enumerate()
        .filter(|it| part.begins(it.1))
        .map(|(at, line)| section(all.get(at + 1..).unwrap_or_default(), line.level, part));
    let candidates = called.chain(headed.take(MAX_CANDIDATES)).filter(|it| !it.is_empty());
    let mut best: Option<(f64, Vec<Line>)> = None;
    for candidate in candidates {
        let worth = worth(&candidate, part);
        // The first of several that are as good is the one in the content.
        if worth > best.as_ref().map_or(0.0, |it| it.0 * 1.15) {
            best = Some((worth, candidate));
        }
    }
    texts(doc, best.map(|it| it.1).unwrap_or_default(), part)
}

/// The parts that a class, an id or a property calls so, the outer before the inner.
fn called(doc: &Doc<'_>, part: Part) -> impl Iterator<Item = Id> {
    let named = move |id: Id| {
        let node = doc.node(id);
        node.tag != Tag::Text
            && !matches!(node.tag, Tag::Body | Tag::Html)
            && node.text >= 20
            && doc.attrs(id).any(|(name, value)| {
                matches!(name, "class" | "id" | "itemprop") && part.is_in(value)
            })
    };
    (0..doc.len()).filter(move |it| named(*it)).take(MAX_CANDIDATES)
}

/// The lines that belong to what began before them.
fn section(all: &[Line], level: Option<usize>, part: Part) -> Vec<Line> {
    let mut found: Vec<Line> = Vec::new();
    for (at, line) in all.iter().enumerate() {
        if found.len() >= MAX_LINES || ends(line, all.get(at + 1), level, part) {
            break;
        }
        let grows = part == Part::Ingredients && line.text.len() > INGREDIENT && !line.listed;
        if grows && !found.is_empty() {
            break;
        }
        if line.level.is_none() && !grows {
            found.push(line.clone());
        }
    }
    // Beside a list there may be remarks, counters and credits.
    let size = |all: &mut dyn Iterator<Item = &Line>| all.map(|it| it.text.len()).sum::<usize>();
    let listed = found.iter().filter(|it| it.listed).count();
    if listed >= 2 && size(&mut found.iter().filter(|it| it.listed)) * 2 > size(&mut found.iter()) {
        found.retain(|it| it.listed);
    }
    found
}

/// Whether a line is a heading of something else.
fn ends(line: &Line, next: Option<&Line>, level: Option<usize>, part: Part) -> bool {
    let lower = line.text.to_lowercase();
    let short = line.text.len() <= HEADING;
    let other = if part == Part::Steps { Part::Ingredients } else { Part::Steps };
    let Some(own) = line.level else { return short && other.begins(line) };
    let counts = part == Part::Steps && (uncounted(&line.text) != line.text || is_amount(&lower));
    if counts {
        return false;
    }
    if short && other.is_in(&lower) && !part.is_in(&lower) {
        return true;
    }
    if BEHIND.iter().any(|it| lower.contains(it)) {
        return true;
    }
    let Some(level) = level else { return false };
    if own > level || own == BOLD {
        return false;
    }
    // A group of the same: `For the sauce`, `Step 2`.
    let goes_on = match part {
        Part::Ingredients => next.is_some_and(|it| is_amount(&it.text)) || part.is_in(&lower),
        Part::Steps => part.is_in(&lower),
    };
    !goes_on
}

/// Whether a line begins with how much.
fn is_amount(text: &str) -> bool {
    let text = text.trim_start_matches(|it: char| !it.is_alphanumeric());
    text.starts_with(|it: char| it.is_numeric())
}

/// How likely it is that lines are what is looked for.
fn worth(lines: &[Line], part: Part) -> f64 {
    let count = |fits: &dyn Fn(&Line) -> bool| {
        u32::try_from(lines.iter().filter(|it| fits(it)).count()).map_or(0.0, f64::from)
    };
    let all = count(&|_| true);
    let bytes = u32::try_from(lines.iter().map(|it| it.text.len()).sum::<usize>());
    let bytes = bytes.map_or(0.0, f64::from);
    let linked = count(&|it| it.linked) / all;
    match part {
        Part::Ingredients => {
            let amounts = count(&|it| is_amount(&it.text)) / all;
            let listed = count(&|it| it.listed) / all;
            let short = if bytes / all <= 80.0 { 1.0 } else { 0.2 };
            if all < 2.0 {
                0.0
            } else {
                all.min(40.0) * (0.2 + amounts + listed * 0.3) * (1.0 - linked) * short
            }
        }
        Part::Steps => {
            let long = if bytes / all >= 30.0 { 1.0 } else { 0.3 };
            bytes.min(2_500.0) * (1.0 - linked) * long
        }
    }
}

/// What the lines say, without what counts them.
fn texts(doc: &Doc<'_>, lines: Vec<Line>, part: Part) -> Vec<String> {
    let kept = lines.into_iter().filter(|it| it.level.is_none());
    let mut out: Vec<String> = Vec::new();
    match part {
        Part::Ingredients => {
            out = amounts_joined(doc, &kept.collect::<Vec<_>>());
        }
        Part::Steps => {
            for line in kept.filter(|it| !it.linked) {
                let text = uncounted(bare(&line.text));
                if text.len() > 2 && !out.iter().any(|it| it == text) {
                    out.push(text.to_owned());
                }
            }
        }
    }
    out.truncate(MAX_LINES);
    out
}

/// Lines of ingredients with the amounts that stand apart from them, before or behind.
fn amounts_joined(doc: &Doc<'_>, all: &[Line]) -> Vec<String> {
    let apart = all.iter().filter(|it| is_only_amount(&it.text)).count() >= 2;
    let mut out: Vec<String> = Vec::new();
    let mut waiting: Option<String> = None;
    for (at, line) in all.iter().enumerate() {
        let text = round(bare(&line.text));
        if text.is_empty() {
            continue;
        }
        if text.starts_with('(') && out.last().is_some_and(|it| !it.contains('(')) {
            // A remark to the line before.
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

/// Whether two lines are in one part of the page that holds little else.
fn is_beside(doc: &Doc<'_>, line: &Line, other: &Line) -> bool {
    let part = doc.around(line.at).find(|it| doc.node(*it).text > line.text.len() + 1);
    part.is_some_and(|it| (it..doc.end(it)).contains(&other.at))
}

/// A line whose first number has no fraction that says nothing: `500.0 g` is `500 g`.
fn round(text: &str) -> String {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at(digits);
    let rest = rest.strip_prefix(".0").filter(|it| digits > 0 && it.starts_with(' '));
    rest.map_or_else(|| text.to_owned(), |it| format!("{number}{it}"))
}

/// A line without the sign of a list.
fn bare(text: &str) -> &str {
    text.trim_start_matches(['•', '·', '▢', '☐', '□', '▪', '●', '*', '–', '—', '-', ' ', '\u{a0}'])
}

/// Whether a line says how much and not of what.
fn is_only_amount(text: &str) -> bool {
    let words = text.split_whitespace().count();
    let letters = text.chars().filter(|it| it.is_alphabetic()).count();
    text.len() <= 14 && is_amount(text) && words <= 2 && letters <= 4
}

/// A step without the words and numbers that count it.
pub(super) fn uncounted(text: &str) -> &str {
    const COUNTERS: [&str; 8] =
        ["step ", "schritt ", "étape ", "paso ", "stap ", "steg ", "passo ", "шаг "];
    let lower = text.to_lowercase();
    let counter =
        COUNTERS.iter().find(|it| lower.starts_with(**it)).filter(|_| text.is_char_boundary(4));
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
            assert_eq!(uncounted(text), is, "{text}");
        }
    }
}
