//! A source that answers more than it was asked, and other than it was asked: what nobody granted goes no further.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde_json::{Value, json};
use stand_ins::nasushiobara::{canaries, personal_entity_ids};
use stand_ins::server::{self, Service};
use stand_ins::{LoggedRequest, Server};

use super::harness::{ORION, Platform, RawOrion, change_source, in_place_of_orion, members, planted};

const HONEST: &str = "urn:ngsi-ld:EvacuationSite:E0921300001201";

/// Speaks NGSI-v2 and answers everything, whatever it was asked.
struct Liar;

impl Service for Liar {
    fn answer(&self, _: &LoggedRequest) -> Response<Bytes> {
        let entities = everything();
        let mut answer = server::json(StatusCode::OK, &entities);
        let total = HeaderValue::from(entities.as_array().unwrap().len());
        answer
            .headers_mut()
            .insert(HeaderName::from_static("fiware-total-count"), total);
        answer
    }
}

/// Answers one text, whatever it was asked.
struct Flood(String);

impl Service for Flood {
    fn answer(&self, _: &LoggedRequest) -> Response<Bytes> {
        server::response(StatusCode::OK, "application/json", self.0.clone())
    }
}

fn text(value: &str) -> Value {
    json!({ "type": "Text", "value": value, "metadata": { "note": { "type": "Text", "value": value } } })
}

fn everything() -> Value {
    let persons = canaries();
    let site = |id: &str| {
        json!({
            "id": id,
            "type": "EvacuationSite",
            "name": { "type": "Text", "value": "公民館" },
            "fullAddress": { "type": "Text", "value": "栃木県那須塩原市" },
            "location": { "type": "geo:point", "value": "36.9, 140.0" },
            "managerName": text(&persons[100]),
            "myNumber": text(&persons[7]),
            "full_name": text(&persons[0]),
        })
    };
    let mut resident = json!({ "id": personal_entity_ids()[0], "type": "Resident" });
    for (name, value) in ["fullName", "fullNameKana", "dateOfBirth", "fullAddress"]
        .into_iter()
        .zip(&persons)
    {
        resident[name] = text(value);
    }
    let mut disguised = resident.clone();
    disguised["type"] = "EvacuationSite".into();
    disguised["id"] = "E0921300077201".into();
    let planted = planted()[0].id.rsplit(':').next().unwrap().to_owned();
    let device = json!({ "id": "urn:ngsi-ld:AED:999", "type": "AED", "name": { "type": "Text", "value": "x" } });
    json!([site("E0921300001201"), resident, disguised, site(&planted), device])
}

async fn platform() -> (Platform, Server) {
    let liar = Server::start(0, Liar).await.unwrap();
    let builder = Platform::builder().await.tenants(|table| {
        change_source(table, ORION, |source| {
            source.insert("endpoint".into(), liar.url().into());
        });
    });
    (builder.start().await, liar)
}

#[tokio::test]
async fn attributes_outside_of_the_grant_are_cut_off() {
    let (platform, _liar) = platform().await;
    for answer in [
        platform.entity(HONEST).by("limited-app").await.ok().json(),
        platform
            .entities(format!("type=EvacuationSite&id={HONEST}"))
            .by("limited-app")
            .await
            .ok()
            .entities()
            .remove(0),
        platform
            .entities("type=EvacuationSite")
            .tenant("nasushiobara")
            .by("limited-app")
            .await
            .ok()
            .entities()
            .remove(0),
    ] {
        assert_eq!(members(&answer), ["id", "location", "name", "type"], "{}", answer["id"]);
    }
    let reader = platform.entity(HONEST).await.ok().json();
    assert_eq!(
        members(&reader),
        ["fullAddress", "id", "location", "name", "type"],
        "no person is in it"
    );
}

