//! The installed languages.

use super::error::unavailable;
use crate::core::request::OcrLanguage;
use crate::ports::fetch::FetchError;

/// The languages that the program lists.
#[derive(Debug)]
pub(super) struct Languages(Vec<String>);

impl Languages {
    /// Parses the output of `--list-langs`: a heading, then one name per line.
    pub(super) fn parse(output: &str) -> Self {
        let names = output.lines().skip(1).map(str::trim).filter(|name| !name.is_empty());
        Self(names.map(str::to_owned).collect())
    }

    pub(super) fn names(&self) -> &[String] {
        &self.0
    }

    /// Checks that all requested languages are installed. Only names from the program's own list are ever passed
    /// to it.
    pub(super) fn check(&self, requested: &OcrLanguage) -> Result<(), FetchError> {
        let mut codes = requested.as_str().split('+');
        let Some(missing) = codes.find(|code| !self.0.iter().any(|name| name == code)) else {
            return Ok(());
        };
        let installed = if self.0.is_empty() { "none".to_owned() } else { self.0.join(", ") };
        Err(unavailable(format!(
            "tesseract has no language `{missing}` (installed: {installed}): {}",
            installation_hint(missing)
        )))
    }
}

fn installation_hint(code: &str) -> String {
    if code.starts_with("script/") {
        return "find its package with `apt-cache search tesseract-ocr-script` on Debian"
            .to_owned();
    }
    format!(
        "install it (on Debian: apt-get install tesseract-ocr-{})",
        code.to_ascii_lowercase().replace('_', "-")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::fetch::FetchErrorKind;

    #[test]
    fn the_first_missing_language_is_named_with_its_package() {
        let languages =
            Languages::parse("List of available languages (3):\ndeu\neng\nscript/Latin\n");
        let check = |codes: &str| languages.check(&codes.parse().expect("codes"));

        check("eng").expect("installed");
        check("eng+script/Latin+deu").expect("all installed");
        for (requested, named) in [
            ("eng+chi_sim", "tesseract-ocr-chi-sim"),
            ("script/Greek", "tesseract-ocr-script"),
            ("eng++deu", "no language ``"),
            ("List", "no language `List`"),
        ] {
            let error = check(requested).expect_err("missing");
            assert_eq!(error.kind(), FetchErrorKind::Unavailable);
            assert!(error.to_string().contains(named), "{error}");
        }
    }
}
