//! Names of fields and labels of pages as words that can be compared, in several languages.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::LazyLock;

use crate::extract::vocabulary::FIELD_SYNONYMS;

/// Words of a name or a label that are read.
const MAX_WORDS: usize = 12;
/// Words of the longest phrase in the vocabulary.
const PHRASE: usize = 5;
/// Bytes of a word whose plural ending is dropped.
const PLURAL: usize = 4;
/// Words that carry no meaning of their own in a label.
const FILLERS: [&str; 24] = [
    "a", "am", "an", "at", "d", "de", "del", "der", "des", "die", "das", "du", "el", "en", "in",
    "is", "l", "la", "le", "of", "on", "per", "the", "zum",
];
/// Words of a label behind which its details follow.
const DETAILS: [&str; 9] = ["per", "of", "in", "pro", "par", "por", "inkl", "incl", "without"];
/// Names of things that a field may repeat in front of its own name: `product_weight`.
const THINGS: [&str; 20] = [
    "apartment",
    "book",
    "car",
    "contact",
    "course",
    "event",
    "film",
    "flat",
    "game",
    "item",
    "job",
    "listing",
    "main",
    "movie",
    "number",
    "page",
    "position",
    "product",
    "property",
    "recipe",
];

/// A word: a concept of the vocabulary, or any other word by its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Word {
    Concept(usize),
    Other(u64),
}

/// A name or a label as words.
#[derive(Clone, Debug, Default)]
pub(crate) struct Words {
    list: Vec<Word>,
    /// The number of words in front of the details, as in `price per night`.
    head: usize,
    /// The number of words as written.
    count: usize,
    /// The letters and digits in lower case.
    plain: String,
}

/// The order of words in a language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeadPlace {
    /// The word that names the thing ends a phrase, as in English.
    Last,
    /// The word that names the thing may begin a phrase, as in French.
    Either,
}

/// The phrases of the vocabulary, each by its stems with blanks between.
struct Vocabulary {
    concepts: QuickMap<String, usize>,
    /// The words of the longest phrase by its first stem.
    longest: QuickMap<String, usize>,
}

static VOCABULARY: LazyLock<Vocabulary> = LazyLock::new(|| {
    let mut concepts = QuickMap::default();
    let mut longest = QuickMap::default();
    for (concept, line) in FIELD_SYNONYMS.iter().enumerate() {
        for phrase in line.split('/') {
            let stems: Vec<&str> = phrase.split(' ').map(stem).collect();
            concepts.entry(stems.join(" ")).or_insert(concept);
            let first = stems.first().copied().unwrap_or_default();
            let most = longest.entry(first.to_owned()).or_insert(0);
            *most = stems.len().min(PHRASE).max(*most);
        }
    }
    Vocabulary { concepts, longest }
});

impl Vocabulary {
    /// Returns the concept of the longest phrase that begins some words, and the number of its words.
    fn phrase(&self, stems: &[&str]) -> Option<(usize, usize)> {
        let longest = self.longest.get(*stems.first()?)?;
        (1..=stems.len().min(*longest)).rev().find_map(|count| {
            let concept = match stems.get(..count)? {
                [only] => self.concepts.get(*only),
                several => self.concepts.get(several.join(" ").as_str()),
            };
            Some((count, *concept?))
        })
    }
}

/// A map whose keys no page chooses, because texts that collide are easy to find.
type QuickMap<K, V> = HashMap<K, V, BuildHasherDefault<QuickHasher>>;

/// Hashes eight bytes at a time.
#[derive(Clone, Copy, Debug, Default)]
struct QuickHasher(u64);

impl Hasher for QuickHasher {
    fn write(&mut self, bytes: &[u8]) {
        let (chunks, rest) = bytes.as_chunks();
        for chunk in chunks {
            self.write_u64(u64::from_le_bytes(*chunk));
        }
        if !rest.is_empty() {
            let rest = rest.iter().fold(1, |word, it| word << 8 | u64::from(*it));
            self.write_u64(rest);
        }
    }

    fn write_u8(&mut self, it: u8) {
        self.write_u64(u64::from(it));
    }

