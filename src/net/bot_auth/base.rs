//! The signature base of RFC 9421 (2.5) and its parameters (2.3).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::core::time::Timestamp;
use crate::net::bot_auth::key::BotKey;

/// A covered component: its identifier with quotes and parameters, and its value.
pub(super) struct Component {
    identifier: String,
    value: String,
}

impl Component {
    pub(super) fn new(identifier: impl Into<String>, value: impl Into<String>) -> Self {
        Self { identifier: identifier.into(), value: value.into() }
    }
}

/// The parameters of a signature beside its key.
pub(super) struct Parameters<'a> {
    pub(super) created: Timestamp,
    pub(super) expires: Timestamp,
    pub(super) nonce: Option<&'a str>,
    pub(super) tag: &'static str,
}

/// Signs the components. Returns the value of `Signature-Input` without its label, and the signature in base64.
pub(super) fn signed(
    key: &BotKey,
    components: &[Component],
    parameters: &Parameters<'_>,
) -> (String, String) {
    let covered: Vec<&str> = components.iter().map(|it| it.identifier.as_str()).collect();
    let Parameters { created, expires, nonce, tag } = parameters;
    let nonce = nonce.map(|it| format!(";nonce=\"{it}\"")).unwrap_or_default();
    let input = format!(
        "({});created={};keyid=\"{}\";alg=\"ed25519\";expires={}{nonce};tag=\"{tag}\"",
        covered.join(" "),
        created.as_millis() / 1_000,
        key.id(),
        expires.as_millis() / 1_000,
    );
    let signature = key.sign(base(components, &input).as_bytes());
    (input, STANDARD.encode(signature))
}

/// Returns the text that is signed.
fn base(components: &[Component], input: &str) -> String {
    let lines = components.iter().map(|it| format!("{}: {}\n", it.identifier, it.value));
    lines.collect::<String>() + "\"@signature-params\": " + input
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::bot_auth::key::tests::rfc_9421_key;

    #[test]
    fn the_example_of_rfc_9421_has_its_signature() {
        // B.2.6: a request that is signed with ed25519.
        let component = |identifier: &str, value: &str| Component::new(identifier, value);
        let components = [
            component("\"date\"", "Tue, 20 Apr 2021 02:07:55 GMT"),
            component("\"@method\"", "POST"),
            component("\"@path\"", "/foo"),
            component("\"@authority\"", "example.com"),
            component("\"content-type\"", "application/json"),
            component("\"content-length\"", "18"),
        ];
        let input = "(\"date\" \"@method\" \"@path\" \"@authority\" \"content-type\" \"content-length\")\
                     ;created=1618884473;keyid=\"test-key-ed25519\"";

        let signature = rfc_9421_key().sign(base(&components, input).as_bytes());

        assert_eq!(
            STANDARD.encode(signature),
            "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw=="
        );
    }

    #[test]
    fn the_example_of_a_directory_has_its_signature() {
        let components = [
            Component::new("\"@authority\";req", "signature-agent.test"),
            Component::new(
                "\"content-digest\"",
                "sha-256=:CADMT2aBdV/rqQr/NIru64ERQkCobVvllA4V0fLFDu0=:",
            ),
        ];
        let parameters = Parameters {
            created: Timestamp::from_millis(1_735_689_600_000),
            expires: Timestamp::from_millis(4_889_289_600_000),
            nonce: None,
            tag: "http-message-signatures-directory",
        };

        let (_, signature) = signed(&rfc_9421_key(), &components, &parameters);

        assert_eq!(
            signature,
            "yiHq0TXrbpzbmlttAQMpYoAufitFJUWuNsakB7QQMoN0EHbo5o51bZRVR8az/ptTWCwllix9clrKXfGKwdPzBg=="
        );
    }
}
