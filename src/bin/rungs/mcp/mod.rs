//! `rungs mcp`: tools for agents over the Model Context Protocol.
//!
//! A tool call becomes requests to the routes of the REST API, which run in this process. So a tool has the options,
//! checks, accounts and budgets of the REST API, and nothing here decides about jobs or credits.
//!
//! # Invariants
//!
//! * Over stdio, standard output carries messages of the protocol and nothing else.
//! * A result has at most as many tokens as the call allows, and names the call that returns the rest.
//! * Text from a site is fenced with a mark that the site cannot know.
//! * No state outlives a request but the lists of maps, which are few and bounded.

mod answer;
mod arguments;
mod calls;
mod input;
mod listing;
mod malformed;
mod maps;
mod output;
mod pages;
mod rest;
mod server;
mod stdio;
#[cfg(test)]
mod tests;
mod tokens;
mod tools;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, Limited};
use rmcp::ServiceExt;
use rmcp::service::ServerInitializeError;
use rmcp::transport::io::stdio_pipes;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use rungs::Engine;
use rungs::core::credits::Credits;
use rungs::core::id::AccountId;
use rungs::core::usage::{Budget, Period};
use rungs::engine::SystemEntropy;
use rungs::service::{ApiKey, Keys, Metrics, Service, ServiceOptions, serve};
use tokio_util::sync::CancellationToken;

use crate::args::{BudgetPeriod, McpArgs, Role, Transport};
use crate::error::{CliError, CommandResult};
use crate::serve::{self as service, Config};
use crate::{print, stop};
use arguments::MAX_ITEMS_BYTES;
use input::Input;
use rest::{Credentials, Rest};
use server::Server;
use stdio::Stdio;

/// Path of the tools over HTTP.
const PATH: &str = "/mcp";
/// Name of the key that calls the API where clients present none. Usage is reported under it.
const OWN_KEY: &str = "mcp";
/// Maximum wait of a call for its page. Clients of the protocol often give up after 60 s.
const MAX_WAIT: Duration = Duration::from_secs(45);
/// Maximum size of a message over HTTP: a document of 5 MiB with its escapes.
const MAX_MESSAGE_BYTES: usize = 8 * 1_048_576;
/// Time that running calls have for their results after the end of standard input. The protocol's implementation
/// discards results that come later than 5 s after the end.
const INPUT_GRACE: Duration = Duration::from_secs(3);
/// Time that running calls have for their results after a signal.
const SIGNAL_GRACE: Duration = Duration::from_secs(6);

/// Serves until the client closes standard input, or the process gets SIGINT or SIGTERM.
pub(crate) async fn run(args: McpArgs) -> CommandResult {
    let config = service::config(&args.service)?;
    if args.service.role == Role::Worker {
        let message = "--role worker: a worker serves no tools: use all or api";
        return Err(CliError::Usage(message.to_owned()));
    }
    match args.transport {
        Transport::Stdio => over_stdio(&args, &config).await,
        Transport::Http => over_http(&args, &config).await,
    }
}

