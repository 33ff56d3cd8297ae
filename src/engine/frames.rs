//! Follows a page that only shows other pages in frames, over HTTP.
//!
//! A browser shows all frames, which costs more. If one frame has nearly all of the text, as the main frame beside a
//! list of links has, it is the page. Otherwise the page is left to the browser, unless the job cannot use one.

use std::sync::Arc;
use std::time::Duration;

use crate::core::tier::Tier;
use crate::core::verdict::{Response, frames, visible_bytes};
use crate::engine::attempt::FetchedPage;
use crate::engine::follow::joined;
use crate::engine::ladder::Ladder;
use crate::engine::subrequest;
use crate::ports::BoxFuture;
use crate::ports::fetch::Fetched;

/// The most frames within frames that are followed.
const MAX_DEPTH: usize = 3;
/// The most documents that are fetched for one page.
const MAX_FETCHES: usize = 12;
/// The share of the text, as a divisor, that another frame may have beside the main one.
const ASIDE: usize = 4;

/// The weight of a frame that may show any number of bytes.
const UNKNOWN: usize = usize::MAX;

impl Ladder {
    /// Replaces a page that only shows others in frames by the main one of these, if there is one.
    pub(super) async fn follow_frames(
        &self,
        tier: Tier,
        mut page: FetchedPage,
        left: &(impl Fn() -> Duration + Sync),
    ) -> FetchedPage {
        let mut fetches = 0;
        if let Some(main) =
            self.main_frame(tier, &page.response, left, &mut fetches, MAX_DEPTH).await
        {
            page.response = Arc::new(main);
        }
        page
    }

    /// Fetches the frames of a page, and theirs, and returns the one with most of the text.
    fn main_frame<'a>(
        &'a self,
        tier: Tier,
        page: &'a Fetched,
        left: &'a (impl Fn() -> Duration + Sync),
        fetches: &'a mut usize,
        depth: usize,
    ) -> BoxFuture<'a, Option<Fetched>> {
        Box::pin(async move {
            let found = frames(&Response::new(page.status, &page.headers, &page.body))?;
            let base = self.resolved(page, &found.base).unwrap_or_else(|| self.address(page));
            let (mut main, mut most, mut rest): (Option<Fetched>, usize, usize) = (None, 0, 0);
            for address in &found.addresses {
                let Some(url) = subrequest::resolve(&base, address) else { continue };
                if *fetches == MAX_FETCHES || left().is_zero() {
                    break;
                }
                *fetches += 1;
                // A frame that cannot be fetched is empty, as in a browser.
                let Ok(mut frame) = self.fetch_subrequest(tier, &url, left()).await else {
                    continue;
                };
                if depth > 1
                    && let Some(inner) =
                        self.main_frame(tier, &frame, left, fetches, depth - 1).await
                {
                    frame = inner;
                }
                let text = weight(&frame);
                rest = rest.max(text.min(most));
                if text > most {
                    (main, most) = (Some(frame), text);
                }
            }
            let is_main = most < UNKNOWN && (rest <= most / ASIDE || !self.can_render());
            let mut next = joined(page, main.filter(|_| is_main)?);
            let warning = warning(found.addresses.len() - 1);
            if !next.warnings.contains(&warning) {
                next.warnings.push(warning);
            }
            Some(next)
        })
    }

    fn resolved(&self, page: &Fetched, base: &str) -> Option<String> {
        if base.is_empty() { None } else { subrequest::resolve(&self.address(page), base) }
    }
}

/// Returns the bytes of text that a frame shows, or `UNKNOWN` if its own frames were not followed.
fn weight(frame: &Fetched) -> usize {
    let shown = Response::new(frame.status, &frame.headers, &frame.body);
    if frames(&shown).is_some() { UNKNOWN } else { visible_bytes(&shown) }
}

fn warning(others: usize) -> String {
    let other = match others {
        0 => String::new(),
        1 => "; the other was not used".to_owned(),
        count => format!("; {count} others were not used"),
    };
    format!("the page only shows other pages in frames: the main frame was used{other}")
}
