//! Isolation, generated: in random worlds of tenants, policies, classes, consumers and entities, random requests are
//! answered by the gateway as a small model of the rules answers them. The gateway is the whole of it, from the edge to
//! the rendering of the answer, without a network: its sources are in memory.
//!
//! `KAKEHASHI_ISOLATION_CASES` says how many requests are tried; those that once failed are tried first
//! (`proptest-regressions/`).

mod administrators;
mod chances;
mod compared;
mod granted;
mod hinted;
mod judged_modes;
mod judged_subscriptions;
mod judged_writes;
mod keeping;
mod known;
mod model;
mod notifying;
mod posted;
mod question;
mod sources;
mod subscriptions;
mod walked;
mod who_sees;
mod world;
mod writes;
mod written;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::body::{Body, Bytes};
use http::request::Builder;
use http::{HeaderMap, Request, StatusCode};
use kakehashi::config::{Config, ConfigOverrides, Environment};
use kakehashi::federation::registry::Registry;
use kakehashi::http::api;
use kakehashi::http::edge::Edge;
use kakehashi::revision::{Process, Revision, RunningRevision};
use kakehashi::running::Gateway;
use kakehashi::runtime::Tasks;
use kakehashi::runtime::admission::{Admission, bounds};
use kakehashi::state::State;
use kakehashi::subscriptions::Subscriptions;
use kakehashi::telemetry::Metrics;
use kakehashi::tokens::Tokens;
use proptest::prelude::*;
use proptest::test_runner::{Config as Cases, FileFailurePersistence, TestCaseError, TestRunner};
use serde_json::Value;
use tower::ServiceExt;

use self::chances::{imperfect, world};
use self::keeping::Keeping;
use self::model::{Bound, Expected, Seen, expected, expected_in, told_of};
use self::posted::posted;
use self::question::{Asked, LARGEST_PAGE, Modified, Question, questions};
use self::walked::judge_walk;
use self::world::{LAST_DAY, LINK, World, date, id, names};
use self::writes::Write;

/// Requests that every run tries.
const CASES: usize = 10_000;

/// Requests to each world: reading its policies takes longer than asking.
const QUESTIONS: usize = 40;

/// Who sends a request, and what for.
#[derive(Debug, Clone, Copy)]
struct From {
    consumer: usize,
    tenant: Option<usize>,
    purpose: Option<&'static str>,
}

/// Status, count and body of an answer, and the sources that it warns of.
type Answer = ((StatusCode, Option<usize>, Value), Vec<String>);

/// A gateway of which the revision is replaced, world by world.
struct Rig {
    runtime: tokio::runtime::Runtime,
    gateway: Arc<Gateway>,
    subscriptions: Arc<Subscriptions>,
    edge: Edge,
    folder: PathBuf,
    wrong: sources::Wrong,
    /// How often it was told that something is wrong with entities of a source.
    warned: Cell<usize>,
    /// How many answers were made from what is kept in memory, in part at least, and show something.
    from_memory: Cell<usize>,
    _files: tempfile::TempDir,
}

impl Rig {
    /// One whose subscribers may listen on the loopback.
    fn new() -> Self {
        Self::with(written::GATEWAY)
    }

    /// One of which tenants.toml says this of the gateway itself.
    fn with(gateway: &str) -> Self {
        let files = tempfile::tempdir().unwrap();
        let folder = files.path().to_owned();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let (gateway, subscriptions) = runtime.block_on(async {
            std::fs::create_dir(folder.join("policies")).unwrap();
            let text = &*format!("{gateway}[tenants.t0]\nrole = \"operator\"\n");
            let files = [
                ("tenants.toml", text),
                (
                    "policies/schema.cedarschema",
                    include_str!("../../../policies/schema.cedarschema"),
                ),
                ("policies/classification.toml", ""),
            ];
            let files = files
                .into_iter()
                .map(|(name, text)| (name.to_owned(), text.into()))
                .collect();
            let config = load(&folder, None, files).unwrap();
            let metrics = Metrics::unread().unwrap();
            let tasks = Tasks::on(&tokio::runtime::Handle::current(), &metrics.tasks);
            let state = State::open(&config.gateway.state).await.unwrap();
            let subscriptions = Subscriptions::open(&config.gateway, &state, &tasks).await.unwrap();
            let admission = Admission::start(bounds(config.gateway.limits.memory.bytes())).unwrap();
            let revision = Revision::build(config, &state, &tasks).await.unwrap();
            let process = Process {
                revision: RunningRevision::new(revision),
                admission: Arc::new(admission),
                limiters: Arc::default(),
                metrics: Arc::new(metrics),
            };
            let tokens = Tokens::new(tasks.keys.clone()).unwrap();
            let gateway = Arc::new(Gateway::new(&process, tokens, Arc::clone(&subscriptions), tasks, state));
            (gateway, subscriptions)
        });
        let edge = Edge::around(&gateway, api::operations(&gateway), false);
        Self {
            runtime,
            gateway,
            subscriptions,
            edge,
            folder,
            wrong: sources::Wrong::default(),
            warned: Cell::new(0),
            from_memory: Cell::new(0),
            _files: files,
        }
    }

