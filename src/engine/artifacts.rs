//! Files stored beside a result: screenshots and printed pages.
//!
//! Each is a separate body, so that loading a result loads no image. It is removed with its batch.

use serde::{Deserialize, Serialize};

use crate::core::job::{BodyRef, Job};
use crate::engine::shared::Shared;
use crate::ports::store::StoreError;

/// The artifact name of a page's screenshot.
pub const SCREENSHOT: &str = "screenshot.png";
/// The artifact name of a page printed to PDF.
pub const PRINT: &str = "page.pdf";

/// The media type of every screenshot.
const PNG: &str = "image/png";

/// A file stored beside a result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// The file's name, unique within its job: `screenshot.png`, `page.pdf`, or `action-1.png` and so on.
    pub name: String,
    /// The file's media type: `image/png` or `application/pdf`.
    pub media_type: String,
    /// The file's size in bytes.
    pub size_bytes: u64,
    /// The reference to the stored file.
    pub(super) body: BodyRef,
}

/// Files that a browser made of a page.
#[derive(Debug, Default)]
pub(super) struct BrowserFiles {
    pub(super) screenshot: Option<Vec<u8>>,
    pub(super) pdf: Option<Vec<u8>>,
    pub(super) pictures: Vec<Vec<u8>>,
}

/// Stores a page's files durably.
pub(super) async fn store(
    shared: &Shared,
    job: &Job,
    files: BrowserFiles,
) -> Result<Vec<Artifact>, StoreError> {
    let BrowserFiles { screenshot, pdf, pictures } = files;
    let numbered = |(at, bytes): (usize, Vec<u8>)| (format!("action-{}.png", at + 1), PNG, bytes);
    let files = screenshot
        .map(|it| (SCREENSHOT.to_owned(), PNG, it))
        .into_iter()
        .chain(pdf.map(|it| (PRINT.to_owned(), "application/pdf", it)))
        .chain(pictures.into_iter().enumerate().map(numbered));
    let mut stored = Vec::new();
    for (name, media_type, bytes) in files {
        let size_bytes = bytes.len() as u64;
        let body = shared.put_body(job.batch, bytes).await?;
        stored.push(Artifact { name, media_type: media_type.to_owned(), size_bytes, body });
    }
    Ok(stored)
}

/// Copies the files of a cached result into this job's batch, so that they are removed with it. Files
/// that are gone are dropped from the list.
pub(super) async fn copy(
    shared: &Shared,
    job: &Job,
    artifacts: &mut Vec<Artifact>,
) -> Result<(), StoreError> {
    for mut artifact in std::mem::take(artifacts) {
        let Some(bytes) = shared.adapters.bodies.get(artifact.body).await? else { continue };
        artifact.body = shared.put_body(job.batch, bytes).await?;
        artifacts.push(artifact);
    }
    Ok(())
}
