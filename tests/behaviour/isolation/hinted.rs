//! Hints of empty lists: whoever asks for names that are misspelt, hidden or nobody's is told nothing else than in a world
//! without what is hidden from it, to the last header; and no other name is suggested to it than one that it is granted.

use std::cell::Cell;
use std::collections::BTreeSet;

use axum::body::Body;
use http::{HeaderMap, Request, StatusCode};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::TestCaseError;

use super::super::harness::encoded;
use super::chances::world;
use super::model::{Bound, Caller, Operation};
use super::posted::posted;
use super::world::{PLACE, Source, TYPES, World, names};
use super::{From, QUESTIONS, Rig, cases, runner, written};

/// Requests of other tests that take as long as one here, which is sent four times.
const REQUESTS: usize = 4;

/// What says nothing of the answer: when it was made, for which request, and how many more there may be.
const OF_THE_MOMENT: [&str; 5] = ["date", "traceparent", "x-request-id", "ratelimit", "age"];

/// A list that somebody asks for with names as they are, or with one other letter.
#[derive(Debug, Clone)]
struct AskedByName {
    types: Vec<String>,
    attributes: Vec<String>,
    condition: Option<String>,
    offset: usize,
}

impl AskedByName {
    fn target(&self) -> String {
        let mut target = format!("/ngsi-ld/v1/entities?count=true&limit=5&offset={}", self.offset);
        let mut add = |name: &str, value: &str| {
            if !value.is_empty() {
                target.push_str(&format!("&{name}={}", encoded(value)));
            }
        };
        add("type", &self.types.join(","));
        add("attrs", &self.attributes.join(","));
        add("q", self.condition.as_deref().unwrap_or_default());
        target
    }
}

/// A name as it is, or with one other letter.
fn spelt(known: Vec<&'static str>) -> impl Strategy<Value = String> {
    let letter = proptest::char::range('a', 'z');
    let chances = (select(known), prop::bool::weighted(0.5), any::<Index>(), letter);
    chances.prop_map(|(name, is_misspelt, place, letter)| {
        let place = 1 + place.index(name.len() - 1);
        let misspelt = name.chars().enumerate().map(|(at, own)| match at == place {
            true => letter,
            false => own,
        });
        if is_misspelt {
            misspelt.collect()
        } else {
            name.to_owned()
        }
    })
}

fn asked() -> impl Strategy<Value = AskedByName> {
    let once = |mut names: Vec<String>| {
        names.sort();
        names.dedup();
        names
    };
    (
        vec(spelt(TYPES.to_vec()), 1..3).prop_map(once),
        prop_oneof![1 => Just(Vec::new()), 1 => vec(spelt(names()), 1..3).prop_map(once)],
        option::weighted(0.5, (spelt(names()), 0..4_i64)),
        prop_oneof![8 => Just(0_usize), 1 => Just(2)],
    )
        .prop_map(|(types, attributes, condition, offset)| AskedByName {
            types,
            attributes,
            condition: condition.map(|(name, value)| format!("{name}=={value}")),
            offset,
        })
}

/// What a caller is granted of a world, by the model: types, and attributes of any of them.
struct Granted {
    types: BTreeSet<&'static str>,
    attributes: BTreeSet<&'static str>,
}

