//! The second line: a person's number or address in a value that is open by its name is masked on every way out, as the
//! owner has said; it is counted and told, and nothing tells what it was.

use serde_json::{Value, json};
use toml::Value as Toml;

use super::harness::{Builder, Finished, Platform, encoded, members, section, until};
use super::notifications::{body_of, endpoint};

/// None of them is anybody's: the numbers are given to nobody, and the domain is reserved.
const MY_NUMBER: &str = "983205673214";
const MOBILE: &str = "090-0000-0042";
const EMAIL: &str = "nobody@example.com";
const LINE: &str = "U00000000000000000000000000000042";

const WITH_VALUES: &str = "urn:ngsi-ld:AED:with-values";
const WITHOUT: &str = "urn:ngsi-ld:AED:without";

fn property(value: impl Into<Value>) -> Value {
    json!({"type": "Property", "value": value.into()})
}

/// An AED whose open attributes hold what they should not.
fn with_values() -> Value {
    json!({
        "id": WITH_VALUES, "type": "AED", "name": property(format!("市役所（鍵 {MOBILE}）")),
        "remarks": {"type": "Property", "value": format!("控え {MY_NUMBER}、{EMAIL}"), "accuracy": property(LINE)},
        "contactPointPhoneNumber": property(MOBILE),
        "serviceDay": {"type": "Property", "value": ["月", {"担当": "０９０－００００－００４２"}]},
        "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [139.9, 36.8]}},
    })
}

fn without() -> Value {
    json!({
        "id": WITHOUT, "type": "AED", "name": property("小学校"), "remarks": property("体育館（2階）"),
        "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [139.9, 36.8]}},
    })
}

async fn builder() -> Builder {
    let more = [with_values(), without()];
    let watches = "permit (principal in Role::\"reader\", action in [Action::\"subscribe\", Action::\"provide\"], \
                   resource in Tenant::\"yaita\");";
    Platform::builder()
        .await
        .policy("yaita.cedar", watches)
        .tenants(|table| {
            let ranges = Toml::Array(vec!["127.0.0.0/8".into()]);
            section(table, "gateway").insert("egress_allow".into(), ranges);
        })
        .store("yaita", Value::from(more.to_vec()).to_string())
}

/// With what Yaita says of inspection, as TOML.
async fn inspecting(inspection: &str) -> Platform {
    let said: toml::Table = format!("inspection = {inspection}").parse().unwrap();
    let changed = builder().await.tenants(|table| {
        section(section(table, "tenants"), "yaita").extend(said);
    });
    changed.start().await
}

/// No answer holds one of the values; the facility's own number may be there once.
fn assert_masked(text: &str, asked: &str) {
    for value in [MY_NUMBER, EMAIL, LINE, "００４２", "鍵 090"] {
        assert!(!text.contains(value), "{value} leaves by {asked}: {text}");
    }
}

const AEDS: &str = "/ngsi-ld/v1/entities?type=AED";

#[tokio::test]
async fn it_is_masked_in_every_representation_and_on_every_way_out() {
    let platform = builder().await.start().await;
    let target = |query: &str| format!("{AEDS}&limit=1000{query}");
    for (media_type, extra) in [
        ("application/json", ""),
        ("application/json", "&options=sysAttrs"),
        ("application/json", "&options=keyValues"),
        ("application/json", "&format=concise"),
        ("application/ld+json", ""),
        ("application/geo+json", ""),
        ("application/geo+json", "&options=keyValues"),
        ("application/json", "&pick=id,remarks,name"),
        ("application/json", "&attrs=remarks,serviceDay"),
        ("application/json", "&local=true"),
    ] {
        // One source decides alone, and several together.
        for tenant in [Some("yaita"), None] {
            let one = format!("/ngsi-ld/v1/entities/{WITH_VALUES}?{}", extra.trim_start_matches('&'));
            for target in [target(extra), one] {
                let mut ask = platform.get(&target).accept(media_type);
                if let Some(tenant) = tenant {
                    ask = ask.tenant(tenant);
                }
                let text = String::from_utf8(ask.await.ok().body.to_vec()).unwrap();
                assert!(text.contains("***") && text.contains(WITH_VALUES), "{target}: {text}");
                assert_masked(&text, &target);
            }
        }
    }
    let shown = platform.entity(WITH_VALUES).await.ok().json();
    assert_eq!(shown["name"]["value"], "市役所（鍵 ***）");
    assert_eq!(shown["remarks"]["value"], "控え ***、***");
    assert_eq!(shown["remarks"]["accuracy"]["value"], "***");
    assert_eq!(shown["serviceDay"]["value"], json!(["月", {"担当": "***"}]));
    assert_eq!(
        shown["contactPointPhoneNumber"]["value"], MOBILE,
        "a facility's own number is reported, not masked"
    );
    let other = platform.entity(WITHOUT).await.ok().json();
    assert_eq!(other["remarks"]["value"], "体育館（2階）");
}

