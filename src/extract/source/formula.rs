//! Formulas in the source of a page, replaced by an element that holds their TeX.

/// The element that a formula becomes. The parser reads it by its ordinary rules, which it does not
/// inside `math`.
const ELEMENT: &str = "x-tex";
/// Bytes of a formula's markup, without its end tag.
pub(crate) const MAX: usize = 16_384;

/// Rewrites a formula, from its markup up to its end tag, as an element that holds its source.
pub(crate) fn rewritten(math: &str) -> Option<String> {
    let begin = math.get(..math.find('>')?)?;
    let source = annotated(math).or_else(|| alternative(begin))?;
    let source = source.trim();
    if source.is_empty() {
        return None;
    }
    let display = begin.contains("display=\"block\"") || begin.contains("display='block'");
    let display = if display { " display=block" } else { "" };
    Some(format!("<{ELEMENT}{display}>{}</{ELEMENT}>", source.replace('<', "&lt;")))
}

/// The same for a script that holds a formula, by its tag and its content.
pub(crate) fn of_script(tag: &str, source: &str) -> Option<String> {
    let source = source.trim();
    if !tag.contains("math/tex") || source.is_empty() || source.len() > MAX {
        return None;
    }
    let display = if tag.contains("mode=display") { " display=block" } else { "" };
    let source = source.replace('&', "&amp;").replace('<', "&lt;");
    Some(format!("<{ELEMENT}{display}>{source}</{ELEMENT}>"))
}

/// Returns the annotation in TeX.
fn annotated(math: &str) -> Option<&str> {
    let rest = math.get(math.find("application/x-tex")?..)?;
    let rest = rest.get(rest.find('>')? + 1..)?;
    // TeX is plain text; an annotation with elements is something else.
    let text = rest.get(..rest.find('<')?)?;
    rest.get(text.len()..)?.starts_with("</annotation").then_some(text)
}

/// Returns the alternative text.
fn alternative(begin: &str) -> Option<&str> {
    let rest = begin.get(begin.find("alttext=")? + "alttext=".len()..)?;
    let quote = rest.chars().next().filter(|it| matches!(it, '"' | '\''))?;
    rest.get(1..)?.split(quote).next()
}