    /// Lets a world hold, as a reload would.
    fn enter(&self, world: &World) -> Result<Vec<Vec<sources::Parts>>, TestCaseError> {
        let running = self.gateway.revision();
        let config = load(&self.folder, Some(&running.config), written::files(world));
        let config = config.map_err(|refusal| TestCaseError::fail(format!("the world is refused: {refusal}")))?;
        let mut revision = self.runtime.block_on(Revision::build_after(&running, config)).unwrap();
        let keeping = Keeping {
            classification: revision.config.policy.classification().clone(),
            runtime: self.runtime.handle().clone(),
        };
        let (sources, held) = sources::of(world, &self.wrong, &keeping);
        revision.registry = Registry::new(sources);
        self.gateway.replace(Arc::new(revision));
        Ok(held)
    }

    /// The status of the answer, how many there are in all, and the body. No source may have anything wrong.
    fn ask(&self, question: &Question) -> (StatusCode, Option<usize>, Value) {
        let (answer, warned) = self.get(question);
        assert_eq!(warned, Vec::<String>::new(), "{question:?}");
        answer
    }

    /// In which order everything is listed that a question finds.
    fn order(&self, question: &Question) -> Vec<usize> {
        let Asked::Query { .. } = &question.asked else {
            return Vec::new();
        };
        let request = Request::get(question.uncounted(LARGEST_PAGE));
        let (_, _, body) = self.exchange(question.from(), request, Body::empty());
        numbers(&serde_json::from_slice(&body).unwrap())
    }

    /// The same, and the sources of which it is told that something is wrong.
    fn get(&self, question: &Question) -> Answer {
        let request = Request::get(question.target());
        self.send(question, request, Body::empty())
    }

    /// The same of the same question as a body; `None` where it cannot be posted.
    fn post(&self, question: &Question) -> Option<Answer> {
        let (target, body) = posted(&question.target())?;
        let body = body.to_string();
        let request = Request::post(target)
            .header("content-type", "application/json")
            .header("content-length", body.len());
        Some(self.send(question, request, Body::from(body)))
    }

    fn send(&self, question: &Question, request: Builder, body: Body) -> Answer {
        let (status, headers, body) = self.exchange(question.from(), request, body);
        let warnings = headers.get_all("ngsild-warning").iter();
        let warned = warnings.map(|warning| {
            let mut words = warning.to_str().unwrap().split(' ');
            assert_eq!(words.next(), Some("111"), "{question:?}");
            words.next().unwrap().to_owned()
        });
        let warned = warned.collect();
        hinted::check_is_of_nothing(&headers, &body);
        if headers.contains_key("age") && body.len() > "[]".len() {
            self.from_memory.set(self.from_memory.get() + 1);
        }
        let count = headers.get("ngsild-results-count");
        let count = count.map(|count| count.to_str().unwrap().parse().unwrap());
        ((status, count, serde_json::from_slice(&body).unwrap()), warned)
    }

    /// What is told of a write, but for when and to which request.
    fn write(&self, world: &World, write: &Write) -> (StatusCode, String) {
        let (request, body) = write.request(world);
        let (status, mut headers, body) = self.exchange(write.from(), request, Body::from(body));
        for name in ["date", "traceparent", "x-request-id", "ratelimit"] {
            headers.remove(name);
        }
        (status, format!("{headers:?} {}", String::from_utf8_lossy(&body)))
    }

