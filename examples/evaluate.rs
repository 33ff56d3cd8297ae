//! Answers evaluation requests: a JSON object a line in, a JSON object a line out, whatever happens.
//!
//! A request is `{"id", "op", "file", "url", ...}`, where `file` holds the input. The operations are
//! `article`, `convert`, `product`, `recipe`, `jsonld`, `structured`, `decode`, `block`, `robots`, `ocr` and
//! `pdf` (these two with the feature of that name); an answer repeats the `id` and says the CPU milliseconds
//! it took, or an `error`. Without input it ends at once.

use std::io::{BufRead, IsTerminal, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use rungs::prelude::*;
use rungs::{
    core::{robots::Robots, verdict},
    extract::{self, HtmlExtractor},
    ports::extract::{Document, Extracted, Extractor},
};
use serde_json::{Map, Value, json};

/// The address of pages that come without one.
const NOWHERE: &str = "http://page.invalid/";

type Answer = Result<Value, String>;

struct Request {
    object: Map<String, Value>,
    body: Vec<u8>,
}

impl Request {
    fn word(&self, name: &str) -> Option<&str> {
        self.object.get(name).and_then(Value::as_str).filter(|it| !it.is_empty())
    }

    fn url(&self) -> &str {
        self.word("url").unwrap_or(NOWHERE)
    }

    fn source(&self) -> String {
        extract::decode(&self.body, self.word("content_type")).text.into_owned()
    }

    /// Extracts the body with these options.
    fn read(&self, item: Item) -> Result<Extracted, String> {
        let options = item.check(&Limits::default()).map_err(|it| it.to_string())?;
        let page = Document::new(&self.body, self.url(), &options)
            .with_content_type(self.word("content_type"));
        HtmlExtractor.extract(page).map_err(|it| it.to_string())
    }

    fn answer(&self) -> Answer {
        match self.word("op").unwrap_or_default() {
            "article" => self.article(),
            "convert" => {
                Ok(json!({ "markdown": extract::convert(&self.source(), self.word("url")) }))
            }
            "product" => self.fields(
                Profile::Product,
                json!({
                    "name": "string", "price": "string", "currency": "string", "sku": "string",
                    "gtin": "string", "brand": "string", "availability": "string",
                }),
            ),
            "recipe" => self.fields(
                Profile::Recipe,
                json!({
                    "title": "string", "ingredients": "array", "instructions": "array",
                    "yields": "string", "total_time": "integer", "prep_time": "integer",
                    "cook_time": "integer", "author": "string",
                }),
            ),
            "jsonld" => self.profile(),
            "structured" => {
                let found = extract::structured(&self.source(), self.word("url"));
                Ok(json!({ "structured": {
                    "json-ld": found.json_ld, "microdata": found.microdata,
                    "opengraph": found.opengraph, "rdfa": found.rdfa,
                }}))
            }
            "decode" => {
                let made = extract::decode(&self.body, self.word("content_type"));
                Ok(json!({ "encoding": made.encoding, "text": made.text }))
            }
            "block" => Ok(self.judged()),
            "robots" => self.robots(),
            "ocr" => ocr(self),
            "pdf" => pdf(self),
            other => Err(format!("the operation `{other}` is not offered")),
        }
    }

    /// Returns `true` for each agent and URL that robots.txt allows.
    fn robots(&self) -> Answer {
        let robots = Robots::parse(&self.body);
        let queries = self.object.get("queries").and_then(Value::as_array);
        let allowed = queries.into_iter().flatten().map(|query| {
            let (agent, url) = (query[0].as_str()?, query[1].as_str()?);
            Some(robots.allows(agent, url))
        });
        let allowed: Option<Vec<bool>> = allowed.collect();
        Ok(json!({ "allowed": allowed.ok_or("a query is an agent and an address")? }))
    }

    fn article(&self) -> Answer {
        let item = Item::get(self.url()).formats([Format::Text, Format::Markdown]);
        let made = self.read(item)?;
        let date = made.published_at.as_deref().and_then(|it| it.get(..10));
        Ok(json!({
            "text": made.text, "markdown": made.content.get(&Format::Markdown),
            "title": made.title, "author": made.author, "date": date,
            "language": made.language,
        }))
    }

    fn fields(&self, profile: Profile, schema: Value) -> Answer {
        let item = Item::get(self.url()).formats([Format::Json]).profile(profile).schema(schema);
        Ok(json!({ "data": self.read(item)?.filtered_content }))
    }

    /// Fills the fields of the profile that the request names.
    fn profile(&self) -> Answer {
        let profile = match self.word("profile").unwrap_or_default() {
            "faq" => Profile::Faq,
            "event" => Profile::Event,
            "product" => Profile::Product,
            "job_posting" => Profile::JobPosting,
            "recipe" => Profile::Recipe,
            other => return Err(format!("the profile `{other}` is not offered")),
        };
        let item = Item::get(self.url()).formats([Format::Json]).profile(profile);
        Ok(json!({ "data": self.read(item)?.profile }))
    }

    fn judged(&self) -> Value {
        let status = self.object.get("status").and_then(Value::as_u64);
        let headers: Vec<(String, String)> = self
            .object
            .get("headers")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()))
            .collect();
        let response = verdict::Response::new(
            status.and_then(|it| u16::try_from(it).ok()).unwrap_or(200),
            &headers,
            &self.body,
        );
        let (blocked, vendor, needs_js) = match verdict::judge(&response).verdict {
            verdict::Verdict::Blocked { by, .. } => (true, by, false),
            verdict::Verdict::NeedsRendering => (false, None, true),
            _ => (false, None, false),
        };
        json!({ "blocked": blocked, "vendor": vendor, "needs_js": needs_js })
    }
}

