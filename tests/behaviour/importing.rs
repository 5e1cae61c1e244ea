//! `kakehashi import`: very many entities from files into one partition. What may not rest there is refused record by record and the
//! rest is written; what is as it was is told to nobody; a stopped import goes on where it was.

use std::fmt::Write as _;
use std::process::Stdio;

use serde_json::{Value, json};

use super::harness::{Client, Files, Finished, kakehashi, key_of, until};
use super::notifications::{body_of, endpoint};
use super::subscriptions::{self, subscribed, to_aeds};

const MY_NUMBER: &str = "983205673214";

fn aed(number: u32) -> Value {
    json!({
        "id": format!("urn:ngsi-ld:AED:imported-{number}"),
        "type": "AED",
        "name": { "type": "Property", "value": format!("庁舎 {number}") },
        "location": { "type": "GeoProperty", "value": { "type": "Point", "coordinates": [139.5 + 0.0001 * f64::from(number), 36.3] } },
    })
}

fn lines(numbers: impl Iterator<Item = u32>) -> String {
    numbers.fold(String::new(), |mut text, number| {
        let _ = writeln!(text, "{}", aed(number));
        text
    })
}

fn import(files: &Files, arguments: &[&str]) -> Finished {
    let arguments = [&["import", "--tenant", "yaita"], arguments].concat();
    Finished::of(files.folder(), &arguments)
}

#[track_caller]
fn imported(files: &Files, arguments: &[&str], says: &str) -> Finished {
    let finished = import(files, arguments);
    assert_eq!(finished.code, Some(0), "{arguments:?}: {finished:?}");
    assert_eq!(
        finished.stdout.trim(),
        format!("yaita: {says}"),
        "{arguments:?}: {finished:?}"
    );
    finished
}

fn counted(files: &Files) -> String {
    let listed = Finished::of(files.folder(), &["store", "list", "--tenant", "yaita"]);
    let words: Vec<&str> = listed.stdout.split_whitespace().collect();
    words.join(" ")
}

#[test]
fn each_form_of_a_file_is_imported_and_once_more_changes_nothing() {
    let files = Files::committed();
    files.write("array.json", json!([aed(1), aed(2)]).to_string());
    files.write("lines.jsonl", format!("\u{feff}{}\n\n{}\n", aed(3), aed(4)));
    files.write("one.json", format!("{:#}", aed(5)));
    let feature = |number: u32| {
        let mut entity = aed(number);
        let members = entity.as_object_mut().unwrap();
        let id = members.remove("id").unwrap();
        let geometry = members["location"]["value"].clone();
        json!({ "id": id, "type": "Feature", "geometry": geometry, "properties": members })
    };
    files.write(
        "features.geojson",
        json!({ "type": "FeatureCollection", "features": [feature(6), feature(7)] }).to_string(),
    );
    let all = ["array.json", "lines.jsonl", "one.json", "features.geojson"];
    let told = imported(&files, &all, "7 created, 0 replaced, 0 unchanged, 0 refused");
    assert!(
        told.stderr.contains("into the file ") && told.stderr.contains("yaita.db"),
        "{told:?}"
    );
    assert_eq!(counted(&files), "7 AED");
    imported(&files, &all, "0 created, 0 replaced, 7 unchanged, 0 refused");
    let mut changed = aed(1);
    changed["name"]["value"] = "別館".into();
    files.write("array.json", json!([changed, aed(2)]).to_string());
    imported(&files, &all, "0 created, 1 replaced, 6 unchanged, 0 refused");
    let shown = Finished::well(
        files.folder(),
        &["store", "show", "--tenant", "yaita", "urn:ngsi-ld:AED:imported-6"],
    );
    let shown: Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!(
        shown["location"]["value"]["coordinates"],
        json!([139.5006, 36.3]),
        "{shown}"
    );
    // By the other command, too.
    let loaded = Finished::well(files.folder(), &["store", "load", "--tenant", "yaita", "array.json"]);
    assert!(
        loaded.stdout.contains("0 created, 0 replaced, 2 unchanged"),
        "{loaded:?}"
    );
    let history = Finished::well(files.folder(), &["store", "history", "--json"]);
    let history: Value = serde_json::from_str(&history.stdout).unwrap();
    assert_eq!(history["acts"].as_array().unwrap().len(), 3, "{history}");
    assert_eq!(history["acts"][0]["act"], "import");
    assert_eq!(
        history["acts"][0]["outcome"],
        "imported: 7 created, 0 replaced, 0 unchanged, 0 refused"
    );
}