    fn exchange(&self, from: From, request: Builder, body: Body) -> (StatusCode, HeaderMap, Bytes) {
        let mut request = request
            .header("host", "gateway.example")
            .header("x-api-key", written::key_of(from.consumer));
        if let Some(tenant) = from.tenant {
            request = request.header("ngsild-tenant", written::tenant_id(tenant));
        }
        if let Some(purpose) = from.purpose {
            request = request.header("kakehashi-purpose", purpose);
        }
        let request = request.body(body).unwrap();
        self.runtime.block_on(async {
            let answer = self.edge.clone().oneshot(request).await.unwrap();
            let (parts, body) = answer.into_parts();
            let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
            (parts.status, parts.headers, body)
        })
    }
}

fn load(
    folder: &Path,
    previous: Option<&Config>,
    files: kakehashi::documents::files::FileTexts,
) -> Result<Config, kakehashi::core::diagnostics::Diagnostics> {
    let (tenants_toml, policies) = (folder.join("tenants.toml"), folder.join("policies"));
    Config::load_proposed(
        previous,
        files,
        &tenants_toml,
        &policies,
        &Environment::of_process(),
        &ConfigOverrides::default(),
    )
}

/// The number of an entity, and what is shown of it. Each value must be the entity's own, and so must be its dates, where
/// dates are shown.
fn seen(world: &World, entity: &Value, dated: bool) -> (usize, Seen) {
    let number: usize = entity["id"]
        .as_str()
        .unwrap()
        .rsplit(':')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    assert_eq!(entity["id"], id(number));
    let thing = &world.things[number];
    let texts = |member: &Value| match member {
        Value::Array(texts) => texts.iter().map(|text| text.as_str().unwrap().to_owned()).collect(),
        text => [text.as_str().unwrap().to_owned()].into(),
    };
    let mut seen = Seen {
        types: texts(&entity["type"]),
        ..Seen::default()
    };
    for (name, member) in entity.as_object().unwrap() {
        match name.as_str() {
            "id" | "type" => {}
            "createdAt" => assert_eq!(*member, date(thing.created), "{entity}"),
            "modifiedAt" => seen.modified = (1..=LAST_DAY).find(|day| *member == date(*day)),
            "scope" => seen.scopes = texts(member),
            name => {
                let index = names().iter().position(|known| *known == name);
                let index = index.unwrap_or_else(|| panic!("{name}: {entity}"));
                let value = &member["value"];
                let dates = dated.then(|| [date(thing.created), date(thing.modified[index])]);
                let dates = dates.map_or([None, None], |dates| dates.map(|date| Some(date.into())));
                let shown = ["createdAt", "modifiedAt"].map(|name| member.get(name).cloned());
                assert!(
                    shown == dates || (shown == [None, None] && world.is_undated(number)),
                    "{entity}"
                );
                if name == LINK {
                    assert_eq!(member["object"], id(thing.link), "{entity}");
                    seen.attributes.insert(name.to_owned());
                    continue;
                }
                match thing.numbers.get(index) {
                    Some(number) => assert_eq!(value, number, "{entity}"),
                    None => assert_eq!(value["coordinates"].as_array().unwrap().len(), 2, "{entity}"),
                }
                seen.attributes.insert(name.to_owned());
            }
        }
    }
    assert_eq!(entity.get("createdAt").is_some(), dated, "{entity}");
    assert_eq!(seen.modified.is_some(), dated, "{entity}");
    (number, seen)
}

