//! The promise that no personal data is kept, tried with invented residents in every kind of source, under policies that
//! permit everything, with everything logged, through faults, edits and a crash: then whatever was written, said, counted
//! or asked elsewhere is searched for any of their values, in every form that software gives text.

use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use stand_ins::prefecture::{YAITA_ENTITIES, residents};
use stand_ins::{Fault, Server};
use tempfile::TempDir;
use toml::Value as Toml;

use super::harness::{
    Answer, Client, Finished, ORION, Platform, SANO, change_source, encoded, key_of, scan, section, until,
};
use super::notifications::{aed, endpoint};

const TENANTS: [&str; 4] = ["tochigi", "sano", "nasushiobara", "yaita"];

/// Everybody may do everything with everything, and personal names are asked for by name.
fn permissive(tenant: &str) -> String {
    format!(
        "permit (principal, action, resource in Tenant::\"{tenant}\");\n\
         @attributes(\"fullName,fullNameKana,dateOfBirth,fullAddress,postalCode,contactPointPhoneNumber,myNumber,lineUserId,\
         contactPointEmailAddress,managerName,managerMobilePhone,childName,handbookNumber,medicalFinding,name,location\")\n\
         permit (principal, action, resource in Tenant::\"{tenant}\");\n"
    )
}

/// The platform, with residents in Yaita's partition as well. The store stands outside of what is searched: it is Yaita's
/// own, and the one place where its residents may be.
async fn platform(store: &Path) -> Platform {
    let store_address = format!("sqlite:{}/", store.display());
    let builder = Platform::builder().await.administrators().tenants(|table| {
        change_source(table, "tochigi-store", |source| {
            source.insert("endpoint".into(), store_address.into());
        });
        for id in [ORION, SANO] {
            change_source(table, id, |source| {
                source.insert("timeout".into(), "300ms".into());
            });
        }
        change_source(table, ORION, |source| {
            let provides = source["provides"].as_array_mut().unwrap();
            let more = "type = \"https://uri.etsi.org/ngsi-ld/default-context/MaternalHandbook\"";
            provides.push(Toml::Table(more.parse().unwrap()));
        });
        let gateway = section(table, "gateway");
        gateway.insert("egress_allow".into(), Toml::Array(vec!["127.0.0.0/8".into()]));
    });
    let files = builder.files();
    for tenant in TENANTS {
        files.write(&format!("policies/{tenant}.cedar"), permissive(tenant));
    }
    files.remove("policies/platform.cedar");
    files.remove("policies/tests");
    // The mapping names the fields of the managers: only their class stands before them.
    let mapping = files.read("mappings/sano.toml").replacen(
        "remarks = \"biko\"",
        "remarks = \"biko\"\nmanagerName = \"kanrisha_namae\"\nmanagerMobilePhone = \"kanrisha_keitai\"",
        1,
    );
    files.write("mappings/sano.toml", mapping);
    let file = store.join("loaded.jsonld");
    for entities in [YAITA_ENTITIES.to_owned(), residents()] {
        std::fs::write(&file, entities).unwrap();
        let loaded = ["store", "load", file.to_str().unwrap(), "--tenant", "yaita"];
        Finished::well(files.folder(), &loaded);
    }
    builder.start().await
}

/// What was answered, kept to be searched.
#[derive(Default)]
struct Kept(Vec<Answer>);

impl Kept {
    async fn ask(&mut self, ask: super::harness::Ask) -> Answer {
        let answer = ask.await;
        self.0.push(answer.clone());
        answer
    }
}

const REPRESENTATIONS: [(&str, &str); 7] = [
    ("application/json", ""),
    ("application/json", "&options=sysAttrs"),
    ("application/json", "&options=keyValues"),
    ("application/json", "&format=concise"),
    ("application/ld+json", ""),
    ("application/geo+json", ""),
    ("application/geo+json", "&options=keyValues"),
];

const TYPES: [&str; 5] = [
    "EvacuationSite",
    "DesignatedShelter",
    "Resident",
    "MaternalHandbook",
    "EvacuationSite,DesignatedShelter,Resident,MaternalHandbook,AED",
];

