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
    /// Adds the browser tier to an engine, with this driver, if a browser is installed. Without the check, the engine would
    /// hold credits for the tier and escalate to it, only to fail.
    pub(crate) fn add_to(
        self,
        builder: EngineBuilder,
        chrome: &Chrome,
    ) -> Result<EngineBuilder, CliError> {
        let is_installed = chrome.find().is_ok();
        self.add_if(is_installed, builder, chrome)
    }

    /// Adds the browser tier to an engine that leaves fetching to other machines, which have a browser.
    pub(crate) fn add_for_others(
        self,
        builder: EngineBuilder,
        chrome: &Chrome,
    ) -> Result<EngineBuilder, CliError> {
        self.add_if(true, builder, chrome)
    }

    fn add_if(
        self,
        is_there: bool,
        builder: EngineBuilder,
        chrome: &Chrome,
    ) -> Result<EngineBuilder, CliError> {
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
