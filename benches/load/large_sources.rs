//! W10: what a page, a count and a walk cost over three sources of 100,000 entities each, against what the sources cost by
//! themselves. All of it once a round, one after the other; medians of the rounds.

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::closed_loop::Generator;
use crate::command_line::CommandLine;
use crate::contestant::{self, Contestant, plain};
use crate::made::ENTITIES;
use crate::statistics::Spread;
use crate::wire::{Connection, Target};
use crate::workload::Workload;
use crate::{Failure, gateway};

const WORKLOAD: Workload = Workload::W10;

/// How often one page is asked for in a round; the median counts.
const ASKED: usize = 200;

/// Entities of a page of the walk.
const STEP: usize = 1000;

/// Where a page in the middle of the second source begins.
const FAR: usize = 150_000;

/// What was measured, in milliseconds or requests a second.
#[derive(Debug, Serialize)]
struct Figures {
    /// The page of a source that takes longest, asked directly.
    slowest_page: Spread,
    first_page: Spread,
    first_page_with_count: Spread,
    far_page: Spread,
    /// A page of one source through a gateway.
    page_of_one: Spread,
    walk: Spread,
    /// The same by an entity map.
    walk_by_map: Spread,
    /// The sources one after the other, through the same gateway.
    walks_of_each: Spread,
    /// The same, asked directly.
    walks_directly: Spread,
    throughput: Spread,
    /// The first page of one source through a gateway.
    throughput_of_one: Spread,
    /// The same where equal requests that are under way are one.
    throughput_shared: Spread,
    peak_mebibytes_before_the_walks: f64,
    peak_mebibytes: f64,
}

/// One round.
#[derive(Clone, Copy)]
struct Round {
    slowest_page: f64,
    first_page: f64,
    first_page_with_count: f64,
    far_page: f64,
    page_of_one: f64,
    walk: f64,
    walk_by_map: f64,
    walks_of_each: f64,
    walks_directly: f64,
    throughput: f64,
    throughput_of_one: f64,
    throughput_shared: f64,
}

/// Who is asked.
struct Cast {
    origins: Vec<Contestant>,
    all: Contestant,
    one: Contestant,
}

pub(crate) fn measure(line: &CommandLine, generator: Generator) -> Result<(), Failure> {
    let origins = (1..=WORKLOAD.origins())
        .map(|number| contestant::origin(WORKLOAD, number, format!("origin {number}")))
        .collect::<Result<Vec<_>, _>>()?;
    let addresses: Vec<String> = origins.iter().map(|origin| origin.target.address.clone()).collect();
    let first = addresses.get(..1).unwrap_or_default();
    let cast = Cast {
        all: gateway::start(&line.kakehashi, "Kakehashi", WORKLOAD, &addresses, None)?,
        one: gateway::start(&line.kakehashi, "Kakehashi, one source", WORKLOAD, first, None)?,
        origins,
    };
    for contestant in [&cast.all, &cast.one] {
        contestant.check(WORKLOAD)?;
    }
    let mut rounds = Vec::new();
    let mut before_the_walks = 0.0;
    for number in 0..line.rounds.max(1) {
        let pages = pages(&cast, line, generator)?;
        if number == 0 {
            before_the_walks = cast.all.process.peak_mebibytes()?;
        }
        rounds.push(with_walks(pages, &cast)?);
    }
    let spread = |value: fn(&Round) -> f64| Spread::of(rounds.iter().map(value));
    let figures = Figures {
        slowest_page: spread(|round| round.slowest_page),
        first_page: spread(|round| round.first_page),
        first_page_with_count: spread(|round| round.first_page_with_count),
        far_page: spread(|round| round.far_page),
        page_of_one: spread(|round| round.page_of_one),
        walk: spread(|round| round.walk),
        walk_by_map: spread(|round| round.walk_by_map),
        walks_of_each: spread(|round| round.walks_of_each),
        walks_directly: spread(|round| round.walks_directly),
        throughput: spread(|round| round.throughput),
        throughput_of_one: spread(|round| round.throughput_of_one),
        throughput_shared: spread(|round| round.throughput_shared),
        peak_mebibytes_before_the_walks: before_the_walks,
        peak_mebibytes: cast.all.process.peak_mebibytes()?,
    };
    print(&figures);
    std::fs::create_dir_all(&line.out)?;
    std::fs::write(line.out.join("W10.json"), serde_json::to_string_pretty(&figures)?)?;
    Ok(())
}

