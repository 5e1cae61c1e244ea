//! `kakehashi who-can-see`: it says that a consumer sees an attribute exactly where a request of that consumer's shows it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use stand_ins::prefecture::YAITA_ENTITIES;

use super::harness::{Builder, Client, Files, Finished, Platform, encoded, section};

const PATH: &str = "/admin/v1/who-can-see";

/// One that may state two purposes, and sees some of Yaita's for one of them.
const STATING: &str = "stating";
/// One whose reading is forbidden by name.
const FORBIDDEN: &str = "forbidden";
/// One that may write and not read.
const WRITER: &str = "writer";
/// One that sees two sites alone, and of them little.
const NARROW: &str = "narrow";

const CONSUMERS: [&str; 8] = [
    "anonymous",
    "bousai-map",
    "limited-app",
    "sano-dashboard",
    STATING,
    FORBIDDEN,
    WRITER,
    NARROW,
];

const PURPOSES: [&str; 2] = ["disaster-response", "statistics"];

const POLICY: &str = r#"
@attributes("name,fullAddress,remarks") @purpose("disaster-response")
permit (principal in Role::"stating", action in Action::"read", resource == EntityType::"yaita/EvacuationSite");

permit (principal in Role::"forbidden", action in Action::"read", resource in Tenant::"yaita")
when { resource.class == Class::"open" };
forbid (principal == Consumer::"forbidden", action, resource == EntityType::"yaita/EvacuationSite");

permit (principal in Role::"writer", action in Action::"provide", resource in Tenant::"yaita");

@without("location") @q("name~=\".*小学校.*\"")
permit (principal in Role::"narrow", action == Action::"queryEntity", resource == EntityType::"yaita/EvacuationSite");
"#;

async fn builder() -> Builder {
    let builder = Platform::builder().await.administrators().log("info");
    let new = [STATING, FORBIDDEN, WRITER, NARROW];
    let builder = new.into_iter().fold(builder, Builder::consumer);
    let builder = builder.tenants(|table| {
        let stating = section(section(table, "consumers"), STATING);
        let purposes = PURPOSES.map(toml::Value::from);
        stating.insert("purposes".into(), toml::Value::Array(purposes.to_vec()));
    });
    builder.policy("yaita.cedar", POLICY)
}

async fn seen(admin: &Client, tenant: &str, r#type: &str, attribute: Option<&str>) -> Value {
    let attribute = attribute.map_or(String::new(), |name| format!("&attribute={}", encoded(name)));
    let path = format!("{PATH}?tenant={tenant}&type={type}{attribute}");
    admin.get(path).await.ok().json()
}

