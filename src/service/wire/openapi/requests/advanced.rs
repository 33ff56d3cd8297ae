//! The schema of `advanced`: options of the browser, of proxies and of OCR.

use crate::core::request::{ActionKind, BlockKind, WaitCondition};
use crate::service::wire::openapi::SAMPLE_HASH;
use crate::service::wire::openapi::schema::{
    Property, count, described, flag, list, options, property, record, string_map, text, within,
    word,
};
use serde_json::{Value, json};

/// Returns the schema of `advanced`.
pub(super) fn advanced() -> Value {
    let mut fields = browser();
    fields.extend(loading());
    fields.extend(network());
    fields.extend(content());
    described(options(fields), "Options of the browser, of proxies and of OCR.")
}

fn browser() -> Vec<Property> {
    vec![
        property(
            "render_js",
            json!({ "anyOf": [{ "type": "boolean" }, { "const": "auto" }] }),
            true,
            "`true` always renders the page in a browser (tier 4). `\"auto\"` renders it if the response shows that \
             it needs a browser. `false` renders it only if no cheaper tier works.",
        )
        .default(false),
        property(
            "screenshot",
            flag(),
            true,
            "`true` keeps a PNG of the whole page. Needs `render_js: true` or mode `js`. An add-on with a price.",
        )
        .default(false),
        property(
            "generate_pdf",
            flag(),
            true,
            "`true` prints the page to PDF. Needs `render_js: true` or mode `js`. An add-on with a price.",
        )
        .default(false),
        property(
            "remove_cookie_banners",
            flag(),
            false,
            "`true` removes cookie banners from a rendered page before it is read.",
        )
        .default(true),
        property(
            "include_iframes",
            flag(),
            true,
            "`true` inserts the content of frames, up to 20, after their elements. Needs `render_js`.",
        )
        .default(false),
        property(
            "flatten_shadow_dom",
            flag(),
            true,
            "`true` inlines shadow trees. Needs `render_js`.",
        )
        .default(false),
        property(
            "explain_content",
            flag(),
            true,
            "`true` lists the kept and dropped parts of the page in `content_parts`.",
        )
        .default(false),
        property(
            "block_images",
            flag(),
            true,
            "`true` loads no images and media. Needs `render_js`.",
        )
        .default(false),
        property(
            "actions",
            actions(),
            json!([{ "type": "click", "selector": "#more" }, { "type": "wait", "ms": 500 }]),
            "Steps on the rendered page, in order, up to 20. One that fails is recorded and skipped. Needs \
             `render_js`.",
        ),
    ]
}

fn loading() -> Vec<Property> {
    vec![
        property(
            "wait_condition",
            words!(WaitCondition),
            "domcontentloaded",
            "Event at which a rendered page counts as loaded. `networkidle` is half a second without requests.",
        )
        .default("networkidle"),
        property(
            "scroll_to_load",
            flag(),
            true,
            "`true` scrolls to the end of the page until it stops growing. Needs `render_js`.",
        )
        .default(false),
        property(
            "scroll_count",
            within(1, 10),
            5,
            "Largest number of scrolls of `scroll_to_load`.",
        )
        .default(3),
    ]
}

fn network() -> Vec<Property> {
    vec![
        property(
            "use_proxy",
            flag(),
            true,
            "`true` sends the request through the service's proxies. An add-on with a price.",
        )
        .default(false),
        property("use_system_proxy", flag(), true, "Alias of `use_proxy`.").default(false),
        property(
            "use_own_proxy",
            flag(),
            true,
            "`true` sends the request through the operator's own proxies, at a discount.",
        )
        .default(false),
        property(
            "proxy_integration_id",
            text(),
            "berlin",
            "Id of the own proxy to use. Needs `use_own_proxy`. Defaults to one that is chosen by site.",
        ),
        property(
            "proxy_country",
            text(),
            "DE",
            "ISO 3166-1 alpha-2 code of the country in which the proxy must be. Needs a proxy.",
        ),
        property(
            "session_headers",
            string_map(),
            json!({ "X-Session": "abc" }),
            "Headers of a session. A header of the same name in `headers` takes precedence.",
        ),
        property(
            "cookies",
            string_map(),
            json!({ "session": "abc" }),
            "Cookies by name, for the page's site only.",
        ),
    ]
}

fn content() -> Vec<Property> {
    vec![
        property("markdown", flag(), true, "`true` adds `markdown` to the formats.").default(false),
        property(
            "ocr",
            flag(),
            true,
            "`true` reads the text in the page's ten largest images. An add-on with a price, charged only if an image \
             was read.",
        )
        .default(false),
        property(
            "if_changed_since_hash",
            text(),
            SAMPLE_HASH,
            "The `content_hash` of an earlier result of the same item. If the page still has it, the result has no \
             content, and `unchanged` is `true`. Empty if none is known yet.",
        ),
        property(
            "section_filter",
            section_filter(),
            json!({ "min_content_blocks": 2, "content_only": true }),
            "The sections that `json_v2` and the formats made from it keep. Defaults to all.",
        ),
    ]
}

fn section_filter() -> Value {
    let mut filter = options(vec![
        property(
            "min_content_blocks",
            count(),
            2,
            "Fewest blocks of a section; smaller sections are dropped.",
        )
        .default(0),
        property(
            "exclude_content_types",
            list(words!(BlockKind)),
            json!(["table", "image"]),
            "Kinds of blocks to drop.",
        )
        .default(json!([])),
        property("content_only", flag(), true, "`true` drops navigation and advertising.")
            .default(false),
    ]);
    filter["additionalProperties"] = json!(false);
    filter
}

fn actions() -> Value {
    let action = record(vec![property(
        "type",
        words!(ActionKind),
        "click",
        "Kind of the action. Its parameters are further fields: `selector` for `click`, `fill`, `wait_for` and \
         `scroll`; `value` for `fill`; `key` for `press`; `ms` for `wait`; `max_scrolls` for `infinite_scroll`; \
         `script` for `evaluate`.",
    )]);
    let mut actions = list(action);
    actions["maxItems"] = json!(20);
    actions
}
