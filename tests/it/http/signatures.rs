//! Signed requests, verified by the sites that receive them.

use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::signature::{ED25519, UnparsedPublicKey};
use rungs::engine::RobotsPolicy;
use rungs::net::{BotKey, NetPolicy, WebBotAuth};
use rungs::prelude::*;
use rungs::testkit::site::{Site, SiteRequest, SiteResponse};

/// The public key of RFC 9421, B.1.4, whose private half the RFC prints too.
const PUBLIC: &str = "JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs";
const JWK: &str = r#"{"kty": "OKP", "crv": "Ed25519", "d": "n4Ni-HpISpVObnQMW0wOhCKROaIKqKtW_2ZYb2p9KcU",
    "x": "JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs"}"#;

fn identity() -> WebBotAuth {
    let key = BotKey::parse(JWK.as_bytes()).expect("a key");
    WebBotAuth::new(key).agent("https://bot.test").expect("an origin")
}

/// Verifies a request as RFC 9421 (3.2) describes, with nothing of the signer's code. Returns the parameters.
fn verified(request: &SiteRequest, host: &str) -> Result<String, String> {
    let header = |name| request.header(name).ok_or_else(|| format!("no {name}"));
    let input = header("signature-input")?.strip_prefix("sig1=").ok_or("no label")?.to_owned();
    let (covered, _) = input[1..].split_once(')').ok_or("no list")?;
    let mut base = String::new();
    for component in covered.split(' ') {
        let value = match component {
            "\"@authority\"" => host.to_owned(),
            "\"signature-agent\";key=\"sig1\"" => {
                header("signature-agent")?.strip_prefix("sig1=").ok_or("no agent")?.to_owned()
            }
            other => return Err(format!("unknown component {other}")),
        };
        base += &format!("{component}: {value}\n");
    }
    base += &format!("\"@signature-params\": {input}");
    let signature = header("signature")?;
    let signature = signature.strip_prefix("sig1=:").and_then(|it| it.strip_suffix(':'));
    let signature =
        STANDARD.decode(signature.ok_or("no signature")?).map_err(|it| it.to_string())?;
    let public = URL_SAFE_NO_PAD.decode(PUBLIC).expect("base64");
    let key = UnparsedPublicKey::new(&ED25519, public);
    key.verify(base.as_bytes(), &signature).map_err(|_| "wrong signature".to_owned())?;
    Ok(input)
}

#[tokio::test]
async fn every_hop_is_signed_for_the_authority_that_receives_it() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let site = Site::start(move |request| {
        log.lock().expect("no panic inside").push(request.clone());
        match request.path.as_str() {
            "/robots.txt" => SiteResponse::status(404),
            "/away" => SiteResponse::redirect(302, "http://two.test:8080/page"),
            _ => {
                SiteResponse::html("<p>Flour, water, salt and time are all that a loaf needs.</p>")
            }
        }
    });
    let network = NetPolicy::new().allow_network("127.0.0.0/8").expect("a network");
    let network = network.resolve("one.test", site.addr()).resolve("two.test", site.addr());
    let engine = Engine::builder()
        .store(Memory::default())
        .http(Http::new().network(network).web_bot_auth(identity()))
        .robots(RobotsPolicy::Respect { agent: "rungs".to_owned() })
        .build()
        .expect("complete");

    for tier in [Tier::Curl, Tier::Http] {
        let item = Item::get("http://One.test/away").force_tier(tier);
        engine.scrape(item).await.expect("accepted").into_result().expect("a page");
    }
    let own = Item::get("http://one.test/own").header("Signature", "mine=:AA==:");
    engine.scrape(own).await.expect("accepted").into_result().expect("a page");
    engine.shutdown().await;

    let mut seen = std::mem::take(&mut *seen.lock().expect("no panic inside"));
    let own = seen.pop().expect("the last request");
    assert_eq!(own.header("signature"), Some("mine=:AA==:"));
    assert_eq!(own.header("signature-input"), None, "an item's own signature is kept");
    let hosts: Vec<_> = seen.iter().map(|it| (it.host.as_str(), it.path.as_str())).collect();
    for expected in [("one.test", "/robots.txt"), ("one.test", "/away"), ("two.test:8080", "/page")]
    {
        assert!(hosts.contains(&expected), "{hosts:?}");
    }
    let mut all = Vec::new();
    for request in &seen {
        let input = verified(request, &request.host).expect(&request.path);
        assert!(
            input.contains(";keyid=\"poqkLGiymh_W0uP6PZFw-dvez3QJT5SolqXBCW38r0U\""),
            "{input}"
        );
        assert!(verified(request, "evil.test").is_err(), "a site cannot use it elsewhere");
        assert!(!all.contains(&input), "each signature has its nonce");
        all.push(input);
    }
}

#[tokio::test]
async fn requests_are_not_signed_by_default() {
    let site = Site::start(|request| {
        let signed = request.headers.iter().any(|(name, _)| name.starts_with("signature"));
        SiteResponse::html(format!("<p>signed: {signed}, and this is a page that can be read.</p>"))
    });
    let engine = Engine::builder()
        .store(Memory::default())
        .http(Http::new().allow_network("127.0.0.0/8").expect("a network"))
        .build()
        .expect("complete");

    let page = engine.scrape(site.url("/")).await.expect("accepted").into_result().expect("a page");

    assert!(page.text().is_some_and(|it| it.contains("signed: false")), "{:?}", page.text());
    engine.shutdown().await;
}
