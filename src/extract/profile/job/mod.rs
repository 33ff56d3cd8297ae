//! The `job_posting` profile: who offers a position, where, and for what pay.

mod shown;

use serde_json::Value;

use crate::core::request::Profile;
use crate::extract::data::facts::Facts;
use crate::extract::data::property::{
    Property, PropertyContext, as_date, as_name, as_text, first, non_empty, place, property,
    read_properties, strings, text,
};
use crate::extract::page_index::LazyIndex;
use crate::extract::value::number::{decimal, number};
use crate::extract::value::provenance::{Fields, Source};

/// Places that are read of a position.
const MAX_PLACES: usize = 50;

const PROPERTIES: [Property; 9] = [
    property("title", "title", as_text),
    property("title", "name", as_text),
    property("company", "hiringOrganization", as_name),
    property("locations", "jobLocation", as_places),
    property("remote", "jobLocationType", is_remote),
    property("employment_type", "employmentType", as_employment_types),
    property("posted_at", "datePosted", as_date),
    property("valid_through", "validThrough", as_date),
    property("description", "description", as_text),
];

pub(super) fn fields(
    page: &LazyIndex<'_, '_>,
    facts: &Facts,
    context: PropertyContext<'_>,
) -> Fields {
    let mut fields = Fields::default();
    if let Some((source, item)) = facts.declared.about(Profile::JobPosting) {
        read_properties(&mut fields, source, item, &PROPERTIES, context);
        for key in ["baseSalary", "estimatedSalary"] {
            if let Some(pay) = item.get(key).and_then(first) {
                salary(&mut fields, source, key, pay);
            }
        }
    } else {
        shown::fill(&mut fields, page.get());
    }
    fields.offer_text("title", Source::Meta, facts.title.as_deref());
    fields.offer_text("description", Source::Meta, facts.description.as_deref());
    fields
}

fn as_places(value: &Value, context: PropertyContext<'_>) -> Option<Value> {
    let all: Vec<String> = match value {
        Value::Array(all) => {
            all.iter().take(MAX_PLACES).filter_map(|it| place(it, context.graph)).collect()
        }
        one => place(one, context.graph).into_iter().collect(),
    };
    non_empty(all)
}

fn is_remote(value: &Value, _: PropertyContext<'_>) -> Option<Value> {
    text(value).map(|it| it.eq_ignore_ascii_case("TELECOMMUTE").into())
}

/// Reads `full-time` and `FULL_TIME` alike as `FULL_TIME`.
fn as_employment_types(value: &Value, _: PropertyContext<'_>) -> Option<Value> {
    let term = |it: String| it.to_uppercase().replace(['-', ' '], "_");
    non_empty(strings(value).into_iter().map(term).collect())
}

/// Reads the least and the most of a salary, its currency, and the time it is paid for.
fn salary(fields: &mut Fields, source: Source, key: &str, pay: &Value) {
    let amount = pay.get("value").and_then(first).unwrap_or(pay);
    let of = |name: &str| amount.get(name).or_else(|| pay.get(name));
    let positive = |name: &str| of(name).and_then(number).filter(|it| *it > 0.0);
    let alone = positive("value").or_else(|| number(amount));
    let least = positive("minValue").or(alone);
    let most = positive("maxValue").or(alone);
    let currency = pay.get("currency").or_else(|| pay.get("salaryCurrency")).and_then(text);
    let unit = of("unitText").and_then(text).map(|it| it.to_uppercase());
    for (field, value) in [
        ("salary_min", least.map(decimal)),
        ("salary_max", most.map(decimal)),
        ("salary_currency", currency.map(Value::from)),
        ("salary_unit", unit.map(Value::from)),
    ] {
        fields.offer(field, source, key, value);
    }
}