/// Asks everything that can be asked for, in every representation, as three consumers.
async fn ask_everything(platform: &Platform, kept: &mut Kept) {
    for r#type in TYPES {
        for (media_type, extra) in REPRESENTATIONS {
            for consumer in ["bousai-map", "sano-dashboard", "limited-app"] {
                let query = format!("type={}&limit=1000&count=true{extra}", encoded(r#type));
                kept.ask(platform.entities(query).by(consumer).accept(media_type)).await;
            }
        }
        for tenant in TENANTS {
            for extra in [
                "",
                "&attrs=fullName,managerName,myNumber",
                "&q=managerName",
                "&local=true",
                "&pick=managerName",
            ] {
                let query = format!("type={}&limit=1000{extra}", encoded(r#type));
                kept.ask(platform.entities(query).tenant(tenant)).await;
            }
        }
    }
    let persons = stand_ins::nasushiobara::personal_entity_ids();
    let of_store = (1..=6).map(|number| format!("urn:ngsi-ld:Resident:yaita-{number:03}"));
    for id in persons.into_iter().chain(of_store) {
        assert_eq!(kept.ask(platform.entity(&id)).await.status, 404, "{id}");
    }
    for target in [
        "/ngsi-ld/v1/types",
        "/ngsi-ld/v1/types/Resident",
        "/ngsi-ld/v1/attributes",
        "/ngsi-ld/v1/jsonldContexts",
    ] {
        kept.ask(platform.get(target)).await;
    }
}

/// Asks by values that belong to somebody, and of their owners alone: the questions themselves must not be kept either.
async fn ask_by_values(platform: &Platform, kept: &mut Kept) {
    let canaries = stand_ins::nasushiobara::canaries();
    for value in canaries.iter().step_by(7) {
        for q in [
            format!("fullName==\"{value}\""),
            format!("name==\"{value}\""),
            format!("myNumber~=\".*{value}.*\""),
        ] {
            let query = format!("type=DesignatedShelter&q={}", encoded(&q));
            let answer = platform.entities(query).tenant("nasushiobara").await;
            assert_eq!(answer.ids().len(), 0);
            kept.0.push(answer);
        }
        let by_id = format!("/ngsi-ld/v1/entities/urn:ngsi-ld:Resident:{}", encoded(value));
        kept.ask(platform.get(by_id).tenant("nasushiobara")).await;
    }
}

async fn ask_administrators(platform: &Platform, kept: &mut Kept) {
    for target in [
        "/admin/v1/revision",
        "/admin/v1/revision/files",
        "/admin/v1/revision/history",
        "/admin/v1/sources",
        "/admin/v1/conditions",
        "/metrics",
        "/healthz",
        "/readyz",
    ] {
        for administrator in ["ops", "auditor", "sano-admin"] {
            kept.ask(platform.admin(administrator).get(target)).await;
        }
    }
}

/// Leaves requests on their way and does not wait for them.
fn leave_requests(platform: &Platform) -> Vec<TcpStream> {
    let address = platform.gateway().url().trim_start_matches("http://").to_owned();
    let one = |_| {
        let mut stream = TcpStream::connect(&address).unwrap();
        let head = format!(
            "GET /ngsi-ld/v1/entities?type=DesignatedShelter,Resident&limit=1000 HTTP/1.1\r\nhost: {address}\r\nx-api-key: {}\r\n\r\n",
            key_of("bousai-map")
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream
    };
    (0..16).map(one).collect()
}

fn nothing_is_written(folder: &Path) {
    let report = scan().folder(folder).unwrap();
    assert!(report.files > 10, "there is something to search");
    assert!(
        report.findings.is_empty(),
        "personal values were written: {:?}",
        report.findings
    );
}

async fn subscribe(platform: &Client, endpoint: &Server, r#type: &str, accept: &str) {
    let subscription = json!({
        "type": "Subscription",
        "entities": [{"type": r#type}],
        "notificationTrigger": ["entityCreated", "entityUpdated", "entityDeleted"],
        "localOnly": true,
        "notification": {"endpoint": {"uri": format!("{}/{type}", endpoint.url()), "accept": accept}, "sysAttrs": true},
    });
    // For a type that is about persons nothing is granted.
    platform
        .post("/ngsi-ld/v1/subscriptions")
        .tenant("yaita")
        .json(&subscription)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_no_value_of_a_resident_is_found_anywhere_else() {
    let store = TempDir::new().unwrap();
    let mut platform = platform(store.path()).await;
    let (told, mut kept) = (endpoint().await, Kept::default());
    for (r#type, accept) in [
        ("AED", "application/json"),
        ("Resident", "application/json"),
        ("AED", "application/ld+json"),
    ] {
        subscribe(&platform, &told, r#type, accept).await;
    }
    ask_everything(&platform, &mut kept).await;
    let shown = kept
        .0
        .iter()
        .filter(|answer| answer.status == 200)
        .map(|answer| answer.body.len())
        .sum::<usize>();
    assert!(shown > 100_000, "the answers hold something: {shown}");
    ask_by_values(&platform, &mut kept).await;
    for number in 0..3 {
        let entity = aed(&format!("urn:ngsi-ld:AED:canary-{number}"), "新しいAED");
        kept.ask(platform.create(&entity).tenant("yaita")).await;
    }
    until("notifications come", || told.requests().len() >= 3).await;
    ask_administrators(&platform, &mut kept).await;

    // Sources that fail, while they are asked for what they hold.
    for fault in [
        Fault::Status(500),
        Fault::Html,
        Fault::BrokenJson,
        Fault::EmptyBody,
        Fault::Reset,
        Fault::SlowBody,
        Fault::Slow(Duration::from_millis(20)),
    ] {
        platform.demo().orion().set_fault(fault);
        platform.demo().sano().set_fault(fault);
        for query in [
            "type=DesignatedShelter,Resident&limit=1000",
            "type=EvacuationSite&q=managerName",
        ] {
            kept.ask(platform.entities(query)).await;
        }
    }
    platform.demo().orion().clear_fault();
    platform.demo().sano().clear_fault();

    // Edits, good and bad.
    platform.files().append("policies/sano.cedar", "// edited");
    platform.gateway().hang_up();
    until("the edit holds", || {
        platform.gateway().stderr().contains("a new revision holds")
    })
    .await;
    let right = platform.files().read("policies/yaita.cedar");
    platform
        .files()
        .append("policies/yaita.cedar", "permit (principal, action, resource);");
    platform.gateway().hang_up();
    until("the edit is refused", || {
        platform.gateway().stderr().contains("the configuration is refused")
    })
    .await;
    platform.files().write("policies/yaita.cedar", right);

    // A crash in the middle of everything.
    platform.gateway().keep_metrics();
    let left = leave_requests(&platform);
    nothing_is_written(platform.gateway().folder());
    platform.kill_and_start_again().await;
    drop(left);
    nothing_is_written(platform.gateway().folder());
    ask_everything(&platform, &mut kept).await;
    ask_administrators(&platform, &mut kept).await;

    platform.gateway().keep_metrics();
    platform.gateway().terminate();
    assert_eq!(platform.gateway_mut().wait().code(), Some(0));
    nothing_is_written(platform.gateway().folder());
    for answer in &kept.0 {
        let found = scan().bytes(answer.everything().as_bytes());
        assert!(
            found.is_empty(),
            "an answer to {} shows a person: {found:?}",
            answer.asked
        );
    }
    let mut asked = platform.asked_by_source().to_vec();
    asked.push(("an endpoint of a subscription", told.requests()));
    for (source, requests) in asked {
        // The consumer itself has asked Orion, the owner, by values of its own residents.
        if source == "orion" {
            continue;
        }
        for request in requests {
            let head = format!(
                "{} {}?{} {:?}\n",
                request.method, request.path, request.query, request.headers
            );
            let found = scan().bytes(&[head.as_bytes(), &request.body].concat());
            assert!(found.is_empty(), "{source} was told of a person: {found:?}");
        }
    }
}

/// The scan of this file would find what it looks for: in an answer, in a file and in a request it is planted once.
#[test]
fn the_search_finds_what_is_there() {
    let folder = TempDir::new().unwrap();
    for (index, canary) in stand_ins::canaries().iter().enumerate() {
        std::fs::write(
            folder.path().join(format!("{index}.log")),
            format!("{{\"message\":\"{canary}\"}}"),
        )
        .unwrap();
    }
    let report = scan().folder(folder.path()).unwrap();
    let values: std::collections::HashSet<usize> = report.findings.iter().map(|finding| finding.value).collect();
    assert_eq!(values.len(), stand_ins::canaries().len());
}

/// Residents that a tenant keeps in its own partition are absent for every consumer, its own among them.
#[tokio::test]
async fn residents_in_the_store_are_absent_for_their_owner_too() {
    let store = TempDir::new().unwrap();
    let platform = platform(store.path()).await;
    for consumer in ["bousai-map", "sano-dashboard", "limited-app"] {
        let answer = platform
            .entities("type=Resident&count=true&limit=1000")
            .tenant("yaita")
            .by(consumer)
            .await
            .ok();
        assert_eq!((answer.count(), answer.ids().len()), (0, 0), "{consumer}");
    }
    let sites = platform
        .entities("type=EvacuationSite&count=true&limit=0")
        .tenant("yaita")
        .await
        .ok();
    assert_eq!(sites.count(), 25, "what is beside them is there");
    let of_sano = platform
        .entities("type=EvacuationSite&limit=1000")
        .tenant("sano")
        .await
        .entities();
    assert_eq!(of_sano.len(), 58);
    let has_manager = |site: &Value| site.as_object().unwrap().keys().any(|name| name.contains("manager"));
    assert!(!of_sano.iter().any(has_manager));
}
