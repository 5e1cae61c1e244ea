//! The rules of what a tenant's administrator may propose, as a small program of their own. It shares no code with the
//! gateway.
//!
//! 1. A source that is asked at one place as one and the same as before, whatever it is called, keeps what it was given; one
//!    vouches for one. What is new lies within the floor: endpoint, service, paths.
//! 2. A source whose place its tenant has named, and in which something is new, leads to public addresses and to those of the
//!    floor.
//! 3. A source in which something is new never reaches what another tenant's reaches, but for those that the floor names.
//! 4. A credential is one of the tenant's own, and goes to the endpoint and service to which the tenant's went before.
//! 5. That no personal data is held is said where the floor lets it be said, or where it was said of those types and ids.
//! 6. A claim is one that the tenant had.
//! 7. No limit is higher than it was and than the floor lets it be; there are no more sources than there were or may be.
//! 8. Names of sources are given once; services are written in small letters.

use super::given::{Brought, Endpoint, Entry, Floor, Limits, PATHS, Platform, RANGES};

/// What becomes of a proposal.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ruled {
    Accepted,
    /// With one of these words.
    Refused(Vec<String>),
    /// Two sources vouch for one, and nothing says which does.
    Unclear,
}

/// Where no limit is said there is none, or what the gateway has for all.
const UNLIMITED: u32 = u32::MAX;
const CONCURRENCY: u32 = 32;
const TIMEOUT: u32 = 3;

/// What vouches for each proposed source. `None`: it is not told which.
pub(super) fn vouching<'a>(earlier: &'a [Brought], proposed: &[Brought]) -> Option<Vec<Option<&'a Brought>>> {
    let is_asked_as = |one: &Brought, other: &Brought| {
        one.endpoint.text() == other.endpoint.text()
            && one.service == other.service
            && one.service_path == other.service_path
            && one.credential == other.credential
    };
    let mut free: Vec<&Brought> = earlier.iter().collect();
    let mut found = vec![None; proposed.len()];
    for (place, source) in proposed.iter().enumerate() {
        let same = |known: &&Brought| known.id == source.id && is_asked_as(known, source);
        if let Some(position) = free.iter().position(same) {
            found[place] = Some(free.remove(position));
        }
    }
    let mut is_clear = true;
    for (place, source) in proposed
        .iter()
        .enumerate()
        .filter(|(place, _)| found[*place].is_none())
        .collect::<Vec<_>>()
    {
        let mut fitting = free.iter().filter(|known| is_asked_as(known, source));
        let Some(first) = fitting.next().copied() else { continue };
        is_clear &= fitting.next().is_none();
        free.retain(|known| !std::ptr::eq(*known, first));
        found[place] = Some(first);
    }
    is_clear.then_some(found)
}

/// Limits as they count: rate, burst, requests at once, seconds.
fn counting(said: &Limits) -> [u32; 4] {
    let rate = said.rate.unwrap_or(UNLIMITED);
    [
        rate,
        said.burst.unwrap_or(rate),
        said.concurrency.unwrap_or(CONCURRENCY),
        said.timeout.unwrap_or(TIMEOUT),
    ]
}

/// The highest of what a floor says, or of what there is where it says nothing.
fn ceiling(floor: &Limits, there: [u32; 4]) -> [u32; 4] {
    [
        floor.rate.unwrap_or(there[0]),
        floor.burst.or(floor.rate).unwrap_or(there[1]),
        floor.concurrency.unwrap_or(there[2]),
        floor.timeout.unwrap_or(there[3]),
    ]
}

fn too_high(said: &Limits, floor: &Limits, before: Option<&Limits>) -> Vec<String> {
    let there = before.map_or(counting(&Limits::default()), counting);
    let mut highest = ceiling(floor, there);
    if before.is_some() {
        for (highest, there) in highest.iter_mut().zip(there) {
            *highest = (*highest).max(there);
        }
    }
    let keys = ["`requests_per_second`", "`burst`", "`concurrency`", "`timeout`"];
    let said = counting(said).into_iter().zip(highest).zip(keys);
    let beyond = said.filter(|((said, highest), _)| said > highest);
    beyond.map(|(_, key)| key.to_owned()).collect()
}

fn lets_endpoint(floor: &Floor, endpoint: Endpoint) -> bool {
    let (_, path, is_plain) = PATHS[endpoint.path];
    floor.endpoints.iter().any(|(machine, given)| {
        let given = PATHS[*given].1;
        *machine == endpoint.machine
            && is_plain
            && !endpoint.is_https
            && path.len() >= given.len()
            && path[..given.len()] == *given
    })
}

