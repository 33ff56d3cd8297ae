//! The binary form of a request: only the options that differ from their defaults.
//!
//! Most requests set few of some fifty options. The readable form (JSON) contains all of them.
//!
//! # Invariants
//!
//! * Every field is listed: a new one that is not does not compile.
//! * A default is part of the stored form. Changing one changes stored requests that omit it, so it needs a new format
//!   of records.

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::core::request::item::Item;
use crate::core::request::options::{Advanced, CostControls};
use crate::core::request::seconds::rounded_up;

/// Serializes a struct without the fields that equal their defaults.
macro_rules! serialize_changed {
    ($to:ident, $given:expr, $name:ident { $($field:ident $(=> $value:expr)?),* $(,)? }) => {{
        let plain = $name::default();
        let $name { $($field),* } = $given;
        let count = 0 $(+ usize::from(*$field != plain.$field))*;
        let mut fields = $to.serialize_struct(stringify!($name), count)?;
        $(if *$field != plain.$field {
            fields.serialize_field(stringify!($field), serialize_changed!(@value $field $($value)?))?;
        })*
        fields.end()
    }};
    (@value $field:ident) => { $field };
    (@value $field:ident $value:expr) => { &$value };
}

/// A value that is serialized without its defaults.
pub(super) struct Compact<'a, T>(pub(super) &'a T);

impl Serialize for Compact<'_, Item> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        serialize_changed!(to, self.0, Item {
            url,
            mode,
            formats,
            cost_controls => Compact(cost_controls),
            extraction_schema,
            extraction_prompt,
            extraction_profile,
            template,
            extraction_provider,
            extraction_model,
            filter_content,
            promote_schema_org,
            evidence,
            advanced => Compact(advanced),
            include_raw_html,
            cache,
            timeout => rounded_up(*timeout).as_secs(),
            wait_for,
            method,
            body,
            content_type,
            headers,
            location,
            pdf_format,
            ocr_language,
            max_response_bytes,
        })
    }
}

impl Serialize for Compact<'_, CostControls> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        serialize_changed!(to, self.0, CostControls {
            force_tier,
            max_tier,
            prefer_cost,
            prefer_speed,
            fail_fast,
            max_credits,
            time_budget => time_budget.map(|it| rounded_up(it).as_secs()),
        })
    }
}

impl Serialize for Compact<'_, Advanced> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        serialize_changed!(
            to,
            self.0,
            Advanced {
                render_js,
                screenshot,
                generate_pdf,
                markdown,
                ocr,
                use_proxy,
                use_own_proxy,
                proxy_integration_id,
                proxy_country,
                remove_cookie_banners,
                wait_condition,
                scroll_to_load,
                scroll_count,
                include_iframes,
                flatten_shadow_dom,
                block_images,
                cookies,
                session_id,
                session_headers,
                explain_content,
                if_changed_since_hash,
                section_filter,
                actions,
            }
        )
    }
}
