//! The records of a moment, while processes go on writing.

use std::path::Path;
use std::time::Duration;

use crate::books::Books;
use crate::postgres::{block_on, client};

/// Copies one schema of a server to another one, in a transaction that sees one moment.
pub(crate) struct Snapshot {
    /// The URLs of the two schemas, and their names.
    urls: [String; 2],
    names: [String; 2],
}

impl Snapshot {
    /// Takes snapshots of the schema that the URL names.
    pub(crate) fn of(url: &str) -> Self {
        let (_, name) = url.rsplit_once('=').expect("a URL names its schema");
        let copy = format!("{name}_copy");
        let urls =
            [url.to_owned(), url.replace(&format!("schema={name}"), &format!("schema={copy}"))];
        drop(crate::child::open_store(Path::new(&urls[1])));
        Self { names: [name.to_owned(), copy], urls }
    }

    /// Returns the records as they are now.
    pub(crate) fn take(&self) -> Books {
        let [from, to] = &self.names;
        let sql = format!(
            "BEGIN ISOLATION LEVEL REPEATABLE READ; TRUNCATE {to}.record, {to}.body; \
             INSERT INTO {to}.record SELECT * FROM {from}.record; \
             INSERT INTO {to}.body SELECT * FROM {from}.body; COMMIT"
        );
        block_on(async {
            let client = client(&self.urls[1]).await;
            let copied = tokio::time::timeout(Duration::from_mins(1), client.batch_execute(&sql));
            copied.await.expect("in time").expect("a superuser may");
        });
        Books::open(Path::new(&self.urls[1]))
    }
}
