//! Warnings about options that a result does not honor.

use crate::core::request::job_request::JobRequest;

/// The parts of a result that options can request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Produced {
    /// A browser rendered the page.
    pub rendered: bool,
    /// The result has a screenshot.
    pub screenshot: bool,
    /// The result has the page printed to PDF.
    pub pdf: bool,
    /// An OCR engine could read the page's images, whether or not there were any.
    pub ocr: bool,
}

/// Returns a warning for each requested option that had no effect.
///
/// Options that only tune a browser, such as its wait condition, cause no warning if no browser was needed.
pub fn unmet_options(request: &JobRequest, produced: Produced) -> Vec<String> {
    let advanced = request.advanced();
    let not_rendered = "the page was not rendered in a browser";
    [
        (request.wait_for().is_some() && !produced.rendered, "wait_for", not_rendered),
        (advanced.scroll_to_load && !produced.rendered, "advanced.scroll_to_load", not_rendered),
        (advanced.include_iframes && !produced.rendered, "advanced.include_iframes", not_rendered),
        (
            advanced.flatten_shadow_dom && !produced.rendered,
            "advanced.flatten_shadow_dom",
            not_rendered,
        ),
        (!advanced.actions.is_empty() && !produced.rendered, "advanced.actions", not_rendered),
        (
            advanced.screenshot && !produced.screenshot,
            "advanced.screenshot",
            "the browser returned no screenshot",
        ),
        (
            advanced.generate_pdf && !produced.pdf,
            "advanced.generate_pdf",
            "the browser printed no PDF",
        ),
        (advanced.ocr && !produced.ocr, "advanced.ocr", "the engine has no OCR engine"),
    ]
    .into_iter()
    .filter(|(missing, ..)| *missing)
    .map(|(_, option, why)| format!("{option} had no effect: {why}"))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::request::{Action, ActionKind, Item, Limits, Mode, RenderJs};

    #[test]
    fn browser_options_without_a_browser_are_named() {
        type Change = fn(&mut Item);
        let options: [(&str, Change); 5] = [
            ("wait_for", |it| it.wait_for = Some("#done".into())),
            ("advanced.scroll_to_load", |it| it.advanced.scroll_to_load = true),
            ("advanced.include_iframes", |it| it.advanced.include_iframes = true),
            ("advanced.flatten_shadow_dom", |it| it.advanced.flatten_shadow_dom = true),
            ("advanced.actions", |it| {
                let with = serde_json::Map::new();
                it.advanced.actions.push(Action { kind: ActionKind::Wait, with });
            }),
        ];
        for (option, ask) in options {
            let mut item = Item::get("http://a/");
            item.advanced.render_js = RenderJs::Auto;
            ask(&mut item);
            let request = item.check(&Limits::default()).expect("valid");

            let without = unmet_options(&request, Produced::default());
            let with = unmet_options(&request, Produced { rendered: true, ..Produced::default() });

            let why = "the page was not rendered in a browser";
            assert_eq!(without, [format!("{option} had no effect: {why}")]);
            assert!(with.is_empty(), "{with:?}");
        }
    }

    #[test]
    fn only_missing_parts_are_named() {
        let mut item = Item::get("http://a/").mode(Mode::Js);
        item.advanced.screenshot = true;
        item.advanced.generate_pdf = true;
        item.advanced.ocr = true;
        let request = item.check(&Limits::default()).expect("valid");
        let all = Produced { rendered: true, screenshot: true, pdf: true, ocr: true };

        assert!(unmet_options(&request, all).is_empty());
        for (produced, named) in [
            (Produced { screenshot: false, ..all }, "advanced.screenshot"),
            (Produced { pdf: false, ..all }, "advanced.generate_pdf"),
            (Produced { ocr: false, ..all }, "advanced.ocr"),
        ] {
            let warnings = unmet_options(&request, produced);
            assert!(warnings.len() == 1 && warnings[0].starts_with(named), "{warnings:?}");
        }
        let plain = Item::get("http://a/").check(&Limits::default()).expect("valid");
        assert!(unmet_options(&plain, Produced::default()).is_empty());
    }
}
