//! A service on a loopback port, its engine, and a site for it to read.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use rungs::Engine;
use rungs::engine::{EngineBuilder, Settings};
use rungs::fetch::Http;
use rungs::net::NetPolicy;
use rungs::service::{ConnectionLimits, Keys, Service, ServiceOptions, serve};
use rungs::stores::{Memory, SealedSessions, SealingKey, SealingKeys};
use rungs::testkit::site::{Site, SiteRequest, SiteResponse};
use rungs::webhook::Webhooks;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::described;
use super::http::{self, Answer};

pub(crate) const LOOPBACK: &str = "127.0.0.0/8";

/// The parts of a world. Defaults to those of the service.
pub(crate) struct Plan {
    pub(crate) engine: EngineBuilder,
    pub(crate) keys: Keys,
    pub(crate) options: ServiceOptions,
    pub(crate) connections: ConnectionLimits,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            engine: engine(Memory::default()),
            keys: Keys::default(),
            options: ServiceOptions::default(),
            connections: ConnectionLimits::default(),
        }
    }
}

/// An engine on `store` that is allowed to reach loopback addresses.
pub(crate) fn engine(store: impl rungs::ports::store::Store + 'static) -> EngineBuilder {
    let network = NetPolicy::new().allow_network(LOOPBACK).expect("a network");
    let settings = Settings::default();
    Engine::builder()
        .store(store)
        .http(Http::new().network(network.clone()))
        .webhooks(Webhooks::signed_with("whsec_c2VjcmV0").network(network))
        .settings(settings)
}

/// As [`engine`], with sessions that are sealed in the same store.
pub(crate) fn engine_with_sessions() -> EngineBuilder {
    let store = Arc::new(Memory::default());
    let keys = SealingKeys::new(SealingKey::from_bytes([7; 32]));
    engine(Arc::clone(&store)).sessions(SealedSessions::new(store, keys))
}

/// A running service.
pub(crate) struct World {
    pub(crate) addr: SocketAddr,
    pub(crate) engine: Engine,
    pub(crate) service: Service,
    pub(crate) stop: CancellationToken,
    pub(crate) runtime: Option<tokio::runtime::Runtime>,
    pub(crate) serving: Option<tokio::task::JoinHandle<()>>,
}

impl World {
    /// Starts a world with default parts.
    pub(crate) fn new() -> Self {
        Self::of(Plan::default())
    }

    pub(crate) fn of(plan: Plan) -> Self {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let stop = CancellationToken::new();
        let (engine, service, addr, serving) = runtime.block_on(async {
            let engine = plan.engine.build().expect("an engine");
            let service = Service::new(engine.clone()).keys(plan.keys).options(plan.options);
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let addr = listener.local_addr().expect("an address");
            let serving = serve(listener, service.router(), plan.connections, stop.clone());
            (engine, service, addr, tokio::spawn(serving))
        });
        let (runtime, serving) = (Some(runtime), Some(serving));
        Self { addr, engine, service, stop, runtime, serving }
    }

    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let answer = http::send(self.addr, method, path, headers, body);
        described::check(method, path, &answer);
        answer
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], b"")
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, &[], body.to_string().as_bytes())
    }

    /// Submits these URLs and returns the batch's id.
    pub(crate) fn submitted(&self, urls: &[String]) -> String {
        let answer = self.post("/api/v1/batch", &json!({ "urls": urls }));
        assert_eq!(answer.status, 202, "{}", answer.json());
        answer.json()["batch_id"].as_str().expect("an id").to_owned()
    }

    /// Waits for the end of a batch and returns its status.
    pub(crate) fn ended(&self, id: &str) -> Value {
        let parsed = id.parse().expect("a batch id");
        self.block_on(async {
            let mut handle = self.engine.batch_handle(parsed).await.expect("there is one");
            handle.wait().await.expect("it ends")
        });
        self.get(&format!("/api/v1/batch/{id}")).json()
    }

    pub(crate) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.as_ref().expect("it runs").block_on(future)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let Some(runtime) = self.runtime.take() else { return };
        self.service.begin_shutdown();
        self.stop.cancel();
        let serving = self.serving.take();
        runtime.block_on(async {
            if let Some(serving) = serving {
                let _ = serving.await;
            }
            self.engine.shutdown().await;
        });
    }
}

/// A site of readable pages, without `/gone`.
pub(crate) fn site() -> Site {
    Site::start(page)
}

/// A readable page.
pub(crate) fn page(request: &SiteRequest) -> SiteResponse {
    match request.path.as_str() {
        "/gone" => SiteResponse::status(404),
        path => SiteResponse::html(format!(
            "<title>Loaf {path}</title><article><h1>Loaf {path}</h1><p>Flour, water, salt and time \
             are <b>all</b> that a good loaf needs, and of these time is the one that most people \
             are least willing to give.</p></article>"
        )),
    }
}

/// A site that delays its responses until the test releases them.
pub(crate) struct Held {
    pub(crate) site: Site,
    gate: Arc<Mutex<()>>,
}

impl Held {
    /// Starts the site.
    pub(crate) fn new() -> Self {
        let gate = Arc::new(Mutex::new(()));
        let waits = Arc::clone(&gate);
        let site = Site::start(move |request| {
            drop(waits.lock());
            page(request)
        });
        Self { site, gate }
    }

    pub(crate) fn hold(&self) -> std::sync::MutexGuard<'_, ()> {
        self.gate.lock().expect("no test panicked with it")
    }
}