#[test]
fn standard_input_is_imported_and_an_own_context_counts() {
    let files = Files::committed();
    let mut own = aed(1);
    own["@context"] = json!({ "Defibrillator": "https://example.jp/Defibrillator" });
    own["type"] = "Defibrillator".into();
    own["id"] = "urn:own:1".into();
    let mut unknown = aed(2);
    unknown["@context"] = "https://elsewhere.example/c.jsonld".into();
    files.write("own.jsonl", format!("{own}\n{unknown}\n{}\n", aed(3)));
    let mut command = kakehashi(files.folder());
    let input = std::fs::File::open(files.folder().join("own.jsonl")).unwrap();
    command
        .args(["import", "--tenant", "yaita", "-"])
        .stdin(Stdio::from(input));
    let finished = Finished::of_command(&mut command, files.folder());
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(
        finished
            .stdout
            .contains("1 created, 0 replaced, 0 unchanged, 2 refused"),
        "{finished:?}"
    );
    for says in [
        // Nobody has classified it.
        "standard input: record 1 (line 1): https://example.jp/Defibrillator: entities of this type are not taken",
        "standard input: record 2 (line 2): @context: its @context names https://elsewhere.example/c.jsonld",
    ] {
        assert!(finished.stderr.contains(says), "{says}: {}", finished.stderr);
    }
}

