//! Too wide is too wide: a source that cannot decide a condition is looked through up to a bound. Behind it the list goes on,
//! a warning says so, and nothing is counted. Never is a part shown as if it were all.

use stand_ins::Server;
use toml::Value;

use super::harness::{
    ORION, Platform, RawOrion, SANO, change_source, nasushiobara_sites, sano_sites, section, yaita_sites,
};

/// One less than Sano's platform has.
fn bound() -> usize {
    sano_sites().len() - 1
}

async fn bounded_by(scan: usize) -> Platform {
    let builder = Platform::builder().await.tenants(|table| {
        let limits = section(section(table, "gateway"), "limits");
        limits.insert("scan".into(), Value::Integer(scan.try_into().unwrap()));
    });
    builder.start().await
}

/// A condition that every site meets, of which no platform can decide more than that there is a name.
const EVERY_NAME: &str = "q=name~%3D%22.%2B%22";

#[tokio::test]
async fn behind_the_bound_the_list_goes_on_and_is_not_counted() {
    let platform = bounded_by(bound()).await;
    let list = |page: &str| format!("type=EvacuationSite&{EVERY_NAME}&{page}");
    let alone = platform.entities(list("limit=0&count=true")).tenant("sano").await;
    assert_eq!(
        (alone.status, alone.error_type().as_str()),
        (403, "TooManyResults"),
        "{alone}"
    );
    assert!(alone.problem().detail.contains("name types, ids or an area"), "{alone}");
    let one = platform.entities(list("limit=1&count=true")).tenant("sano").await.ok();
    assert_eq!(
        (one.ids().len(), one.header("ngsild-results-count")),
        (1, None),
        "{one}"
    );
    assert!(one.warnings()[0].contains("not counted"), "{one}");
    // What was found until the bound is shown; the next page goes on from there.
    let mut answer = platform.entities(list("limit=1000")).tenant("sano").await.ok();
    assert_eq!(answer.ids().len(), bound(), "{answer}");
    let mut walked = Vec::new();
    loop {
        walked.extend(answer.ids());
        let Some(next) = answer.link("next") else {
            break;
        };
        assert!(
            answer.warnings()[0].starts_with(&format!("299 {SANO} ")),
            "a page that is not full says why: {answer}"
        );
        // Without the cursor nothing is left out either.
        let offset = format!("&offset={}", walked.len());
        assert!(next.contains(&offset), "{next} leads behind what was shown");
        answer = platform.get(next).tenant("sano").await.ok();
    }
    walked.sort();
    let mut all: Vec<String> = sano_sites().into_iter().map(|site| site.id).collect();
    all.sort();
    assert_eq!(walked, all);
    // A page that is full before the bound is reached is a page.
    let answer = platform
        .entities(format!("type=EvacuationSite&{EVERY_NAME}&limit=5&offset=3"))
        .tenant("sano")
        .await
        .ok();
    assert_eq!(answer.ids().len(), 5);
}

#[tokio::test]
async fn as_much_as_the_bound_allows_is_looked_through() {
    let platform = bounded_by(sano_sites().len()).await;
    let answer = platform
        .entities(format!("type=EvacuationSite&{EVERY_NAME}&limit=1000&count=true"))
        .tenant("sano")
        .await
        .ok();
    assert_eq!(
        (answer.count(), answer.ids().len()),
        (sano_sites().len(), sano_sites().len())
    );
}

#[tokio::test]
async fn what_the_source_decides_itself_is_no_scan() {
    let platform = bounded_by(2).await;
    let answer = platform
        .entities("type=AED&limit=3&offset=1&count=true")
        .tenant("sano")
        .await
        .ok();
    assert!(answer.count() > 4, "{answer}");
    assert_eq!(answer.ids().len(), 3);
}

#[tokio::test]
async fn of_several_sources_the_one_beyond_the_bound_is_named_and_the_list_goes_on() {
    let bound = bound();
    assert!(nasushiobara_sites().len() <= bound && yaita_sites().len() <= bound);
    let platform = bounded_by(bound).await;
    let mut answer = platform
        .entities(format!("type=EvacuationSite&{EVERY_NAME}&limit=1000"))
        .await
        .ok();
    let mut walked = Vec::new();
    let mut named = 0;
    loop {
        walked.extend(answer.ids());
        let Some(next) = answer.link("next") else {
            break;
        };
        let warnings = answer.warnings();
        assert!(warnings[0].starts_with(&format!("299 {SANO} ")), "{answer}");
        named += 1;
        answer = platform.get(next).await.ok();
    }
    assert!(named > 0);
    walked.sort();
    let mut all: Vec<String> = nasushiobara_sites()
        .into_iter()
        .chain(yaita_sites())
        .chain(sano_sites())
        .map(|site| site.id)
        .collect();
    all.sort();
    assert_eq!(walked, all);
}

#[tokio::test]
async fn a_condition_that_the_platform_has_a_parameter_for_is_no_scan() {
    let platform = bounded_by(2).await;
    let site = sano_sites().remove(0);
    let common_id = site.id.rsplit(':').next().unwrap();
    let answer = platform
        .entities(format!(
            "type=EvacuationSite&q=commonId%3D%3D%22{common_id}%22&count=true"
        ))
        .tenant("sano")
        .await
        .ok();
    assert_eq!((answer.ids(), answer.count()), (vec![site.id.clone()], 1));
    let asked = platform.asked_of_sano();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert_eq!(asked[0].parameter("kyotsu_id").as_deref(), Some(common_id));
}

