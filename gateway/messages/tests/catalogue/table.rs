//! `docs/messages.md`: every error, warning and problem, in English and Japanese, with what to do. It is made from the source
//! and the catalogue; `UPDATE_MESSAGES=1` writes it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;

use kakehashi_messages::{CATALOGUES, messages_of};

use super::reading::{Kind, SOURCE, Told, root};

const PAGE: &str = "docs/messages.md";

const INTRODUCTION: &str = "# Messages

Every error and warning that Kakehashi can say to somebody who administers it or asks it, in English and Japanese, and what to do \
where the message does not say so itself. What stands in `{...}` is filled in. Which language is told: see \
[the decision](decisions/messages-in-japanese.md). Logs are English always.

This page is made from the source: `UPDATE_MESSAGES=1 cargo test -p kakehashi-messages` writes it.
";

/// The kinds in their order, each with its heading.
const KINDS: [(Kind, &str); 5] = [
    (Kind::Error, "Errors of a configuration: it is refused"),
    (Kind::Warning, "Warnings of a configuration: somebody should look"),
    (Kind::Problem, "Problem details: what a request is answered with"),
    (Kind::Command, "What a command fails with"),
    (Kind::Cause, "Causes, which stand in the messages above"),
];

fn japanese() -> BTreeMap<String, String> {
    let messages = CATALOGUES.iter().flat_map(|(_, text)| messages_of(text).unwrap());
    messages.map(|message| (message.english, message.japanese)).collect()
}

/// A text as it may stand in a table of Markdown: within backquotes as it is, but for what ends a cell.
fn cell(text: &str) -> String {
    let text = text
        .replace("{{", "{")
        .replace("}}", "}")
        .replace('\n', " ")
        .replace('|', "\\|");
    let outside = |part: &str| part.replace('<', "&lt;").replace("](", "]\\(").replace('*', "\\*");
    let parts = text.trim().split('`').enumerate();
    let parts: Vec<String> = parts
        .map(|(place, part)| if place % 2 == 0 { outside(part) } else { part.to_owned() })
        .collect();
    parts.join("`")
}

/// The module that a file is: its crate and its path in it.
fn module(file: &str) -> String {
    file.replace("/src/", "/")
        .trim_end_matches(".rs")
        .trim_end_matches("/mod")
        .trim_end_matches("/lib")
        .to_owned()
}

fn rows(kind: Kind, japanese: &BTreeMap<String, String>) -> BTreeSet<[String; 5]> {
    let told = SOURCE.told.iter().filter(|told| told.kind == kind);
    let of_one = |told: &Told| {
        let of = |text: &String| japanese.get(text).map(|japanese| cell(japanese)).unwrap_or_default();
        let help = told.help.clone().unwrap_or_default();
        let to_do = help.iter().map(|help| cell(help)).collect::<Vec<_>>().join(" / ");
        let to_do_japanese = help.iter().map(of).collect::<Vec<_>>().join(" / ");
        let row = |message: &String| {
            [
                module(&told.file),
                cell(message),
                of(message),
                to_do.clone(),
                to_do_japanese.clone(),
            ]
        };
        told.messages
            .iter()
            .filter(|message| japanese.contains_key(*message))
            .map(row)
            .collect::<Vec<_>>()
    };
    told.flat_map(of_one).collect()
}

fn generated() -> String {
    let japanese = japanese();
    let mut page = INTRODUCTION.to_owned();
    for (kind, heading) in KINDS {
        let has_help = matches!(kind, Kind::Error | Kind::Warning);
        let head = if has_help {
            "| English | 日本語 | what to do | 対処 | from |\n|---|---|---|---|---|"
        } else {
            "| English | 日本語 | from |\n|---|---|---|"
        };
        write!(page, "\n## {heading}\n\n{head}\n").unwrap();
        for [module, english, japanese, help, help_japanese] in rows(kind, &japanese) {
            match has_help {
                true => writeln!(page, "| {english} | {japanese} | {help} | {help_japanese} | {module} |").unwrap(),
                false => writeln!(page, "| {english} | {japanese} | {module} |").unwrap(),
            }
        }
    }
    page
}

#[test]
fn the_page_of_messages_says_what_is_in_the_code() {
    let path = root().join(PAGE);
    let page = generated();
    if std::env::var_os("UPDATE_MESSAGES").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    let differing = page
        .lines()
        .zip(written.lines())
        .find(|(made, written)| made != written);
    assert!(
        page == written,
        "{PAGE} is not what the source says; UPDATE_MESSAGES=1 writes it. First: {differing:?}"
    );
}
