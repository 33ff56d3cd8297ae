//! The tools: each turns its arguments into requests to the REST API, and the responses into text.

use std::time::Duration;

use axum::http::StatusCode;
use rmcp::model::CallToolResult;
use rungs::core::credits::Credits;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::mcp::MAX_WAIT;
use crate::mcp::arguments::Arguments;
use crate::mcp::listing;
use crate::mcp::maps::SiteList;
use crate::mcp::output::Output;
use crate::mcp::pages::{self, MAX_LINE_TOKENS, cost, money};
use crate::mcp::rest::{Answer, Caller, Failure, segment};
use crate::mcp::server::Shared;
use crate::mcp::tokens::one_line;
use crate::mcp::tools::{self, DEFAULT_PAGE_TOKENS, MAX_OFFSET, MAX_WAIT_SECS, MIN_TOKENS};

/// Pause between looks at a job that a call waits for.
const POLL: Duration = Duration::from_millis(200);
/// Pause between requests for an extraction that runs. Each counts against the key's rate.
const EXTRACTION_POLL: Duration = Duration::from_secs(5);
/// Line of a call that failed before anything was charged.
const NO_COST: &str = "cost: nothing";

impl From<Failure> for CallToolResult {
    fn from(failure: Failure) -> Self {
        failed(Output::new(MIN_TOKENS), &failure, &[NO_COST.to_owned()])
    }
}

/// Ends an output with a failure.
fn failed(mut output: Output, failure: &Failure, last: &[String]) -> CallToolResult {
    output.notes(lines_of(failure));
    output.fail(last)
}

/// Explains a failure: what failed, where, and what a retry needs.
fn lines_of(failure: &Failure) -> Vec<String> {
    let body = &failure.body;
    let mut lines = vec![format!("error: {}", one_line(&failure.message, 2 * MAX_LINE_TOKENS))];
    let mut fact = |name: &str, value: &Value| match value {
        Value::String(text) => lines.push(format!("{name}: {}", one_line(text, MAX_LINE_TOKENS))),
        Value::Number(number) => lines.push(format!("{name}: {number}")),
        _ => {}
    };
    for name in ["field", "url", "tier", "required_dollars", "balance_dollars"] {
        fact(name, &body[name]);
    }
    for name in ["job_id", "batch_id", "crawl_id", "extract_id", "required_tier", "status_code"] {
        fact(name, &body["details"][name]);
    }
    fact("retry_after_seconds", &body["retry_after"]);
    match body["code"].as_str() {
        // What costs no less with other options names no option.
        Some("SPEND_LIMIT_EXCEEDED" | "INSUFFICIENT_CREDITS")
            if !failure.message.contains("`max_tier`") =>
        {
            lines.push("remedy: ask the operator for a larger budget".to_owned());
        }
        Some("SPEND_LIMIT_EXCEEDED" | "INSUFFICIENT_CREDITS" | "COST_LIMIT_EXCEEDED") => {
            lines.push(
                "remedy: the most that a page may cost is reserved first: lower `cost_controls.max_tier` or \
                 `max_credits`, send fewer pages, or ask the operator for a larger budget"
                    .to_owned(),
            );
        }
        Some("PRIVATE_ADDRESS_BLOCKED") => lines.push(
            "remedy: only public addresses are fetched; the operator can start `rungs mcp` with --allow-private"
                .to_owned(),
        ),
        _ => {}
    }
    lines.extend(pages::warnings(body));
    lines
}

/// One call of a tool.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) shared: &'a Shared,
    pub(super) caller: Caller,
    pub(super) arguments: Arguments,
    /// Position in the result from which on to show it.
    pub(super) offset: usize,
    /// The tokens that a page in a list may take.
    pub(super) page_tokens: u32,
    max_tokens: u32,
    wait: Duration,
    include_content: bool,
}

