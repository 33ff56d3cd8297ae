//! Typed access to the fields of a JSON object. A null field counts as absent; an error names the expected type.

use std::cell::RefCell;
use std::str::FromStr;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::core::request::ValidationError;

/// A JSON object. Its fields are looked up by the path that an error reports.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    map: &'a Map<String, Value>,
    /// Path of the object in the item or body; empty for the item or body itself.
    place: &'static str,
    lookups: Option<&'a Lookups>,
}

/// One look-up of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::service::wire) struct Lookup {
    /// Path of the object.
    pub(in crate::service::wire) place: &'static str,
    /// Name of the field in the object.
    pub(in crate::service::wire) name: &'static str,
    /// Path of the field, if it was read as an object with fields of its own.
    pub(in crate::service::wire) object: Option<&'static str>,
}

/// A record of look-ups, in order: the fields that reading knows.
#[derive(Debug, Default)]
pub(in crate::service::wire) struct Lookups(RefCell<Vec<Lookup>>);

impl Lookups {
    fn add(&self, lookup: Lookup) {
        let mut all = self.0.borrow_mut();
        match all.iter_mut().find(|it| (it.place, it.name) == (lookup.place, lookup.name)) {
            Some(known) => known.object = known.object.or(lookup.object),
            None => all.push(lookup),
        }
    }

    pub(in crate::service::wire) fn into_vec(self) -> Vec<Lookup> {
        self.0.into_inner()
    }
}

