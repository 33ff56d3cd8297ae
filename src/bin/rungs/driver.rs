//! The driver of the browser tier.

use clap::ValueEnum;
use rungs::engine::EngineBuilder;
use rungs::fetch::Chrome;
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
    /// Adds the browser tier to an engine, with this driver, if there is a browser.
    pub(crate) fn add_to(
        self,
        builder: EngineBuilder,
        chrome: &Chrome,
        browser: BrowserPlace,
    ) -> Result<EngineBuilder, CliError> {
        // Without the check, the engine would hold credits for the tier and escalate to it, only to fail.
        let is_there = browser == BrowserPlace::Elsewhere || chrome.find().is_ok();
        Ok(match self {
            Self::Chromium if is_there => builder.browser(chrome.clone()),
            Self::Chromium => builder,
            Self::HeadlessChrome => {
                let fetcher = headless_chrome::fetcher(chrome)?;
                if is_there { builder.browser(fetcher) } else { builder }
            }
        })
    }
}

/// The machines whose browsers render pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BrowserPlace {
    /// This one, which may have none.
    Here,
    /// Those of workers. The engine of an API server holds credits for their browsers.
    Elsewhere,
}

#[cfg(feature = "headless_chrome")]
mod headless_chrome {
    use rungs::fetch::{Chrome, HeadlessChrome};

    use crate::error::CliError;

    #[expect(clippy::unnecessary_wraps, reason = "it fails without the feature")]
    pub(super) fn fetcher(chrome: &Chrome) -> Result<HeadlessChrome, CliError> {
        Ok(HeadlessChrome::new(chrome.clone()))
    }
}

#[cfg(not(feature = "headless_chrome"))]
mod headless_chrome {
    use rungs::fetch::Chrome;

    use crate::error::CliError;

    pub(super) fn fetcher(_: &Chrome) -> Result<Chrome, CliError> {
        Err(CliError::Usage(
            "the browser driver headless_chrome is not built in: build rungs with \
             `--features cli,headless_chrome`, or use the driver chromium"
                .to_owned(),
        ))
    }
}
