//! An empty page in a context that nobody has used, and the one that is kept ready.
//!
//! To make one takes several answers of the browser, one after the other, and a new process. So the
//! next one is made while a page is being shown. It has never shown anything: what is isolated about
//! a page that is made for its visit is so about one that waited for it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Deserialize;
use serde_json::{Value, json};

use super::error::CallError;
use super::gateway::Gateway;
use super::watched::Watched;
use super::wire::Wire;

/// An empty page. Dropping it closes its context, with all that was kept there.
#[derive(Debug)]
pub(super) struct Blank {
    pub(super) watched: Arc<Watched>,
    pub(super) wire: Wire,
    pub(super) session: String,
    pub(super) frame: String,
    /// The way out that it was given.
    pub(super) gateway: Arc<Gateway>,
    _context: Context,
}

/// A context. Dropping it closes it.
#[derive(Debug)]
struct Context {
    id: String,
    wire: Wire,
}

impl Drop for Context {
    fn drop(&mut self) {
        let params = json!({ "browserContextId": self.id });
        drop(self.wire.call(None, "Target.disposeBrowserContext", params));
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

impl Blank {
    /// Makes one.
    pub(super) async fn make(wire: &Wire, gateway: &Arc<Gateway>) -> Result<Self, CallError> {
        let ask = json!({
            "disposeOnDetach": true,
            "proxyServer": gateway.url(),
            "proxyBypassList": "<-loopback>",
        });
        let made: ContextMade = wire.call(None, "Target.createBrowserContext", ask).get().await?;
        let context = Context { id: made.browser_context_id, wire: wire.clone() };
        let downloads = json!({"behavior": "deny", "browserContextId": context.id});
        let denied = wire.call(None, "Browser.setDownloadBehavior", downloads);
        let ask = json!({"url": "about:blank", "browserContextId": context.id});
        let made: TargetMade = wire.call(None, "Target.createTarget", ask).get().await?;
        let ask = json!({"targetId": made.target_id, "flatten": true});
        let attached: Attached = wire.call(None, "Target.attachToTarget", ask).get().await?;
        denied.done().await?;
        // A page's main frame bears the name of its target.
        let (session, frame) = (attached.session_id, made.target_id);
        let watched = Arc::new(Watched::new(wire.clone(), &session, &frame));
        wire.listen(&session, &watched);
        let gateway = Arc::clone(gateway);
        let wire = wire.clone();
        let blank = Self { watched, wire, session, frame, gateway, _context: context };
        blank.enable().await?;
        Ok(blank)
    }

    /// Everything at once: the answers come in their order, and only the slowest is waited for.
    async fn enable(&self) -> Result<(), CallError> {
        let call = |method, params| self.wire.call(Some(&self.session), method, params);
        let answers = [
            call("Page.enable", json!({})),
            call("Page.setLifecycleEventsEnabled", json!({"enabled": true})),
            call("Inspector.enable", json!({})),
            call("Network.enable", kept_bodies()),
        ];
        for answer in answers {
            answer.done().await?;
        }
        Ok(())
    }
}

/// Bodies stay in the browser, and not many of them.
pub(super) fn kept_bodies() -> Value {
    json!({"maxTotalBufferSize": 1 << 20, "maxResourceBufferSize": 1 << 19, "maxPostDataSize": 0})
}

impl Drop for Blank {
    fn drop(&mut self) {
        self.wire.forget(&self.session);
    }
}

/// The empty page that a browser has ready.
#[derive(Debug, Default)]
pub(super) struct Spare(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    page: Option<Blank>,
    is_coming: bool,
}

impl Spare {
    /// Takes it, if its way out is `gateway` and nothing has happened to it.
    pub(super) fn take(&self, gateway: &Arc<Gateway>) -> Option<Blank> {
        let page = self.state().page.take_if(|it| Arc::ptr_eq(&it.gateway, gateway))?;
        let has_crashed = page.watched.state().crashed;
        (!has_crashed).then_some(page)
    }

    /// Makes one, if there is none for `gateway` and none on its way.
    pub(super) async fn provide(&self, wire: &Wire, gateway: &Arc<Gateway>) {
        {
            let mut state = self.state();
            let is_there = state.page.as_ref().is_some_and(|it| Arc::ptr_eq(&it.gateway, gateway));
            if is_there || state.is_coming {
                return;
            }
            state.is_coming = true;
        }
        let made = Blank::make(wire, gateway).await;
        let mut state = self.state();
        state.is_coming = false;
        match made {
            Ok(page) => state.page = Some(page),
            // Whoever needs one makes one.
            Err(error) => tracing::debug!(%error, "no empty page was made"),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
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

    /// A browser that does whatever it is asked, names what it made by its number, and says what it
    /// is told to say. The other channel tells the methods.
    fn browser() -> (Wire, mpsc::UnboundedSender<Value>, mpsc::UnboundedReceiver<String>) {
        let (to, reads) = tokio::io::duplex(1 << 16);
        let (mut writes, from) = tokio::io::duplex(1 << 16);
        let (says, mut to_say) = mpsc::unbounded_channel::<Value>();
        let (tell, asked) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut calls = BufReader::new(reads).split(0);
            loop {
                let said = tokio::select! {
                    Some(said) = to_say.recv() => said,
                    Ok(Some(call)) = calls.next_segment() => {
                        let call: Value = serde_json::from_slice(&call).expect("JSON");
                        let id = call["id"].to_string();
                        drop(tell.send(call["method"].as_str().expect("text").to_owned()));
                        json!({"id": call["id"], "result": {
                            "browserContextId": id, "targetId": id, "sessionId": id,
                        }})
                    }
                    else => return,
                };
                writes.write_all(format!("{said}\0").as_bytes()).await.expect("it reads");
            }
        });
        (Wire::start(to, from, CancellationToken::new()), says, asked)
    }

    async fn gateway() -> Arc<Gateway> {
        Gateways::default().to(&NetPolicy::new(), RouteVia::Direct).await.expect("a port")
    }

    #[tokio::test]
    async fn what_is_ready_is_taken_once_and_by_its_own_way_out() {
        let (wire, _says, _asked) = browser();
        let (gateway, other, spare) = (gateway().await, gateway().await, Spare::default());
        assert!(spare.take(&gateway).is_none());

        spare.provide(&wire, &gateway).await;

        assert!(spare.take(&other).is_none());
        assert!(spare.take(&gateway).is_some());
        assert!(spare.take(&gateway).is_none());
    }

    #[tokio::test]
    async fn one_is_kept_ready_and_what_it_replaces_is_closed() {
        let (wire, _says, mut asked) = browser();
        let (gateway, other, spare) = (gateway().await, gateway().await, Spare::default());
        let mut closed = || {
            std::iter::from_fn(|| asked.try_recv().ok())
                .filter(|it| it == "Target.disposeBrowserContext")
                .count()
        };

        spare.provide(&wire, &gateway).await;
        spare.provide(&wire, &gateway).await;
        wire.call(None, "A.a", json!({})).done().await.expect("an answer");
        assert_eq!(closed(), 0);
        spare.provide(&wire, &other).await;
        wire.call(None, "A.a", json!({})).done().await.expect("an answer");

        assert_eq!(closed(), 1);
        assert!(spare.take(&gateway).is_none() && spare.take(&other).is_some());
    }

    #[tokio::test]
    async fn what_has_crashed_is_given_to_nobody() {
        let (wire, says, _asked) = browser();
        let (gateway, spare) = (gateway().await, Spare::default());
        spare.provide(&wire, &gateway).await;
        let (session, watched) = {
            let state = spare.state();
            let page = state.page.as_ref().expect("it was made");
            (page.session.clone(), Arc::clone(&page.watched))
        };

        let crash =
            json!({"method": "Inspector.targetCrashed", "params": {}, "sessionId": session});
        says.send(crash).expect("it listens");
        watched.until(|it| it.crashed.then_some(())).await;

        assert!(spare.take(&gateway).is_none());
    }
}
