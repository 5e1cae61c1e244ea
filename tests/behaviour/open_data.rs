//! Files of open data, by URL: read at an interval and answered from memory. What they say changes whole; what failed or looks
//! wrong leaves what was there; and what is personal in them is nowhere.

use std::fmt::Write as _;

use serde_json::Value;
use stand_ins::FileSite;
use toml::Table;

use super::harness::{Builder, Platform, section, sources_of, until};

/// What the file is called in tenants.toml.
pub(super) const FILES: &str = "sano-clinics";

/// Longer than any test takes.
const LONG: &str = "7d";

/// A value of a person that occurs nowhere else.
const PERSON: &str = "架空カナ太郎八二七一";
const MOBILE: &str = "090-8271-0000";

/// Clinics with these numbers, as NGSI-LD JSON.
pub(super) fn clinics(numbers: impl IntoIterator<Item = usize>) -> String {
    let clinic = |number: usize| {
        format!(
            r#"{{"id": "urn:ngsi-ld:MedicalInstitution:{number}", "type": "MedicalInstitution",
                "name": {{"type": "Property", "value": "診療所{number}"}},
                "numberOfBeds": {{"type": "Property", "value": {number}}},
                "managerName": {{"type": "Property", "value": "{PERSON}"}},
                "氏名": {{"type": "Property", "value": "{PERSON}"}},
                "unheardOf": {{"type": "Property", "value": "{PERSON}"}},
                "status": {{"type": "Property", "value": "{MOBILE} に電話"}},
                "location": {{"type": "GeoProperty", "value": {{"type": "Point", "coordinates": [{}, 36.3]}}}}}}"#,
            139.0 + number as f64 / 1000.0
        )
    };
    let clinics: Vec<String> = numbers.into_iter().map(clinic).collect();
    format!("[{}]", clinics.join(","))
}

/// The committed configuration with one more source of Sano's.
pub(super) async fn with_files(endpoint: &str, change: impl FnOnce(&mut Table)) -> Builder {
    let builder = Platform::builder().await.administrators();
    builder.tenants(|table| {
        let sano = section(section(table, "tenants"), "sano");
        let text = format!(
            "id = \"{FILES}\"\nadapter = \"open-data\"\nendpoint = \"{endpoint}\"\nrefresh = \"{LONG}\"\n\
             licence = \"CC BY 4.0\"\nattribution = \"佐野市\"\nprovides = [{{ type = \"MedicalInstitution\" }}]"
        );
        let mut source: Table = text.parse().unwrap();
        change(&mut source);
        let sources = sano.entry("sources").or_insert_with(|| toml::Value::Array(Vec::new()));
        sources.as_array_mut().unwrap().push(toml::Value::Table(source));
        assert!(sources_of(sano).count() > 1);
    })
}

async fn with_site(body: String) -> (FileSite, Platform) {
    let site = FileSite::start(0).await.unwrap();
    site.put("/clinics.json", "application/json", body);
    let platform = with_files(&format!("{}/clinics.json", site.url()), |_| {})
        .await
        .start()
        .await;
    (site, platform)
}

/// What administrators are told of the files.
pub(super) async fn told(platform: &Platform) -> Value {
    let sources = platform.admin("ops").get("/admin/v1/sources").await.ok().json();
    let mut sources = sources["sources"].as_array().unwrap().iter();
    sources.find(|source| source["id"] == FILES).unwrap()["files"].clone()
}

/// Has the files looked at once more, and waits for what becomes of it.
pub(super) async fn look_again(platform: &Platform, operation: &str) -> Value {
    let before = told(platform).await["readings"].as_u64().unwrap();
    let path = format!("/admin/v1/sources/{FILES}/{operation}");
    let answer = platform.admin("ops").post(path).await;
    assert_eq!(answer.status, 202, "{answer}");
    loop {
        let told = told(platform).await;
        if told["readings"].as_u64().unwrap() > before {
            return told;
        }
        tokio::task::yield_now().await;
    }
}

fn all() -> &'static str {
    "type=MedicalInstitution&limit=1000&count=true"
}