#[tokio::test]
async fn a_large_list_that_is_sent_as_it_arrives_is_masked_too() {
    let long = "矢板".repeat(2000);
    let many: Vec<Value> = (0..200)
        .map(|number| {
            json!({"id": format!("urn:ngsi-ld:AED:large-{number:03}"), "type": "AED", "name": property(long.clone()),
                "remarks": property(format!("鍵 {MOBILE}"))})
        })
        .collect();
    let platform = builder()
        .await
        .store("yaita", Value::from(many).to_string())
        .start()
        .await;
    let answer = platform.get(format!("{AEDS}&limit=1000")).tenant("yaita").await.ok();
    assert!(answer.header("content-length").is_none(), "it is sent as it arrives");
    assert_masked(&String::from_utf8_lossy(&answer.body), "streaming");
    let masked = answer
        .entities()
        .iter()
        .filter(|entity| entity["remarks"]["value"] == "鍵 ***")
        .count();
    assert_eq!(masked, 200);
}

#[tokio::test]
async fn a_notification_is_masked_too() {
    let (platform, server) = (builder().await.start().await, endpoint().await);
    for (path, more) in [
        ("normalized", json!({})),
        (
            "geojson",
            json!({"endpoint": {"uri": format!("{}/geojson", server.url()), "accept": "application/geo+json"}}),
        ),
        ("changes", json!({"showChanges": true})),
        ("values", json!({"format": "keyValues"})),
    ] {
        let mut notification = json!({"endpoint": {"uri": format!("{}/{path}", server.url())}});
        notification
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let subscription = json!({"type": "Subscription", "entities": [{"type": "AED"}], "localOnly": true,
            "notificationTrigger": ["entityCreated", "entityUpdated", "entityDeleted"], "notification": notification});
        let made = platform
            .post("/ngsi-ld/v1/subscriptions")
            .tenant("yaita")
            .json(&subscription)
            .await;
        assert_eq!(made.status, 201, "{made}");
    }
    for (number, count) in [(MOBILE, 4), ("090-0000-0043", 8)] {
        let mut changed = with_values();
        changed["remarks"] = property(format!("鍵 {number} {}", number.len()));
        changed["name"] = property(number.replace('-', "x"));
        // Nobody may write it; an operator may load it.
        platform.files().write("changed.jsonld", json!([changed]).to_string());
        let arguments = ["store", "load", "changed.jsonld", "--tenant", "yaita"];
        Finished::well(platform.files().folder(), &arguments);
        until("notifications come", || server.requests().len() >= count).await;
    }
    for request in server.requests() {
        let text = body_of(&request).to_string();
        assert!(text.contains("鍵 ***"), "{} {text}", request.path);
        assert!(!text.contains("鍵 090"), "{} {text}", request.path);
    }
}

#[tokio::test]
async fn what_is_done_is_the_owners_word_rule_by_rule() {
    let reports = inspecting("\"report\"").await;
    let shown = reports.entity(WITH_VALUES).await.ok().json();
    assert_eq!(shown["remarks"]["value"], format!("控え {MY_NUMBER}、{EMAIL}"));

    let masks = inspecting("\"mask\"").await;
    let shown = masks.entity(WITH_VALUES).await.ok().json();
    assert_eq!(shown["contactPointPhoneNumber"]["value"], "***");

    let drops = inspecting("\"drop\"").await;
    let shown = drops.entity(WITH_VALUES).await.ok().json();
    assert_eq!(members(&shown), ["id", "location", "type"], "{shown}");
    assert_eq!(drops.entity(WITHOUT).await.ok().json()["name"]["value"], "小学校");

    let mixed = inspecting("{ my_number = \"report\", email = \"drop\", mobile_phone = \"report\" }").await;
    let shown = mixed.entity(WITH_VALUES).await.ok().json();
    assert!(shown.get("remarks").is_none(), "{shown}");
    assert_eq!(shown["name"]["value"], format!("市役所（鍵 {MOBILE}）"));
}