impl Granted {
    fn of(caller: &Caller<'_>, only: Option<usize>) -> Self {
        let (mut types, mut attributes) = (BTreeSet::new(), BTreeSet::new());
        for (tenant, source) in sources(caller.world) {
            if only.is_some_and(|only| only != tenant) {
                continue;
            }
            for r#type in &source.provides {
                for permit in caller.permits(Operation::Query, tenant, source, r#type) {
                    types.insert(*r#type);
                    let granted = names().into_iter();
                    attributes.extend(granted.filter(|name| caller.grants(permit, tenant, source, r#type, name)));
                }
            }
        }
        Self { types, attributes }
    }

    fn has(&self, name: &str) -> bool {
        self.types.contains(name) || self.attributes.contains(name)
    }
}

fn sources(world: &World) -> impl Iterator<Item = (usize, &Source)> {
    let tenants = world.tenants.iter().enumerate();
    tenants.flat_map(|(tenant, owner)| owner.sources.iter().map(move |source| (tenant, source)))
}

/// The world without what is hidden from a caller: types of which it is granted nothing, entities of such types alone, what it
/// is not granted of others, and the classes of what no permit speaks of.
fn without_hidden(world: &World, granted: &Granted) -> World {
    let mut less = world.clone();
    let is_spoken_of = |name: &str| {
        let mut permits = world.tenants.iter().flat_map(|tenant| &tenant.permits);
        permits.any(|permit| {
            let named = permit.attributes.as_ref().is_some_and(|names| names.contains(&name));
            named || permit.without.contains(&name) || format!("{:?}", permit.q).contains(name)
        })
    };
    for source in less.tenants.iter_mut().flat_map(|tenant| &mut tenant.sources) {
        // A source must provide something.
        if source.provides.iter().any(|name| granted.types.contains(name)) {
            source.provides.retain(|name| granted.types.contains(name));
        }
        source.parts.retain(|(number, _)| {
            let types = &world.things[*number].types;
            types.iter().any(|name| granted.types.contains(name))
        });
        for (_, has) in &mut source.parts {
            for (has, name) in has.iter_mut().zip(names()) {
                *has &= granted.attributes.contains(name);
            }
        }
    }
    let provided: BTreeSet<&str> = sources(&less).flat_map(|(_, source)| source.provides.clone()).collect();
    for (classes, r#type) in less.classes.iter_mut().zip(TYPES) {
        if !granted.types.contains(r#type) && !provided.contains(r#type) {
            *classes = None;
        } else if let Some(classes) = classes {
            for (class, name) in classes.attributes.iter_mut().zip(names()) {
                if !granted.attributes.contains(name) && !is_spoken_of(name) && name != PLACE {
                    *class = None;
                }
            }
        }
    }
    less
}

/// The headers of an answer that shows nothing, but for those of the moment; `None`: it shows something.
fn of_nothing(rig: &Rig, from: From, target: &str, post: bool) -> Option<HeaderMap> {
    let (request, body) = match posted(target).filter(|_| post) {
        None => (Request::get(target), Body::empty()),
        Some((target, body)) => {
            let body = body.to_string();
            let request = Request::post(target)
                .header("content-type", "application/json")
                .header("content-length", body.len());
            (request, Body::from(body))
        }
    };
    let (status, mut headers, body) = rig.exchange(from, request, body);
    if status != StatusCode::OK || &body[..] != b"[]" {
        assert!(!headers.contains_key(HINT), "{target}: {status} {headers:?}");
        return None;
    }
    for name in OF_THE_MOMENT {
        headers.remove(name);
    }
    Some(headers)
}

/// An answer that shows anything has no hint; a list of types or attributes that is empty has one.
pub(super) fn check_is_of_nothing(headers: &HeaderMap, body: &[u8]) {
    let shows_something = body.starts_with(b"[{") || body.starts_with(b"{\"id\"");
    let body_text = String::from_utf8_lossy(body);
    let lists_names = ["\"typeList\"", "\"attributeList\""]
        .iter()
        .any(|list| body_text.contains(list));
    assert!(
        !shows_something || lists_names || !headers.contains_key(HINT),
        "{headers:?} {body_text}"
    );
}

const HINT: &str = "kakehashi-hint";
const COUNT: &str = "ngsild-results-count";

/// The hints, as people read them.
fn hints(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(HINT).iter().map(|value| value.to_str().unwrap());
    let decoded = values.map(|value| {
        let text = value
            .strip_prefix("%\"")
            .and_then(|text| text.strip_suffix('"'))
            .unwrap();
        percent_encoding::percent_decode_str(text)
            .decode_utf8()
            .unwrap()
            .into_owned()
    });
    decoded.collect()
}

/// The name between the first two backticks behind a text.
fn quoted_behind<'a>(hint: &'a str, before: &str) -> Option<&'a str> {
    let behind = hint.split_once(before)?.1;
    behind.split('`').next()
}

#[test]
fn no_hint_tells_of_what_is_hidden() {
    let rig = Rig::new();
    let mut runner = runner(cases() / REQUESTS, "hints.txt");
    let worlds = world().prop_map(written::allowed);
    let any = worlds.prop_flat_map(|world| {
        let (consumers, tenants) = (world.consumers.len(), world.tenants.len());
        let from = (0..consumers, option::weighted(0.2, 0..tenants), any::<Index>());
        (Just(world), from, vec(asked(), QUESTIONS))
    });
    let (compared, hinted, suggested) = (Cell::new(0_usize), Cell::new(0_usize), Cell::new(0_usize));
    let outcome = runner.run(&any, |(world, (consumer, tenant, stated), asked)| {
        let own = &world.consumers[consumer].purposes;
        let purpose = own.get(stated.index(own.len() + 1)).copied();
        let from = From {
            consumer,
            tenant,
            purpose,
        };
        let caller = Caller::new(&world, Bound::Most, consumer, purpose);
        let granted = Granted::of(&caller, tenant);
        let less = without_hidden(&world, &granted);
        let answers_of = |world: &World| -> Result<Vec<Option<HeaderMap>>, TestCaseError> {
            rig.enter(world)?;
            let both = asked.iter().flat_map(|asked| {
                let target = asked.target();
                [false, true].map(|post| of_nothing(&rig, from, &target, post))
            });
            Ok(both.collect())
        };
        let answers = answers_of(&world)?;
        let headers = answers.iter().flatten();
        for hint in headers.flat_map(hints) {
            hinted.set(hinted.get() + 1);
            let shown = || format!("{hint}\n{from:?}\n{}", written::shown(&world));
            if let Some(unknown) = quoted_behind(&hint, "the type `") {
                prop_assert!(!granted.types.contains(unknown), "granted and not known: {}", shown());
            }
            if let Some(near) = quoted_behind(&hint, "did you mean `") {
                suggested.set(suggested.get() + 1);
                prop_assert!(granted.has(near), "suggested and not granted: {}", shown());
            }
        }
        // What nobody speaks of any more may be refused where a policy does.
        let Ok(without) = answers_of(&less) else {
            return Ok(());
        };
        let pairs = answers.iter().zip(&without);
        for ((with, without), place) in pairs.zip(0..) {
            let (Some(with), Some(without)) = (with, without) else {
                continue;
            };
            // How many conditions of permits are met depends on what only they may look at.
            if with.get(COUNT) != without.get(COUNT) {
                continue;
            }
            compared.set(compared.get() + 1);
            prop_assert_eq!(
                with,
                without,
                "{:?}\n{:?}\nwith what is hidden: {}\nwithout: {}",
                asked[place / 2],
                from,
                written::shown(&world),
                written::shown(&less)
            );
        }
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
    let (compared, hinted, suggested) = (compared.get(), hinted.get(), suggested.get());
    let least = cases() / REQUESTS / 4;
    assert!(
        compared > least && hinted > least && suggested > least / 4,
        "{compared} answers were compared, with {hinted} hints, of which {suggested} suggest a name"
    );
}
