//! `ids = "own"`: the operator knows that no other source has the ids of one. Then pages and counts of several brokers cost what
//! they cost each of them, however many entities there are.

use stand_ins::Server;

use super::harness::Platform;
use super::too_wide::{broker, with_brokers_that};

/// Two brokers with 15,000 sites each.
const EACH: usize = 15_000;

async fn two(keys: &[(&str, &str)]) -> (Platform, [Server; 2]) {
    let brokers = [broker("A", EACH).await, broker("B", EACH).await];
    let keys: Vec<(&str, &str)> = keys.iter().copied().chain([("ids_repeat", "no")]).collect();
    let platform = with_brokers_that(&[("a", &brokers[0]), ("b", &brokers[1])], &keys).await;
    (platform, brokers)
}

fn requests(brokers: &[Server]) -> Vec<usize> {
    let count = |broker: &Server| {
        let count = broker.requests().len();
        broker.clear_requests();
        count
    };
    brokers.iter().map(count).collect()
}

#[tokio::test]
async fn a_page_over_sources_of_any_size_asks_each_once_and_a_count_once_more() {
    let (platform, brokers) = two(&[("ids", "own")]).await;
    let list = |page: &str| {
        let list = platform.entities(format!("type=EvacuationSite&{page}"));
        list.tenant("nasushiobara")
    };
    requests(&brokers);
    let first = list("limit=20").await.ok();
    assert_eq!((first.ids().len(), first.warnings().len()), (20, 0), "{first}");
    assert_eq!(requests(&brokers), [1, 1]);
    let counted = list("limit=20&count=true").await.ok();
    assert_eq!((counted.count(), counted.ids()), (2 * EACH, first.ids()));
    assert_eq!(requests(&brokers), [2, 2]);
    // An offset is found by the counts, a cursor leads there by itself.
    let far = list("limit=20&offset=14990").await.ok();
    assert_eq!(far.ids().len(), 20);
    assert!(
        far.ids()[9].ends_with("A14999") && far.ids()[10].ends_with("B00000"),
        "{far}"
    );
    assert!(requests(&brokers).into_iter().all(|asked| asked <= 2));
    let next = platform
        .get(far.link("next").unwrap())
        .tenant("nasushiobara")
        .await
        .ok();
    assert!(next.ids()[0].ends_with("B00010"), "{next}");
    assert_eq!(requests(&brokers), [0, 1], "the first has nothing more");
}

#[tokio::test]
async fn where_ids_may_be_shared_they_are_read_alone_to_be_counted_once_for_a_walk() {
    let (platform, brokers) = two(&[]).await;
    let list = |page: &str| {
        let list = platform.entities(format!("type=EvacuationSite&{page}"));
        list.tenant("nasushiobara")
    };
    requests(&brokers);
    let first = list("limit=20").await.ok();
    assert_eq!((first.ids().len(), first.warnings().len()), (20, 0), "{first}");
    assert_eq!(
        requests(&brokers),
        [1, 2],
        "the second is asked for what the first has found"
    );
    let counted = list("limit=20&count=true").await.ok();
    assert_eq!((counted.ids(), counted.count()), (first.ids(), 30_000));
    assert_eq!(counted.warnings().len(), 0, "{counted}");
    // Whoever walks on has it counted already, and knows who else has what it finds: nobody.
    requests(&brokers);
    let next = counted.link("next").unwrap();
    let next = platform.get(next).tenant("nasushiobara").await.ok();
    assert_eq!((next.ids().len(), next.count()), (20, 30_000));
    assert_eq!(requests(&brokers), [1, 0]);
    // So it is at any offset.
    let far = list("limit=20&count=true&offset=20000").await.ok();
    assert_eq!(far.count(), 30_000);
    assert!(far.ids()[0].ends_with("B05000"), "{far}");
    assert_eq!(requests(&brokers), [0, 1]);
    // And for nobody else.
    let other = platform.entities("type=EvacuationSite&limit=20&count=true&offset=20000");
    let other = other.tenant("nasushiobara").by("sano-dashboard").await.ok();
    assert_eq!((other.count(), other.ids()), (30_000, far.ids()));
    let asked = requests(&brokers);
    assert!(asked.iter().all(|asked| *asked >= 15), "{asked:?}");
}

#[tokio::test]
async fn a_cursor_is_good_for_whoever_got_it_and_for_its_question() {
    let (platform, _brokers) = two(&[("ids", "own")]).await;
    let first = platform
        .entities("type=EvacuationSite&limit=20")
        .tenant("nasushiobara")
        .await
        .ok();
    let next = first.link("next").unwrap();
    let ask = |target: String| platform.get(target).tenant("nasushiobara");
    assert_eq!(ask(next.clone()).await.ok().ids().len(), 20);
    // With another size it is the same list.
    assert_eq!(ask(next.replace("limit=20", "limit=7")).await.ok().ids().len(), 7);
    for wrong in [
        next.replace("type=EvacuationSite", "type=AED"),
        next.replace("cursor=", "cursor=A"),
        next.clone() + "&attrs=name",
    ] {
        let refused = ask(wrong).await;
        assert_eq!(
            (refused.status, refused.error_type().as_str()),
            (400, "BadRequestData"),
            "{refused}"
        );
        assert!(refused.problem().detail.contains("`cursor`"), "{refused}");
    }
    for other in [
        platform.get(next.clone()),
        platform.get(next.clone()).by("sano-dashboard").tenant("nasushiobara"),
    ] {
        assert_eq!(other.await.status, 400);
    }
}
