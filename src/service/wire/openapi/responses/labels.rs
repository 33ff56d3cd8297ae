//! Schemas of the labels of a page: what its reader should know about its content and its site.

use serde_json::{Value, json};

use crate::engine::QualityCode;
use crate::service::wire::openapi::schema::{
    Property, count, flag, number, or_null, properties, property, record, text, with_optional, word,
};

/// Returns the label of a page that the time budget chose.
pub(super) fn time_budget_expired() -> Property {
    property(
        "time_budget_expired",
        flag(),
        false,
        "`true` if `cost_controls.time_budget` ended the ladder early: the page is the best one so far.",
    )
}

/// Returns the labels that only some pages have.
pub(super) fn labels() -> Vec<Property> {
    vec![
        property(
            "content_truncated",
            content_truncated(),
            json!({
                "truncated": true, "truncated_at_bytes": 5_242_871, "original_size_bytes": 7_340_032,
                "truncation_reason": "response_body_cap",
            }),
            "The sizes of an HTML page or a text that was cut, because it exceeds `max_response_bytes`.",
        ),
        property(
            "quality_warning",
            quality_warning(),
            json!({
                "code": "THIN_CONTENT", "reason": "status 200, 12 bytes of text", "word_count": 2,
                "content_size_bytes": 12,
            }),
            "The reason for which the page is imperfect. It was accepted because no attempt brought a better one.",
        ),
        property(
            "domain_difficulty",
            domain_difficulty(),
            json!({ "success_rate": 0.25, "total_attempts": 8, "override_active": false }),
            "The results of tiers on the page's site that are remembered for the account, if most are failures.",
        ),
        property(
            "domain_warning",
            text(),
            "only 25 % of the last 8 results of tiers on this site are pages; pages of this site may need an expensive \
             tier, or fail",
            "`domain_difficulty` as a sentence.",
        ),
        property(
            "tier_cap_warning",
            tier_cap_warning(),
            json!({ "domain_min_tier": 4, "your_max_tier": 3.5 }),
            "A warning that `max_tier` or `force_tier` is below the tier that the site is known to need.",
        ),
    ]
}

fn content_truncated() -> Value {
    record(vec![
        property("truncated", flag(), true, "Always `true`."),
        property(
            "truncated_at_bytes",
            count(),
            5_242_871,
            "Size to which the body was cut: at the end of a character, and not within a tag.",
        ),
        property(
            "original_size_bytes",
            or_null(count()),
            7_340_032,
            "Size of the whole body; null if the site did not announce it and the rest did not arrive soon.",
        ),
        property(
            "truncation_reason",
            word(["response_body_cap"]),
            "response_body_cap",
            "The limit that was exceeded.",
        ),
    ])
}

fn quality_warning() -> Value {
    let codes = [QualityCode::ThinContent, QualityCode::NeedsRendering].map(QualityCode::as_str);
    record(vec![
        property(
            "code",
            word(codes),
            "THIN_CONTENT",
            "`THIN_CONTENT` for a page with almost no visible text, `NEEDS_RENDERING` for one whose scripts did not run.",
        ),
        property("reason", text(), "status 200, 12 bytes of text", "Evidence, in words."),
        property("word_count", count(), 2, "Words in the page's text."),
        property("content_size_bytes", count(), 12, "Size of the page's text in bytes."),
    ])
}

fn domain_difficulty() -> Value {
    record(vec![
        property(
            "success_rate",
            number(),
            0.25,
            "Share of the results that are pages, from 0 to 1.",
        ),
        property(
            "total_attempts",
            count(),
            8,
            "Number of results that are remembered; older ones count less. A tier that was passed over because it could not have helped counts as a failure.",
        ),
        property(
            "override_active",
            flag(),
            false,
            "`true` if the item's mode or cost controls exclude every tier that is not known to fail there.",
        ),
    ])
}

fn tier_cap_warning() -> Value {
    let required = record(vec![property(
        "domain_min_tier",
        number(),
        4,
        "Cheapest tier that is not known to fail for such pages of the site: 2, 3, 3.5 or 4.",
    )]);
    let given = properties(vec![
        property("your_max_tier", number(), 3.5, "The item's `max_tier`, if it is the obstacle."),
        property("your_force_tier", number(), 1, "The item's `force_tier`, if it is the obstacle."),
    ]);
    with_optional(required, given)
}
