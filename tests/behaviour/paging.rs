//! Walking an answer page by page visits every entity once.

use super::harness::{Answer, Platform, site_ids};

/// Follows the `next` links from a first query to the end.
async fn walk(platform: &Platform, query: &str) -> Vec<Answer> {
    let mut pages = vec![platform.entities(query).await.ok()];
    while let Some(next) = pages.last().unwrap().link("next") {
        assert!(
            next.starts_with("/ngsi-ld/v1/entities?"),
            "the link keeps the whole path: {next}"
        );
        pages.push(platform.get(next).await.ok());
        assert!(pages.len() < 200, "the walk does not end");
    }
    pages
}

fn ids_of(pages: &[Answer]) -> Vec<String> {
    pages.iter().flat_map(Answer::ids).collect()
}

#[tokio::test]
//= 4.12-1, 5.7.2.4-16, 6.3.10-4
async fn walking_by_seven_visits_each_site_once() {
    let platform = Platform::start().await;
    let pages = walk(&platform, "type=EvacuationSite&count=true&limit=7").await;
    let sizes: Vec<usize> = pages.iter().map(|page| page.ids().len()).collect();
    assert_eq!(sizes, [[7; 14].as_slice(), &[4]].concat());
    let mut visited = ids_of(&pages);
    visited.sort();
    assert_eq!(visited, site_ids());
    for page in &pages {
        assert_eq!(page.count(), 102);
        assert!(
            page.all("link")
                .iter()
                .filter(|link| link.contains("\"next\""))
                .all(|link| link.contains("type=\"application/json\""))
        );
    }
}

#[tokio::test]
//= 5.5.9.1-4
async fn the_way_back_is_the_way_there() {
    let platform = Platform::start().await;
    let pages = walk(&platform, "type=EvacuationSite&limit=40").await;
    assert_eq!(pages[0].link("prev"), None);
    for (earlier, later) in pages.iter().zip(&pages[1..]) {
        let back = platform.get(later.link("prev").unwrap()).await.ok();
        assert_eq!(back.ids(), earlier.ids());
    }
}

#[tokio::test]
//= 5.5.9.1-5
async fn links_keep_the_question() {
    let platform = Platform::start().await;
    let query = "type=EvacuationSite&q=name~%3D%22.*%E5%B0%8F%E5%AD%A6%E6%A0%A1.*%22&options=keyValues&limit=3";
    let pages = walk(&platform, query).await;
    assert!(pages.len() > 1);
    for page in &pages {
        for entity in page.entities() {
            assert!(entity["name"].as_str().unwrap().contains("小学校"), "{entity}");
        }
    }
    let whole = platform.entities(query.replace("limit=3", "limit=1000")).await.ok();
    assert_eq!(ids_of(&pages), whole.ids());
}

#[tokio::test]
async fn one_sources_pages_and_counts_are_right_too() {
    let platform = Platform::start().await;
    for (tenant, query, expected) in [
        ("nasushiobara", "type=EvacuationSite", 19),
        ("nasushiobara", "type=DesignatedShelter", 68),
        ("sano", "type=EvacuationSite", 58),
        ("sano", "type=DesignatedShelter", 58),
        ("sano", "type=AED", 12),
        ("yaita", "type=EvacuationSite,DesignatedShelter", 50),
        (
            "nasushiobara",
            "type=EvacuationSite,DesignatedShelter,WeatherObserved",
            19 + 68 + 3,
        ),
    ] {
        let mut visited = Vec::new();
        let mut target = Some(format!("/ngsi-ld/v1/entities?{query}&count=true&limit=11"));
        while let Some(next) = target {
            let page = platform.get(next).tenant(tenant).await.ok();
            assert_eq!(page.count(), expected, "{tenant} {query}");
            visited.extend(page.ids());
            assert!(visited.len() <= expected, "{tenant} {query}");
            target = page.link("next");
        }
        visited.sort();
        visited.dedup();
        assert_eq!(visited.len(), expected, "{tenant} {query}");
    }
}