impl<'a> Call<'a> {
    pub(super) fn new(
        shared: &'a Shared,
        caller: Caller,
        mut arguments: Arguments,
    ) -> Result<Self, Failure> {
        if arguments.has("job_id") {
            arguments.refuse_of_lists()?;
        }
        let most = shared.max_output_tokens;
        let default = tools::default_tokens(most);
        let tokens = |number: u64| u32::try_from(number).unwrap_or(most);
        let max_tokens =
            arguments.integer("max_tokens", MIN_TOKENS.into()..=most.into(), default.into())?;
        let page_tokens = arguments.integer(
            "max_tokens_per_page",
            tools::MIN_PAGE_TOKENS.into()..=most.into(),
            DEFAULT_PAGE_TOKENS.into(),
        )?;
        let offset = arguments.integer("offset", 0..=MAX_OFFSET, 0)?;
        let wait =
            arguments.integer("wait_seconds", 0..=MAX_WAIT_SECS, tools::DEFAULT_WAIT_SECS)?;
        let include_content = arguments.flag("include_content", true)?;
        Ok(Self {
            shared,
            caller,
            offset: usize::try_from(offset).unwrap_or(usize::MAX),
            page_tokens: tokens(page_tokens),
            max_tokens: tokens(max_tokens),
            wait: Duration::from_secs(wait),
            include_content,
            arguments,
        })
    }

    /// Runs the tool with this name.
    pub(super) async fn run(mut self, tool: &str) -> CallToolResult {
        let arguments = std::mem::take(&mut self.arguments);
        let result = match tool {
            "scrape" => self.scrape(arguments, json!(["markdown"])).await,
            "batch" => self.batch(arguments).await,
            "batch_status" => self.batch_status(arguments).await,
            "retry" => self.retry(arguments).await,
            "map" => self.map(arguments).await,
            "crawl" => self.crawl(arguments).await,
            "crawl_status" => self.crawl_status(arguments).await,
            "cancel" => self.cancel(arguments).await,
            "estimate" => self.estimate(arguments).await,
            "extract" => self.extract(arguments).await,
            // Impossible: the handler has found the tool in the list.
            _ => Err(Failure::new(format!("unknown tool `{tool}`"))),
        };
        match result {
            Ok(result) => result,
            Err(failure) => {
                let last = [self.cost_of(&failure).await, self.budget(None).await];
                failed(self.output(), &failure, &last)
            }
        }
    }

    /// Returns what a call that failed has cost, in a line.
    async fn cost_of(&self, failure: &Failure) -> String {
        let job = match failure.job_id().map(str::parse) {
            Some(Ok(id)) => self.shared.engine.job(id).await.ok(),
            _ => None,
        };
        match job {
            Some(job) if !job.state.is_ended() => {
                "cost: not known yet: the page continues, see batch_status".to_owned()
            }
            Some(job) if job.charged() > Credits::ZERO => {
                format!("cost: {}", money(job.charged().0))
            }
            None if failure.may_cost => "cost: not known: see the budget".to_owned(),
            _ => NO_COST.to_owned(),
        }
    }

    /// Creates the failure of a call for what is beyond the end of a result.
    pub(super) fn beyond(&self, end: usize, of: &str) -> Failure {
        Failure::new(format!("offset: is {}: the result has {end} {of}", self.offset))
    }

    /// Refuses an offset beyond the end of a content. The beginning of an empty one is not beyond its end.
    fn check_offset(&self, content: &str) -> Result<(), Failure> {
        if self.offset > 0 && self.offset >= content.len() {
            return Err(self.beyond(content.len(), "bytes"));
        }
        Ok(())
    }

    pub(super) fn output(&self) -> Output {
        Output::new(self.max_tokens)
    }

    /// Returns `true` if the caller wants the text of pages in a list.
    pub(super) fn wants_content(&self) -> bool {
        self.include_content
    }

