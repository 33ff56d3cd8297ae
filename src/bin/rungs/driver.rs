//! The driver of the browser tier.

use clap::ValueEnum;
use rungs::engine::EngineBuilder;
use rungs::fetch::Chrome;
use rungs::ports::fetch::BrowserFetcher;
use serde::Deserialize;

use crate::error::CliError;

/// A driver of Chromium: `--browser` on the command line, `browser` in the settings file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BrowserDriver {
    /// The built-in driver, which supports every option.
    #[default]
    Chromium,
    /// The crate `headless_chrome`, if this program was built with the feature of that name.
    HeadlessChrome,
}

impl BrowserDriver {
    /// Adds the browser tier to an engine, with this driver.
    pub(crate) fn add_to(
        self,
        builder: EngineBuilder,
        chrome: &Chrome,
    ) -> Result<EngineBuilder, CliError> {
        match self {
            Self::Chromium => Ok(add_if_installed(builder, chrome, chrome.clone())),
            Self::HeadlessChrome => headless_chrome::add_to(builder, chrome),
        }
    }
}

/// Adds the browser tier if a browser is installed. Without the check, the engine would hold credits for the tier
/// and escalate to it, only to fail.
fn add_if_installed(
    builder: EngineBuilder,
    chrome: &Chrome,
    fetcher: impl BrowserFetcher + 'static,
) -> EngineBuilder {
    if chrome.find().is_ok() { builder.browser(fetcher) } else { builder }
}

#[cfg(feature = "headless_chrome")]
mod headless_chrome {
    use rungs::engine::EngineBuilder;
    use rungs::fetch::{Chrome, HeadlessChrome};

    use crate::error::CliError;

    #[expect(clippy::unnecessary_wraps, reason = "it fails without the feature")]
    pub(super) fn add_to(
        builder: EngineBuilder,
        chrome: &Chrome,
    ) -> Result<EngineBuilder, CliError> {
        let fetcher = HeadlessChrome::new(chrome.clone());
        Ok(super::add_if_installed(builder, chrome, fetcher))
    }
}

#[cfg(not(feature = "headless_chrome"))]
mod headless_chrome {
    use rungs::engine::EngineBuilder;
    use rungs::fetch::Chrome;

    use crate::error::CliError;

    pub(super) fn add_to(_: EngineBuilder, _: &Chrome) -> Result<EngineBuilder, CliError> {
        Err(CliError::Usage(
            "the browser driver headless_chrome is not built in: build rungs with \
             `--features cli,headless_chrome`, or use the driver chromium"
                .to_owned(),
        ))
    }
}
