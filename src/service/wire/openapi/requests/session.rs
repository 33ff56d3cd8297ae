//! Schemas of sessions to store.

use serde_json::{Map, Value, json};

use crate::core::session::{MAX_NAME_CHARS, MAX_NOTES_CHARS};
use crate::service::wire::openapi::schema::{
    Property, object, or_null, properties, property, string_map, text,
};

/// Returns the schemas by name.
pub(super) fn schemas() -> [(&'static str, Value); 3] {
    let described = |description: &str, required: &[&str], fields: Map<String, Value>| {
        json!({
            "description": description, "type": "object", "required": required, "properties": fields,
        })
    };
    let whole = || about().into_iter().chain(secret()).chain([domain()]).collect();
    let changed = about().into_iter().chain(secret()).collect();
    [
        (
            "SessionRequest",
            described(
                "A session to store. Its values are encrypted and never returned.",
                &["name", "domain", "cookies"],
                properties(whole()),
            ),
        ),
        (
            "SessionUpdate",
            described(
                "A change of a session. Absent parts stay as they are; notes and an expiry that are null are removed. The domain \
                 cannot be changed.",
                &[],
                properties(changed),
            ),
        ),
        (
            "SessionRefresh",
            described("The new secret of a session.", &["cookies"], properties(secret())),
        ),
    ]
}

fn domain() -> Property {
    property(
        "domain",
        text(),
        "example.com",
        "Domain whose pages may use the session, with all hosts below it. A URL counts by its host. With `http://`, plain \
         HTTP may carry the cookies.",
    )
}

fn about() -> Vec<Property> {
    let bounded = |most: usize| json!({ "type": "string", "maxLength": most });
    let mut name = bounded(MAX_NAME_CHARS);
    name["minLength"] = json!(1);
    vec![
        property("name", name, "my shop", "Name of the session, for people."),
        property(
            "expires_at",
            or_null(text()),
            "2026-12-31T23:59:59Z",
            "Time in ISO 8601 from which the session cannot be used.",
        ),
        property(
            "notes",
            or_null(bounded(MAX_NOTES_CHARS)),
            "bought in spring",
            "Notes of the account.",
        ),
    ]
}

fn secret() -> Vec<Property> {
    vec![
        property(
            "cookies",
            string_map(),
            json!({ "sid": "a1b2c3" }),
            "Cookies by name. They replace all cookies and go to the domain and the hosts below it, over https.",
        ),
        property(
            "headers",
            or_null(string_map()),
            json!({ "Authorization": "Bearer a1b2c3" }),
            "Headers by name. They replace all headers and go to the origin of the page only.",
        ),
        property(
            "user_agent",
            or_null(text()),
            "Mozilla/5.0",
            "User agent of the browser in which the visitor logged in.",
        ),
        property(
            "storage_state",
            or_null(object()),
            json!({ "cookies": [], "origins": [] }),
            "Storage state of a browser as its driver writes it: cookies with their domains and paths, and local storage. \
             Parts of other domains are dropped.",
        ),
    ]
}
