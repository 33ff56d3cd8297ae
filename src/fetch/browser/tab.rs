//! One page with a job's settings, in a browser context of its own.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::connection::PendingResponse;
use super::error::CallError;
use super::gateway::Gateway;
use super::intercept::Intercept;
use super::isolated_page::IsolatedPage;
use super::page_state::{PageState, PageTracker};
use super::pool::TabPermit;
use crate::core::request::Language;

/// Maximum number of characters of a script's error message that are kept.
const MAX_SCRIPT_ERROR_CHARS: usize = 300;

/// A job's settings for its page.
#[derive(Debug)]
pub(super) struct TabOptions {
    pub(super) gateway: Arc<Gateway>,
    pub(super) intercept: Option<Intercept>,
    pub(super) user_agent: Option<String>,
    pub(super) language: Option<Language>,
    /// Parameters that set the job's cookies.
    pub(super) cookies: Option<Value>,
    /// Script that fills the local storage of the job's session.
    pub(super) storage_script: Option<String>,
    /// Script that runs in every document before the document's own scripts.
    pub(super) init_script: Option<&'static str>,
}

/// A page. Dropping it closes its context and deletes everything stored there.
#[derive(Debug)]
pub(super) struct Tab {
    page: IsolatedPage,
    /// The isolated world of the last script, valid while its document is shown.
    world: Mutex<Option<i64>>,
    // Last, so that the permit is returned after the page is closed.
    permit: TabPermit,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct IsolatedWorld {
    execution_context_id: i64,
}

/// The result of running a script.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ScriptResult {
    #[serde(default)]
    result: RemoteObject,
    exception_details: Option<ExceptionDetails>,
}

#[derive(Default, Deserialize)]
struct RemoteObject {
    #[serde(default)]
    value: Value,
}

#[derive(Deserialize)]
struct ExceptionDetails {
    text: String,
    exception: Option<ExceptionObject>,
}

#[derive(Deserialize)]
struct ExceptionObject {
    description: Option<String>,
}

impl ScriptResult {
    fn into_value(self) -> Result<Value, CallError> {
        let Some(details) = self.exception_details else { return Ok(self.result.value) };
        let description = details.exception.and_then(|exception| exception.description);
        let message = description.unwrap_or(details.text);
        let first_line = message.lines().next().unwrap_or_default();
        Err(CallError::Unexpected(first_line.chars().take(MAX_SCRIPT_ERROR_CHARS).collect()))
    }
}

impl Tab {
    /// Takes the browser's prewarmed page, or opens one, and applies the options.
    pub(super) async fn open(permit: TabPermit, options: TabOptions) -> Result<Self, CallError> {
        let browser = &permit.browser;
        let page = match browser.prewarmed.take(&options.gateway) {
            Some(page) => page,
            None => IsolatedPage::open(&browser.connection, &options.gateway).await?,
        };
        let tab = Self { page, world: Mutex::default(), permit };
        tab.apply(options).await?;
        Ok(tab)
    }

    /// Prewarms a page for the next job while this one is rendered.
    pub(super) fn prewarm_next(&self) {
        let browser = Arc::clone(&self.permit.browser);
        let gateway = Arc::clone(&self.page.gateway);
        if !browser.is_retired() {
            tokio::spawn(async move {
                browser.prewarmed.prepare(&browser.connection, &gateway).await;
            });
        }
    }

    async fn apply(&self, options: TabOptions) -> Result<(), CallError> {
        let mut responses = Vec::new();
        if options.user_agent.is_some() || options.language.is_some() {
            let own = || self.permit.browser.user_agent.clone();
            let mut params = json!({ "userAgent": options.user_agent.unwrap_or_else(own) });
            if let Some(language) = options.language {
                params["acceptLanguage"] = json!(format!("{language},en"));
            }
            responses.push(self.call("Emulation.setUserAgentOverride", params));
        }
        if let Some(params) = options.cookies {
            responses.push(self.call("Network.setCookies", params));
        }
        if let Some(source) = options.storage_script {
            let params = json!({ "source": source, "worldName": "rungs" });
            responses.push(self.call("Page.addScriptToEvaluateOnNewDocument", params));
        }
        if let Some(source) = options.init_script {
            let params = json!({ "source": source });
            responses.push(self.call("Page.addScriptToEvaluateOnNewDocument", params));
        }
        if let Some(intercept) = options.intercept {
            let patterns = intercept.patterns();
            self.page.listener.intercept(intercept);
            responses.push(self.call("Fetch.enable", patterns));
        }
        for response in responses {
            response.done().await?;
        }
        Ok(())
    }

