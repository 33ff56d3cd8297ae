//! Reads the text on images with the program Tesseract.
//!
//! The program runs as a child process and not as a library, so that a crash, a decompression bomb or an endless
//! loop in an image decoder ends the child and nothing else. Each child has a memory limit, a deadline after which
//! it is killed, and a permit from a limited number.
//!
//! Only the five supported image formats reach the program, because it treats other bytes as a list of files to open.
//!
//! # Platforms
//!
//! The feature needs Unix: a shell sets the limits with `ulimit`. The memory limit is enforced on Linux; where
//! the shell cannot set it, there is none.
//!
//! # Orientation
//!
//! The orientation in a photograph's Exif data is applied. A text that is recognized with low confidence is read again
//! with detection of its orientation, if the program's data for that are installed.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OnceCell, Semaphore};
use tokio::time::{Instant, timeout_at};

use crate::ports::BoxFuture;
use crate::ports::fetch::{DocumentRequest, FetchError, OcrEngine, OcrText};

mod command;
mod error;
mod image;
mod languages;
mod limits;
mod page_segmentation;
mod tsv;

pub use limits::OcrLimits;
pub use page_segmentation::PageSegmentation;

use command::{RunLimits, TesseractCommand};
use languages::Languages;

/// Name of the program.
const PROGRAM: &str = "tesseract";
/// Time that the program has to print its version and languages.
const INFO_TIMEOUT: Duration = Duration::from_secs(10);

/// Name of the data by which the program detects a text's orientation.
const ORIENTATION: &str = "osd";
/// Setting for an image that is probably turned: the program otherwise turns it only if it is rather sure, which needs
/// more text than a sign or a headline has.
const ANY_MARGIN: &str = "min_orientation_margin=1";
/// Mean confidence below which a text may be upside down. Turned texts of `tests/images` have 25 to 40, upright ones
/// more than 90.
const DOUBTFUL_CONFIDENCE: f32 = 60.0;

/// The installed Tesseract, as reported by [`Tesseract::installed`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InstalledTesseract {
    /// Path of the program.
    pub program: PathBuf,
    /// First line of `--version`, such as `tesseract 5.3.0`.
    pub version: String,
    /// Installed languages, by Tesseract's codes, such as `eng`.
    pub languages: Vec<String>,
}

/// Reads the text on PNG, JPEG, WebP, TIFF and GIF images with the program `tesseract`.
///
/// The program is looked up when it is first needed. If it or a language is missing, the error names the package
/// to install. Clones share the limit of processes.
///
/// # Example
///
/// ```
/// use rungs::fetch::ocr::{OcrLimits, PageSegmentation, Tesseract};
///
/// let limits = OcrLimits::default().with_max_processes(2);
/// let engine = Tesseract::new().limits(limits).page_segmentation(PageSegmentation::SparseText);
/// ```
#[derive(Clone, Debug)]
pub struct Tesseract {
    program: PathBuf,
    page_segmentation: PageSegmentation,
    limits: OcrLimits,
    permits: Arc<Semaphore>,
    languages: Arc<OnceCell<Languages>>,
}

impl Default for Tesseract {
    fn default() -> Self {
        Self::at(PROGRAM)
    }
}

impl Tesseract {
    /// Creates an engine that uses the program on the `PATH`, with the default limits.
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates an engine that uses the given program. A bare name is looked up on the `PATH`.
    pub fn at(program: impl Into<PathBuf>) -> Self {
        let limits = OcrLimits::default();
        Self {
            program: program.into(),
            page_segmentation: PageSegmentation::default(),
            permits: Arc::new(Semaphore::new(limits.max_processes)),
            limits,
            languages: Arc::default(),
        }
    }

    /// Replaces the limits. Defaults to [`OcrLimits::default`].
    pub fn limits(mut self, limits: OcrLimits) -> Self {
        let processes = limits.max_processes.clamp(1, Semaphore::MAX_PERMITS);
        self.permits = Arc::new(Semaphore::new(processes));
        self.limits = limits;
        self
    }

