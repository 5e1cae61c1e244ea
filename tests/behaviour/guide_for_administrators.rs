//! The guide for administrators, done as it is written: every command of "Step by step", in its order, in the folder of
//! a running gateway.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::harness::{Finished, PATIENCE, Platform, key_of};

const GUIDE: &str = include_str!("../../docs/administrators.md");

/// The commands of the guide's blocks, block by block; `> ` goes on with the one before.
fn blocks() -> Vec<Vec<String>> {
    let (_, steps) = GUIDE.split_once("### Step by step").unwrap();
    let (steps, _) = steps.split_once("\n## ").unwrap();
    let blocks = steps
        .split("```console\n")
        .skip(1)
        .map(|block| block.split("```").next().unwrap());
    let commands = |block: &str| {
        let mut commands: Vec<String> = Vec::new();
        for line in block.lines() {
            match line.strip_prefix("> ") {
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

#[tokio::test]
async fn every_command_of_the_guide_works_as_it_is_written() {
    let platform = Platform::builder().await.administrators().log("info").start().await;
    let folder = platform.files().folder().to_owned();
    let programs = Path::new(env!("CARGO_BIN_EXE_kakehashi")).parent().unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let admin = platform.gateway().ready()["admin"].as_str().unwrap().to_owned();
    let blocks = blocks();
    assert_eq!(blocks.len(), 6, "{blocks:?}");
    let mut shown = Vec::new();
    let mut holders = Vec::new();
    for commands in &blocks {
        let mut output = String::new();
        // What a block has set it uses itself; nothing outlives it but files.
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
            settled(&platform).await;
            holders.push(
                platform
                    .files()
                    .read("tenants.toml")
                    .matches("[consumers.tourism-app]")
                    .count(),
            );
        }
        shown.push(output);
    }
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
    // The change over the API was undone by the last step.
    assert!(
        shown[4].contains("\"applied\":true") && shown[5].contains("\"applied\":true"),
        "{shown:?}"
    );
    assert!(platform.files().read("policies/utsunomiya.cedar").contains("permit"));
}
