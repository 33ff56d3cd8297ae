//! Text on images, by the Tesseract program.
//!
//! The program runs as a child process and not as a library: a crash, a bomb or a loop in an image
//! decoder ends the child and nothing else. Each child has a memory limit, a deadline after which
//! it is killed, and a place among a bounded number of its kind.
//!
//! What is not plainly one of five image formats never reaches the program: it would take other
//! bytes for a list of files to open.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OnceCell, Semaphore};
use tokio::time::{Instant, timeout_at};

use crate::ports::BoxFuture;
use crate::ports::fetch::{DocumentRequest, FetchError, OcrEngine, OcrText};

mod error;
mod image;
mod languages;
mod layout;
mod program;
mod tsv;

pub use layout::Layout;

use languages::Languages;
use program::{Bounds, Program};

/// The program's name.
const NAME: &str = "tesseract";

/// The bounds of every reading. What a job sets for itself comes on top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OcrLimits {
    /// The most bytes of an image.
    pub max_bytes: usize,
    /// The most pixels of an image, all its pages together.
    pub max_pixels: u64,
    /// The most pages of a TIFF.
    pub max_pages: usize,
    /// The most bytes of address space for one process; on Unix alone.
    pub memory: u64,
    /// The most processes at once; more wait their turn, which counts against their deadline.
    pub processes: usize,
    /// How long one reading may take in all, whatever its deadline.
    pub total: Duration,
    /// The most bytes that the program may say.
    pub output: u64,
}

impl Default for OcrLimits {
    fn default() -> Self {
        Self {
            max_bytes: 20 << 20,
            max_pixels: 40_000_000,
            max_pages: 50,
            memory: 1 << 30,
            processes: std::thread::available_parallelism().map_or(2, usize::from),
            total: Duration::from_secs(300),
            output: 16 << 20,
        }
    }
}

/// What is installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installed {
    /// Where the program is.
    pub program: PathBuf,
    /// What it calls itself, such as `tesseract 5.3.0`.
    pub version: String,
    /// The languages that it can read, by Tesseract's codes.
    pub languages: Vec<String>,
}

/// Reads the text on PNG, JPEG, WebP, TIFF and GIF images with the program `tesseract`.
///
/// The program is looked for when it is first needed. Where it is missing, or a language is, the
/// error says what to install. Clones share the limit of processes.
///
/// # Example
///
/// ```
/// use rungs::fetch::ocr::{Layout, OcrLimits, Tesseract};
///
/// let limits = OcrLimits { processes: 2, ..OcrLimits::default() };
/// let reader = Tesseract::new().limits(limits).layout(Layout::Sparse);
/// ```
#[derive(Clone, Debug)]
pub struct Tesseract {
    program: PathBuf,
    layout: Layout,
    limits: OcrLimits,
    places: Arc<Semaphore>,
    languages: Arc<OnceCell<Languages>>,
}

impl Default for Tesseract {
    fn default() -> Self {
        Self::at(NAME)
    }
}

impl Tesseract {
    /// The program on the `PATH`, with the default limits.
    pub fn new() -> Self {
        Self::default()
    }

    /// The program at a path; a bare name is looked for on the `PATH`.
    pub fn at(program: impl Into<PathBuf>) -> Self {
        let limits = OcrLimits::default();
        Self {
            program: program.into(),
            layout: Layout::default(),
            places: Arc::new(Semaphore::new(limits.processes)),
            limits,
            languages: Arc::default(),
        }
    }

    /// Other limits. No processes at all are taken for one.
    pub fn limits(mut self, limits: OcrLimits) -> Self {
        self.places = Arc::new(Semaphore::new(limits.processes.clamp(1, Semaphore::MAX_PERMITS)));
        self.limits = limits;
        self
    }

    /// How the text is laid out on the images; found by the program if not said.
    pub fn layout(mut self, layout: Layout) -> Self {
        self.layout = layout;
        self
    }

    /// Looks what is installed, which runs the program.
    ///
    /// # Errors
    ///
    /// One of kind `Unavailable` that says what to install.
    pub async fn installed(&self) -> Result<Installed, FetchError> {
        /// Enough for a program that only speaks of itself.
        const LOOK: Duration = Duration::from_secs(10);
        let program = Program::find(&self.program)?;
        let bounds = self.bounds(Instant::now() + LOOK);
        let version = program.version(bounds).await?;
        let languages = self.languages(&program, bounds).await?.names().to_vec();
        Ok(Installed { program: program.path().to_owned(), version, languages })
    }

    fn bounds(&self, until: Instant) -> Bounds {
        Bounds { until, memory: self.limits.memory, output: self.limits.output }
    }

    /// The languages, asked for once. A failure is not remembered: what was missing may be installed
    /// in the meantime.
    async fn languages(&self, program: &Program, bounds: Bounds) -> Result<&Languages, FetchError> {
        self.languages.get_or_try_init(|| program.languages(bounds)).await
    }

    async fn read(&self, request: &DocumentRequest) -> Result<OcrText, FetchError> {
        let allowed = request.deadline.min(self.limits.total);
        if allowed.is_zero() {
            return Err(error::late());
        }
        let until = Instant::now() + allowed;
        let image = image::look(&request.document.body, &self.limits)?;
        let place = timeout_at(until, self.places.acquire()).await.map_err(|_| error::late())?;
        let place = place.map_err(|_| error::failed("the places are closed"))?;
        let program = Program::find(&self.program)?;
        let bounds = self.bounds(until);
        let languages = &request.options.ocr_language;
        self.languages(&program, bounds).await?.check(languages)?;
        let arguments =
            ["-", "-", "-l", languages.as_str(), "--psm", self.layout.as_argument(), "tsv"];
        let said = program.run(&arguments, &image.bytes, bounds).await?;
        drop(place);
        Ok(tsv::read(&String::from_utf8_lossy(&said)))
    }
}

impl OcrEngine for Tesseract {
    fn recognize(&self, request: DocumentRequest) -> BoxFuture<'_, Result<OcrText, FetchError>> {
        Box::pin(async move { self.read(&request).await })
    }
}