    fn write_u64(&mut self, it: u64) {
        // A prime near the golden ratio of 64 bits, and the high bits back to where a map looks.
        self.0 = (self.0.rotate_left(5) ^ it).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 32
    }
}

/// Words that could name anything and are no concepts.
static GENERIC_WORDS: LazyLock<Vec<Word>> = LazyLock::new(|| {
    let words = [
        "amount", "code", "data", "id", "info", "kind", "label", "no", "number", "other", "type",
        "unit", "value", "key",
    ];
    words.into_iter().map(word_of).collect()
});

static THING_WORDS: LazyLock<Vec<Word>> =
    LazyLock::new(|| THINGS.into_iter().map(word_of).collect());

impl Words {
    /// Reads the name of a field: `weightKg`, `weight_kg`, `weight-kg`.
    pub(crate) fn of_name(name: &str) -> Self {
        // Most names are in lower case.
        if name.bytes().any(|it| it.is_ascii_uppercase() || !it.is_ascii()) {
            return Self::of_text(&without_camel_case(name));
        }
        Self::of_text(name)
    }

    /// Reads a label, without what stands in brackets behind it.
    pub(crate) fn of_label(label: &str) -> Self {
        let bare = label.split(['(', '[']).next().unwrap_or_default();
        Self::of_text(if bare.trim().is_empty() { label } else { bare })
    }

    fn of_text(text: &str) -> Self {
        let mut plain = String::with_capacity(text.len());
        let mut ends = [0; MAX_WORDS];
        let mut count = 0;
        let mut open = false;
        for letter in text.chars() {
            if !letter.is_alphanumeric() {
                open = false;
                continue;
            }
            if !open {
                if count == MAX_WORDS {
                    break;
                }
                count += 1;
                open = true;
            }
            push_plain(&mut plain, letter);
            if let Some(end) = ends.get_mut(count - 1) {
                *end = plain.len();
            }
        }
        let mut tokens = [""; MAX_WORDS];
        let mut from = 0;
        for (token, end) in tokens.iter_mut().zip(ends).take(count) {
            *token = plain.get(from..end).unwrap_or_default();
            from = end;
        }
        let (list, head) = read(tokens.get(..count).unwrap_or_default());
        Self { list, head, count, plain }
    }

    /// Compares words that are in lower case and without accents.
    pub(crate) fn of_tokens(tokens: &[String]) -> Self {
        let words: Vec<&str> = tokens.iter().map(String::as_str).collect();
        let (list, head) = read(&words);
        Self { list, head, count: words.len(), plain: tokens.concat() }
    }

    /// Returns the number of words as written, fillers included.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Returns `true` if there is no word.
    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Returns the letters and digits in lower case.
    pub(crate) fn plain(&self) -> &str {
        &self.plain
    }

