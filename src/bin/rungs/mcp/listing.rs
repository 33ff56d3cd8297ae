//! The pages of a batch or a crawl: a line for each, and their text as far as the tokens last.

use rmcp::model::CallToolResult;
use rungs::core::id::{BatchId, CrawlId, JobId};
use rungs::core::job::{Job, JobState};
use rungs::engine::EngineError;
use serde_json::{Value, json};

use crate::mcp::calls::Call;
use crate::mcp::output::Output;
use crate::mcp::pages::{self, MAX_LINE_TOKENS, money};
use crate::mcp::rest::{Answer, Failure, segment};
use crate::mcp::tokens::one_line;

/// The pages to list, and the tool that lists more of them.
struct Listing {
    tool: &'static str,
    /// Name of the argument with the id.
    argument: &'static str,
    id: String,
    jobs: Vec<JobId>,
    is_running: bool,
}

/// Shows a batch, once it has ended or the wait is over. `accepted` is the response to its submission.
pub(super) async fn batch(
    call: &Call<'_>,
    id: &str,
    accepted: Option<&Answer>,
) -> Result<CallToolResult, Failure> {
    let path = format!("/batch/{}?include_results=false", segment(id));
    let mut status = call.caller.get(&path).await?;
    let parsed: BatchId = id.parse().map_err(|_| not_found("batch_id", id))?;
    let engine = &call.shared.engine;
    if is_running(&status.body) {
        if let Ok(mut handle) = engine.batch_handle(parsed).await {
            call.wait_for(handle.wait()).await;
        }
        status = call.caller.get(&path).await?;
    }
    let jobs = engine.job_ids(parsed).await.map_err(|it| failed(&it))?;
    let mut output = call.output();
    let body = &status.body;
    output.line(&format!("batch_id: {id}"));
    if let Some(first) = body["retry_of"].as_str() {
        output.line(&format!("retry_of: {first}"));
    }
    output.line(&format!(
        "status: {}: {} of {} pages succeeded, {} failed, {} pending",
        text(body, "status"),
        body["completed"],
        body["total"],
        body["failed"],
        body["pending"],
    ));
    output.notes(accepted.into_iter().flat_map(|it| pages::warnings(&it.body)));
    let listing = Listing {
        tool: "batch_status",
        argument: "batch_id",
        id: id.to_owned(),
        jobs,
        is_running: is_running(body),
    };
    let mut last = pages_of(call, &listing, &mut output).await?;
    let spent = body["credits_used"].as_u64().unwrap_or_default();
    last.push(format!("cost: {}{}", money(spent), so_far(&listing, body)));
    last.push(call.budget(Some(&status)).await);
    Ok(output.finish(&last))
}

/// Shows a crawl, once it has ended or the wait is over. `accepted` is the response to its submission.
pub(super) async fn crawl(
    call: &Call<'_>,
    id: &str,
    accepted: Option<&Answer>,
) -> Result<CallToolResult, Failure> {
    let path = format!("/crawl/{}", segment(id));
    let mut status = call.caller.get(&path).await?;
    let parsed: CrawlId = id.parse().map_err(|_| not_found("crawl_id", id))?;
    let engine = &call.shared.engine;
    if status.body["completed_at"].is_null() {
        if let Ok(mut handle) = engine.crawl_handle(parsed).await {
            call.wait_for(handle.wait()).await;
        }
        status = call.caller.get(&path).await?;
    }
    let mut jobs = Vec::new();
    for batch in engine.crawl_batches(parsed).await.map_err(|it| failed(&it))? {
        match engine.job_ids(batch).await {
            Ok(ids) => jobs.extend(ids),
            // The crawl is being removed.
            Err(EngineError::BatchNotFound(_)) => {}
            Err(error) => return Err(failed(&error)),
        }
    }
    let mut output = call.output();
    let body = &status.body;
    output.line(&format!("crawl_id: {id}"));
    output.line(&format!(
        "status: {}: {} pages found, {} succeeded, {} failed, {} pending",
        text(body, "status"),
        body["total"],
        body["completed"],
        body["failed"],
        body["pending"],
    ));
    if let Some(error) = body["error"].as_str() {
        output.line(&format!("ended early: {}", one_line(error, MAX_LINE_TOKENS)));
    }
    output.notes(pages::warnings(body));
    output.notes(accepted.into_iter().flat_map(|it| pages::warnings(&it.body)));
    let listing = Listing {
        tool: "crawl_status",
        argument: "crawl_id",
        id: id.to_owned(),
        jobs,
        is_running: body["completed_at"].is_null(),
    };
    let mut last = pages_of(call, &listing, &mut output).await?;
    let spent = body["credits_used"].as_u64().unwrap_or_default();
    last.push(format!("cost: {}{}", money(spent), so_far(&listing, body)));
    last.push(call.budget(Some(&status)).await);
    Ok(output.finish(&last))
}

