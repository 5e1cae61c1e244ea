//! An entity of a source that is wrong costs itself alone: the others are shown, the answer says how many are left out, a
//! metric says what was wrong with them, and the count is what is shown.

use serde_json::json;

use super::harness::{Answer, NO_UTF8, ORION, Platform, RawOrion, in_place_of_orion};

/// A site as a broker writes it, with a name of so many bytes and more.
fn site(number: usize, name: usize) -> String {
    json!({
        "id": format!("S{number:04}"),
        "type": "EvacuationSite",
        "name": { "type": "Text", "value": "n".repeat(name) },
        "location": { "type": "geo:point", "value": "36.96, 139.99" },
    })
    .to_string()
}

/// What no broker should send in the place of a site: an id that is a number, and an attribute that is no object.
const WRONG: [&str; 2] = [
    r#"{"id":17,"type":"EvacuationSite"}"#,
    r#"{"id":"S9999","type":"EvacuationSite","name":"no attribute"}"#,
];

fn view_id(number: usize) -> String {
    format!("urn:ngsi-ld:EvacuationSite:S{number:04}")
}

/// Ten sites, with those that are wrong at these places.
fn ten_with(wrong: &[usize]) -> RawOrion {
    let mut sites: Vec<String> = (0..10).map(|number| site(number, 3)).collect();
    for (place, text) in wrong.iter().zip(WRONG) {
        sites.insert(*place, text.to_owned());
    }
    RawOrion::of(sites)
}

async fn ask(platform: &Platform, query: &str) -> Answer {
    let query = format!("type=EvacuationSite&{query}");
    platform.entities(query).tenant("nasushiobara").await.ok()
}

/// The warning, which says how many are left out and nothing else.
fn says_left_out(answer: &Answer, count: usize) {
    let (what, are) = match count {
        1 => ("entity", "is"),
        _ => ("entities", "are"),
    };
    let expected = format!("111 {ORION} \"{count} {what} of the source {are} not valid and left out\"");
    assert_eq!(answer.warnings(), [expected], "{answer}");
}

fn metric(platform: &Platform, flaw: &str) -> Option<u64> {
    platform.gateway().keep_metrics();
    let metrics = std::fs::read_to_string(platform.gateway().folder().join("metrics")).unwrap();
    let line = metrics.lines().find(|line| {
        line.starts_with("kakehashi_source_left_out_total")
            && line.contains(ORION)
            && line.contains(&format!("\"{flaw}\""))
    })?;
    line.rsplit(' ').next().unwrap().parse().ok()
}

#[tokio::test]
//= 4.3.6.8-1
async fn one_that_is_wrong_is_left_out_of_a_list_and_does_not_count() {
    let (platform, _orion) = ten_with(&[3]).in_platform().await;
    let answer = ask(&platform, "limit=100&count=true").await;
    let expected: Vec<String> = (0..10).map(view_id).collect();
    assert_eq!((answer.ids(), answer.count()), (expected, 10), "{answer}");
    says_left_out(&answer, 1);
    assert_eq!(metric(&platform, "malformed").map(|count| count > 0), Some(true));
    // The count alone, now that it is known.
    let counted = ask(&platform, "limit=0&count=true").await;
    assert_eq!(counted.count(), 10);
    says_left_out(&counted, 1);
    // Where conditions are looked at here.
    let filtered = ask(&platform, "q=name~%3D%22n.%2A%22&count=true&limit=100").await;
    assert_eq!((filtered.ids().len(), filtered.count()), (10, 10));
    says_left_out(&filtered, 1);
    // And nothing of what was wrong is anywhere.
    let log = platform.whole_log().await;
    assert!(log.contains("entities of the source are left out"), "{log}");
    assert!(!log.contains("S9999"), "{log}");
}

