//! One id in several service paths or under several types: what is shown, counted and asked.

use futures::TryStreamExt;
use ngsi_ld::query::Expression;
use ngsi_ld::{Entity, EntityId};
use stand_ins::Orion;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::repeats::{IdsRepeat, Repeated};
use super::tests::{adapter, all, attribute, call, counted, of_types, page_of, settings, type_name};
use super::*;
use kakehashi_contract::{AttributeSelection, Page, Yielded};

/// Rooms `first..` in a service path.
fn load(orion: &Orion, path: &str, r#type: &str, numbers: std::ops::Range<usize>, value: &str) {
    let rooms: Vec<String> = numbers
        .map(|number| format!(r#"{{"id":"urn:x:{number:04}","type":"{type}","{value}":{{"value":{number}}}}}"#))
        .collect();
    orion.load("city", path, &format!("[{}]", rooms.join(","))).unwrap();
}

fn finding_out(orion: &Orion) -> NgsiV2Adapter {
    adapter(NgsiV2Settings {
        ids_repeat: IdsRepeat::FindOut,
        ..settings(orion)
    })
}

fn names(entity: &Entity) -> Vec<String> {
    let mut names: Vec<String> = entity
        .attributes
        .iter()
        .map(|one| one.name.as_str().to_owned())
        .collect();
    names.sort();
    names
}

async fn places(adapter: &NgsiV2Adapter, query: &SourceQuery, page: Page) -> Vec<Option<EntityId>> {
    let places = adapter.prepare(query).candidates(page, &call()).unwrap();
    let places: Vec<Option<Yielded>> = places.try_collect().await.unwrap();
    places
        .into_iter()
        .map(|place| place.and_then(Yielded::entity).map(|one| one.id))
        .collect()
}

/// Deletes one entity, as a client of Orion does.
async fn delete(orion: &Orion, path: &str, id: &str) {
    let authority = orion.url().trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&authority).await.unwrap();
    let request = format!(
        "DELETE /v2/entities/{id}?type=Room HTTP/1.1\r\nhost: {authority}\r\nfiware-service: city\r\n\
         fiware-servicepath: {path}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
}

/// What the source was asked since the last time.
fn requests(orion: &Orion) -> usize {
    let requests = orion.requests().len();
    orion.clear_requests();
    requests
}

#[tokio::test]
async fn an_id_in_several_paths_is_one_entity_on_one_page_and_counted_once() {
    let orion = Orion::start().await.unwrap();
    load(&orion, "/", "Room", 0..5, "a");
    load(&orion, "/north", "Room", 3..7, "b");
    load(&orion, "/south", "Room", 3..4, "c");
    let adapter = finding_out(&orion);
    let query = of_types(&["Room"]);
    assert_eq!(counted(&adapter, &query).await, 7);
    let whole = all(&adapter, &query).await.unwrap();
    assert_eq!(whole.len(), 7);
    let of = |number: usize| {
        let id = format!("urn:x:{number:04}");
        whole.iter().find(|entity| entity.id.as_str() == id).unwrap()
    };
    let [a, b, c] = ["a", "b", "c"].map(|short| attribute(short).as_str().to_owned());
    assert_eq!(names(of(2)), std::slice::from_ref(&a));
    assert_eq!(names(of(3)), [a.clone(), b.clone(), c]);
    assert_eq!(names(of(4)), [a, b.clone()]);
    assert_eq!(names(of(5)), [b]);
    // Every page of every size, by its offset and by its places.
    for limit in 1..9 {
        let (mut paged, mut by_places, mut offset) = (Vec::new(), Vec::new(), 0);
        loop {
            let page = Page { limit, offset };
            let of_page = places(&adapter, &query, page).await;
            // Where nobody knows yet that some repeat, a page is one of entities.
            let on_page = page_of(&finding_out(&orion), &query, page).await;
            by_places.extend(of_page.iter().flatten().map(|id| id.as_str().to_owned()));
            paged.extend(on_page);
            offset += of_page.len();
            if of_page.len() < limit {
                break;
            }
        }
        let ids: Vec<&str> = whole.iter().map(|entity| entity.id.as_str()).collect();
        assert_eq!(by_places, ids, "{limit}");
        assert_eq!(paged, ids, "{limit}");
    }
}

#[tokio::test]
async fn parts_of_one_entity_fulfil_a_condition_together() {
    let orion = Orion::start().await.unwrap();
    load(&orion, "/", "Room", 0..3, "a");
    load(&orion, "/north", "Room", 2..5, "b");
    let adapter = finding_out(&orion);
    let query = SourceQuery {
        filter: Some(Arc::new(Expression::parse("a==2;b==2", Context::core()).unwrap())),
        ..of_types(&["Room"])
    };
    let found = all(&adapter, &query).await.unwrap();
    let matching: Vec<&Entity> = found
        .iter()
        .filter(|entity| query.filter.as_ref().unwrap().matches(entity))
        .collect();
    assert_eq!(matching.len(), 1, "{found:?}");
    assert_eq!(matching[0].id.as_str(), "urn:x:0002");
}

#[tokio::test]
async fn an_id_under_several_types_is_one_entity_of_all_that_were_asked_for() {
    let orion = Orion::start().await.unwrap();
    load(&orion, "/", "Room", 0..4, "a");
    load(&orion, "/", "Hall", 2..6, "b");
    let adapter = finding_out(&orion);
    let both = of_types(&["Room", "Hall"]);
    assert_eq!(counted(&adapter, &both).await, 6);
    let first = page_of(&finding_out(&orion), &both, Page { limit: 1, offset: 0 }).await;
    assert_eq!(first, ["urn:x:0000"]);
    let found = all(&adapter, &both).await.unwrap();
    let two = found.iter().find(|entity| entity.id.as_str() == "urn:x:0002").unwrap();
    assert_eq!(two.types.as_slice(), [type_name("Room"), type_name("Hall")]);
    assert_eq!(counted(&adapter, &of_types(&["Room"])).await, 4);
}

#[tokio::test]
async fn where_none_repeats_a_page_costs_one_request_as_soon_as_that_is_known() {
    let orion = Orion::start().await.unwrap();
    load(&orion, "/", "Room", 0..1500, "a");
    let adapter = finding_out(&orion);
    let query = of_types(&["Room"]);
    page_of(&adapter, &query, Page { limit: 20, offset: 0 }).await;
    assert_eq!(requests(&orion), 3, "two pages of ids");
    for offset in [20, 40] {
        page_of(&adapter, &query, Page { limit: 20, offset }).await;
        assert_eq!(requests(&orion), 1);
    }
    counted(&adapter, &query).await;
    assert_eq!(requests(&orion), 1);
    // Whether there is any entity of a type is no question of which.
    let exists = SourceQuery {
        attributes: AttributeSelection::only([]),
        ..of_types(&["Hall"])
    };
    page_of(&adapter, &exists, Page { limit: 1, offset: 0 }).await;
    assert_eq!(requests(&orion), 1);
    // One path and one type: nothing can repeat.
    let of_one_path = adapter_of_one_path(&orion);
    page_of(&of_one_path, &query, Page { limit: 20, offset: 0 }).await;
    assert_eq!(requests(&orion), 1);
}

fn adapter_of_one_path(orion: &Orion) -> NgsiV2Adapter {
    adapter(NgsiV2Settings {
        ids_repeat: IdsRepeat::FindOut,
        fiware_servicepath: "/".to_owned(),
        ..settings(orion)
    })
}

#[tokio::test]
async fn what_repeats_costs_one_request_more_at_the_end_of_the_list() {
    let orion = Orion::start().await.unwrap();
    load(&orion, "/", "Room", 0..100, "a");
    load(&orion, "/north", "Room", 50..60, "b");
    for beyond_open in [false, true] {
        let adapter = finding_out(&orion);
        let query = SourceQuery {
            beyond_open,
            ..of_types(&["Room"])
        };
        page_of(&adapter, &query, Page { limit: 20, offset: 0 }).await;
        requests(&orion);
        places(&adapter, &query, Page { limit: 20, offset: 0 }).await;
        assert_eq!(requests(&orion), 1);
        // Of what may be of persons no id is kept: they are read again.
        let again = usize::from(beyond_open);
        places(&adapter, &query, Page { limit: 20, offset: 100 }).await;
        assert_eq!(requests(&orion), 2 + again);
        assert_eq!(counted(&adapter, &query).await, 100);
        assert_eq!(requests(&orion), 2 + again);
    }
}

#[tokio::test]
async fn a_page_that_shows_what_was_not_known_has_it_found_out_again() {
    let orion = Orion::start().await.unwrap();
    load(&orion, "/", "Room", 0..5, "a");
    let adapter = finding_out(&orion);
    let query = of_types(&["Room"]);
    assert_eq!(counted(&adapter, &query).await, 5);
    let known = adapter.0.repeats.of(&query.types, true);
    assert!(matches!(known.known(), Some(Repeated::None)));
    load(&orion, "/north", "Room", 1..3, "b");
    all(&adapter, &query).await.unwrap();
    assert!(known.is_doubted());
    known.let_time_pass();
    assert_eq!(counted(&adapter, &query).await, 5);
    let found = all(&adapter, &query).await.unwrap();
    assert_eq!((found.len(), names(&found[3]).len()), (5, 2));
    assert!(matches!(known.known(), Some(Repeated::These(_))));
}

#[tokio::test]
async fn a_source_that_has_as_many_as_before_is_not_read_again_and_one_with_more_is() {
    let orion = Orion::start().await.unwrap();
    load(&orion, "/", "Room", 0..2500, "a");
    let adapter = finding_out(&orion);
    let query = of_types(&["Room"]);
    assert_eq!(counted(&adapter, &query).await, 2500);
    let known = adapter.0.repeats.of(&query.types, true);
    requests(&orion);
    known.let_time_pass();
    counted(&adapter, &query).await;
    assert_eq!(requests(&orion), 2);
    load(&orion, "/north", "Room", 10..11, "b");
    known.let_time_pass();
    assert_eq!(counted(&adapter, &query).await, 2500);
    assert_eq!(requests(&orion), 1 + 3 + 2);
}

#[tokio::test]
async fn where_very_many_repeat_everything_is_read() {
    let orion = Orion::start().await.unwrap();
    load(&orion, "/", "Room", 0..700, "a");
    load(&orion, "/north", "Room", 0..700, "b");
    let adapter = finding_out(&orion);
    let query = of_types(&["Room"]);
    for _ in 0..2 {
        assert_eq!(counted(&adapter, &query).await, 700);
        assert_eq!(all(&adapter, &query).await.unwrap().len(), 700);
    }
    let adapter = finding_out(&orion);
    let prepared = adapter.prepare(&query);
    let page = Page { limit: 20, offset: 690 };
    let places: Vec<_> = prepared.candidates(page, &call()).unwrap().try_collect().await.unwrap();
    assert_eq!(places.len(), 10);
}

#[tokio::test]
async fn what_is_gone_of_one_that_repeated_costs_no_other_its_place() {
    let orion = Orion::start().await.unwrap();
    load(&orion, "/", "Room", 0..20, "a");
    load(&orion, "/north", "Room", 3..6, "b");
    let adapter = finding_out(&orion);
    let query = of_types(&["Room"]);
    assert_eq!(counted(&adapter, &query).await, 20);
    // As many as before, and not the same: nobody can know.
    delete(&orion, "/north", "urn:x:0004").await;
    load(&orion, "/", "Room", 20..21, "a");
    let (mut walked, mut offset) = (Vec::new(), 0);
    loop {
        let page = places(&adapter, &query, Page { limit: 3, offset }).await;
        let ends = page.len() < 3;
        offset += page.len();
        walked.extend(page.into_iter().flatten());
        if ends {
            break;
        }
    }
    walked.sort();
    let all: Vec<EntityId> = (0..21)
        .map(|number| EntityId::parse(&format!("urn:x:{number:04}")).unwrap())
        .collect();
    assert_eq!(walked, all);
    assert_eq!(counted(&adapter, &query).await, 21);
}

#[tokio::test]
async fn types_that_are_asked_for_apart_are_known_to_share_ids() {
    let orion = Orion::start().await.unwrap();
    load(&orion, "/", "Room", 0..4, "a");
    load(&orion, "/north", "Room", 0..1, "b");
    let adapter = finding_out(&orion);
    let among: Vec<TypeName> = ["Room", "Hall"].map(type_name).into();
    let several = async |adapter: &NgsiV2Adapter, among: &[TypeName]| {
        adapter.has_entities_of_several_types(among, &call()).await.unwrap()
    };
    assert!(!several(&adapter, &among).await, "in several paths, of one type");
    load(&orion, "/", "Hall", 3..5, "c");
    adapter.0.repeats.of(&among, false).let_time_pass();
    assert!(several(&adapter, &among).await);
    assert!(!several(&adapter, &among[..1]).await);
}