#[tokio::test]
async fn a_file_answers_questions_exactly_and_is_fetched_once() {
    let (site, platform) = with_site(clinics(0..40)).await;
    let answer = platform.entities(all()).tenant("sano").await.ok();
    assert_eq!((answer.count(), answer.ids().len()), (40, 40), "{answer}");
    assert_eq!(answer.warnings(), [""; 0], "{answer}");
    assert!(answer.header("age").is_some(), "{answer}");
    for (question, count) in [
        ("q=numberOfBeds%3E=30", 10),
        ("q=name==%22%E8%A8%BA%E7%99%82%E6%89%807%22", 1),
        (
            "georel=near%3BmaxDistance==1000&geometry=Point&coordinates=%5B139.0,36.3%5D",
            12,
        ),
        ("id=urn:ngsi-ld:MedicalInstitution:3", 1),
        ("idPattern=:3.$", 10),
    ] {
        let answer = platform
            .entities(format!("{}&{question}", all()))
            .tenant("sano")
            .await
            .ok();
        assert_eq!(
            (answer.count(), answer.ids().len()),
            (count, count),
            "{question}: {answer}"
        );
    }
    let page = "type=MedicalInstitution&limit=7&offset=14&count=true";
    let page = platform.entities(page).tenant("sano").await.ok();
    assert_eq!(
        (page.count(), page.ids()[0].as_str()),
        (40, "urn:ngsi-ld:MedicalInstitution:14")
    );
    let fetched = site.requests().len();
    assert_eq!(fetched, 1, "{:?}", site.requests());
    let told = told(&platform).await;
    assert_eq!(
        (&told["entities"], &told["licence"]),
        (&40.into(), &"CC BY 4.0".into()),
        "{told}"
    );
    assert_eq!(told["attribution"], "佐野市");
}

#[tokio::test]
async fn a_file_that_has_not_changed_costs_nothing_and_one_that_has_is_seen_whole() {
    let (site, platform) = with_site(clinics(0..10)).await;
    platform.entities(all()).tenant("sano").await.ok();
    let unchanged = look_again(&platform, "refresh").await;
    assert_eq!(
        (&unchanged["unchanged"], &unchanged["entities"]),
        (&1.into(), &10.into()),
        "{unchanged}"
    );
    site.put("/clinics.json", "application/json", clinics(3..15));
    let changed = look_again(&platform, "refresh").await;
    assert_eq!(
        (&changed["unchanged"], &changed["entities"]),
        (&1.into(), &12.into()),
        "{changed}"
    );
    assert_eq!(platform.entities(all()).tenant("sano").await.ok().count(), 12);
}

#[tokio::test]
async fn what_was_there_answers_with_a_warning_while_the_file_cannot_be_read() {
    let (site, platform) = with_site(clinics(0..10)).await;
    platform.entities(all()).tenant("sano").await.ok();
    for (media_type, body) in [
        ("text/html", "<!DOCTYPE html><p>ログインしてください"),
        ("application/json", ""),
        ("application/json", "[{\"id\": \"urn:x:1\""),
    ] {
        site.put("/clinics.json", media_type, body);
        let failed = look_again(&platform, "refresh").await;
        assert!(failed["failed"].is_string(), "{body}: {failed}");
        let answer = platform.entities(all()).tenant("sano").await.ok();
        assert_eq!(answer.count(), 10, "{body}");
        assert!(answer.warnings()[0].starts_with("110 "), "{body}: {answer}");
    }
    let metrics = platform.gateway().metrics();
    let line = format!("kakehashi_source_file_readings_total{{outcome=\"failed\",source=\"{FILES}\"}} 3");
    assert!(metrics.contains(&line), "{metrics}");
    site.put("/clinics.json", "application/json", clinics(0..11));
    look_again(&platform, "refresh").await;
    let answer = platform.entities(all()).tenant("sano").await.ok();
    assert_eq!((answer.count(), answer.warnings()), (11, vec![]), "{answer}");
}

