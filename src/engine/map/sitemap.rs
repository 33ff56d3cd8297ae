//! Sitemaps: their files, read within limits, and the pages that they name.
//!
//! A search that runs out of time keeps its [`Progress`], with which another one continues.

use std::collections::{HashSet, VecDeque};
use std::io::Read;
use std::time::Duration;

use flate2::read::MultiGzDecoder;
use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;

use crate::core::robots::Robots;
use crate::core::url::{PageUrl, without_userinfo};
use crate::engine::map::address::Address;
use crate::engine::map::fetch;
use crate::engine::shared::Shared;
use crate::engine::turns::Turns;

/// The most files of one site.
const MAX_FILES: usize = 100;
/// The most indexes between a file and the site.
const MAX_NESTING: u8 = 3;
/// The most bytes of a file, after each step of its decompression: the limit of the sitemap protocol.
const MAX_BYTES: u64 = 50 * 1024 * 1024;
/// The first bytes of a gzip file.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// The most locations of a file: the limit of the sitemap protocol.
const MAX_LOCATIONS: usize = 50_000;
/// The longest URL in a file.
const MAX_URL_BYTES: usize = 2_048;
/// The most bytes of the URLs of a site's pages.
const MAX_TOTAL_BYTES: usize = 32 * 1024 * 1024;
/// The longest date of a last change.
const MAX_DATE_BYTES: usize = 40;
/// The least time for the locations of a file that was read. A file with the most of them and few patterns takes less than a
/// second.
const PER_FILE: Duration = Duration::from_secs(10);

/// A page that a sitemap names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::engine) struct SitemapPage {
    pub(in crate::engine) address: Address,
    /// The date of the last change, as the sitemap writes it.
    pub(in crate::engine) last_modified: Option<String>,
}

/// The fate of a page that a sitemap names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) enum Offer {
    /// The page was taken, or may be taken later.
    Taken,
    /// The page is known or not wanted.
    Dropped,
    /// No more pages are wanted.
    Full,
}

/// Receives the pages that sitemaps name, in order. A page may be named several times.
pub(in crate::engine) trait Collector: Send {
    /// Offers a page.
    fn offer(&mut self, page: SitemapPage) -> impl Future<Output = Offer> + Send;
}

/// The state of a search.
#[derive(Debug, Default)]
pub(in crate::engine) struct Progress {
    /// The files to read; `None` before the first one is known.
    files: Option<VecDeque<Planned>>,
    /// The URLs of the files that were planned.
    planned: HashSet<String>,
    /// The bytes of the URLs that were taken.
    total_bytes: usize,
    /// `true` if there was at least one file.
    pub(in crate::engine) found: bool,
}

/// The end of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) enum SearchEnd {
    /// Everything was read that is wanted and can be read.
    Complete,
    /// The time was over, and the next file can be requested after this wait.
    OutOfTime(Duration),
}

/// The search for pages in sitemaps.
pub(in crate::engine) struct Search<'a> {
    /// The start page.
    pub(in crate::engine) start: &'a Address,
    /// The rules of the site, which name sitemaps.
    pub(in crate::engine) robots: &'a Robots,
    /// The path or URL of the sitemap to read instead.
    pub(in crate::engine) path: Option<&'a str>,
    /// The time limit.
    pub(in crate::engine) deadline: Duration,
}

/// A file to read.
#[derive(Clone, Debug)]
struct Planned {
    address: Address,
    nesting: u8,
    /// `true` if the file was named, so that its absence is worth a warning.
    is_named: bool,
}