    /// Returns the name of the concept that the words are, if they are one.
    pub(crate) fn concept(&self) -> Option<&'static str> {
        match self.list.as_slice() {
            [Word::Concept(it)] => name_of(*it),
            _ => None,
        }
    }

    /// Returns the name of the last concept among the words.
    pub(crate) fn last_concept(&self) -> Option<&'static str> {
        match self.list.last() {
            Some(Word::Concept(it)) => name_of(*it),
            _ => None,
        }
    }

    /// Returns `true` if one of the words is a concept.
    pub(crate) fn names(&self, concept: &str) -> bool {
        self.list.iter().any(|it| matches!(it, Word::Concept(it) if name_of(*it) == Some(concept)))
    }

    /// Returns how well a label fits the name of a field, in percent.
    ///
    /// A label may qualify the name (`Net weight` for `weight`), unless the name alone could mean anything, and a
    /// name may repeat the thing that it belongs to (`product_weight`).
    pub(crate) fn likeness(&self, label: &Self, order: HeadPlace) -> Option<u8> {
        if self.list.is_empty() || label.list.is_empty() {
            return None;
        }
        if !self.plain.is_empty() && self.plain == label.plain {
            return Some(100);
        }
        if self.list == label.list {
            return Some(95);
        }
        // Most labels share no word with most fields.
        if !self.list.iter().any(|it| label.list.contains(it)) {
            return None;
        }
        if self.list.len() == label.list.len() {
            let all = |one: &Self, other: &Self| one.list.iter().all(|it| other.list.contains(it));
            if all(self, label) && all(label, self) {
                return Some(90);
            }
        }
        let things = self.list.iter().take_while(|it| THING_WORDS.contains(*it)).count();
        let rest = self.list.get(things..).unwrap_or_default();
        if rest.len() < self.list.len() && !rest.is_empty() && rest == label.list {
            return Some(85);
        }
        if self.is_generic() {
            return None;
        }
        let head = label.list.get(..label.head).unwrap_or(&label.list);
        if head == self.list {
            return Some(80);
        }
        let extra = label.list.len().checked_sub(self.list.len())?;
        let fits = head.ends_with(&self.list)
            || (order == HeadPlace::Either && head.starts_with(&self.list));
        (fits && (1..=2).contains(&extra)).then_some(if extra == 1 { 75 } else { 65 })
    }

    /// Returns how well the name of an element fits the name of a field, in percent. What stands in front is the thing
    /// that the element belongs to, as in `job-location`.
    pub(crate) fn likeness_of_name(&self, name: &Self) -> Option<u8> {
        if self.list.is_empty() {
            return None;
        }
        if self.plain == name.plain || self.list == name.list {
            return Some(95);
        }
        let extra = name.list.len().checked_sub(self.list.len())?;
        (extra <= 2 && name.list.ends_with(&self.list)).then_some(if extra == 1 { 85 } else { 75 })
    }

    /// Returns the words without the first or last, if that is `concept`.
    pub(crate) fn without(&self, concept: &str) -> Option<Self> {
        let is = |it: Option<&Word>| matches!(it, Some(Word::Concept(it)) if name_of(*it) == Some(concept));
        let words = match self.list.as_slice() {
            [rest @ .., last] if is(Some(last)) => rest,
            [first, rest @ ..] if is(Some(first)) => rest,
            _ => return None,
        };
        let words = words.to_vec();
        (!words.is_empty()).then(|| Self {
            head: words.len(),
            count: words.len(),
            list: words,
            plain: String::new(),
        })
    }

    /// Returns `true` if the words could name anything, so that a label with more words is another field.
    fn is_generic(&self) -> bool {
        const GENERIC: [&str; 25] = [
            "title",
            "date",
            "time",
            "category",
            "text",
            "description",
            "url",
            "image",
            "author",
            "status",
            "quantity",
            "year",
            "view",
            "max",
            "minimum",
            "when",
            "tag",
            "condition",
            "website",
            "instruction",
            "company",
            "cast",
            "page",
            "dimension",
            "department",
        ];
        match self.list.as_slice() {
            [Word::Concept(it)] => name_of(*it).is_some_and(|it| GENERIC.contains(&it)),
            [word] => GENERIC_WORDS.contains(word),
            _ => false,
        }
    }
}

fn name_of(concept: usize) -> Option<&'static str> {
    FIELD_SYNONYMS.get(concept).and_then(|it| it.split('/').next())
}

fn word_of(word: &str) -> Word {
    let stem = stem(word);
    let concept = VOCABULARY.concepts.get(stem);
    concept.map_or_else(|| Word::Other(hash(stem)), |it| Word::Concept(*it))
}

fn is_filler(word: &str) -> bool {
    FILLERS.contains(&word)
}

fn hash(word: &str) -> u64 {
    let mut hasher = QuickHasher::default();
    hasher.write(word.as_bytes());
    hasher.finish()
}

/// Reads words in lower case as concepts and others, and counts those in front of the details.
fn read(tokens: &[&str]) -> (Vec<Word>, usize) {
    let mut stems = [""; MAX_WORDS];
    for (stem_of, token) in stems.iter_mut().zip(tokens) {
        *stem_of = stem(token);
    }
    let stems = stems.get(..tokens.len()).unwrap_or(&stems);
    let mut words = Vec::with_capacity(stems.len());
    let mut head = None;
    let mut rest = stems;
    while let [stem, behind @ ..] = rest {
        // A word such as `par` names the author only if it stands alone.
        let phrase = VOCABULARY.phrase(rest);
        let phrase = phrase.filter(|it| it.0 > 1 || stems.len() == 1 || !is_filler(stem));
        if let Some((count, concept)) = phrase {
            words.push(Word::Concept(concept));
            rest = rest.get(count..).unwrap_or_default();
            continue;
        }
        if DETAILS.contains(stem) && !words.is_empty() {
            head = head.or(Some(words.len()));
        }
        if !is_filler(stem) {
            words.push(Word::Other(hash(stem)));
        }
        rest = behind;
    }
    let head = head.unwrap_or(words.len());
    (words, head)
}

