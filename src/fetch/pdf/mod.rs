//! PDFs as text and markdown, read in a process of their own.
//!
//! A library that reads PDFs meets documents that nest without measure, unpack without end or name
//! themselves as their own parts. Each document is therefore read by a process that holds it alone:
//! the host's executable, started again, which becomes a reader before `main` (see `start`). It
//! limits its own memory and CPU time before it takes the first byte, and the parent ends it at the
//! deadline. Pages come one by one, so that what was read before a process died is still given, with
//! a warning.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use crate::core::request::{JobRequest, Mode};
use crate::ports::BoxFuture;
use crate::ports::fetch::{
    DocumentRequest, FetchError, FetchErrorKind as Kind, PdfReader, PdfScan, PdfText,
};

mod about;
mod child;
mod frame;
mod glyphs;
mod layout;
mod markdown;
mod process;
mod read;
mod scan;
mod start;
mod words;

use frame::{Block, Flaw, Task};
use process::{Ended, Gathered};

/// The bounds of every reading. What a job sets for itself comes on top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PdfLimits {
    /// The most bytes of a document.
    pub max_bytes: usize,
    /// The most pages that are read; what comes after is named in a warning.
    pub max_pages: usize,
    /// The most bytes of address space for one process, the executable's own included; on Linux.
    pub memory: u64,
    /// The most processes at once; more wait their turn, which counts against their deadline.
    pub processes: usize,
    /// How long one reading may take in all, whatever its deadline.
    pub total: Duration,
    /// The most bytes of text, links and images that one document may yield.
    pub output: u64,
}

impl Default for PdfLimits {
    fn default() -> Self {
        Self {
            max_bytes: 100 << 20,
            max_pages: 5_000,
            memory: 1 << 30,
            processes: std::thread::available_parallelism().map_or(2, usize::from),
            total: Duration::from_secs(300),
            output: 256 << 20,
        }
    }
}

/// Reads PDFs: text by page in reading order, markdown, title, author, dates and links.
///
/// Clones share the limit of processes.
///
/// # Example
///
/// ```
/// use rungs::fetch::pdf::{Pdf, PdfLimits};
///
/// let limits = PdfLimits { memory: 512 << 20, ..PdfLimits::default() };
/// let reader = Pdf::new().limits(limits);
/// ```
#[derive(Clone, Debug)]
pub struct Pdf {
    limits: PdfLimits,
    places: Arc<Semaphore>,
}

impl Default for Pdf {
    fn default() -> Self {
        Self::new()
    }
}

/// What is kept of a deadline for giving what was read until then.
const LAST: Duration = Duration::from_millis(200);

impl Pdf {
    /// A reader with the default limits.
    pub fn new() -> Self {
        let limits = PdfLimits::default();
        Self { places: Arc::new(Semaphore::new(limits.processes)), limits }
    }

    /// Other limits. No processes at all are taken for one.
    pub fn limits(mut self, limits: PdfLimits) -> Self {
        self.places = Arc::new(Semaphore::new(limits.processes.clamp(1, Semaphore::MAX_PERMITS)));
        self.limits = limits;
        self
    }

    /// Starts a reading process once, to see that it can be.
    ///
    /// # Errors
    ///
    /// One of kind `Unavailable` that says why not.
    pub async fn check(&self) -> Result<(), FetchError> {
        /// Enough for a process that has nothing to read.
        const LOOK: Duration = Duration::from_secs(10);
        let until = Instant::now() + LOOK;
        let task = self.task(LOOK, Wants::Text)?;
        let mut gathered = Gathered::default();
        match process::read(&task, b"", until, self.limits.output, &mut gathered).await {
            Ended::Flaw(Flaw::NoDocument) => Ok(()),
            Ended::NoReader(why) => Err(unavailable(why)),
            other => Err(unavailable(format!("the reading process failed: {other:?}"))),
        }
    }

    fn task(&self, allowed: Duration, wants: Wants) -> Result<Task, FetchError> {
        let mut token = [0; 16];
        getrandom::fill(&mut token).map_err(|why| {
            FetchError::new(Kind::Internal, "there is no randomness").with_source(why.to_string())
        })?;
        Ok(Task {
            token: format!("{:032x}", u128::from_le_bytes(token)),
            memory: self.limits.memory,
            millis: u64::try_from(allowed.as_millis()).unwrap_or(u64::MAX),
            max_pages: self.limits.max_pages,
            wants_images: wants == Wants::ImagesToo,
        })
    }

    async fn read(&self, request: &DocumentRequest) -> Result<PdfText, FetchError> {
        let allowed = request.deadline.min(self.limits.total);
        let late = || FetchError::new(Kind::Timeout, "the PDF was not read within its time");
        if allowed.is_zero() {
            return Err(late());
        }
        let until = Instant::now() + allowed;
        let document = &request.document.body;
        check(document, self.limits.max_bytes)?;
        let place = timeout_at(until, self.places.acquire()).await.map_err(|_| late())?;
        let left = until.saturating_duration_since(Instant::now()).saturating_sub(LAST);
        let options = &request.options;
        let wants = Wants::of(options);
        let task = self.task(left, wants)?;
        let mut read = Gathered::default();
        let ended = process::read(&task, document, until, self.limits.output, &mut read).await;
        drop(place);
        self.give(read, ended, wants)
    }

