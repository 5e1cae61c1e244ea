//! Whoever may write finds out no id that it may not see: its ids lie in namespaces of types that it sees or of patterns
//! that its permits name, and elsewhere it is told the same of what exists and of what does not.

use std::fmt::Write as _;

use http::Method;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

use super::harness::{Answer, Ask, Builder, Client, Finished, PATIENCE, Platform, encoded, key_of, keys, section};

const CREATE: &str = "/ngsi-ld/v1/entityOperations/create";
const UPSERT: &str = "/ngsi-ld/v1/entityOperations/upsert";
const DELETE: &str = "/ngsi-ld/v1/entityOperations/delete";

/// Writers of Yaita's partition. `aeds` writes AEDs, `north` those of one scope, `open-ones` those that say so, `listed`
/// those whose ids its permit names, `everything` whatever is open and what is pseudonymised; `sees-aeds` writes those of
/// one scope and reads all.
const WRITERS: [&str; 6] = ["aeds", "north", "open-ones", "listed", "everything", "sees-aeds"];

fn policies() -> String {
    let provides = |annotations: &str, consumer: &str, resource: &str, more: &str| {
        format!(
            "{annotations}\npermit (principal == Consumer::\"{consumer}\", action in Action::\"provide\", \
             resource {resource}) {more};\n"
        )
    };
    let aed = "== EntityType::\"yaita/AED\"";
    let all = "in Tenant::\"yaita\"";
    let open = "when { resource.class == Class::\"open\" }";
    let tokens = "== EntityType::\"yaita/PersonToken\"";
    [
        provides("", "aeds", aed, ""),
        provides("@scope(\"/north/#\")", "north", aed, ""),
        provides("@q(\"remarks==\\\"open\\\"\")", "open-ones", aed, ""),
        provides(
            "@ids(\"https://yaita.example/aed/*, urn:ngsi-ld:AED:listed\")",
            "listed",
            aed,
            "",
        ),
        provides("", "everything", all, open),
        provides("", "everything", tokens, ""),
        provides("@scope(\"/north/#\")", "sees-aeds", aed, ""),
        format!("permit (principal == Consumer::\"sees-aeds\", action in Action::\"read\", resource {aed});\n"),
    ]
    .concat()
}

/// What some or all of the writers may not see.
fn hidden() -> Vec<Value> {
    let name = json!({"type": "Property", "value": "隠れたもの"});
    vec![
        json!({"id": "urn:ngsi-ld:Resident:h1", "type": "Resident"}),
        json!({"id": "urn:ngsi-ld:PersonToken:h1", "type": "PersonToken"}),
        json!({"id": "urn:x:h1", "type": ["AED", "Resident"], "name": name}),
        json!({"id": "https://elsewhere.example/h1", "type": "Resident"}),
        json!({"id": "urn:ngsi-ld:NobodyKnowsIt:h1", "type": "NobodyKnowsIt"}),
        json!({"id": "urn:ngsi-ld:Resident:h2", "type": ["Resident", "AED"], "name": name}),
    ]
}

/// What `north`, `open-ones` and `listed` do not see.
fn hidden_aeds() -> Vec<Value> {
    let aed =
        |id: &str| json!({"id": id, "type": "AED", "scope": "/south", "remarks": {"type": "Property", "value": "x"}});
    vec![aed("urn:ngsi-ld:AED:h2"), aed("https://south.example/aed/h3")]
}

/// With these writers and a type that is pseudonymised.
async fn builder() -> Builder {
    let builder = Platform::builder().await.tenants(|table| {
        for id in WRITERS {
            let mut consumer = toml::Table::new();
            consumer.insert("name".into(), id.into());
            consumer.insert("tenant".into(), "yaita".into());
            consumer.insert("keys".into(), keys(&key_of(id)));
            let limits = "requests_per_second = 100000\nburst = 100000\nconcurrency = 1000";
            consumer.insert("limits".into(), toml::Value::Table(limits.parse().unwrap()));
            section(table, "consumers").insert(id.into(), toml::Value::Table(consumer));
        }
    });
    let classes =
        "\n[types.PersonToken]\nclass = \"pseudonymised\"\n[types.PersonToken.attributes]\nopen = [\"name\"]\n";
    builder.files().append("policies/classification.toml", classes);
    builder.policy("yaita.cedar", &policies())
}

