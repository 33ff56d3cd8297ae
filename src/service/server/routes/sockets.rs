//! The progress of jobs and batches over a WebSocket.
//!
//! The events and their ids are those of the event stream of a batch. A client subscribes to jobs or batches by messages.
//!
//! # Invariants
//!
//! * A connection has at most [`MAX_SUBSCRIPTIONS`], reads messages of at most [`MAX_MESSAGE_BYTES`], and buffers at most
//!   [`BUFFERED`] events: a subscription waits while the client does not read.
//! * A client that sends nothing for [`IDLE`], pongs included, is disconnected.

use std::collections::HashMap;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::HeaderMap;
use axum::http::header::SEC_WEBSOCKET_PROTOCOL;
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until, timeout};

use crate::core::id::{BatchId, JobId};
use crate::engine::BatchHandle;
use crate::service::server::connections::OpenConnection;
use crate::service::server::key_limits::Permit;
use crate::service::server::keys::KeyScope;
use crate::service::server::middleware::{admit, check_cross_site, presented_key};
use crate::service::server::principal::Principal;
use crate::service::server::query;
use crate::service::server::response::Disconnected;
use crate::service::server::routes::events::{EventSink, EventStream, SentJobs, StreamEnd};
use crate::service::server::routes::lookup;
use crate::service::server::state::Service;
use crate::service::wire::{self, Problem, SocketAction, SocketTopic};

/// Subscriptions of one connection.
const MAX_SUBSCRIPTIONS: usize = 64;
/// The longest message of a client in bytes.
const MAX_MESSAGE_BYTES: usize = 4_096;
/// Events that wait for the client to read them.
const BUFFERED: usize = 16;
/// Time between two pings.
const PING: Duration = Duration::from_secs(15);
/// Time without any message of the client after which the connection is closed.
const IDLE: Duration = Duration::from_mins(1);
/// The close code for a missing or unknown API key.
const UNAUTHORIZED: u16 = 4_001;
/// The close code for a client that does not respond.
const UNRESPONSIVE: u16 = 4_008;
/// The close code for a shutdown, from the WebSocket standard.
const GOING_AWAY: u16 = 1_001;
/// The close code for a message that is too long, from the WebSocket standard.
const TOO_LONG: u16 = 1_009;
/// The close code for a failure of the service, from the WebSocket standard.
const FAILED: u16 = 1_011;

/// Handles `GET /ws/jobs`.
pub(in crate::service::server) async fn connect(
    State(service): State<Service>,
    request: Request,
) -> Result<Response, Problem> {
    let keys = service.api_keys();
    if !keys.are_required() {
        check_cross_site(&request, service.settings().allowed_hosts)?;
    }
    let (mut head, _) = request.into_parts();
    let protocols = protocols(&head.headers);
    let in_query = query::parameter(head.uri.query(), wire::SOCKET_KEY);
    let presented = presented_key(&head.headers).or(in_query.as_deref());
    let mut key = keys.find(presented);
    if key.is_none() {
        key = protocols.iter().find_map(|it| keys.find(Some(it)));
    }
    let key = key.filter(|it| it.opens(KeyScope::Api));
    let open = head.extensions.get::<OpenConnection>().cloned();
    let upgrade = WebSocketUpgrade::from_request_parts(&mut head, &service).await;
    let upgrade = upgrade.map_err(|rejection: WebSocketUpgradeRejection| {
        wire::bad_request(format!(
            "not a WebSocket handshake ({rejection}): connect with ws:// or wss://"
        ))
    })?;
    // A browser requires one of the protocols that it offers.
    let upgrade = match protocols.first() {
        Some(first) => upgrade.protocols([first.clone()]),
        None => upgrade,
    };
    let upgrade = upgrade.max_message_size(MAX_MESSAGE_BYTES).max_frame_size(MAX_MESSAGE_BYTES);
    let Some(key) = key else {
        // After the handshake, because a browser shows its script no status of a failed one.
        let reason = "missing or unknown API key: send it as `api_key` or as a subprotocol";
        let refuse = move |mut socket: WebSocket| async move {
            let _open = open;
            close(&mut socket, UNAUTHORIZED, reason).await;
        };
        return Ok(upgrade.on_upgrade(refuse));
    };
    let principal = admit(&service, &key, &head.headers)?;
    let now = service.engine().now();
    let permit = principal.begin_stream(service.settings().max_streams_per_key, now)?;
    let serve = move |socket: WebSocket| async move {
        let _open = open;
        Connection::new(service, principal, permit, socket).run().await;
    };
    Ok(upgrade.on_upgrade(serve).into_response())
}

