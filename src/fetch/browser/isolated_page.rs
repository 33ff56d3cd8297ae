//! An empty page in a browser context of its own, and one that is opened ahead of need.
//!
//! Opening one takes several round trips to the browser and a new renderer process, so the next one is
//! opened while a page is rendered. A prewarmed page has never shown a document. It is therefore as isolated
//! as one that is opened on demand.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Deserialize;
use serde_json::{Value, json};

use super::connection::{Connection, PendingResponse};
use super::error::CallError;
use super::gateway::Gateway;
use super::page_listener::PageListener;

/// An empty page. Dropping it closes its context and deletes everything stored there.
#[derive(Debug)]
pub(super) struct IsolatedPage {
    pub(super) listener: Arc<PageListener>,
    pub(super) connection: Connection,
    pub(super) session: String,
    pub(super) frame: String,
    /// The proxy through which its context reaches the network.
    pub(super) gateway: Arc<Gateway>,
    context: BrowserContext,
}

/// A browser context. Dropping it closes it.
#[derive(Debug)]
struct BrowserContext {
    id: String,
    connection: Connection,
}

impl Drop for BrowserContext {
    fn drop(&mut self) {
        let params = json!({ "browserContextId": self.id });
        drop(self.connection.call(None, "Target.disposeBrowserContext", params));
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ContextCreated {
    browser_context_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TargetCreated {
    target_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TargetAttached {
    session_id: String,
}

impl IsolatedPage {
    /// Opens an empty page whose context reaches the network through `gateway` only.
    pub(super) async fn open(
        connection: &Connection,
        gateway: &Arc<Gateway>,
    ) -> Result<Self, CallError> {
        let params = json!({
            "disposeOnDetach": true,
            "proxyServer": gateway.url(),
            "proxyBypassList": "<-loopback>",
        });
        let created = connection.call(None, "Target.createBrowserContext", params);
        let created: ContextCreated = created.decode().await?;
        let context =
            BrowserContext { id: created.browser_context_id, connection: connection.clone() };
        let params = json!({"behavior": "deny", "browserContextId": context.id});
        let downloads_denied = connection.call(None, "Browser.setDownloadBehavior", params);
        let params = json!({"url": "about:blank", "browserContextId": context.id});
        let target: TargetCreated =
            connection.call(None, "Target.createTarget", params).decode().await?;
        let params = json!({"targetId": target.target_id, "flatten": true});
        let attached: TargetAttached =
            connection.call(None, "Target.attachToTarget", params).decode().await?;
        downloads_denied.done().await?;
        // A page's main frame has the id of its target.
        let (session, frame) = (attached.session_id, target.target_id);
        let listener = Arc::new(PageListener::new(connection.clone(), &session, &frame));
        connection.listen(&session, &listener);
        let page = Self {
            listener,
            connection: connection.clone(),
            session,
            frame,
            gateway: Arc::clone(gateway),
            context,
        };
        page.enable_events().await?;
        Ok(page)
    }

    /// Requests the cookies of the page's context, which are those of this page alone.
    pub(super) fn cookies(&self) -> PendingResponse {
        // On the page's own session, the call returns the cookies of the default context.
        let params = json!({ "browserContextId": self.context.id });
        self.connection.call(None, "Storage.getCookies", params)
    }

    /// Sends all calls at once: responses come in order, so only the slowest costs time.
    async fn enable_events(&self) -> Result<(), CallError> {
        let call = |method, params| self.connection.call(Some(&self.session), method, params);
        let responses = [
            call("Page.enable", json!({})),
            call("Page.setLifecycleEventsEnabled", json!({"enabled": true})),
            call("Inspector.enable", json!({})),
            call("Network.enable", body_buffers()),
        ];
        for response in responses {
            response.done().await?;
        }
        Ok(())
    }
}

/// Parameters of `Network.enable`. Response bodies stay in the browser; they are never read from here, so the
/// buffers are small.
pub(super) fn body_buffers() -> Value {
    json!({"maxTotalBufferSize": 1 << 20, "maxResourceBufferSize": 1 << 19, "maxPostDataSize": 0})
}

impl Drop for IsolatedPage {
    fn drop(&mut self) {
        self.connection.forget(&self.session);
    }
}

/// At most one empty page of a browser that is opened ahead of need.
#[derive(Debug, Default)]
pub(super) struct PrewarmedPage(Mutex<PrewarmState>);

#[derive(Debug, Default)]
struct PrewarmState {
    page: Option<IsolatedPage>,
    is_opening: bool,
}

impl PrewarmedPage {
    /// Takes the page if it uses `gateway` and has not crashed.
    pub(super) fn take(&self, gateway: &Arc<Gateway>) -> Option<IsolatedPage> {
        let page = self.state().page.take_if(|page| Arc::ptr_eq(&page.gateway, gateway))?;
        let has_crashed = page.listener.tracker().state().crashed;
        (!has_crashed).then_some(page)
    }

    /// Opens a page for `gateway`, unless there is one or one is being opened.
    pub(super) async fn prepare(&self, connection: &Connection, gateway: &Arc<Gateway>) {
        {
            let mut state = self.state();
            let is_ready =
                state.page.as_ref().is_some_and(|page| Arc::ptr_eq(&page.gateway, gateway));
            if is_ready || state.is_opening {
                return;
            }
            state.is_opening = true;
        }
        let opened = IsolatedPage::open(connection, gateway).await;
        let mut state = self.state();
        state.is_opening = false;
        match opened {
            Ok(page) => state.page = Some(page),
            // The next rendering opens its own.
            Err(error) => tracing::debug!(%error, "no page was prewarmed"),
        }
    }

    fn state(&self) -> MutexGuard<'_, PrewarmState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    use tokio::sync::mpsc;
    use tokio_util::sync::CancellationToken;

    use super::super::gateway::Gateways;
    use super::*;
    use crate::net::{NetPolicy, RouteVia};

    /// A fake browser that accepts every call and returns the call's number as every id. It sends the
    /// messages of the first channel and reports the called methods on the second.
    fn browser() -> (Connection, mpsc::UnboundedSender<Value>, mpsc::UnboundedReceiver<String>) {
        let (to_browser, calls) = tokio::io::duplex(1 << 16);
        let (mut messages, from_browser) = tokio::io::duplex(1 << 16);
        let (event_sender, mut events) = mpsc::unbounded_channel::<Value>();
        let (method_sender, methods) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut calls = BufReader::new(calls).split(0);
            loop {
                let message = tokio::select! {
                    Some(event) = events.recv() => event,
                    Ok(Some(call)) = calls.next_segment() => {
                        let call: Value = serde_json::from_slice(&call).expect("JSON");
                        let id = call["id"].to_string();
                        drop(method_sender.send(call["method"].as_str().expect("text").to_owned()));
                        json!({"id": call["id"], "result": {
                            "browserContextId": id, "targetId": id, "sessionId": id,
                        }})
                    }
                    else => return,
                };
                messages.write_all(format!("{message}\0").as_bytes()).await.expect("it is read");
            }
        });
        let connection = Connection::start(to_browser, from_browser, CancellationToken::new());
        (connection, event_sender, methods)
    }

    async fn gateway() -> Arc<Gateway> {
        Gateways::default().to(&NetPolicy::new(), RouteVia::Direct).await.expect("a port")
    }

    #[tokio::test]
    async fn a_prewarmed_page_is_taken_once_and_only_for_its_gateway() {
        let (connection, _events, _methods) = browser();
        let (gateway, other, prewarmed) =
            (gateway().await, gateway().await, PrewarmedPage::default());
        assert!(prewarmed.take(&gateway).is_none());

        prewarmed.prepare(&connection, &gateway).await;

        assert!(prewarmed.take(&other).is_none());
        assert!(prewarmed.take(&gateway).is_some());
        assert!(prewarmed.take(&gateway).is_none());
    }

    #[tokio::test]
    async fn a_replaced_page_is_closed() {
        let (connection, _events, mut methods) = browser();
        let (gateway, other, prewarmed) =
            (gateway().await, gateway().await, PrewarmedPage::default());
        let mut closed = || {
            std::iter::from_fn(|| methods.try_recv().ok())
                .filter(|method| method == "Target.disposeBrowserContext")
                .count()
        };

        prewarmed.prepare(&connection, &gateway).await;
        prewarmed.prepare(&connection, &gateway).await;
        connection.call(None, "A.a", json!({})).done().await.expect("a response");
        assert_eq!(closed(), 0);
        prewarmed.prepare(&connection, &other).await;
        connection.call(None, "A.a", json!({})).done().await.expect("a response");

        assert_eq!(closed(), 1);
        assert!(prewarmed.take(&gateway).is_none() && prewarmed.take(&other).is_some());
    }

    #[tokio::test]
    async fn a_crashed_page_is_never_handed_out() {
        let (connection, events, _methods) = browser();
        let (gateway, prewarmed) = (gateway().await, PrewarmedPage::default());
        prewarmed.prepare(&connection, &gateway).await;
        let (session, listener) = {
            let state = prewarmed.state();
            let page = state.page.as_ref().expect("it was opened");
            (page.session.clone(), Arc::clone(&page.listener))
        };

        let crash =
            json!({"method": "Inspector.targetCrashed", "params": {}, "sessionId": session});
        events.send(crash).expect("it listens");
        listener.tracker().wait_until(|state| state.crashed.then_some(())).await;

        assert!(prewarmed.take(&gateway).is_none());
    }
}
