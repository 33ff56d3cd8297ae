//! The validators of a response, with which a later request asks for the page only if it has changed.

use serde::{Deserialize, Serialize};

use crate::core::verdict::status::http_date;

/// The longest validator that is kept, in bytes. Servers send some 40.
const MAX_BYTES: usize = 512;

/// The validators that a page came with: its `ETag`, its `Last-Modified`, or both.
///
/// They belong to one URL. A conditional request sends them there and nowhere else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Validators {
    /// The URL of the response, after redirects.
    pub url: String,
    /// The `ETag` header, strong or weak, as the site wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// The `Last-Modified` header, as the site wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
}

impl Validators {
    /// Returns the validators of the response that `url` sent with `headers`, whose names are in lower case.
    ///
    /// Returns `None` if there are none to rely on. `Vary: *` excludes both. A date alone is excluded if the page
    /// changed in the second in which it was sent: it could change again without another date.
    pub fn of(url: &str, headers: &[(String, String)]) -> Option<Self> {
        if values(headers, "vary").any(|it| it.split(',').any(|name| name.trim() == "*")) {
            return None;
        }
        let is_kept = |it: &&str| {
            (1..=MAX_BYTES).contains(&it.len())
                && it.bytes().all(|byte| (0x20..0x7f).contains(&byte))
        };
        let etag = value(headers, "etag").filter(is_kept);
        let last_modified = value(headers, "last-modified").filter(|it| {
            let sent = value(headers, "date").and_then(http_date);
            let is_settled = |changed| etag.is_some() || sent.is_none_or(|sent| changed < sent);
            is_kept(it) && http_date(it).is_some_and(is_settled)
        });
        if etag.is_none() && last_modified.is_none() {
            return None;
        }
        Some(Self {
            url: url.to_owned(),
            etag: etag.map(str::to_owned),
            last_modified: last_modified.map(str::to_owned),
        })
    }

    /// Returns the headers of a conditional request.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let etag = self.etag.as_deref().map(|it| ("if-none-match", it));
        let date = self.last_modified.as_deref().map(|it| ("if-modified-since", it));
        etag.into_iter().chain(date)
    }

    /// Returns `true` if a response with the status 304 and these headers confirms that the page is unchanged.
    ///
    /// A response that names another `ETag` or another `Last-Modified` contradicts itself. Tags are compared weakly.
    pub fn is_confirmed_by(&self, headers: &[(String, String)]) -> bool {
        let is_same = |own: &Option<String>, name, same: fn(&str, &str) -> bool| {
            own.as_deref().is_none_or(|own| value(headers, name).is_none_or(|it| same(own, it)))
        };
        is_same(&self.etag, "etag", |own, it| opaque(own) == opaque(it))
            && is_same(&self.last_modified, "last-modified", |own, it| {
                own == it || http_date(own).is_some_and(|own| http_date(it) == Some(own))
            })
    }
}

/// Returns a tag without the mark of a weak one.
fn opaque(etag: &str) -> &str {
    etag.strip_prefix("W/").unwrap_or(etag)
}

fn values<'a>(headers: &'a [(String, String)], name: &str) -> impl Iterator<Item = &'a str> {
    headers.iter().filter(move |(it, _)| it == name).map(|(_, value)| value.trim())
}

fn value<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    values(headers, name).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://example.com/";
    const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const LATER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

    fn headers(all: &[(&str, &str)]) -> Vec<(String, String)> {
        all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn of(all: &[(&str, &str)]) -> Option<Validators> {
        Validators::of(URL, &headers(all))
    }

    #[test]
    fn validators_that_say_little_are_not_kept() {
        let long = format!("\"{}\"", "a".repeat(MAX_BYTES));
        for refused in [
            &[("content-type", "text/html")][..],
            &[("etag", "")],
            &[("etag", &long)],
            &[("etag", "\"a\u{e9}\"")],
            &[("last-modified", "yesterday")],
            &[("last-modified", DATE), ("date", DATE)],
            &[("etag", "\"a\""), ("vary", "accept, *")],
        ] {
            assert_eq!(of(refused), None, "{refused:?}");
        }
    }

    #[test]
    fn validators_are_sent_as_they_came() {
        let sent = |all: &[(&str, &str)]| {
            let kept = of(all).expect("validators");
            kept.headers().map(|(name, value)| (name, value.to_owned())).collect::<Vec<_>>()
        };
        let tag = || ("if-none-match", "W/\"a\"".to_owned());
        let date = || ("if-modified-since", DATE.to_owned());

        assert_eq!(sent(&[("etag", "W/\"a\"")]), [tag()]);
        assert_eq!(sent(&[("last-modified", DATE), ("date", LATER)]), [date()]);
        assert_eq!(sent(&[("last-modified", DATE)]), [date()]);
        let both = [("etag", "W/\"a\""), ("last-modified", DATE), ("date", DATE), ("vary", "a")];
        assert_eq!(sent(&both), [tag(), date()], "the tag makes the date harmless");
    }

    #[test]
    fn a_304_that_names_other_validators_confirms_nothing() {
        let kept = of(&[("etag", "\"a\""), ("last-modified", DATE)]).expect("validators");
        let confirms = |all: &[(&str, &str)]| kept.is_confirmed_by(&headers(all));

        assert!(
            confirms(&[]) && confirms(&[("etag", "\"a\"")]) && confirms(&[("etag", "W/\"a\"")])
        );
        assert!(!confirms(&[("etag", "\"b\"")]));
        assert!(!confirms(&[("etag", "\"a\""), ("last-modified", LATER)]));
        let untagged = of(&[("last-modified", DATE)]).expect("a date");
        assert!(untagged.is_confirmed_by(&headers(&[("etag", "\"new\"")])), "none was known");
    }
}
