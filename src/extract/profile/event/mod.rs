//! The `event` profile: when and where something takes place, and what a ticket costs.

mod shown;

use serde_json::{Value, json};

use crate::core::request::Profile;
use crate::extract::data::facts::Facts;
use crate::extract::data::property::{
    Property, PropertyContext, as_date, as_images, as_name, as_term, as_text, first, place,
    property, read_properties, several, term, text,
};
use crate::extract::data::schema_org::has_type;
use crate::extract::page_index::LazyIndex;
use crate::extract::value::availability::availability;
use crate::extract::value::number::{decimal, number};
use crate::extract::value::provenance::{Fields, Source};

/// Tickets that are read of an event.
const MAX_TICKETS: usize = 50;

const PROPERTIES: [Property; 9] = [
    property("name", "name", as_text),
    property("starts_at", "startDate", as_date),
    property("ends_at", "endDate", as_date),
    property("online", "eventAttendanceMode", is_online),
    property("status", "eventStatus", as_term),
    property("organizer", "organizer", as_name),
    property("performer", "performer", as_name),
    property("description", "description", as_text),
    property("images", "image", as_images),
];

const TICKET: [Property; 4] = [
    property("price", "price", as_price),
    property("price", "lowPrice", as_price),
    property("currency", "priceCurrency", as_text),
    property("availability", "availability", as_availability),
];

pub(super) fn fields(
    page: &LazyIndex<'_, '_>,
    facts: &Facts,
    context: PropertyContext<'_>,
) -> Fields {
    let mut fields = Fields::default();
    if let Some((source, item)) = facts.declared.about(Profile::Event) {
        let get = |name: &str| item.get(name).filter(|it| !it.is_null());
        if let Some(at) = get("location").and_then(first) {
            location(&mut fields, source, context.graph.resolve(at), context);
        }
        read_properties(&mut fields, source, item, &PROPERTIES, context);
        for ticket in get("offers").map(several).unwrap_or_default().iter().take(MAX_TICKETS) {
            let ticket = context.graph.resolve(ticket);
            read_properties(&mut fields, source, ticket, &TICKET, context);
        }
    } else {
        shown::fill(&mut fields, page.get());
    }
    fields.offer("name", Source::Meta, "name", facts.title.clone().map(Value::from));
    fields.offer_text("description", Source::Meta, facts.description.as_deref());
    fields
}

/// Reads where an event takes place. Goes before the other properties: a virtual location says more
/// surely than an attendance mode that the event is online.
fn location(fields: &mut Fields, source: Source, at: &Value, context: PropertyContext<'_>) {
    let venue = at.get("name").and_then(text).or_else(|| at.as_str().map(str::to_owned));
    fields.offer("venue", source, "location.name", venue.map(Value::from));
    let address = place(at, context.graph);
    fields.offer("address", source, "location.address", address.map(Value::from));
    let online = has_type(at, "VirtualLocation").then_some(Value::Bool(true));
    fields.offer("online", source, "location", online);
}

fn is_online(mode: &Value, _: PropertyContext<'_>) -> Option<Value> {
    text(mode).map(|it| json!(!term(&it).starts_with("Offline")))
}

/// Reads a price; unlike that of a product, that of a ticket may be 0.
fn as_price(value: &Value, _: PropertyContext<'_>) -> Option<Value> {
    number(value).map(decimal)
}

fn as_availability(value: &Value, _: PropertyContext<'_>) -> Option<Value> {
    text(value).and_then(|it| availability(&it)).map(Value::from)
}
