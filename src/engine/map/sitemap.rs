//! Sitemaps: their files, read within limits, and the pages that they name.

use std::collections::{HashSet, VecDeque};
use std::io::Read;
use std::time::Duration;

use flate2::read::MultiGzDecoder;
use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;

use crate::core::robots::Robots;
use crate::core::url::without_userinfo;
use crate::engine::map::address::Address;
use crate::engine::map::fetch;
use crate::engine::shared::Shared;

/// The most files of one site.
const MAX_FILES: usize = 100;
/// The most indexes between a file and the site.
const MAX_NESTING: u8 = 3;
/// The most bytes of a file, as it is transferred.
const MAX_BYTES: u64 = 20 * 1024 * 1024;
/// The most bytes of a file after decompression: the limit of the sitemap protocol.
const MAX_DECOMPRESSED: u64 = 50 * 1024 * 1024;
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

/// A page that a sitemap names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::engine) struct SitemapPage {
    pub(in crate::engine) address: Address,
    /// The date of the last change, as the sitemap writes it.
    pub(in crate::engine) last_modified: Option<String>,
}

/// The pages that the sitemaps of a site name, in order, each once.
#[derive(Clone, Debug, Default)]
pub(in crate::engine) struct Sitemaps {
    pub(in crate::engine) pages: Vec<SitemapPage>,
    /// `true` if there was at least one file.
    pub(in crate::engine) found: bool,
    pub(in crate::engine) warnings: Vec<String>,
}

/// The search for pages in sitemaps.
pub(in crate::engine) struct Search<'a> {
    /// The start page.
    pub(in crate::engine) start: &'a Address,
    /// The rules of the site, which name sitemaps.
    pub(in crate::engine) robots: &'a Robots,
    /// The path or URL of the sitemap to read instead.
    pub(in crate::engine) path: Option<&'a str>,
    /// Selects pages.
    pub(in crate::engine) wants: &'a (dyn Fn(&Address) -> bool + Send + Sync),
    /// The most pages.
    pub(in crate::engine) limit: usize,
    /// The time limit.
    pub(in crate::engine) deadline: Duration,
}

/// A file to read.
struct Planned {
    address: Address,
    nesting: u8,
    /// `true` if the file was named, so that its absence is worth a warning.
    is_named: bool,
}

impl Search<'_> {
    /// Returns the files to begin with: the given one, those that robots.txt names, or the usual place.
    fn first(&self) -> (VecDeque<Planned>, bool) {
        let planned = |address, is_named| Planned { address, nesting: 0, is_named };
        let usual = |path: &str| {
            let joined = url::Url::parse(&self.start.url).and_then(|it| it.join(path)).ok()?;
            Address::parse(joined.as_str())
        };
        if let Some(path) = self.path {
            return (usual(path).map(|it| planned(it, true)).into_iter().collect(), true);
        }
        let named = self.robots.sitemaps().iter().filter_map(|it| usual(it));
        let named: VecDeque<_> = named.take(MAX_FILES).map(|it| planned(it, true)).collect();
        if !named.is_empty() {
            return (named, true);
        }
        (usual("/sitemap.xml").map(|it| planned(it, false)).into_iter().collect(), false)
    }

    /// Reads the sitemaps of a site. What cannot be read is left out, with a warning.
    pub(in crate::engine) async fn run(&self, shared: &Shared) -> Sitemaps {
        let began = shared.monotonic();
        let (mut files, _) = self.first();
        let mut found = Sitemaps::default();
        let mut seen_files: HashSet<String> =
            files.iter().map(|it| it.address.url.clone()).collect();
        let mut seen = HashSet::new();
        let mut total_bytes = 0;
        while let Some(file) = files.pop_front() {
            let left = self.deadline.saturating_sub(shared.elapsed(began));
            let shown = without_userinfo(&file.address.url);
            if left.is_zero() {
                found
                    .warnings
                    .push("the sitemaps were not read to the end: the time was over".to_owned());
                break;
            }
            let entries = match read(shared, &file, left).await {
                Ok(entries) => entries,
                Err(reason) => {
                    if file.is_named {
                        found.warnings.push(format!("sitemap {shown} was not read: {reason}"));
                    }
                    continue;
                }
            };
            if !file.is_named && entries.locations.is_empty() {
                // A page of the site that is served for any path.
                continue;
            }
            found.found = true;
            if let Some(reason) = &entries.damage {
                found.warnings.push(format!("sitemap {shown} was read in part: {reason}"));
            }
            for location in entries.locations {
                let Some(address) = Address::parse(&location.url) else { continue };
                if location.is_sitemap {
                    let is_near = address.host == file.address.host && file.nesting < MAX_NESTING;
                    let is_new = is_near
                        && seen_files.len() < MAX_FILES
                        && seen_files.insert(address.url.clone());
                    if is_new {
                        let nesting = file.nesting + 1;
                        files.push_back(Planned { address, nesting, is_named: true });
                    }
                } else if (self.wants)(&address) && seen.insert(address.url.clone()) {
                    let last_modified = location.last_modified;
                    total_bytes += address.url.len();
                    found.pages.push(SitemapPage { address, last_modified });
                    if total_bytes > MAX_TOTAL_BYTES {
                        let warning = "the sitemaps were not read to the end: they are too large";
                        found.warnings.push(warning.to_owned());
                        return found;
                    }
                    if found.pages.len() >= self.limit {
                        return found;
                    }
                }
            }
        }
        found
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
    let read = MultiGzDecoder::new(body).take(MAX_DECOMPRESSED + 1).read_to_end(&mut text);
    if let Err(error) = read {
        damage = Some(error.to_string());
    }
    if text.len() as u64 > MAX_DECOMPRESSED {
        text.truncate(usize::try_from(MAX_DECOMPRESSED).unwrap_or(usize::MAX));
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
