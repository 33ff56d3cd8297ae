//! Page actions.
//!
//! Actions run one after the other, each with a time limit of its own. One that fails is recorded, and the next
//! one runs.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::time::timeout;

use super::capture;
use super::error::CallError;
use super::keys;
use super::render::Rendering;
use crate::core::request::{Action, ActionKind};
use crate::ports::fetch::{ActionResult, FetchError, FetchErrorKind};

const LOCATE_JS: &str = include_str!("js/locate.js");
const FILL_JS: &str = include_str!("js/fill.js");
const FOCUS_JS: &str = "function ({ selector }) { const it = document.querySelector(selector); \
    if (it) it.focus(); return it !== null; }";
const SCROLL_BY_JS: &str = "function ({ x, y, windows }) { window.scrollBy({ left: x, \
    top: y + windows * innerHeight, behavior: 'instant' }); return true; }";

/// Time that a page's handlers have to react to input before the next action, and the pause without network
/// activity after which their requests count as done. People do not notice a shorter delay either.
const INPUT_PAUSE: Duration = Duration::from_millis(100);
/// Maximum time that a page loads after input.
const INPUT_LOAD_TIMEOUT: Duration = Duration::from_secs(5);
/// Default duration of `wait`.
const DEFAULT_WAIT_MS: u64 = 1_000;
/// Default number of scrolls of `infinite_scroll`.
const DEFAULT_SCROLLS: u64 = 10;
/// Maximum number of scrolls of `infinite_scroll`.
const MAX_SCROLLS: u64 = 50;
/// Maximum size of a script's result, as JSON: it is kept in the job's record.
const MAX_RESULT_BYTES: usize = 64 << 10;

/// The results of a page's actions.
#[derive(Debug, Default)]
pub(super) struct ActionOutcomes {
    pub(super) results: Vec<ActionResult>,
    /// PNGs, in the order of the `screenshot` actions.
    pub(super) screenshots: Vec<Vec<u8>>,
}

/// The failure of an action.
#[derive(Debug)]
enum ActionError {
    /// This action failed; the next one runs.
    Failed(String),
    /// The page or the browser is gone; the attempt ends.
    PageLost(FetchError),
}

impl From<FetchError> for ActionError {
    fn from(error: FetchError) -> Self {
        match error.kind() {
            FetchErrorKind::Broken | FetchErrorKind::Timeout => Self::PageLost(error),
            _ => Self::Failed(error.to_string()),
        }
    }
}

impl From<CallError> for ActionError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Disconnected(_) => Self::PageLost(error.into()),
            _ => Self::Failed(error.to_string()),
        }
    }
}

fn failed(reason: impl Into<String>) -> ActionError {
    ActionError::Failed(reason.into())
}

fn no_match(selector: &str) -> ActionError {
    failed(format!("nothing matches `{selector}`"))
}

/// Runs the job's actions.
pub(super) async fn run(rendering: &mut Rendering<'_>) -> Result<ActionOutcomes, FetchError> {
    let mut outcomes = ActionOutcomes::default();
    let options = rendering.options;
    for action in &options.advanced().actions {
        let limit = rendering.at_most(rendering.limits.action_timeout);
        let result = timeout(limit, run_action(rendering, action, &mut outcomes)).await;
        let timed_out = || failed(format!("not done within {} ms", limit.as_millis()));
        let (success, result) = match result.unwrap_or_else(|_| Err(timed_out())) {
            Ok(value) => (true, value),
            Err(ActionError::Failed(reason)) => (false, Value::String(reason)),
            Err(ActionError::PageLost(error)) => return Err(error),
        };
        let kind = action.kind.as_str().to_owned();
        outcomes.results.push(ActionResult { kind, success, result });
    }
    Ok(outcomes)
}