    /// What a reading gives: the pages that came, or why there are none.
    fn give(&self, read: Gathered, ended: Ended, wants: Wants) -> Result<PdfText, FetchError> {
        let memory = self.limits.memory >> 20;
        let why = match ended {
            Ended::NoReader(why) => return Err(unavailable(why)),
            Ended::Flaw(flaw) => return Err(refused(flaw)),
            Ended::Whole => None,
            Ended::Late => {
                Some(FetchError::new(Kind::Timeout, "the PDF was not read within its time"))
            }
            Ended::TooMuch => {
                let most = self.limits.output;
                let message = format!("the PDF yields more than {most} bytes");
                Some(FetchError::new(Kind::TooLarge, message))
            }
            Ended::Died(how) => {
                let message = format!(
                    "the process that read the PDF died ({how}); it had {memory} MiB of memory"
                );
                // It is the document that asks for more than a reader gets.
                Some(FetchError::new(Kind::Broken, message))
            }
        };
        match (why, read.about.as_ref()) {
            (Some(why), _) if read.sheets.is_empty() => Err(why),
            (_, None) => Err(refused(Flaw::Panic)),
            (why, Some(_))
                if !read.sheets.is_empty() && read.sheets.iter().all(|it| it.is_broken) =>
            {
                Err(why.unwrap_or_else(|| refused(Flaw::Panic)))
            }
            (why, Some(_)) => Ok(assemble(read, why, wants)),
        }
    }
}

/// What is asked for beside the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wants {
    Text,
    ImagesToo,
}

impl Wants {
    fn of(options: &JobRequest) -> Self {
        if options.advanced.ocr || options.mode == Mode::Ocr { Self::ImagesToo } else { Self::Text }
    }
}

/// Refuses what needs no process to be refused.
fn check(document: &[u8], max_bytes: usize) -> Result<(), FetchError> {
    /// The mark of a PDF may stand behind other bytes, such as those of a mail.
    const MARK_WITHIN: usize = 1_024;
    let has = document.len();
    if has > max_bytes {
        let message = format!("a PDF of {has} bytes is over the limit of {max_bytes}");
        return Err(FetchError::new(Kind::TooLarge, message));
    }
    let head = &document[..has.min(MARK_WITHIN)];
    if !head.windows(5).any(|it| it == b"%PDF-") {
        return Err(FetchError::new(Kind::Broken, "the document is no PDF"));
    }
    Ok(())
}

fn unavailable(why: String) -> FetchError {
    FetchError::new(Kind::Unavailable, why)
}

fn refused(flaw: Flaw) -> FetchError {
    let message = match flaw {
        Flaw::Password => "the PDF is encrypted and opens with a password only",
        Flaw::Encryption => "the PDF is encrypted in a way that cannot be read",
        Flaw::NoDocument => "the PDF is damaged: no pages can be found in it",
        Flaw::Panic => "the PDF is damaged: reading it failed",
    };
    FetchError::new(Kind::Broken, message)
}

fn assemble(read: Gathered, why: Option<FetchError>, wants: Wants) -> PdfText {
    let about = read.about.unwrap_or_default();
    let blocks = read.sheets.iter().flat_map(|it| it.blocks.iter());
    let sizes = markdown::Sizes::of(blocks);
    let mut warnings = Vec::new();
    let (got, has) = (read.sheets.len(), about.pages);
    if let Some(why) = why {
        warnings.push(format!("{got} of {has} pages were read: {why}"));
    } else if got < has {
        warnings.push(format!("{got} of {has} pages were read, which is the limit"));
    } else if has == 0 {
        warnings.push("the document has no pages".to_owned());
    }
    let mut name = |what: &str, which: &dyn Fn(&frame::Sheet) -> bool| {
        let pages = (1..).zip(&read.sheets).filter(|it| which(it.1)).map(|it| it.0);
        let pages: Vec<usize> = pages.collect();
        warnings.extend(pages_named(&pages).map(|it| format!("{it} {what}")));
    };
    name("could not be read", &|it| it.is_broken);
    name("has letters that were guessed, because its fonts do not tell them", &|it| it.was_guessed);
    name("holds more letters than are read", &|it| it.was_cut);
    if wants == Wants::Text {
        let what = "has images and no text; `advanced.ocr` or mode ocr reads them";
        name(what, &|it| it.has_images && it.blocks.is_empty());
    }
    let mut links: Vec<String> = Vec::new();
    for link in read.sheets.iter().flat_map(|it| &it.links) {
        if !links.contains(link) {
            links.push(link.clone());
        }
    }
    let text = |blocks: &Vec<Block>| markdown::text(blocks);
    PdfText {
        pages: read.sheets.iter().map(|it| text(&it.blocks)).collect(),
        markdown: read.sheets.iter().map(|it| markdown::markdown(&it.blocks, &sizes)).collect(),
        title: about.title,
        author: about.author,
        created: about.created,
        modified: about.modified,
        page_count: has,
        links,
        scans: read.images.into_iter().map(|(page, image)| PdfScan { page, image }).collect(),
        warnings,
    }
}

/// The first few pages of these numbers, in words.
fn pages_named(pages: &[usize]) -> Option<String> {
    /// More are counted only.
    const NAMED: usize = 8;
    let (first, rest) = pages.split_first()?;
    if rest.is_empty() {
        return Some(format!("page {first}"));
    }
    let named: Vec<String> = pages.iter().take(NAMED).map(usize::to_string).collect();
    let more = match pages.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Some(format!("each of pages {}{more}", named.join(", ")))
}

impl PdfReader for Pdf {
    fn read(&self, request: DocumentRequest) -> BoxFuture<'_, Result<PdfText, FetchError>> {
        Box::pin(async move { Pdf::read(self, &request).await })
    }
}
