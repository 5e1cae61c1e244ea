//! Reloads cost no request, and every answer is that of exactly one revision.

use std::collections::BTreeSet;
use std::future::IntoFuture;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use http::Method;
use serde_json::{Value, json};

use super::harness::{Platform, members, until};

/// What the roles of the probe show: whichever holds, it is the same of every tenant's entities.
const ROLES: [(&str, &str); 3] = [
    ("shows-a", "name"),
    ("shows-b", "location"),
    ("shows-c", "name,location"),
];

const RELOADS: usize = 200;

/// Answers before the first reload.
const UNDISTURBED: usize = 500;

/// Consumers that ask without a pause.
const ASKING: usize = 4;

fn permits(tenant: &str) -> String {
    let permit = |(role, attributes): &(&str, &str)| {
        format!(
            "@attributes(\"{attributes}\")\npermit (principal in Role::\"{role}\", action in Action::\"read\", \
             resource == EntityType::\"{tenant}/EvacuationSite\");\n"
        )
    };
    ROLES.iter().map(permit).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_reloads_cost_no_request_and_no_answer_is_of_two_revisions() {
    let mut builder = Platform::builder().await.administrators().consumer("probe").log("warn");
    for tenant in ["sano", "nasushiobara", "yaita"] {
        builder = builder.policy(&format!("{tenant}.cedar"), &permits(tenant));
    }
    // The probe begins with the first role.
    let tenants_toml = builder.files().read("tenants.toml");
    let with_role = |role: &str| tenants_toml.replace("roles = [\"probe\"]", &format!("roles = [\"{role}\"]"));
    assert_ne!(with_role("shows-a"), tenants_toml, "{tenants_toml}");
    builder.files().write("tenants.toml", with_role("shows-a"));
    let platform = builder.start().await;
    let ops = platform.admin("ops");

    let (ended, answers) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let asking: Vec<_> = (0..ASKING)
        .map(|_| {
            let (client, ended, answers) = (platform.clone(), Arc::clone(&ended), Arc::clone(&answers));
            tokio::spawn(async move {
                let (mut seen, mut took) = (BTreeSet::new(), Vec::new());
                while !ended.load(Ordering::Relaxed) {
                    let answer = client.entities("type=EvacuationSite&limit=30").by("probe").await.ok();
                    assert_eq!(answer.warnings().len(), 0, "{answer}");
                    took.push((Instant::now(), answer.took));
                    let entities = answer.entities();
                    let shown: BTreeSet<Vec<String>> = entities.iter().map(shown).collect();
                    assert!(shown.len() <= 1, "one answer of two revisions: {shown:?}");
                    seen.extend(shown);
                    answers.fetch_add(1, Ordering::Relaxed);
                }
                (seen, took)
            })
        })
        .collect();

    // For the eye alone: what answers take while nothing is reloaded.
    until("some answers have come", || {
        answers.load(Ordering::Relaxed) >= UNDISTURBED
    })
    .await;
    let began_reloading = Instant::now();
    let mut revision = ops
        .get("/admin/v1/revision")
        .await
        .ok()
        .header("etag")
        .unwrap()
        .to_owned();
    let mut slowest = Duration::ZERO;
    for number in 0..RELOADS {
        let is_broken = number % 10 == 9;
        let (role, attributes) = ROLES[number % 3];
        let text = if is_broken {
            format!("{}\n[consumers.probe]\n", with_role(role))
        } else {
            with_role(role)
        };
        let began = Instant::now();
        let applied = ops
            .request(Method::PATCH, "/admin/v1/revision")
            .header("if-match", &revision)
            .json(&json!({ "files": { "tenants.toml": text } }))
            .await;
        if is_broken {
            assert_eq!(applied.status, 422, "{applied}");
            continue;
        }
        revision = applied.ok().header("etag").unwrap().to_owned();
        let answer = platform.entities("type=EvacuationSite&limit=1").by("probe").await.ok();
        slowest = slowest.max(began.elapsed());
        let expected: Vec<String> = attributes.split(',').map(str::to_owned).collect();
        let mut expected = expected;
        expected.sort();
        assert_eq!(shown(&answer.entities()[0]), expected, "reload {number} is not visible");
    }
    ended.store(true, Ordering::Relaxed);
    let (mut seen, mut took_of_all) = (BTreeSet::new(), Vec::new());
    for asker in asking {
        let (also_seen, also_took) = asker.into_future().await.unwrap();
        seen.extend(also_seen);
        took_of_all.extend(also_took);
    }
    let answers = answers.load(Ordering::Relaxed);
    println!("{answers} answers during {RELOADS} reloads; the slowest edit was visible after {slowest:?}");
    let (before, during): (Vec<_>, Vec<_>) = took_of_all.into_iter().partition(|(ended, _)| *ended < began_reloading);
    println!("before: {}; during: {}", quantiles(&before), quantiles(&during));
    assert!(answers > RELOADS / 4, "only {answers} answers");
    assert_eq!(seen.len(), 3, "{seen:?}");
}

fn quantiles(answers: &[(Instant, Duration)]) -> String {
    let mut took: Vec<Duration> = answers.iter().map(|(_, took)| *took).collect();
    took.sort();
    let at = |part: usize| took[took.len() * part / 100];
    format!("median {:?}, p99 {:?}", at(50), at(99))
}

/// The attributes of an entity.
fn shown(entity: &Value) -> Vec<String> {
    let names = members(entity)
        .into_iter()
        .filter(|name| !["@context", "id", "type"].contains(name));
    names.map(str::to_owned).collect()
}