impl Search<'_> {
    /// Returns the files to begin with: the given one, those that robots.txt names, or the usual place.
    fn first(&self) -> VecDeque<Planned> {
        let planned = |address, is_named| Planned { address, nesting: 0, is_named };
        let usual = |path: &str| {
            let joined = url::Url::parse(&self.start.url).and_then(|it| it.join(path)).ok()?;
            Address::parse(joined.as_str())
        };
        if let Some(path) = self.path {
            return usual(path).map(|it| planned(it, true)).into_iter().collect();
        }
        let named = self.robots.sitemaps().iter().filter_map(|it| usual(it));
        let named: VecDeque<_> = named.take(MAX_FILES).map(|it| planned(it, true)).collect();
        if !named.is_empty() {
            return named;
        }
        usual("/sitemap.xml").map(|it| planned(it, false)).into_iter().collect()
    }

    /// Reads the sitemaps of a site, from where `progress` is. What cannot be read is left out, with a warning.
    pub(in crate::engine) async fn run(
        &self,
        shared: &Shared,
        progress: &mut Progress,
        pages: &mut impl Collector,
        warnings: &mut Vec<String>,
    ) -> SearchEnd {
        let ends = shared.monotonic().saturating_add(self.deadline);
        let mut files = progress.files.take().unwrap_or_else(|| {
            let first = self.first();
            progress.planned = first.iter().map(|it| it.address.url.clone()).collect();
            first
        });
        while let Some(file) = files.pop_front() {
            let left = ends.saturating_sub(shared.monotonic());
            let wait = wait_of(shared, &file.address);
            if left.is_zero() || wait > left {
                files.push_front(file);
                progress.files = Some(files);
                return SearchEnd::OutOfTime(wait);
            }
            let entries = match read(shared, &file, left).await {
                Ok(entries) => entries,
                Err(_) if shared.monotonic() >= ends => {
                    let wait = wait_of(shared, &file.address);
                    files.push_front(file);
                    progress.files = Some(files);
                    return SearchEnd::OutOfTime(wait);
                }
                Err(reason) => {
                    if file.is_named {
                        let shown = without_userinfo(&file.address.url);
                        warnings.push(format!("sitemap {shown} was not read: {reason}"));
                    }
                    continue;
                }
            };
            if !file.is_named && entries.locations.is_empty() {
                // A page of the site that is served for any path.
                continue;
            }
            progress.found = true;
            let shown = without_userinfo(&file.address.url);
            if let Some(reason) = &entries.damage {
                warnings.push(format!("sitemap {shown} was read in part: {reason}"));
            }
            let mut collecting = Collecting { file: &file, files: &mut files, progress, pages };
            // What was fetched is not thrown away because the fetch took long.
            let ends = ends.max(shared.monotonic().saturating_add(PER_FILE));
            match collecting.run(shared, entries.locations, ends).await {
                Collected::All => {}
                Collected::Enough => break,
                Collected::TooLarge => {
                    let warning = "the sitemaps were not read to the end: they are too large";
                    warnings.push(warning.to_owned());
                    break;
                }
                Collected::OutOfTime => {
                    warnings.push(format!("sitemap {shown} was read in part: the time was over"));
                }
            }
        }
        progress.files = Some(VecDeque::new());
        SearchEnd::Complete
    }
}

/// Returns the time after which a file can be requested from its site.
fn wait_of(shared: &Shared, file: &Address) -> Duration {
    let page = PageUrl::parse(&file.url);
    page.map_or(Duration::ZERO, |it| shared.scheduling.permits.opens_in(&it.site()))
}

/// The collection of the pages of one file.
struct Collecting<'a, C> {
    file: &'a Planned,
    files: &'a mut VecDeque<Planned>,
    progress: &'a mut Progress,
    pages: &'a mut C,
}

/// The end of the collection of a file's pages.
enum Collected {
    All,
    /// No more pages are wanted.
    Enough,
    /// The URLs of all files are too long together.
    TooLarge,
    OutOfTime,
}

impl<C: Collector> Collecting<'_, C> {
    async fn run(
        &mut self,
        shared: &Shared,
        locations: Vec<Location>,
        ends: Duration,
    ) -> Collected {
        let mut turns = Turns::default();
        for location in locations {
            if turns.step().await && shared.monotonic() >= ends {
                return Collected::OutOfTime;
            }
            let Some(address) = Address::parse(&location.url) else { continue };
            if location.is_sitemap {
                self.plan(address);
                continue;
            }
            let (length, last_modified) = (address.url.len(), location.last_modified);
            match self.pages.offer(SitemapPage { address, last_modified }).await {
                Offer::Taken => self.progress.total_bytes += length,
                Offer::Dropped => {}
                Offer::Full => return Collected::Enough,
            }
            if self.progress.total_bytes > MAX_TOTAL_BYTES {
                return Collected::TooLarge;
            }
        }
        Collected::All
    }

    /// Plans to read a file that an index names.
    fn plan(&mut self, address: Address) {
        let planned = &mut self.progress.planned;
        let is_near = address.host == self.file.address.host && self.file.nesting < MAX_NESTING;
        if is_near && planned.len() < MAX_FILES && planned.insert(address.url.clone()) {
            let nesting = self.file.nesting + 1;
            self.files.push_back(Planned { address, nesting, is_named: true });
        }
    }
}

