//! A list without anything says why that may be, in `Kakehashi-Hint`: of what was asked and of what its consumer is granted,
//! and of nothing else.

use serde_json::{Value, json};

use super::harness::{Answer, Files, Finished, Platform, encoded, section};

const HINT: &str = "kakehashi-hint";

/// Behind which permits `one` may see sites of Sano alone.
const OF_SANO: &str =
    "permit (principal in Role::\"one\", action in Action::\"read\", resource == EntityType::\"sano/EvacuationSite\");";

/// The hints, as people read them: each header holds one Display String (RFC 9651).
fn hints(answer: &Answer) -> Vec<String> {
    let decoded = answer.all(HINT).into_iter().map(|value| {
        assert!(value.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{value}");
        let text = value.strip_prefix("%\"").and_then(|text| text.strip_suffix('"'));
        let text = text.unwrap_or_else(|| panic!("no Display String: {value}"));
        assert!(!text.contains('"'), "{value}");
        percent_encoding::percent_decode_str(text)
            .decode_utf8()
            .unwrap()
            .into_owned()
    });
    decoded.collect()
}

async fn hints_of(platform: &Platform, query: &str) -> Vec<String> {
    let answer = platform.entities(query).await;
    assert!(answer.entities().is_empty(), "{answer}");
    hints(&answer)
}

#[tokio::test]
async fn a_misspelt_name_is_told_with_the_nearest_that_is_granted() {
    let platform = Platform::start().await;
    let near = "georel=near;maxDistance==5000&geometry=Point&coordinates=[139.6,36.3]";
    for (query, unknown, nearest) in [
        (
            "type=EvacuationSit",
            "the type `EvacuationSit` (`type`)",
            "EvacuationSite",
        ),
        (
            "type=evacuationsite",
            "the type `evacuationsite` (`type`)",
            "EvacuationSite",
        ),
        (
            "type=EvacuationSite&attrs=nmae",
            "the attribute `nmae` (`attrs`)",
            "name",
        ),
        ("type=EvacuationSite&pick=nmae", "the attribute `nmae` (`pick`)", "name"),
        (
            "type=EvacuationSite&q=nmae==%22x%22",
            "the attribute `nmae` (`q`)",
            "name",
        ),
        (
            &format!("type=EvacuationSite&geoproperty=locaton&{near}"),
            "the attribute `locaton` (`geoproperty`)",
            "location",
        ),
        (
            "type=EvacuationSite&local=true&q=name==%22x%22&orderBy=nmae",
            "the attribute `nmae` (`orderBy`)",
            "name",
        ),
        // Both are told at once: the attribute is looked for where the type is meant.
        (
            "type=EvacuationSit&attrs=nmae",
            "the attribute `nmae` (`attrs`)",
            "name",
        ),
    ] {
        let told = hints_of(&platform, query).await;
        let expected = format!("{unknown} is none of those that are named to you here; did you mean `{nearest}`?");
        assert!(told.contains(&expected), "{query}: {told:?}");
    }
    // Nobody was asked for a type that there is not, not even for a hint.
    platform.forget_requests();
    hints_of(&platform, "type=EvacuationSit&attrs=nmae").await;
    assert!(platform.asked().is_empty(), "{:?}", platform.asked());
    let far = hints_of(&platform, "type=Zzz").await;
    assert!(far[0].contains("/ngsi-ld/v1/types lists those"), "{far:?}");
}

#[tokio::test]
async fn a_list_with_something_and_an_entity_that_is_not_there_have_no_hint() {
    let platform = Platform::start().await;
    for target in [
        "/ngsi-ld/v1/entities?type=EvacuationSite,EvacuationSit&limit=2",
        "/ngsi-ld/v1/entities?type=EvacuationSite&attrs=name,nmae&limit=2",
        // What is not on the page is there.
        "/ngsi-ld/v1/entities?type=EvacuationSite,EvacuationSit&limit=0&count=true",
        "/ngsi-ld/v1/types",
        "/ngsi-ld/v1/entities/urn:ngsi-ld:EvacuationSite:nobody?attrs=nmae",
    ] {
        let answer = platform.get(target).await;
        assert_eq!(answer.header(HINT), None, "{answer}");
    }
}

#[tokio::test]
async fn what_is_hidden_is_hinted_at_as_what_nobody_has() {
    let platform = Platform::start().await;
    // Each is hidden, the other one nobody's, and as like to whatever is granted.
    for (consumer, query, hidden, absent) in [
        (
            "bousai-map",
            "type=DesignatedShelter&q=NAME",
            "managerName",
            "managerNaem",
        ),
        (
            "bousai-map",
            "type=DesignatedShelter&attrs=NAME",
            "keyHolderName",
            "keyHolderNaem",
        ),
        ("bousai-map", "type=NAME", "Resident", "Rezident"),
        ("bousai-map", "type=NAME&q=name==%22x%22", "Resident", "Rezident"),
        (
            "limited-app",
            "type=EvacuationSite&q=NAME",
            "fullAddress",
            "fullAddrezz",
        ),
        ("limited-app", "type=NAME", "DesignatedShelter", "DesignatedShelder"),
        ("limited-app", "type=NAME", "AED", "AEQ"),
    ] {
        let mut told = Vec::new();
        for name in [hidden, absent] {
            platform.forget_requests();
            let answer = platform.entities(query.replace("NAME", name)).by(consumer).await;
            assert!(answer.entities().is_empty(), "{answer}");
            let asked: Vec<String> = platform
                .asked()
                .iter()
                .map(|request| format!("{}?{}", request.path, request.query))
                .collect();
            let hints: Vec<String> = answer.all(HINT).iter().map(|hint| hint.replace(name, "NAME")).collect();
            assert!(!hints.is_empty(), "{answer}");
            told.push((hints, asked));
        }
        assert_eq!(told[0], told[1], "{consumer}: {query}");
    }
    // What is nearest is not suggested to whom it is hidden from.
    for (consumer, query, hidden) in [
        ("bousai-map", "type=DesignatedShelter&q=managerNam", "managerName"),
        ("bousai-map", "type=Residentt", "Resident"),
        ("limited-app", "type=EvacuationSite&q=fullAddres", "fullAddress"),
        ("limited-app", "type=DesignatedShelte", "DesignatedShelter"),
    ] {
        let told = hints(&platform.entities(query).by(consumer).await).concat();
        assert!(
            !told.is_empty() && !told.contains(&format!("`{hidden}`")),
            "{query}: {told}"
        );
    }
}

#[tokio::test]
async fn a_name_of_another_context_is_told_with_what_it_is_here() {
    let platform = Platform::start().await;
    let asked = |member: Value| {
        let mut body = json!({
            "@context": { "EvacuationSite": "https://elsewhere.example/EvacuationSite" },
            "type": "Query",
            "entities": [{ "type": "EvacuationSite" }],
        });
        for (name, value) in member.as_object().unwrap() {
            body[name] = value.clone();
        }
        platform
            .post("/ngsi-ld/v1/entityOperations/query")
            .body("application/ld+json", body.to_string())
    };
    let there = hints(&asked(json!({})).await);
    assert!(
        there[0].starts_with(
            "your @context makes the type `EvacuationSite` to https://elsewhere.example/EvacuationSite; here it is \
             https://kakehashi.example.jp/vocab/EvacuationSite"
        ),
        "{there:?}"
    );
    let attribute = hints(
        &asked(json!({
            "@context": {
                "EvacuationSite": "https://kakehashi.example.jp/vocab/EvacuationSite",
                "fullAddress": "https://elsewhere.example/address",
            },
            "q": "fullAddress",
        }))
        .await,
    );
    assert!(
        attribute[0]
            .starts_with("your @context makes the attribute `fullAddress` to https://elsewhere.example/address; here"),
        "{attribute:?}"
    );
    // What is hidden has no meaning here, whatever it is called there.
    let hidden = hints(
        &asked(json!({
            "@context": { "Resident": "https://elsewhere.example/Resident" },
            "entities": [{ "type": "Resident" }],
        }))
        .await,
    );
    assert!(
        hidden[0].contains("none of those that are named to you here"),
        "{hidden:?}"
    );
}

#[tokio::test]
async fn a_filter_that_nothing_meets_is_told_as_a_possibility() {
    let platform = Platform::start().await;
    let one = hints_of(
        &platform,
        &format!("type=EvacuationSite&q={}", encoded("name==\"誰も知らない\"")),
    )
    .await;
    assert_eq!(
        one,
        ["nothing that you may see meets `q`; it may be that no entity has such a value of `name`"]
    );
    let two = hints_of(&platform, "type=EvacuationSite&q=name==%22x%22;commonId==%22y%22").await;
    assert!(
        two[0].ends_with("it may be that no entity meets all of it: try the conditions one at a time"),
        "{two:?}"
    );
    let by_id = hints_of(&platform, "type=EvacuationSite&id=urn:ngsi-ld:EvacuationSite:nobody").await;
    assert!(by_id[0].contains("meets `id`"), "{by_id:?}");
}

#[tokio::test]
async fn a_page_behind_the_end_and_a_local_question_are_told() {
    let platform = Platform::start().await;
    let told = hints_of(&platform, "type=EvacuationSite&offset=100000&limit=10").await;
    assert!(
        told[0].starts_with("`offset=100000` leaves out the first 100000"),
        "{told:?}"
    );
    assert!(told[0].contains("it counts entities, not pages"), "{told:?}");
    let counted = hints_of(&platform, "type=EvacuationSite&offset=100000&limit=10&count=true").await;
    let all = platform
        .entities("type=EvacuationSite&limit=0&count=true")
        .await
        .ok()
        .count();
    assert_eq!(
        counted,
        [format!(
            "`offset=100000` leaves out the first 100000, and there are {all} in all"
        )]
    );
    let local = hints_of(&platform, "type=EvacuationSite&local=true&q=name==%22x%22").await;
    assert!(
        local
            .iter()
            .any(|hint| hint.starts_with("`local=true` asks the store alone")),
        "{local:?}"
    );
}

#[tokio::test]
async fn whoever_states_no_purpose_is_told_that_it_could() {
    let permit = "@purpose(\"disaster-response\")\n\
                  permit (principal in Role::\"several\", action, resource == EntityType::\"yaita/AED\");";
    let platform = Platform::builder()
        .await
        .consumer("several")
        .policy("yaita.cedar", permit)
        .tenants(|table| {
            let consumer = section(section(table, "consumers"), "several");
            let purposes = ["disaster-response", "advertising"].map(toml::Value::from);
            consumer.insert("purposes".into(), toml::Value::Array(purposes.into()));
        })
        .start()
        .await;
    for target in ["/ngsi-ld/v1/entities?type=AED", "/ngsi-ld/v1/types"] {
        let told = hints(&platform.get(target).by("several").await.ok());
        let is_told = told.iter().any(|hint| hint.ends_with("in Kakehashi-Purpose"));
        assert!(is_told, "{target}: {told:?}");
        let stated = platform
            .get(target)
            .by("several")
            .header("kakehashi-purpose", "advertising");
        let told = hints(&stated.await.ok());
        assert!(!told.iter().any(|hint| hint.contains("Kakehashi-Purpose")), "{told:?}");
    }
}

#[tokio::test]
async fn hints_are_few_and_short_whatever_is_asked() {
    let platform = Platform::start().await;
    let long = "ん".repeat(300);
    let many: Vec<String> = (0..40).map(|number| format!("{}{number}", "あ".repeat(15))).collect();
    for query in [
        format!("type={}", encoded(&long)),
        format!("type=EvacuationSite&q={}", encoded(&format!("name==\"{long}\""))),
        format!("type=EvacuationSite&attrs={}", encoded(&many.join(","))),
        format!("type={}", encoded(&many[..20].join(","))),
    ] {
        let answer = platform.entities(&query).await;
        assert!(answer.entities().is_empty(), "{answer}");
        let sent = answer.all(HINT);
        assert!((1..=4).contains(&sent.len()), "{answer}");
        assert!(sent.iter().all(|hint| hint.len() <= 1_010), "{sent:?}");
        hints(&answer);
    }
}

#[tokio::test]
async fn what_other_apis_call_a_parameter_is_told_by_its_name_here() {
    let platform = Platform::start().await;
    for (parameter, meant) in [
        ("page=2", "did you mean `offset`, which counts entities?"),
        ("per_page=10", "did you mean `limit`?"),
        ("pageSize=10", "did you mean `limit`?"),
        ("sort=name", "did you mean `orderBy`?"),
        ("fields=name", "did you mean `attrs` or `pick`?"),
        ("filter=name", "did you mean `q`?"),
    ] {
        let answer = platform.entities(format!("type=AED&{parameter}")).await;
        assert_eq!(answer.status, 400, "{answer}");
        assert!(answer.problem().detail.ends_with(meant), "{answer}");
        assert_eq!(answer.header(HINT), None);
    }
}

#[tokio::test]
async fn an_order_over_several_sources_names_those_that_the_store_alone_would_leave_out() {
    let platform = Platform::builder()
        .await
        .consumer("one")
        .policy("sano.cedar", OF_SANO)
        .start()
        .await;
    let refused = platform.entities("type=EvacuationSite&orderBy=name").await;
    assert_eq!(refused.status, 400, "{refused}");
    let detail = refused.problem().detail;
    for said in [
        "`sano-safe-map`",
        "`nasushiobara-orion`",
        "order them yourself",
        "is left out",
    ] {
        assert!(detail.contains(said), "{said}: {detail}");
    }
    let narrowed = platform.entities("type=EvacuationSite&orderBy=name").by("one").await;
    let detail = narrowed.problem().detail;
    assert!(
        detail.contains("`sano-safe-map`") && !detail.contains("nasushiobara"),
        "{detail}"
    );
    assert!(platform.asked().is_empty(), "{:?}", platform.asked());
}

#[tokio::test]
async fn explain_says_what_the_consumer_would_be_told_and_asks_nobody() {
    let platform = Platform::start().await;
    for query in [
        "type=EvacuationSit&attrs=nmae",
        "type=EvacuationSite&q=nmae==%22x%22",
        "type=EvacuationSite&q=name==%22x%22",
        "type=DesignatedShelter&q=managerName",
        "type=EvacuationSite&local=true&q=name==%22x%22",
    ] {
        let told = hints_of(&platform, query).await;
        platform.forget_requests();
        let target = format!("/ngsi-ld/v1/entities?{query}");
        let arguments = ["explain", "--json", "--consumer", "bousai-map", "GET", &target];
        let explained = Finished::well(platform.files().folder(), &arguments).stdout;
        let explained: Value = serde_json::from_str(&explained).unwrap();
        assert_eq!(explained["hints"], json!(told), "{query}");
        assert!(platform.asked().is_empty(), "{:?}", platform.asked());
    }
    let files = Files::committed();
    let arguments = [
        "explain",
        "--consumer",
        "bousai-map",
        "GET",
        "/ngsi-ld/v1/entities?type=EvacuationSit",
    ];
    let text = Finished::well(files.folder(), &arguments).stdout;
    assert!(
        text.contains("if the list is empty, the consumer is told:\n  the type `EvacuationSit`"),
        "{text}"
    );
}

/// What the operator has classified for one tenant's data is told to nobody else, although a permit for everything that is open
/// would grant it of the store, which may have any type.
#[tokio::test]
async fn what_is_classified_for_another_tenants_data_is_hinted_at_as_what_nobody_has() {
    let classified =
        "[types.SecretReactor]\nclass = \"open\"\n[types.SecretReactor.attributes]\nopen = [\"reactorOutput\"]\n";
    let with = Platform::builder().await;
    with.files().append("policies/classification.toml", classified);
    let with = with.start().await;
    let without = Platform::start().await;
    for query in [
        "type=SecretReactor",
        "type=SecretReacto",
        "type=SecretReacto&q=reactorOutpu==1",
        "type=SecretReactor&attrs=reactorOutput",
        "type=EvacuationSite,SecretReactor&q=reactorOutput==1",
    ] {
        for tenant in [None, Some("yaita")] {
            let told = |platform: &Platform| {
                let ask = platform.entities(query);
                match tenant {
                    Some(tenant) => ask.header("NGSILD-Tenant", tenant),
                    None => ask,
                }
            };
            let (one, other) = (told(&with).await, told(&without).await);
            assert_eq!(hints(&one), hints(&other), "{query}");
            assert!(!hints(&one).is_empty(), "{query}: {one}");
        }
    }
    // So is a subscription to it.
    let subscription = |r#type: &str| {
        json!({ "type": "Subscription", "entities": [{ "type": r#type }], "localOnly": true,
            "notification": { "endpoint": { "uri": "https://example.jp/told" } } })
    };
    let refused = async |r#type: &str| {
        let answer = with.post("/ngsi-ld/v1/subscriptions").json(&subscription(r#type)).await;
        (answer.status, answer.problem().detail)
    };
    assert_eq!(refused("SecretReactor").await, refused("Zzz").await);
    assert_ne!(refused("EvacuationSite").await, refused("Zzz").await);
}
