//! Document readers with one mistake each, built around a correct one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rungs::ports::BoxFuture;
use rungs::ports::fetch::{
    DocumentRequest, FetchError, FetchErrorKind as Kind, OcrEngine, OcrText, OcrWord, PdfReader,
    PdfText,
};
use tokio::task::yield_now;

use crate::support::fetchers::{Sheets, Signs};

/// The mistake of a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Misreading {
    None,
    TurnsTheOrder,
    InventsATitle,
    ReadsAnything,
    PanicsAtDamage,
    HangsAtDepth,
    CountsItsReadings,
    IgnoresTheDeadline,
    StopsWhenDropped,
    SeesThings,
    PointsOutside,
}

/// Applies the mistakes that every kind of reader can have.
#[derive(Debug)]
struct Around {
    mistake: Misreading,
    readings: AtomicUsize,
    is_stuck: AtomicBool,
}

impl Around {
    fn new(mistake: Misreading) -> Self {
        Self { mistake, readings: AtomicUsize::new(0), is_stuck: AtomicBool::new(false) }
    }

    fn is(&self, mistake: Misreading) -> bool {
        self.mistake == mistake
    }

    async fn begin(&self, mut request: DocumentRequest) -> Result<DocumentRequest, FetchError> {
        if self.is(Misreading::IgnoresTheDeadline) {
            request.deadline = request.deadline.max(std::time::Duration::from_secs(1));
        }
        let is_deep = request.document.body.windows(100).any(|it| it.iter().all(|it| *it == b'['));
        if self.is(Misreading::HangsAtDepth) && is_deep {
            std::future::pending::<()>().await;
        }
        if self.is(Misreading::StopsWhenDropped) {
            if self.is_stuck.swap(true, Ordering::SeqCst) {
                return Err(FetchError::new(Kind::Internal, "a reading never came to its end"));
            }
            yield_now().await;
            self.is_stuck.store(false, Ordering::SeqCst);
        }
        Ok(request)
    }

    /// Applies the reader's mistake to a result.
    fn end<T: Default>(
        &self,
        request: &DocumentRequest,
        result: Result<T, FetchError>,
    ) -> Result<T, FetchError> {
        match result {
            Err(error) if self.is(Misreading::PanicsAtDamage) => panic!("this cannot be: {error}"),
            Err(_) if self.is(Misreading::ReadsAnything) && !request.deadline.is_zero() => {
                Ok(T::default())
            }
            other => other,
        }
    }

    /// Number of readings so far, for the mistake that depends on it.
    fn count(&self) -> Option<usize> {
        let is_counting = self.is(Misreading::CountsItsReadings);
        is_counting.then(|| self.readings.fetch_add(1, Ordering::SeqCst))
    }
}

#[derive(Clone, Debug)]
pub(crate) struct BadSheets(Arc<Around>);

impl BadSheets {
    pub(crate) fn new(mistake: Misreading) -> Self {
        Self(Arc::new(Around::new(mistake)))
    }
}

impl PdfReader for BadSheets {
    fn read(&self, request: DocumentRequest) -> BoxFuture<'_, Result<PdfText, FetchError>> {
        Box::pin(async move {
            let request = self.0.begin(request).await?;
            let mut text = self.0.end(&request, Sheets.read(request.clone()).await)?;
            match self.0.mistake {
                Misreading::TurnsTheOrder => text.pages.reverse(),
                Misreading::InventsATitle => text.title = text.pages.first().cloned(),
                _ => {}
            }
            text.warnings.extend(self.0.count().map(|it| format!("reading {it}")));
            Ok(text)
        })
    }
}

#[derive(Clone, Debug)]
pub(crate) struct BadSigns(Arc<Around>);

impl BadSigns {
    pub(crate) fn new(mistake: Misreading) -> Self {
        Self(Arc::new(Around::new(mistake)))
    }
}

impl OcrEngine for BadSigns {
    fn recognize(&self, request: DocumentRequest) -> BoxFuture<'_, Result<OcrText, FetchError>> {
        Box::pin(async move {
            let request = self.0.begin(request).await?;
            let mut text = self.0.end(&request, Signs.recognize(request.clone()).await)?;
            match self.0.mistake {
                Misreading::SeesThings if text.words.is_empty() => {
                    text.text.push_str("a face");
                    text.words.push(OcrWord::new("a face", [0; 4], 0.0));
                }
                Misreading::PointsOutside => {
                    text.words.iter_mut().for_each(|it| it.bbox[0] += 10_000);
                }
                _ => {}
            }
            if let Some(count) = self.0.count() {
                text.text.push_str(&count.to_string());
            }
            Ok(text)
        })
    }
}