/// What the gateway has answered, in the words of the model.
fn answered(
    world: &World,
    question: &Question,
    answer: (StatusCode, Option<usize>, Value),
) -> Result<Expected, TestCaseError> {
    let (status, count, body) = answer;
    let seen = |entity: &Value| seen(world, entity, question.dated);
    let answered = match status {
        StatusCode::NOT_FOUND => Expected::NotFound,
        StatusCode::OK if matches!(question.asked, Asked::Known(_)) => known::answered(question, &body),
        StatusCode::OK => match (&body, count) {
            (Value::Array(page), Some(count)) => Expected::Page(page.iter().map(seen).collect(), count),
            (Value::Array(list), None) => Expected::List(list.iter().map(seen).collect()),
            (Value::Object(list), None) if list.contains_key("typeList") => {
                let types = list["typeList"].as_array().unwrap().iter();
                Expected::Types(types.map(|name| name.as_str().unwrap().to_owned()).collect())
            }
            _ => {
                let (number, seen) = seen(&body);
                Expected::One(number, seen)
            }
        },
        other => return Err(TestCaseError::fail(format!("{other} for {question:?}: {body}"))),
    };
    Ok(answered)
}

/// Whether an answer shows nothing that may not be shown, where not all of what may be is asked for.
fn lies_between(
    answered: &Expected,
    least: &Expected,
    world: &World,
    question: &Question,
) -> Result<(), TestCaseError> {
    let mut whole = question.clone();
    let mut is_least_sure = true;
    match &mut whole.asked {
        Asked::Query {
            types,
            attributes,
            modified,
            join,
            limit,
            offset,
            ..
        } => {
            (*limit, *offset) = (usize::MAX, 0);
            if let Some(Modified::Before(_)) = modified {
                // Who sees more may see that it was modified later.
                (*modified, is_least_sure) = (None, false);
            }
            // What is on another page may be shown as something linked, of which neither `type` nor `attrs` speaks.
            if *join > 0 {
                types.clear();
                attributes.clear();
            }
        }
        Asked::Retrieve { attributes, join, .. } if *join > 0 => attributes.clear(),
        Asked::Retrieve { .. } | Asked::Types | Asked::Known(_) => {}
    }
    let most = expected(world, &whole, Bound::Most);
    let shown: BTreeMap<usize, &Seen> = most.entities().into_iter().collect();
    for (id, seen) in answered.entities() {
        let may_be = shown.get(&id).is_some_and(|most| {
            seen.types.is_subset(&most.types)
                && seen.attributes.is_subset(&most.attributes)
                && seen.scopes.is_subset(&most.scopes)
                && seen.modified <= most.modified
        });
        prop_assert!(
            may_be,
            "{id}: {seen:?} is more than {most:?}\n{question:?}\n{}",
            written::shown(world)
        );
    }
    if let (Expected::Types(types), Expected::Types(most)) = (answered, &most) {
        prop_assert!(
            types.is_subset(most),
            "{types:?} is more than {most:?}\n{}",
            written::shown(world)
        );
    }
    known::is_no_more(answered, &most, world)?;
    let surely = if is_least_sure { least.count() } else { 0 };
    let counts = [surely, answered.count(), most.count()];
    prop_assert!(
        counts.is_sorted(),
        "{counts:?}: {question:?}\n{}",
        written::shown(world)
    );
    Ok(())
}

/// Whether a question has one answer if both bounds have the same. Not if it asks for what was modified before a day: what
/// neither shows may be shown by who sees less than the one, by which it is older, and more than the other.
fn is_decided(world: &World, question: &Question) -> bool {
    let mut whole = question.clone();
    let Asked::Query {
        modified: modified @ Some(Modified::Before(_)),
        limit,
        offset,
        ..
    } = &mut whole.asked
    else {
        return true;
    };
    (*modified, *limit, *offset) = (None, usize::MAX, 0);
    // When they were modified is compared, too.
    whole.dated = true;
    expected(world, &whole, Bound::Least) == expected(world, &whole, Bound::Most)
}

fn judge(rig: &Rig, world: &World, questions: &[Question]) -> Result<(), TestCaseError> {
    rig.enter(world)?;
    questions
        .iter()
        .try_for_each(|question| judge_answer(rig, world, question))
}

