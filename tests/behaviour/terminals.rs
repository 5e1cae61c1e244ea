//! What files hold never writes on the terminal of whoever reads about it: control characters are shown as they are written.

use serde_json::json;

use super::harness::{Files, Finished, Platform, section, until};

/// Sets the title of a terminal, clears it, and turns a line around, in the controls of seven and of eight bits.
const COMMANDS: &str = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m\u{7f}\u{202e}";

/// What must not reach a terminal.
fn obeyed(text: &str) -> Vec<char> {
    let is_layout = |character: char| matches!(character, '\n' | '\t');
    let turns = |character: char| matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars()
        .filter(|character| (character.is_control() && !is_layout(*character)) || turns(*character))
        .collect()
}

/// A configuration that holds them wherever somebody may write a text.
fn files() -> Files {
    let files = Files::committed();
    files.change_tenants(|table| {
        let tenants = section(table, "tenants");
        section(tenants, "sano").insert("name".into(), format!("{COMMANDS}佐野市").into());
        let app = section(section(table, "consumers"), "limited-app");
        app.insert("organisation".into(), format!("{COMMANDS}Example").into());
    });
    // What is no Cedar, or names what nobody has, is shown with its line.
    let escapes = COMMANDS.replace('\u{7f}', "");
    files.append(
        "policies/sano.cedar",
        &format!(
            "\n@attributes(\"name\") @purpose(\"{escapes}x\") permit (principal == Consumer::\"{escapes}no\", \
             action in Action::\"read\", resource in Tenant::\"sano\"); // {escapes}\n"
        ),
    );
    files
}

#[test]
fn commands_print_what_a_terminal_obeys_as_it_is_written() {
    let (well, broken) = (files(), files());
    broken.append("policies/sano.cedar", &format!("permit {COMMANDS} (;\n"));
    broken.change_tenants(|table| {
        let app = section(section(table, "consumers"), "limited-app");
        app.insert("purposes".into(), vec![format!("{COMMANDS}purpose")].into());
        app.insert("roles".into(), vec![format!("{COMMANDS}role")].into());
        app.insert(format!("{COMMANDS}key"), 1.into());
    });
    let (old, new) = (Files::committed(), well.folder().display().to_string());
    let target = "/ngsi-ld/v1/entities?type=AED";
    let mut shown = Vec::new();
    for (folder, arguments) in [
        (well.folder(), ["check"].as_slice()),
        (broken.folder(), &["check"]),
        (
            broken.folder(),
            &["explain", "--consumer", "limited-app", "GET", target],
        ),
        (well.folder(), &["explain", "--consumer", "limited-app", "GET", target]),
        (
            well.folder(),
            &["explain", "--json", "--consumer", "limited-app", "GET", target],
        ),
        (well.folder(), &["explain-config"]),
        (well.folder(), &["explain-config", "--json"]),
        (old.folder(), &["diff", ".", &new]),
        (old.folder(), &["diff", "--json", ".", &new]),
        (well.folder(), &["policy", "test"]),
        (well.folder(), &["key", "list"]),
    ] {
        let finished = Finished::of(folder, arguments);
        let text = format!("{}{}", finished.stdout, finished.stderr);
        assert_eq!(obeyed(&text), [char::MIN; 0], "{arguments:?}: {text:?}");
        shown.extend(text.contains("\\u001b").then_some(arguments[0]));
        if arguments.contains(&"--json") {
            serde_json::from_str::<serde_json::Value>(&finished.stdout).expect(&finished.stdout);
        }
    }
    assert_eq!(shown, ["check", "check", "explain", "explain", "explain"]);
}

#[tokio::test]
async fn neither_does_the_log_nor_what_administrators_are_told() {
    let platform = Platform::builder().await.administrators().log("info").start().await;
    let text = platform.files().read("policies/sano.cedar");
    platform
        .files()
        .write("policies/sano.cedar", format!("{text}\npermit {COMMANDS} (;\n"));
    let ops = platform.admin("ops");
    until("the edit is refused", || {
        platform.gateway().stderr().contains("the configuration is refused")
    })
    .await;
    let log = platform.whole_log().await;
    assert!(log.contains("\\\\u009b31m") || log.contains("\\u009b31m"), "{log}");
    assert_eq!(obeyed(&log), [char::MIN; 0]);
    let refused = ops.get("/admin/v1/revision").await.ok().json()["refused"].clone();
    let text = refused["diagnostics"][0]["text"].as_str().unwrap();
    assert_eq!(obeyed(text), [char::MIN; 0], "{text:?}");
    assert_ne!(refused, json!(null));
}