async fn over_stdio(args: &McpArgs, config: &Config) -> CommandResult {
    if !args.service.keys.is_empty() || args.service.key_file.is_some() {
        let message = "API keys have no effect on standard input and output: leave them out, or use --transport http";
        return Err(CliError::Usage(message.to_owned()));
    }
    if args.service.listen.is_some() {
        let message = "--listen has no effect on standard input and output: add --transport http";
        return Err(CliError::Usage(message.to_owned()));
    }
    let stopped = stop::signals();
    let engine = service::engine(&args.service, config).await?;
    let (service, credentials) = own_service(args, config, &engine)?;
    let stop = CancellationToken::new();
    let rest = Rest::new(service.router(), credentials);
    let tools = Server::new(engine.clone(), rest, args.max_output_tokens, stop.clone());
    let (input_ended, end_input) = (CancellationToken::new(), CancellationToken::new());
    // From here on, waiting calls return the ids of what they wait for.
    let end_calls = || {
        service.begin_shutdown();
        stop.cancel();
    };
    // Taken over with the first signal, so that none is lost until the engine has stopped.
    let mut again = None;
    let served = {
        let mut serving = Box::pin(serve_stdio(tools, input_ended.clone(), end_input.clone()));
        let after_input = async {
            input_ended.cancelled().await;
            tokio::time::sleep(INPUT_GRACE).await;
        };
        tokio::select! {
            served = &mut serving => served,
            () = after_input => {
                again = Some(stop::signals());
                end_calls();
                serving.await
            }
            _ = stopped => {
                again = Some(stop::signals());
                end_calls();
                end_input.cancel();
                tokio::time::timeout(SIGNAL_GRACE, serving).await.unwrap_or(Ok(()))
            }
        }
    };
    end_calls();
    tokio::select! {
        () = engine.shutdown() => {}
        _ = again.unwrap_or_else(stop::signals) => {}
    }
    let code = match served {
        Ok(()) => 0,
        Err(error) => {
            error.report();
            1
        }
    };
    // The end of the runtime would wait for a pending read of standard input.
    std::process::exit(code);
}

/// Serves the client on standard input and output until it closes them, or `end` is canceled. Cancels `ended` at the end
/// of the input. Results of calls that are running then are still written, for a few seconds.
async fn serve_stdio(
    tools: Server,
    ended: CancellationToken,
    end: CancellationToken,
) -> Result<(), CliError> {
    let (input, output) = stdio_pipes();
    let input = Input::new(input, ended, end);
    let running = match tools.serve(Stdio::new(input, output)).await {
        Ok(running) => running,
        Err(ServerInitializeError::ConnectionClosed(_)) => return Ok(()),
        Err(error) => return Err(CliError::Failed(error.to_string())),
    };
    running.waiting().await.map(|_| ()).map_err(|error| CliError::failed(&error))
}

async fn over_http(args: &McpArgs, config: &Config) -> CommandResult {
    let keys = service::keys(&args.service, config)?;
    let listen = service::address(&args.service, config, &keys)?;
    let are_required = keys.are_required();
    if are_required && args.budget.is_some() {
        let message =
            "--budget has no effect on API keys: set `spend` of each key in the file of --api-keys";
        return Err(CliError::Usage(message.to_owned()));
    }
    let metrics = Metrics::default();
    // Nothing else in this process installs a recorder.
    let _ = metrics::set_global_recorder(metrics.clone());
    let engine = service::engine(&args.service, config).await?;
    let options = options(service::service_options(config, &keys));
    let guard = Service::new(engine.clone()).keys(keys).options(options).metrics(metrics);
    let (api, credentials) = if are_required {
        (guard.clone(), Credentials::OfRequest)
    } else {
        own_service(args, config, &engine)?
    };
    let stop = CancellationToken::new();
    let rest = Rest::new(api.router(), credentials);
    let tools = Server::new(engine.clone(), rest, args.max_output_tokens, stop.clone());
    let endpoint = endpoint(tools, options.body_timeout);
    let router = guard.probe_router().merge(guard.guarded(endpoint));
    let listener = service::bind(listen).await?;
    let bound = listener.local_addr().map_err(|error| CliError::failed(&error))?;
    let stopped = stop::signals();
    print::line(format_args!("listening on http://{bound}{PATH}"));
    let limits = service::connection_limits(config);
    let serving = tokio::spawn(serve(listener, router, limits, stop.clone()));
    stopped.await;
    api.begin_shutdown();
    guard.begin_shutdown();
    stop.cancel();
    let _ = serving.await;
    engine.shutdown().await;
    Ok(ExitCode::SUCCESS)
}

/// Creates the route of the tools.
fn endpoint(tools: Server, body_timeout: Duration) -> Router {
    let tools = streamable(tools);
    Router::new()
        .route_service(PATH, tools.clone())
        .route_service(&format!("{PATH}/"), tools)
        .layer(from_fn(move |request, next| receive(request, next, body_timeout)))
}

