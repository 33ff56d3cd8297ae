//! Settings of `rungs serve` that change what its engine does.

use std::path::Path;

use rungs::core::id::AccountId;
use rungs::service::ApiKey;
use serde_json::{Value, json};

use super::http;
use super::program::{Serving, rungs, text};
use super::world::{Held, site};

fn written(dir: &Path, name: &str, content: &Value) -> String {
    let path = dir.join(name);
    std::fs::write(&path, content.to_string()).expect("written");
    path.to_string_lossy().into_owned()
}

/// Days from 1970-01-01 to the date at the beginning of an RFC 3339 timestamp.
pub(crate) fn day(timestamp: &Value) -> i64 {
    let date = timestamp.as_str().and_then(|it| it.get(..10)).expect("a timestamp");
    let parts: Vec<i64> = date.split('-').map(|it| it.parse().expect("a number")).collect();
    let [year, month, day] = parts[..] else { panic!("a date: {date}") };
    // Years that begin in March end with the leap day.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year / 4 - year / 100 + year / 400;
    365 * year + leap_days + (153 * month + 2) / 5 + day
}

fn completed(serving: &Serving, urls: &[String]) -> Value {
    let accepted = serving.post("/api/v1/batch", &json!({ "urls": urls })).json();
    let path = format!("/api/v1/batch/{}", accepted["batch_id"].as_str().expect("an id"));
    loop {
        let status = serving.get(&path).json();
        if status["status"] != "processing" {
            return status;
        }
    }
}

#[test]
fn a_batch_expires_after_the_retention_of_the_settings() {
    let (dir, site) = (tempfile::tempdir().expect("a directory"), site());
    let config = written(dir.path(), "rungs.json", &json!({ "retention": 72 }));

    let by_file = Serving::start(&["--config", &config]);
    let by_option = Serving::start(&["--config", &config, "--retention", "48"]);

    for (serving, days) in [(by_file, 3), (by_option, 2)] {
        let batch = completed(&serving, &[site.url("/a")]);
        assert_eq!(day(&batch["expires_at"]) - day(&batch["completed_at"]), days, "{batch}");
    }
}

#[test]
fn an_account_runs_no_more_pages_than_the_settings_allow() {
    let (dir, free) = (tempfile::tempdir().expect("a directory"), site());
    let config = written(dir.path(), "rungs.json", &json!({ "per_account": 1 }));
    let key = |name: &str| {
        let secret = format!("sk_live_{name}_0123456789");
        let account = AccountId::new(name).expect("a name");
        (ApiKey::new(name, account, &secret).expect("a key"), secret)
    };
    let ((busy_key, busy), (other_key, other)) = (key("busy"), key("other"));
    let keys = written(dir.path(), "keys.json", &json!([busy_key, other_key]));

    for more in [vec!["--config", &config], vec!["--per-account", "1"]] {
        let held = Held::new();
        let guard = held.hold();
        let serving = Serving::start(&[vec!["--api-keys", &keys], more].concat());
        let post = |path: &str, key: &str, body: &Value| {
            let body = body.to_string();
            http::send(serving.addr, "POST", path, &[("x-api-key", key)], body.as_bytes())
        };
        let urls: Vec<String> = (0..3).map(|it| held.site.url(&format!("/{it}"))).collect();
        let accepted = post("/api/v1/batch", &busy, &json!({ "urls": urls }));
        while held.site.hits() == 0 {
            std::thread::yield_now();
        }
        let page = post("/api/v1/scrape", &other, &json!({ "url": free.url("/") }));

        assert_eq!((accepted.status, page.status), (202, 200), "{}", page.json());
        assert_eq!(held.site.hits(), 1, "pages of one account at once");
        drop(guard);
    }
}

#[test]
fn an_unknown_setting_is_an_error_with_the_nearest_name() {
    let dir = tempfile::tempdir().expect("a directory");
    let key = |field: &str| json!([{ "name": "a", "hash": "sha256:00", field: 1 }]);

    for (option, content, named) in [
        ("--config", json!({ "lisen": "x" }), "unknown field `lisen`: use `listen`"),
        (
            "--config",
            json!({ "concurrent": 1 }),
            "unknown field `concurrent`: use `keys[].concurrent`",
        ),
        (
            "--config",
            json!({ "keys": key("requests_per_min") }),
            "unknown field `keys[0].requests_per_min`: use `keys[0].requests_per_minute`",
        ),
        ("--api-keys", key("retention_days"), "unknown field `retention_days`: remove it"),
        ("--api-keys", key("acount"), "unknown field `acount`: use `account`"),
    ] {
        let file = written(dir.path(), "file.json", &content);
        let refused = rungs(&["serve", option, &file]);
        assert_eq!(refused.status.code(), Some(2), "{content}");
        assert!(text(&refused.stderr).contains(named), "{named}: {}", text(&refused.stderr));
    }
}

#[test]
fn a_setting_out_of_bounds_is_a_usage_error() {
    let dir = tempfile::tempdir().expect("a directory");
    let short = written(dir.path(), "short.json", &json!({ "retention": 23 }));

    for (arguments, named) in [
        (["serve", "--retention", "23"], "use a whole number of hours from 24"),
        (["serve", "--config", &short], "retention must be at least 24 hours"),
        (["serve", "--per-account", "0"], "use a whole number from 1"),
    ] {
        let refused = rungs(&arguments);
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}");
        assert!(text(&refused.stderr).contains(named), "{}", text(&refused.stderr));
    }
}
