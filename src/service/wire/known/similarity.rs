//! The similarity of an unknown field's name to a known one.

/// The longest unknown name that is compared, in bytes. No known name is nearly as long.
const MAX_NAME_BYTES: usize = 60;
/// Names that other programs use for fields of ours, which have few letters in common.
const ALIASES: [(&str, &str); 9] = [
    ("include", "include_patterns"),
    ("include_paths", "include_patterns"),
    ("exclude", "exclude_patterns"),
    ("exclude_paths", "exclude_patterns"),
    ("ignore_robots", "respect_robots"),
    ("ignore_robots_txt", "respect_robots"),
    ("obey_robots", "respect_robots"),
    ("limit", "max_pages"),
    ("depth", "max_depth"),
];
/// Words that many names begin with. Alone they do not make two names similar.
const COMMON_WORDS: [&str; 8] =
    ["include", "exclude", "max", "min", "use", "ignore", "respect", "allow"];

/// Returns the similarity of two names from 0 to 1, in any of the usual ways to join words.
pub(super) fn similarity(name: &str, known: &str) -> f64 {
    // Nothing longer is similar to a known name, and the comparison takes time by length.
    if name.len() > MAX_NAME_BYTES {
        return 0.0;
    }
    let (name, plain) = (snake_case(name), snake_case(known));
    if ALIASES.contains(&(name.as_str(), plain.as_str())) {
        return 0.95;
    }
    let words = |text: &str| text.split('_').map(str::to_owned).collect::<Vec<_>>();
    let (given, all) = (words(&name), words(&plain));
    let (few, many) = if given.len() < all.len() { (&given, &all) } else { (&all, &given) };
    let is_part = few.iter().all(|it| it.len() > 2 && many.contains(it))
        && few.iter().any(|it| !COMMON_WORDS.contains(&it.as_str()));
    let count = |words: &[String]| f64::from(u32::try_from(words.len()).unwrap_or(u32::MAX));
    let shared = if is_part { 0.7 + 0.25 * (count(few) / count(many)) } else { 0.0 };
    let edits = strsim::normalized_damerau_levenshtein(&name, &plain);
    // An alias in another style is as good as the name, but the name is the better suggestion.
    let style = if plain == known { 0.0 } else { 0.001 };
    edits.max(shared) - style
}

fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len());
    for symbol in name.chars() {
        if symbol.is_uppercase() && !snake.is_empty() && !snake.ends_with('_') {
            snake.push('_');
        }
        match symbol {
            '-' | ' ' | '.' => snake.push('_'),
            _ => snake.extend(symbol.to_lowercase()),
        }
    }
    snake
}