/// Returns the subprotocols that the client offers.
fn protocols(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
    let texts = values.filter_map(|it| it.to_str().ok()).flat_map(|it| it.split(','));
    texts.map(|it| it.trim().to_owned()).filter(|it| !it.is_empty()).take(8).collect()
}

async fn close(socket: &mut WebSocket, code: u16, reason: &'static str) {
    let frame = CloseFrame { code, reason: reason.into() };
    let closing = async {
        if socket.send(Message::Close(Some(frame))).await.is_ok() {
            // Until the client has answered, so that it sees the reason and no reset.
            while let Some(Ok(_)) = socket.recv().await {}
        }
    };
    let _ = timeout(Duration::from_secs(5), closing).await;
}

/// Returns `true` for a message above [`MAX_MESSAGE_BYTES`]. The library behind axum, which no code names, says it in words.
fn is_too_long(error: &axum::Error) -> bool {
    error.to_string().contains("too long")
}

/// One client.
struct Connection {
    service: Service,
    principal: Principal,
    _permit: Permit,
    socket: WebSocket,
    subscriptions: HashMap<SocketTopic, Subscription>,
    events: mpsc::Receiver<Outgoing>,
    sender: mpsc::Sender<Outgoing>,
}

/// A message of a subscription to its connection.
enum Outgoing {
    /// An event for the client.
    Event(String),
    /// No more events of the subscription can be read.
    Interrupted,
}

/// A task that sends the events of a topic. Dropping it ends the task.
struct Subscription(AbortHandle);

impl Drop for Subscription {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The reason for which a connection ends.
enum End {
    /// The client closed it, or cannot be reached.
    Gone,
    /// The service closes it with a code and a reason.
    Close(u16, &'static str),
}

impl From<Disconnected> for End {
    fn from(_: Disconnected) -> Self {
        Self::Gone
    }
}

impl Connection {
    fn new(service: Service, principal: Principal, permit: Permit, socket: WebSocket) -> Self {
        let (sender, events) = mpsc::channel(BUFFERED);
        let subscriptions = HashMap::new();
        Self { service, principal, _permit: permit, socket, subscriptions, events, sender }
    }

    async fn run(mut self) {
        if let Err(End::Close(code, reason)) = self.serve().await {
            self.subscriptions.clear();
            close(&mut self.socket, code, reason).await;
        }
    }

    async fn serve(&mut self) -> Result<(), End> {
        self.send(wire::socket_connected()).await?;
        let shutdown = self.service.shutdown().clone();
        let mut next_ping = Instant::now() + PING;
        let mut heard = Instant::now();
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => {
                    return Err(End::Close(GOING_AWAY, "the service is shutting down: reconnect"));
                }
                message = self.socket.recv() => {
                    heard = Instant::now();
                    match message {
                        Some(Ok(Message::Text(text))) => self.handle(&text).await?,
                        Some(Ok(Message::Binary(_))) => {
                            self.send(wire::socket_error(&wire::bad_request("send text messages"))).await?;
                        }
                        // The protocol answers pings.
                        Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                        Some(Err(error)) if is_too_long(&error) => {
                            return Err(End::Close(TOO_LONG, "a message may have 4096 bytes: send shorter ones"));
                        }
                        Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(End::Gone),
                    }
                }
                Some(outgoing) = self.events.recv() => match outgoing {
                    Outgoing::Event(event) => self.send(event).await?,
                    Outgoing::Interrupted => {
                        let reason = "the events cannot be read: reconnect with `last_event_id`";
                        return Err(End::Close(FAILED, reason));
                    }
                },
                () = sleep_until(next_ping) => {
                    if heard.elapsed() >= IDLE {
                        return Err(End::Close(UNRESPONSIVE, "no message or pong arrived for 60 s"));
                    }
                    next_ping = Instant::now() + PING;
                    self.write(Message::Ping(Bytes::new())).await?;
                }
            }
        }
    }

    async fn send(&mut self, json: String) -> Result<(), Disconnected> {
        self.write(Message::Text(json.into())).await
    }

