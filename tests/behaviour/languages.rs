//! The query language with Japanese text, decided alike by all sources.

use serde_json::json;

use super::harness::{Place, Platform, nasushiobara_sites, sano_sites, yaita_sites};

async fn matches(q: &str, holds: impl Fn(&Place) -> bool) {
    let platform = Platform::builder().await.log("debug").start().await;
    the_same(&platform, q, holds).await;
}

async fn the_same(platform: &Platform, q: &str, holds: impl Fn(&Place) -> bool) {
    let places = [sano_sites(), nasushiobara_sites(), yaita_sites()].concat();
    let mut wanted: Vec<String> = places.into_iter().filter(holds).map(|place| place.id).collect();
    wanted.sort();
    let answer = platform
        .query(&[
            ("type", "EvacuationSite"),
            ("q", q),
            ("count", "true"),
            ("limit", "1000"),
        ])
        .await
        .ok();
    let mut found = answer.ids();
    found.sort();
    assert_eq!(found, wanted, "{q}");
    assert_eq!(answer.count(), wanted.len(), "{q}");
    assert_eq!(answer.warnings(), [""; 0], "{q}");
}

#[tokio::test]
async fn patterns_find_schools_everywhere() {
    matches("name~=\".*小学校.*\"", |place| place.name.contains("小学校")).await;
}

#[tokio::test]
async fn text_is_compared_whole() {
    let platform = Platform::start().await;
    for place in [&sano_sites()[1], &nasushiobara_sites()[2], &yaita_sites()[3]] {
        let name = &place.name;
        the_same(&platform, &format!("name==\"{name}\""), |other| other.name == *name).await;
        let beginning: String = name.chars().take(2).collect();
        the_same(&platform, &format!("name==\"{beginning}\""), |other| {
            other.name == beginning
        })
        .await;
        the_same(&platform, &format!("name!=\"{name}\""), |other| other.name != *name).await;
    }
}

#[tokio::test]
async fn conditions_combine() {
    let platform = Platform::start().await;
    let (first, second) = (&sano_sites()[0].name, &nasushiobara_sites()[0].name);
    let school = |place: &Place| place.name.contains("学校");
    the_same(&platform, &format!("name==\"{first}\",\"{second}\""), |place| {
        [first, second].contains(&&place.name)
    })
    .await;
    the_same(&platform, &format!("name==\"{first}\"|name==\"{second}\""), |place| {
        [first, second].contains(&&place.name)
    })
    .await;
    the_same(
        &platform,
        "name~=\".*学校.*\";fullAddress~=\"^栃木県那須塩原市\"",
        |place| school(place) && place.address.starts_with("栃木県那須塩原市"),
    )
    .await;
    the_same(
        &platform,
        "(name~=\".*学校.*\"|name~=\".*公民館.*\");fullAddress!~=\"^栃木県佐野市\"",
        |place| (school(place) || place.name.contains("公民館")) && !place.address.starts_with("栃木県佐野市"),
    )
    .await;
    the_same(&platform, "name!~=\".*学校.*\"", |place| !school(place)).await;
    the_same(&platform, "name", |_| true).await;
    the_same(&platform, "nobodyHasIt", |_| false).await;
}

#[tokio::test]
async fn a_pattern_is_found_anywhere_and_anchors_hold_it_to_the_ends() {
    let platform = Platform::start().await;
    for school in ["name~=小学校", "name~=\"小学校\"", "name~=\".*小学校.*\""] {
        the_same(&platform, school, |place| place.name.contains("小学校")).await;
    }
    the_same(&platform, "name!~=小学校", |place| !place.name.contains("小学校")).await;
    the_same(&platform, "name~=\"小学校$\"", |place| {
        place.name.ends_with("小学校")
    })
    .await;
    the_same(&platform, "name~=\"^佐野\"", |place| place.name.starts_with("佐野")).await;
    the_same(&platform, "name~=\"^佐野.*学校$\"", |place| {
        place.name.starts_with("佐野") && place.name.ends_with("学校")
    })
    .await;
    the_same(&platform, "name~=\"^小学校$\"", |place| place.name == "小学校").await;
}

