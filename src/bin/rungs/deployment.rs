//! The commands in `deploy`, in the Dockerfile and in the guide are ones that this program accepts.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser;

use crate::args::{Cli, Command, Role};

/// The page of the guide whose commands are checked.
const PAGE: &str = "docs/several-machines.md";

/// The first words of commands of other programs.
const OTHERS: [&str; 3] = ["mb", "server", "sleep"];

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Returns the files of `deploy`, and the Dockerfile.
fn files() -> Vec<PathBuf> {
    let found = fs::read_dir("deploy").expect("a directory");
    let mut files: Vec<_> = found.map(|it| it.expect("an entry").path()).collect();
    files.push(PathBuf::from("Dockerfile"));
    files
}

/// Returns the arguments of every call of the program: as a list in JSON after one of these words, or as a line of shell.
fn commands(text: &str) -> Vec<Vec<String>> {
    let lists = ["command: [", "args: [", "CMD ["].into_iter().flat_map(|open| {
        text.split(open).skip(1).filter_map(|rest| {
            let (list, _) = rest.split_once(']')?;
            serde_json::from_str::<Vec<String>>(&format!("[{list}]")).ok()
        })
    });
    let lines = text.lines().filter_map(|line| {
        let line = line.strip_prefix("ExecStart=/usr/local/bin/").unwrap_or(line);
        let words = line.strip_prefix("rungs ")?;
        Some(words.split_whitespace().map(str::to_owned).collect())
    });
    lists
        .chain(lines)
        .filter(|it| it.first().is_some_and(|it| !OTHERS.contains(&it.as_str())))
        .collect()
}

/// Parses a command. Panics if the program would refuse it.
fn parsed(path: &Path, arguments: &[String]) -> Command {
    let words = std::iter::once("rungs").chain(arguments.iter().map(String::as_str));
    let cli = Cli::try_parse_from(words);
    cli.unwrap_or_else(|error| panic!("{}: {arguments:?}: {error}", path.display())).command
}

#[test]
fn every_command_of_a_deployment_is_valid() {
    for path in files().into_iter().chain([PathBuf::from(PAGE)]) {
        let commands = commands(&read(&path));

        assert!(!commands.is_empty(), "{} runs nothing", path.display());
        let mut roles = BTreeSet::new();
        for arguments in &commands {
            if let Command::Serve(args) = parsed(&path, arguments) {
                let checked = crate::serve::check_role(args.role, args.store.as_deref());
                assert!(checked.is_ok(), "{}: {arguments:?}", path.display());
                roles.insert(args.role == Role::Worker);
            }
        }
        if path.extension().is_some_and(|it| it == "yaml") {
            assert_eq!(roles.len(), 2, "{} has workers and API servers", path.display());
        }
    }
}

#[test]
fn every_variable_of_a_deployment_is_documented() {
    let page = read(Path::new("docs/cli.md"));
    for path in files() {
        let text = read(&path);
        for (at, _) in text.match_indices("RUNGS_") {
            let is_part = |it: char| it.is_ascii_uppercase() || it == '_';
            let name: String = text[at..].chars().take_while(|it| is_part(*it)).collect();
            assert!(page.contains(&format!("`{name}`")), "{}: {name}", path.display());
        }
    }
}
