//! The guide for developers, pasted: every block of a shell, of Python and of JavaScript, in its order, into one shell beside
//! `kakehashi demo`. Each prints what the guide says it prints, and a block of which the guide does not say it fails.

use std::collections::BTreeSet;

use super::harness::{Files, Gateway, Page, blocks, is_as_said, kakehashi, page};

pub(super) const GUIDE: &str = include_str!("../../docs/consumers.md");
pub(super) const PROGRAMS: &str = include_str!("../../docs/consumers/programs.md");

/// A port of this machine that is free now.
pub(super) fn free_port() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port().to_string()
}

/// Pastes a page beside a demo of its own.
async fn pasted(text: &str) -> (Page, Vec<String>) {
    let files = Files::committed();
    let mut command = kakehashi(files.folder());
    command.args(["demo", "--json", "--port", "0", "--store", "store"]);
    command.env_remove("SANO_API_KEY");
    let demo = Gateway::start(command, files.folder()).await;
    let ready = demo.ready();
    let base = format!("{}/ngsi-ld/v1", ready["gateway"].as_str().unwrap());
    let key = ready["api_keys"]["bousai-map"].as_str().unwrap().to_owned();
    let folder = files.folder().to_owned();
    let page = page(text);
    let pasting = tokio::task::spawn_blocking(move || {
        let printed = page.paste(&folder, &[("BASE", &base), ("KEY", &key), ("PORT", &free_port())]);
        (page, printed)
    });
    pasting.await.unwrap()
}

#[tokio::test]
async fn every_block_of_the_guide_prints_what_the_guide_says() {
    let (page, printed) = pasted(GUIDE).await;
    assert!(page.examples.len() >= 7, "{}", page.examples.len());
    page.compare(&printed);
}

#[tokio::test]
async fn every_program_of_the_guide_prints_what_the_guide_says() {
    let (page, printed) = pasted(PROGRAMS).await;
    let languages: BTreeSet<&str> = page.programs.iter().map(|(_, block)| block.language.as_str()).collect();
    assert_eq!(languages, BTreeSet::from(["javascript", "python"]));
    page.compare(&printed);
    assert_eq!(printed.first(), printed.get(1), "both programs find the same");
}

#[test]
fn what_is_printed_is_compared_up_to_spaces_and_what_is_left_out() {
    let cases = [
        (r#"[{"a":"b c","d":1}]"#, "[ { \"a\": \"b c\",\n \"d\": 1 } ]", true),
        (r#"[{"a":"b c","d":1}]"#, r#"[{"a":"bc","d":1}]"#, false),
        (r#"[{"a":1},{"a":2},{"a":3}]"#, r#"[{"a":1}, ... {"a":3}]"#, true),
        (r#"[{"a":1},{"a":2},{"a":3}]"#, r#"[{"a":1}, ... {"a":4}]"#, false),
        (r#"[{"a":1},{"a":2}]"#, r#"[{"a":1}]"#, false),
        ("201", "204", false),
        ("it is 3 km", "it is ... km", true),
    ];
    for (printed, said, same) in cases {
        assert_eq!(is_as_said(printed, said), same, "{printed} {said}");
    }
}

#[test]
#[should_panic(expected = "what does it print?")]
fn a_block_of_which_nothing_is_said_fails() {
    page("```sh\ncurl $BASE/types\n```\n\nand then\n\n```sh\necho a\n```\n\n```text\na\n```\n");
}

#[test]
#[should_panic(expected = "nothing runs other.py")]
fn a_program_that_nothing_runs_fails() {
    page("```python\n# other.py: does nothing\n```\n\n```sh\necho a\n```\n\n```text\na\n```\n");
}

#[test]
fn no_block_of_the_guide_is_of_a_language_that_is_not_tried() {
    let tried = ["sh", "python", "javascript"];
    let answers = ["json", "text", ""];
    for text in [GUIDE, PROGRAMS] {
        for block in blocks(text) {
            let language = block.language.as_str();
            // Two programs that run until somebody ends them: the map is tried in `browsers`.
            let is_map = language == "console" && block.text.contains("examples/map");
            let known = tried.contains(&language) || answers.contains(&language) || is_map;
            assert!(known, "line {}: `{language}`", block.line);
        }
    }
}
