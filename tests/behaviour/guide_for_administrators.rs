//! The guide for administrators, done as it is written: every command of the everyday changes and of the first day, in their
//! order, in the folder of a running gateway.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::harness::{Finished, PATIENCE, Platform, key_of};

const STEPS: &str = include_str!("../../docs/administrators/steps.md");
const FIRST_DAY: &str = include_str!("../../docs/administrators/first-day.md");

/// The commands of the blocks of a page, block by block; `> ` goes on with the one before.
fn blocks(page: &str) -> Vec<Vec<String>> {
    let blocks = page
        .split("```console\n")
        .skip(1)
        .map(|block| block.split("```").next().unwrap());
    let commands = |block: &str| {
        let mut commands: Vec<String> = Vec::new();
        for line in block.lines() {
            match line.strip_prefix("> ").or((line == ">").then_some("")) {
                Some(more) => {
                    let command = commands.last_mut().unwrap();
                    command.push('\n');
                    command.push_str(more);
                }
                None => commands.push(line.strip_prefix("$ ").unwrap_or_else(|| panic!("{line}")).to_owned()),
            }
        }
        commands
    };
    blocks.map(commands).collect()
}

/// Waits until the gateway runs what the files say.
async fn settled(platform: &Platform) {
    let checked = Finished::well(platform.files().folder(), &["check"]).stdout;
    let revision = checked
        .split("revision ")
        .nth(1)
        .unwrap()
        .split(',')
        .next()
        .unwrap()
        .to_owned();
    let holds = async {
        loop {
            let ready = platform.admin("ops").get("/readyz").await.ok();
            if String::from_utf8_lossy(&ready.body).contains(&revision) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, holds).await;
    assert!(waited.is_ok(), "the files do not hold: {}", platform.gateway().stderr());
}

/// Runs the commands of a page, one after the other, in the folder of a running gateway; what a block has set it uses
/// itself, and nothing outlives it but files. After each, `look` is called. The answer is what each block has printed.
pub(super) async fn run(platform: &Platform, page: &str, mut look: impl FnMut()) -> Vec<String> {
    let folder = platform.files().folder().to_owned();
    let programs = Path::new(env!("CARGO_BIN_EXE_kakehashi")).parent().unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let admin = platform.gateway().ready()["admin"].as_str().unwrap().to_owned();
    let mut shown = Vec::new();
    for commands in &blocks(page) {
        let mut output = String::new();
        let mut script = String::from("set -eu\n");
        for command in commands {
            script.push_str(command);
            script.push('\n');
            if command.starts_with("RIGHT=") {
                continue;
            }
            let done = Command::new("bash")
                .args(["-c", &script])
                .current_dir(&folder)
                .env("PATH", &path)
                .env("ADMIN", &admin)
                .env("GATEWAY", platform.gateway().url())
                .env("KEY", key_of("ops"))
                .env("SANO_API_KEY", stand_ins::SANO_DEMO_API_KEY)
                .output()
                .unwrap();
            assert!(
                done.status.success(),
                "{command}: {done:?}\n{}",
                platform.gateway().stderr()
            );
            output.push_str(&String::from_utf8(done.stdout).unwrap());
            script = String::from("set -eu\n");
            settled(platform).await;
            look();
        }
        shown.push(output);
    }
    shown
}

/// What a page shows as the answer of each block, line by line, without what it leaves out.
fn answers(page: &str) -> Vec<Vec<&str>> {
    let blocks = page.split("```console\n").skip(1);
    let answers = blocks.map(|block| {
        let (_, behind) = block.split_once("```\n").unwrap();
        let answer = behind
            .trim_start()
            .strip_prefix("```\n")
            .and_then(|answer| answer.split("```").next());
        let lines = answer.unwrap_or_default().lines();
        lines.filter(|line| !line.trim().is_empty() && *line != "...").collect()
    });
    answers.collect()
}

/// Whether a line is among what was printed; `...` stands for anything.
fn is_shown(line: &str, printed: &str) -> bool {
    let parts = || line.split("...");
    printed.lines().any(|printed| {
        let mut rest = printed;
        parts().all(|part| match rest.split_once(part) {
            Some((_, behind)) => {
                rest = behind;
                true
            }
            None => false,
        })
    })
}

#[tokio::test]
async fn every_command_of_the_guide_works_as_it_is_written() {
    let platform = Platform::builder().await.administrators().log("info").start().await;
    let mut holders = Vec::new();
    let count = || {
        let tenants_toml = platform.files().read("tenants.toml");
        holders.push(tenants_toml.matches("[consumers.tourism-app]").count());
    };
    let shown = run(&platform, STEPS, count).await;
    assert_eq!(shown.len(), 7, "{shown:?}");
    assert!(
        shown[0].contains("5 tenants") && shown[0].contains("ready, revision"),
        "{}",
        shown[0]
    );
    assert!(shown[1].contains("utsunomiya-orion"), "{}", shown[1]);
    assert_eq!(holders.last(), Some(&1));
    for (file, status) in [("key-of-2026", 401), ("key-of-2027", 200)] {
        let text = platform.files().read(file);
        let key = text
            .lines()
            .next()
            .unwrap()
            .split_whitespace()
            .nth(1)
            .unwrap()
            .to_owned();
        let answer = platform.entities("type=EvacuationSite&limit=1").key(&key).await;
        assert_eq!(answer.status, status, "{file}: {answer}");
    }
    // The change over the API was undone, that was undone, and the last step undid it again.
    assert!(
        shown[4].contains("\"applied\":true") && shown[6].contains("\"applied\":true"),
        "{shown:?}"
    );
    assert_eq!(
        shown[5].matches("files policies/utsunomiya.cedar").count(),
        3,
        "{shown:?}"
    );
    assert_eq!(shown[5].matches("runs and is on the disk").count(), 2, "{shown:?}");
    assert!(platform.files().read("policies/utsunomiya.cedar").contains("permit"));
}

#[tokio::test]
async fn the_first_day_goes_as_the_guide_says() {
    let platform = Platform::builder().await.administrators().log("info").start().await;
    let shown = run(&platform, FIRST_DAY, || {}).await;
    let answers = answers(FIRST_DAY);
    assert!(
        answers.concat().len() > 14 && answers.len() == shown.len(),
        "{answers:?}"
    );
    for (answer, shown) in answers.iter().zip(&shown) {
        for line in answer {
            assert!(is_shown(line, shown), "`{line}` is not shown: {shown}");
        }
    }
    let seen: serde_json::Value = serde_json::from_str(&platform.files().read("seen.json")).unwrap();
    let seen = seen.as_array().unwrap();
    assert_eq!(seen.len(), 2, "{seen:?}");
    for aed in seen {
        assert_eq!(
            super::harness::members(aed),
            ["id", "location", "name", "type"],
            "{aed}"
        );
    }
    // The key of the next year works after the undo, the old one does not.
    for (file, status) in [("key-of-disaster-map", 401), ("key-of-next-year", 200)] {
        let text = platform.files().read(file);
        let key = text.lines().find_map(|line| line.strip_prefix("key ")).unwrap().trim();
        let answer = platform.entities("type=AED&count=true").key(key).await;
        assert_eq!(answer.status, status, "{file}: {answer}");
        if status == 200 {
            assert_eq!(answer.count(), 2, "{answer}");
        }
    }
}