/// What one tenant says holds for its own data alone.
#[tokio::test]
async fn one_tenants_word_says_nothing_of_anothers_data() {
    let said: toml::Table = "inspection = \"report\"".parse().unwrap();
    let changed = builder()
        .await
        .tenants(|table| section(section(table, "tenants"), "sano").extend(said));
    let platform = changed.start().await;
    let shown = platform.entity(WITH_VALUES).await.ok().json();
    assert_eq!(shown["remarks"]["value"], "控え ***、***");
}

#[tokio::test]
async fn what_is_masked_cannot_be_guessed_by_conditions() {
    let platform = builder().await.start().await;
    let count = async |q: &str| {
        let query = format!(
            "type=AED&count=true&limit=1000&id={WITH_VALUES},{WITHOUT}&q={}",
            encoded(q)
        );
        let answer = platform.entities(query).tenant("yaita").await.ok();
        assert_eq!(answer.count(), answer.ids().len(), "{q}");
        answer.count()
    };
    for guess in [
        format!("name==\"市役所（鍵 {MOBILE}）\""),
        format!("remarks~=\".*{MY_NUMBER}.*\""),
        "remarks~=\".*9832.*\"".to_owned(),
        "remarks~=\".*[0-9]{12}.*\"".to_owned(),
        "remarks~=\".*nobody.*\"".to_owned(),
        format!("remarks.accuracy==\"{LINE}\""),
        "serviceDay[担当]~=\".*４２\"".to_owned(),
        "name~=\"市役所（鍵 090-0.*\"".to_owned(),
    ] {
        assert_eq!(count(&guess).await, 0, "{guess}");
    }
    // Whatever else a condition admits, and where it denies, a right guess finds what a wrong one finds.
    let wrong = ("983205673222", "9833", "090-0000-0043", "nobody@example.org");
    let right = (MY_NUMBER, "9832", MOBILE, EMAIL);
    let guesses = |(number, digits, mobile, email): (&str, &str, &str, &str)| {
        [
            format!("remarks!~=\".*{digits}.*\""),
            format!("remarks~=\".*{digits}.*\"|remarks~=\"控え.*\""),
            format!("remarks~=\".*({number}|[*]).*\""),
            format!("name!=\"市役所（鍵 {mobile}）\""),
            format!("name==\"市役所（鍵 {mobile}）\"|name==\"市役所（鍵 ***）\""),
            format!("remarks!=\"控え {number}、{email}\";name"),
            format!("remarks>\"控え {number}\"|name~=\".*\""),
        ]
    };
    for (right, wrong) in guesses(right).iter().zip(&guesses(wrong)) {
        let found = count(right).await;
        assert_eq!(found, count(wrong).await, "{right}");
        assert!(found > 0, "{right} would find nothing anyway");
    }
    // What is left of it is there to be asked for, and so is everything else.
    assert_eq!(count("remarks~=\"控え.*\"").await, 1);
    assert_eq!(count("name==\"小学校\"").await, 1);
    assert_eq!(count("name~=\".*校\"").await, 1);
    assert_eq!(count("remarks").await, 2);
}

#[tokio::test]
async fn whether_what_is_masked_rests_as_a_number_or_a_text_cannot_be_told() {
    let number: u64 = MY_NUMBER.parse().unwrap();
    let holding = |id: &str, value: Value| {
        json!({
            "id": format!("urn:ngsi-ld:AED:as-{id}"), "type": "AED", "remarks": property(value),
            "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [139.9, 36.8]}},
        })
    };
    let stored = json!([holding("number", number.into()), holding("text", MY_NUMBER.into())]);
    let platform = builder().await.store("yaita", stored.to_string()).start().await;
    for (condition, found) in [
        ("remarks~=\".*\"", 2),
        ("remarks~=\".\"", 2),
        ("remarks~=\"^\"", 2),
        ("remarks~=\"$\"", 2),
        ("remarks!~=\".*\"", 0),
    ] {
        let query = format!("type=AED&limit=1000&q={}", encoded(condition));
        let answer = platform.entities(query).tenant("yaita").await.ok();
        let ids = answer.ids();
        let ours = ids.iter().filter(|id| id.contains(":as-"));
        assert_eq!(ours.count(), found, "{condition}: {answer}");
    }
}

