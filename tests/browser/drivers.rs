//! The choice of the browser driver in the `rungs` program.

use std::process::{Command, Output, Stdio};

use rungs::testkit::site::{Site, SiteResponse};

/// The file of settings that selects the second driver.
const CONFIG: &str = r#"{"browser": "headless_chrome", "allow_private": true}"#;

fn site() -> Site {
    Site::start(|_| {
        SiteResponse::html(
            "<!DOCTYPE html><title>Bread</title><main><h1>Bread</h1><p>Flour, water, salt and time are \
             all that a good loaf needs, and time is the one that most people do not give.</p></main>",
        )
    })
}

fn rungs(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rungs"));
    command.args(arguments).stdin(Stdio::null()).env_remove("RUNGS_API_KEY");
    command
}

fn scrape(site: &Site, options: &[&str]) -> Output {
    let url = site.url("/");
    let fixed = ["scrape", &url, "--mode", "js", "--allow-private", "--json"];
    rungs(&[&fixed[..], options].concat()).output().expect("the program runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_program_uses_the_built_in_driver_by_default() {
    let site = site();

    let output = scrape(&site, &[]);

    let page = text(&output.stdout);
    assert!(output.status.success() && page.contains("good loaf"), "{}", text(&output.stderr));
    assert!(!page.contains("headless_chrome"), "{page}");
}

#[cfg(feature = "headless_chrome")]
#[test]
fn the_browser_option_selects_the_second_driver() {
    let site = site();

    let output = scrape(&site, &["--browser", "headless-chrome"]);

    let page = text(&output.stdout);
    assert!(output.status.success() && page.contains("good loaf"), "{}", text(&output.stderr));
    // Only that driver warns of the options that it ignores.
    assert!(page.contains("ignored: headless_chrome does not support it"), "{page}");
}

#[cfg(feature = "headless_chrome")]
#[test]
fn a_settings_file_selects_the_second_driver() {
    let (site, dir) = (site(), tempfile::tempdir().expect("a directory"));
    let config = dir.path().join("rungs.json");
    std::fs::write(&config, CONFIG).expect("written");
    let service = service::Service::start(&["--config", config.to_str().expect("UTF-8")]);

    let response =
        service.post("/scrape", &format!(r#"{{"url":"{}","mode":"js"}}"#, site.url("/")));

    assert!(response.contains("good loaf"), "{response}");
    assert!(response.contains("ignored: headless_chrome does not support it"), "{response}");
}

#[cfg(not(feature = "headless_chrome"))]
#[test]
fn a_driver_that_is_not_built_in_is_an_error_that_names_the_feature() {
    let (site, dir) = (site(), tempfile::tempdir().expect("a directory"));
    let config = dir.path().join("rungs.json");
    std::fs::write(&config, CONFIG).expect("written");

    let scraped = scrape(&site, &["--browser", "headless-chrome"]);
    let served = rungs(&["serve", "--listen", "127.0.0.1:0", "--config"]).arg(&config).output();

    for output in [scraped, served.expect("the program runs")] {
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(message.contains("`--features cli,headless_chrome`"), "{message}");
    }
    assert_eq!(site.hits(), 0);
}

#[cfg(feature = "headless_chrome")]
mod service {
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::TcpStream;
    use std::process::{Child, ChildStdout, Stdio};

    use super::rungs;

    /// The running service. Dropping it kills it.
    pub(super) struct Service {
        child: Child,
        address: String,
        _stdout: BufReader<ChildStdout>,
    }

    impl Service {
        pub(super) fn start(options: &[&str]) -> Self {
            let fixed = ["serve", "--listen", "127.0.0.1:0"];
            let mut child = rungs(&[&fixed[..], options].concat())
                .stdout(Stdio::piped())
                .spawn()
                .expect("the program starts");
            let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
            let mut line = String::new();
            stdout.read_line(&mut line).expect("a line");
            let address = line.trim().strip_prefix("listening on http://").expect("an address");
            Self { child, address: address.to_owned(), _stdout: stdout }
        }

        pub(super) fn post(&self, path: &str, body: &str) -> String {
            let mut stream = TcpStream::connect(&self.address).expect("a connection");
            let head = format!(
                "POST /api/v1{path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
                 Content-Length: {}\r\nConnection: close\r\n\r\n",
                self.address,
                body.len()
            );
            stream.write_all(head.as_bytes()).expect("sent");
            stream.write_all(body.as_bytes()).expect("sent");
            let mut response = String::new();
            stream.read_to_string(&mut response).expect("a response");
            response
        }
    }

    impl Drop for Service {
        fn drop(&mut self) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
