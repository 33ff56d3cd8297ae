//! An open position: who offers it, where, and for what pay.

use serde_json::{Value, json};

use crate::core::request::Profile;
use crate::extract::data::Facts;
use crate::extract::profile::common::{date, first, name, place, strings, text};
use crate::extract::profile::money::decimal;
use crate::extract::profile::{Fields, Source};
use crate::extract::schema::number;

pub(super) fn fields(facts: &Facts) -> Fields {
    let mut fields = Fields::default();
    if let Some((source, item)) = facts.about(Profile::JobPosting) {
        let get = |name: &str| item.get(name).filter(|it| !it.is_null());
        let mut offer = |field, key: &str, value| fields.offer(field, source, key, value);
        for key in ["title", "name"] {
            offer("title", key, get(key).and_then(text).map(Value::from));
        }
        let company = get("hiringOrganization").and_then(|it| name(facts, it));
        offer("company", "hiringOrganization", company.map(Value::from));
        let places = get("jobLocation").map(|it| places(facts, it));
        offer("locations", "jobLocation", places.map(Value::from));
        let remote = get("jobLocationType").and_then(text);
        let remote = remote.map(|it| it.eq_ignore_ascii_case("TELECOMMUTE").into());
        offer("remote", "jobLocationType", remote);
        let kinds = get("employmentType").map(|it| {
            let term = |it: &String| Value::from(it.to_uppercase().replace(['-', ' '], "_"));
            strings(it).iter().map(term).collect::<Value>()
        });
        offer("employment_type", "employmentType", kinds);
        offer("posted_at", "datePosted", get("datePosted").and_then(date).map(Value::from));
        let until = get("validThrough").and_then(date);
        offer("valid_through", "validThrough", until.map(Value::from));
        offer("description", "description", get("description").and_then(text).map(Value::from));
        for key in ["baseSalary", "estimatedSalary"] {
            if let Some(pay) = get(key).and_then(first) {
                salary(&mut fields, source, key, pay);
            }
        }
    }
    for (field, value) in [("title", &facts.title), ("description", &facts.description)] {
        fields.offer(field, Source::Meta, field, value.clone().map(Value::from));
    }
    fields
}

fn places(facts: &Facts, value: &Value) -> Vec<String> {
    match value {
        Value::Array(all) => all.iter().take(50).filter_map(|it| place(facts, it)).collect(),
        one => place(facts, one).into_iter().collect(),
    }
}

/// The least and the most of a pay, its currency, and what it is paid for.
fn salary(fields: &mut Fields, source: Source, key: &str, pay: &Value) {
    let amount = pay.get("value").and_then(first).unwrap_or(pay);
    let of = |name: &str| amount.get(name).or_else(|| pay.get(name));
    let number = |name: &str| of(name).and_then(number).filter(|it| *it > 0.0);
    let alone = number("value").or_else(|| crate::extract::schema::number(amount));
    let (least, most) = (number("minValue").or(alone), number("maxValue").or(alone));
    let currency = pay.get("currency").or_else(|| pay.get("salaryCurrency")).and_then(text);
    let unit = of("unitText").and_then(text).map(|it| it.to_uppercase());
    for (field, value) in [
        ("salary_min", least.map(decimal)),
        ("salary_max", most.map(decimal)),
        ("salary_currency", currency.map(Value::from)),
        ("salary_unit", unit.map(|it| json!(it))),
    ] {
        fields.offer(field, source, key, value);
    }
}
