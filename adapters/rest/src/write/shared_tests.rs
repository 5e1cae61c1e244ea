//! Fields of several attributes: whether one of them is written is decided by the mapping, so that nobody finds out what they do
//! not see of a record.

use super::register::Register;
use super::tests::{MAPPING, Running, change, held, put, site, sorted, started};
use super::*;

/// One time of observation for the name, the remarks and the word of a table; both of these from fields that others have, too.
fn mapping() -> String {
    let mapping = r#"
zone = "+09:00"
missing = ["-"]

[tables.flag]
values = { "公" = true }

[types.EvacuationSite]
path = "/sites"
record_path = "/sites/{no}"
records = "$.items[*]"
record = "$.data.site"
id = "urn:ngsi-ld:EvacuationSite:092045:{no}"

[types.EvacuationSite.attributes]
name = { field = "namae", observed_at = "t" }
description = { field = "biko", observed_at = "t" }
siteType = "shubetsu"
opened = { field = "shubetsu", table = "flag" }
"#;
    let (_, write) = MAPPING.split_once("[types.EvacuationSite.write]").unwrap();
    format!("{mapping}\n[types.EvacuationSite.write]{write}")
}

async fn standing(record: &str) -> Running {
    let running = started(Register::default(), &mapping()).await;
    running.put_record("7", record);
    running
}

/// What whoever changes these attributes of the record is answered.
async fn answered(record: &str, operation: WriteOperation, attributes: &str) -> Result<(), String> {
    let running = standing(record).await;
    let wanted = change(held(&running).await.unwrap(), attributes);
    let outcome = put(&running, operation, &wanted).await;
    let is_sent = !running.changes().is_empty();
    assert_eq!(is_sent, outcome.is_ok(), "{record}: {outcome:?}");
    if is_sent {
        assert_eq!(sorted(held(&running).await.unwrap()), sorted(wanted));
    }
    match outcome {
        Ok(_) => Ok(()),
        Err(WriteError::CannotHold(said)) => Err(said),
        Err(other) => panic!("{other:?}"),
    }
}

const NAME: &str = r#""name":{"type":"Property","value":"b","observedAt":"2026-02-01T00:00:00Z"}"#;

#[tokio::test]
async fn a_shared_time_is_not_changed_for_one_whether_the_others_are_there_or_not() {
    let mut answers = Vec::new();
    for record in [
        r#"{"no":7,"namae":"a","biko":"x","t":"2026-01-01T09:00:00+09:00"}"#,
        r#"{"no":7,"namae":"a","biko":"-","t":"2026-01-01T09:00:00+09:00"}"#,
        r#"{"no":7,"namae":"a","t":"2026-01-01T09:00:00+09:00"}"#,
        r#"{"no":7,"namae":"a"}"#,
        r#"{"no":7,"namae":"a","biko":"x"}"#,
        r#"{"no":7,"biko":"x","t":"2026-01-01T09:00:00+09:00"}"#,
        r#"{"no":7}"#,
    ] {
        for operation in [WriteOperation::Merge, WriteOperation::Update, WriteOperation::Append] {
            answers.push(answered(record, operation, NAME).await);
        }
    }
    assert!(
        matches!(&answers[0], Err(said) if said.starts_with("`name`: ") && said.contains("same observedAt")),
        "{answers:?}"
    );
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
}

#[tokio::test]
async fn a_shared_time_stays_with_one_and_changes_with_all() {
    let same = NAME.replace("2026-02-01", "2026-01-01");
    let both = format!(r#"{NAME},"description":{{"type":"Property","value":"y","observedAt":"2026-02-01T00:00:00Z"}}"#);
    for more in ["", r#","biko":"x""#] {
        // In another form than it would be written in.
        let record = format!(r#"{{"no":7,"namae":"a","t":"2026-01-01T00:00:00Z"{more}}}"#);
        answered(&record, WriteOperation::Merge, &same).await.unwrap();
        answered(&record, WriteOperation::Merge, &both).await.unwrap();
    }
}

#[tokio::test]
async fn whoever_replaces_the_whole_gives_it_another_time() {
    let running = standing(r#"{"no":7,"namae":"a","t":"2026-01-01T09:00:00+09:00"}"#).await;
    let wanted = site(NAME);
    put(&running, WriteOperation::Replace, &wanted).await.unwrap();
    assert_eq!(held(&running).await.unwrap(), wanted);
}

#[tokio::test]
async fn a_field_of_two_is_not_changed_for_one_whatever_the_table_makes_of_the_other() {
    let words = r#""siteType":{"type":"Property","value":"学"}"#;
    let mut answers = Vec::new();
    for word in ["公", "校", "-"] {
        let record = format!(r#"{{"no":7,"shubetsu":"{word}"}}"#);
        answers.push(answered(&record, WriteOperation::Merge, words).await);
    }
    assert!(
        matches!(&answers[0], Err(said) if said.starts_with("`siteType`: ") && !said.contains("opened")),
        "{answers:?}"
    );
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    let running = standing(r#"{"no":7,"shubetsu":"校"}"#).await;
    put(&running, WriteOperation::Replace, &site(words)).await.unwrap();
    assert_eq!(held(&running).await.unwrap(), site(words));
}