fn lets_service_paths(floor: &Floor, paths: Option<&str>) -> bool {
    // Of every path that is asked there must be one given that holds it, and everything below it where that is asked.
    paths.unwrap_or("/#").split(", ").all(|asked| {
        floor.service_paths.iter().any(|given| match *given {
            "/#" => true,
            "/p/#" => asked == "/p" || asked.starts_with("/p/"),
            exact => asked == exact,
        })
    })
}

fn covers(entry: &Entry, proposed: &Entry) -> bool {
    entry.r#type == proposed.r#type && proposed.ids.lie_in(entry.ids)
}

/// What becomes of a proposal by the administrator of a tenant that makes one platform of another.
pub(super) fn ruled(before: &Platform, after: &Platform, tenant: usize) -> Ruled {
    let mut refused: Vec<String> = Vec::new();
    let mut refuse = |word: &str| refused.push(word.to_owned());
    let (earlier, proposed) = (&before.parts[tenant], &after.parts[tenant]);
    let floor = &earlier.floor;
    let Some(vouching) = vouching(&earlier.sources, &proposed.sources) else {
        return Ruled::Unclear;
    };
    let own_claims: Vec<&Entry> = earlier.sources.iter().flat_map(|source| &source.entries).collect();
    for (source, voucher) in proposed.sources.iter().zip(vouching) {
        if source.service.is_some_and(|service| service != service.to_lowercase()) {
            refuse("Fiware-Service");
        }
        if let Some(credential) = source.credential {
            let goes_there = |known: &Brought| {
                known.credential == Some(credential)
                    && known.endpoint.text() == source.endpoint.text()
                    && known.service == source.service
            };
            if !earlier.sources.iter().any(goes_there) {
                refuse("`credential`");
            }
        }
        if voucher.is_none() {
            if !lets_endpoint(floor, source.endpoint) {
                refuse("`endpoint`");
            }
            if !floor.services.contains(&source.service.unwrap_or("")) {
                refuse("`fiware_service`");
            }
            if !lets_service_paths(floor, source.service_path) {
                refuse("`fiware_servicepath`");
            }
        }
        if source.says_none && !floor.may_say_none {
            let said = voucher.filter(|voucher| voucher.says_none);
            let was_said =
                |entry: &Entry| said.is_some_and(|said| said.entries.iter().any(|known| covers(known, entry)));
            if !source.entries.iter().all(was_said) {
                refuse("personal_data");
            }
        }
        let mut claims = source.entries.iter().filter(|entry| entry.is_claim);
        if claims.any(|claim| !own_claims.contains(&claim)) {
            refuse("authority");
        }
        for key in too_high(&source.limits, &floor.limits, voucher.map(|voucher| &voucher.limits)) {
            refuse(&key);
        }
        let is_new = !earlier.sources.contains(source);
        let others = before.parts.iter().enumerate().filter(|(other, _)| *other != tenant);
        let mut others = others.flat_map(|(_, part)| &part.sources);
        if is_new && others.any(|other| source.reaches_what(other) && !floor.same_system_as.contains(&other.id)) {
            refuse("same_system_as");
        }
        let is_public = source.endpoint.machine == 3;
        let mut ranges = floor.ranges.iter().flat_map(|range| RANGES[*range].1);
        if is_new && source.named_by_tenant && !is_public && !ranges.any(|machine| *machine == source.endpoint.machine)
        {
            refuse("egress_allow");
        }
    }
    let (own, before_limits) = (proposed.limits.unwrap_or_default(), earlier.limits.unwrap_or_default());
    for key in too_high(&own, &floor.tenant_limits, Some(&before_limits)) {
        refuse(&key);
    }
    if proposed.sources.len() > floor.sources.unwrap_or(8).max(earlier.sources.len()) {
        refuse("`sources`");
    }
    let mut names: Vec<&str> = after
        .parts
        .iter()
        .flat_map(|part| &part.sources)
        .map(|source| &*source.id)
        .collect();
    names.sort_unstable();
    if names.windows(2).any(|names| names[0] == names[1]) {
        refuse("there is another source of this name");
    }
    if refused.is_empty() {
        Ruled::Accepted
    } else {
        Ruled::Refused(refused)
    }
}
