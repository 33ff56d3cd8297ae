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

/// A batch or a crawl, its pages, and the tool that lists more of them.
struct Listing<'a> {
    tool: &'static str,
    /// Name of the argument with the id.
    argument: &'static str,
    id: &'a str,
    /// The response about its state.
    status: &'a Answer,
    /// The lines between its id and its warnings.
    head: Vec<String>,
    jobs: Vec<JobId>,
    /// Number of a crawl's batches that do not exist anymore.
    removed_batches: usize,
}

impl Listing<'_> {
    fn is_running(&self) -> bool {
        self.status.body["completed_at"].is_null()
    }
}

/// Shows a batch, once it has ended or the wait is over. `accepted` is the response to its submission.
pub(super) async fn batch(
    call: &Call<'_>,
    id: &str,
    accepted: Option<&Answer>,
) -> Result<CallToolResult, Failure> {
    let parsed: BatchId = id.parse().map_err(|_| not_an_id("batch_id", id))?;
    let engine = &call.shared.engine;
    let ended = async {
        if let Ok(mut handle) = engine.batch_handle(parsed).await {
            let _ = handle.wait().await;
        }
    };
    let path = format!("/batch/{}?include_results=false", segment(id));
    let status = status(call, &path, ended).await?;
    let body = &status.body;
    let retry_of = body["retry_of"].as_str().map(|first| format!("retry_of: {first}"));
    let counts = format!(
        "status: {}: {} of {} pages succeeded, {} failed, {} pending",
        text(body, "status"),
        body["completed"],
        body["total"],
        body["failed"],
        body["pending"],
    );
    let listing = Listing {
        tool: "batch_status",
        argument: "batch_id",
        id,
        status: &status,
        head: retry_of.into_iter().chain([counts]).collect(),
        jobs: engine.job_ids(parsed).await.map_err(|it| failed(&it))?,
        removed_batches: 0,
    };
    show(call, listing, accepted).await
}

/// Shows a crawl, once it has ended or the wait is over. `accepted` is the response to its submission.
pub(super) async fn crawl(
    call: &Call<'_>,
    id: &str,
    accepted: Option<&Answer>,
) -> Result<CallToolResult, Failure> {
    let parsed: CrawlId = id.parse().map_err(|_| not_an_id("crawl_id", id))?;
    let engine = &call.shared.engine;
    let ended = async {
        if let Ok(mut handle) = engine.crawl_handle(parsed).await {
            let _ = handle.wait().await;
        }
    };
    let status = status(call, &format!("/crawl/{}", segment(id)), ended).await?;
    let (mut jobs, mut removed_batches) = (Vec::new(), 0);
    for batch in engine.crawl_batches(parsed).await.map_err(|it| failed(&it))? {
        match engine.job_ids(batch).await {
            Ok(ids) => jobs.extend(ids),
            // The crawl is being removed.
            Err(EngineError::BatchNotFound(_)) => removed_batches += 1,
            Err(error) => return Err(failed(&error)),
        }
    }
    let body = &status.body;
    let counts = format!(
        "status: {}: {} pages found, {} succeeded, {} failed, {} pending",
        text(body, "status"),
        body["total"],
        body["completed"],
        body["failed"],
        body["pending"],
    );
    let reason = body["error"].as_str();
    let reason = reason.map(|it| format!("ended early: {}", one_line(it, MAX_LINE_TOKENS)));
    let listing = Listing {
        tool: "crawl_status",
        argument: "crawl_id",
        id,
        status: &status,
        head: [counts].into_iter().chain(reason).collect(),
        jobs,
        removed_batches,
    };
    show(call, listing, accepted).await
}

/// Returns the state at this path, once it has ended or the wait is over. `ended` is not awaited for the work of others.
async fn status(
    call: &Call<'_>,
    path: &str,
    ended: impl Future<Output = ()>,
) -> Result<Answer, Failure> {
    let status = call.caller.get(path).await?;
    if !status.body["completed_at"].is_null() {
        return Ok(status);
    }
    call.wait_for(ended).await;
    call.caller.get(path).await
}

/// Shows the state and the pages.
async fn show(
    call: &Call<'_>,
    listing: Listing<'_>,
    accepted: Option<&Answer>,
) -> Result<CallToolResult, Failure> {
    let body = &listing.status.body;
    let mut output = call.output();
    output.line(&format!("{}: {}", listing.argument, listing.id));
    listing.head.iter().for_each(|it| output.line(it));
    if listing.removed_batches > 0 {
        output.line(&format!(
            "removed: {} batches of the crawl have expired, and their pages are not listed",
            listing.removed_batches
        ));
    }
    output.notes(pages::warnings(body));
    output.notes(accepted.into_iter().flat_map(|it| pages::warnings(&it.body)));
    let mut last = pages_of(call, &listing, &mut output).await?;
    let spent = body["credits_used"].as_u64().unwrap_or_default();
    last.push(format!("cost: {}{}", money(spent), so_far(&listing)));
    last.push(call.budget(Some(listing.status)).await);
    Ok(output.finish(&last))
}

/// Lists pages from the offset on, and returns the lines about the rest.
async fn pages_of(
    call: &Call<'_>,
    listing: &Listing<'_>,
    output: &mut Output,
) -> Result<Vec<String>, Failure> {
    let total = listing.jobs.len();
    // With pages that were removed, an offset that was valid may not be.
    if call.offset > total && listing.removed_batches == 0 {
        return Err(call.beyond(total, "pages"));
    }
    let mut next = total;
    for (index, id) in listing.jobs.iter().enumerate().skip(call.offset) {
        let job = match call.shared.engine.job(*id).await {
            Ok(job) => Some(job),
            Err(EngineError::JobNotFound(_)) => None,
            Err(error) => return Err(failed(&error)),
        };
        let line = match &job {
            Some(job) => entry(index, job),
            None => format!("{index}: removed, job_id {id}: it has expired"),
        };
        // The first entry always fits, so that each call makes progress.
        if index > call.offset && !output.has_room_for(&line) {
            next = index;
            break;
        }
        output.line(&line);
        let is_shown = |job: &Job| job.state == JobState::Succeeded && call.wants_content();
        if let Some(job) = job.filter(is_shown) {
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
    if listing.is_running() {
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

fn so_far(listing: &Listing<'_>) -> String {
    if !listing.is_running() {
        return String::new();
    }
    match listing.status.body["estimated_credits"].as_u64() {
        Some(estimate) => format!(" so far, likely {estimate} in all"),
        None => " so far".to_owned(),
    }
}

fn text<'a>(body: &'a Value, name: &str) -> &'a str {
    body[name].as_str().unwrap_or_default()
}

fn not_an_id(argument: &str, id: &str) -> Failure {
    Failure::new(format!("{argument}: {} is not an id", one_line(id, MAX_LINE_TOKENS)))
}

fn failed(error: &EngineError) -> Failure {
    Failure::new(error.to_string())
}
