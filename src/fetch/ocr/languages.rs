//! The languages that are installed.

use super::error::unavailable;
use crate::core::request::OcrLanguage;
use crate::ports::fetch::FetchError;

/// The languages that the program says it has.
#[derive(Debug)]
pub(super) struct Languages(Vec<String>);

impl Languages {
    /// Reads what `--list-langs` says: a heading, then a name a line.
    pub(super) fn parse(said: &str) -> Self {
        let names = said.lines().skip(1).map(str::trim).filter(|it| !it.is_empty());
        Self(names.map(str::to_owned).collect())
    }

    pub(super) fn names(&self) -> &[String] {
        &self.0
    }

    /// Whether all of these are there. Only names that the program told are ever given back to it.
    pub(super) fn check(&self, wanted: &OcrLanguage) -> Result<(), FetchError> {
        let missing = wanted.as_str().split('+').find(|it| !self.0.iter().any(|has| has == it));
        let Some(missing) = missing else { return Ok(()) };
        let has = if self.0.is_empty() { "none".to_owned() } else { self.0.join(", ") };
        Err(unavailable(format!(
            "tesseract has no language `{missing}` (it has {has}); {}",
            package(missing)
        )))
    }
}

/// How to get a language.
fn package(code: &str) -> String {
    if code.starts_with("script/") {
        return "on Debian, `apt-cache search tesseract-ocr-script` names its package".to_owned();
    }
    format!(
        "on Debian: apt-get install tesseract-ocr-{}",
        code.to_ascii_lowercase().replace('_', "-")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::fetch::FetchErrorKind;

    #[test]
    fn the_first_missing_language_is_named_with_its_package() {
        let has = Languages::parse("List of available languages (3):\ndeu\neng\nscript/Latin\n");
        let check = |it: &str| has.check(&it.parse().expect("codes"));

        check("eng").expect("there");
        check("eng+script/Latin+deu").expect("all there");
        for (wanted, named) in [
            ("eng+chi_sim", "tesseract-ocr-chi-sim"),
            ("script/Greek", "tesseract-ocr-script"),
            ("eng++deu", "no language ``"),
            ("List", "no language `List`"),
        ] {
            let error = check(wanted).expect_err("missing");
            assert_eq!(error.kind(), FetchErrorKind::Unavailable);
            assert!(error.to_string().contains(named), "{error}");
        }
    }
}
