//! A source that is away and says when it wants to be asked again: an answer that is empty because of it says so, too
//! (RFC 9110 section 10.2.3), and no other one.

use stand_ins::Fault;

use super::harness::{Answer, ORION, Platform, SANO, sano_sites};

/// What a consumer is told at most, in seconds.
const LONGEST: &str = "3600";

fn told(answer: &Answer) -> Option<&str> {
    answer.header("retry-after")
}

#[tokio::test]
async fn what_is_missing_because_of_one_source_can_be_asked_for_when_that_source_says() {
    let own = &sano_sites()[0].id;
    for (fault, expected) in [
        (Fault::StatusWithRetryAfter(503, 7), Some("7")),
        (Fault::StatusWithRetryAfter(429, 40), Some("40")),
        (Fault::StatusWithRetryAfter(504, 86_400), Some(LONGEST)),
        // At once: but a second is the shortest that can be said and waited for.
        (Fault::StatusWithRetryAfter(503, 0), Some("1")),
        (Fault::Status(503), None),
        (Fault::Reset, None),
    ] {
        let platform = Platform::start().await;
        let sano = platform.demo().sano();
        sano.set_fault(fault);
        let one = platform.entity(own).await;
        assert_eq!((one.status, told(&one)), (404, expected), "{fault:?}: {one}");
        assert!(one.warnings().iter().any(|warning| warning.contains(SANO)), "{one}");
        let list = platform.entities("type=EvacuationSite").tenant("sano").await.ok();
        assert_eq!((list.ids(), told(&list)), (Vec::<String>::new(), expected), "{fault:?}");
        // Where others answer there is something to look at meanwhile.
        let all = platform.entities("type=EvacuationSite&limit=1000").await.ok();
        assert!(!all.ids().is_empty());
        assert_eq!(told(&all), None, "{fault:?}");
        // It is left alone until then, however it is meanwhile.
        sano.clear_fault();
        let one = platform.entity(own).await;
        match expected {
            Some("1") | None => assert_eq!((one.status, told(&one)), (200, None), "{fault:?}"),
            Some(_) => assert_eq!((one.status, told(&one)), (404, expected), "{fault:?}"),
        }
    }
}

#[tokio::test]
async fn of_several_that_are_away_the_last_to_come_back_counts() {
    for (of_sano, of_orion, expected) in [
        (
            Fault::StatusWithRetryAfter(503, 5),
            Fault::StatusWithRetryAfter(503, 9),
            "9",
        ),
        (
            Fault::StatusWithRetryAfter(503, 9),
            Fault::StatusWithRetryAfter(429, 5),
            "9",
        ),
        (Fault::StatusWithRetryAfter(503, 5), Fault::Status(500), "5"),
    ] {
        let platform = Platform::start().await;
        let (sano, orion) = (platform.demo().sano(), platform.demo().orion());
        sano.set_fault(of_sano);
        orion.set_fault(of_orion);
        let nothing = platform.entities("type=EvacuationSite&q=name==%22nobody%22").await.ok();
        assert_eq!(nothing.ids(), [""; 0]);
        for source in [SANO, ORION] {
            assert!(
                nothing.warnings().iter().any(|warning| warning.contains(source)),
                "{nothing}"
            );
        }
        assert_eq!(told(&nothing), Some(expected), "{of_sano:?} {of_orion:?}");
    }
}