async fn run_action(
    rendering: &mut Rendering<'_>,
    action: &Action,
    outcomes: &mut ActionOutcomes,
) -> Result<Value, ActionError> {
    let fields = ActionFields(&action.with);
    match action.kind {
        ActionKind::Wait => {
            let ms = fields.number(&["ms", "milliseconds", "duration", "time", "timeout"])?;
            tokio::time::sleep(Duration::from_millis(ms.unwrap_or(DEFAULT_WAIT_MS))).await;
            Ok(Value::Null)
        }
        ActionKind::WaitFor => wait_for(rendering, fields).await,
        ActionKind::Click => click(rendering, fields.selector()?).await,
        ActionKind::Fill => {
            fill(rendering, fields.selector()?, fields.text(&["value", "text"])?).await
        }
        ActionKind::Press => {
            press(rendering, fields.text(&["key", "value"])?, fields.selector().ok()).await
        }
        ActionKind::Scroll => scroll(rendering, fields).await,
        ActionKind::InfiniteScroll => {
            let times = fields.number(&["max_scrolls", "count", "times"])?;
            let times = times.unwrap_or(DEFAULT_SCROLLS).min(MAX_SCROLLS);
            let times = u32::try_from(times).unwrap_or(1);
            Ok(json!({ "scrolls": rendering.scroll_down(times).await? }))
        }
        ActionKind::Screenshot => {
            outcomes.screenshots.push(capture::screenshot(rendering).await?);
            Ok(json!({ "picture": outcomes.screenshots.len() }))
        }
        ActionKind::Evaluate => {
            let script = fields.text(&["script", "expression", "code"])?;
            let value = rendering.tab.evaluate(script).await?;
            let size = value.to_string().len();
            if size > MAX_RESULT_BYTES {
                return Err(failed(format!(
                    "the script returned {size} bytes, over the limit of {MAX_RESULT_BYTES}"
                )));
            }
            Ok(value)
        }
    }
}

/// The fields of an action. Clients use different names for the same field; the first name is documented.
#[derive(Clone, Copy)]
struct ActionFields<'a>(&'a Map<String, Value>);

impl<'a> ActionFields<'a> {
    fn first(self, names: &[&str]) -> Option<&'a Value> {
        names.iter().find_map(|name| self.0.get(*name))
    }

    fn text(self, names: &[&str]) -> Result<&'a str, ActionError> {
        let text = self.first(names).and_then(Value::as_str);
        text.ok_or_else(|| failed(format!("`{}` is missing or not a text", names[0])))
    }

    fn selector(self) -> Result<&'a str, ActionError> {
        self.text(&["selector"])
    }

    fn number(self, names: &[&str]) -> Result<Option<u64>, ActionError> {
        let Some(value) = self.first(names) else { return Ok(None) };
        let number = value.as_u64().map(Some);
        number.ok_or_else(|| failed(format!("`{}` is not a non-negative integer", names[0])))
    }

    /// A distance in CSS pixels, which may be negative.
    fn pixels(self, name: &str) -> Option<f64> {
        self.0.get(name).and_then(Value::as_f64)
    }
}

/// The middle of an element in the window; a hidden element has none.
#[derive(Deserialize)]
struct ElementPosition {
    x: Option<f64>,
    y: Option<f64>,
}

async fn wait_for(
    rendering: &Rendering<'_>,
    fields: ActionFields<'_>,
) -> Result<Value, ActionError> {
    let longest = rendering.limits.action_timeout;
    let limit = fields.number(&["timeout", "ms"])?.map_or(longest, Duration::from_millis);
    let selector = fields.selector()?;
    if rendering.wait_for_selector(selector, rendering.at_most(limit.min(longest))).await? {
        Ok(Value::Null)
    } else {
        Err(failed(format!("nothing matched `{selector}` in time: check the selector")))
    }
}

/// Clicks the middle of an element with real mouse events.
async fn click(rendering: &Rendering<'_>, selector: &str) -> Result<Value, ActionError> {
    let params = json!({ "selector": selector });
    let position: Option<ElementPosition> = rendering.tab.run(LOCATE_JS, &params).await?;
    let position = position.ok_or_else(|| no_match(selector))?;
    let (Some(x), Some(y)) = (position.x, position.y) else {
        return Err(failed(format!("the element that `{selector}` matches is hidden")));
    };
    for (kind, buttons) in [("mouseMoved", 0), ("mousePressed", 1), ("mouseReleased", 0)] {
        let button = if kind == "mouseMoved" { "none" } else { "left" };
        let event = json!({
            "type": kind, "x": x, "y": y, "button": button, "buttons": buttons, "clickCount": 1,
        });
        rendering.tab.call("Input.dispatchMouseEvent", event).done().await?;
    }
    wait_after_input(rendering).await;
    Ok(Value::Null)
}

