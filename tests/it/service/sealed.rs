//! Keys of the program: those that encrypt sessions and the one that signs requests.

use rungs::testkit::site::{Site, SiteResponse};
use serde_json::json;

use super::http;
use super::program::{SECRET, Serving, rungs, text};

const OLD: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const NEW: &str = "f0f102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const PEM: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF\n\
    -----END PRIVATE KEY-----\n";

#[test]
fn sessions_survive_a_restart_with_rotated_keys() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = |name: &str, content: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, content).expect("written");
        path.display().to_string()
    };
    let site = Site::start(|request| match request.header("cookie") {
        Some("sid=s3cret") => SiteResponse::html("<p>Your orders: two loaves of good bread.</p>"),
        _ => SiteResponse::status(401),
    });
    let (store, keys) = (dir.path().join("data").display().to_string(), file("keys", OLD));
    let start = |keys: &str| {
        Serving::start(&["--api-key", SECRET, "--store", &store, "--session-keys", keys])
    };

    let serving = start(&keys);
    let new = json!({ "name": "shop", "domain": site.url("/"), "cookies": { "sid": "s3cret" } });
    let session = serving.post("/api/v1/sessions", &new).json();
    let item = json!({ "url": site.url("/orders"), "session_id": session["id"] });
    assert_eq!(serving.post("/api/v1/scrape", &item).status, 200, "{session}");
    assert_eq!(serving.end("-TERM"), Some(0));
    let serving = start(&file("rotated", &format!("# newest first\n{NEW}\n{OLD}\n")));
    assert_eq!(serving.post("/api/v1/scrape", &item).status, 200);
    assert_eq!(serving.end("-TERM"), Some(0));
    let serving = start(&file("new", NEW));
    assert_eq!(
        serving.post("/api/v1/scrape", &item).status,
        200,
        "its use sealed it with the new key"
    );
    assert_eq!(serving.end("-TERM"), Some(0));

    let line = json!({ "url": site.url("/batch"), "advanced": { "session_id": session["id"] } });
    let urls = file("urls", &line.to_string());
    let batch = |keys: &str| {
        rungs(&["batch", &urls, "--allow-private", "--store", &store, "--session-keys", keys])
    };
    let refused = rungs(&["batch", &urls, "--allow-private", "--store", &store]);
    assert_eq!(refused.status.code(), Some(2), "{}", text(&refused.stderr));
    assert!(text(&refused.stderr).contains("--session-keys"), "{}", text(&refused.stderr));
    let done = batch(&file("new", NEW));
    assert!(done.status.success(), "{}", text(&done.stderr));
    let wrong = batch(&file("wrong", &NEW[1..]));
    assert_eq!(wrong.status.code(), Some(2));
    assert!(text(&wrong.stderr).contains("line 1 is not a sealing key"), "{}", text(&wrong.stderr));
}

#[test]
fn the_service_publishes_the_key_that_signs_its_requests() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("bot.pem");
    std::fs::write(&path, PEM).expect("written");
    let key = path.display().to_string();
    let site = Site::start(|request| {
        let input = request.header("signature-input").unwrap_or("none").replace('"', "'");
        SiteResponse::html(format!("<p>The signature of this request was given as {input}</p>"))
    });
    let path = "/.well-known/http-message-signatures-directory";

    let agent = ["--bot-auth-key", &key, "--bot-auth-agent", "https://bot.test"];
    let serving = Serving::start(&[&["--api-key", SECRET], &agent[..]].concat());
    let page = serving.post("/api/v1/scrape", &json!({ "url": site.url("/") })).json();
    let published = http::send(serving.addr, "GET", path, &[], b"");

    let shown = page["text"].as_str().expect("a text");
    assert!(shown.contains("tag='web-bot-auth'"), "{shown}");
    assert_eq!(published.status, 200);
    let media_type = "application/http-message-signatures-directory+json";
    assert_eq!(published.header("content-type"), Some(media_type));
    assert_eq!(published.json()["keys"][0]["x"], "JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs");
    assert!(published.json()["keys"][0].get("d").is_none());
    let plain = Serving::start(&[]);
    assert_eq!(http::send(plain.addr, "GET", path, &[], b"").status, 404);
    for wrong in [&["--bot-auth-agent", "https://bot.test"][..], &["--bot-auth-key", "/none"]] {
        let refused = rungs(&[&["serve", "--listen", "127.0.0.1:0"], wrong].concat());
        assert_eq!(refused.status.code(), Some(2), "{}", text(&refused.stderr));
    }
}