/// Creates the service of the protocol. Every request stands alone, so there are no sessions to limit.
fn streamable(tools: Server) -> StreamableHttpService<Server, NeverSessionManager> {
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .with_max_request_body_bytes(MAX_MESSAGE_BYTES)
        // A key is a header that no website can send. Without keys, the guard checks `Host` and `Origin`. The checks of
        // this service know no loopback addresses other than 127.0.0.1.
        .disable_allowed_hosts();
    StreamableHttpService::new(move || Ok(tools.clone()), Arc::default(), config)
}

/// Receives a message before it is read: the service of the protocol waits for the end of one without a limit.
async fn receive(request: Request, next: Next, timeout: Duration) -> Response {
    let (head, body) = request.into_parts();
    let is_json = is_json(&head.headers);
    let receiving = Limited::new(body, MAX_MESSAGE_BYTES).collect();
    match tokio::time::timeout(timeout, receiving).await {
        Ok(Ok(body)) => {
            let message = body.to_bytes();
            let response = next.run(Request::from_parts(head, Body::from(message.clone()))).await;
            // The service of the protocol calls JSON that it cannot read an unsupported type.
            let is_malformed = is_json && response.status() == StatusCode::UNSUPPORTED_MEDIA_TYPE;
            match is_malformed.then(|| malformed::response(&message)).flatten() {
                Some(error) => {
                    let content_type = [(CONTENT_TYPE, "application/json")];
                    (StatusCode::BAD_REQUEST, content_type, error.to_string()).into_response()
                }
                None => response,
            }
        }
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            let most = MAX_MESSAGE_BYTES >> 20;
            let message = format!("the message exceeds {most} MiB: send a shorter one\n");
            (StatusCode::PAYLOAD_TOO_LARGE, message).into_response()
        }
        Ok(Err(_)) => {
            let message = "the message ended early: send it again\n";
            (StatusCode::BAD_REQUEST, message).into_response()
        }
        Err(_) => {
            let seconds = timeout.as_secs();
            let message =
                format!("the message did not arrive within {seconds} s: send it faster\n");
            (StatusCode::REQUEST_TIMEOUT, message).into_response()
        }
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|it| it.to_str().ok()).unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}

/// Creates the service that calls go to where clients present no key, and the key for it.
fn own_service(
    args: &McpArgs,
    config: &Config,
    engine: &Engine,
) -> Result<(Service, Credentials), CliError> {
    let secret = ApiKey::random(&SystemEntropy);
    let key = ApiKey::new(OWN_KEY, AccountId::default(), &secret);
    let key = key.map_err(|error| CliError::failed(&error))?;
    let key = match args.budget {
        Some(credits) => key.with_budget(budget(args.budget_period, credits)),
        None => key,
    };
    let keys = Keys::new([key]).map_err(|error| CliError::failed(&error))?;
    let options = options(service::service_options(config, &keys));
    let service = Service::new(engine.clone()).keys(keys).options(options);
    let mut secret = HeaderValue::try_from(secret).map_err(|error| CliError::failed(&error))?;
    secret.set_sensitive(true);
    Ok((service, Credentials::Own { name: OWN_KEY.to_owned(), secret }))
}

fn budget(period: BudgetPeriod, credits: u64) -> Budget {
    let period = match period {
        BudgetPeriod::Daily => Period::Daily,
        BudgetPeriod::Weekly => Period::Weekly,
        BudgetPeriod::Monthly => Period::Monthly,
    };
    Budget::new(period).with_credits(Some(Credits(credits)))
}

/// Adapts the options of the REST API to calls inside the process.
fn options(options: ServiceOptions) -> ServiceOptions {
    let body_bytes = options.max_body_bytes.max(MAX_ITEMS_BYTES as u64);
    options.with_scrape_wait(MAX_WAIT).with_max_body_bytes(body_bytes)
}