/// Gives the page time to react to input and to load what it requests.
async fn wait_after_input(rendering: &Rendering<'_>) {
    tokio::time::sleep(INPUT_PAUSE).await;
    let quiet = rendering.tab.tracker().wait_for_quiet(INPUT_PAUSE);
    // A page that keeps loading is used as it is.
    let _ = timeout(rendering.at_most(INPUT_LOAD_TIMEOUT), quiet).await;
}

async fn fill(
    rendering: &Rendering<'_>,
    selector: &str,
    value: &str,
) -> Result<Value, ActionError> {
    let params = json!({"selector": selector, "value": value});
    let outcome: String = rendering.tab.run(FILL_JS, &params).await?;
    match outcome.as_str() {
        "typed" if value.is_empty() => press_key(rendering, "Delete").await?,
        "typed" => {
            rendering.tab.call("Input.insertText", json!({ "text": value })).done().await?;
        }
        "chosen" => {}
        reason => return Err(failed(format!("`{selector}`: {reason}"))),
    }
    Ok(Value::Null)
}

async fn press(
    rendering: &Rendering<'_>,
    key: &str,
    selector: Option<&str>,
) -> Result<Value, ActionError> {
    if let Some(selector) = selector {
        let params = json!({ "selector": selector });
        let is_focused: bool = rendering.tab.run(FOCUS_JS, &params).await?;
        if !is_focused {
            return Err(no_match(selector));
        }
    }
    press_key(rendering, key).await?;
    wait_after_input(rendering).await;
    Ok(Value::Null)
}

async fn press_key(rendering: &Rendering<'_>, name: &str) -> Result<(), ActionError> {
    let mut letters = name.chars();
    let event = match (keys::named(name), letters.next(), letters.next()) {
        (Some(key), ..) => json!({
            "key": key.key, "code": key.code,
            "windowsVirtualKeyCode": key.key_code, "text": key.text,
        }),
        (None, Some(letter), None) => json!({ "key": name, "text": letter.to_string() }),
        _ => {
            let message =
                format!("unknown key `{name}`: use one character, or a name such as Enter");
            return Err(failed(message));
        }
    };
    let mut down = event.clone();
    down["type"] = json!("keyDown");
    let mut up = event;
    up["type"] = json!("keyUp");
    up["text"] = json!("");
    for event in [down, up] {
        rendering.tab.call("Input.dispatchKeyEvent", event).done().await?;
    }
    Ok(())
}

/// Scrolls to an element, by pixels, or by one window height.
async fn scroll(rendering: &Rendering<'_>, fields: ActionFields<'_>) -> Result<Value, ActionError> {
    if let Ok(selector) = fields.selector() {
        let params = json!({ "selector": selector });
        let position: Option<Value> = rendering.tab.run(LOCATE_JS, &params).await?;
        return position.map(|_| Value::Null).ok_or_else(|| no_match(selector));
    }
    let direction = fields.text(&["direction"]).unwrap_or("down");
    let amount = fields.pixels("amount").or_else(|| fields.pixels("pixels"));
    let (x, y) = (fields.pixels("x").unwrap_or(0.0), fields.pixels("y"));
    let params = match (y, amount, direction) {
        (Some(y), ..) => json!({"x": x, "y": y, "windows": 0}),
        (None, Some(pixels), "up") => json!({"x": x, "y": -pixels, "windows": 0}),
        (None, Some(pixels), "left") => json!({"x": -pixels, "y": 0, "windows": 0}),
        (None, Some(pixels), "right") => json!({"x": pixels, "y": 0, "windows": 0}),
        (None, Some(pixels), _) => json!({"x": x, "y": pixels, "windows": 0}),
        (None, None, "up") => json!({"x": x, "y": 0, "windows": -1}),
        (None, None, _) => json!({"x": x, "y": 0, "windows": 1}),
    };
    rendering.tab.run::<bool>(SCROLL_BY_JS, &params).await?;
    wait_after_input(rendering).await;
    Ok(Value::Null)
}