#[tokio::test]
async fn pages_go_on_behind_what_is_left_out() {
    let (platform, _orion) = ten_with(&[2, 5]).in_platform().await;
    let mut next = Some("/ngsi-ld/v1/entities?type=EvacuationSite&limit=3&count=true".to_owned());
    let mut walked = Vec::new();
    let mut sizes = Vec::new();
    while let Some(target) = next {
        let page = platform.get(target).tenant("nasushiobara").await.ok();
        sizes.push(page.ids().len());
        walked.extend(page.ids());
        next = page.link("next");
        assert_eq!(page.count(), 10, "{page}");
    }
    assert_eq!(walked, (0..10).map(view_id).collect::<Vec<_>>());
    assert_eq!(sizes, [2, 2, 3, 3], "what is left out keeps its place");
}

#[tokio::test]
//= 6.3.17-3
async fn of_several_sources_the_one_with_wrong_entities_is_named() {
    let (platform, _orion) = ten_with(&[0, 9]).in_platform().await;
    let answer = platform
        .entities("type=EvacuationSite&limit=1000&count=true")
        .await
        .ok();
    assert_eq!(answer.count(), answer.ids().len());
    for number in 0..10 {
        assert!(answer.ids().contains(&view_id(number)), "{number}");
    }
    says_left_out(&answer, 2);
}

#[tokio::test]
async fn the_one_that_is_asked_for_is_missing_with_the_warning() {
    let (platform, _orion) = ten_with(&[1, 2]).in_platform().await;
    let wrong = platform.entity(&view_id(9999)).await;
    assert_eq!(wrong.status, 404, "{wrong}");
    says_left_out(&wrong, 1);
    let good = platform.entity(&view_id(4)).await.ok();
    assert_eq!(good.warnings(), [""; 0]);
    let listed = ask(&platform, &format!("id={},{}", view_id(4), view_id(9999))).await;
    assert_eq!(listed.ids(), [view_id(4)]);
    says_left_out(&listed, 1);
}

#[tokio::test]
async fn types_are_known_by_what_can_be_shown() {
    let (platform, _orion) = ten_with(&[0, 1]).in_platform().await;
    let answer = platform.get("/ngsi-ld/v1/types").tenant("nasushiobara").await.ok();
    assert_eq!(answer.json()["typeList"], json!(["EvacuationSite"]), "{answer}");
    // No attribute was looked at.
    says_left_out(&answer, 1);
}

/// Nothing can be told of an answer that is on its way. It is broken off, and the next one is sent when it is whole.
#[tokio::test]
async fn an_answer_that_had_begun_is_broken_off_and_the_next_one_is_whole() {
    let mut sites: Vec<String> = (0..600).map(|number| site(number, 8 * 1024)).collect();
    sites[550] = WRONG[0].to_owned();
    let (platform, _orion) = RawOrion::of(sites).in_platform().await;
    let target = "type=EvacuationSite&limit=1000";
    let broken = platform.entities(target).tenant("nasushiobara").attempt().await;
    assert!(broken.is_err(), "nobody may take it for the whole");
    let whole = ask(&platform, "limit=1000&count=true").await;
    assert!(
        whole.header("content-length").is_some(),
        "it was not begun before it was whole"
    );
    assert_eq!((whole.ids().len(), whole.count()), (599, 599));
    says_left_out(&whole, 1);
}