    /// Returns what is left of the caller's budget, in a line.
    pub(super) async fn budget(&self, answer: Option<&Answer>) -> String {
        let path = format!("/api-keys/{}/limits", segment(&self.caller.key));
        let limits = match self.caller.get(&path).await {
            Ok(limits) => limits,
            Err(failure) => {
                return format!("budget: unknown: {}", one_line(&failure.message, MAX_LINE_TOKENS));
            }
        };
        let limit = |name: &str| limits.body[name].as_u64();
        let used = limit("credits_used").unwrap_or_default();
        let held = limit("credits_held").unwrap_or_default();
        let mut line = match limit("budget_limit_microcents") {
            Some(most) => format!(
                "budget: {} left of {most} until {}, {used} spent and {held} reserved",
                money(most.saturating_sub(used.saturating_add(held))),
                limits.body["resets_at"].as_str().unwrap_or("it resets"),
            ),
            None => {
                format!("budget: no limit, {used} credits spent and {held} reserved this month")
            }
        };
        if let Some(jobs) = limit("request_limit") {
            let left = jobs.saturating_sub(limit("requests_count").unwrap_or_default());
            line.push_str(&format!("; {left} of {jobs} pages left"));
        }
        let balance = answer.and_then(|it| it.balance.clone()).or(limits.balance);
        if let Some(balance) = balance.filter(|_| !self.shared.engine.settings().unlimited_accounts)
        {
            line.push_str(&format!("; balance of the account: {balance}"));
        }
        line
    }

    /// Waits until `ended`, at most as long as the call allows.
    pub(super) async fn wait_for(&self, ended: impl Future) {
        if self.wait.is_zero() {
            return;
        }
        tokio::select! {
            _ = ended => {}
            () = tokio::time::sleep(self.wait) => {}
            () = self.shared.stop.cancelled() => {}
        }
    }

    async fn scrape(
        &self,
        mut arguments: Arguments,
        formats: Value,
    ) -> Result<CallToolResult, Failure> {
        arguments.default("formats", formats);
        let answer = self.caller.post("/scrape", &arguments.into_body()).await?;
        if answer.status == StatusCode::ACCEPTED {
            let id = answer.body["job_id"].as_str().unwrap_or_default();
            let mut output = self.output();
            output.line(&format!("job_id: {id}"));
            output.line("status: the page is not finished yet, and continues");
            let next = format!("next: call batch_status with {}", json!({ "job_id": id }));
            let held = answer.body["estimated_credits"].as_u64().unwrap_or_default();
            let cost = format!("cost: at most {}", money(held));
            return Ok(output.finish(&[next, cost, self.budget(Some(&answer)).await]));
        }
        self.page(&answer, "").await
    }

    /// Shows one page from the offset on. `note` explains its cost.
    async fn page(&self, answer: &Answer, note: &str) -> Result<CallToolResult, Failure> {
        let page = &answer.body;
        let mut output = self.output();
        output.notes(pages::head(page));
        let content = pages::content(page);
        self.check_offset(&content)?;
        let written = output.content("page", &content, self.offset, None);
        let mut last = Vec::new();
        if let Some(next) = written.next {
            let arguments = json!({ "job_id": page["job_id"], "offset": next });
            last.push(format!(
                "cut: call batch_status with {arguments} for the rest, free of charge"
            ));
        }
        last.push(cost(&page["credits_used"]) + note);
        last.push(self.budget(Some(answer)).await);
        Ok(output.finish(&last))
    }

    async fn batch(&self, mut arguments: Arguments) -> Result<CallToolResult, Failure> {
        let urls = arguments.urls(self.most_pages())?;
        arguments.default("formats", json!(["markdown"]));
        let accepted = self.caller.post("/batch", &arguments.into_items(urls)?).await?;
        let id = id_of(&accepted, "batch_id");
        let listed = listing::batch(self, &id, Some(&accepted)).await;
        self.or_accepted(listed, ("batch_status", "batch_id"), &id, &accepted).await
    }

    fn most_pages(&self) -> usize {
        self.shared.engine.limits().batch_items
    }

