//! Walking over the pages of a question, with an entity map and without: both visit what is listed, each once and in its order.

use axum::body::Body;
use http::{Request, StatusCode};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use serde_json::Value;

use super::question::{Asked, Question};
use super::{Rig, numbers};

/// The header that names a map.
const ENTITY_MAP: &str = "ngsild-entitymap";

/// Whether walking over the pages of a question, none of them counted, visits the entities in this order, each once.
pub(super) fn judge_walk(rig: &Rig, question: &Question, order: &[usize]) -> Result<(), TestCaseError> {
    let Asked::Query { limit, join: 0, .. } = question.asked else {
        return Ok(());
    };
    let first = question.uncounted(limit.max(1));
    walk(rig, question, first.clone(), order)?;
    judge_walk_by_map(rig, question, &first, order)
}

/// The same by an entity map, which lists what is walked and nothing else.
fn judge_walk_by_map(rig: &Rig, question: &Question, first: &str, order: &[usize]) -> Result<(), TestCaseError> {
    let target = format!("{first}&entityMap=true");
    let (status, headers, body) = rig.exchange(question.from(), Request::get(target.clone()), Body::empty());
    if status == StatusCode::UNPROCESSABLE_ENTITY {
        // Of types that are not open or limited there is none.
        let told = String::from_utf8_lossy(&body).contains("keeps nowhere");
        prop_assert!(told, "{:?}: {:?}", question, body);
        return Ok(());
    }
    let Some(map) = headers.get(ENTITY_MAP).map(|map| map.to_str().unwrap().to_owned()) else {
        prop_assert!(
            order.is_empty() && status != StatusCode::CREATED,
            "{:?}: {}",
            question,
            status
        );
        return Ok(());
    };
    let page: Value = serde_json::from_slice(&body).unwrap();
    let mut walked = numbers(&page);
    if let Some(next) = next_of(&headers) {
        walked.extend(pages(rig, question, next, order.len())?);
    }
    prop_assert_eq!(&walked, order, "walked by a map: {:?}", question);
    let (_, _, body) = rig.exchange(question.from(), Request::get(map.as_str()), Body::empty());
    let listed: Value = serde_json::from_slice(&body).unwrap();
    let mut listed: Vec<usize> = listed["entityMap"]
        .as_object()
        .unwrap()
        .keys()
        .map(|id| id.rsplit(':').next().unwrap().parse().unwrap())
        .collect();
    listed.sort_unstable();
    let mut ordered = order.to_vec();
    ordered.sort_unstable();
    prop_assert_eq!(listed, ordered, "listed by a map: {:?}", question);
    let (status, ..) = rig.exchange(question.from(), Request::delete(map.as_str()), Body::empty());
    prop_assert_eq!(status, StatusCode::NO_CONTENT);
    Ok(())
}

fn walk(rig: &Rig, question: &Question, first: String, order: &[usize]) -> Result<(), TestCaseError> {
    let walked = pages(rig, question, first, order.len())?;
    prop_assert_eq!(&walked, order, "walked by pages: {:?}", question);
    Ok(())
}

/// What stands on a page and those behind it. No more than so many are expected.
fn pages(rig: &Rig, question: &Question, first: String, most: usize) -> Result<Vec<usize>, TestCaseError> {
    let mut target = Some(first);
    let mut walked = Vec::new();
    while let Some(next) = target {
        let (status, headers, body) = rig.exchange(question.from(), Request::get(next), Body::empty());
        let page: Value = serde_json::from_slice(&body).unwrap();
        prop_assert!(
            status == StatusCode::OK || most == 0,
            "{:?}: {} {}",
            question,
            status,
            page
        );
        walked.extend(numbers(&page));
        prop_assert!(walked.len() <= most, "{:?}: {:?} and not {}", question, walked, most);
        target = next_of(&headers);
    }
    Ok(walked)
}

fn next_of(headers: &http::HeaderMap) -> Option<String> {
    let mut links = headers.get_all("link").iter().map(|link| link.to_str().unwrap());
    let next = links.find(|link| link.contains("rel=\"next\""))?;
    Some(next.strip_prefix('<')?.split_once('>')?.0.to_owned())
}