/// Two worlds: one with something, one without it or with something else.
async fn worlds(first: &[Value], second: &[Value]) -> [Platform; 2] {
    let start = async |entities: &[Value]| {
        let loaded = Value::from(entities.to_vec()).to_string();
        builder().await.store("yaita", loaded).start().await
    };
    [start(first).await, start(second).await]
}

/// All that an answer tells, but for when and to which request it is given.
fn told(answer: &Answer) -> String {
    told_among(answer, &mut Vec::new())
}

/// The same of one of several answers. Tags are made with a key of the process: of one it
/// tells that it is that of an earlier answer, and of which, or a new one.
fn told_among(answer: &Answer, tags: &mut Vec<String>) -> String {
    let mut told = format!("{}\n", answer.status);
    for (name, value) in &answer.headers {
        if name == http::header::ETAG {
            let tag = value.to_str().unwrap();
            let known = tags.iter().position(|known| known == tag).unwrap_or_else(|| {
                tags.push(tag.to_owned());
                tags.len() - 1
            });
            writeln!(told, "{name}: that of answer {known}").unwrap();
        } else if !matches!(name.as_str(), "date" | "traceparent" | "x-request-id" | "ratelimit") {
            writeln!(told, "{name}: {value:?}").unwrap();
        }
    }
    told + &String::from_utf8_lossy(&answer.body)
}

/// One request, the same to both worlds.
struct Asked {
    writer: &'static str,
    method: Method,
    target: String,
    body: Option<Value>,
}

impl Asked {
    fn of(&self, client: &Client) -> Ask {
        let ask = client.request(self.method.clone(), self.target.clone()).by(self.writer);
        let ask = ask.tenant("yaita");
        match &self.body {
            Some(body) => ask.json(body),
            None => ask,
        }
    }
}

/// Ids in the namespaces of some of the writers, in which nothing is hidden.
const OWN: [&str; 4] = [
    "urn:ngsi-ld:AED:f1",
    "urn:ngsi-ld:AED:listed",
    "https://yaita.example/aed/1",
    "urn:x:f1",
];

/// The ids of what is hidden, as they are and written in other ways.
fn ids(hidden: &[Value]) -> Vec<String> {
    let mut ids: Vec<String> = Vec::new();
    for entity in hidden {
        let id = entity["id"].as_str().unwrap();
        ids.extend([
            id.to_owned(),
            id.to_owned(),
            format!("{id}9"),
            id.to_lowercase(),
            id.to_uppercase(),
        ]);
        ids.extend([
            id.replace("urn:", "URN:"),
            id.replace('e', "%65"),
            id.replace(":h", ":h%31"),
        ]);
    }
    ids
}

