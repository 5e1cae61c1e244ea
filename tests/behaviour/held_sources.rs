//! `hold`: what is open of a source is kept in memory for a while. Answers are those of the source; it is read once for each
//! hold, however many ask; nobody sees more than before, nor learns anything by the age of an answer or by what is asked.

use std::future::IntoFuture;

use serde_json::Value;
use stand_ins::{Fault, LoggedRequest, Server};
use toml::Table;

use super::harness::{
    Ask, Builder, Finished, ORION, Platform, RawOrion, SANO, change_source, encoded, in_place_of_orion,
    nasushiobara_sites, planted, sano_sites, section, until,
};
use super::reload::edit;
use super::too_wide::{broker, with_brokers_that};

/// Longer than any test takes.
const LONG: &str = "1h";

/// The committed configuration, with what is open of these sources kept.
async fn holding(sources: &[&str], hold: &str) -> Builder {
    let builder = Platform::builder().await.administrators();
    builder.tenants(|table| {
        for id in sources {
            change_source(table, id, |source| {
                source.insert("hold".into(), hold.into());
            });
        }
    })
}

fn lines(requests: &[LoggedRequest]) -> Vec<String> {
    let line = |request: &LoggedRequest| format!("{}?{}", request.path, request.query);
    let mut lines: Vec<String> = requests.iter().map(line).collect();
    lines.sort();
    lines
}

/// What administrators are told of what is kept of a source.
async fn held(platform: &Platform, id: &str) -> Value {
    let sources = platform.admin("ops").get("/admin/v1/sources").await.ok().json();
    let mut sources = sources["sources"].as_array().unwrap().iter();
    let source = sources.find(|source| source["id"] == id);
    source.unwrap()["held"].clone()
}

#[tokio::test]
async fn one_reading_answers_however_many_ask() {
    let platform = holding(&[SANO], LONG).await.start().await;
    platform.demo().sano().set_fault(Fault::Held);
    let site = sano_sites().remove(0);
    let questions = || {
        [
            "type=EvacuationSite&limit=20".to_owned(),
            "type=EvacuationSite&count=true&limit=0".to_owned(),
            format!("type=EvacuationSite&q={}", encoded(&format!("name==\"{}\"", site.name))),
            "type=AED&limit=1000".to_owned(),
            "type=WeatherObserved,DesignatedShelter&limit=3&offset=5".to_owned(),
            format!("type=EvacuationSite&id={}", site.id),
            "type=AED&georel=near%3BmaxDistance==3000&geometry=Point&coordinates=%5B139.58,36.31%5D".to_owned(),
        ]
    };
    let asking: Vec<_> = (0..5)
        .flat_map(|_| questions())
        .map(|question| tokio::spawn(platform.entities(question).tenant("sano").into_future()))
        .collect();
    until("the source is read", || !platform.asked_of_sano().is_empty()).await;
    platform.demo().sano().clear_fault();
    for answer in asking {
        let answer = answer.await.unwrap().ok();
        assert!(answer.header("age").is_some(), "{answer}");
        assert_eq!(answer.warnings(), [""; 0], "{answer}");
    }
    let once = lines(&platform.asked_of_sano());
    let pages = sano_sites().len().div_ceil(50);
    let of_sites = once.iter().filter(|line| line.starts_with("/api/v1/sites?")).count();
    assert_eq!(of_sites, pages, "{once:?}");
    let mut each_once = once.clone();
    each_once.dedup();
    assert_eq!(once, each_once);
    for question in questions() {
        platform.entities(question).tenant("sano").await.ok();
    }
    platform.entity(&site.id).tenant("sano").await.ok();
    assert_eq!(lines(&platform.asked_of_sano()), once);
    let told = held(&platform, SANO).await;
    assert_eq!((&told["readings"], &told["failures"]), (&1.into(), &0.into()), "{told}");
    let metrics = platform.gateway().metrics();
    for line in [
        format!("kakehashi_source_held_readings_total{{outcome=\"ok\",source=\"{SANO}\"}} 1"),
        format!(
            "kakehashi_source_held_entities{{source=\"{SANO}\"}} {}",
            told["entities"]
        ),
    ] {
        assert!(metrics.contains(&line), "{line}: {metrics}");
    }
}