/// Whatever is wrong with one, as long as the list is one.
#[tokio::test]
async fn each_kind_of_damage_costs_one_entity_and_is_told_and_counted() {
    let malformed = [
        "null",
        "7",
        r#""EvacuationSite""#,
        "[[]]",
        r#"{"id":{"a":1},"type":"EvacuationSite"}"#,
        r#"{"id":"S9999"}"#,
        r#"{"id":"S9999","type":"EvacuationSite","name":null}"#,
        r#"{"id":"S9999","type":"EvacuationSite","name":{"value":1,}}"#,
        r#"{"id":"S9999","type":"EvacuationSite","name":{"value":1}"location":2}"#,
        r#"{"id":"S9999","type":"EvacuationSite","name":{"value":tru}}"#,
        r#"{"id":"S9999","type":"EvacuationSite","name":{"value":'x'}}"#,
        r#"{"id":"S9999","type":"EvacuationSite","name":{"value":"\x"}}"#,
        "{\"id\":\"S9999\",\"type\":\"EvacuationSite\",\"name\":{\"value\":\"a\nb\"}}",
    ];
    let damaged: Vec<(&str, String)> = malformed
        .iter()
        .map(|text| ("malformed", (*text).to_owned()))
        .chain([
            ("no_id", r#"{"type":"EvacuationSite"}"#.to_owned()),
            (
                "not_utf8",
                format!(r#"{{"id":"S9999","type":"EvacuationSite","name":{{"value":"a{NO_UTF8}"}}}}"#),
            ),
            ("not_utf8", format!(r#"{{"id":"S{NO_UTF8}","type":"EvacuationSite"}}"#)),
            ("number_not_finite", named(9999, "[NaN]")),
            // Larger than an answer may be.
            ("too_large", site(9999, 17 * 1024 * 1024)),
        ])
        .collect();
    let wrong = damaged.len();
    let mut sites: Vec<String> = Vec::new();
    for (number, (_, text)) in damaged.iter().enumerate() {
        sites.push(site(number, 3));
        sites.push(text.clone());
    }
    let expected: Vec<String> = (0..wrong).map(view_id).collect();
    let (platform, _orion) = RawOrion::of(sites).in_platform().await;
    for query in [
        "limit=100&count=true",
        "limit=100&count=true&q=name~%3D%22n.%2A%22",
        "limit=0&count=true",
    ] {
        let answer = ask(&platform, query).await;
        let shown = if query.starts_with("limit=0") {
            &[][..]
        } else {
            &expected
        };
        assert_eq!((&*answer.ids(), answer.count()), (shown, wrong), "{query}");
        says_left_out(&answer, wrong);
    }
    for (flaw, _) in &damaged {
        assert!(metric(&platform, flaw).is_some_and(|count| count > 0), "{flaw}");
    }
    // Page by page, each of one: what is wrong keeps its place and is told on its page.
    let mut next = Some("/ngsi-ld/v1/entities?type=EvacuationSite&limit=1&count=true".to_owned());
    let (mut walked, mut told) = (Vec::new(), 0);
    while let Some(target) = next {
        let page = platform.get(target).tenant("nasushiobara").await.ok();
        assert_eq!(page.count(), wrong, "{page}");
        told += usize::from(page.ids().is_empty());
        walked.extend(page.ids());
        next = page.link("next");
    }
    assert_eq!((walked, told), (expected, wrong));
}

/// A site whose name is this JSON text.
fn named(number: usize, name: &str) -> String {
    format!(r#"{{"id":"S{number:04}","type":"EvacuationSite","name":{{"type":"StructuredValue","value":{name}}}}}"#)
}

#[tokio::test]
async fn what_not_every_reader_of_json_reads_the_same_never_leaves() {
    let long = "7".repeat(10_000);
    let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
    let flaws = [
        ("number_not_finite", "1e400".to_owned()),
        ("number_not_finite", r#"{"a":[-1e999]}"#.to_owned()),
        ("number_not_finite", "NaN".to_owned()),
        ("number_not_finite", "[Infinity]".to_owned()),
        ("number_too_long", long.clone()),
        ("number_too_long", format!("[0.{long}]")),
        ("duplicate_member", r#"{"a":1,"a":2}"#.to_owned()),
        ("duplicate_member", r#"[{"a":{"b":1,"\u0062":2}}]"#.to_owned()),
        ("half_character", r#""\ud83d""#.to_owned()),
        ("half_character", r#"{"a":"\ude00"}"#.to_owned()),
        ("too_deep", deep),
    ];
    let twice = r#"{"id":"S0100","type":"EvacuationSite","name":{"value":"a"},"name":{"value":"b"}}"#;
    let mut sites: Vec<String> = flaws
        .iter()
        .enumerate()
        .map(|(number, (_, name))| named(number, name))
        .collect();
    sites.push(twice.to_owned());
    let wrong = sites.len();
    // What has many digits, and is a number to everybody, keeps them.
    let digits = "3.14159265358979323846264338327950288";
    sites.push(named(
        200,
        &format!(r#"{{"pi":{digits},"whole":18446744073709551616,"small":1e-400}}"#),
    ));
    let (platform, _orion) = RawOrion::of(sites).in_platform().await;
    for query in [
        "limit=100&count=true",
        "limit=100&count=true&options=keyValues",
        "q=name&limit=100&count=true",
    ] {
        let answer = ask(&platform, query).await;
        says_left_out(&answer, wrong);
        assert_eq!((answer.ids(), answer.count()), (vec![view_id(200)], 1));
        let text = String::from_utf8(answer.body.to_vec()).unwrap();
        assert!(
            text.contains(digits) && text.contains("18446744073709551616") && text.contains("1e-400"),
            "{text}"
        );
    }
    for flaw in [
        "number_not_finite",
        "number_too_long",
        "duplicate_member",
        "half_character",
        "too_deep",
    ] {
        assert!(metric(&platform, flaw).is_some_and(|count| count > 0), "{flaw}");
    }
    // Where the attribute is not shown, nothing is wrong with the entity.
    let places = ask(&platform, "limit=100&pick=id,type").await;
    // But what is no JSON at all cannot be read for anything.
    assert_eq!(places.ids().len(), wrong + 1 - 2, "{places}");
}

/// Whoever may see some of the entities alone: by each condition that a permit can have, and by all of them.
const PARTLY: [(&str, &str); 5] = [
    ("by-ids", "@ids(\"urn:ngsi-ld:EvacuationSite:S000*\")"),
    ("by-q", "@q(\"name\")"),
    (
        "by-area",
        r#"@area("{\"type\":\"Polygon\",\"coordinates\":[[[139,36],[141,36],[141,38],[139,38],[139,36]]]}")"#,
    ),
    ("by-scope", "@scope(\"/#\")"),
    ("by-several", "@ids(\"urn:ngsi-ld:EvacuationSite:S000*\")\n@q(\"name\")"),
];

/// What is wrong may be something hidden. That there is one would be told, and by conditions that the source decides what it
/// is like.
#[tokio::test]
async fn whoever_may_not_see_all_is_told_of_none() {
    let orion = ten_with(&[0, 2]).start().await;
    let mut builder = in_place_of_orion(Platform::builder().await, &orion).consumer("by-names");
    let head = |role: &str| format!("permit (principal in Role::\"{role}\", action in Action::\"read\", ");
    let sites = "resource == EntityType::\"nasushiobara/EvacuationSite\");\n";
    let mut policies = format!("@attributes(\"name\")\n{}{sites}", head("by-names"));
    for (consumer, condition) in PARTLY {
        builder = builder.consumer(consumer);
        policies += &format!("{condition}\n{}{sites}", head(consumer));
    }
    let platform = builder.policy("nasushiobara.cedar", &policies).start().await;
    for target in [
        "entities?type=EvacuationSite&limit=100".to_owned(),
        "entities?type=EvacuationSite&limit=100&count=true".to_owned(),
        "entities?type=EvacuationSite&limit=0&count=true".to_owned(),
        "entities?type=EvacuationSite&q=name".to_owned(),
        "entities?type=EvacuationSite&limit=3&offset=1".to_owned(),
        "entities?type=EvacuationSite&options=keyValues&pick=name".to_owned(),
        format!("entities?type=EvacuationSite&id={},{}", view_id(4), view_id(9999)),
        format!("entities/{}", view_id(9999)),
        "types".to_owned(),
    ] {
        for tenant in [true, false] {
            let ask = async |consumer: &str| {
                let request = platform.get(format!("/ngsi-ld/v1/{target}")).by(consumer);
                let request = if tenant {
                    request.tenant("nasushiobara")
                } else {
                    request
                };
                request.await
            };
            for (consumer, _) in PARTLY {
                let answer = ask(consumer).await;
                assert_eq!(answer.warnings(), [""; 0], "{consumer} {target}: {answer}");
            }
            // Who sees something of all of them is told.
            let answer = ask("by-names").await;
            assert_eq!(answer.warnings().len(), 1, "{target}: {answer}");
        }
    }
    assert!(metric(&platform, "malformed").is_some_and(|count| count > 0));
}