#[tokio::test]
//= 5.5.6-4
async fn an_order_over_more_than_the_bound_is_refused() {
    let platform = bounded_by(3).await;
    let ordered = |page: &str| platform.entities(format!("type=EvacuationSite&local=true&orderBy=name&{page}"));
    for page in ["limit=1", "limit=0&count=true", "limit=1000"] {
        let answer = ordered(page).await;
        assert_eq!(
            (answer.status, answer.error_type().as_str()),
            (403, "TooManyResults"),
            "{answer}"
        );
    }
    let wider = bounded_by(1_000).await;
    let all = wider
        .entities("type=EvacuationSite&local=true&orderBy=name&limit=1000")
        .await
        .ok();
    assert_eq!(all.ids().len(), yaita_sites().len(), "{all}");
    // Of every partition: what the prefecture adds to Sano's sites was looked at, and only adds.
    assert!(all.warnings()[0].starts_with("299 tochigi-store \"5 entities"), "{all}");
}

/// A broker with so many sites, whose ids begin with this.
pub(super) async fn broker(name: &str, count: usize) -> Server {
    let site = |number: usize| format!(r#"{{"id":"{name}{number:05}","type":"EvacuationSite"}}"#);
    RawOrion::of((0..count).map(site).collect()).start().await
}

/// Nasushiobara with these brokers, in this order.
async fn with_brokers(brokers: &[(&str, &Server)]) -> Platform {
    with_brokers_that(brokers, &[]).await
}

/// The same, with these keys in the table of each.
pub(super) async fn with_brokers_that(brokers: &[(&str, &Server)], keys: &[(&str, &str)]) -> Platform {
    with_brokers_within(None, brokers, keys).await
}

/// The same, with this bound of what is looked at.
async fn with_brokers_within(scan: Option<i64>, brokers: &[(&str, &Server)], keys: &[(&str, &str)]) -> Platform {
    let builder = Platform::builder().await.tenants(|table| {
        let mut one = None;
        change_source(table, ORION, |source| one = Some(source.clone()));
        let sources = brokers.iter().map(|(name, server)| {
            let mut source = one.clone().unwrap();
            source.insert("id".into(), (*name).into());
            source.insert("endpoint".into(), server.url().into());
            // Each is asked for twenty pages, on a machine that may be busy.
            source.insert("timeout".into(), "50s".into());
            source.extend(keys.iter().map(|(key, value)| ((*key).to_owned(), (*value).into())));
            Value::Table(source)
        });
        let sources = Value::Array(sources.collect());
        section(section(table, "tenants"), "nasushiobara").insert("sources".into(), sources);
        let limits = section(section(table, "gateway"), "limits");
        limits.insert("deadline".into(), "50s".into());
        limits.extend(scan.map(|scan| ("scan".to_owned(), scan.into())));
    });
    // The expectations there are about the broker that is gone.
    std::fs::remove_dir_all(builder.files().folder().join("policies/tests")).unwrap();
    builder.start().await
}

/// 10,000 of one source are held to be counted, and 20,000 in all; of what is beyond that the ids are, whoever is first to send.
#[tokio::test]
async fn what_is_too_much_to_hold_is_counted_by_its_ids_whoever_is_first_to_send() {
    let large = broker("L", 10_001).await;
    let full = broker("F", 10_000).await;
    let small = broker("S", 500).await;
    let beyond = broker("B", 9_999).await;
    let few = broker("T", 2).await;
    for (order, count) in [
        ([&large, &full, &small], 20_501),
        ([&small, &full, &large], 20_501),
        ([&full, &large, &small], 20_501),
        ([&beyond, &full, &few], 20_001),
        ([&few, &full, &beyond], 20_001),
    ] {
        let platform = with_brokers(&[("a", order[0]), ("b", order[1]), ("c", order[2])]).await;
        let list = |page: &str| {
            platform
                .entities(format!("type=EvacuationSite&{page}"))
                .tenant("nasushiobara")
        };
        let alone = list("limit=0&count=true").await.ok();
        assert_eq!((alone.count(), alone.warnings().len()), (count, 0), "{alone}");
        let page = list("limit=20&count=true").await.ok();
        assert_eq!((page.ids().len(), page.count()), (20, count), "{page}");
        let uncounted = list("limit=20").await.ok();
        assert_eq!((uncounted.ids(), uncounted.warnings().len()), (page.ids(), 0));
    }
    let platform = with_brokers(&[("a", &full), ("b", &small)]).await;
    let answer = platform
        .entities("type=EvacuationSite&limit=0&count=true")
        .tenant("nasushiobara")
        .await
        .ok();
    assert_eq!((answer.count(), answer.warnings().len()), (10_500, 0), "{answer}");
}

/// Ids are read of ten times as many as may be looked at. What is beyond that is not counted; a page comes all the same.
#[tokio::test]
async fn what_has_more_ids_than_one_request_may_know_is_not_counted() {
    let large = broker("L", 10_001).await;
    let small = broker("S", 500).await;
    for order in [[&large, &small], [&small, &large]] {
        let platform = with_brokers_within(Some(1_000), &[("a", order[0]), ("b", order[1])], &[]).await;
        let list = |page: &str| {
            platform
                .entities(format!("type=EvacuationSite&{page}"))
                .tenant("nasushiobara")
        };
        let alone = list("limit=0&count=true").await;
        assert_eq!(
            (alone.status, alone.error_type().as_str()),
            (403, "TooManyResults"),
            "{alone}"
        );
        let page = list("limit=20&count=true").await.ok();
        assert_eq!(
            (page.ids().len(), page.header("ngsild-results-count")),
            (20, None),
            "{page}"
        );
        assert!(page.warnings()[0].contains("not counted"), "{page}");
        let uncounted = list("limit=20").await.ok();
        assert_eq!((uncounted.ids(), uncounted.warnings().len()), (page.ids(), 0));
    }
}