/// Questions of every kind. Those of several types are not among them: a source's own order over types may be another.
fn battery() -> Vec<String> {
    let mut questions: Vec<String> = [
        "limit=5&offset=3",
        "limit=1000&count=true",
        "limit=0&count=true",
        "limit=7&options=sysAttrs",
        "limit=7&options=keyValues&attrs=name",
        "limit=7&pick=id,location",
        "limit=9&omit=name",
        "limit=5&attrs=managerName,name",
        "limit=5&idPattern=09",
        "limit=5&scopeQ=%2Fa",
        "limit=5&lang=ja",
        "limit=5&orderBy=location%3Bdist-asc&orderFrom=%5B139.58,36.31%5D",
        "limit=7&offset=3&orderBy=name%3Bdesc&count=true",
        "limit=50&georel=within&geometry=Polygon&coordinates=%5B%5B%5B139.5,36.2%5D,%5B140.1,36.2%5D,%5B140.1,37.1%5D,%5B139.5,37.1%5D,%5B139.5,36.2%5D%5D%5D",
        "limit=50&georel=near%3BmaxDistance==2000&geometry=Point&coordinates=%5B139.58,36.31%5D&count=true",
        "limit=50&georel=near%3BminDistance==2000&geometry=Point&coordinates=%5B139.58,36.31%5D&count=true",
        "limit=50&georel=disjoint&geometry=Point&coordinates=%5B139.58,36.31%5D&count=true",
    ]
    .map(str::to_owned)
    .into();
    let site = sano_sites().remove(2);
    for q in [
        "typeOfDisasterFlood==true",
        "typeOfDisasterFlood!=true",
        "localGovernmentCode==\"092045\"",
        "name~=\".*小学校.*\"",
        "maxCapacity>100",
        "maxCapacity==10..500;name",
        "remarks",
        "managerName",
        "managerName!=\"x\"|name",
        "modifiedAt>2020-01-01T00:00:00Z",
        "name.observedAt>2020-01-01T00:00:00Z",
        "precipitation>=0",
        &format!("name==\"{}\"", site.name),
        &format!("name>\"{}\";typeOfDisasterFlood==true,false", site.name),
    ] {
        questions.push(format!("limit=1000&count=true&q={}", encoded(q)));
    }
    let types = ["EvacuationSite", "DesignatedShelter", "AED", "WeatherObserved"];
    types
        .into_iter()
        .flat_map(|name| questions.iter().map(move |question| format!("type={name}&{question}")))
        .collect()
}

#[tokio::test]
async fn answers_are_those_of_the_sources() {
    let in_order = |table: &mut Table| {
        let extensions = Value::from(["federated-order"]);
        section(table, "gateway").insert("extensions".into(), toml::Value::try_from(extensions).unwrap());
    };
    let kept = holding(&[SANO, ORION], LONG).await.tenants(in_order).start().await;
    // The same stand-ins: they date what they hold by when they have started.
    let plain = Platform::builder().await.tenants(|table| {
        in_order(table);
        for (id, url) in [(SANO, kept.demo().sano().url()), (ORION, kept.demo().orion().url())] {
            change_source(table, id, |source| {
                source.insert("endpoint".into(), url.into());
            });
        }
    });
    let plain = plain.start().await;
    let mut found = 0;
    for question in battery() {
        for tenant in [Some("sano"), Some("nasushiobara"), None] {
            for consumer in ["bousai-map", "sano-dashboard", "limited-app"] {
                let ask = |platform: &Platform| {
                    let ask = platform.entities(&question).by(consumer);
                    tenant.map_or(ask.clone(), |tenant| ask.tenant(tenant))
                };
                let (answer, expected) = (ask(&kept).await, ask(&plain).await);
                let shown = |answer: &super::harness::Answer| {
                    (
                        answer.status,
                        String::from_utf8_lossy(&answer.body).into_owned(),
                        answer.header("ngsild-results-count").map(str::to_owned),
                        answer.warnings().join("\n"),
                        answer.link("next").is_some(),
                    )
                };
                assert_eq!(
                    shown(&answer),
                    shown(&expected),
                    "{question} of {tenant:?} by {consumer}"
                );
                assert_eq!(expected.header("age"), None);
                found += usize::from(answer.header("age").is_some() && answer.body.len() > 2);
            }
        }
    }
    assert!(
        found > 100,
        "{found} answers were made from memory and showed something"
    );
    for site in planted().iter().chain(&nasushiobara_sites()).take(30) {
        let (answer, expected) = (kept.entity(&site.id).await.ok(), plain.entity(&site.id).await.ok());
        assert_eq!(answer.body, expected.body, "{answer}");
        assert!(answer.header("age").is_some(), "{answer}");
    }
    let absent = kept.entity("urn:ngsi-ld:EvacuationSite:E09204000000000").await;
    assert_eq!(absent.status, 404);
    let metrics = kept.gateway().metrics();
    for id in [SANO, ORION] {
        let read = format!("kakehashi_source_held_readings_total{{outcome=\"ok\",source=\"{id}\"}} 1");
        assert!(metrics.contains(&read), "{metrics}");
    }
}

