//! A term that touches a hidden attribute behaves exactly as if no entity had it, in every place where a name can stand.

use super::harness::{Answer, Platform};

/// In Nasushiobara's Orion every shelter has it, and nobody may see it.
const HIDDEN: &str = "managerName";

/// Nobody has it. As long as [`HIDDEN`], so that positions in messages are the same.
const UNKNOWN: &str = "nobodyHasIt";

/// Queries with `NAME` for the attribute.
fn questions() -> Vec<Vec<(&'static str, String)>> {
    let manager = &stand_ins::nasushiobara::canaries()[8 * 9 + 4 * 5];
    let terms = [
        "NAME".to_owned(),
        format!("NAME==\"{manager}\""),
        format!("NAME!=\"{manager}\""),
        "NAME!=\"somebody else\"".to_owned(),
        "NAME~=\".*\"".to_owned(),
        "NAME~=\"架空.*\"".to_owned(),
        "NAME!~=\"架空.*\"".to_owned(),
        "NAME!~=\"x\"".to_owned(),
        "NAME>\"a\"".to_owned(),
        "NAME<=\"z\"".to_owned(),
        format!("NAME==\"x\",\"{manager}\""),
        "NAME==1..5".to_owned(),
        "NAME[family]==\"x\"".to_owned(),
        "NAME.observedAt>2020-01-01T00:00:00Z".to_owned(),
        "NAME.note!=\"x\"".to_owned(),
        format!("NAME==\"{manager}\"|name==\"西那須野公民館\""),
        "name;NAME".to_owned(),
        "NAME|name".to_owned(),
        "(NAME|name);fullAddress".to_owned(),
        "name;(fullAddress|NAME!=\"x\")".to_owned(),
        "(name;(NAME!=\"x\"))".to_owned(),
    ];
    let mut questions: Vec<Vec<(&str, String)>> = terms.into_iter().map(|term| vec![("q", term)]).collect();
    for lists in ["NAME", "name,NAME", "NAME,name"] {
        questions.push(vec![("attrs", lists.to_owned())]);
        questions.push(vec![("pick", lists.to_owned())]);
    }
    let near = |property: &str| {
        [
            ("georel", "near;maxDistance==500000"),
            ("geometry", "Point"),
            ("coordinates", "[139.9,36.9]"),
            ("geoproperty", property),
        ]
        .map(|(name, value)| (name, value.to_owned()))
        .to_vec()
    };
    questions.push(near("NAME"));
    questions.push(vec![("attrs", "name".to_owned()), ("q", "NAME".to_owned())]);
    questions.push(vec![("options", "sysAttrs".to_owned()), ("q", "NAME".to_owned())]);
    questions.push(vec![("options", "keyValues".to_owned()), ("attrs", "NAME".to_owned())]);
    questions
}

/// What can be told from an answer, with the name taken out.
fn told(answer: &Answer, name: &str) -> (u16, String, Option<String>, usize) {
    let body = String::from_utf8_lossy(&answer.body).replace(name, "NAME");
    (
        answer.status,
        body,
        answer.header("ngsild-results-count").map(str::to_owned),
        answer.warnings().len(),
    )
}

/// What can be told from a walk over all pages, one after the other: what each shows, how it leads on, and what was asked for it.
async fn walked(
    platform: &Platform,
    question: &[(&str, String)],
    name: &str,
    tenant: Option<&str>,
    count: &str,
) -> Vec<((u16, String, Option<String>, usize), String, Vec<String>)> {
    let parameters = question
        .iter()
        .map(|(parameter, value)| format!("&{parameter}={}", escaped(&value.replace("NAME", name))));
    let parameters: String = parameters.collect();
    let mut target = Some(format!(
        "/ngsi-ld/v1/entities?type=DesignatedShelter&limit=2{count}{parameters}"
    ));
    let mut pages = Vec::new();
    while let Some(next) = target {
        platform.forget_requests();
        let mut ask = platform.get(next);
        if let Some(tenant) = tenant {
            ask = ask.tenant(tenant);
        }
        let answer = ask.await;
        let mut asked: Vec<String> = platform
            .asked()
            .iter()
            // The next page of a platform may be on its way when nobody wants it any more.
            .filter(|request| !request.query.starts_with("offset=58&"))
            .map(|request| format!("{}?{}", request.path, request.query).replace(name, "NAME"))
            .collect();
        asked.sort();
        target = (answer.status == 200).then(|| answer.link("next")).flatten();
        // A cursor says nothing, but there is one, so long.
        let link = answer.link("next").unwrap_or_default().replace(name, "NAME");
        let link = match link.split_once("cursor=") {
            Some((before, cursor)) => format!("{before}cursor={}", "x".repeat(cursor.len())),
            None => link,
        };
        pages.push((told(&answer, name), link, asked));
        assert!(pages.len() < 100, "{answer}");
    }
    pages
}

fn escaped(value: &str) -> String {
    percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC).to_string()
}

