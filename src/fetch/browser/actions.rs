//! Page actions: one after the other, each with a deadline of its own. One that fails is recorded and
//! passed over.

use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::time::timeout;

use super::capture;
use super::keys;
use super::visit::Visit;
use crate::core::request::{Action, ActionKind};
use crate::ports::fetch::{ActionResult, FetchError, FetchErrorKind};

const PLACE: &str = include_str!("js/place.js");
const FILL: &str = include_str!("js/fill.js");

/// What a page may do with a click before the next action.
const AFTER_CLICK: Duration = Duration::from_millis(100);
/// How long a click may go on loading.
const CLICK_LOAD: Duration = Duration::from_secs(5);
/// How often `infinite_scroll` scrolls if nothing is said, and at most.
const SCROLLS: (u64, u64) = (10, 50);
/// The most bytes of what a script returns, as JSON.
const MAX_VALUE: usize = 64 << 10;

/// What the actions came to.
#[derive(Debug, Default)]
pub(super) struct Acted {
    pub(super) results: Vec<ActionResult>,
    /// PNGs, in order.
    pub(super) pictures: Vec<Vec<u8>>,
}

/// Why an action was not done.
#[derive(Debug)]
enum Failure {
    /// Its own fault.
    Passed(String),
    /// The page is gone, and with it everything after.
    Ended(FetchError),
}

impl From<FetchError> for Failure {
    fn from(error: FetchError) -> Self {
        match error.kind() {
            FetchErrorKind::Broken | FetchErrorKind::Timeout => Self::Ended(error),
            _ => Self::Passed(error.to_string()),
        }
    }
}

impl From<super::error::CallError> for Failure {
    fn from(error: super::error::CallError) -> Self {
        match error {
            super::error::CallError::Gone(_) => Self::Ended(error.into()),
            _ => Self::Passed(error.to_string()),
        }
    }
}

fn wrong(why: impl Into<String>) -> Failure {
    Failure::Passed(why.into())
}

/// Does all of them.
pub(super) async fn run(visit: &mut Visit<'_>) -> Result<Acted, FetchError> {
    let mut acted = Acted::default();
    let options = visit.options;
    for action in &options.advanced.actions {
        let limit = visit.share(visit.limits.action);
        let done = timeout(limit, one(visit, action, &mut acted)).await;
        let late = || wrong(format!("it was not done within {} ms", limit.as_millis()));
        let (success, result) = match done.unwrap_or_else(|_| Err(late())) {
            Ok(value) => (true, value),
            Err(Failure::Passed(why)) => (false, Value::String(why)),
            Err(Failure::Ended(error)) => return Err(error),
        };
        let kind = action.kind.as_str().to_owned();
        acted.results.push(ActionResult { kind, success, result });
    }
    Ok(acted)
}

async fn one(visit: &mut Visit<'_>, action: &Action, acted: &mut Acted) -> Result<Value, Failure> {
    let with = With(&action.with);
    match action.kind {
        ActionKind::Wait => {
            let ms = with.number(&["ms", "milliseconds", "duration", "time", "timeout"])?;
            tokio::time::sleep(Duration::from_millis(ms.unwrap_or(1_000))).await;
            Ok(Value::Null)
        }
        ActionKind::WaitFor => {
            let limit = with.number(&["timeout", "ms"])?.map(Duration::from_millis);
            let limit = visit.share(limit.unwrap_or(visit.limits.action).min(visit.limits.action));
            let selector = with.selector()?;
            if visit.selector(selector, limit).await? {
                Ok(Value::Null)
            } else {
                Err(wrong(format!("nothing matched `{selector}` in time")))
            }
        }
        ActionKind::Click => click(visit, with.selector()?).await,
        ActionKind::Fill => fill(visit, with.selector()?, with.text(&["value", "text"])?).await,
        ActionKind::Press => {
            press(visit, with.text(&["key", "value"])?, with.selector().ok()).await
        }
        ActionKind::Scroll => scroll(visit, with).await,
        ActionKind::InfiniteScroll => {
            let times = with.number(&["max_scrolls", "count", "times"])?.unwrap_or(SCROLLS.0);
            let times = u32::try_from(times.min(SCROLLS.1)).unwrap_or(1);
            Ok(json!({ "scrolls": visit.scroll_down(times).await? }))
        }
        ActionKind::Screenshot => {
            acted.pictures.push(capture::screenshot(visit).await?);
            Ok(json!({ "picture": acted.pictures.len() }))
        }
        ActionKind::Evaluate => {
            let script = with.text(&["script", "expression", "code"])?;
            let value = visit.tab.evaluate(script).await?;
            let size = value.to_string().len();
            if size > MAX_VALUE {
                return Err(wrong(format!(
                    "it returned {size} bytes, over the limit of {MAX_VALUE}"
                )));
            }
            Ok(value)
        }
    }
}

/// An action's other fields. Clients do not agree on their names.
#[derive(Clone, Copy)]
struct With<'a>(&'a Map<String, Value>);

impl<'a> With<'a> {
    fn text(self, names: &[&str]) -> Result<&'a str, Failure> {
        let found = names.iter().find_map(|it| self.0.get(*it)).and_then(Value::as_str);
        found.ok_or_else(|| wrong(format!("`{}` is missing, or no text", names[0])))
    }

    fn selector(self) -> Result<&'a str, Failure> {
        self.text(&["selector"])
    }

    fn number(self, names: &[&str]) -> Result<Option<u64>, Failure> {
        let Some(value) = names.iter().find_map(|it| self.0.get(*it)) else { return Ok(None) };
        let number = value.as_u64().map(Some);
        number.ok_or_else(|| wrong(format!("`{}` is no whole number above zero", names[0])))
    }

    /// Pixels, to either side.
    fn pixels(self, name: &str) -> Option<f64> {
        self.0.get(name).and_then(Value::as_f64)
    }
}

