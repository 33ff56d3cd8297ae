//! What ordinary and odd pages come to.

use rungs::core::request::WaitCondition;
use rungs::testkit::site::{Site, SiteResponse};

use super::{chrome, page, text};

/// A page that builds its text by script after a while.
fn slow_builder() -> Site {
    Site::start(|_| {
        SiteResponse::html(
            "<!DOCTYPE html><title>t</title><div id=app></div><script>setTimeout(() => {\
             document.getElementById('app').innerHTML = '<p class=done>built ' + 'by script</p>';\
             }, 300);</script>",
        )
    })
}

#[tokio::test]
async fn a_page_that_builds_itself_is_waited_for() {
    let (site, chrome) = (slow_builder(), chrome());

    let shown = page(&chrome, &site.url("/"), |it| it.wait_for = Some(".done".into())).await;
    let early = page(&chrome, &site.url("/"), |it| {
        it.advanced.wait_condition = WaitCondition::DomContentLoaded;
    })
    .await;

    assert!(text(&shown).contains("built by script"), "{}", text(&shown));
    assert!(shown.page.warnings.is_empty(), "{:?}", shown.page.warnings);
    assert!(!text(&early).contains("built by script"), "it did not wait for anything");
}
