//! One field at a time: absent and null are the same, and a wrong type names what is right.

use std::str::FromStr;

use serde_json::{Map, Value};

use crate::core::request::ValidationError;

/// An object whose fields are looked up by the path that a flaw shall name.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a>(&'a Map<String, Value>);

/// What a field of the wrong type should have been.
pub(super) fn expected(field: &'static str, what: &str, given: &Value) -> ValidationError {
    let given = match given {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    ValidationError { field, reason: format!("must be {what}, not {given}") }
}

impl<'a> Fields<'a> {
    pub(super) fn of(value: &'a Value, field: &'static str) -> Result<Self, ValidationError> {
        value.as_object().map(Self).ok_or_else(|| expected(field, "an object", value))
    }

    /// The field named by the last part of `path`, unless it is null.
    pub(super) fn value(self, path: &'static str) -> Option<&'a Value> {
        let name = path.rsplit('.').next().unwrap_or(path);
        self.0.get(name).filter(|it| !it.is_null())
    }

    /// An object; none if the field is absent.
    pub(super) fn object(self, path: &'static str) -> Result<Option<Self>, ValidationError> {
        self.value(path).map(|it| Self::of(it, path)).transpose()
    }

    /// Puts a boolean into `slot`, which stays as it is if the field is absent.
    pub(super) fn flag(self, path: &'static str, slot: &mut bool) -> Result<(), ValidationError> {
        if let Some(value) = self.value(path) {
            *slot = value.as_bool().ok_or_else(|| expected(path, "true or false", value))?;
        }
        Ok(())
    }

    pub(super) fn text(self, path: &'static str) -> Result<Option<String>, ValidationError> {
        let Some(value) = self.value(path) else { return Ok(None) };
        let text = value.as_str().ok_or_else(|| expected(path, "a string", value))?;
        Ok(Some(text.to_owned()))
    }

    /// Where the end is told. Some clients write its name in their own way.
    pub(super) fn webhook(self) -> Result<Option<String>, ValidationError> {
        match self.text("webhook_url")? {
            Some(url) => Ok(Some(url)),
            None => self.text("webhookUrl"),
        }
    }

    /// A whole number from 0. One that is written with a fraction of zero is whole too.
    pub(super) fn whole(self, path: &'static str) -> Result<Option<u64>, ValidationError> {
        let Some(value) = self.value(path) else { return Ok(None) };
        let number = value.as_u64().or_else(|| {
            value.as_f64().filter(|it| it.fract() == 0.0).and_then(|it| rounded_up(it, 1.0))
        });
        number.map(Some).ok_or_else(|| expected(path, "a whole number from 0", value))
    }

    /// A number from 0, times `unit`, rounded up.
    pub(super) fn amount(
        self,
        path: &'static str,
        unit: f64,
    ) -> Result<Option<u64>, ValidationError> {
        let Some(value) = self.value(path) else { return Ok(None) };
        let number = value.as_f64().and_then(|it| rounded_up(it, unit));
        number.map(Some).ok_or_else(|| expected(path, "a number from 0", value))
    }

    /// One of a field's known words; none if the field is absent.
    pub(super) fn word<W: FromStr<Err: ToString>>(
        self,
        path: &'static str,
    ) -> Result<Option<W>, ValidationError> {
        let Some(value) = self.value(path) else { return Ok(None) };
        word(value, path).map(Some)
    }

    /// A list of a field's known words; none if the field is absent.
    pub(super) fn words<W: FromStr<Err: ToString>>(
        self,
        path: &'static str,
    ) -> Result<Option<Vec<W>>, ValidationError> {
        let Some(value) = self.value(path) else { return Ok(None) };
        let list = value.as_array().ok_or_else(|| expected(path, "a list of strings", value))?;
        list.iter().map(|it| word(it, path)).collect::<Result<_, _>>().map(Some)
    }

    /// Refuses an object at `path` that has other fields than these.
    pub(super) fn only(self, path: &'static str, known: &[&str]) -> Result<(), ValidationError> {
        match self.0.keys().find(|it| !known.contains(&it.as_str())) {
            None => Ok(()),
            Some(other) => {
                let other: String = other.chars().take(40).collect();
                let known = known.join(", ");
                let reason = format!("has the unknown field `{other}`; use: {known}");
                Err(ValidationError { field: path, reason })
            }
        }
    }

    /// A map of strings, as pairs. Numbers and booleans are taken as they are written.
    pub(super) fn pairs(
        self,
        path: &'static str,
    ) -> Result<Option<Vec<(String, String)>>, ValidationError> {
        let Some(value) = self.value(path) else { return Ok(None) };
        let map = value.as_object().ok_or_else(|| expected(path, "an object", value))?;
        let mut pairs = Vec::with_capacity(map.len());
        for (name, value) in map {
            let value = match value {
                Value::Null => continue,
                Value::String(text) => text.clone(),
                Value::Bool(_) | Value::Number(_) => value.to_string(),
                _ => return Err(expected(path, "an object of strings", value)),
            };
            pairs.push((name.clone(), value));
        }
        Ok(Some(pairs))
    }
}

/// Puts what is there into its place, and leaves the default where nothing is.
pub(super) fn put<T>(slot: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *slot = value;
    }
}

/// A known word, or a flaw that names those there are.
pub(super) fn word<W: FromStr<Err: ToString>>(
    value: &Value,
    field: &'static str,
) -> Result<W, ValidationError> {
    let text = value.as_str().ok_or_else(|| expected(field, "a string", value))?;
    text.parse().map_err(|why: W::Err| ValidationError { field, reason: why.to_string() })
}

/// `number` times `unit` as a whole number, rounded up; none below zero or beyond what is exact.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // both are ruled out just before
fn rounded_up(number: f64, unit: f64) -> Option<u64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let product = number * unit;
    let nearest = product.round();
    // 0.0003 dollars times a million is 299.99999999999994 in binary; that is no fraction.
    let whole = if (product - nearest).abs() < 1e-6 { nearest } else { product.ceil() };
    (number >= 0.0 && whole <= EXACT).then_some(whole as u64)
}
