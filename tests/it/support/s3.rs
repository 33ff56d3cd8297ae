//! A server with the API of S3, which checks signatures: `tests/clients/s3.py`.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use rungs::stores::{Objects, ObjectsOptions};

/// The bucket that exists.
pub(crate) const BUCKET: &str = "pages";
/// The only credentials that are accepted.
pub(crate) const KEY: &str = "AKIARUNGSTESTS";
pub(crate) const SECRET: &str = "secret/0123456789+abcdef";

/// A running server, which ends with the test.
pub(crate) struct S3 {
    child: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
    pub(crate) endpoint: String,
}

impl S3 {
    /// Starts the server. Fails if its packages cannot be installed.
    pub(crate) fn start() -> Self {
        let installed = Command::new("bash").arg("tests/clients/venv.sh").output().expect("bash");
        let error = String::from_utf8_lossy(&installed.stderr);
        assert!(installed.status.success(), "tests/clients/venv.sh: {error}");
        let dir = String::from_utf8_lossy(&installed.stdout).trim().to_owned();
        let mut command = Command::new(format!("{dir}/bin/python"));
        command.args(["tests/clients/s3.py", BUCKET, KEY, SECRET]);
        // The SDK of the server must not look for proxies or settings of this machine.
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = piped.spawn().expect("python runs");
        let commands = child.stdin.take().expect("piped");
        let mut answers = BufReader::new(child.stdout.take().expect("piped"));
        let endpoint = line(&mut answers);
        Self { child, commands, answers, endpoint }
    }

    /// Returns the settings of a client with these credentials.
    pub(crate) fn options(&self) -> ObjectsOptions {
        ObjectsOptions::new()
            .without_environment()
            .with_config("endpoint", &self.endpoint)
            .with_config("access_key_id", KEY)
            .with_config("secret_access_key", SECRET)
    }

    /// Opens the objects below `prefix`.
    pub(crate) fn objects(&self, prefix: &str) -> Objects {
        let url = format!("s3://{BUCKET}/{prefix}");
        Objects::open_with(&url, self.options()).expect("valid settings")
    }

    /// Returns the keys of all objects.
    pub(crate) fn keys(&mut self) -> Vec<String> {
        self.ask("keys").split_whitespace().map(str::to_owned).collect()
    }

    /// Returns the number of requests that wrote an object.
    pub(crate) fn writes(&mut self) -> usize {
        self.ask("writes").parse().expect("a number")
    }

    /// Makes every request fail with a status of 503, or none.
    pub(crate) fn set_down(&mut self, is_down: bool) {
        self.ask(if is_down { "down" } else { "up" });
    }

    fn ask(&mut self, command: &str) -> String {
        writeln!(self.commands, "{command}").expect("the server listens");
        line(&mut self.answers)
    }
}

fn line(answers: &mut BufReader<ChildStdout>) -> String {
    let mut line = String::new();
    answers.read_line(&mut line).expect("the server answers");
    assert!(line.ends_with('\n'), "the S3 server ended: see its messages above");
    line.trim().to_owned()
}

impl Drop for S3 {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
