//! One source's trouble stays its own: the others' entities arrive in time, and one warning names the source.

use std::future::IntoFuture;

use stand_ins::{Fault, Server};
use toml::Value;

use super::harness::{
    Answer, ORION, PATIENCE, Platform, SANO, change_source, nasushiobara_sites, planted, sano_sites, section, until,
    yaita_sites,
};

/// The `timeout` of the source that fails; what is slow is slower.
const SOURCE_TIMEOUT: &str = "3s";

const FAULTS: [Fault; 10] = [
    Fault::Held,
    Fault::SlowBody,
    Fault::Status(500),
    Fault::Status(503),
    Fault::Status(401),
    Fault::Html,
    Fault::EndlessBody,
    Fault::BrokenJson,
    Fault::Reset,
    Fault::EmptyBody,
];

/// Waits for this source no longer than [`SOURCE_TIMEOUT`], and for the others and the whole as long as it takes.
async fn impatient_with(source: &str) -> Platform {
    let builder = Platform::builder().await.tenants(|table| {
        change_source(table, source, |source| {
            source.insert("timeout".into(), Value::from(SOURCE_TIMEOUT));
        });
    });
    builder.start().await
}

/// The sites that are left when one source is away.
fn left_without(source: &str) -> Vec<String> {
    let mut places = yaita_sites();
    if source == SANO {
        places.extend(nasushiobara_sites());
    } else {
        places.extend(sano_sites());
    }
    let mut ids: Vec<String> = places.into_iter().map(|place| place.id).collect();
    ids.sort();
    ids
}

/// One warning, as clause 6.3.17 writes it, that names the source and nothing else of it.
fn warns_of(answer: &Answer, source: &str) {
    let mut warnings = answer.warnings();
    // What the prefecture adds to Sano's sites stands with them, or not at all.
    if source == SANO {
        warnings.retain(|warning| !warning.starts_with("299 tochigi-store \""));
    }
    assert_eq!(warnings.len(), 1, "{answer}");
    let mut words = warnings[0].splitn(3, ' ');
    let (code, agent, text) = (
        words.next().unwrap(),
        words.next().unwrap(),
        words.next().unwrap_or_default(),
    );
    assert!(code.len() == 3 && code.parse::<u16>().is_ok(), "{warnings:?}");
    assert_eq!(agent, source, "{warnings:?}");
    assert!(text.starts_with('"') && text.ends_with('"'), "{warnings:?}");
    assert!(
        !text.contains("127.0.0.1"),
        "the address of a source is nobody's business: {warnings:?}"
    );
    assert!(answer.took < PATIENCE, "not in time: {answer}");
}

async fn others_arrive(platform: &Platform, source: &str) {
    let answer = platform
        .entities("type=EvacuationSite&count=true&limit=1000")
        .await
        .ok();
    warns_of(&answer, source);
    let mut ids = answer.ids();
    ids.sort();
    assert_eq!(ids, left_without(source));
    assert_eq!(answer.count(), ids.len());
    // Every source may hold this one; what the others know of it arrives with what its owner says.
    let entity = platform.entity(&planted()[0].id).await;
    warns_of(&entity, source);
    match source {
        SANO => assert_eq!(entity.status, 404, "{entity}"),
        _ => assert!(entity.json()["prefecturalNote"]["value"].is_string(), "{entity}"),
    }
}

async fn survives_every_fault(source: &str, of: impl Fn(&Platform) -> &Server) {
    let platform = impatient_with(source).await;
    for fault in FAULTS {
        of(&platform).set_fault(fault);
        eprintln!("{source}: {fault:?}");
        others_arrive(&platform, source).await;
        of(&platform).clear_fault();
        // It is asked again as soon as it is well.
        let whole = platform.entities("type=EvacuationSite&limit=0&count=true").await.ok();
        assert_eq!((whole.count(), whole.warnings().len()), (102, 0), "after {fault:?}");
    }
}

#[tokio::test]
async fn whatever_befalls_sano_the_others_answer() {
    survives_every_fault(SANO, |platform| platform.demo().sano()).await;
}

#[tokio::test]
async fn whatever_befalls_nasushiobara_the_others_answer() {
    survives_every_fault(ORION, |platform| platform.demo().orion()).await;
}