#[tokio::test]
async fn what_was_found_is_counted_and_told_and_never_shown() {
    let mut platform = builder().await.start().await;
    platform.entities("type=AED&limit=1000").tenant("yaita").await.ok();
    platform.entity(WITH_VALUES).by("sano-dashboard").await.ok();
    until("it is told", || {
        let log = platform.gateway().stderr();
        let told = log.lines().filter(|line| line.contains("inspection found"));
        told.filter(|line| line.contains("sano-dashboard")).count() >= 4
    })
    .await;
    let log = platform.gateway().stderr();
    let told: Vec<Value> = log
        .lines()
        .filter(|line| line.contains("inspection found"))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let has = |rule: &str, action: &str, attribute: &str| {
        told.iter().any(|line| {
            line["tenant"] == "yaita"
                && line["consumer"] == "bousai-map"
                && (&line["rule"], &line["action"], &line["attribute"])
                    == (&rule.into(), &action.into(), &attribute.into())
        })
    };
    assert!(has("my_number", "mask", "remarks"), "{told:?}");
    assert!(has("email", "mask", "remarks"), "{told:?}");
    assert!(has("mobile_phone", "mask", "name"), "{told:?}");
    assert!(has("mobile_phone", "report", "contactPointPhoneNumber"), "{told:?}");
    platform.gateway().keep_metrics();
    let metrics = std::fs::read_to_string(platform.gateway().folder().join("metrics")).unwrap();
    for line in [
        "kakehashi_inspection_findings_total{action=\"mask\",rule=\"my_number\",tenant=\"yaita\"} 2",
        "kakehashi_inspection_findings_total{action=\"report\",rule=\"mobile_phone\",tenant=\"yaita\"} 2",
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
    platform.gateway().terminate();
    platform.gateway_mut().wait();
    let written = format!(
        "{}{}{metrics}",
        platform.gateway().stderr(),
        platform.gateway().stdout()
    );
    for value in [MY_NUMBER, MOBILE, EMAIL, LINE, "００４２", WITH_VALUES] {
        assert!(!written.contains(value), "{value} was written");
    }
}

#[tokio::test]
async fn a_reload_changes_it_and_keeps_the_counts() {
    let platform = builder().await.start().await;
    let ask = async || platform.entity(WITH_VALUES).await.ok().json()["remarks"]["value"].clone();
    assert_eq!(ask().await, "控え ***、***");
    platform.files().change_tenants(|table| {
        section(section(table, "tenants"), "yaita").insert("inspection".into(), "report".into());
    });
    platform.gateway().hang_up();
    until("the edit holds", || {
        platform.gateway().stderr().contains("a new revision holds")
    })
    .await;
    assert_eq!(ask().await, format!("控え {MY_NUMBER}、{EMAIL}"));
    platform.gateway().keep_metrics();
    let metrics = std::fs::read_to_string(platform.gateway().folder().join("metrics")).unwrap();
    for action in ["mask", "report"] {
        let line = format!("findings_total{{action=\"{action}\",rule=\"email\",tenant=\"yaita\"}} 1");
        assert!(metrics.contains(&line), "{line} is not in {metrics}");
    }
}

#[test]
fn an_action_that_is_none_is_refused() {
    let files = super::harness::Files::committed();
    files.append(
        "tenants.toml",
        "[tenants.utsunomiya]\ninspection = { mobile_phone = \"hide\" }",
    );
    let refused = super::harness::Finished::of(files.folder(), &["check"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(
        refused
            .stderr
            .contains("`mobile_phone` in `inspection` of [tenants.utsunomiya] cannot be \"hide\""),
        "{}",
        refused.stderr
    );
}