/// Whether it says that a consumer sees it by queryEntity, stating that purpose.
fn says_yes(told: &Value, consumer: &str, purpose: Option<&str>) -> bool {
    let texts = |value: &Value| -> Vec<String> {
        let texts = value.as_array().into_iter().flatten();
        texts.map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    let mut ways = told["seenBy"].as_array().unwrap().iter();
    ways.any(|way| {
        let operations = texts(&way["operations"]);
        let by_query = operations.iter().any(|name| name == "read" || name == "queryEntity");
        let for_purpose = way["purposes"].is_null()
            || texts(&way["purposes"])
                .iter()
                .any(|name| name == purpose.unwrap_or("(none)"));
        by_query && for_purpose && texts(&way["consumers"]["names"]).iter().any(|name| name == consumer)
    })
}

/// The attributes that entities of a type of a tenant's show to a consumer.
async fn shown(
    platform: &Platform,
    tenant: &str,
    r#type: &str,
    consumer: &str,
    purpose: Option<&str>,
) -> BTreeSet<String> {
    let ask = platform.entities(format!("type={type}&limit=1000")).tenant(tenant);
    let ask = match consumer {
        "anonymous" => ask.anonymous(),
        consumer => ask.by(consumer),
    };
    let ask = match purpose {
        Some(purpose) => ask.header("kakehashi-purpose", purpose),
        None => ask,
    };
    let answer = ask.await;
    if answer.status == 404 {
        // The tenant hides itself from whoever sees nothing of it.
        return BTreeSet::new();
    }
    let entities = answer.entities();
    let names = entities.iter().flat_map(|entity| entity.as_object().unwrap().keys());
    names
        .filter(|name| !["id", "type", "@context"].contains(&name.as_str()))
        .cloned()
        .collect()
}

/// Attributes of Yaita's own entities, by type, and of its Orion's: what there is to be seen.
fn held_by_yaita() -> BTreeMap<String, BTreeSet<String>> {
    let mut held: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let entities: Vec<Value> = serde_json::from_str(YAITA_ENTITIES).unwrap();
    for entity in &entities {
        let names = entity.as_object().unwrap().keys();
        let names = names.filter(|name| !["id", "type"].contains(&name.as_str()));
        held.entry(entity["type"].as_str().unwrap().to_owned())
            .or_default()
            .extend(names.cloned());
    }
    held
}

#[tokio::test]
async fn it_says_yes_exactly_when_a_request_shows_the_attribute_where_an_entity_has_it() {
    let platform = builder().await.start().await;
    let admin = platform.admin("ops");
    let mut held: BTreeMap<(&str, String), BTreeSet<String>> = BTreeMap::new();
    for (r#type, names) in held_by_yaita() {
        held.insert(("yaita", r#type), names);
    }
    // What others have is known by what somebody is shown, and these are there and never shown.
    for (tenant, r#type, hidden) in [
        ("sano", "AED", "managerName"),
        ("sano", "EvacuationSite", "managerName"),
        ("nasushiobara", "DesignatedShelter", "managerName"),
        ("nasushiobara", "EvacuationSite", "managerMobilePhone"),
        ("nasushiobara", "Resident", "fullName"),
        ("tochigi", "EvacuationSite", "managerName"),
    ] {
        held.insert((tenant, r#type.to_owned()), BTreeSet::from([hidden.to_owned()]));
    }
    let (mut yes, mut no) = (0, 0);
    for ((tenant, r#type), mut names) in held {
        let mut by_asking = Vec::new();
        for consumer in CONSUMERS {
            let purposes = PURPOSES.map(Some).into_iter().filter(|_| consumer == STATING);
            for purpose in std::iter::once(None).chain(purposes) {
                let shown = shown(&platform, tenant, &r#type, consumer, purpose).await;
                names.extend(shown.iter().cloned());
                by_asking.push((consumer, purpose, shown));
            }
        }
        for name in &names {
            let told = seen(&admin, tenant, &r#type, Some(name)).await;
            for (consumer, purpose, shown) in &by_asking {
                let is_shown = shown.contains(name);
                assert_eq!(
                    says_yes(&told, consumer, *purpose),
                    is_shown,
                    "{name} of {type} of {tenant} to {consumer} for {purpose:?}: {told:#}"
                );
                *(if is_shown { &mut yes } else { &mut no }) += 1;
            }
        }
    }
    assert!(yes > 100 && no > 100, "{yes} are shown and {no} are not");
}

#[tokio::test]
async fn it_names_the_permits_their_conditions_and_the_operations() {
    let platform = builder().await.start().await;
    let admin = platform.admin("ops");
    let told = seen(&admin, "yaita", "EvacuationSite", Some("name")).await;
    let way_of = |consumer: &str| {
        let ways = told["seenBy"].as_array().unwrap();
        let way = ways
            .iter()
            .find(|way| way["consumers"]["names"].as_array().unwrap().contains(&consumer.into()));
        way.unwrap_or_else(|| panic!("{consumer}: {told:#}")).clone()
    };
    let narrow = way_of(NARROW);
    assert_eq!(narrow["operations"], json!(["queryEntity"]), "{narrow:#}");
    assert_eq!(
        narrow["permits"][0]["conditions"],
        json!(["entities with name~=\".*小学校.*\""]),
        "{narrow:#}"
    );
    let stating = way_of(STATING);
    assert_eq!(stating["purposes"], json!(["disaster-response"]), "{stating:#}");
    assert_eq!(stating["operations"], json!(["read"]), "{stating:#}");
    let reader = way_of("bousai-map");
    assert_eq!(reader["permits"][0]["policy"], "yaita.cedar:7", "{reader:#}");
    assert_eq!(reader["purposes"], Value::Null);
    let not_seen = told["notSeenBy"].to_string();
    let line = POLICY.lines().position(|line| line.starts_with("forbid")).unwrap();
    let forbid = platform.files().read("policies/yaita.cedar");
    let at = forbid.lines().position(|text| text.starts_with("forbid")).unwrap() + 1;
    assert!(
        line > 0 && not_seen.contains(&format!("it is forbidden by yaita.cedar:{at}")),
        "{told:#}"
    );
    assert!(not_seen.contains("no permit covers it"), "{told:#}");
}

/// The command, and what it prints.
fn command(files: &Files, arguments: &[&str]) -> String {
    let arguments = [&["who-can-see"], arguments].concat();
    Finished::well(files.folder(), &arguments).stdout
}

#[test]
fn it_says_why_nobody_sees_something() {
    let files = Files::committed();
    files.append(
        "policies/platform.cedar",
        "forbid (principal, action, resource == EntityType::\"yaita/AED\");",
    );
    let platform = files.read("policies/platform.cedar");
    let line = platform.lines().position(|line| line.contains("yaita/AED")).unwrap() + 1;
    let forbidden = format!("it is forbidden by platform.cedar:{line}");
    for (arguments, says) in [
        (
            ["nasushiobara", "Resident", "name"].as_slice(),
            "the type is classed personal, which no policy can grant",
        ),
        (
            &["sano", "AED", "fullName"],
            "`fullName` is classed personal, which no policy can grant",
        ),
        (&["yaita", "AED", "name"], &forbidden),
        (
            &["sano", "ParkingLot"],
            "no source of `sano` provides `ParkingLot`; they provide AED",
        ),
        (
            &["sano", "EvacuationSit"],
            "no source of `sano` provides `EvacuationSit`; did you mean `EvacuationSite`?",
        ),
        (
            &["yaita", "EvacuationSite", "nmae"],
            "nobody has classified `nmae` of `EvacuationSite`; did you mean `name`?",
        ),
        (
            &["yaita", "EvacuationSite", "nmae"],
            "the operator gives it a class in policies/classification.toml",
        ),
        (
            &["yaita", "NobodyKnowsIt"],
            "nobody has classified the type `NobodyKnowsIt`",
        ),
    ] {
        let told = command(&files, arguments);
        assert!(told.contains("nobody sees it:"), "{arguments:?}: {told}");
        assert!(told.contains(says), "{arguments:?}: {told}");
    }
    // An IRI is as good as a name, and what every entity has no permit names.
    let iri = "https://uri.etsi.org/ngsi-ld/location";
    assert!(command(&files, &["sano", "AED", iri]).contains("`location` of `AED` of sano (open)"));
    assert!(command(&files, &["sano", "AED", "id"]).contains("`id` is shown of every entity that is seen at all"));
    let unknown = Finished::of(files.folder(), &["who-can-see", "sanno", "AED"]);
    assert_eq!(unknown.code, Some(1), "{unknown:?}");
    assert!(
        unknown
            .stderr
            .contains("no tenant is called `sanno`; did you mean `sano`?"),
        "{unknown:?}"
    );
}

#[test]
fn those_as_which_nobody_can_call_are_named_with_why() {
    let files = Files::committed();
    files.change_tenants(|table| {
        let consumers = section(table, "consumers");
        let keys = section(consumers, "bousai-map")
            .get_mut("keys")
            .unwrap()
            .as_array_mut()
            .unwrap();
        let expired: toml::Value = toml::from_str::<toml::Table>("d = 2020-03-31")
            .unwrap()
            .remove("d")
            .unwrap();
        keys[0].as_table_mut().unwrap().insert("expires".into(), expired);
        section(consumers, "sano-dashboard").remove("keys");
    });
    let told = command(&files, &["sano", "AED", "name"]);
    for says in [
        "bousai-map: its keys have expired: nobody can call as it",
        "sano-dashboard: it has no key, or it was revoked: nobody can call as it",
        "anonymous: read",
    ] {
        assert!(told.contains(says), "{told}");
    }
}

#[test]
fn consumers_that_are_decided_alike_are_told_together_however_many_there_are() {
    let files = Files::committed();
    files.change_tenants(|table| {
        for number in 0..3_000 {
            // What no policy looks at tells nobody apart.
            let consumer =
                format!("organisation = \"試験{number}\"\nroles = [\"reader\"]\ncontracts = [\"c-{number}\"]");
            let consumer = toml::Value::Table(consumer.parse().unwrap());
            section(table, "consumers").insert(format!("many-{number:04}"), consumer);
        }
    });
    let told: Value = serde_json::from_str(&command(&files, &["sano", "AED", "name", "--json"])).unwrap();
    let ways = told["seenBy"].as_array().unwrap();
    assert!(ways.len() < 5, "{ways:#?}");
    let many = ways
        .iter()
        .find(|way| way["consumers"]["count"].as_u64() > Some(3_000))
        .unwrap();
    assert_eq!(many["consumers"]["names"].as_array().unwrap().len(), 100);
}

#[tokio::test]
async fn a_tenants_administrator_is_told_of_its_own_data_alone() {
    let platform = builder().await.start().await;
    let own = platform.admin("sano-admin");
    for path in [
        format!("{PATH}?tenant=yaita&type=AED"),
        format!("{PATH}?tenant=nobody&type=AED"),
    ] {
        let refused = own.get(path).await;
        assert_eq!(refused.status, 403, "{refused}");
    }
    let told = own.get(format!("{PATH}?type=AED&attribute=name")).await.ok().json();
    assert_eq!(told["tenant"], "sano");
    assert!(
        says_yes(&told, "bousai-map", None),
        "who sees its data is its own to know: {told:#}"
    );
    let not_seen = told["notSeenBy"].to_string();
    for other in [STATING, FORBIDDEN, WRITER, NARROW] {
        assert!(!told.to_string().contains(other), "{other} is none of its: {told:#}");
    }
    let ops = seen(&platform.admin("ops"), "sano", "AED", Some("name")).await;
    assert!(ops["notSeenBy"].to_string().contains(STATING), "{not_seen}: {ops:#}");
    for wrong in [
        "",
        "?tenant=sano",
        "?tenant=sano&type=AED&more=1",
        "?tenant=sano&type=%3C%3E",
    ] {
        let answer = platform.admin("ops").get(format!("{PATH}{wrong}")).await;
        assert_eq!(answer.status, 400, "{answer}");
    }
    let nobody = platform.admin("ops").get(format!("{PATH}?tenant=sanno&type=AED")).await;
    assert_eq!(nobody.status, 404, "{nobody}");
    platform
        .admin("auditor")
        .get(format!("{PATH}?tenant=yaita&type=AED"))
        .await
        .ok();
}

#[tokio::test]
async fn what_others_have_that_see_nothing_of_it_makes_no_difference_to_a_tenants_administrator() {
    // An application of another tenant's that no policy of Sano's names, and keys of one that sees.
    let hide = |builder: Builder| {
        builder.tenants(|table| {
            let consumers = section(table, "consumers");
            let hidden = "tenant = \"tochigi\"\nroles = [\"hidden-role\"]\npurposes = [\"hidden-purpose\", \"more\"]\n\
                          contracts = [\"hidden-contract\"]";
            consumers.insert("hidden-app".into(), toml::Value::Table(hidden.parse().unwrap()));
            section(consumers, "bousai-map").remove("keys");
            let purposes = ["hidden-purpose", "other"].map(toml::Value::from);
            section(consumers, "bousai-map").insert("purposes".into(), toml::Value::Array(purposes.to_vec()));
        })
    };
    let own = |builder: Builder| {
        builder.policy(
            "sano.cedar",
            "@contract(\"c-1\") @attributes(\"name\") permit (principal, action in Action::\"read\", resource == EntityType::\"sano/Bus\");",
        )
    };
    let without = own(builder().await).start().await;
    let with = hide(own(builder().await)).start().await;
    for question in [
        "type=AED",
        "type=AED&attribute=name",
        "type=EvacuationSite&attribute=location",
        "type=AED&attribute=fullName",
        "type=AED&attribute=nobodyHasIt",
        "type=Resident",
        "type=Bus&attribute=name",
    ] {
        let told = async |platform: &Platform| {
            let answer = platform
                .admin("sano-admin")
                .get(format!("{PATH}?{question}"))
                .await
                .ok();
            let mut told = answer.json();
            told.as_object_mut().unwrap().remove("revision");
            told
        };
        assert_eq!(told(&without).await, told(&with).await, "{question}");
    }
}

#[test]
fn subscribing_needs_reading_and_what_only_a_sure_token_shows_is_told_so() {
    let files = Files::committed();
    files.change_tenants(|table| {
        let issuer = "url = \"https://id.example.jp\"\naudience = \"kakehashi\"\nalgorithms = [\"ES256\"]";
        section(table, "issuers").insert("prefecture".into(), toml::Value::Table(issuer.parse().unwrap()));
        let consumers = section(table, "consumers");
        for id in ["both", "alone", "sure", "unsure"] {
            let by = match id {
                "sure" => "jwt = { issuer = \"prefecture\", subject = \"sure\" }",
                _ => "",
            };
            let consumer = format!("organisation = \"試験\"\nroles = [\"{id}\"]\n{by}");
            consumers.insert(id.into(), toml::Value::Table(consumer.parse().unwrap()));
        }
    });
    let permit = |roles: &[&str], action: &str, more: &str| {
        let permits = roles.iter().map(|role| {
            format!("{more} permit (principal in Role::\"{role}\", action in Action::\"{action}\", resource == EntityType::\"yaita/AED\");\n")
        });
        permits.collect::<String>()
    };
    files.append(
        "policies/yaita.cedar",
        &[
            permit(&["both"], "read", ""),
            permit(&["both", "alone"], "subscribe", ""),
            permit(&["sure", "unsure"], "read", "@ial(\"2\")"),
        ]
        .concat(),
    );
    let told: Value = serde_json::from_str(&command(&files, &["yaita", "AED", "name", "--json"])).unwrap();
    let ways = told["seenBy"].as_array().unwrap();
    let of = |consumer: &str| -> Vec<&Value> {
        let ways = ways.iter();
        let own = ways.filter(|way| way["consumers"]["names"].as_array().unwrap().contains(&consumer.into()));
        own.collect()
    };
    let operations: BTreeSet<String> = of("both").iter().map(|way| way["operations"].to_string()).collect();
    assert_eq!(
        operations,
        ["[\"read\"]", "[\"subscribe\"]"].map(str::to_owned).into(),
        "by a line each: {told:#}"
    );
    assert!(
        of("alone").is_empty(),
        "what may not be read is in no notification: {told:#}"
    );
    let [sure] = of("sure")[..] else { panic!("{told:#}") };
    assert_eq!(sure["onlyIdentified"], true, "{told:#}");
    assert_eq!(
        sure["permits"][0]["conditions"],
        json!(["with identity assurance 2 or higher"])
    );
    assert!(
        of("unsure").is_empty(),
        "without a token nobody says who it is: {told:#}"
    );
    let unsure = told["notSeenBy"].to_string();
    assert!(
        unsure.contains("no token says that its holder was identified so surely"),
        "{told:#}"
    );
}

/// What is classified for the data of others is none of a tenant's administrator's, neither by its name nor by one that is like it.
#[tokio::test]
async fn what_is_classified_for_others_is_not_told_to_a_tenants_administrator() {
    let classified =
        "[types.SecretReactor]\nclass = \"open\"\n[types.SecretReactor.attributes]\nlimited = [\"reactorOutput\"]\n";
    let with = builder().await;
    with.files().append("policies/classification.toml", classified);
    let (with, without) = (with.start().await, builder().await.start().await);
    for question in [
        "?type=SecretReactor",
        "?type=SecretReacto",
        "?type=SecretReactor&attribute=reactorOutput",
        "?type=SecretReactor&attribute=reactorOutpu",
        "?type=Resident",
    ] {
        let told = async |platform: &Platform| {
            let answer = platform.admin("sano-admin").get(format!("{PATH}{question}")).await;
            let mut told = answer.ok().json();
            told.as_object_mut().unwrap().remove("revision");
            told
        };
        let told_with = told(&with).await;
        assert_eq!(told_with, told(&without).await, "{question}");
        assert_eq!(told_with["class"], Value::Null, "{question}: {told_with:#}");
    }
    let ops = seen(&with.admin("ops"), "sano", "SecretReactor", None).await;
    assert_eq!(ops["class"], "open", "{ops:#}");
}

/// Roles and levels that only tokens bring are not known: where nobody is found to see something, that is said most of all.
#[test]
fn where_tokens_may_bring_roles_nobody_is_said_to_be_only_those_who_are_known() {
    let files = Files::committed();
    files.change_tenants(|table| {
        let issuer = "url = \"https://id.example.jp\"\naudience = \"kakehashi\"\nalgorithms = [\"ES256\"]\nroles_claim = \"roles\"";
        section(table, "issuers").insert("prefecture".into(), toml::Value::Table(issuer.parse().unwrap()));
    });
    files.write(
        "policies/yaita.cedar",
        "permit (principal in Role::\"from-token\", action in Action::\"read\", resource in Tenant::\"yaita\");",
    );
    let told = command(&files, &["yaita", "AED"]);
    assert!(told.contains("nobody sees it:"), "{told}");
    assert!(
        told.contains("roles, levels and words of `acr` that only tokens bring"),
        "{told}"
    );
}

#[test]
fn a_guarded_attribute_that_a_permit_names_lacks_what_its_class_needs() {
    let files = Files::committed();
    files.write(
        "policies/yaita.cedar",
        "@attributes(\"name,cookieId\")\npermit (principal, action in Action::\"read\", resource == EntityType::\"yaita/AED\");",
    );
    let told = command(&files, &["yaita", "AED", "cookieId"]);
    assert!(told.contains("consent that the permit names in @consent"), "{told}");
    assert!(told.contains("yaita.cedar:2"), "{told}");
}
