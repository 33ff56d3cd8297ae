//! Short texts that are checked when they are parsed: countries and languages.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The error for text that is not a country, a language or a list of OCR languages.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be {expected}")]
pub struct ParseTextError {
    expected: &'static str,
}

macro_rules! texts {
    ($(#[$doc:meta])* $name:ident, $expected:literal, $read:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub struct $name(String);

        impl $name {
            /// Returns the text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = ParseTextError;

            fn from_str(text: &str) -> Result<Self, ParseTextError> {
                let read: fn(&str) -> Option<String> = $read;
                read(text.trim()).map(Self).ok_or(ParseTextError { expected: $expected })
            }
        }

        impl From<$name> for String {
            fn from(it: $name) -> Self {
                it.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = ParseTextError;

            fn try_from(text: String) -> Result<Self, ParseTextError> {
                text.parse()
            }
        }
    };
}

texts!(
    /// A country: the two letters of ISO 3166 in upper case. Parsing accepts either case.
    ///
    /// ```
    /// use rungs::core::request::Country;
    ///
    /// assert_eq!("de".parse::<Country>()?.as_str(), "DE");
    /// # Ok::<(), rungs::core::request::ParseTextError>(())
    /// ```
    Country, "two letters (ISO 3166) such as DE",
    |it| {
        let fits = it.len() == 2 && it.bytes().all(|it| it.is_ascii_alphabetic());
        fits.then(|| it.to_ascii_uppercase())
    }
);

texts!(
    /// A language of `Accept-Language`, such as `en` or `en-GB`: 2 to 5 characters.
    Language, "2 to 5 characters such as en or en-GB",
    |it| {
        let fits = (2..=5).contains(&it.len())
            && it.starts_with(|it: char| it.is_ascii_alphabetic())
            && it.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-');
        fits.then(|| it.to_owned())
    }
);

texts!(
    /// The languages of text in images, as Tesseract's codes: `eng`, or several as `eng+deu`. Defaults to `eng`.
    OcrLanguage, "Tesseract's codes such as eng or eng+deu",
    |it| {
        let fits = (2..=64).contains(&it.len())
            && it.bytes().all(|it| it.is_ascii_alphanumeric() || b"_+/".contains(&it));
        fits.then(|| it.to_owned())
    }
);

impl Default for OcrLanguage {
    fn default() -> Self {
        Self("eng".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_valid_texts_are_parsed() {
        assert_eq!("de".parse::<Country>().expect("a country").as_str(), "DE");
        for it in ["", "d", "deu", "d1", "é"] {
            assert!(it.parse::<Country>().is_err(), "{it}");
        }
        assert_eq!("en-GB".parse::<Language>().expect("a language").as_str(), "en-GB");
        for it in ["", "e", "en-GB-x", "en;q", "-en", "e\r\n"] {
            assert!(it.parse::<Language>().is_err(), "{it}");
        }
        assert_eq!("eng+deu".parse::<OcrLanguage>().expect("codes").as_str(), "eng+deu");
        for it in ["", "e", "eng deu", "../eng "] {
            assert!(it.parse::<OcrLanguage>().is_err(), "{it}");
        }
    }

    #[test]
    fn stored_values_are_validated() {
        assert!(serde_json::from_str::<Country>("\"DEU\"").is_err());
        assert!(serde_json::from_str::<Country>("\"DE\"").is_ok());
    }
}
