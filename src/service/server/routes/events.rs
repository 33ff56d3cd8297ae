//! The progress of a batch as server-sent events.
//!
//! A client must not miss the ends of jobs and of the batch. The id of each such event records the jobs whose ends were
//! sent. A client that reconnects with its last id therefore gets the rest, from whichever process it reaches. The other
//! events only show progress and have no id.

use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::core::batch::BatchStatus;
use crate::core::id::{BatchId, JobId};
use crate::core::job::Job;
use crate::engine::{BatchHandle, ProgressEvent};
use crate::service::server::principal::Principal;
use crate::service::server::response::{self, ChunkWriter, Disconnected};
use crate::service::server::routes::lookup;
use crate::service::server::state::Service;
use crate::service::wire::{self, Problem};

/// Pause after which a comment is sent, so that no proxy takes a quiet stream for a dead one.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Wait before a client reconnects, in milliseconds.
const RETRY_MS: u64 = 2_000;
/// Suffix of the last event's id. After that event, there is nothing to reconnect for.
const END: &str = ".end";

/// The jobs whose end was sent: one bit each, by their index in the batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SentJobs {
    bits: Vec<u8>,
}

impl SentJobs {
    pub(super) fn none(jobs: usize) -> Self {
        Self { bits: vec![0; jobs.div_ceil(8)] }
    }

    /// Parses an event's id; `None` if it does not belong to a batch of this many jobs.
    pub(super) fn parse(id: &str, jobs: usize) -> Option<Self> {
        let hex = id.strip_suffix(END).unwrap_or(id);
        let bytes = hex.as_bytes().chunks(2).map(|pair| {
            let digits = std::str::from_utf8(pair)
                .ok()
                .filter(|it| it.len() == 2 && it.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
            u8::from_str_radix(digits, 16).ok()
        });
        let bits: Vec<u8> = bytes.collect::<Option<_>>()?;
        (bits.len() == jobs.div_ceil(8)).then_some(Self { bits })
    }

    /// Adds a job. Returns `true` if it was not among them yet.
    fn insert(&mut self, job: &Job) -> bool {
        let index = job.index as usize;
        let Some(byte) = self.bits.get_mut(index / 8) else { return false };
        let bit = 1 << (index % 8);
        let new = *byte & bit == 0;
        *byte |= bit;
        new
    }

    fn event_id(&self) -> String {
        let mut id = String::with_capacity(self.bits.len() * 2 + END.len());
        for byte in &self.bits {
            id.push_str(&format!("{byte:02x}"));
        }
        id
    }
}

/// Handles `GET /batch/{id}/events`.
pub(in crate::service::server) async fn events(
    State(service): State<Service>,
    principal: Principal,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    // It subscribes before it reads the jobs, so that no event falls between the two.
    let handle = service.engine().batch_handle(lookup::batch_id(&id)?).await?;
    if handle.record().account != *principal.account() {
        return Err(wire::batch_not_found());
    }
    let last = headers.get("last-event-id").and_then(|it| it.to_str().ok()).unwrap_or_default();
    if last.ends_with(END) {
        // The only response after which a browser does not reconnect.
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let jobs = handle.job_ids().len();
    let sent = SentJobs::parse(last, jobs).unwrap_or_else(|| SentJobs::none(jobs));
    let permit =
        principal.begin_stream(service.settings().max_streams_per_key, service.engine().now())?;
    let write_timeout = service.settings().write_timeout;
    let (writer, response) = response::streamed("text/event-stream", write_timeout);
    tokio::spawn(async move {
        // The stream counts as a running request of the API key for as long as it lasts.
        let _permits = (permit, principal);
        if writer.write(format!("retry: {RETRY_MS}\n\n")).await.is_ok() {
            let mut stream = EventStream::new(service, writer, sent);
            // The end of the response makes the client reconnect, unless it received the last event.
            let _ = stream.run(handle).await;
        }
    });
    Ok(response)
}

/// A receiver of a batch's events.
pub(super) trait EventSink: Send + Sync {
    /// Sends the lines of an event. `job` is its job; `None` for the end of the batch. A client may miss an event without
    /// an id.
    fn send(
        &self,
        job: Option<JobId>,
        id: Option<&str>,
        lines: &str,
    ) -> impl Future<Output = Result<(), Disconnected>> + Send;

    /// Shows that the connection is alive.
    fn heartbeat(&self) -> impl Future<Output = Result<(), Disconnected>> + Send;

    /// Waits until the client is gone.
    fn closed(&self) -> impl Future<Output = ()> + Send;
}

impl EventSink for ChunkWriter {
    async fn send(
        &self,
        _job: Option<JobId>,
        id: Option<&str>,
        lines: &str,
    ) -> Result<(), Disconnected> {
        let text = match id {
            Some(id) => ["id: ", id, "\n", lines].concat(),
            None => lines.to_owned(),
        };
        self.write(text).await
    }

    async fn heartbeat(&self) -> Result<(), Disconnected> {
        self.write(": heartbeat\n\n".to_owned()).await
    }

    async fn closed(&self) {
        ChunkWriter::closed(self).await;
    }
}

/// The end of an event stream whose client is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StreamEnd {
    /// All events were sent.
    Complete,
    /// The store failed or the service shuts down: the client has to reconnect for the rest.
    Interrupted,
}

/// The event stream of one client.
pub(super) struct EventStream<S> {
    service: Service,
    sink: S,
    sent: SentJobs,
}

impl<S: EventSink> EventStream<S> {
    pub(super) fn new(service: Service, sink: S, sent: SentJobs) -> Self {
        Self { service, sink, sent }
    }