/// Creates the error for a field of the wrong type.
pub(super) fn expected(field: &'static str, what: &str, given: &Value) -> ValidationError {
    let given = match given {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    ValidationError::new(field, format!("must be {what}, not {given}"))
}

impl<'a> Fields<'a> {
    /// Reads an item or a body, which an error calls `field`. Look-ups are added to `lookups`.
    pub(super) fn of(
        value: &'a Value,
        field: &'static str,
        lookups: Option<&'a Lookups>,
    ) -> Result<Self, ValidationError> {
        let map = value.as_object().ok_or_else(|| expected(field, "an object", value))?;
        Ok(Self { map, place: "", lookups })
    }

    /// Returns the field named by the last part of `path`; `None` if it is absent or null.
    pub(super) fn value(self, path: &'static str) -> Option<&'a Value> {
        self.look_up(path, None)
    }

    /// Returns `true` if the field named `name` is there and null.
    #[cfg(feature = "server")]
    pub(super) fn is_null(self, name: &str) -> bool {
        self.map.get(name).is_some_and(Value::is_null)
    }

    /// Reads an object.
    pub(super) fn object(self, path: &'static str) -> Result<Option<Self>, ValidationError> {
        let Some(value) = self.look_up(path, Some(path)) else { return Ok(None) };
        let map = value.as_object().ok_or_else(|| expected(path, "an object", value))?;
        Ok(Some(Self { map, place: path, lookups: self.lookups }))
    }

    fn look_up(self, path: &'static str, object: Option<&'static str>) -> Option<&'a Value> {
        let name = path.rsplit('.').next().unwrap_or(path);
        if let Some(lookups) = self.lookups {
            lookups.add(Lookup { place: self.place, name, object });
        }
        self.map.get(name).filter(|it| !it.is_null())
    }

    /// Reads a boolean into `slot`, which keeps its value if the field is absent.
    pub(super) fn flag(self, path: &'static str, slot: &mut bool) -> Result<(), ValidationError> {
        if let Some(value) = self.value(path) {
            *slot = value.as_bool().ok_or_else(|| expected(path, "true or false", value))?;
        }
        Ok(())
    }

    /// Reads a string.
    pub(super) fn text(self, path: &'static str) -> Result<Option<String>, ValidationError> {
        let Some(value) = self.value(path) else { return Ok(None) };
        let text = value.as_str().ok_or_else(|| expected(path, "a string", value))?;
        Ok(Some(text.to_owned()))
    }

    /// Reads the webhook URL, under either of the names that clients use.
    pub(super) fn webhook(self) -> Result<Option<String>, ValidationError> {
        let (snake, camel) = (self.text("webhook_url")?, self.text("webhookUrl")?);
        Ok(snake.or(camel))
    }

    /// Reads an integer from 0. A number with a fraction of zero, such as `10.0`, is an integer too.
    pub(super) fn whole(self, path: &'static str) -> Result<Option<u64>, ValidationError> {
        let Some(value) = self.value(path) else { return Ok(None) };
        let number = value.as_u64().or_else(|| {
            value.as_f64().filter(|it| it.fract() == 0.0).and_then(|it| rounded_up(it, 1.0))
        });
        number.map(Some).ok_or_else(|| expected(path, "a whole number from 0", value))
    }

    /// Reads a number of seconds from 0. A fraction is rounded up.
    pub(super) fn seconds(self, path: &'static str) -> Result<Option<Duration>, ValidationError> {
        let Some(value) = self.value(path) else { return Ok(None) };
        let number = value.as_f64().and_then(|it| rounded_up(it.ceil(), 1.0));
        let seconds = number.map(Duration::from_secs);
        seconds.map(Some).ok_or_else(|| expected(path, "a number of seconds from 0", value))
    }

    /// Reads a number from 0, multiplied by `unit` and rounded up.
    pub(super) fn amount(
        self,
        path: &'static str,
        unit: f64,
    ) -> Result<Option<u64>, ValidationError> {
        let Some(value) = self.value(path) else { return Ok(None) };
        let number = value.as_f64().and_then(|it| rounded_up(it, unit));
        number.map(Some).ok_or_else(|| expected(path, "a number from 0", value))
    }

    /// Reads a string that is one of the words of `W`.
    pub(super) fn word<W: FromStr<Err: ToString>>(
        self,
        path: &'static str,
    ) -> Result<Option<W>, ValidationError> {
        let Some(value) = self.value(path) else { return Ok(None) };
        word(value, path).map(Some)
    }

    /// Reads a list of strings that are words of `W`.
    pub(super) fn words<W: FromStr<Err: ToString>>(
        self,
        path: &'static str,
    ) -> Result<Option<Vec<W>>, ValidationError> {
        let Some(value) = self.value(path) else { return Ok(None) };
        let list = value.as_array().ok_or_else(|| expected(path, "a list of strings", value))?;
        list.iter().map(|it| word(it, path)).collect::<Result<_, _>>().map(Some)
    }

    /// Rejects fields other than `known`; `path` is the object's own.
    pub(super) fn only(self, path: &'static str, known: &[&str]) -> Result<(), ValidationError> {
        match self.map.keys().find(|it| !known.contains(&it.as_str())) {
            None => Ok(()),
            Some(other) => {
                let other: String = other.chars().take(40).collect();
                let known = known.join(", ");
                let reason = format!("has the unknown field `{other}`; use: {known}");
                Err(ValidationError::new(path, reason))
            }
        }
    }

    /// Reads an object of strings as pairs. Numbers and booleans become strings as they are written.
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

/// Replaces the value of `slot` if there is a new one.
pub(super) fn put<T>(slot: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *slot = value;
    }
}

/// Parses a string that is one of the words of `W`. The error lists them.
pub(super) fn word<W: FromStr<Err: ToString>>(
    value: &Value,
    field: &'static str,
) -> Result<W, ValidationError> {
    let text = value.as_str().ok_or_else(|| expected(field, "a string", value))?;
    text.parse().map_err(|why: W::Err| ValidationError::new(field, why.to_string()))
}

/// Multiplies and rounds up; `None` below zero or beyond the integers that an `f64` represents exactly.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // the last line rules both out
fn rounded_up(number: f64, unit: f64) -> Option<u64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let product = number * unit;
    let nearest = product.round();
    // A dollar amount such as 0.0007 times a million is not exactly whole in binary. Rounding that error up would
    // add a credit.
    let whole = if (product - nearest).abs() < 1e-6 { nearest } else { product.ceil() };
    (number >= 0.0 && whole <= EXACT).then_some(whole as u64)
}
