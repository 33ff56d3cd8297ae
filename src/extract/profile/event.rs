//! Something that takes place: when, where, and what it costs to be there.

use serde_json::{Value, json};

use crate::core::request::Profile;
use crate::extract::address::Base;
use crate::extract::data::{Facts, has_type};
use crate::extract::profile::common::{date, first, images, name, place, several, text};
use crate::extract::profile::money::decimal;
use crate::extract::profile::product::availability;
use crate::extract::profile::{Fields, Source};
use crate::extract::schema::number;

pub(super) fn fields(facts: &Facts, base: &Base) -> Fields {
    let mut fields = Fields::default();
    if let Some((source, item)) = facts.about(Profile::Event) {
        let get = |name: &str| item.get(name).filter(|it| !it.is_null());
        let mut offer = |field, key: &str, value| fields.offer(field, source, key, value);
        offer("name", "name", get("name").and_then(text).map(Value::from));
        offer("starts_at", "startDate", get("startDate").and_then(date).map(Value::from));
        offer("ends_at", "endDate", get("endDate").and_then(date).map(Value::from));
        if let Some(at) = get("location").and_then(first).map(|it| facts.graph.resolve(it)) {
            let venue = at.get("name").and_then(text).or_else(|| at.as_str().map(str::to_owned));
            offer("venue", "location.name", venue.map(Value::from));
            offer("address", "location.address", place(facts, at).map(Value::from));
            offer(
                "online",
                "location",
                has_type(at, "VirtualLocation").then_some(Value::Bool(true)),
            );
        }
        let mode = get("eventAttendanceMode").and_then(text).map(|it| term(&it));
        let online = mode.as_deref().map(|it| json!(!it.starts_with("Offline")));
        offer("online", "eventAttendanceMode", online);
        let status = get("eventStatus").and_then(text).map(|it| term(&it));
        offer("status", "eventStatus", status.map(Value::from));
        for (field, key) in [("organizer", "organizer"), ("performer", "performer")] {
            offer(field, key, get(key).and_then(|it| name(facts, it)).map(Value::from));
        }
        offer("description", "description", get("description").and_then(text).map(Value::from));
        offer("images", "image", get("image").map(|it| images(facts, base, it).into()));
        if let Some(tickets) = get("offers") {
            for ticket in several(tickets).iter().take(50).map(|it| facts.graph.resolve(it)) {
                entry(&mut fields, source, ticket);
            }
        }
    }
    for (field, value) in [("name", &facts.title), ("description", &facts.description)] {
        fields.offer(field, Source::Meta, field, value.clone().map(Value::from));
    }
    fields
}

/// What being there costs; nothing is a price too.
fn entry(fields: &mut Fields, source: Source, ticket: &Value) {
    let mut offer = |field, key: &str, value| fields.offer(field, source, key, value);
    for key in ["price", "lowPrice"] {
        offer("price", key, ticket.get(key).and_then(number).map(decimal));
    }
    let currency = ticket.get("priceCurrency").and_then(text);
    offer("currency", "priceCurrency", currency.map(Value::from));
    let said = ticket.get("availability").and_then(text);
    let stock = said.and_then(|it| availability(&it));
    offer("availability", "availability", stock.map(Value::from));
}

/// The word of schema.org in an address.
fn term(address: &str) -> String {
    address.rsplit(['/', '#', ':']).next().unwrap_or_default().to_owned()
}