fn judge_answer(rig: &Rig, world: &World, question: &Question) -> Result<(), TestCaseError> {
    let (answer, mut warned) = rig.get(question);
    let everything = question.whole();
    if let Some(((status, count, posted), warned_of_posted)) = rig.post(&everything) {
        // Several selectors are several questions to a source, one after the other: only what is found is the same.
        let ((status_of_get, count_of_get, got), _) = rig.get(&everything);
        prop_assert_eq!((status, count), (status_of_get, count_of_get), "posted: {:?}", question);
        prop_assert_eq!(by_number(posted), by_number(got), "posted: {:?}", question);
        // What is wrong is told as far as it was met before the answer began, which is not the same each time.
        warned.extend(warned_of_posted);
    }
    let may_be_told = told_of(world, question);
    for source in &warned {
        prop_assert!(
            may_be_told.contains(source),
            "something wrong with {} is told: {:?}\n{}\nas {:?}",
            source,
            question,
            question.target(),
            written::shown(world)
        );
    }
    rig.warned.set(rig.warned.get() + warned.len());
    let answered = answered(world, question, answer)?;
    prop_assert_eq!(rig.wrong.take(), Vec::<String>::new(), "{:?}", question);
    let order = rig.order(question);
    judge_walk(rig, question, &order)?;
    let [least, most] = [Bound::Least, Bound::Most].map(|bound| expected_in(world, question, bound, &order));
    if least != most || !is_decided(world, question) {
        lies_between(&answered, &least, world, question)?;
        return Ok(());
    }
    prop_assert_eq!(
        &answered,
        &most,
        "{:?}\n{}\nas {:?}",
        question,
        question.target(),
        written::shown(world)
    );
    Ok(())
}

/// What is listed, in the order of numbers.
fn by_number(list: Value) -> Value {
    let Value::Array(mut all) = list else {
        return list;
    };
    all.sort_by_key(|entity| entity["id"].as_str().map(str::to_owned));
    Value::Array(all)
}

/// The numbers of listed entities, in their order.
fn numbers(list: &Value) -> Vec<usize> {
    let number = |entity: &Value| entity["id"].as_str()?.rsplit(':').next()?.parse().ok();
    list.as_array().into_iter().flatten().filter_map(number).collect()
}

/// How many requests are tried.
fn cases() -> usize {
    std::env::var("KAKEHASHI_ISOLATION_CASES").map_or(CASES, |cases| cases.parse().unwrap())
}

/// Trying so many requests, and first those that are kept in a file.
fn settings(cases: usize, kept_in: &str) -> Cases {
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../tests/behaviour/isolation/proptest-regressions"
    );
    // proptest takes names that last for ever; there are five.
    let file = Box::leak(format!("{folder}/{kept_in}").into_boxed_str());
    Cases {
        cases: u32::try_from(cases.div_ceil(QUESTIONS)).unwrap(),
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(file))),
        max_shrink_iters: 2_000,
        ..Cases::default()
    }
}

/// What tries so many requests.
fn runner(cases: usize, kept_in: &str) -> TestRunner {
    TestRunner::new(settings(cases, kept_in))
}

//= 5.14.4.3-2, 5.14.4.4-3, 5.14.4.4-4
#[test]
fn every_answer_is_that_of_the_rules() {
    let mut runner = runner(cases(), "isolation.txt");
    let rig = Rig::new();
    let worlds = world().prop_map(written::allowed).prop_flat_map(imperfect);
    let any = worlds.prop_flat_map(|world| {
        let questions = questions(&world, QUESTIONS);
        (Just(world), questions)
    });
    let (mut answers, mut entities, mut between) = (0, 0, 0);
    let outcome = runner.run(&any, |(world, questions)| judge(&rig, &world, &questions));
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
    assert!(rig.warned.get() > 0, "nobody was told that anything is wrong");
    let from_memory = rig.from_memory.get();
    assert!(
        from_memory * 50 > cases(),
        "{from_memory} answers were made from memory"
    );
    // A model in which nobody sees anything would agree with a gateway that shows nothing.
    let mut runner = TestRunner::deterministic();
    for _ in 0..50 {
        let tree = any.new_tree(&mut runner).unwrap();
        let (world, questions) = proptest::strategy::ValueTree::current(&tree);
        for question in &questions {
            let least = expected(&world, question, Bound::Least);
            answers += 1;
            entities += least.entities().len();
            between += usize::from(least != expected(&world, question, Bound::Most));
        }
    }
    assert!(entities * 6 > answers, "{entities} entities in {answers} answers");
    // Nearly every answer is one that can be told exactly.
    assert!(between * 10 < answers, "{between} of {answers} answers");
}