/// Everything but the walks.
fn pages(cast: &Cast, line: &CommandLine, generator: Generator) -> Result<Round, Failure> {
    let mut slowest_page: f64 = 0.0;
    for origin in &cast.origins {
        slowest_page = slowest_page.max(median_of(&origin.target, 21, None)?);
    }
    let all = &cast.all.target;
    let total = ENTITIES * cast.origins.len();
    let length = Duration::from_secs(line.seconds);
    let load = |target: &Target| -> Result<f64, Failure> {
        Ok(generator.run(target, line.connections, length, 200)?.throughput)
    };
    Ok(Round {
        slowest_page,
        first_page: median_of(all, 20, None)?,
        first_page_with_count: median_of(&turned(all, |path| format!("{path}&count=true")), 20, Some(total))?,
        far_page: median_of(&turned(all, |path| format!("{path}&offset={FAR}")), 20, None)?,
        page_of_one: median_of(&cast.one.target, 20, None)?,
        throughput: load(all)?,
        throughput_of_one: load(&cast.one.target)?,
        throughput_shared: load(&shared(all))?,
        walk: 0.0,
        walk_by_map: 0.0,
        walks_of_each: 0.0,
        walks_directly: 0.0,
    })
}

fn with_walks(round: Round, cast: &Cast) -> Result<Round, Failure> {
    let all = turned(&cast.all.target, |_| {
        format!("/ngsi-ld/v1/entities?type=EvacuationSite&limit={STEP}")
    });
    let mut walks_of_each = 0.0;
    for tenant in gateway::tenants_with_sources() {
        let mut of_tenant = all.clone();
        of_tenant.headers.push(("ngsild-tenant".to_owned(), tenant.to_owned()));
        walks_of_each += walk(&of_tenant, ENTITIES)?;
    }
    let mut walks_directly = 0.0;
    for origin in &cast.origins {
        walks_directly += walk_directly(&origin.target.address)?;
    }
    Ok(Round {
        walk: walk(&all, ENTITIES * cast.origins.len())?,
        walk_by_map: walk(
            &turned(&all, |path| format!("{path}&entityMap=true")),
            ENTITIES * cast.origins.len(),
        )?,
        walks_of_each,
        walks_directly,
        ..round
    })
}

fn turned(target: &Target, path: impl FnOnce(&str) -> String) -> Target {
    Target {
        path: path(&target.path),
        ..target.clone()
    }
}

/// The same, by somebody who is content with what another has asked for.
fn shared(target: &Target) -> Target {
    let mut target = target.clone();
    target.headers.retain(|(name, _)| name != "cache-control");
    target
}

/// How many entities of the workload stand in an answer.
fn entities_in(body: &[u8]) -> usize {
    const EACH: &[u8] = br#""type":"EvacuationSite""#;
    body.windows(EACH.len()).filter(|window| *window == EACH).count()
}

/// The median time of one answer over one connection, of which each must have so many entities.
fn median_of(target: &Target, entities: usize, count: Option<usize>) -> Result<f64, Failure> {
    let mut connection = Connection::open(target)?;
    let mut took = Vec::with_capacity(ASKED);
    for _ in 0..ASKED {
        let asked = Instant::now();
        let answer = connection.ask()?;
        took.push(asked.elapsed().as_secs_f64() * 1000.0);
        let (found, status) = (entities_in(&answer.body), answer.status);
        if status != 200 || found != entities || (count.is_some() && answer.count != count) {
            let counted = answer.count;
            return Err(format!("{}: status {status}, {found} entities, count {counted:?}", target.path).into());
        }
    }
    Ok(Spread::of(took).median)
}