    /// The page's state.
    pub(super) fn tracker(&self) -> &PageTracker {
        self.page.listener.tracker()
    }

    /// Resolves to the first value that `check` returns. The future does not borrow the tab.
    pub(super) fn wait_until<T, F>(&self, check: F) -> impl Future<Output = T> + use<T, F>
    where
        F: FnMut(&PageState) -> Option<T>,
    {
        let listener = Arc::clone(&self.page.listener);
        async move { listener.tracker().wait_until(check).await }
    }

    /// The proxy through which the page reaches the network.
    pub(super) fn gateway(&self) -> &Gateway {
        &self.page.gateway
    }

    /// Requests the cookies of the page's context.
    pub(super) fn cookies(&self) -> PendingResponse {
        self.page.cookies()
    }

    /// Sends a call to the page.
    pub(super) fn call(&self, method: &str, params: impl Serialize) -> PendingResponse {
        self.page.connection.call(Some(&self.page.session), method, params)
    }

    /// Runs a JavaScript function in the main document, in an isolated world that the page's own scripts
    /// cannot reach.
    ///
    /// If the page navigates meanwhile, the error's [`CallError::is_navigation`] is `true`.
    pub(super) async fn run<T: DeserializeOwned>(
        &self,
        function: &str,
        argument: &Value,
    ) -> Result<T, CallError> {
        let known = *self.known_world();
        let world = match known {
            Some(world) => world,
            None => self.isolated_world(&self.page.frame).await?,
        };
        // Forgotten until the call succeeds: the next document has another world.
        *self.known_world() = None;
        let value = self.call_in_world(world, function, argument).await?;
        *self.known_world() = Some(world);
        Ok(value)
    }

    /// Runs a JavaScript function in the document of one frame, like [`Tab::run`].
    pub(super) async fn run_in_frame<T: DeserializeOwned>(
        &self,
        frame: &str,
        function: &str,
        argument: &Value,
    ) -> Result<T, CallError> {
        let world = self.isolated_world(frame).await?;
        self.call_in_world(world, function, argument).await
    }

    async fn call_in_world<T: DeserializeOwned>(
        &self,
        world: i64,
        function: &str,
        argument: &Value,
    ) -> Result<T, CallError> {
        let params = json!({
            "functionDeclaration": function,
            "executionContextId": world,
            "arguments": [{ "value": argument }],
            "returnByValue": true,
            "awaitPromise": true,
            "userGesture": true,
        });
        let result: ScriptResult = self.call("Runtime.callFunctionOn", params).decode().await?;
        serde_json::from_value(result.into_value()?)
            .map_err(|error| CallError::Unexpected(error.to_string()))
    }

    fn known_world(&self) -> MutexGuard<'_, Option<i64>> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Creates an isolated world in a frame: a context that shares the frame's document but not its scripts.
    pub(super) async fn isolated_world(&self, frame: &str) -> Result<i64, CallError> {
        let params = json!({"frameId": frame, "worldName": "rungs"});
        let world: IsolatedWorld = self.call("Page.createIsolatedWorld", params).decode().await?;
        Ok(world.execution_context_id)
    }

    /// Evaluates a job's script among the page's own scripts.
    pub(super) async fn evaluate(&self, script: &str) -> Result<Value, CallError> {
        let params = json!({
            "expression": script,
            "returnByValue": true,
            "awaitPromise": true,
            "userGesture": true,
        });
        let result: ScriptResult = self.call("Runtime.evaluate", params).decode().await?;
        result.into_value()
    }

    /// Ends the page's browser once its current pages are done.
    pub(super) fn retire_browser(&self) {
        self.permit.browser.retire();
    }

    /// Resolves when the browser ends, after which no more events come.
    pub(super) fn browser_ended(&self) -> impl Future<Output = ()> + use<> {
        let connection = self.permit.browser.connection.clone();
        async move { connection.ended().await }
    }

    /// Returns why the browser ended, or `None` while it is alive.
    pub(super) fn browser_failure(&self) -> Option<CallError> {
        self.page.connection.failure()
    }

    /// Returns `true` if a renderer of the browser was killed for its memory since the last call.
    pub(super) fn take_memory_exceeded(&self) -> bool {
        self.permit.browser.take_memory_exceeded()
    }
}