/// Fetches a file, and reads its locations on the blocking pool. The error is the reason for people.
async fn read(shared: &Shared, file: &Planned, left: Duration) -> Result<Entries, String> {
    let response = fetch::get(shared, &file.address, MAX_BYTES, left).await;
    let response = response.map_err(|error| error.to_string())?;
    if response.status >= 300 {
        return Err(format!("status {}", response.status));
    }
    let body = response.body;
    let read = shared.compute(false, move || entries(&body)).await;
    read.map_err(|error| error.to_string())
}

/// A location in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Location {
    url: String,
    /// `true` for another file.
    is_sitemap: bool,
    last_modified: Option<String>,
}

/// The locations of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Entries {
    locations: Vec<Location>,
    /// The reason why the rest of the file was not read.
    damage: Option<String>,
}

impl Entries {
    /// Adds a location, unless its URL is empty or too long. Returns `false` if there is no room for more.
    fn add(&mut self, location: Location) -> bool {
        if location.url.is_empty() || location.url.len() > MAX_URL_BYTES {
            return true;
        }
        if self.locations.len() >= MAX_LOCATIONS {
            self.damage = Some(format!("it has more than {MAX_LOCATIONS} locations"));
            return false;
        }
        self.locations.push(location);
        true
    }
}

/// Reads a file: XML, gzip, or text with a URL on each line.
fn entries(body: &[u8]) -> Entries {
    if !body.starts_with(&GZIP) {
        return of_text(body);
    }
    let mut text = Vec::new();
    let mut damage = None;
    // One byte more than the limit shows that there is more.
    let read = MultiGzDecoder::new(body).take(MAX_BYTES + 1).read_to_end(&mut text);
    if let Err(error) = read {
        damage = Some(error.to_string());
    }
    if text.len() as u64 > MAX_BYTES {
        text.truncate(usize::try_from(MAX_BYTES).unwrap_or(usize::MAX));
        damage = Some("it has more than 50 MiB".to_owned());
    }
    let entries = of_text(&text);
    Entries { damage: damage.or(entries.damage), ..entries }
}

fn of_text(text: &[u8]) -> Entries {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let text = String::from_utf8_lossy(text);
    if text.trim_start().starts_with('<') {
        return of_xml(&text);
    }
    let is_url = |it: &&str| it.starts_with("http://") || it.starts_with("https://");
    let mut entries = Entries::default();
    for line in text.lines().map(str::trim).filter(is_url) {
        if !entries.add(Location { url: line.to_owned(), ..Location::default() }) {
            break;
        }
    }
    entries
}

/// The element whose text is being read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Field {
    Location,
    LastModified,
}

