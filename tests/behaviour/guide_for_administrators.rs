//! The guide for administrators, done as it is written: every command of "Step by step" and of the example, in their order,
//! in the folder of a running gateway.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::harness::{Finished, PATIENCE, Platform, key_of};

const GUIDE: &str = include_str!("../../docs/administrators.md");

/// The commands of the blocks of one part of the guide, block by block; `> ` goes on with the one before.
fn blocks(part: &str) -> Vec<Vec<String>> {
    let (_, steps) = GUIDE.split_once(&format!("### {part}\n")).unwrap();
    let steps = ["\n## ", "\n### "]
        .into_iter()
        .fold(steps, |steps, heading| steps.split(heading).next().unwrap());
    let blocks = steps
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

/// Runs the commands of a part, one after the other, in the folder of a running gateway; what a block has set it uses
/// itself, and nothing outlives it but files. After each, `look` is called. The answer is what each block has printed.
async fn run(platform: &Platform, part: &str, mut look: impl FnMut()) -> Vec<String> {
    let folder = platform.files().folder().to_owned();
    let programs = Path::new(env!("CARGO_BIN_EXE_kakehashi")).parent().unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let admin = platform.gateway().ready()["admin"].as_str().unwrap().to_owned();
    let mut shown = Vec::new();
    for commands in &blocks(part) {
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

/// What the guide shows as answers in one part, line by line, without what it leaves out.
fn answers(part: &str) -> Vec<String> {
    let (_, steps) = GUIDE.split_once(&format!("### {part}\n")).unwrap();
    let (steps, _) = steps.split_once("\n## ").unwrap();
    let blocks = steps.split("```\n\n```\n").skip(1);
    let blocks = blocks.map(|block| block.split("```").next().unwrap());
    let lines = blocks
        .flat_map(str::lines)
        .filter(|line| !line.trim().is_empty() && *line != "...");
    lines.map(str::to_owned).collect()
}

#[tokio::test]
async fn every_command_of_the_guide_works_as_it_is_written() {
    let platform = Platform::builder().await.administrators().log("info").start().await;
    let mut holders = Vec::new();
    let count = || {
        let tenants_toml = platform.files().read("tenants.toml");
        holders.push(tenants_toml.matches("[consumers.tourism-app]").count());
    };
    let shown = run(&platform, "Step by step", count).await;
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
async fn every_command_of_the_example_works_and_shows_what_the_guide_says() {
    const EXAMPLE: &str = "An example: Yaita shares its AEDs";
    let platform = Platform::builder().await.administrators().log("info").start().await;
    let shown = run(&platform, EXAMPLE, || {}).await.concat();
    let answers = answers(EXAMPLE);
    assert!(answers.len() > 8, "{answers:?}");
    for line in answers {
        assert!(shown.contains(&line), "`{line}` is not shown: {shown}");
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
    // Who could see more before can still.
    let reader = platform
        .entities("type=AED&count=true&limit=0")
        .tenant("yaita")
        .await
        .ok();
    assert_eq!(reader.count(), 3);
}