/// The request's file as a document to read within `deadline`.
#[cfg(any(feature = "ocr", feature = "pdf"))]
fn document(
    request: &Request,
    deadline: Duration,
) -> Result<rungs::ports::fetch::DocumentRequest, String> {
    let options = Item::get(NOWHERE).check(&Limits::default()).map_err(|it| it.to_string())?;
    let document = rungs::ports::fetch::Fetched::new(200, request.body.clone());
    Ok(rungs::ports::fetch::DocumentRequest::new(document.into(), options.into(), deadline))
}

/// Runs `work` to its end on a runtime of its own.
#[cfg(any(feature = "ocr", feature = "pdf"))]
fn block_on<T, E: ToString>(work: impl Future<Output = Result<T, E>>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|it| it.to_string())?.block_on(work).map_err(|it| it.to_string())
}

/// Text in images, by the program `tesseract`.
#[cfg(feature = "ocr")]
fn ocr(request: &Request) -> Answer {
    // Tesseract is asked for its languages once.
    static READER: std::sync::OnceLock<Tesseract> = std::sync::OnceLock::new();
    let layout = match request.object.get("psm").and_then(Value::as_u64) {
        None => rungs::fetch::ocr::PageSegmentation::default(),
        Some(it) => rungs::fetch::ocr::PageSegmentation::from_psm(it)
            .ok_or(format!("no text is read with psm {it}"))?,
    };
    let reader = READER.get_or_init(Tesseract::new).clone().page_segmentation(layout);
    let image = document(request, Duration::from_mins(2))?;
    let read = block_on(rungs::ports::fetch::OcrEngine::recognize(&reader, image))?;
    Ok(json!({ "text": read.text, "words": read.words }))
}

#[cfg(not(feature = "ocr"))]
fn ocr(_: &Request) -> Answer {
    Err("`ocr` needs the feature of that name".to_owned())
}

/// Text of PDFs.
#[cfg(feature = "pdf")]
fn pdf(request: &Request) -> Answer {
    let reader = Pdf::new();
    let document = document(request, Duration::from_mins(1))?;
    let read = block_on(rungs::ports::fetch::PdfReader::read(&reader, document))?;
    Ok(json!({
        "text": read.pages.join("\n\n"), "markdown": read.markdown.join("\n\n"),
        "title": read.title, "author": read.author, "created": read.created,
        "modified": read.modified, "pages": read.page_count, "links": read.links,
        "warnings": read.warnings,
    }))
}

#[cfg(not(feature = "pdf"))]
fn pdf(_: &Request) -> Answer {
    Err("`pdf` needs the feature of that name".to_owned())
}

/// The CPU time of this thread; that of a program that was started for it is not counted.
fn cpu() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(
        u64::try_from(now.tv_sec).unwrap_or_default(),
        u32::try_from(now.tv_nsec).unwrap_or_default(),
    )
}

fn respond(line: &str) -> Value {
    let object = match serde_json::from_str(line) {
        Ok(Value::Object(object)) => object,
        Ok(_) => return json!({ "error": "the request is no object" }),
        Err(why) => return json!({ "error": format!("the request is no JSON: {why}") }),
    };
    let id = object.get("id").cloned().unwrap_or_default();
    let body = match object.get("file").and_then(Value::as_str).map(std::fs::read) {
        Some(Ok(body)) => body,
        Some(Err(why)) => return json!({ "id": id, "error": why.to_string() }),
        None => return json!({ "id": id, "error": "the request names no file" }),
    };
    let request = Request { object, body };
    let begun = cpu();
    let answer = catch_unwind(AssertUnwindSafe(|| request.answer()));
    let ms = cpu().saturating_sub(begun).as_secs_f64() * 1_000.0;
    let mut response = match answer {
        Ok(Ok(made)) => made,
        Ok(Err(why)) => json!({ "error": why }),
        Err(_) => json!({ "error": "a panic" }),
    };
    response["id"] = id;
    response["ms"] = json!(ms);
    response
}

fn main() -> std::io::Result<()> {
    let input = std::io::stdin();
    if input.is_terminal() {
        eprintln!("evaluate: requests are read from a pipe or a file, one JSON object a line");
        return Ok(());
    }
    let mut output = std::io::stdout().lock();
    for line in input.lock().lines() {
        // A line that is no UTF-8 is still answered; what cannot be read at all ends the input.
        let line = match line {
            Ok(line) => line,
            Err(why) if why.kind() == std::io::ErrorKind::InvalidData => String::new(),
            Err(why) => return Err(why),
        };
        writeln!(output, "{}", respond(&line))?;
    }
    output.flush()
}
