//! A batch as it happens, as server-sent events.
//!
//! What must not be missed are the ends of jobs and of the batch. Each such event's id holds which jobs
//! have been told of, so a client that comes back with the last one it got is told of the rest, by
//! whichever process. What lies between is for showing progress and has no id.

use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::core::batch::{BatchRecord, BatchStatus};
use crate::core::id::BatchId;
use crate::core::job::Job;
use crate::engine::{BatchHandle, ProgressEvent};
use crate::service::server::answer::{self, Gone, Pieces};
use crate::service::server::gate::Caller;
use crate::service::server::problem::Problem;
use crate::service::server::routes::Service;
use crate::service::server::routes::batch::owned;
use crate::service::wire;

/// So that nothing on the way takes a quiet stream for a dead one.
const BEAT: Duration = Duration::from_secs(15);
/// What a client waits for before it comes back, in milliseconds.
const RETRY: u64 = 2_000;
/// Ends the id of the last event: after it there is nothing to come back for.
const END: &str = ".end";

/// Which jobs a client knows the end of: a bit each, by their place in the batch.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Told {
    bits: Vec<u8>,
}

impl Told {
    /// Nothing yet.
    fn nothing(jobs: usize) -> Self {
        Self { bits: vec![0; jobs.div_ceil(8)] }
    }

    /// What an id says, if it is one of a batch of so many jobs.
    fn parse(id: &str, jobs: usize) -> Option<Self> {
        let hex = id.strip_suffix(END).unwrap_or(id);
        let pairs = hex.as_bytes().chunks(2).map(|it| {
            let digits = std::str::from_utf8(it)
                .ok()
                .filter(|it| it.len() == 2 && it.bytes().all(|it| it.is_ascii_hexdigit()))?;
            u8::from_str_radix(digits, 16).ok()
        });
        let bits: Vec<u8> = pairs.collect::<Option<_>>()?;
        (bits.len() == jobs.div_ceil(8)).then_some(Self { bits })
    }

    /// Notes a job. Says whether it was new.
    fn note(&mut self, job: &Job) -> bool {
        let place = job.index as usize;
        let Some(byte) = self.bits.get_mut(place / 8) else { return false };
        let bit = 1 << (place % 8);
        let new = *byte & bit == 0;
        *byte |= bit;
        new
    }

    fn id(&self) -> String {
        let mut id = String::with_capacity(self.bits.len() * 2 + END.len());
        for byte in &self.bits {
            id.push_str(&format!("{byte:02x}"));
        }
        id
    }
}

/// `GET /batch/{id}/events`.
pub(super) async fn events(
    State(service): State<Service>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let batch = owned(&service, &caller, &id).await?;
    let last = headers.get("last-event-id").and_then(|it| it.to_str().ok()).unwrap_or_default();
    if last.ends_with(END) {
        // The one answer after which a browser does not come back.
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let told = Told::parse(last, batch.jobs.len());
    let told = told.unwrap_or_else(|| Told::nothing(batch.jobs.len()));
    // It listens before it looks, so that nothing falls between the two.
    let handle = service.engine().batch_handle(batch.id).await?;
    let (pieces, response) = answer::pieces("text/event-stream", service.bounds().read_time);
    tokio::spawn(async move {
        let mut stream = Stream { service, pieces, told, batch: batch.id, _caller: caller };
        let _ = stream.run(handle).await;
    });
    Ok(response)
}

/// One client's stream.
struct Stream {
    service: Service,
    pieces: Pieces,
    told: Told,
    batch: BatchId,
    /// It keeps its place among the key's requests for as long as it lasts.
    _caller: Caller,
}

impl Stream {
    async fn run(&mut self, mut handle: BatchHandle) -> Result<(), Gone> {
        self.pieces.write(format!("retry: {RETRY}\n\n")).await?;
        if self.catch_up().await? {
            return Ok(());
        }
        let stopping = self.service.stopping().clone();
        loop {
            let event = tokio::select! {
                biased;
                () = stopping.cancelled() => return Ok(()),
                event = handle.next_event() => event,
                () = tokio::time::sleep(BEAT) => {
                    self.pieces.write(": still here\n\n".to_owned()).await?;
                    continue;
                }
            };
            match event {
                Some(ProgressEvent::BatchEnded { .. }) | None => {
                    self.catch_up().await?;
                    return Ok(());
                }
                Some(ProgressEvent::JobEnded { job }) => self.ended(&job).await?,
                Some(ProgressEvent::JobStarted { job }) => {
                    self.passing("job.started", &wire::started(job)).await?;
                }
                Some(ProgressEvent::Attempted { job, attempt }) => {
                    self.passing("job.attempted", &wire::attempted(job, &attempt)).await?;
                }
                Some(ProgressEvent::JobRescheduled { job }) => {
                    self.passing("job.rescheduled", &wire::started(job)).await?;
                }
            }
        }
    }

    /// Tells of every end that the client does not know, in their order. Says whether the batch's own is
    /// among them.
    async fn catch_up(&mut self) -> Result<bool, Gone> {
        // A store that fails ends the stream; the client comes back for the rest.
        let progress = self.service.engine().batch_with_jobs(self.batch).await;
        let Ok((batch, mut jobs)) = progress else { return Ok(true) };
        jobs.retain(|it| it.state.is_ended());
        jobs.sort_by_key(|it| (it.ended_at, it.index));
        for job in &jobs {
            self.ended(job).await?;
        }
        if batch.status() == BatchStatus::Processing {
            return Ok(false);
        }
        self.finish(&batch).await?;
        Ok(true)
    }

    async fn ended(&mut self, job: &Job) -> Result<(), Gone> {
        if !self.told.note(job) {
            return Ok(());
        }
        let name = if job.failure().is_some() { "job.failed" } else { "job.succeeded" };
        let id = self.told.id();
        self.pieces
            .write(format!("id: {id}\nevent: {name}\ndata: {}\n\n", wire::bare_item(job)))
            .await
    }

    async fn finish(&self, batch: &BatchRecord) -> Result<(), Gone> {
        let (id, data) = (self.told.id(), wire::summary(batch));
        self.pieces.write(format!("id: {id}{END}\nevent: batch.completed\ndata: {data}\n\n")).await
    }

    /// What may be missed.
    async fn passing(&self, name: &str, data: &serde_json::Value) -> Result<(), Gone> {
        self.pieces.write(format!("event: {name}\ndata: {data}\n\n")).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_says_what_was_told_and_nothing_else_is_an_id() {
        let mut told = Told::nothing(9);
        told.bits[1] = 1;

        assert_eq!(told.id(), "0001");
        assert_eq!(Told::parse("0001", 9), Some(told.clone()));
        assert_eq!(Told::parse("0001.end", 9), Some(told));
        for other in ["", "00", "000", "000001", "00zz", "é0", "+1+1"] {
            assert_eq!(Told::parse(other, 9), None, "{other}");
        }
    }
}