/// Lists pages from the offset on, and returns the lines about the rest.
async fn pages_of(
    call: &Call<'_>,
    listing: &Listing,
    output: &mut Output,
) -> Result<Vec<String>, Failure> {
    let total = listing.jobs.len();
    if call.offset > total {
        return Err(call.beyond(total, "pages"));
    }
    let mut next = total;
    for (index, id) in listing.jobs.iter().enumerate().skip(call.offset) {
        let job = match call.shared.engine.job(*id).await {
            Ok(job) => job,
            Err(EngineError::JobNotFound(_)) => continue,
            Err(error) => return Err(failed(&error)),
        };
        let line = entry(index, &job);
        // The first entry always fits, so that each call makes progress.
        if index > call.offset && !output.has_room_for(&line) {
            next = index;
            break;
        }
        output.line(&line);
        if job.state == JobState::Succeeded && call.wants_content() {
            page(call, &job, output).await;
        }
    }
    let more = |offset: usize| {
        let mut arguments = json!({ listing.argument: listing.id, "offset": offset });
        if !call.wants_content() {
            arguments["include_content"] = json!(false);
        }
        arguments
    };
    let mut last = Vec::new();
    if next < total {
        last.push(format!(
            "cut: {} of {total} pages are not shown: call {} with {}",
            total - next,
            listing.tool,
            more(next)
        ));
    }
    if listing.is_running {
        last.push(format!("still running: call {} with {} later", listing.tool, more(call.offset)));
    }
    Ok(last)
}

/// Adds the text of a page, as far as it may go.
async fn page(call: &Call<'_>, job: &Job, output: &mut Output) {
    let id = job.id.to_string();
    let read = match call.read(&id).await {
        Ok(read) => read,
        Err(failure) => {
            let reason = one_line(&failure.message, MAX_LINE_TOKENS);
            return output.line(&format!("not shown: {reason}"));
        }
    };
    let content = pages::content(&read.body);
    let written = output.content("page", &content, 0, Some(call.page_tokens));
    if let Some(next) = written.next {
        let arguments = json!({ "job_id": id, "offset": next });
        output.line(&format!("cut: call batch_status with {arguments} for the rest of this page"));
    }
}

/// Returns the line of a page: its position, state, price, id and URL, and why it failed.
fn entry(index: usize, job: &Job) -> String {
    let state = job.state.as_str();
    let url = one_line(job.request.page().as_str(), MAX_LINE_TOKENS);
    let mut line =
        format!("{index}: {state}, {} credits, job_id {}: {url}", job.charged().0, job.id);
    if let Some(error) = job.failure() {
        let reason = one_line(&error.message, MAX_LINE_TOKENS);
        line.push_str(&format!(" ({}: {reason})", error.code.as_str()));
    }
    line
}

fn so_far(listing: &Listing, body: &Value) -> String {
    if !listing.is_running {
        return String::new();
    }
    match body["estimated_credits"].as_u64() {
        Some(estimate) => format!(" so far, likely {estimate} in all"),
        None => " so far".to_owned(),
    }
}

fn is_running(batch: &Value) -> bool {
    batch["completed_at"].is_null()
}

fn text<'a>(body: &'a Value, name: &str) -> &'a str {
    body[name].as_str().unwrap_or_default()
}

fn not_found(argument: &str, id: &str) -> Failure {
    Failure::new(format!("{argument}: {} is not an id", one_line(id, MAX_LINE_TOKENS)))
}

fn failed(error: &EngineError) -> Failure {
    Failure::new(error.to_string())
}
