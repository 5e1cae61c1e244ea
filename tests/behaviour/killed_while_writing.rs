//! The process is killed while it writes: every write that was acknowledged is there afterwards, and none by half.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::harness::{Client, Platform, key_of};

/// How often it is killed; `KAKEHASHI_KILLS` says another number.
const KILLS: usize = 5;

/// Entities that each batch writes: all of one batch say the same number.
const BATCH: usize = 20;

const WRITERS: usize = 3;

/// Writes batches of one writer until it is broken off: the number of the last that was acknowledged, and of the last that was
/// sent.
async fn write(
    client: Client,
    writer: usize,
    from: (u64, u64),
    stops: Arc<AtomicBool>,
    reached: Arc<tokio::sync::Notify>,
) -> (u64, u64) {
    let (mut acknowledged, mut number) = from;
    while !stops.load(Ordering::Relaxed) {
        number += 1;
        let entities: Vec<Value> = (0..BATCH)
            .map(|place| {
                json!({
                    "id": format!("urn:ngsi-ld:AED:killed:{writer}:{place}"), "type": "AED",
                    "name": {"type": "Property", "value": number.to_string()},
                    "remarks": {"type": "Property", "value": number.to_string()},
                })
            })
            .collect();
        let asked = client
            .post("/ngsi-ld/v1/entityOperations/upsert")
            .json(&Value::Array(entities))
            .tenant("yaita");
        match asked.attempt().await {
            Ok(answer) if [201, 204].contains(&answer.status) => acknowledged = number,
            Ok(answer) => panic!("{answer}"),
            Err(_) => break,
        }
        reached.notify_one();
    }
    (acknowledged, number)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_acknowledged_write_is_there_and_none_by_half() {
    let kills = std::env::var("KAKEHASHI_KILLS").map_or(KILLS, |text| text.parse().expect("a number"));
    let mut platform = Platform::builder()
        .await
        .consumer("writer")
        .policy(
            "yaita.cedar",
            "permit (principal == Consumer::\"writer\", action in [Action::\"provide\", Action::\"read\"], \
             resource in Tenant::\"yaita\");",
        )
        .log("warn")
        .start()
        .await;
    // What is there of each, and what was sent.
    let mut last = [(0_u64, 0_u64); WRITERS];
    let mut broken_off = 0;
    for round in 0..kills {
        let stops = Arc::new(AtomicBool::new(false));
        let reached = Arc::new(tokio::sync::Notify::new());
        let mut writers = JoinSet::new();
        for (writer, from) in last.iter().enumerate() {
            let client = Client::new(&platform.gateway().url(), Some(key_of("writer")));
            let (from, stops, reached) = (*from, Arc::clone(&stops), Arc::clone(&reached));
            writers.spawn(async move { (writer, write(client, writer, from, stops, reached).await) });
        }
        // Somewhere in the midst of writing: after another number of batches each time.
        for _ in 0..=(round * 7) % 11 {
            reached.notified().await;
        }
        platform.gateway_mut().kill();
        stops.store(true, Ordering::Relaxed);
        let ended: BTreeMap<usize, (u64, u64)> = writers.join_all().await.into_iter().collect();
        let started = Instant::now();
        platform.start_again().await;
        let restart = started.elapsed();
        eprintln!("round {round}: up again after {} ms", restart.as_millis());
        for (writer, (acknowledged, sent)) in ended {
            broken_off += usize::from(sent > acknowledged);
            let mut found = Vec::new();
            for place in 0..BATCH {
                let id = format!("urn:ngsi-ld:AED:killed:{writer}:{place}");
                let answer = platform.entity(&id).by("writer").tenant("yaita").await;
                if answer.status == 404 {
                    found.push((0, 0));
                    continue;
                }
                let entity = answer.ok().json();
                let number = |name: &str| entity[name]["value"].as_str().unwrap().parse::<u64>().unwrap();
                found.push((number("name"), number("remarks")));
            }
            let (name, remarks) = found[0];
            assert_eq!(name, remarks, "half of an entity");
            assert!(found.iter().all(|one| *one == found[0]), "half of a batch: {found:?}");
            assert!(
                name >= acknowledged && name <= sent,
                "{name} is there, {acknowledged} was acknowledged and {sent} sent"
            );
            last[writer] = (name, sent);
        }
    }
    assert!(broken_off > 0, "no kill fell into a write");
}