#[tokio::test]
async fn a_file_that_shrinks_or_is_renumbered_is_held_back_until_an_administrator_agrees() {
    let (site, mut platform) = with_site(clinics(0..20)).await;
    platform.entities(all()).tenant("sano").await.ok();
    let path = format!("/admin/v1/sources/{FILES}/accept");
    assert_eq!(platform.admin("ops").post(path.clone()).await.status, 409);
    assert_eq!(platform.admin("auditor").post(path.clone()).await.status, 403);
    for (numbers, reason) in [(0..9, "shrunk"), (100..120, "other_ids")] {
        let count = numbers.len();
        site.put("/clinics.json", "application/json", clinics(numbers));
        let held_back = look_again(&platform, "refresh").await["heldBack"].clone();
        assert_eq!(
            (&held_back["reason"], &held_back["now"]),
            (&reason.into(), &count.into())
        );
        let answer = platform.entities(all()).tenant("sano").await.ok();
        assert_eq!(answer.count(), 20, "{answer}");
        assert!(answer.warnings()[0].starts_with("110 "), "{answer}");
        let conditions = platform.admin("ops").get("/admin/v1/conditions").await.ok().json();
        let named = &conditions["conditions"][0];
        assert_eq!(
            (&named["what"], &named["reason"]),
            (&"file-held-back".into(), &reason.into())
        );
    }
    // It is not forgotten by starting again: then nothing is there that could answer.
    platform.gateway_mut().kill();
    platform.start_again().await;
    until("it was read", || {
        platform.gateway().metrics().contains("kakehashi_source_file_held_back")
    })
    .await;
    let accepted = look_again(&platform, "accept").await;
    assert_eq!(
        (&accepted["heldBack"], &accepted["entities"]),
        (&Value::Null, &20.into()),
        "{accepted}"
    );
    let answer = platform.entities(all()).tenant("sano").await.ok();
    assert!(answer.ids()[0].ends_with(":100"), "{answer}");
    assert_eq!(answer.warnings(), [""; 0], "{answer}");
}

#[tokio::test]
async fn a_record_that_is_wrong_costs_itself_alone() {
    let mut body = clinics(0..10);
    body.pop();
    write!(
        body,
        r#", {{"id": 7, "type": "MedicalInstitution"}}, 3, {}"#,
        clinics(9..11).strip_prefix('[').unwrap()
    )
    .unwrap();
    let (_site, platform) = with_site(body).await;
    let answer = platform.entities(all()).tenant("sano").await.ok();
    assert_eq!(answer.ids().len(), 11, "{answer}");
    let told = told(&platform).await;
    assert_eq!(told["leftOut"], 3, "{told}");
}

#[tokio::test]
async fn nothing_of_a_person_is_in_an_answer_a_log_a_metric_or_the_state() {
    let (_site, platform) = with_site(clinics(0..10)).await;
    let answer = platform
        .entities(format!("{}&options=sysAttrs", all()))
        .tenant("sano")
        .await
        .ok();
    let sources = platform.admin("ops").get("/admin/v1/sources").await.ok();
    let mut written = vec![
        answer.everything(),
        sources.everything(),
        platform.gateway().metrics(),
        platform.whole_log().await,
    ];
    for asked in ["managerName", "氏名", "unheardOf"] {
        let q = super::harness::encoded(&format!("{asked}==\"{PERSON}\""));
        let found = platform
            .entities(format!("{}&q={q}", all()))
            .tenant("sano")
            .by("sano-dashboard")
            .await;
        written.push(found.everything());
    }
    let mut folders = vec![platform.files().folder().to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                written.push(String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned());
            }
        }
    }
    for text in written {
        assert!(!text.contains(PERSON) && !text.contains(MOBILE), "{text}");
    }
}

#[tokio::test]
async fn a_class_that_becomes_stricter_takes_what_was_read_away() {
    let (site, platform) = with_site(clinics(0..10)).await;
    let shown = |answer: super::harness::Answer| answer.entities()[0].get("numberOfBeds").is_some();
    assert!(shown(platform.entities(all()).tenant("sano").await.ok()));
    let read = site.requests().len();
    let classification = platform.files().read("policies/classification.toml");
    let stricter = classification.replace("\"numberOfBeds\", ", "");
    assert_ne!(classification, stricter);
    let stricter = stricter.replace(
        "[types.MedicalInstitution.attributes]\n",
        "[types.MedicalInstitution.attributes]\npersonal = [\"numberOfBeds\"]\n",
    );
    let bytes = told(&platform).await["bytes"].as_u64().unwrap();
    super::reload::edit(&platform, |files| {
        files.write("policies/classification.toml", &stricter);
    })
    .await;
    assert!(!shown(platform.entities(all()).tenant("sano").await.ok()));
    assert_eq!(site.requests().len(), read + 1, "it was read anew");
    assert!(told(&platform).await["bytes"].as_u64().unwrap() < bytes);
}