/// Where an element is in the window; a hidden one is nowhere.
#[derive(serde::Deserialize)]
struct Place {
    x: Option<f64>,
    y: Option<f64>,
}

/// As a hand does it: to the element's middle, down and up.
async fn click(visit: &Visit<'_>, selector: &str) -> Result<Value, Failure> {
    let ask = json!({ "selector": selector });
    let place: Option<Place> = visit.tab.run(PLACE, &ask).await?;
    let place = place.ok_or_else(|| wrong(format!("nothing matches `{selector}`")))?;
    let (Some(x), Some(y)) = (place.x, place.y) else {
        return Err(wrong(format!("what `{selector}` matches is hidden")));
    };
    for (kind, buttons) in [("mouseMoved", 0), ("mousePressed", 1), ("mouseReleased", 0)] {
        let button = if kind == "mouseMoved" { "none" } else { "left" };
        let event = json!({
            "type": kind, "x": x, "y": y, "button": button, "buttons": buttons, "clickCount": 1,
        });
        visit.tab.call("Input.dispatchMouseEvent", event).done().await?;
    }
    come_to_rest(visit).await;
    Ok(Value::Null)
}

/// Gives what was set off a moment to begin, and some time to end.
async fn come_to_rest(visit: &Visit<'_>) {
    tokio::time::sleep(AFTER_CLICK).await;
    let quiet = visit.tab.watched().quiet(AFTER_CLICK);
    // A page that never rests is taken as it is.
    let _ = timeout(visit.share(CLICK_LOAD), quiet).await;
}

async fn fill(visit: &Visit<'_>, selector: &str, value: &str) -> Result<Value, Failure> {
    let ask = json!({"selector": selector, "value": value});
    let said: String = visit.tab.run(FILL, &ask).await?;
    match said.as_str() {
        "typed" if value.is_empty() => key(visit, "Delete").await?,
        "typed" => {
            visit.tab.call("Input.insertText", json!({ "text": value })).done().await?;
        }
        "chosen" => {}
        why => return Err(wrong(format!("`{selector}`: {why}"))),
    }
    Ok(Value::Null)
}

async fn press(visit: &Visit<'_>, name: &str, on: Option<&str>) -> Result<Value, Failure> {
    const FOCUS: &str = "function ({ selector }) { const it = document.querySelector(selector); \
        if (it) it.focus(); return it !== null; }";
    if let Some(selector) = on {
        let there: bool = visit.tab.run(FOCUS, &json!({ "selector": selector })).await?;
        if !there {
            return Err(wrong(format!("nothing matches `{selector}`")));
        }
    }
    key(visit, name).await?;
    come_to_rest(visit).await;
    Ok(Value::Null)
}

async fn key(visit: &Visit<'_>, name: &str) -> Result<(), Failure> {
    let mut letters = name.chars();
    let event = match (keys::named(name), letters.next(), letters.next()) {
        (Some((key, code, number, text)), ..) => json!({
            "key": if key == "Space" { " " } else { key }, "code": code,
            "windowsVirtualKeyCode": number, "text": text,
        }),
        (None, Some(letter), None) => json!({ "key": name, "text": letter.to_string() }),
        _ => {
            return Err(wrong(format!("`{name}` is no key; use a letter or a name such as Enter")));
        }
    };
    for kind in ["keyDown", "keyUp"] {
        let mut event = event.clone();
        event["type"] = json!(kind);
        if kind == "keyUp" {
            event["text"] = json!("");
        }
        visit.tab.call("Input.dispatchKeyEvent", event).done().await?;
    }
    Ok(())
}

/// To an element, by pixels, or by a window's height to one side.
async fn scroll(visit: &Visit<'_>, with: With<'_>) -> Result<Value, Failure> {
    const BY: &str = "function ({ x, y, windows }) { \
        window.scrollBy({ left: x, top: y + windows * innerHeight, behavior: 'instant' }); return true; }";
    if let Ok(selector) = with.selector() {
        let place: Option<Value> = visit.tab.run(PLACE, &json!({ "selector": selector })).await?;
        return match place {
            Some(_) => Ok(Value::Null),
            None => Err(wrong(format!("nothing matches `{selector}`"))),
        };
    }
    let direction = with.text(&["direction"]).unwrap_or("down");
    let amount = with.pixels("amount").or_else(|| with.pixels("pixels"));
    let (x, y) = (with.pixels("x").unwrap_or(0.0), with.pixels("y"));
    let ask = match (y, amount, direction) {
        (Some(y), ..) => json!({"x": x, "y": y, "windows": 0}),
        (None, Some(pixels), "up") => json!({"x": x, "y": -pixels, "windows": 0}),
        (None, Some(pixels), "left") => json!({"x": -pixels, "y": 0, "windows": 0}),
        (None, Some(pixels), "right") => json!({"x": pixels, "y": 0, "windows": 0}),
        (None, Some(pixels), _) => json!({"x": x, "y": pixels, "windows": 0}),
        (None, None, "up") => json!({"x": x, "y": 0, "windows": -1}),
        (None, None, _) => json!({"x": x, "y": 0, "windows": 1}),
    };
    visit.tab.run::<bool>(BY, &ask).await?;
    come_to_rest(visit).await;
    Ok(Value::Null)
}