/// How long it takes to read everything page by page, in milliseconds.
fn walk(target: &Target, entities: usize) -> Result<f64, Failure> {
    let mut connection = Connection::open(target)?;
    let (mut took, mut found) = (0.0, 0);
    loop {
        let asked = Instant::now();
        let answer = connection.ask()?;
        took += asked.elapsed().as_secs_f64() * 1000.0;
        let here = entities_in(&answer.body);
        found += here;
        // 201: an entity map was made for it.
        if !matches!(answer.status, 200 | 201) || (here < STEP && found < entities) {
            return Err(format!("a page of {here} entities with status {}, after {found}", answer.status).into());
        }
        match answer.next {
            Some(next) => connection.turn_to(&next),
            None => break,
        }
    }
    if found != entities {
        return Err(format!("a walk found {found} entities instead of {entities}").into());
    }
    Ok(took)
}

fn walk_directly(address: &str) -> Result<f64, Failure> {
    let page = |offset: usize| format!("/v2/entities?type=EvacuationSite&limit={STEP}&offset={offset}");
    let mut connection = Connection::open(&plain(address.to_owned(), &page(0)))?;
    let began = Instant::now();
    for offset in (0..ENTITIES).step_by(STEP) {
        connection.turn_to(&page(offset));
        connection.ask()?;
    }
    Ok(began.elapsed().as_secs_f64() * 1000.0)
}

fn print(figures: &Figures) {
    println!("\n{}: {}", WORKLOAD.name(), WORKLOAD.title());
    let line = |what: &str, value: Spread, beside: String| {
        let spread = format!("({:.2} to {:.2})", value.least, value.most);
        println!("{what:<44} {:>10.2} {spread:>22}  {beside}", value.median);
    };
    let beyond = |value: Spread| format!("+{:.2} ms, goal +2", value.median - figures.slowest_page.median);
    let times = |value: Spread, other: Spread| format!("{:.2} of it", value.median / other.median);
    line("the slowest source's own page, ms", figures.slowest_page, String::new());
    line("first page, ms", figures.first_page, beyond(figures.first_page));
    line(
        "first page with a count, ms",
        figures.first_page_with_count,
        beyond(figures.first_page_with_count),
    );
    line(
        "page of one source through a gateway, ms",
        figures.page_of_one,
        beyond(figures.page_of_one),
    );
    let far = times(figures.far_page, figures.first_page);
    line(
        "page at offset 150,000, ms",
        figures.far_page,
        format!("{far} first, goal 3"),
    );
    line("walk of 300,000, ms", figures.walk, String::new());
    let without = times(figures.walk_by_map, figures.walk);
    line("the same by an entity map, ms", figures.walk_by_map, without);
    let each = times(figures.walk, figures.walks_of_each);
    line(
        "walks of each source, ms",
        figures.walks_of_each,
        format!("{each}, goal 1.5"),
    );
    let directly = times(figures.walk, figures.walks_directly);
    line("the same asked directly, ms", figures.walks_directly, directly);
    line("one source, requests/s", figures.throughput_of_one, String::new());
    let ratio = times(figures.throughput, figures.throughput_of_one);
    line(
        "three sources, requests/s",
        figures.throughput,
        format!("{ratio}, goal 0.33"),
    );
    let ratio = times(figures.throughput_shared, figures.throughput_of_one);
    line("three sources, equal requests shared", figures.throughput_shared, ratio);
    println!(
        "peak MiB: {:.1} before the walks, {:.1} after",
        figures.peak_mebibytes_before_the_walks, figures.peak_mebibytes
    );
}
