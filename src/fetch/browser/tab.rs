//! One page in a context of its own.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::error::CallError;
use super::gateway::Gateway;
use super::intercept::Intercept;
use super::pool::Place;
use super::state::Watched;
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
    pub(super) watched: Arc<Watched>,
    pub(super) frame: String,
    session: String,
    /// The way out that the page was given.
    pub(super) gateway: Arc<Gateway>,
    // Last, so that the place is given back when the page is gone.
    context: Context,
}

/// A context. Dropping it closes it.
#[derive(Debug)]
struct Context {
    id: String,
    place: Place,
}

impl Drop for Context {
    fn drop(&mut self) {
        let params = json!({ "browserContextId": self.id });
        drop(self.place.browser.wire.call(None, "Target.disposeBrowserContext", params));
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ContextMade {
    browser_context_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TargetMade {
    target_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Attached {
    session_id: String,
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

impl Tab {
    /// Opens an empty page.
    pub(super) async fn open(place: Place, mut opening: Opening) -> Result<Self, CallError> {
        let wire = place.browser.wire.clone();
        let ask = json!({
            "disposeOnDetach": true,
            "proxyServer": opening.gateway.url(),
            "proxyBypassList": "<-loopback>",
        });
        let made: ContextMade = wire.call(None, "Target.createBrowserContext", ask).get().await?;
        let context = Context { id: made.browser_context_id, place };
        let downloads = json!({"behavior": "deny", "browserContextId": context.id});
        let denied = wire.call(None, "Browser.setDownloadBehavior", downloads);
        let ask = json!({"url": "about:blank", "browserContextId": context.id});
        let made: TargetMade = wire.call(None, "Target.createTarget", ask).get().await?;
        let ask = json!({"targetId": made.target_id, "flatten": true});
        let Attached { session_id: session } =
            wire.call(None, "Target.attachToTarget", ask).get().await?;
        denied.done().await?;
        // A page's main frame bears the name of its target.
        let frame = made.target_id;
        let intercept = opening.intercept.take();
        let patterns = intercept.as_ref().map(Intercept::patterns);
        let watched = Arc::new(Watched::new(wire.clone(), &session, &frame, intercept));
        wire.listen(&session, &watched);
        let gateway = Arc::clone(&opening.gateway);
        let tab = Self { watched, frame, session, gateway, context };
        tab.set_up(opening, patterns).await?;
        Ok(tab)
    }

    /// Everything at once: the answers come in their order, and only the slowest is waited for.
    async fn set_up(&self, setup: Opening, patterns: Option<Value>) -> Result<(), CallError> {
        let mut answers = vec![
            self.call("Page.enable", json!({})),
            self.call("Page.setLifecycleEventsEnabled", json!({"enabled": true})),
            self.call("Inspector.enable", json!({})),
            // Bodies stay in the browser, and not many of them.
            self.call("Network.enable", json!({
                "maxTotalBufferSize": 1 << 20, "maxResourceBufferSize": 1 << 19, "maxPostDataSize": 0,
            })),
        ];
        if setup.agent.is_some() || setup.language.is_some() {
            let own = || self.context.place.browser.agent.clone();
            let mut ask = json!({ "userAgent": setup.agent.unwrap_or_else(own) });
            if let Some(language) = setup.language {
                ask["acceptLanguage"] = json!(format!("{language},en"));
            }
            answers.push(self.call("Emulation.setUserAgentOverride", ask));
        }
        if !setup.cookies.is_empty() {
            let cookies: Vec<_> = setup
                .cookies
                .iter()
                .map(|(name, value)| json!({"name": name, "value": value, "url": setup.url}))
                .collect();
            answers.push(self.call("Network.setCookies", json!({ "cookies": cookies })));
        }
        if let Some(source) = setup.first {
            let ask = json!({ "source": source });
            answers.push(self.call("Page.addScriptToEvaluateOnNewDocument", ask));
        }
        if let Some(patterns) = patterns {
            answers.push(self.call("Fetch.enable", patterns));
        }
        for answer in answers {
            answer.done().await?;
        }
        Ok(())
    }

    /// Asks the page something.
    pub(super) fn call(&self, method: &str, params: impl Serialize) -> Answer {
        self.context.place.browser.wire.call(Some(&self.session), method, params)
    }

    /// Runs a function of ours in the page's document, where the page's own scripts cannot reach it.
    ///
    /// A document that is left meanwhile is left to the caller: see [`CallError::left_the_page`].
    pub(super) async fn run<T: DeserializeOwned>(
        &self,
        function: &str,
        argument: &Value,
    ) -> Result<T, CallError> {
        self.run_in(&self.frame, function, argument).await
    }

    /// The same in one frame of it.
    pub(super) async fn run_in<T: DeserializeOwned>(
        &self,
        frame: &str,
        function: &str,
        argument: &Value,
    ) -> Result<T, CallError> {
        let world = self.world(frame).await?;
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
        self.context.place.browser.retire();
    }

    /// What resolves when the browser is over. A browser that ended tells no more events.
    pub(super) fn ended(&self) -> impl Future<Output = ()> + use<> {
        let wire = self.context.place.browser.wire.clone();
        async move { wire.ended().await }
    }

    /// Whether a page of the browser was ended for its memory.
    pub(super) fn was_overfed(&self) -> bool {
        self.context.place.browser.was_overfed()
    }
}

impl Drop for Tab {
    fn drop(&mut self) {
        self.context.place.browser.wire.forget(&self.session);
    }
}