    /// Sends every event until the batch ends, the client is gone, or no more can be read.
    pub(super) async fn run(&mut self, mut handle: BatchHandle) -> Result<StreamEnd, Disconnected> {
        let batch = handle.id();
        if let Some(end) = self.catch_up(batch).await? {
            return Ok(end);
        }
        let shutdown = self.service.shutdown().clone();
        loop {
            let event = tokio::select! {
                biased;
                () = shutdown.cancelled() => return Ok(StreamEnd::Interrupted),
                () = self.sink.closed() => return Err(Disconnected),
                event = handle.next_shared_event() => event,
                () = tokio::time::sleep(HEARTBEAT) => {
                    self.sink.heartbeat().await?;
                    continue;
                }
            };
            let event = match event {
                Ok(Some(event)) => event,
                Ok(None) => return self.send_rest(batch).await,
                Err(_) => return Ok(StreamEnd::Interrupted),
            };
            // All listeners of the batch send the same lines behind the id.
            let lines = || event.serialized(|it| wire::event_lines(it).unwrap_or_default());
            match event.event() {
                ProgressEvent::BatchEnded { .. } => return self.send_rest(batch).await,
                ProgressEvent::JobEnded { job } => self.job_ended(job, lines).await?,
                ProgressEvent::JobStarted { job }
                | ProgressEvent::JobRescheduled { job }
                | ProgressEvent::Attempted { job, .. } => {
                    self.sink.send(Some(*job), None, lines()).await?;
                }
            }
        }
    }

    /// Sends the last events of a batch that has ended.
    async fn send_rest(&mut self, batch: BatchId) -> Result<StreamEnd, Disconnected> {
        Ok(self.catch_up(batch).await?.unwrap_or(StreamEnd::Interrupted))
    }

    /// Sends every end that the client has not received, in order. Returns `None` if the batch is still running.
    async fn catch_up(&mut self, batch: BatchId) -> Result<Option<StreamEnd>, Disconnected> {
        let progress = self.service.engine().batch_with_jobs(batch).await;
        let Ok((batch, mut jobs)) = progress else { return Ok(Some(StreamEnd::Interrupted)) };
        jobs.retain(|it| it.state.is_ended());
        jobs.sort_by_key(|it| (it.ended_at, it.index));
        for job in &jobs {
            self.job_ended(job, || wire::job_ended_lines(job)).await?;
        }
        if batch.status() == BatchStatus::Processing {
            return Ok(None);
        }
        let id = format!("{}{END}", self.sent.event_id());
        self.sink.send(None, Some(&id), &wire::batch_completed_lines(&batch)).await?;
        Ok(Some(StreamEnd::Complete))
    }

    /// Sends the end of a job, unless it was sent before. `lines` returns those of the event.
    async fn job_ended<L: AsRef<str> + Send>(
        &mut self,
        job: &Job,
        lines: impl FnOnce() -> L + Send,
    ) -> Result<(), Disconnected> {
        if !self.sent.insert(job) {
            return Ok(());
        }
        let id = self.sent.event_id();
        self.sink.send(Some(job.id), Some(&id), lines().as_ref()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_id_records_the_jobs_that_were_sent() {
        let mut sent = SentJobs::none(9);
        sent.bits[1] = 1;

        assert_eq!(sent.event_id(), "0001");
        assert_eq!(SentJobs::parse("0001", 9), Some(sent.clone()));
        assert_eq!(SentJobs::parse("0001.end", 9), Some(sent));
        for other in ["", "00", "000", "000001", "00zz", "é0", "+1+1"] {
            assert_eq!(SentJobs::parse(other, 9), None, "{other}");
        }
    }
}