/// What an owner has granted does not grow by how questions are read.
#[tokio::test]
async fn a_pattern_of_a_permit_must_match_the_whole_value() {
    let aed = |name: &str| {
        json!({
            "id": format!("urn:ngsi-ld:AED:{}", name.len()),
            "type": "AED",
            "name": { "type": "Property", "value": name },
        })
    };
    let (one, another) = (aed("一番"), aed("一番目の場所"));
    let platform = Platform::builder()
        .await
        .consumer("narrowed")
        .policy(
            "yaita.cedar",
            "@q(\"name~=\\\"一番|二番\\\"\") permit (principal in Role::\"narrowed\", action in Action::\"read\", \
             resource == EntityType::\"yaita/AED\");",
        )
        .store("yaita", json!([one, another]).to_string())
        .start()
        .await;
    for q in ["", "&q=name~=%E4%B8%80", "&q=name~=%E4%B8%80%E7%95%AA"] {
        let found = platform
            .entities(format!("type=AED&count=true{q}"))
            .by("narrowed")
            .tenant("yaita")
            .await
            .ok();
        assert_eq!(
            (found.ids(), found.count()),
            (vec![one["id"].as_str().unwrap().to_owned()], 1),
            "{q}"
        );
    }
    let all = platform
        .entities("type=AED&q=name~=%E4%B8%80")
        .tenant("yaita")
        .await
        .ok();
    assert_eq!(all.entities().len(), 2, "{all}");
}

#[tokio::test]
async fn text_that_orion_refuses_is_no_error_to_the_consumer() {
    let platform = Platform::start().await;
    for q in [
        "name==\"a'b\"",
        "name==\"(仮)\"",
        "name~=\".*(小|中)学校.*\"",
        "name==\"x;y\"",
        "name==\"<b>\"",
        "name==\"a=b\"",
    ] {
        let expected = |place: &Place| match q {
            "name~=\".*(小|中)学校.*\"" => place.name.contains("小学校") || place.name.contains("中学校"),
            _ => false,
        };
        the_same(&platform, q, expected).await;
    }
}

#[tokio::test]
async fn flags_and_numbers_are_typed() {
    let platform = Platform::start().await;
    let count = async |r#type: &str, q: &str| {
        platform
            .query(&[("type", r#type), ("q", q), ("limit", "0"), ("count", "true")])
            .await
            .ok()
            .count()
    };
    let (yes, no) = (
        count("EvacuationSite", "typeOfDisasterFlood==true").await,
        count("EvacuationSite", "typeOfDisasterFlood==false").await,
    );
    assert!(yes > 0 && no > 0);
    assert_eq!(yes + no, 102, "every way of ticking a box became true or false");
    assert_eq!(count("EvacuationSite", "typeOfDisasterFlood==\"true\"").await, 0);
    assert_eq!(count("WeatherObserved", "temperature>8").await, 2);
    assert_eq!(count("WeatherObserved", "temperature==5.7").await, 1);
    assert_eq!(count("WeatherObserved", "temperature==5..9").await, 2);
    assert_eq!(count("WeatherObserved", "temperature==\"5.7\"").await, 0);
}

#[tokio::test]
async fn id_patterns_select_by_id() {
    let platform = Platform::start().await;
    for (pattern, expected) in [
        ("E09213", 19),
        (".*E0921[13].*", 44),
        ("^urn:ngsi-ld:EvacuationSite:E09204", 58),
        ("E09213$", 0),
        (".*", 102),
    ] {
        let answer = platform
            .query(&[("type", "EvacuationSite"), ("idPattern", pattern), ("count", "true")])
            .await
            .ok();
        assert_eq!(answer.count(), expected, "{pattern}");
    }
    let (one, another) = (&sano_sites()[7].id, &yaita_sites()[7].id);
    let answer = platform
        .entities(format!(
            "type=EvacuationSite&id={one},{another},urn:ngsi-ld:EvacuationSite:none&count=true"
        ))
        .await
        .ok();
    assert_eq!(answer.count(), 2);
}