#[tokio::test]
async fn no_cache_asks_the_source() {
    let platform = holding(&[SANO], LONG).await.start().await;
    let ask = || platform.entities("type=EvacuationSite&limit=3").tenant("sano");
    let kept = ask().await.ok();
    assert_eq!(kept.header("age"), Some("0"), "{kept}");
    platform.forget_requests();
    let fresh = ask().header("cache-control", "no-cache").await.ok();
    assert_eq!((fresh.header("age"), &fresh.body), (None, &kept.body), "{fresh}");
    let asked = platform.asked_of_sano();
    assert_eq!(lines(&asked).len(), 1, "one page, and not all that there is: {asked:?}");
    platform.forget_requests();
    assert!(
        ask()
            .header("cache-control", "max-stale")
            .await
            .ok()
            .header("age")
            .is_some()
    );
    assert_eq!(platform.asked_of_sano().len(), 0);
}

/// What a consumer learns: the answer, whether it has an age, and what the sources were asked.
async fn learnt(platform: &Platform, ask: Ask) -> (u16, String, bool, usize) {
    platform.forget_requests();
    let answer = ask.await;
    (
        answer.status,
        format!("{:?} {:?}", answer.body, answer.header("ngsild-results-count")),
        answer.header("age").is_some(),
        platform.asked().len(),
    )
}

#[tokio::test]
async fn who_has_no_grant_for_an_attribute_finds_it_out_by_nothing() {
    let platform = holding(&[SANO, ORION], LONG).await.start().await;
    let by = |query: String| platform.entities(query).by("limited-app");
    by("type=EvacuationSite".to_owned()).await.ok();
    let name = sano_sites().remove(0).name;
    for condition in ["X", "X==true", "X!=1", "X>0|name==\"a\"", "!X", "X~=\".*\""] {
        for rest in [
            "limit=20&count=true",
            "limit=0&count=true",
            "limit=3&attrs=X",
            "limit=3&pick=X,id",
        ] {
            // One that every site has, and one that none has.
            let question = |hidden: &str| {
                let q = encoded(&condition.replace('X', hidden));
                let rest = rest.replace('X', hidden);
                by(format!("type=EvacuationSite&q={q}&{rest}"))
            };
            let hidden = learnt(&platform, question("commonId")).await;
            assert_eq!(hidden, learnt(&platform, question("zzz")).await, "{condition} {rest}");
            assert_eq!(hidden.3, 0);
        }
    }
    // What is granted is found, in the same way.
    let q = encoded(&format!("name==\"{name}\""));
    let granted = by(format!("type=EvacuationSite&q={q}&count=true")).await.ok();
    assert_eq!(granted.count(), 1);
    assert!(granted.header("age").is_some());
    for entity in by("type=EvacuationSite&limit=1000".to_owned()).await.ok().entities() {
        let members = super::harness::members(&entity);
        assert!(
            members
                .iter()
                .all(|name| ["id", "type", "name", "location"].contains(name)),
            "{entity}"
        );
    }
}

