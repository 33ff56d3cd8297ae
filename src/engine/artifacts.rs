//! Files beside a result: screenshots and printed pages.
//!
//! They are bodies of their own, so that reading a result reads no picture, and they live as long as
//! their batch.

use serde::{Deserialize, Serialize};

use crate::core::id::JobId;
use crate::core::job::{BodyRef, Job};
use crate::engine::{Engine, EngineError, Shared};
use crate::ports::store::StoreError;

/// The name of a page's screenshot.
pub const SCREENSHOT: &str = "screenshot.png";
/// The name of a page's print.
pub const PRINT: &str = "page.pdf";

/// A file beside a result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// Its name, one of a kind within its job: `screenshot.png`, `page.pdf`, `action-1.png`.
    pub name: String,
    /// Its media type.
    pub media_type: String,
    /// Its bytes.
    pub size_bytes: u64,
    /// Where it is kept.
    pub(super) body: BodyRef,
}

/// What a browser brought beside the page.
#[derive(Debug, Default)]
pub(super) struct Brought {
    pub(super) screenshot: Option<Vec<u8>>,
    pub(super) pdf: Option<Vec<u8>>,
    pub(super) pictures: Vec<Vec<u8>>,
}

/// Keeps what was brought, durably.
pub(super) async fn keep(
    shared: &Shared,
    job: &Job,
    brought: Brought,
) -> Result<Vec<Artifact>, StoreError> {
    const PNG: &str = "image/png";
    let numbered = |(at, bytes): (usize, Vec<u8>)| (format!("action-{}.png", at + 1), PNG, bytes);
    let files = brought
        .screenshot
        .map(|it| (SCREENSHOT.to_owned(), PNG, it))
        .into_iter()
        .chain(brought.pdf.map(|it| (PRINT.to_owned(), "application/pdf", it)))
        .chain(brought.pictures.into_iter().enumerate().map(numbered));
    let mut kept = Vec::new();
    for (name, media_type, bytes) in files {
        let size_bytes = bytes.len() as u64;
        let body = shared.bodies.put(job.batch, bytes).await?;
        kept.push(Artifact { name, media_type: media_type.to_owned(), size_bytes, body });
    }
    Ok(kept)
}

/// Files of a cached result, copied so that they live as long as this job's batch; those that are
/// gone are left out.
pub(super) async fn copy(
    shared: &Shared,
    job: &Job,
    artifacts: &mut Vec<Artifact>,
) -> Result<(), StoreError> {
    for mut artifact in std::mem::take(artifacts) {
        let Some(bytes) = shared.bodies.get(artifact.body).await? else { continue };
        artifact.body = shared.bodies.put(job.batch, bytes).await?;
        artifacts.push(artifact);
    }
    Ok(())
}

impl Engine {
    /// A file beside a job's result, by its name, with its bytes: `None` if there is none of that name,
    /// or the job has no result.
    pub async fn artifact(
        &self,
        id: JobId,
        name: &str,
    ) -> Result<Option<(Artifact, Vec<u8>)>, EngineError> {
        let report = self.job(id).await?;
        let Some(Ok(page)) = report.outcome() else { return Ok(None) };
        let Some(artifact) = page.artifacts.iter().find(|it| it.name == name) else {
            return Ok(None);
        };
        let bytes = self.shared.bodies.get(artifact.body.clone()).await?;
        Ok(bytes.map(|it| (artifact.clone(), it)))
    }
}