#[tokio::test]
async fn on_every_page_of_a_walk() {
    let platform = Platform::start().await;
    let mut led_on = 0;
    for (tenant, count) in [(None, ""), (None, "&count=true"), (Some("nasushiobara"), "")] {
        for question in questions() {
            let hidden = walked(&platform, &question, HIDDEN, tenant, count).await;
            let unknown = walked(&platform, &question, UNKNOWN, tenant, count).await;
            assert_eq!(hidden, unknown, "{question:?}");
            led_on += hidden.iter().filter(|(_, link, _)| link.contains("cursor=")).count();
        }
    }
    assert!(led_on > 50, "{led_on}");
}

async fn the_same_for_both(platform: &Platform, consumer: Option<&str>, tenant: Option<&str>) {
    for question in questions() {
        let mut answers = Vec::new();
        for name in [HIDDEN, UNKNOWN] {
            let filled: Vec<(&str, String)> = question
                .iter()
                .map(|(parameter, value)| (*parameter, value.replace("NAME", name)))
                .collect();
            let mut parameters = vec![("type", "DesignatedShelter"), ("limit", "1000"), ("count", "true")];
            parameters.extend(filled.iter().map(|(parameter, value)| (*parameter, value.as_str())));
            platform.forget_requests();
            let mut ask = platform.query(&parameters);
            ask = match consumer {
                Some(consumer) => ask.by(consumer),
                None => ask.anonymous(),
            };
            if let Some(tenant) = tenant {
                ask = ask.tenant(tenant);
            }
            let answer = ask.await;
            let mut asked: Vec<String> = platform
                .asked()
                .iter()
                .map(|request| format!("{}?{}", request.path, request.query).replace(name, "NAME"))
                .collect();
            asked.sort();
            assert!(answer.status < 500, "{answer}");
            for request in platform.asked() {
                assert!(!request.query.contains(name), "passed on: {}", request.query);
            }
            answers.push((told(&answer, name), asked));
        }
        let unknown = answers.pop().unwrap();
        let hidden = answers.pop().unwrap();
        assert_eq!(hidden, unknown, "{question:?}");
    }
}

#[tokio::test]
async fn for_a_reader() {
    let platform = Platform::start().await;
    the_same_for_both(&platform, Some("bousai-map"), None).await;
}

#[tokio::test]
async fn for_the_owner_tenant_alone() {
    let platform = Platform::start().await;
    the_same_for_both(&platform, Some("bousai-map"), Some("nasushiobara")).await;
}

#[tokio::test]
async fn for_the_public() {
    let platform = Platform::builder().await.log("debug").start().await;
    the_same_for_both(&platform, None, None).await;
}

#[tokio::test]
async fn a_condition_on_it_alone_finds_nothing() {
    let platform = Platform::start().await;
    for q in [
        HIDDEN,
        "managerName!=\"x\"",
        "managerMobilePhone~=\"090.*\"",
        "managerName!~=\"x\"",
    ] {
        let answer = platform
            .query(&[("type", "DesignatedShelter"), ("q", q), ("count", "true")])
            .await
            .ok();
        assert_eq!(answer.count(), 0, "{q}");
    }
    let or = platform
        .query(&[
            ("type", "DesignatedShelter"),
            ("q", "managerName|name"),
            ("count", "true"),
        ])
        .await
        .ok();
    assert_eq!(or.count(), 58 + 68 + 25, "the other branch still holds");
    let by_id = platform
        .entities("type=DesignatedShelter&limit=1")
        .tenant("nasushiobara")
        .await
        .ok()
        .ids()
        .remove(0);
    let projected = platform
        .get(format!("/ngsi-ld/v1/entities/{by_id}?attrs=managerName"))
        .await;
    let unknown = platform
        .get(format!("/ngsi-ld/v1/entities/{by_id}?attrs=nobodyHasIt"))
        .await;
    assert_eq!(told(&projected, "managerName"), told(&unknown, "nobodyHasIt"));
}

#[tokio::test]
async fn as_a_geometry_of_geojson_too() {
    let platform = Platform::start().await;
    let ask = |name: &str| {
        platform
            .entities(format!("type=DesignatedShelter&limit=1000&geometryProperty={name}"))
            .accept("application/geo+json")
    };
    let (hidden, unknown) = (ask(HIDDEN).await.ok(), ask(UNKNOWN).await.ok());
    assert_eq!(told(&hidden, HIDDEN), told(&unknown, UNKNOWN));
}

#[tokio::test]
async fn a_policy_that_grants_it_by_mistake_does_not_show_it() {
    let builder = Platform::builder().await.consumer("greedy");
    let platform = builder
        .policy(
            "nasushiobara.cedar",
            "@attributes(\"name,managerName,managerMobilePhone\")\npermit (principal in Role::\"greedy\", action in Action::\"read\", resource in Tenant::\"nasushiobara\");\npermit (principal in Role::\"greedy\", action, resource in Tenant::\"nasushiobara\");",
        )
        .start()
        .await;
    the_same_for_both(&platform, Some("greedy"), None).await;
    let shelters = platform
        .entities("type=DesignatedShelter&limit=1000")
        .tenant("nasushiobara")
        .by("greedy")
        .await
        .ok();
    assert_eq!(shelters.entities().len(), 68);
    assert!(shelters.entities().iter().all(|shelter| shelter.get(HIDDEN).is_none()));
    assert_eq!(
        platform
            .entities("type=Resident,MaternalHandbook")
            .by("greedy")
            .await
            .ok()
            .ids()
            .len(),
        0
    );
}