/// A site of a broker whose open attributes hold what is not: metadata that is personal, limited to nobody or unknown, and
/// Relationships to residents.
fn with_something_hidden() -> RawOrion {
    let site = |number: usize, more: &str| {
        format!(
            r#"{{"id":"urn:ngsi-ld:EvacuationSite:E{number}","type":"EvacuationSite","name":{{"type":"Text","value":"site {number}","metadata":{{{more}}}}},"seeAlso":{{"type":"Relationship","value":["urn:ngsi-ld:Resident:{number}","urn:ngsi-ld:EvacuationSite:E1"],"metadata":{{}}}}}}"#
        )
    };
    RawOrion::of(vec![
        site(1, ""),
        site(2, r#""managerName":{"type":"Text","value":"y"}"#),
        site(3, r#""nobodyKnows":{"type":"Text","value":"z"}"#),
        site(4, r#""remarks":{"type":"Text","value":"open"}"#),
    ])
}

#[tokio::test]
async fn what_is_not_open_inside_of_what_is_changes_nothing_and_is_not_kept() {
    let server: Server = with_something_hidden().start().await;
    let kept = in_place_of_orion(holding(&[ORION], LONG).await, &server).start().await;
    let plain = in_place_of_orion(Platform::builder().await, &server).start().await;
    for question in [
        "limit=10&count=true".to_owned(),
        "limit=10&count=true&options=sysAttrs".to_owned(),
        format!("q={}", encoded("name.managerName")),
        format!("q={}", encoded("name.nobodyKnows==\"z\"")),
        format!("q={}", encoded("name.remarks==\"open\"")),
        format!("q={}", encoded("seeAlso==\"urn:ngsi-ld:Resident:1\"")),
        format!("q={}", encoded("seeAlso==\"urn:ngsi-ld:EvacuationSite:E1\"")),
        format!("q={}", encoded("seeAlso")),
    ] {
        let ask = |platform: &Platform| {
            let ask = platform.entities(format!("type=EvacuationSite&{question}"));
            ask.tenant("nasushiobara")
        };
        let (answer, expected) = (ask(&kept).await.ok(), ask(&plain).await.ok());
        assert_eq!(answer.body, expected.body, "{question}: {answer}");
        assert!(answer.header("age").is_some(), "{answer}");
    }
    let all = kept.entities("type=EvacuationSite").tenant("nasushiobara").await.ok();
    assert!(!all.everything().contains("Resident:"), "{all}");
    assert!(all.everything().contains("EvacuationSite:E1"), "{all}");
}

#[tokio::test]
async fn a_class_that_becomes_stricter_erases_what_is_kept() {
    let platform = holding(&[ORION], LONG).await.log("info").start().await;
    let ask = || {
        platform
            .entities("type=EvacuationSite&limit=1000")
            .tenant("nasushiobara")
    };
    ask().await.ok();
    let before = held(&platform, ORION).await;
    assert!(before["entities"].as_u64().unwrap() > 10, "{before}");
    // What does not touch it leaves it as it is.
    platform.forget_requests();
    edit(&platform, |files| files.append("policies/sano.cedar", "// a remark")).await;
    let after = ask().await.ok();
    assert!(after.header("age").is_some(), "{after}");
    assert_eq!(platform.asked_of_orion().len(), 0);
    assert_eq!(held(&platform, ORION).await["readings"], 1);

    edit(&platform, |files| {
        let classes = files.read("policies/classification.toml");
        let site = "[types.EvacuationSite.attributes]\n";
        assert!(classes.contains(site));
        let stricter = classes.replace(site, &format!("{site}limited = [\"name\"]\n"));
        files.write("policies/classification.toml", stricter);
    })
    .await;
    let erased = held(&platform, ORION).await;
    assert_eq!(
        (&erased["entities"], &erased["ageSeconds"]),
        (&0.into(), &Value::Null),
        "{erased}"
    );
    let without = ask().await.ok();
    assert!(
        without.entities().iter().all(|entity| entity.get("name").is_none()),
        "{without}"
    );
    let asked = platform.asked_of_orion();
    let of_sites = asked
        .iter()
        .find(|request| request.parameter("type").as_deref() == Some("EvacuationSite"))
        .unwrap();
    let attributes = of_sites.parameter("attrs").unwrap();
    assert!(!attributes.split(',').any(|name| name == "name"), "{attributes}");

    // Without `hold` nothing is kept.
    edit(&platform, |files| {
        files.change_tenants(|table| {
            change_source(table, ORION, |source| {
                source.remove("hold");
            });
        });
    })
    .await;
    assert_eq!(held(&platform, ORION).await, Value::Null);
    assert_eq!(ask().await.ok().header("age"), None);
}

#[tokio::test]
async fn a_source_that_is_down_answers_a_while_longer_and_says_so() {
    let platform = holding(&[SANO], "3s").await.start().await;
    let ask = || platform.entities("type=AED&limit=1000").tenant("sano");
    let well = ask().await.ok();
    assert_eq!(well.warnings(), [""; 0], "{well}");
    platform.demo().sano().set_fault(Fault::Status(503));
    let mut answer = ask().await.ok();
    while answer.warnings().is_empty() {
        assert_eq!(answer.body, well.body);
        answer = ask().await.ok();
    }
    let mut stale = 0;
    while answer.warnings()[0].starts_with("110 ") {
        assert_eq!(answer.body, well.body);
        assert!(answer.warnings()[0].starts_with(&format!("110 {SANO} \"")), "{answer}");
        let age: u64 = answer.header("age").unwrap().parse().unwrap();
        assert!((3..6).contains(&age), "{answer}");
        stale += 1;
        answer = ask().await.ok();
    }
    assert!(stale > 0, "{answer}");
    assert_eq!((answer.ids().len(), answer.header("age")), (0, None), "{answer}");
    // It answers with an error, or is not asked any more because it did so again and again.
    let is_away = |code: &str| answer.warnings()[0].starts_with(&format!("{code} {SANO} "));
    assert!(is_away("299") || is_away("199"), "{answer}");
    // Whoever wants the source itself has always been told.
    platform.demo().sano().clear_fault();
    while !answer.warnings().is_empty() {
        answer = ask().await.ok();
    }
    assert_eq!(answer.body, well.body);
}

#[tokio::test]
async fn a_source_that_is_too_large_is_asked_itself_and_that_is_told() {
    let broker = broker("A", 50_001).await;
    let platform = with_brokers_that(&[("a", &broker)], &[("hold", LONG)]).await;
    let list = || platform.entities("type=EvacuationSite&limit=20").tenant("nasushiobara");
    let first = list().await.ok();
    assert_eq!((first.ids().len(), first.header("age")), (20, None), "{first}");
    assert!(broker.requests().len() > 50, "it was read to be kept");
    broker.clear_requests();
    let next = list().await.ok();
    assert_eq!((next.ids(), next.header("age")), (first.ids(), None));
    assert_eq!(broker.requests().len(), 1, "it is read no more");
    let metrics = platform.gateway().metrics();
    assert!(
        metrics.contains("kakehashi_source_not_held{reason=\"too_many\",source=\"a\"} 1"),
        "{metrics}"
    );
    assert!(
        platform
            .whole_log()
            .await
            .contains("what the source holds is not kept in memory")
    );
}

#[tokio::test]
async fn it_can_be_seen_beforehand_what_is_kept() {
    let builder = holding(&[SANO, ORION], "90s").await;
    let check = Finished::well(builder.files().folder(), &["check"]);
    for told in [
        "source sano-safe-map keeps for 90s: EvacuationSite (all 15 attributes), DesignatedShelter (all 8 attributes)",
        "; not Resident (personal)",
    ] {
        assert!(check.stderr.contains(told), "{told}: {}", check.stderr);
    }
    let explain = |target: &str| {
        let arguments = ["explain", "--consumer", "bousai-map", "--tenant", "sano", "GET", target];
        Finished::well(builder.files().folder(), &arguments).stdout
    };
    let kept = explain("/ngsi-ld/v1/entities?type=EvacuationSite&attrs=name");
    assert!(kept.contains("answered by what is kept in memory for 90s"), "{kept}");
    let platform = builder.start().await;
    platform
        .entities("type=EvacuationSite&attrs=name")
        .tenant("sano")
        .await
        .ok();
    let asked = platform.asked_of_sano();
    assert!(
        kept.contains(&format!("{}?{}", asked[0].path, asked[0].query)),
        "{kept} {asked:?}"
    );
}