#[tokio::test]
//= 6.3.17-2
async fn a_stopped_source_is_named_and_costs_its_own_part_only() {
    for source in [SANO, ORION] {
        let platform = Platform::start().await;
        if source == SANO {
            platform.demo().sano().stop().await;
        } else {
            platform.demo().orion().stop().await;
        }
        // Often enough that the source is not even tried any more.
        for _ in 0..8 {
            others_arrive(&platform, source).await;
        }
    }
}

#[tokio::test]
async fn both_away_are_both_named() {
    let platform = Platform::start().await;
    platform.demo().sano().stop().await;
    platform.demo().orion().set_fault(Fault::Html);
    let answer = platform
        .entities("type=EvacuationSite&count=true&limit=1000")
        .await
        .ok();
    let mut named: Vec<&str> = answer
        .warnings()
        .iter()
        .map(|warning| warning.split(' ').nth(1).unwrap())
        .collect();
    named.sort_unstable();
    assert_eq!(named, [ORION, SANO, "tochigi-store"]);
    assert_eq!(answer.count(), 25);
}

#[tokio::test]
async fn the_only_source_that_could_hold_it_is_named_with_the_404() {
    let platform = Platform::start().await;
    platform.demo().orion().set_fault(Fault::Status(500));
    let answer = platform.entity(&nasushiobara_sites()[0].id).await;
    assert_eq!(answer.status, 404);
    warns_of(&answer, ORION);
}

#[tokio::test]
async fn a_source_that_is_more_patient_than_the_request_does_not_hold_it() {
    let builder = Platform::builder().await.tenants(|table| {
        // The sources themselves may take longer than any test waits for an answer.
        section(section(table, "gateway"), "limits").insert("deadline".into(), Value::from("4s"));
    });
    let platform = builder.start().await;
    for fault in [Fault::Held, Fault::SlowBody] {
        platform.demo().sano().set_fault(fault);
        others_arrive(&platform, SANO).await;
    }
}

#[tokio::test]
async fn a_source_that_breaks_off_after_its_first_page_is_left_out_whole() {
    let platform = Platform::start().await;
    platform.forget_requests();
    let asking = tokio::spawn(
        platform
            .entities("type=EvacuationSite&count=true&limit=1000")
            .into_future(),
    );
    until("the first page was asked for", || !platform.asked_of_sano().is_empty()).await;
    platform.demo().sano().set_fault(Fault::BrokenJson);
    let answer = asking.await.unwrap().ok();
    // All of Sano's sites or, with a warning, none: a part must not pass for the whole.
    match answer.warnings().len() {
        0 => assert_eq!(answer.count(), 102),
        _ => {
            warns_of(&answer, SANO);
            assert_eq!(answer.count(), left_without(SANO).len());
        }
    }
}

#[tokio::test]
async fn types_name_the_missing_source_too() {
    let platform = Platform::start().await;
    platform.demo().sano().set_fault(Fault::Status(500));
    let answer = platform.get("/ngsi-ld/v1/types").await.ok();
    warns_of(&answer, SANO);
    let types = answer.json()["typeList"].clone();
    assert!(types.as_array().unwrap().contains(&"EvacuationSite".into()), "{types}");
    assert!(!types.as_array().unwrap().contains(&"AED".into()), "{types}");
}

/// A head that comes at once is no answer: what follows it must come, too.
#[tokio::test]
async fn a_source_whose_bodies_stall_is_waited_for_five_times_and_then_no_more() {
    let platform = hurrying().await;
    platform.demo().orion().set_fault(Fault::SlowBody);
    let ask = async || {
        let answer = platform
            .entities("type=EvacuationSite")
            .tenant("nasushiobara")
            .await
            .ok();
        warns_of(&answer, ORION);
        answer.warnings()[0].to_owned()
    };
    for asked in 1..=5 {
        assert!(ask().await.contains("no answer from the source in time"));
        // With the fifth the gateway's own request begins, which may have come by now.
        let own = usize::from(asked == 5);
        assert!((asked..=asked + own).contains(&platform.asked_of_orion().len()));
    }
    for _ in 0..4 {
        assert!(ask().await.contains("the source cannot be reached"));
    }
    assert_eq!(
        platform.asked_of_orion().len(),
        6,
        "nobody waits for it any more; the gateway itself has asked once, before it held others back"
    );
}

/// Waits for Orion no longer than for a moment.
async fn hurrying() -> Platform {
    let builder = Platform::builder().await.ids_do_not_repeat().tenants(|table| {
        change_source(table, ORION, |source| {
            source.insert("timeout".into(), Value::from("100ms"));
        });
    });
    builder.start().await
}