#[test]
fn what_is_refused_is_told_with_its_place_and_the_rest_is_written() {
    let files = Files::committed();
    let mut numbered = aed(3);
    numbered["remarks"] = json!({ "type": "Property", "value": format!("番号 {MY_NUMBER}") });
    let mut named = aed(4);
    named["fullName"] = json!({ "type": "Property", "value": "架空 太郎" });
    let resident = json!({ "id": "urn:ngsi-ld:Resident:9", "type": "Resident" });
    let records = [
        aed(1).to_string(),
        "{\"id\": \"urn:ngsi-ld:AED:2\"".to_owned(),
        numbered.to_string(),
        named.to_string(),
        resident.to_string(),
        "{\"id\": \"urn:ngsi-ld:AED:6\", \"type\": \"AED\", \"name\": {\"type\": \"Nothing\"}}".to_owned(),
        aed(7).to_string(),
    ];
    files.write("mixed.jsonl", records.join("\n"));
    let arguments = ["mixed.jsonl", "--report", "refused.jsonl"];
    let tried = import(&files, &["mixed.jsonl", "--report", "tried.jsonl", "--dry-run"]);
    assert_eq!(tried.code, Some(1), "{tried:?}");
    assert!(
        tried
            .stdout
            .contains("2 would be imported, 5 refused; nothing was written"),
        "{tried:?}"
    );
    assert!(
        !files.folder().join("store/yaita.db").exists(),
        "a dry run makes nothing"
    );
    let finished = import(&files, &arguments);
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(
        finished
            .stdout
            .contains("2 created, 0 replaced, 0 unchanged, 5 refused"),
        "{finished:?}"
    );
    assert_eq!(counted(&files), "2 AED");
    let report: Vec<Value> = files
        .read("refused.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let told: Vec<(u64, u64, &Value)> = report
        .iter()
        .map(|one| {
            (
                one["record"].as_u64().unwrap(),
                one["line"].as_u64().unwrap(),
                &one["member"],
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (2, 2, &Value::Null),
            (3, 3, &json!("remarks")),
            (4, 4, &json!("fullName")),
            (5, 5, &json!("Resident")),
            (6, 6, &json!("name.type")),
        ]
    );
    assert_eq!(report[1]["byte"], records[0].len() + records[1].len() + 2);
    let everything = format!(
        "{}{}{:?}",
        finished.stderr,
        files.read("refused.jsonl"),
        finished.stdout
    );
    for secret in [MY_NUMBER, "架空", "Resident:9"] {
        assert!(!everything.contains(secret), "{secret}: {everything}");
    }
    assert!(
        finished.stderr.contains("5 records were refused; mend them"),
        "{finished:?}"
    );
}

#[test]
fn a_report_takes_the_place_of_nothing() {
    let files = Files::committed();
    files.write("some.jsonl", format!("{}\nno json\n", aed(1)));
    files.write("notes.jsonl", "{\"id\": 1}\n");
    let before = |name: &str| std::fs::read(files.folder().join(name)).unwrap();
    for (report, says) in [
        (
            "some.jsonl",
            "some.jsonl is the file that is imported: name another one for the report",
        ),
        ("./some.jsonl", "is the file that is imported"),
        (
            "tenants.toml",
            "tenants.toml is there already: name another file for the report",
        ),
        ("notes.jsonl", "notes.jsonl is there already"),
        ("none/refused.jsonl", "cannot write none/refused.jsonl"),
    ] {
        let is_there = !report.starts_with("none");
        let was = is_there.then(|| before(report));
        for more in [&[][..], &["--resume"], &["--dry-run"]] {
            let finished = import(&files, &[&["some.jsonl", "--report", report], more].concat());
            assert_eq!(finished.code, Some(1), "{report}: {finished:?}");
            assert!(finished.stderr.contains(says), "{says}: {finished:?}");
        }
        assert_eq!(is_there.then(|| before(report)), was, "{report}");
    }
    assert!(!files.folder().join("store/yaita.db").exists(), "nothing was imported");
    let first = import(&files, &["some.jsonl", "--report", "refused.jsonl"]);
    assert!(first.stderr.contains("1 record was refused; mend it"), "{first:?}");
    let mode = std::fs::metadata(files.folder().join("refused.jsonl"))
        .unwrap()
        .permissions();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777, 0o600);
    let again = import(&files, &["some.jsonl", "--report", "refused.jsonl"]);
    assert!(again.stderr.contains("refused.jsonl is there already"), "{again:?}");
    import(&files, &["some.jsonl", "--report", "refused.jsonl", "--resume"]);
    assert_eq!(
        files.read("refused.jsonl").lines().count(),
        2,
        "it goes on behind what is there"
    );
}

#[test]
fn a_stop_that_is_of_another_import_is_told() {
    let files = Files::committed();
    files.write("some.jsonl", lines(1..2));
    let stopped = json!({ "tenant": "sano", "into": "elsewhere", "records": 1, "digest": "x" }).to_string();
    for (state, says) in [
        (
            stopped.as_str(),
            "is of an import into another place, of the tenant `sano`: this one begins anew",
        ),
        ("nothing", "cannot be read, so that the import begins anew"),
    ] {
        files.write("some.jsonl.kakehashi-import", state);
        let finished = import(&files, &["some.jsonl", "--resume"]);
        assert_eq!(finished.code, Some(0), "{finished:?}");
        assert!(finished.stderr.contains(says), "{says}: {finished:?}");
    }
}

#[test]
fn a_file_that_is_no_such_thing_says_what_to_do() {
    let files = Files::committed();
    let plain = json!({ "type": "FeatureCollection", "features": [
        { "type": "Feature", "geometry": { "type": "Point", "coordinates": [139.5, 36.3] }, "properties": { "name": "x" } },
    ] });
    for (text, says) in [
        (plain.to_string(), "it is plain GeoJSON and not that of NGSI-LD"),
        ("id,name\n1,x\n".to_owned(), "it holds neither an array nor an object"),
        (
            format!("[{},", aed(1)),
            "it is not JSON from line 1 on: the array has no end",
        ),
        (
            "{\"type\": \"FeatureCollection\", \"features\": [], \"features\": []}".to_owned(),
            "the collection has `features` twice",
        ),
        (String::new(), "it holds neither an array nor an object"),
    ] {
        files.write("wrong", &text);
        let finished = import(&files, &["wrong"]);
        assert_eq!(finished.code, Some(1), "{text}: {finished:?}");
        assert!(finished.stderr.contains(says), "{says}: {finished:?}");
    }
    // What stands before the end that is missing was imported.
    assert_eq!(counted(&files), "1 AED");
    let none = import(&files, &["none.json"]);
    assert!(none.stderr.contains("cannot read none.json: No such file"), "{none:?}");
    let again = import(&files, &["-", "--resume"]);
    assert!(
        again.stderr.contains("standard input cannot be read again"),
        "{again:?}"
    );
}

#[test]
fn an_import_that_was_killed_goes_on_where_it_was() {
    const ALL: u32 = 12_000;
    let files = Files::committed();
    files.write("many.jsonl", lines(0..ALL));
    let mut command = kakehashi(files.folder());
    command.args(["import", "--tenant", "yaita", "many.jsonl"]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut importing = command.spawn().unwrap();
    let state = files.folder().join("many.jsonl.kakehashi-import");
    while !state.exists() {
        assert_eq!(
            importing.try_wait().unwrap(),
            None,
            "it has ended before it came so far"
        );
        std::thread::yield_now();
    }
    importing.kill().unwrap();
    importing.wait().unwrap();
    let stopped: Value = serde_json::from_slice(&std::fs::read(&state).unwrap()).unwrap();
    let before = u32::try_from(stopped["records"].as_u64().unwrap()).unwrap();
    assert!((5_000..ALL).contains(&before), "{stopped}");
    let anew = import(&files, &["many.jsonl", "--dry-run"]);
    assert_eq!(anew.code, Some(0), "{anew:?}");
    let finished = import(&files, &["many.jsonl", "--resume"]);
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert!(
        finished.stderr.contains(&format!("goes on behind record {before}")),
        "{finished:?}"
    );
    let of = |word: &str| {
        let words: Vec<&str> = finished.stdout.split([' ', ',']).collect();
        let place = words.iter().position(|one| *one == word).unwrap();
        words[place - 1].parse::<u32>().unwrap()
    };
    // What was committed and not written down is looked at once more.
    assert_eq!(of("created") + of("unchanged"), ALL - before, "{finished:?}");
    assert_eq!(counted(&files), format!("{ALL} AED"));
    assert!(!state.exists(), "it has come to its end");
    // Another file of that name is not taken for it.
    files.write("many.jsonl.kakehashi-import", stopped.to_string());
    files.write("many.jsonl", lines(1..ALL));
    let another = import(&files, &["many.jsonl", "--resume"]);
    assert!(
        another.stderr.contains("is not as it was when its import was stopped"),
        "{another:?}"
    );
}

/// The entities that notifications name.
fn told_ids(server: &stand_ins::Server) -> Vec<String> {
    let mut ids: Vec<String> = server
        .requests()
        .iter()
        .flat_map(|request| {
            let body = body_of(request);
            let data = body["data"].as_array().unwrap().clone();
            data.into_iter().map(|entity| entity["id"].as_str().unwrap().to_owned())
        })
        .collect();
    ids.sort();
    ids
}

#[tokio::test]
async fn subscribers_are_told_of_what_has_changed_and_of_nothing_else() {
    let (platform, server) = (subscriptions::platform().await, endpoint().await);
    let files = platform.files();
    subscribed(
        &platform,
        "watcher",
        &to_aeds(&format!("{}/n", server.url()), &json!({})),
    )
    .await;
    files.write("some.jsonl", lines(1..4));
    let told = imported(files, &["some.jsonl"], "3 created, 0 replaced, 0 unchanged, 0 refused");
    assert!(told.stderr.contains("a gateway may run on it"), "{told:?}");
    until("it is told", || told_ids(&server).len() == 3).await;
    // The same once more, and one that is new: of that alone somebody hears.
    imported(files, &["some.jsonl"], "0 created, 0 replaced, 3 unchanged, 0 refused");
    files.write("some.jsonl", lines(1..5));
    imported(files, &["some.jsonl"], "1 created, 0 replaced, 3 unchanged, 0 refused");
    until("the new one is told", || told_ids(&server).len() >= 4).await;
    let ids: Vec<String> = (1..5)
        .map(|number| format!("urn:ngsi-ld:AED:imported-{number}"))
        .collect();
    assert_eq!(told_ids(&server), ids);
}

#[tokio::test]
async fn through_a_gateway_it_is_judged_as_whoever_writes() {
    let (platform, server) = (subscriptions::platform().await, endpoint().await);
    let files = platform.files();
    subscribed(
        &platform,
        "watcher",
        &to_aeds(&format!("{}/n", server.url()), &json!({})),
    )
    .await;
    let mut named = aed(3);
    named["fullName"] = json!({ "type": "Property", "value": "架空 太郎" });
    let mut with_context = aed(4);
    with_context["@context"] = json!({});
    with_context["type"] = json!("https://example.jp/None");
    files.write(
        "some.json",
        json!([aed(1), aed(2), named, { "id": "urn:ngsi-ld:AED:5" }, with_context]).to_string(),
    );
    let url = platform.gateway().url();
    let through = |consumer: &str| {
        let mut command = kakehashi(files.folder());
        let arguments = ["import", "--tenant", "yaita", "--url", &url, "some.json"];
        command.args(arguments).env("KAKEHASHI_KEY", key_of(consumer));
        Finished::of_command(&mut command, files.folder())
    };
    let finished = through("writer");
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert_eq!(finished.stdout.trim(), "yaita: 2 written, 3 refused", "{finished:?}");
    for says in [
        "record 3 (line 1): ",
        "record 4 (line 1): ",
        "record 5 (line 1): ",
        "through the gateway at",
    ] {
        assert!(finished.stderr.contains(says), "{says}: {finished:?}");
    }
    until("it is told", || told_ids(&server).len() == 2).await;
    let stranger = through("nobody-knows");
    assert_eq!(stranger.code, Some(1));
    assert!(stranger.stderr.contains("the gateway refuses (401)"), "{stranger:?}");
    assert!(stranger.stderr.contains("KAKEHASHI_KEY"), "{stranger:?}");
    assert!(!stranger.stderr.contains(&key_of("nobody-knows")));
    let other: &Client = &platform;
    assert_eq!(
        other
            .entities("type=AED")
            .tenant("yaita")
            .by("watcher")
            .await
            .ok()
            .ids()
            .len(),
        2
    );
}