/// Reads as much as can be read.
fn of_xml(text: &str) -> Entries {
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_end_names = false;
    let mut entries = Entries::default();
    let mut current = Location::default();
    let mut field = None;
    let mut value = String::new();
    loop {
        match reader.read_event() {
            Ok(Event::Start(tag)) => match tag.local_name().as_ref() {
                b"url" => current = Location::default(),
                b"sitemap" => current = Location { is_sitemap: true, ..Location::default() },
                b"loc" => (field, value) = (Some(Field::Location), String::new()),
                b"lastmod" => (field, value) = (Some(Field::LastModified), String::new()),
                _ => {}
            },
            Ok(Event::Text(text)) if field.is_some() => {
                value.push_str(&text.decode().unwrap_or_default());
            }
            Ok(Event::CData(text)) if field.is_some() => {
                value.push_str(&text.decode().unwrap_or_default());
            }
            Ok(Event::GeneralRef(entity)) if field.is_some() => {
                let name = entity.decode().unwrap_or_default();
                match entity.resolve_char_ref() {
                    Ok(Some(character)) => value.push(character),
                    _ => value.push_str(resolve_predefined_entity(&name).unwrap_or_default()),
                }
            }
            Ok(Event::End(tag)) => match (tag.local_name().as_ref(), field.take()) {
                (b"loc", Some(Field::Location)) if current.url.is_empty() => {
                    value.trim().clone_into(&mut current.url);
                }
                (b"lastmod", Some(Field::LastModified)) => {
                    let date = Some(value.trim()).filter(|it| it.len() <= MAX_DATE_BYTES);
                    current.last_modified = date.map(str::to_owned).filter(|it| !it.is_empty());
                }
                (b"url" | b"sitemap", _) if !entries.add(std::mem::take(&mut current)) => {
                    return entries;
                }
                _ => {}
            },
            Ok(Event::Eof) => {
                if !current.url.is_empty() || field.is_some() {
                    entries.damage = Some("it ends within an entry".to_owned());
                }
                return entries;
            }
            Ok(_) => {}
            Err(error) => {
                entries.damage = Some(error.to_string());
                return entries;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;

    use super::*;

    fn page(url: &str) -> Location {
        Location { url: url.to_owned(), ..Location::default() }
    }

    #[test]
    fn the_locations_of_every_kind_of_file_are_read() {
        let xml = "<?xml version='1.0'?><urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9' \
                   xmlns:image='i'><url><loc> http://a/?x=1&amp;y=&#50; </loc><lastmod>2026-01-02</lastmod>\
                   <image:image><image:loc>http://a/i.png</image:loc></image:image></url>\
                   <url><loc><![CDATA[http://a/b]]></loc></url><url><loc/></url></urlset>";
        let dated =
            Location { last_modified: Some("2026-01-02".to_owned()), ..page("http://a/?x=1&y=2") };
        let expected = [dated, page("http://a/b")];
        assert_eq!(entries(xml.as_bytes()).locations, expected);

        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(xml.as_bytes()).expect("in memory");
        let gzip = gzip.finish().expect("in memory");
        assert_eq!(entries(&gzip), Entries { locations: expected.to_vec(), damage: None });
        let cut = entries(&gzip[..gzip.len() - 9]);
        assert!(cut.damage.is_some(), "{cut:?}");

        let index = "<sitemapindex><sitemap><loc>http://a/1.xml</loc></sitemap></sitemapindex>";
        let file = Location { is_sitemap: true, ..page("http://a/1.xml") };
        assert_eq!(entries(index.as_bytes()).locations, [file]);
        assert_eq!(
            entries(b"\xef\xbb\xbfhttp://a/\n\n# x\nhttps://b/ ").locations,
            [page("http://a/"), page("https://b/")]
        );
    }

    #[test]
    fn a_damaged_file_is_read_up_to_the_damage() {
        for rest in ["<url><loc>http://a/2</l", "<url><loc>http://a/2", "<url <", "<!-- "] {
            let xml = format!("<urlset><url><loc>http://a/1</loc></url>{rest}");
            let read = entries(xml.as_bytes());
            assert_eq!(read.locations, [page("http://a/1")], "{rest}");
            assert!(read.damage.is_some(), "{rest}");
        }
    }

    #[test]
    fn a_file_has_as_many_locations_as_the_protocol_allows() {
        let too_long = format!("http://a/{}\n", "x".repeat(MAX_URL_BYTES));
        let lines = too_long + &"http://a/\n".repeat(MAX_LOCATIONS);
        let read = entries(lines.as_bytes());
        assert_eq!((read.locations.len(), read.damage), (MAX_LOCATIONS, None));

        let xml =
            format!("<urlset>{}", "<url><loc>http://a/</loc></url>".repeat(MAX_LOCATIONS + 1));
        for more in [lines + "http://a/", xml] {
            let read = entries(more.as_bytes());
            assert_eq!(read.locations.len(), MAX_LOCATIONS);
            assert!(read.damage.is_some());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            tags in prop::collection::vec("<?/?(url|loc|sitemap|lastmod|x|&amp;|&#1;|<!\\[CDATA\\[|]]>)>?", 0..20),
        ) {
            entries(&bytes);
            entries(tags.concat().as_bytes());
            entries(&[&GZIP[..], &bytes].concat());
        }
    }
}