#[tokio::test]
//= 5.5.9.1-4
async fn beyond_the_end_there_is_nothing_and_no_next_page() {
    let platform = Platform::start().await;
    let page = platform
        .entities("type=EvacuationSite&limit=7&offset=102&count=true")
        .await
        .ok();
    assert_eq!((page.ids().len(), page.count(), page.link("next")), (0, 102, None));
    let last = platform.entities("type=EvacuationSite&limit=2&offset=100").await.ok();
    assert_eq!((last.ids().len(), last.link("next")), (2, None));
}

#[tokio::test]
//= 5.5.9.1-1, 5.5.9.1-3, 6.3.10-1
async fn without_a_limit_a_page_is_bounded_and_leads_on() {
    let platform = Platform::start().await;
    let page = platform.entities("type=EvacuationSite").await.ok();
    assert!(page.ids().len() < 102);
    assert!(page.link("next").is_some());
}

#[tokio::test]
async fn pages_are_right_whoever_decides_the_conditions() {
    let platform = Platform::builder().await.log("info").start().await;
    let conditions = [
        // Decided by the source, by the gateway, or by both in turn, depending on the platform behind it.
        "attrs=remarks",
        "attrs=remarks,nobodyHasIt",
        "q=name~%3D%22.*%E5%AD%A6%E6%A0%A1.*%22",
        "q=remarks%7CtypeOfDisasterFlood%3D%3Dtrue",
        "idPattern=.*1201",
        "georel=near%3BmaxDistance%3D%3D6000&geometry=Point&coordinates=%5B139.97,36.9%5D",
        "georel=disjoint&geometry=Polygon&coordinates=%5B%5B%5B139.9,36.7%5D,%5B140,36.7%5D,%5B140,37%5D,%5B139.9,37%5D,%5B139.9,36.7%5D%5D%5D",
    ];
    for tenant in ["", "sano", "nasushiobara", "yaita"] {
        for condition in conditions {
            let ask = |page: &str| {
                let ask = platform.entities(format!("type=EvacuationSite&{condition}&count=true&{page}"));
                if tenant.is_empty() { ask } else { ask.tenant(tenant) }
            };
            let whole = ask("limit=1000").await.ok();
            assert_eq!(whole.count(), whole.ids().len(), "{tenant} {condition}");
            assert_eq!(ask("limit=0").await.ok().count(), whole.count(), "{tenant} {condition}");
            let mut visited = Vec::new();
            while visited.len() < whole.count() {
                let page = ask(&format!("limit=4&offset={}", visited.len())).await.ok();
                assert_eq!(page.count(), whole.count(), "{tenant} {condition}");
                assert!(!page.ids().is_empty(), "{tenant} {condition}");
                visited.extend(page.ids());
                assert_eq!(
                    page.link("next").is_some(),
                    visited.len() < whole.count(),
                    "{tenant} {condition}"
                );
            }
            assert_eq!(visited, whole.ids(), "{tenant} {condition}");
        }
    }
}

/// What a page has begun to read of a source is let go before it asks the same one for more: it would wait for itself.
#[tokio::test]
async fn pages_of_one_store_do_not_wait_for_themselves_or_for_each_other() {
    let platform = Platform::start().await;
    let list = "type=DesignatedShelter,EvacuationSite,AED,WeatherObserved";
    let whole = platform.entities(format!("{list}&limit=1000")).await.ok().ids();
    let pages = (0..whole.len()).step_by(7).map(async |offset| {
        let page = platform.entities(format!("{list}&limit=7&offset={offset}")).await.ok();
        assert_eq!(page.warnings(), Vec::<&str>::new(), "{page}");
        let part = whole.iter().skip(offset).take(7).cloned();
        assert_eq!(page.ids(), part.collect::<Vec<_>>(), "at {offset}");
    });
    futures::future::join_all(pages).await;
}
