//! The URL of an object store.

use std::fmt;
use std::path::PathBuf;

use object_store::path::Path;
use url::Url;

use crate::stores::objects::ObjectsError;

/// Maximum number of characters of a malformed URL that its error repeats.
const MAX_SHOWN_CHARS: usize = 100;

/// A kind of object store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Provider {
    /// A directory of this machine or of a network file system.
    Directory,
    /// Amazon S3, or another service with its API.
    S3,
    /// Google Cloud Storage.
    Gcs,
    /// Azure Blob Storage.
    Azure,
}

impl Provider {
    /// Returns the start of the environment variables that configure it.
    pub(super) fn variables(self) -> &'static str {
        match self {
            Self::Directory => "",
            Self::S3 => "AWS_",
            Self::Gcs => "GOOGLE_",
            Self::Azure => "AZURE_",
        }
    }

    /// Returns the environment variables with credentials, for messages.
    pub(super) fn credentials(self) -> &'static str {
        match self {
            Self::Directory => "",
            Self::S3 => "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
            Self::Gcs => "GOOGLE_SERVICE_ACCOUNT or GOOGLE_APPLICATION_CREDENTIALS",
            Self::Azure => "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
        }
    }

    /// Returns the settings that decide where requests are sent, for messages.
    pub(super) fn endpoint(self) -> &'static str {
        match self {
            Self::Directory => "the path",
            Self::S3 => "AWS_ENDPOINT_URL and AWS_REGION",
            Self::Gcs => "the option `base_url`",
            Self::Azure => "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ENDPOINT",
        }
    }

    fn scheme(self) -> &'static str {
        match self {
            Self::Directory => "file",
            Self::S3 => "s3",
            Self::Gcs => "gs",
            Self::Azure => "az",
        }
    }
}

/// A bucket, or a directory, and the prefix of the objects in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) provider: Provider,
    /// The bucket or container; empty for a directory.
    pub(super) bucket: String,
    /// The directory; empty for a bucket.
    pub(super) dir: PathBuf,
    /// The start of every object's name, without a slash at its end; empty for a directory.
    pub(super) prefix: Path,
}

impl Place {
    /// Parses `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix` or `file:///directory`.
    pub(super) fn parse(text: &str) -> Result<Self, ObjectsError> {
        let wrong = |reason: &str| ObjectsError::Url {
            // Nothing of a URL that may contain a password.
            url: if text.contains('@') { "the URL".to_owned() } else { shown(text) },
            reason: reason.to_owned(),
        };
        let url = Url::parse(text.trim()).map_err(|_| {
            wrong("write it as s3://bucket/prefix, gs://bucket/prefix, az://container/prefix or file:///directory")
        })?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong(
                "credentials do not belong in it: set environment variables instead",
            ));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong(
                "remove what begins with `?` or `#`: settings are environment variables",
            ));
        }
        let provider = match url.scheme() {
            "file" => Provider::Directory,
            "s3" => Provider::S3,
            "gs" => Provider::Gcs,
            "az" => Provider::Azure,
            _ => return Err(wrong("use one of the schemes s3, gs, az and file")),
        };
        if provider == Provider::Directory {
            let dir =
                url.to_file_path().map_err(|()| wrong("write a directory as file:///path"))?;
            let (bucket, prefix) = Default::default();
            return Ok(Self { provider, bucket, dir, prefix });
        }
        let bucket = url.host_str().filter(|it| !it.is_empty());
        let bucket = bucket.ok_or_else(|| wrong("the name of the bucket is missing"))?.to_owned();
        let prefix = Path::from_url_path(url.path());
        let prefix = prefix.map_err(|_| wrong("the prefix is not a path"))?;
        Ok(Self { provider, bucket, dir: PathBuf::new(), prefix })
    }

    /// Returns the bucket's own name in messages.
    pub(super) fn container(&self) -> &'static str {
        match self.provider {
            Provider::Directory => "directory",
            Provider::Azure => "container",
            Provider::S3 | Provider::Gcs => "bucket",
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.provider.scheme();
        match self.provider {
            Provider::Directory => write!(f, "{scheme}://{}", self.dir.display()),
            _ if self.prefix.as_ref().is_empty() => write!(f, "{scheme}://{}", self.bucket),
            _ => write!(f, "{scheme}://{}/{}", self.bucket, self.prefix),
        }
    }
}

fn shown(text: &str) -> String {
    let printable = text.chars().filter(|it| !it.is_control());
    format!("`{}`", printable.take(MAX_SHOWN_CHARS).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_place() {
        for (url, provider, bucket, prefix, printed) in [
            ("s3://pages", Provider::S3, "pages", "", "s3://pages"),
            ("s3://pages/", Provider::S3, "pages", "", "s3://pages"),
            ("s3://my.pages/a/b/", Provider::S3, "my.pages", "a/b", "s3://my.pages/a/b"),
            ("gs://pages/a", Provider::Gcs, "pages", "a", "gs://pages/a"),
            ("az://pages/a", Provider::Azure, "pages", "a", "az://pages/a"),
            (" file:///var/pages ", Provider::Directory, "", "", "file:///var/pages"),
        ] {
            let place = Place::parse(url).expect(url);

            assert_eq!(
                (place.provider, place.bucket.as_str(), place.prefix.as_ref(), place.to_string()),
                (provider, bucket, prefix, printed.to_owned()),
                "{url}"
            );
        }
    }

    #[test]
    fn a_url_that_names_no_place_is_refused_without_its_password() {
        for (url, reason) in [
            ("", "write it as"),
            ("data/bodies", "write it as"),
            ("http://bucket.example/", "use one of the schemes"),
            ("s3:///prefix", "bucket is missing"),
            ("s3://key:hunter2@bucket/prefix", "credentials do not belong"),
            ("s3://bucket/prefix?token=hunter2", "remove what begins with"),
            ("file://host/path", "write a directory as"),
            ("s3 ://key:hunter2@bucket", "write it as"),
        ] {
            let error = Place::parse(url).expect_err(url).to_string();

            assert!(error.contains(reason), "{url}: {error}");
            assert!(url.contains("token") || !error.contains("hunter2"), "{url}: {error}");
        }
    }
}
