//! Builds PDFs, and requests to read them.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use rungs::core::request::{Item, Limits};
use rungs::fetch::Pdf;
use rungs::ports::fetch::{DocumentRequest, FetchError, Fetched, PdfReader, PdfText};

/// Deadline of a reading that is not about deadlines.
const PATIENCE: Duration = Duration::from_mins(4);

pub(crate) fn request(pdf: impl Into<Vec<u8>>, item: Item) -> DocumentRequest {
    DocumentRequest::new(
        Arc::new(Fetched::new(200, pdf)),
        Arc::new(item.check(&Limits::default()).expect("a plain item passes")),
        PATIENCE,
    )
}

pub(crate) async fn read(reader: &Pdf, pdf: impl Into<Vec<u8>>) -> Result<PdfText, FetchError> {
    let item = Item::get("https://example.com/document");
    PdfReader::read(reader, request(pdf, item)).await
}

const FONTS: &str = "/Resources << /Font << /F1 3 0 R >> >>";

/// A PDF under construction. Object 1 is the catalog, 2 the page tree, 3 a font; others have the number that
/// [`Draft::add`] returns.
pub(crate) struct Draft {
    objects: Vec<Vec<u8>>,
    pages: Vec<usize>,
    trailer: String,
}

impl Draft {
    pub(crate) fn new() -> Self {
        let font =
            "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>";
        let objects = vec![
            b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
            Vec::new(),
            font.as_bytes().to_vec(),
        ];
        Self { objects, pages: Vec::new(), trailer: String::new() }
    }

    pub(crate) fn add(&mut self, object: impl Into<Vec<u8>>) -> usize {
        self.objects.push(object.into());
        self.objects.len()
    }

    /// Adds a stream with these entries in its dictionary.
    pub(crate) fn stream(&mut self, entries: &str, bytes: &[u8]) -> usize {
        let head = format!("<< /Length {} {entries} >>\nstream\n", bytes.len());
        self.add([head.as_bytes(), bytes, b"\nendstream"].concat())
    }

    /// Adds a page that draws `content`, with these entries in its dictionary.
    pub(crate) fn page(&mut self, content: &str, entries: &str) {
        let content = self.stream("", content.as_bytes());
        self.page_of(content, entries);
    }

    pub(crate) fn page_of(&mut self, content: usize, entries: &str) {
        let own = if entries.contains("/Resources") { "" } else { FONTS };
        let page = format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {content} 0 R {own} \
             {entries} >>"
        );
        let page = self.add(page);
        self.pages.push(page);
    }

    /// Adds entries to the trailer.
    pub(crate) fn trailer(&mut self, entries: &str) {
        self.trailer.push_str(entries);
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        let kids: Vec<String> = self.pages.iter().map(|it| format!("{it} 0 R")).collect();
        let (kids, count) = (kids.join(" "), self.pages.len());
        self.objects[1] = format!("<< /Type /Pages /Kids [{kids}] /Count {count} >>").into_bytes();
        let mut out = b"%PDF-1.7\n".to_vec();
        let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", self.objects.len() + 1);
        for (number, object) in (1..).zip(&self.objects) {
            table.push_str(&format!("{:010} 00000 n \n", out.len()));
            out.extend(format!("{number} 0 obj\n").into_bytes());
            out.extend(object);
            out.extend(b"\nendobj\n");
        }
        let (start, size) = (out.len(), self.objects.len() + 1);
        let trailer = &self.trailer;
        out.extend(table.into_bytes());
        let tail = format!(
            "trailer\n<< /Size {size} /Root 1 0 R {trailer} >>\nstartxref\n{start}\n%%EOF\n"
        );
        out.extend(tail.into_bytes());
        out
    }
}

/// Draws lines of text: x and y in points from the lower left corner, font size, text.
pub(crate) fn drawn(lines: &[(f64, f64, f64, &str)]) -> String {
    let line = |(x, y, size, text): &(f64, f64, f64, &str)| {
        format!("BT /F1 {size} Tf {x} {y} Td ({text}) Tj ET\n")
    };
    lines.iter().map(line).collect()
}

/// Builds a document of one page that draws these lines.
pub(crate) fn page(lines: &[(f64, f64, f64, &str)]) -> Vec<u8> {
    let mut draft = Draft::new();
    draft.page(&drawn(lines), "");
    draft.finish()
}

pub(crate) fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut packer = ZlibEncoder::new(Vec::new(), Compression::best());
    packer.write_all(bytes).expect("writing to memory succeeds");
    packer.finish().expect("writing to memory succeeds")
}

/// Compresses this many MiB of spaces without holding all of them in memory.
pub(crate) fn packed_spaces(mebibytes: usize) -> Vec<u8> {
    let mut packer = ZlibEncoder::new(Vec::new(), Compression::best());
    let spaces = vec![b' '; 1 << 20];
    for _ in 0..mebibytes {
        packer.write_all(&spaces).expect("writing to memory succeeds");
    }
    packer.finish().expect("writing to memory succeeds")
}
