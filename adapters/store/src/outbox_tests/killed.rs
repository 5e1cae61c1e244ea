//! A process that is killed.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use super::*;
use kakehashi_contract::plain_writes::PlainWrites;

/// The folder in which a process of its own writes.
const FOLDER: &str = "KAKEHASHI_TEST_OUTBOX_FOLDER";

/// Not a test of its own: what is killed in [`a_process_that_is_killed_leaves_neither_without_the_other`].
#[tokio::test]
#[ignore = "the other half of a test that starts it"]
async fn writes_until_it_is_killed() {
    let folder = std::env::var(FOLDER).unwrap();
    let store = store(Path::new(&folder)).await;
    for number in 0.. {
        let which = number % 5;
        match number % 7 {
            3 => drop(store.delete(&id(which), &[], &anybody, &call()).await),
            _ => {
                let text = format!("{number}-{}", "x".repeat(number % 2000));
                store.put(site(which, &text), &anybody, now(), &call()).await.unwrap();
            }
        }
        writeln!(std::io::stdout(), "committed {number}").unwrap();
    }
}

#[test]
fn a_process_that_is_killed_leaves_neither_without_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let (_, module) = module_path!().split_once("::").unwrap();
    for round in 0..6_u32 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--ignored", "--nocapture"])
            .arg(format!("{module}::writes_until_it_is_killed"))
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let committed = |line: &String| line.contains("committed");
        let mut seen = 0;
        // Each time at another place, and in the midst of whatever comes next.
        while seen < 20 + round * 17 {
            seen += u32::from(committed(&lines.next().unwrap().unwrap()));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        drop(lines);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let store = store(folder.path()).await;
            assert_eq!(replayed(&store).await, held(&store).await, "round {round}");
            assert!(changes(&store, Position::BEGINNING).await.len() >= seen as usize / 2);
            store.partition().close().await;
        });
    }
}