/// Drops the ending of a plural.
fn stem(word: &str) -> &str {
    let plural = word.len() >= PLURAL && !["ss", "us", "is"].iter().any(|it| word.ends_with(it));
    if plural { word.strip_suffix('s').unwrap_or(word) } else { word }
}

/// Splits a text into words in lower case, without accents and punctuation.
pub(crate) fn tokens(text: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut open = false;
    for letter in text.chars() {
        if !letter.is_alphanumeric() {
            open = false;
            continue;
        }
        if !open {
            if out.len() == MAX_WORDS {
                break;
            }
            out.push(String::new());
            open = true;
        }
        if let Some(last) = out.last_mut() {
            push_plain(last, letter);
        }
    }
    out
}

/// Sets the words of `camelCase` apart.
fn without_camel_case(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    let letters: Vec<char> = name.chars().collect();
    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|it| letters.get(it));
        let after = letters.get(at + 1);
        let begins = letter.is_uppercase()
            && before.is_some_and(|it| {
                it.is_lowercase()
                    || it.is_numeric()
                    || (it.is_uppercase() && after.is_some_and(|it| it.is_lowercase()))
            });
        if begins {
            out.push(' ');
        }
        out.push(*letter);
    }
    out
}

/// Appends a letter in lower case, without its accent.
fn push_plain(out: &mut String, letter: char) {
    if letter.is_ascii() {
        return out.push(letter.to_ascii_lowercase());
    }
    for lower in letter.to_lowercase() {
        match lower {
            'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' => out.push('a'),
            'ç' | 'č' | 'ć' => out.push('c'),
            'è' | 'é' | 'ê' | 'ë' | 'ě' => out.push('e'),
            'ì' | 'í' | 'î' | 'ï' => out.push('i'),
            'ñ' => out.push('n'),
            'ò' | 'ó' | 'ô' | 'õ' | 'ö' | 'ø' => out.push('o'),
            'ù' | 'ú' | 'û' | 'ü' => out.push('u'),
            'ý' | 'ÿ' => out.push('y'),
            'š' => out.push('s'),
            'ž' => out.push('z'),
            'ß' => out.push_str("ss"),
            'œ' => out.push_str("oe"),
            'æ' => out.push_str("ae"),
            // What is left of an accent that was a character of its own.
            '\u{300}'..='\u{36f}' => {}
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_fits_a_name_by_its_meaning() {
        for (name, label, order, fits) in [
            ("weight", "Weight", HeadPlace::Last, Some(100)),
            ("vatId", "VAT ID:", HeadPlace::Last, Some(100)),
            ("living_area", "Wohnfläche", HeadPlace::Last, Some(95)),
            ("opening-hours", "Öffnungszeiten", HeadPlace::Last, Some(95)),
            ("max_temperature", "Maximale Temperatur", HeadPlace::Last, Some(95)),
            ("product_weight", "Weight (net)", HeadPlace::Last, Some(95)),
            ("job_salary", "Gehalt", HeadPlace::Last, Some(85)),
            ("weight", "Net dry weight", HeadPlace::Last, Some(65)),
            ("price", "Price per night", HeadPlace::Last, Some(80)),
            ("price", "Prix public", HeadPlace::Either, Some(75)),
            ("color", "Color temperature", HeadPlace::Last, None),
            ("date", "Date of birth", HeadPlace::Last, None),
            ("motor_power", "Power", HeadPlace::Last, None),
            ("author_email", "Author", HeadPlace::Last, None),
            ("name", "User name", HeadPlace::Last, None),
            ("", "Weight", HeadPlace::Last, None),
        ] {
            let found = Words::of_name(name).likeness(&Words::of_label(label), order);
            assert_eq!(found, fits, "{name}: {label}");
        }
    }
}