/// A request that writes or reads.
fn any_request(random: &mut StdRng, writers: &[&'static str], ids: &[String]) -> Asked {
    let any_id = |random: &mut StdRng| match random.random_bool(0.3) {
        true => (*OWN.choose(random).unwrap()).to_owned(),
        false => ids.choose(random).unwrap().clone(),
    };
    let (id, other) = (&any_id(random), &any_id(random));
    let types: [Value; 7] = [
        json!("AED"),
        json!("AED"),
        json!("EvacuationSite"),
        json!("PersonToken"),
        json!("Resident"),
        json!(["AED", "PersonToken"]),
        json!(["EvacuationSite", "AED"]),
    ];
    let mut entity = json!({"id": id, "type": types.choose(random).unwrap()});
    if random.random_bool(0.5) {
        entity["name"] = json!({"type": "Property", "value": random.random_range(0..3).to_string()});
    }
    if random.random_bool(0.5) {
        entity["scope"] = json!(["/north", "/south"].choose(random).unwrap());
    }
    if random.random_bool(0.5) {
        let remarks = ["open", "x"].choose(random).unwrap();
        entity["remarks"] = json!({"type": "Property", "value": remarks});
    }
    if random.random_bool(0.1) {
        entity["seeAlso"] = json!({"type": "Relationship", "object": other});
    }
    let path = format!("/ngsi-ld/v1/entities/{}", encoded(id));
    let (method, target, body) = match random.random_range(0..13) {
        0..3 => (Method::POST, "/ngsi-ld/v1/entities".to_owned(), Some(entity)),
        3 => (
            Method::POST,
            CREATE.to_owned(),
            Some(json!([entity, {"id": other, "type": "AED"}])),
        ),
        4..7 => (Method::POST, UPSERT.to_owned(), Some(json!([entity]))),
        7 => (
            Method::POST,
            UPSERT.to_owned(),
            Some(json!([entity, {"id": other, "type": "AED"}])),
        ),
        8 => (Method::DELETE, path, None),
        9 => {
            let types = [
                "AED",
                "EvacuationSite",
                "(AED;EvacuationSite)",
                "AED,EvacuationSite",
                "PersonToken",
            ];
            let types = encoded(types.choose(random).unwrap());
            (Method::DELETE, format!("{path}?type={types}"), None)
        }
        10 => (Method::POST, DELETE.to_owned(), Some(json!([id, other]))),
        11 => {
            let id = encoded(id);
            let queries = [
                format!("id={id}&type=AED&count=true"),
                "type=AED,EvacuationSite&count=true&limit=2".to_owned(),
                format!("type=AED&idPattern={id}&count=true&limit=0"),
                "type=AED&q=remarks==%22x%22&limit=1".to_owned(),
                format!("type=AED&q=seeAlso==%22{id}%22&count=true&options=keyValues"),
                "type=Resident,PersonToken&count=true".to_owned(),
            ];
            let query = queries.choose(random).unwrap();
            (Method::GET, format!("/ngsi-ld/v1/entities?{query}"), None)
        }
        _ => {
            let query = ["", "?options=keyValues", "?type=AED"].choose(random).unwrap();
            (Method::GET, format!("{path}{query}"), None)
        }
    };
    Asked {
        writer: writers.choose(random).unwrap(),
        method,
        target,
        body,
    }
}

/// Requests of each generated conversation.
const REQUESTS: usize = 600;

async fn nothing_tells_them_apart(hidden: &[Value], instead: &[Value], writers: &[&'static str]) {
    let [with, without] = worlds(hidden, instead).await;
    let ids = ids(hidden);
    let seed: u64 = rand::random();
    let mut random = StdRng::seed_from_u64(seed);
    let mut statuses: Vec<u16> = Vec::new();
    let mut tags = [Vec::new(), Vec::new()];
    // A conversation in which nothing is ever written would show nothing: it goes on until everything was answered.
    let is_enough = |statuses: &[u16]| [201, 403, 404, 207].iter().all(|status| statuses.contains(status));
    for number in 0..5 * REQUESTS {
        if number >= REQUESTS && is_enough(&statuses) {
            break;
        }
        let asked = any_request(&mut random, writers, &ids);
        let answers = [asked.of(&with).await, asked.of(&without).await];
        statuses.push(answers[0].status);
        // Contexts are named by where the gateway listens.
        let told = [
            told_among(&answers[0], &mut tags[0]).replace(&with.gateway().url(), "URL"),
            told_among(&answers[1], &mut tags[1]).replace(&without.gateway().url(), "URL"),
        ];
        assert_eq!(
            told[0], told[1],
            "seed {seed}, request {number} of `{}`: {} {} {:?}",
            asked.writer, asked.method, asked.target, asked.body
        );
    }
    assert!(is_enough(&statuses), "seed {seed}: {statuses:?}");
}

#[tokio::test]
async fn whoever_writes_and_whatever_a_world_with_hidden_entities_is_as_one_without() {
    let writers = ["aeds", "north", "open-ones", "listed", "sees-aeds"];
    nothing_tells_them_apart(&hidden(), &[], &writers).await;
}

/// It may write whatever is open and what is pseudonymised, and sees it.
#[tokio::test]
async fn nor_is_it_for_whoever_sees_nearly_everything() {
    let mut hidden = hidden();
    hidden.retain(|entity| entity["type"] != "PersonToken");
    nothing_tells_them_apart(&hidden, &[], &["everything"]).await;
}

#[tokio::test]
async fn so_is_one_with_entities_that_no_permit_of_the_writer_covers() {
    nothing_tells_them_apart(&hidden_aeds(), &[], &["north", "open-ones", "listed"]).await;
}

/// What it sees and may not write has another type in one world, which it does not see.
#[tokio::test]
async fn nor_does_a_type_that_is_hidden_select_anything() {
    let aed = |types: Value| json!({"id": "urn:ngsi-ld:AED:h4", "type": types, "scope": "/south"});
    let (two, one) = (aed(json!(["AED", "EvacuationSite"])), aed(json!("AED")));
    nothing_tells_them_apart(&[two], &[one], &["sees-aeds"]).await;
}

#[track_caller]
fn forbidden(answer: &Answer) {
    assert_eq!(
        (answer.status, answer.error_type().as_str()),
        (403, "about:blank"),
        "{answer}"
    );
}

fn of_type(id: &str, types: impl Into<Value>) -> Value {
    json!({"id": id, "type": types.into()})
}

#[tokio::test]
async fn outside_of_its_namespaces_a_writer_is_refused_whether_something_is_there_or_not() {
    let [platform, _] = worlds(&hidden(), &[]).await;
    for (there, nowhere) in [
        ("urn:ngsi-ld:Resident:h1", "urn:ngsi-ld:Resident:n1"),
        ("urn:x:h1", "urn:x:n1"),
        ("https://elsewhere.example/h1", "https://elsewhere.example/n1"),
    ] {
        let create = |id: &str| platform.create(&of_type(id, "AED")).by("aeds");
        let (of_there, of_nowhere) = (create(there).await, create(nowhere).await);
        forbidden(&of_there);
        assert_eq!(told(&of_there), told(&of_nowhere));
        let detail = of_there.problem().detail;
        assert!(detail.contains("namespace"), "{detail}");
        for path in [CREATE, UPSERT] {
            let ask = |id: &str| platform.post(path).by("aeds").json(&json!([of_type(id, "AED")]));
            let (of_there, of_nowhere) = (ask(there).await, ask(nowhere).await);
            assert_eq!(of_there.json()["errors"][0]["error"]["status"], 403, "{of_there}");
            assert_eq!(
                told(&of_there).replace(there, "ID"),
                told(&of_nowhere).replace(nowhere, "ID")
            );
        }
        let delete = |id: &str| platform.delete(&encoded(id)).by("aeds");
        assert_eq!(told(&delete(there).await), told(&delete(nowhere).await));
    }
}

#[tokio::test]
async fn a_namespace_is_that_of_a_type_or_of_a_pattern_that_a_permit_names() {
    let platform = builder().await.start().await;
    let create = |writer: &str, id: &str| platform.create(&of_type(id, "AED")).by(writer);
    for (writer, id, status) in [
        ("aeds", "urn:ngsi-ld:AED:1", 201),
        ("aeds", "urn:ngsi-ld:AED:1", 409),
        // In another type's namespace, in none, and in what looks like one.
        ("aeds", "urn:ngsi-ld:EvacuationSite:1", 403),
        ("everything", "urn:ngsi-ld:EvacuationSite:1", 403),
        ("aeds", "urn:ngsi-ld:AEDs:1", 403),
        ("aeds", "URN:ngsi-ld:AED:2", 403),
        ("aeds", "urn:ngsi-ld:AED", 403),
        ("aeds", "urn:ngsi-ld:aed:2", 403),
        ("aeds", "https://yaita.example/aed/1", 403),
        ("aeds", "urn:ngsi-ld:AED:Resident:1", 403),
        ("aeds", "urn:ngsi-ld:AED:x%3AResident%3A1", 403),
        // What a permit names takes the place of the type's.
        ("listed", "https://yaita.example/aed/1", 201),
        ("listed", "https://yaita.example/aed/1", 409),
        ("listed", "https://yaita.example/aeds", 403),
        ("listed", "urn:ngsi-ld:AED:listed", 201),
        ("listed", "urn:ngsi-ld:AED:listed1", 403),
        ("listed", "urn:ngsi-ld:AED:1", 403),
        ("listed", "https://yaita.example/aed/Resident/1", 403),
    ] {
        let answer = create(writer, id).await;
        assert_eq!(answer.status, status, "{writer} {id}: {answer}");
    }
    // It sees some AEDs alone, so that the others' ids are not its own.
    let north = |writer: &'static str, id: &str| {
        let mut entity = of_type(id, "AED");
        entity["scope"] = json!("/north");
        platform.create(&entity).by(writer)
    };
    forbidden(&north("north", "urn:ngsi-ld:AED:3").await);
    assert_eq!(north("sees-aeds", "urn:ngsi-ld:AED:3").await.status, 201);
}

#[tokio::test]
async fn who_sees_every_type_of_a_partition_may_use_any_id_that_names_no_person() {
    let platform = builder()
        .await
        .tenants(|table| {
            let sources = section(section(table, "tenants"), "tochigi")["sources"]
                .as_array_mut()
                .unwrap();
            let store = sources[0].as_table_mut().unwrap();
            let provides = "provides = [{ type = \"AED\" }]".parse::<toml::Table>().unwrap();
            store.extend(provides);
        })
        .start()
        .await;
    for (writer, id, status) in [
        ("aeds", "https://anywhere.example/1", 201),
        ("aeds", "urn:x:1", 201),
        ("everything", "urn:y:1", 201),
        ("aeds", "https://anywhere.example/resident/1", 403),
        ("aeds", "urn:ngsi-ld:Resident:1", 403),
        ("aeds", "urn:ngsi-ld:EvacuationSite:1", 403),
        // It sees some of them.
        ("north", "urn:x:2", 403),
    ] {
        let mut entity = of_type(id, "AED");
        entity["scope"] = json!("/north");
        let answer = platform.create(&entity).by(writer).await;
        assert_eq!(answer.status, status, "{writer} {id}: {answer}");
    }
}

#[tokio::test]
async fn nothing_guarded_is_made_in_the_namespace_of_something_else() {
    let platform = builder().await.start().await;
    for (id, types, status) in [
        ("urn:ngsi-ld:AED:1", json!(["AED", "PersonToken"]), 403),
        ("urn:ngsi-ld:AED:3", json!("PersonToken"), 403),
        ("urn:x:1", json!("PersonToken"), 403),
        // Nor in its own: nothing guarded is taken in.
        ("urn:ngsi-ld:PersonToken:1", json!(["AED", "PersonToken"]), 403),
        ("urn:ngsi-ld:PersonToken:2", json!("PersonToken"), 403),
        ("urn:ngsi-ld:PersonToken:3", json!("AED"), 403),
        ("urn:ngsi-ld:AED:2", json!(["EvacuationSite", "AED"]), 201),
    ] {
        let answer = platform.create(&of_type(id, types)).by("everything").await;
        assert_eq!(answer.status, status, "{answer}");
        if status == 403 {
            let absent = platform.create(&of_type(id, "AED")).by("aeds").await;
            assert_ne!(absent.status, 409, "nothing was made: {absent}");
        }
    }
    // Nobody is told whether something has such an id.
    for id in ["urn:ngsi-ld:PersonToken:1", "urn:ngsi-ld:PersonToken:9"] {
        forbidden(&platform.create(&of_type(id, "AED")).by("aeds").await);
    }
}

#[tokio::test]
async fn nor_is_it_loaded_there() {
    let builder = builder().await;
    let folder = builder.files().folder();
    let load = |entities: Value| {
        builder.files().write("guarded.jsonld", entities.to_string());
        Finished::of(folder, &["store", "load", "guarded.jsonld", "--tenant", "yaita"])
    };
    for types in [json!("Resident"), json!(["AED", "Resident"]), json!("NobodyKnowsIt")] {
        let refused = load(json!([
            of_type("urn:ngsi-ld:AED:0", "AED"),
            of_type("urn:ngsi-ld:AED:1", types.clone())
        ]));
        assert!(refused.code != Some(0), "{types}");
        assert!(!refused.stderr.contains("urn:ngsi-ld:AED:1"), "{}", refused.stderr);
        for word in ["entity 2", "`AED`", "nothing was loaded"] {
            assert!(refused.stderr.contains(word), "{word}: {}", refused.stderr);
        }
    }
    let loaded = load(Value::from(hidden()));
    assert_eq!(loaded.code, Some(0), "{}", loaded.stderr);
}

/// What was made while nobody had said that its type is guarded is told like what lies outside, and stays as it is.
#[tokio::test]
async fn a_hidden_entity_in_a_namespace_of_old_is_neither_told_nor_replaced() {
    let old = of_type("urn:ngsi-ld:AED:old", json!(["AED", "PersonToken"]));
    let builder = builder().await;
    let guarded = builder.files().read("policies/classification.toml");
    let open = guarded.replace("\"pseudonymised\"", "\"open\"");
    builder.files().write("policies/classification.toml", open);
    let platform = builder.store("yaita", json!([old]).to_string()).start().await;
    let create = || platform.create(&of_type("urn:ngsi-ld:AED:old", "AED")).by("aeds");
    assert_eq!(create().await.status, 409, "it is an AED like any other");
    platform.files().write("policies/classification.toml", guarded);
    let judged = async {
        loop {
            let answer = create().await;
            if answer.status == 403 {
                return answer;
            }
        }
    };
    let refused = tokio::time::timeout(PATIENCE, judged).await.unwrap();
    let outside = platform.create(&of_type("urn:x:1", "AED")).by("aeds").await;
    assert_eq!(told(&refused), told(&outside));
    let upsert = platform.post(UPSERT).by("aeds");
    let upsert = upsert.json(&json!([of_type("urn:ngsi-ld:AED:old", "AED")])).await;
    assert_eq!(
        upsert.json()["errors"][0]["error"]["detail"],
        refused.problem().detail,
        "{upsert}"
    );
}

/// The statements that a request made the store run, with how many rows each gave. Those to several partitions are run at
/// the same time, so that their order is nobody's. What removes what has expired from time to time is no request's, nor is
/// what makes a connection ready that is opened because another was busy.
async fn statements(platform: &Platform, ask: Ask) -> Vec<String> {
    let before = platform.whole_log().await.len();
    ask.await;
    let log = platform.whole_log().await.split_off(before);
    let is_statement = |line: &&str| line.contains("\"sqlx::query\"") || line.contains("looked up in place");
    let lines = log.lines().filter(is_statement);
    let statement = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        let fields = line.get("fields").unwrap_or(&line);
        let member = |name: &str| fields.get(name).map(Value::to_string).unwrap_or_default();
        ["summary", "db.statement", "rows_returned", "rows_affected"]
            .map(member)
            .join(" ")
    };
    let statements = lines.map(statement);
    let mut statements: Vec<String> = statements
        .filter(|text| !text.contains("expiries") && !text.contains("PRAGMA"))
        .collect();
    statements.sort_unstable();
    statements
}

