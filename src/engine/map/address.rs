//! Canonical addresses: two spellings of a page's URL become one.

use url::Url;

use crate::core::url::PageUrl;

/// Query parameters that identify the source of a visit, not the page.
const TRACKING: [&str; 7] = ["fbclid", "gclid", "dclid", "msclkid", "mc_cid", "mc_eid", "yclid"];

/// The beginning of the names of further tracking parameters.
const TRACKING_PREFIX: &str = "utm_";

/// Extensions of files that are not pages.
const ASSETS: [&str; 46] = [
    "7z", "aac", "apk", "avi", "avif", "bmp", "bz2", "css", "deb", "dmg", "eot", "exe", "flac",
    "gif", "gz", "ico", "iso", "jar", "jpeg", "jpg", "js", "m4a", "m4v", "mkv", "mov", "mp3",
    "mp4", "mpeg", "mpg", "msi", "ogg", "otf", "png", "rar", "rpm", "svg", "tar", "tgz", "tif",
    "tiff", "ttf", "wav", "webm", "webp", "woff", "zip",
];

/// The address of a page in its canonical form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::engine) struct Address {
    /// The canonical URL.
    pub(in crate::engine) url: String,
    /// The host in lower case, with a port that is not the default of the scheme.
    pub(in crate::engine) host: String,
    /// The path.
    pub(in crate::engine) path: String,
}

impl Address {
    /// Parses a URL: without fragment, user info and tracking parameters, and with the host, the port and the escapes as
    /// the URL standard writes them. Returns `None` if it is not the URL of a page.
    pub(in crate::engine) fn parse(text: &str) -> Option<Self> {
        let mut url = Url::parse(text.trim()).ok()?;
        if !matches!(url.scheme(), "http" | "https") {
            return None;
        }
        url.set_fragment(None);
        url.set_username("").ok()?;
        url.set_password(None).ok()?;
        if url.query() == Some("") {
            url.set_query(None);
        }
        if url.query().is_some_and(|it| it.split('&').any(is_tracking)) {
            let kept: Vec<&str> =
                url.query().unwrap_or_default().split('&').filter(|it| !is_tracking(it)).collect();
            let kept = kept.join("&");
            url.set_query(Some(kept.as_str()).filter(|it| !it.is_empty()));
        }
        let host = match url.port() {
            Some(port) => format!("{}:{port}", url.host_str()?),
            None => url.host_str()?.to_owned(),
        };
        let path = url.path().to_owned();
        let url = String::from(url);
        (url.len() <= PageUrl::MAX_LEN).then_some(Self { url, host, path })
    }

    /// Returns `true` if the path ends like that of an image, a script or another file that is not a page.
    pub(in crate::engine) fn is_asset(&self) -> bool {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        let Some((_, extension)) = name.rsplit_once('.') else { return false };
        let extension = extension.to_ascii_lowercase();
        ASSETS.binary_search(&extension.as_str()).is_ok()
    }

    /// Returns the host without a leading `www.`, unless the rest is a public suffix: `www.gov.uk` is one site, and the other
    /// hosts below `gov.uk` are not part of it.
    pub(in crate::engine) fn bare_host(&self) -> &str {
        let host = self.host.as_str();
        host.strip_prefix("www.").filter(|it| !is_public_suffix(it)).unwrap_or(host)
    }

    /// Returns the scheme and the host.
    pub(in crate::engine) fn origin(&self) -> String {
        let scheme = if self.url.starts_with("https:") { "https" } else { "http" };
        format!("{scheme}://{}", self.host)
    }
}

fn is_public_suffix(host: &str) -> bool {
    let name = host.split(':').next().unwrap_or_default();
    psl::suffix(name.as_bytes()).is_some_and(|it| it.is_known() && it == name)
}

fn is_tracking(pair: &str) -> bool {
    let name = pair.split('=').next().unwrap_or_default();
    TRACKING.contains(&name) || name.starts_with(TRACKING_PREFIX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_a_page_are_one_address() {
        for text in [
            "https://example.com/a?b=1",
            "HTTPS://u:p@Example.COM:443/x/../a?b=1#part",
            "https://example.com/./a?utm_source=x&b=1&gclid=3",
        ] {
            let address = Address::parse(text).expect(text);
            assert_eq!(address.url, "https://example.com/a?b=1", "{text}");
            assert_eq!((address.host.as_str(), address.path.as_str()), ("example.com", "/a"));
        }
        assert_eq!(Address::parse("http://a?utm_x=1").expect("a page").url, "http://a/");
        assert_eq!(Address::parse("http://a:8080/?").expect("a page").url, "http://a:8080/");
        assert_eq!(Address::parse("http://a:8080/").expect("a page").origin(), "http://a:8080");
        for text in ["mailto:a@b", "ftp://a/", "/a", "", "http://"] {
            assert_eq!(Address::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_leading_www_counts_only_before_a_public_suffix() {
        for (url, expected) in [
            ("https://www.example.com/", "example.com"),
            ("https://docs.example.com/", "docs.example.com"),
            ("https://www.example.com:8443/", "example.com:8443"),
            ("https://www.gov.uk/", "www.gov.uk"),
            ("https://www.gov.uk:8443/", "www.gov.uk:8443"),
            ("http://www.intranet/", "intranet"),
            ("http://127.0.0.1:80/", "127.0.0.1"),
            ("http://[::1]:8080/", "[::1]:8080"),
        ] {
            assert_eq!(Address::parse(url).expect(url).bare_host(), expected, "{url}");
        }
    }

    #[test]
    fn files_that_are_not_pages_are_known_by_their_extension() {
        assert!(ASSETS.is_sorted());
        for (url, expected) in [
            ("http://a/x.JPG?y", true),
            ("http://a/x.css", true),
            ("http://a/x.html", false),
            ("http://a/x.pdf", false),
            ("http://a.zip/", false),
            ("http://a/v1.2/", false),
        ] {
            assert_eq!(Address::parse(url).expect(url).is_asset(), expected, "{url}");
        }
    }
}
