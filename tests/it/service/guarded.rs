//! Routes of an application behind the API keys of the service.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::routing::post;
use axum::{Extension, Router};
use http_body_util::BodyExt;
use rungs::core::id::AccountId;
use rungs::service::{AllowedHosts, ApiKey, Caller, Keys, Service, ServiceOptions};
use rungs::stores::Memory;
use tower_service::Service as _;

use super::world::engine;

const SECRET: &str = "sk_live_0123456789abcdef";

async fn who(Extension(caller): Extension<Caller>) -> String {
    format!("{} {}", caller.key, caller.account)
}

/// Sends each request to a guarded route and returns the statuses and bodies.
fn answers(keys: Keys, requests: &[&[(&str, &str)]]) -> Vec<(StatusCode, String)> {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let engine = engine(Memory::default()).build().expect("an engine");
        let mut options = ServiceOptions::default();
        options.allowed_hosts = AllowedHosts::LocalhostOrIp;
        let service = Service::new(engine.clone()).keys(keys).options(options);
        let mut router = service.guarded(Router::new().route("/who", post(who)));
        let mut answers = Vec::new();
        for headers in requests {
            let mut request = Request::post("/who").header("content-type", "application/json");
            for (name, value) in *headers {
                request = request.header(*name, *value);
            }
            let request = request.body(Body::from("{}")).expect("a request");
            let Ok(response) = router.call(request).await;
            let status = response.status();
            let body = response.into_body().collect().await.expect("a body").to_bytes();
            answers.push((status, String::from_utf8_lossy(&body).into_owned()));
        }
        engine.shutdown().await;
        answers
    })
}

fn key() -> ApiKey {
    let account = AccountId::new("acme").expect("a name");
    ApiKey::new("agents", account, SECRET).expect("long enough")
}

#[test]
fn a_guarded_route_requires_an_api_key() {
    let keys = Keys::new([key()]).expect("usable");
    let bearer = format!("Bearer {SECRET}");

    let answers = answers(
        keys,
        &[&[], &[("x-api-key", "sk_live_wrong_wrong_wrong")], &[("authorization", &bearer)]],
    );

    for (status, body) in &answers[..2] {
        assert_eq!(*status, StatusCode::UNAUTHORIZED);
        assert!(body.contains("AUTHENTICATION_ERROR") && body.contains("request_id"), "{body}");
    }
    assert_eq!(answers[2], (StatusCode::OK, "agents acme".to_owned()));
}

#[test]
fn a_guarded_route_without_keys_refuses_other_websites() {
    let local = ("host", "127.0.0.1:8080");

    let answers = answers(
        Keys::default(),
        &[&[local], &[("host", "evil.example")], &[local, ("origin", "https://evil.example")]],
    );

    assert_eq!(answers[0], (StatusCode::OK, "anyone default".to_owned()));
    for (status, body) in &answers[1..] {
        assert_eq!(*status, StatusCode::FORBIDDEN);
        assert!(body.contains("CROSS_SITE_REQUEST"), "{body}");
    }
}

#[test]
fn a_guarded_route_does_not_count_against_the_limits_of_the_key() {
    let keys = Keys::new([key().with_requests_per_minute(1)]).expect("usable");

    let answers = answers(keys, &[&[("x-api-key", SECRET)][..]; 5]);

    assert!(answers.iter().all(|it| it.0 == StatusCode::OK), "{answers:?}");
}