    /// Keeps the id of accepted work if its pages cannot be listed, for example because of the key's rate.
    async fn or_accepted(
        &self,
        listed: Result<CallToolResult, Failure>,
        (tool, argument): (&str, &str),
        id: &str,
        accepted: &Answer,
    ) -> Result<CallToolResult, Failure> {
        let Err(failure) = listed else { return listed };
        let mut output = self.output();
        output.line(&format!("{argument}: {id}"));
        output.line("status: accepted, and continues");
        output.note(&format!("not listed: {}", one_line(&failure.message, MAX_LINE_TOKENS)));
        let next = format!("next: call {tool} with {} later", json!({ argument: id }));
        let estimate = accepted.body["estimated_credits"].as_u64().unwrap_or_default();
        let cost = format!("cost: likely {}", money(estimate));
        Ok(output.finish(&[next, cost, self.budget(Some(accepted)).await]))
    }

    async fn batch_status(&self, mut arguments: Arguments) -> Result<CallToolResult, Failure> {
        match arguments.one_id(["batch_id", "job_id"])? {
            ("job_id", id) => self.job(&id).await,
            (_, id) => listing::batch(self, &id, None).await,
        }
    }

    /// Shows one page of a batch, a crawl or an earlier scrape.
    async fn job(&self, id: &str) -> Result<CallToolResult, Failure> {
        let mut answer = self.read(id).await?;
        if let ("queued" | "processing", Ok(job)) = (status_of(&answer), id.parse()) {
            let engine = &self.shared.engine;
            let ended = async {
                while engine.job(job).await.is_ok_and(|it| !it.state.is_ended()) {
                    tokio::time::sleep(POLL).await;
                }
            };
            self.wait_for(ended).await;
            answer = self.read(id).await?;
        }
        if status_of(&answer) == "succeeded" {
            return self.page(&answer, ", charged when it was fetched").await;
        }
        let mut output = self.output();
        output.line(&format!("status: {}", status_of(&answer)));
        output.notes(pages::head(&answer.body));
        let cost = cost(&answer.body["billing"]["total_credits"]);
        Ok(output.finish(&[cost, self.budget(Some(&answer)).await]))
    }

    /// Reads a job with its page.
    pub(super) async fn read(&self, id: &str) -> Result<Answer, Failure> {
        let _permit = self.shared.reads.acquire().await;
        self.caller.get(&format!("/jobs/{}", segment(id))).await
    }

    async fn retry(&self, mut arguments: Arguments) -> Result<CallToolResult, Failure> {
        let (_, id) = arguments.one_id(["batch_id"])?;
        let path = format!("/batch/{}/retry", segment(&id));
        let accepted = self.caller.post(&path, &arguments.into_body()).await?;
        let id = id_of(&accepted, "batch_id");
        let listed = listing::batch(self, &id, Some(&accepted)).await;
        self.or_accepted(listed, ("batch_status", "batch_id"), &id, &accepted).await
    }

    async fn crawl(&self, mut arguments: Arguments) -> Result<CallToolResult, Failure> {
        arguments.default("formats", json!(["markdown"]));
        let accepted = self.caller.post("/crawl", &arguments.into_body()).await?;
        let id = id_of(&accepted, "crawl_id");
        let listed = listing::crawl(self, &id, Some(&accepted)).await;
        self.or_accepted(listed, ("crawl_status", "crawl_id"), &id, &accepted).await
    }

    async fn crawl_status(&self, mut arguments: Arguments) -> Result<CallToolResult, Failure> {
        let (_, id) = arguments.one_id(["crawl_id"])?;
        listing::crawl(self, &id, None).await
    }

    async fn cancel(&self, mut arguments: Arguments) -> Result<CallToolResult, Failure> {
        let (name, id) = arguments.one_id(["batch_id", "crawl_id"])?;
        let kind = if name == "crawl_id" { "crawl" } else { "batch" };
        let answer = self.caller.delete(&format!("/{kind}/{}", segment(&id))).await?;
        let number = |name: &str| answer.body[name].as_u64().unwrap_or_default();
        let mut output = self.output();
        output.line(&format!("{name}: {id}"));
        output.line(&format!("canceled: {} pages had not ended", number("cancelled_jobs")));
        let cost = format!("cost: nothing, {} returned", money(number("credits_refunded")));
        Ok(output.finish(&[cost, self.budget(Some(&answer)).await]))
    }

