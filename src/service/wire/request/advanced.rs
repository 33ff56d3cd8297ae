//! The options of `advanced`. Some clients send them inside that object, others spread them over the item.

use serde_json::Value;

use crate::core::request::{Action, Advanced, RenderJs, SectionFilter, ValidationError};
use crate::service::wire::request::fields::{Fields, expected, put, word};

/// Reads the options that are fields of the item beside `advanced`, by the names they have there.
pub(super) fn read_beside(fields: Fields<'_>, into: &mut Advanced) -> Result<(), ValidationError> {
    put(&mut into.wait_condition, fields.word("wait_until")?);
    put(&mut into.cookies, cookies(fields, "cookies")?);
    put(&mut into.session_headers, fields.pairs("session_headers")?);
    read_common(fields, into)
}

/// Reads the fields of `advanced` itself.
pub(super) fn read_inside(fields: Fields<'_>, into: &mut Advanced) -> Result<(), ValidationError> {
    put(&mut into.cookies, cookies(fields, "advanced.cookies")?);
    put(&mut into.session_headers, fields.pairs("advanced.session_headers")?);
    read_common(fields, into)
}

fn read_common(fields: Fields<'_>, into: &mut Advanced) -> Result<(), ValidationError> {
    put(&mut into.render_js, render_js(fields)?);
    fields.flag("advanced.screenshot", &mut into.screenshot)?;
    fields.flag("advanced.generate_pdf", &mut into.generate_pdf)?;
    fields.flag("advanced.markdown", &mut into.markdown)?;
    fields.flag("advanced.ocr", &mut into.ocr)?;
    // Two names for the same pool; the first was for premium proxies only.
    fields.flag("advanced.use_system_proxy", &mut into.use_proxy)?;
    fields.flag("advanced.use_proxy", &mut into.use_proxy)?;
    fields.flag("advanced.use_own_proxy", &mut into.use_own_proxy)?;
    fields.flag("advanced.remove_cookie_banners", &mut into.remove_cookie_banners)?;
    fields.flag("advanced.scroll_to_load", &mut into.scroll_to_load)?;
    fields.flag("advanced.include_iframes", &mut into.include_iframes)?;
    fields.flag("advanced.flatten_shadow_dom", &mut into.flatten_shadow_dom)?;
    fields.flag("advanced.block_images", &mut into.block_images)?;
    fields.flag("advanced.explain_content", &mut into.explain_content)?;
    let known = fields.text("advanced.if_changed_since_hash")?;
    put(&mut into.if_changed_since_hash, known.map(Some));
    put(&mut into.wait_condition, fields.word("advanced.wait_condition")?);
    if let Some(count) = fields.whole("advanced.scroll_count")? {
        // A count that does not fit the type exceeds the bound too, which the check at submission reports.
        into.scroll_count = u8::try_from(count).unwrap_or(u8::MAX);
    }
    put(&mut into.proxy_integration_id, fields.text("advanced.proxy_integration_id")?.map(Some));
    put(&mut into.proxy_country, fields.word("advanced.proxy_country")?.map(Some));
    put(&mut into.session_id, fields.word("advanced.session_id")?.map(Some));
    put(&mut into.section_filter, section_filter(fields)?);
    put(&mut into.actions, actions(fields)?);
    Ok(())
}

fn render_js(fields: Fields<'_>) -> Result<Option<RenderJs>, ValidationError> {
    const FIELD: &str = "advanced.render_js";
    match fields.value(FIELD) {
        None => Ok(None),
        Some(Value::Bool(true)) => Ok(Some(RenderJs::Yes)),
        Some(Value::Bool(false)) => Ok(Some(RenderJs::No)),
        Some(Value::String(text)) if text == "auto" => Ok(Some(RenderJs::Auto)),
        Some(value) => Err(expected(FIELD, "true, false or `auto`", value)),
    }
}

/// Reads cookies: an object, or the text of a `Cookie` header, which one client sends.
fn cookies(
    fields: Fields<'_>,
    path: &'static str,
) -> Result<Option<Vec<(String, String)>>, ValidationError> {
    let Some(Value::String(text)) = fields.value(path) else { return fields.pairs(path) };
    let pairs = text.split(';').map(str::trim).filter(|it| !it.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').ok_or_else(|| {
            ValidationError::new(path, "must be an object, or pairs such as `a=1; b=2`")
        })?;
        Ok((name.trim().to_owned(), value.trim().to_owned()))
    });
    pairs.collect::<Result<_, _>>().map(Some)
}

fn section_filter(fields: Fields<'_>) -> Result<Option<SectionFilter>, ValidationError> {
    const FIELD: &str = "advanced.section_filter";
    let Some(inside) = fields.object(FIELD)? else { return Ok(None) };
    inside.only(FIELD, &["min_content_blocks", "exclude_content_types", "content_only"])?;
    let mut filter = SectionFilter::default();
    if let Some(count) = inside.whole("advanced.section_filter.min_content_blocks")? {
        // No page has more blocks than fit the type.
        filter.min_content_blocks = u32::try_from(count).unwrap_or(u32::MAX);
    }
    let excluded = inside.words("advanced.section_filter.exclude_content_types")?;
    put(&mut filter.exclude_content_types, excluded);
    inside.flag("advanced.section_filter.content_only", &mut filter.content_only)?;
    Ok(Some(filter))
}

fn actions(fields: Fields<'_>) -> Result<Option<Vec<Action>>, ValidationError> {
    const FIELD: &str = "advanced.actions";
    let Some(value) = fields.value(FIELD) else { return Ok(None) };
    let list = value.as_array().ok_or_else(|| expected(FIELD, "a list", value))?;
    let read = |it: &Value| {
        let mut with =
            it.as_object().ok_or_else(|| expected(FIELD, "a list of objects", it))?.clone();
        let kind = with.remove("type").unwrap_or_default();
        Ok(Action { kind: word(&kind, FIELD)?, with })
    };
    list.iter().map(read).collect::<Result<_, _>>().map(Some)
}