    async fn write(&mut self, message: Message) -> Result<(), Disconnected> {
        let sending = self.socket.send(message);
        match timeout(self.service.settings().write_timeout, sending).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Disconnected),
        }
    }

    /// Handles one message of the client, and responds to it.
    async fn handle(&mut self, text: &str) -> Result<(), Disconnected> {
        let response = match self.act(text).await {
            Ok(response) => response,
            Err(problem) => wire::socket_error(&problem),
        };
        self.send(response).await
    }

    async fn act(&mut self, text: &str) -> Result<String, Problem> {
        self.principal.count_message(self.service.engine().now())?;
        let message: Value = serde_json::from_str(text).map_err(|error| {
            wire::bad_request(format!("invalid JSON ({error}): send an object"))
        })?;
        let read = wire::read_socket_message(&message);
        match read.map_err(|error| Problem::of_field(&error))? {
            SocketAction::Ping => Ok(wire::socket_pong()),
            SocketAction::Unsubscribe(topic) => {
                self.subscriptions.remove(&topic);
                Ok(wire::socket_unsubscribed(&topic))
            }
            SocketAction::Subscribe { topic, last_event_id } => {
                self.subscribe(topic, last_event_id.as_deref()).await
            }
        }
    }

    async fn subscribe(
        &mut self,
        topic: SocketTopic,
        last_event_id: Option<&str>,
    ) -> Result<String, Problem> {
        let (batch, job) = match &topic {
            SocketTopic::Batch(id) => {
                (lookup::batch(&self.service, &self.principal, id).await?.id, None)
            }
            SocketTopic::Job(id) => {
                let job = lookup::job(&self.service, &self.principal, id).await?;
                (job.batch, Some(job))
            }
        };
        self.subscriptions.retain(|_, it| !it.0.is_finished());
        let is_new = !self.subscriptions.contains_key(&topic);
        if is_new && self.subscriptions.len() >= MAX_SUBSCRIPTIONS {
            return Err(wire::bad_request(format!(
                "the connection has {MAX_SUBSCRIPTIONS} subscriptions: unsubscribe from one, or subscribe to batches"
            )));
        }
        // It subscribes before the state of the job is read, so that no event falls between the two.
        let handle = self.service.engine().batch_handle(batch).await?;
        let job = match job {
            Some(job) => Some(self.service.engine().job(job.id).await?),
            None => None,
        };
        let response = wire::socket_subscribed(&topic, handle.record(), job.as_ref());
        self.start(topic, handle, job.map(|it| it.id), last_event_id);
        Ok(response)
    }

    /// Starts the task of a subscription, which replaces an earlier one.
    fn start(
        &mut self,
        topic: SocketTopic,
        handle: BatchHandle,
        job: Option<JobId>,
        last_event_id: Option<&str>,
    ) {
        let jobs = handle.job_ids().len();
        let sent = last_event_id.and_then(|it| SentJobs::parse(it, jobs));
        let sent = sent.unwrap_or_else(|| SentJobs::none(jobs));
        let sink = SocketSink { events: self.sender.clone(), batch: handle.id(), job };
        let mut stream = EventStream::new(self.service.clone(), sink, sent);
        let sender = self.sender.clone();
        let task = tokio::spawn(async move {
            if let Ok(StreamEnd::Interrupted) = stream.run(handle).await {
                // Without the connection there is nobody to tell.
                let _ = sender.send(Outgoing::Interrupted).await;
            }
        });
        self.subscriptions.insert(topic, Subscription(task.abort_handle()));
    }
}

/// Passes the events of a batch, or of one job of it, to the connection.
struct SocketSink {
    events: mpsc::Sender<Outgoing>,
    batch: BatchId,
    job: Option<JobId>,
}

impl EventSink for SocketSink {
    async fn send(
        &self,
        job: Option<JobId>,
        id: Option<&str>,
        lines: &str,
    ) -> Result<(), Disconnected> {
        if self.job.is_some() && self.job != job {
            return Ok(());
        }
        let event = wire::socket_event(self.batch, job, id, lines);
        self.events.send(Outgoing::Event(event)).await.map_err(|_| Disconnected)
    }

    /// Pings show it.
    async fn heartbeat(&self) -> Result<(), Disconnected> {
        Ok(())
    }

    async fn closed(&self) {
        self.events.closed().await;
    }
}