    async fn estimate(&self, mut arguments: Arguments) -> Result<CallToolResult, Failure> {
        let urls = arguments.urls(self.most_pages())?;
        if self.offset >= urls.len() && self.offset > 0 {
            return Err(self.beyond(urls.len(), "pages"));
        }
        let answer = self.caller.post("/batch/estimate", &arguments.into_items(urls)?).await?;
        let mut output = self.output();
        let number = |of: &Value, name: &str| of[name].as_u64().unwrap_or_default();
        output.line(&format!("pages: {}", number(&answer.body, "total_urls")));
        output.line(&format!("likely: {}", money(number(&answer.body, "estimated_credits"))));
        output.line(&format!("at most: {}", money(number(&answer.body, "max_possible_credits"))));
        output.notes(pages::warnings(&answer.body));
        let mut last = Vec::new();
        let items = answer.body["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        for (index, item) in items.iter().enumerate().skip(self.offset) {
            let line = format!(
                "{index}: {} to {} credits: {}: {}",
                number(item, "estimated_credits"),
                number(item, "max_possible_credits"),
                one_line(item["url"].as_str().unwrap_or_default(), MAX_LINE_TOKENS),
                item["reason"].as_str().unwrap_or_default(),
            );
            if !output.has_room_for(&line) {
                last.push(format!(
                    "cut: call estimate again with \"offset\": {index} for the other pages"
                ));
                break;
            }
            output.line(&line);
        }
        last.push("cost: an estimate is free".to_owned());
        last.push(self.budget(Some(&answer)).await);
        Ok(output.finish(&last))
    }

    async fn map(&self, mut arguments: Arguments) -> Result<CallToolResult, Failure> {
        let (urls, cost, answer) = if arguments.has("map_id") {
            let (_, id) = arguments.one_id(["map_id", "url"])?;
            arguments.refuse_rest("has no effect with `map_id`: leave it out, or send `url`")?;
            let found = self.shared.maps.find(&self.caller.key, &id);
            let kept = found.ok_or_else(|| {
                Failure::new(format!(
                    "map_id: no list {} is kept: call map with `url` again",
                    one_line(&id, MAX_LINE_TOKENS)
                ))
            })?;
            self.check_offset(&kept.text)?;
            (kept, "cost: nothing, the list was paid for".to_owned(), None)
        } else {
            if self.offset > 0 {
                return Err(Failure::new("offset: continues a list: send its `map_id`, not `url`"));
            }
            let body = arguments.into_body();
            let answer = tokio::select! {
                answer = self.caller.post("/map", &body) => answer?,
                () = self.shared.stop.cancelled() => {
                    return Err(Failure::after_acceptance("the server stops: call map again later"));
                }
            };
            let kept = self.shared.maps.keep(site_list(&self.caller.key, &answer.body));
            (kept, cost(&answer.body["credits_used"]), Some(answer))
        };
        let mut output = self.output();
        output.notes(urls.head.iter().cloned());
        let written = output.content("list of URLs", &urls.text, self.offset, None);
        let mut last = Vec::new();
        if let Some(next) = written.next {
            let arguments = json!({ "map_id": urls.id, "offset": next });
            last.push(format!("cut: call map with {arguments} for the rest, free of charge"));
        }
        last.push(cost);
        last.push(self.budget(answer.as_ref()).await);
        Ok(output.finish(&last))
    }

