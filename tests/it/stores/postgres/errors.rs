//! Errors name their remedies.

use std::fs;

use crate::support::postgres::{Server, block_on, client, new_url, open};

use super::why;

#[test]
fn a_server_that_cannot_be_used_is_refused_with_a_remedy() {
    let url = new_url();

    let unknown = why(&url.replace("/postgres?", "/nowhere?"));
    assert!(unknown.contains("createdb nowhere"), "{unknown}");
    let absent = why("postgres://u@%2Fnowhere/db");
    assert!(absent.contains("that the server runs"), "{absent}");
    block_on(async {
        let client = client(&url).await;
        client.batch_execute("CREATE ROLE reader LOGIN").await.expect("created");
        client.batch_execute("REVOKE CREATE ON DATABASE postgres FROM PUBLIC").await.expect("done");
    });
    let denied = why(&url.replace("//rungs@", "//reader@"));
    assert!(denied.contains("GRANT CREATE ON DATABASE \"postgres\" TO \"reader\""), "{denied}");
}

#[test]
fn a_schema_of_a_later_release_is_left_alone() {
    let url = new_url();
    drop(open(&url));
    let schema = url.rsplit('=').next().expect("a schema").to_owned();
    block_on(async {
        let client = client(&url).await;
        let later = format!("INSERT INTO {schema}.version VALUES (1000)");
        client.batch_execute(&later).await.expect("written");
    });

    let refused = why(&url);

    assert!(refused.contains("version 1000") && refused.contains("use the release"), "{refused}");
}

#[test]
fn a_wrong_password_is_named() {
    let server = Server::start();
    let url = server.url();
    block_on(async {
        let client = client(&url).await;
        let rows = client.query_one("SHOW hba_file", &[]).await.expect("a superuser may");
        let rules = "local all ann scram-sha-256\nlocal all all trust\n";
        fs::write(rows.get::<_, String>(0), rules).expect("the file of the test's server");
        client
            .batch_execute("CREATE ROLE ann LOGIN SUPERUSER PASSWORD 'right'")
            .await
            .expect("created");
        client.batch_execute("SELECT pg_reload_conf()").await.expect("reloaded");
    });

    let wrong = why(&url.replace("//rungs@", "//ann:wrong@"));
    let missing = why(&url.replace("//rungs@", "//ann@"));

    assert!(wrong.contains("check the user `ann` and the password"), "{wrong}");
    assert!(missing.contains("add the password"), "{missing}");
    drop(open(&url.replace("//rungs@", "//ann:right@")));
}
