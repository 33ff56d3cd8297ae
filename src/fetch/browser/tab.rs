//! One page in a context of its own.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::blank::Blank;
use super::error::CallError;
use super::gateway::Gateway;
use super::intercept::Intercept;
use super::pool::Place;
use super::watched::Watched;
use super::wire::Answer;
use crate::core::request::Language;

/// What a page is opened with.
#[derive(Debug)]
pub(super) struct Opening {
    pub(super) gateway: Arc<Gateway>,
    pub(super) intercept: Option<Intercept>,
    pub(super) agent: Option<String>,
    pub(super) language: Option<Language>,
    /// Names and values for the page's address.
    pub(super) cookies: Vec<(String, String)>,
    pub(super) url: String,
    /// Run in every document before its own scripts.
    pub(super) first: Option<&'static str>,
}

/// A page. Dropping it closes its context, with all that the page kept.
#[derive(Debug)]
pub(super) struct Tab {
    blank: Blank,
    /// The world of ours in the document that is shown.
    world: Mutex<Option<i64>>,
    // Last, so that the place is given back when the page is gone.
    place: Place,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct World {
    execution_context_id: i64,
}

/// What a script came to.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Ran {
    #[serde(default)]
    result: RemoteObject,
    exception_details: Option<Exception>,
}

#[derive(Default, Deserialize)]
struct RemoteObject {
    #[serde(default)]
    value: Value,
}

#[derive(Deserialize)]
struct Exception {
    text: String,
    exception: Option<Thrown>,
}

#[derive(Deserialize)]
struct Thrown {
    description: Option<String>,
}

impl Ran {
    fn value(self) -> Result<Value, CallError> {
        let Some(exception) = self.exception_details else { return Ok(self.result.value) };
        let said = exception.exception.and_then(|it| it.description).unwrap_or(exception.text);
        Err(CallError::Odd(said.lines().next().unwrap_or_default().chars().take(300).collect()))
    }
}

/// What sets a page's cookies.
pub(super) fn set_cookies(cookies: &[(String, String)], url: &str) -> Value {
    let cookie =
        |(name, value): &(String, String)| json!({"name": name, "value": value, "url": url});
    json!({ "cookies": cookies.iter().map(cookie).collect::<Vec<_>>() })
}

impl Tab {
    /// Opens an empty page, or takes the one that is ready.
    pub(super) async fn open(place: Place, opening: Opening) -> Result<Self, CallError> {
        let browser = &place.browser;
        let blank = match browser.spare.take(&opening.gateway) {
            Some(blank) => blank,
            None => Blank::make(&browser.wire, &opening.gateway).await?,
        };
        let tab = Self { blank, world: Mutex::default(), place };
        tab.set_up(opening).await?;
        Ok(tab)
    }

    /// Makes an empty page for whoever comes next, while this one is shown.
    pub(super) fn provide(&self) {
        let (browser, gateway) = (Arc::clone(&self.place.browser), Arc::clone(&self.blank.gateway));
        if !browser.is_retired() {
            tokio::spawn(async move { browser.spare.provide(&browser.wire, &gateway).await });
        }
    }

    async fn set_up(&self, setup: Opening) -> Result<(), CallError> {
        let mut answers = Vec::new();
        if setup.agent.is_some() || setup.language.is_some() {
            let own = || self.place.browser.agent.clone();
            let mut ask = json!({ "userAgent": setup.agent.unwrap_or_else(own) });
            if let Some(language) = setup.language {
                ask["acceptLanguage"] = json!(format!("{language},en"));
            }
            answers.push(self.call("Emulation.setUserAgentOverride", ask));
        }
        if !setup.cookies.is_empty() {
            let cookies = set_cookies(&setup.cookies, &setup.url);
            answers.push(self.call("Network.setCookies", cookies));
        }
        if let Some(source) = setup.first {
            let ask = json!({ "source": source });
            answers.push(self.call("Page.addScriptToEvaluateOnNewDocument", ask));
        }
        if let Some(intercept) = setup.intercept {
            let patterns = intercept.patterns();
            self.watched().intercept(intercept);
            answers.push(self.call("Fetch.enable", patterns));
        }
        for answer in answers {
            answer.done().await?;
        }
        Ok(())
    }

    /// What is known of it.
    pub(super) fn watched(&self) -> &Arc<Watched> {
        &self.blank.watched
    }

    /// The way out that it was given.
    pub(super) fn gateway(&self) -> &Gateway {
        &self.blank.gateway
    }

    /// Asks the page something.
    pub(super) fn call(&self, method: &str, params: impl Serialize) -> Answer {
        self.blank.wire.call(Some(&self.blank.session), method, params)
    }

    /// Runs a function of ours in the page's document, where the page's own scripts cannot reach it.
    ///
    /// A document that is left meanwhile is left to the caller: see [`CallError::left_the_page`].
    pub(super) async fn run<T: DeserializeOwned>(
        &self,
        function: &str,
        argument: &Value,
    ) -> Result<T, CallError> {
        let known = *self.known_world();
        let world = match known {
            Some(world) => world,
            None => self.world(&self.blank.frame).await?,
        };
        // Another document has another world.
        *self.known_world() = None;
        let value = self.call_in(world, function, argument).await?;
        *self.known_world() = Some(world);
        Ok(value)
    }

    /// The same in one frame of it.
    pub(super) async fn run_in<T: DeserializeOwned>(
        &self,
        frame: &str,
        function: &str,
        argument: &Value,
    ) -> Result<T, CallError> {
        let world = self.world(frame).await?;
        self.call_in(world, function, argument).await
    }

    async fn call_in<T: DeserializeOwned>(
        &self,
        world: i64,
        function: &str,
        argument: &Value,
    ) -> Result<T, CallError> {
        let ask = json!({
            "functionDeclaration": function,
            "executionContextId": world,
            "arguments": [{ "value": argument }],
            "returnByValue": true,
            "awaitPromise": true,
            "userGesture": true,
        });
        let ran: Ran = self.call("Runtime.callFunctionOn", ask).get().await?;
        serde_json::from_value(ran.value()?).map_err(|why| CallError::Odd(why.to_string()))
    }

    fn known_world(&self) -> MutexGuard<'_, Option<i64>> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A world in a frame that shares its document and none of its scripts.
    pub(super) async fn world(&self, frame: &str) -> Result<i64, CallError> {
        let ask = json!({"frameId": frame, "worldName": "rungs"});
        let world: World = self.call("Page.createIsolatedWorld", ask).get().await?;
        Ok(world.execution_context_id)
    }

    /// Runs a script of the host's among the page's own.
    pub(super) async fn evaluate(&self, script: &str) -> Result<Value, CallError> {
        let ask = json!({
            "expression": script,
            "returnByValue": true,
            "awaitPromise": true,
            "userGesture": true,
        });
        self.call("Runtime.evaluate", ask).get::<Ran>().await?.value()
    }

    /// Gives the page's browser no more pages after those that it has.
    pub(super) fn distrust(&self) {
        self.place.browser.retire();
    }

    /// What resolves when the browser is over. A browser that ended tells no more events.
    pub(super) fn ended(&self) -> impl Future<Output = ()> + use<> {
        let wire = self.place.browser.wire.clone();
        async move { wire.ended().await }
    }

    /// Why the browser is over, if it is.
    pub(super) fn fault(&self) -> Option<CallError> {
        self.blank.wire.fault()
    }

    /// Whether a page of the browser was ended for its memory.
    pub(super) fn was_overfed(&self) -> bool {
        self.place.browser.was_overfed()
    }
}