    async fn extract(&self, mut arguments: Arguments) -> Result<CallToolResult, Failure> {
        match (arguments.has("url"), arguments.has("content")) {
            (true, false) => return self.extract_page(arguments).await,
            (false, true) => {}
            _ => return Err(Failure::new("url, content: send exactly one of them")),
        }
        if arguments.has("mode") {
            return Err(Failure::new("mode: is for pages: leave it out with `content`"));
        }
        let repeat = arguments.integer("repeat", 0..=tools::MAX_REPEAT, 0)?;
        if repeat > 0 {
            arguments.default("cache", json!("skip"));
        }
        let Some(answer) = self.extracted(&arguments.into_body(), repeat).await? else {
            let mut output = self.output();
            output.line("status: the extraction is not finished yet, and continues");
            let next = "next: call extract again with the same arguments later";
            let cost = "cost: charged once, when it ends";
            let budget = self.budget(None).await;
            return Ok(output.finish(&[next.to_owned(), cost.to_owned(), budget]));
        };
        let mut output = self.output();
        output.notes(pages::head(&answer.body));
        let content = pages::content(&answer.body);
        self.check_offset(&content).map_err(|beyond| Failure { may_cost: true, ..beyond })?;
        let written = output.content("document", &content, self.offset, None);
        let mut last = Vec::new();
        if let Some(next) = written.next {
            last.push(format!(
                "cut: call extract again with the same arguments and \"offset\": {next} for the rest, free of charge"
            ));
        }
        last.push(cost(&answer.body["credits_used"]) + ", charged once for the same arguments");
        last.push(self.budget(Some(&answer)).await);
        Ok(output.finish(&last))
    }

    /// Extracts fields from a page, which is a scrape of it.
    async fn extract_page(&self, mut arguments: Arguments) -> Result<CallToolResult, Failure> {
        for name in ["content_type", "source_url"] {
            if arguments.text(name)?.is_some() {
                let reason = "describes `content`: leave it out with `url`";
                return Err(Failure::new(format!("{name}: {reason}")));
            }
        }
        if arguments.has("repeat") {
            let reason = "each call with `url` fetches the page again: leave it out";
            return Err(Failure::new(format!("repeat: {reason}")));
        }
        if self.offset > 0 {
            let reason =
                "each call with `url` fetches the page again: read the rest with batch_status";
            return Err(Failure::new(format!("offset: {reason}")));
        }
        self.scrape(arguments, json!(["json"])).await
    }

    /// Extracts from a document, and returns `None` if that takes longer than a call waits. The extraction then
    /// continues, and the same request returns its result.
    async fn extracted(&self, body: &Value, repeat: u64) -> Result<Option<Answer>, Failure> {
        // The rest of a long result is requested by the same call, which must not be charged again.
        let digest = Sha256::digest(body.to_string());
        let key = match repeat {
            0 => format!("mcp-{digest:x}"),
            _ => format!("mcp-{digest:x}-{repeat}"),
        };
        let extracting = async {
            loop {
                match self.caller.post_once("/extract", body, &key).await {
                    Err(failure) if failure.body["code"] == "EXTRACTION_RUNNING" => {
                        tokio::time::sleep(EXTRACTION_POLL).await;
                    }
                    other => return other,
                }
            }
        };
        tokio::select! {
            answer = extracting => answer.map(Some),
            () = tokio::time::sleep(MAX_WAIT) => Ok(None),
            () = self.shared.stop.cancelled() => Ok(None),
        }
    }
}

fn id_of(answer: &Answer, name: &str) -> String {
    answer.body[name].as_str().unwrap_or_default().to_owned()
}

fn status_of(answer: &Answer) -> &str {
    answer.body["status"].as_str().unwrap_or_default()
}

/// Converts a map to a list that can be shown in parts.
fn site_list(key: &str, map: &Value) -> SiteList {
    let urls = map["urls"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut text = String::new();
    for url in urls {
        text.push_str(url["url"].as_str().unwrap_or_default());
        for name in ["title", "description"] {
            if let Some(value) = url[name].as_str().filter(|it| !it.is_empty()) {
                text.push_str(&format!(" | {name}: {}", one_line(value, u32::MAX)));
            }
        }
        text.push('\n');
    }
    let id = map["map_id"].as_str().unwrap_or_default().to_owned();
    let mut head = vec![format!("map_id: {id}"), format!("urls: {}", urls.len())];
    head.extend(pages::warnings(map));
    SiteList { key: key.to_owned(), id, head, text }
}