#[tokio::test]
async fn hidden_attributes_satisfy_no_condition() {
    let (platform, _liar) = platform().await;
    for q in [
        "managerName",
        "myNumber",
        "full_name",
        "managerName!=\"x\"",
        "name.note",
    ] {
        let parameters = [("type", "EvacuationSite"), ("q", q), ("count", "true")];
        let answer = platform.query(&parameters).tenant("nasushiobara").await.ok();
        assert_eq!((answer.count(), answer.ids().len()), (0, 0), "{q}");
    }
}

#[tokio::test]
async fn entities_that_nobody_asked_for_are_dropped() {
    let (platform, _liar) = platform().await;
    for query in [
        "type=Resident",
        "type=WeatherObserved",
        "type=DesignatedShelter",
        "type=AED",
    ] {
        let answer = platform.entities(query).tenant("nasushiobara").await.ok();
        assert_eq!(answer.ids(), [""; 0], "{query}");
    }
    assert_eq!(
        platform.entities("type=AED&count=true").await.ok().count(),
        12,
        "Sano's, and none of the liar's"
    );
    let resident = &personal_entity_ids()[0];
    assert_eq!(platform.entity(resident).await.status, 404);
    assert_eq!(
        platform
            .entity("urn:ngsi-ld:EvacuationSite:E0921300055201")
            .await
            .status,
        404,
        "asked for one id, answered with others"
    );
    let chosen = platform.entities(format!("type=EvacuationSite&id={HONEST}")).await.ok();
    assert_eq!(chosen.ids(), [HONEST]);
}

#[tokio::test]
async fn another_owners_entities_stay_what_their_owner_says() {
    let (platform, _liar) = platform().await;
    let place = &planted()[0];
    let entity = platform.entity(&place.id).await.ok().json();
    assert_eq!(entity["name"]["value"], place.name.as_str(), "{entity}");
    assert_eq!(entity["fullAddress"]["value"], place.address.as_str(), "{entity}");
}

/// A total that is none, or that the pages contradict: what is shown is counted, and pages go on by what is shown.
#[tokio::test]
async fn a_body_of_millions_of_elements_is_not_taken_apart() {
    for element in ["0", "{}"] {
        let body = Flood(format!("[{}]", vec![element; 1_000_000].join(",")));
        let orion = Server::start(0, body).await.unwrap();
        let platform = in_place_of_orion(Platform::builder().await, &orion).start().await;
        let answer = platform.entities("type=EvacuationSite&limit=10").tenant("nasushiobara").await;
        assert_eq!((answer.status, answer.error_type().as_str()), (403, "TooManyResults"), "{answer}");
        let others = platform.entities("type=EvacuationSite&limit=10").await.ok();
        assert_eq!(others.warnings().len(), 1, "its part is missing, and named: {others}");
    }
}

#[tokio::test]
async fn a_total_that_cannot_be_true_is_not_believed() {
    let site = |number: usize| format!(r#"{{"id":"S{number:04}","type":"EvacuationSite"}}"#);
    for total in [
        "18446744073709551615",
        "18446744073709551616",
        "9223372036854775808",
        "-1",
        "many",
        "",
        "0",
        "3",
    ] {
        let broker = RawOrion {
            entities: (0..25).map(site).collect(),
            total: Some(total.to_owned()),
        };
        let (platform, _server) = broker.in_platform().await;
        let mut next = Some("/ngsi-ld/v1/entities?type=EvacuationSite&limit=10&count=true".to_owned());
        let mut walked = 0;
        while let Some(target) = next {
            let page = platform.get(target).tenant("nasushiobara").await.ok();
            assert_eq!((page.count(), page.warnings().len()), (25, 0), "{total}: {page}");
            walked += page.ids().len();
            next = page.link("next");
        }
        assert_eq!(walked, 25, "{total}");
        for limit in [1, 1000] {
            let query = format!("type=EvacuationSite&limit={limit}&offset={}&count=true", usize::MAX);
            let beyond = platform.entities(query).tenant("nasushiobara").await.ok();
            assert_eq!((beyond.ids().len(), beyond.link("next")), (0, None), "{beyond}");
        }
    }
}
