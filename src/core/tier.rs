//! The tiers of the ladder.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A tier of the ladder: a method of fetching a page. A more expensive tier is greater.
///
/// ```
/// use rungs::core::tier::Tier;
///
/// assert_eq!("3.5".parse::<Tier>()?, Tier::LightJs);
/// assert!(Tier::Curl < Tier::Browser);
/// # Ok::<(), rungs::core::tier::ParseTierError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Tier {
    /// Tier 1: one plain request with an honest user agent.
    Curl,
    /// Tier 2: a browser's ordinary header set, with cookies kept for the job.
    Http,
    /// Tier 3: tier 2 through your proxies.
    Stealth,
    /// Tier 3.5: the page's embedded state (data for its scripts), without running them.
    LightJs,
    /// Tier 4: headless Chromium.
    Browser,
}

impl Tier {
    /// All tiers, cheapest first.
    pub const ALL: [Self; 5] =
        [Self::Curl, Self::Http, Self::Stealth, Self::LightJs, Self::Browser];

    /// Returns the number as the REST API spells it: `1`, `2`, `3`, `3.5` or `4`.
    pub const fn number(self) -> &'static str {
        match self {
            Self::Curl => "1",
            Self::Http => "2",
            Self::Stealth => "3",
            Self::LightJs => "3.5",
            Self::Browser => "4",
        }
    }

    /// Returns the name, such as `curl`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Curl => "curl",
            Self::Http => "http",
            Self::Stealth => "stealth",
            Self::LightJs => "lightjs",
            Self::Browser => "browser",
        }
    }

    /// Returns the position on the ladder, from 0.
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.number())
    }
}

/// The error for text that is not a tier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a tier: use 1, 2, 3, 3.5 or 4, or curl, http, stealth, lightjs or browser")]
pub struct ParseTierError(String);

impl FromStr for Tier {
    type Err = ParseTierError;

    /// Parses a number or a name. Numbers that older clients send map to their neighbors:
    /// 0.5 as 1, 1.5 as 2, and 5 (`captcha`) as 4.
    fn from_str(text: &str) -> Result<Self, ParseTierError> {
        Ok(match text {
            "1" | "1.0" | "0.5" | "curl" => Self::Curl,
            "2" | "2.0" | "1.5" | "http" => Self::Http,
            "3" | "3.0" | "stealth" => Self::Stealth,
            "3.5" | "lightjs" => Self::LightJs,
            "4" | "4.0" | "5" | "5.0" | "browser" | "captcha" => Self::Browser,
            _ => return Err(ParseTierError(text.chars().take(40).collect())),
        })
    }
}

impl From<Tier> for String {
    fn from(tier: Tier) -> Self {
        tier.number().to_owned()
    }
}

impl TryFrom<String> for Tier {
    type Error = ParseTierError;

    fn try_from(text: String) -> Result<Self, ParseTierError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tier_reads_back_from_its_number_and_from_its_name() {
        for tier in Tier::ALL {
            assert_eq!(tier.number().parse(), Ok(tier));
            assert_eq!(tier.name().parse(), Ok(tier));
            assert_eq!(tier.to_string(), tier.number());
            assert_eq!(Tier::try_from(String::from(tier)), Ok(tier));
        }
        let names = Tier::ALL.map(Tier::name);
        assert_eq!(names, ["curl", "http", "stealth", "lightjs", "browser"]);
        assert!("6".parse::<Tier>().is_err());
    }
}