#[tokio::test]
async fn the_store_runs_the_same_statements_for_a_hidden_id_as_for_an_absent_one() {
    let hidden_ones = Value::from(hidden()).to_string();
    let log = "info,sqlx::query=debug,kakehashi_store=debug";
    let platform = builder().await.log(log).store("yaita", hidden_ones).start().await;
    let existing = of_type("urn:ngsi-ld:AED:there", "AED");
    assert_eq!(platform.create(&existing).by("aeds").await.status, 201);
    // Each partition looks once for what has expired.
    platform.entity("urn:ngsi-ld:AED:there").await;
    // What is seen is found by a statement that gives a row, so that this sees what it is to see.
    let seen = statements(&platform, platform.entity("urn:ngsi-ld:AED:there").tenant("yaita")).await;
    assert!(seen.iter().any(|statement| statement.contains(" 1 ")), "{seen:?}");
    let without_rows = |statements: Vec<String>| -> Vec<String> {
        let texts = statements.into_iter();
        texts
            .map(|text| {
                text.trim_end_matches(|character: char| " 0123456789".contains(character))
                    .to_owned()
            })
            .collect()
    };
    for entity in hidden() {
        let hidden = entity["id"].as_str().unwrap();
        let absent = hidden.replace(":h", ":n").replace("/h", "/n");
        let asks = |id: &str| {
            let path = format!("/ngsi-ld/v1/entities/{}", encoded(id));
            let by_id = format!("/ngsi-ld/v1/entities?id={}&type=AED,Resident&count=true", encoded(id));
            let aed = of_type(id, "AED");
            vec![
                platform.get(path.clone()),
                platform.get(path.clone()).tenant("yaita"),
                platform.get(path.clone()).by("sees-aeds"),
                platform.get(format!("{path}?type=AED")).anonymous(),
                platform.get(by_id),
                platform.create(&aed).by("aeds"),
                platform.post(UPSERT).by("aeds").json(&json!([aed])),
                platform.create(&of_type(id, "PersonToken")).by("aeds"),
                platform.delete(&encoded(id)).by("aeds"),
            ]
        };
        for (of_hidden, of_absent) in asks(hidden).into_iter().zip(asks(&absent)) {
            let asked = format!("{of_hidden:?}");
            let of_hidden = statements(&platform, of_hidden).await;
            let of_absent = statements(&platform, of_absent).await;
            // What has an open type as well, and what could be deleted, is looked at once it was found.
            if entity["type"].is_array() || asked.contains("DELETE") {
                assert_eq!(without_rows(of_hidden), without_rows(of_absent), "{asked}");
            } else {
                assert_eq!(of_hidden, of_absent, "{asked}");
            }
        }
    }
}
