//! What a platform has not done is asked again only where the record has become another; and what could not be asked for again is
//! not made.

use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;

use ngsi_ld::Entity;

use super::register::Register;
use super::tests::{MAPPING, Running, STANDING, change, entity, held, put, started, write};
use super::*;

async fn hiding(times: usize, mapping: &str) -> Running {
    let register = Register {
        hides: AtomicUsize::new(times),
        ..Register::default()
    };
    let running = started(register, mapping).await;
    running.put_record("7", STANDING);
    running
}

async fn renamed(running: &Running) -> Entity {
    change(
        held(running).await.unwrap(),
        r#""name":{"type":"Property","value":"b"}"#,
    )
}

#[tokio::test]
async fn a_record_that_is_read_and_not_there_to_be_written_is_sent_once() {
    let running = hiding(usize::MAX, MAPPING).await;
    let wanted = renamed(&running).await;
    for (operation, decision) in [
        (WriteOperation::Merge, Decision::Write(Box::new(wanted.clone()))),
        (WriteOperation::Replace, Decision::Write(Box::new(wanted.clone()))),
        (WriteOperation::Delete, Decision::Delete),
    ] {
        running.changes();
        let failed = write(&running, &wanted.id, operation, |_| decision.clone()).await;
        let Err(WriteError::Source(error)) = failed else {
            panic!("{failed:?}")
        };
        assert_eq!(error.kind, ErrorKind::Status(404), "{operation:?}");
        assert_eq!(running.changes().len(), 1, "{operation:?}");
    }
}

#[tokio::test]
async fn a_record_that_went_and_came_back_as_another_is_written_unless_by_post() {
    let by_post = MAPPING.replace("change = { path", "change = { method = \"POST\", path");
    assert_ne!(by_post, MAPPING);
    for (mapping, methods) in [(MAPPING, vec!["PATCH", "PATCH"]), (&*by_post, vec!["POST"])] {
        let running = hiding(1, mapping).await;
        let wanted = renamed(&running).await;
        running.changes();
        let times = Mutex::new(0);
        let decide = |_: Option<&Entity>| {
            let mut times = times.lock().unwrap();
            *times += 1;
            if *times == 1 {
                running.put_record("7", &STANDING.replace("\"kaijo\":\"1\"", "\"kaijo\":\"1\",\"new\":5"));
            }
            Decision::Write(Box::new(wanted.clone()))
        };
        let outcome = write(&running, &wanted.id, WriteOperation::Merge, decide).await;
        let sent: Vec<String> = running.changes().iter().map(|sent| sent.method.to_string()).collect();
        assert_eq!(
            (outcome.is_ok(), sent),
            (methods.len() == 2, methods.iter().map(ToString::to_string).collect())
        );
    }
}

#[tokio::test]
async fn an_id_that_could_never_be_asked_for_is_not_made() {
    let texts = MAPPING.replace("numbers = [\"no\"]", "texts = [\"no\"]");
    assert_ne!(texts, MAPPING);
    let running = started(Register::default(), &texts).await;
    for no in [".", ".."] {
        let wanted = entity(&format!(
            r#"{{"id":"urn:ngsi-ld:EvacuationSite:092045:{no}","type":"EvacuationSite","name":{{"type":"Property","value":"a"}}}}"#
        ));
        let refused = put(&running, WriteOperation::Create, &wanted).await;
        assert!(
            matches!(&refused, Err(WriteError::CannotHold(said)) if said.contains("no entity of this id")),
            "{no}: {refused:?}"
        );
    }
    assert!(running.changes().is_empty());
    let wanted = entity(
        r#"{"id":"urn:ngsi-ld:EvacuationSite:092045:...","type":"EvacuationSite","name":{"type":"Property","value":"a"}}"#,
    );
    put(&running, WriteOperation::Create, &wanted).await.unwrap();
}