    /// Sets how the text is laid out on the images. Defaults to [`PageSegmentation::Auto`].
    pub fn page_segmentation(mut self, mode: PageSegmentation) -> Self {
        self.page_segmentation = mode;
        self
    }

    /// Runs the program and returns what is installed.
    ///
    /// # Errors
    ///
    /// Returns an error of kind `Unavailable` that names the package to install.
    pub async fn installed(&self) -> Result<InstalledTesseract, FetchError> {
        let command = TesseractCommand::find(&self.program)?;
        let limits = self.run_limits(Instant::now() + INFO_TIMEOUT);
        let version = command.version(limits).await?;
        let languages = self.languages(&command, limits).await?.names().to_vec();
        Ok(InstalledTesseract { program: command.path().to_owned(), version, languages })
    }

    fn run_limits(&self, deadline: Instant) -> RunLimits {
        RunLimits {
            deadline,
            memory_bytes: self.limits.max_memory_bytes,
            output_bytes: self.limits.max_output_bytes,
        }
    }

    /// Returns the languages, which are listed once. A failure is not cached: the program may be installed
    /// meanwhile.
    async fn languages(
        &self,
        command: &TesseractCommand,
        limits: RunLimits,
    ) -> Result<&Languages, FetchError> {
        self.languages.get_or_try_init(|| command.languages(limits)).await
    }

    async fn recognize_image(&self, request: &DocumentRequest) -> Result<OcrText, FetchError> {
        let allowed = request.deadline.min(self.limits.total_timeout);
        if allowed.is_zero() {
            return Err(error::timed_out());
        }
        let deadline = Instant::now() + allowed;
        let image = image::inspect(&request.document.body, &self.limits)?;
        let permit = timeout_at(deadline, self.permits.acquire()).await;
        let permit = permit.map_err(|_| error::timed_out())?;
        let permit = permit.map_err(|_| error::internal("the semaphore of processes is closed"))?;
        let command = TesseractCommand::find(&self.program)?;
        let limits = self.run_limits(deadline);
        let languages = request.options.ocr_language();
        self.languages(&command, limits).await?.check(languages)?;
        let parts: [&[u8]; 2] = image.parts.each_ref().map(AsRef::as_ref);
        let mode = self.page_segmentation;
        let arguments = ["-", "-", "-l", languages.as_str(), "--psm", mode.psm(), "tsv"];
        let output = command.run(&arguments, &parts, limits).await?;
        let text = tsv::parse(&String::from_utf8_lossy(&output));
        let may_be_turned = mode == PageSegmentation::Auto
            && is_doubtful(&text)
            && self.languages(&command, limits).await?.names().iter().any(|it| it == ORIENTATION);
        let turned = if may_be_turned {
            let psm = PageSegmentation::AutoOsd.psm();
            let arguments =
                ["-", "-", "-l", languages.as_str(), "--psm", psm, "-c", ANY_MARGIN, "tsv"];
            // The first text is kept if there is no time left, or the orientation cannot be detected.
            command.run(&arguments, &parts, limits).await.ok()
        } else {
            None
        };
        drop(permit);
        let turned = turned.map(|output| tsv::parse(&String::from_utf8_lossy(&output)));
        Ok(turned.filter(|turned| confidence(turned) > confidence(&text)).unwrap_or(text))
    }
}

/// Returns `true` for words of low confidence, as an image that is upside down yields.
fn is_doubtful(text: &OcrText) -> bool {
    !text.words.is_empty() && confidence(text) < DOUBTFUL_CONFIDENCE
}

/// Returns the mean confidence of the words, 0 to 100.
fn confidence(text: &OcrText) -> f32 {
    let sum: f32 = text.words.iter().map(|word| word.confidence).sum();
    #[expect(clippy::cast_precision_loss, reason = "an image has few words")]
    let count = text.words.len().max(1) as f32;
    sum / count
}

impl OcrEngine for Tesseract {
    fn recognize(&self, request: DocumentRequest) -> BoxFuture<'_, Result<OcrText, FetchError>> {
        Box::pin(async move { self.recognize_image(&request).await })
    }
}
