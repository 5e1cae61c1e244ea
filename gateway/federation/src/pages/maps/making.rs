//! Finding the ids of a map: at first, and again by the rules that hold now.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kakehashi_adapters::{Page, SourceId};
use kakehashi_resources::pause;

use super::super::AskedSources;
use super::super::known_list::ListId;
use super::super::listing::{self, FoundAll};
use super::entries::{Entries, Sets};
use super::kept::{EntityMaps, MOST_IDS, NoRoom, end_of};
use super::map::{EntityMap, MapId, Owner, without_ids};
use crate::gather::Request;
use crate::plan::{Asker, plan};
use crate::strategy::Opening;
use crate::warning::Missing;
use crate::{Question, Refusal, Warning, steps};

/// What a question opens with does not depend on the page.
const ANY_PAGE: Page = Page { limit: 0, offset: 0 };

/// Why there is no map of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoMap {
    /// The question itself has no answer.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// There is no room for one.
    #[error(transparent)]
    NoRoom(#[from] NoRoom),
    /// More ids than one map may hold, or than one request can find.
    #[error(
        "there are more entities than one entity map may hold ({allowed}) or one request can find; walk by the links of pages without \
         one, or name types, ids or an area"
    )]
    TooLarge {
        /// How many it may hold.
        allowed: usize,
    },
    /// Ids that nothing may keep.
    #[error(
        "the question is about entities whose ids this gateway keeps nowhere, not even for a while: of types that are personal or \
         that nobody has classified, or with somebody's number or address in the id; walk by the links of pages without an entity \
         map, or name other types"
    )]
    NotKept,
    /// Other rules hold than when it was made, and what they leave of it cannot be found out now.
    #[error(
        "the entity map cannot be shown now: other rules hold than when it was made, and a source cannot be asked what they leave of it"
    )]
    Unheard,
    /// The system gives no random numbers.
    #[error("an entity map would have an id that can be guessed; walk by the links of pages without one")]
    NotSecret,
}

/// What a map is made of.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// What is asked.
    pub question: &'a Arc<Question>,
    /// Whose it is to be.
    pub owner: Owner,
    /// How long it is to live; no longer than one may.
    pub lifetime: Duration,
    /// What its list depends on beside the question and the consumer: the revision.
    pub rules: &'a str,
}

/// A map that was made.
#[derive(Debug)]
pub struct Made {
    /// The map.
    pub map: Arc<EntityMap>,
    /// The sources whose entities it lacks.
    pub warnings: Vec<Warning>,
}

/// Makes a map of what a question finds now.
///
/// # Errors
/// [`NoMap`]
//= 5.2.23-4, 5.5.14-1, 5.5.14-2, 6.4.3.2-11
pub async fn make(wanted: Wanted<'_>, maps: &EntityMaps, asker: &Asker<'_>, request: &Request) -> Result<Made, NoMap> {
    let Wanted {
        question,
        owner,
        lifetime,
        rules,
    } = wanted;
    maps.has_room(&owner)?;
    let id = MapId::random().ok_or(NoMap::NotSecret)?;
    let now = Instant::now();
    let mut finding = request.clone();
    finding.call.requests = request.call.requests.again();
    // The rest of the time is for the first page.
    finding.call.deadline = now + request.call.deadline.saturating_duration_since(now) * 3 / 4;
    finding.has_part_of_the_time = true;
    let listed = listed(question, asker, &finding).await?;
    if !listed.may_be_kept {
        return Err(NoMap::NotKept);
    }
    let Some(FoundAll { grouped, warnings, .. }) = listed.found else {
        return Err(NoMap::TooLarge { allowed: MOST_IDS });
    };
    let sources = listed.sources;
    let order = question.order.clone();
    let packing = async move {
        let (mut entries, mut sets) = (Entries::default(), Sets::default());
        for one in grouped.in_order(order).await {
            if entries.len() >= MOST_IDS || !entries.push(&one.id, sets.number(&one.holders)) {
                return None;
            }
            pause().await;
        }
        Some(entries.with_sets(sets.of(&sources)))
    };
    let packed = request.call.resources.compute_elsewhere(packing).await;
    let packed = packed.map_err(Refusal::Exhausted)?;
    let entries = packed.ok_or(NoMap::TooLarge { allowed: MOST_IDS })?;
    let rules = rules_of(question, asker, request, rules);
    let expires_at = end_of(lifetime);
    let map = EntityMap::new(id, owner, question, entries, rules, expires_at).lacking(&warnings);
    Ok(Made {
        map: maps.keep(map)?,
        warnings,
    })
}

/// Leaves of a map what its question finds now, where other rules hold than when it was found: what is not granted any more is
/// in no list. What went wrong.
///
/// # Errors
/// [`NoMap`]
pub async fn narrow(map: &EntityMap, rules: &str, asker: &Asker<'_>, request: &Request) -> Result<Vec<Warning>, NoMap> {
    let question = Arc::clone(map.question());
    match map.holds_by(rules_of(&question, asker, request, rules)) {
        true => Ok(Vec::new()),
        false => {
            let warnings = found_again(map, &question, rules, asker, request).await?;
            match unheard(&warnings).is_empty() {
                true => Ok(warnings),
                false => Err(NoMap::Unheard),
            }
        }
    }
}

/// How many entities of a map the question finds now, as of a minute ago at most; and what went wrong. `None`: it was too much
/// to count.
///
/// # Errors
/// [`Refusal`]
pub(super) async fn counted(
    map: &EntityMap,
    rules: &str,
    asker: &Asker<'_>,
    request: &Request,
) -> Result<(Option<u64>, Vec<Warning>), Refusal> {
    let question = Arc::clone(map.question());
    if Opening::of(&question, ANY_PAGE).candidates.is_some() {
        // Which of them meet conditions on linked entities is found out page by page.
        return Ok((None, uncounted(map)));
    }
    let mut warnings = Vec::new();
    if !map.counts_by(rules_of(&question, asker, request, rules)) {
        let now = Instant::now();
        let mut counting = request.clone();
        counting.call.requests = request.call.requests.again();
        // The rest of the time is for the page.
        counting.call.deadline = now + request.call.deadline.saturating_duration_since(now) * 3 / 4;
        counting.has_part_of_the_time = true;
        match found_again(map, &question, rules, asker, &counting).await {
            // What has not been heard may be what the rules do not show any more.
            Ok(failed) if !unheard(&failed).is_empty() => return Ok((None, failed)),
            Ok(failed) => warnings = failed,
            Err(NoMap::Refused(refusal)) => return Err(refusal),
            Err(_) => return Ok((None, uncounted(map))),
        }
    }
    Ok((u64::try_from(map.left()).ok(), warnings))
}

fn uncounted(map: &EntityMap) -> Vec<Warning> {
    let source = map.state().entries.set(0).first().cloned();
    let missing = Missing::Count;
    source.map(|source| Warning { source, missing }).into_iter().collect()
}

async fn found_again(
    map: &EntityMap,
    question: &Arc<Question>,
    rules: &str,
    asker: &Asker<'_>,
    request: &Request,
) -> Result<Vec<Warning>, NoMap> {
    let listed = listed(question, asker, request).await?;
    let Some(FoundAll { grouped, warnings, .. }) = listed.found else {
        return Err(NoMap::TooLarge { allowed: MOST_IDS });
    };
    // What may be kept by the rules that hold now is all that is.
    let ids = match listed.may_be_kept {
        true => grouped.in_order(None).await.into_iter().map(|one| one.id).collect(),
        false => HashSet::new(),
    };
    let unheard = match listed.may_be_kept {
        true => unheard(&warnings),
        false => HashSet::new(),
    };
    let found_by = rules_of(question, asker, request, rules);
    map.renew(&ids, &unheard, unheard.is_empty().then_some(found_by));
    Ok(warnings)
}

/// The sources that have not been heard.
pub(super) fn unheard(warnings: &[Warning]) -> HashSet<SourceId> {
    let failed = warnings.iter().filter(|one| matches!(one.missing, Missing::Part(_)));
    failed.map(|one| one.source.clone()).collect()
}

/// What a list depends on.
fn rules_of(question: &Arc<Question>, asker: &Asker<'_>, request: &Request, rules: &str) -> ListId {
    let token = request
        .call
        .consumer_token
        .as_ref()
        .and_then(|token| token.to_str().ok());
    let rules = format!("{rules}\n{}", token.unwrap_or_default());
    ListId::of(&without_ids(question), asker.consumer, &rules)
}

/// The list of a question; of one with conditions on linked entities, that of the candidates.
struct ListedNow {
    /// `None`: it was too much, or nothing of it may be kept.
    found: Option<FoundAll>,
    sources: Vec<SourceId>,
    may_be_kept: bool,
}

//= 5.14.4.3-2, 5.14.4.4-3, 5.14.4.4-4, 5.14.4.4-7
async fn listed(question: &Arc<Question>, asker: &Asker<'_>, request: &Request) -> Result<ListedNow, Refusal> {
    let opening = Opening::of(question, ANY_PAGE);
    let asked = opening
        .candidates
        .map_or_else(|| Arc::clone(question), |candidates| Arc::new(*candidates));
    steps::check(&asked, request).await?;
    let plan = plan(&asked, asker, &request.call).await?;
    let classification = asker.policies.classification();
    let may_be_listed = |r#type| {
        classification
            .type_class(r#type)
            .is_some_and(|class| !class.is_guarded())
    };
    let types = plan.sub_queries.iter().flat_map(|one| &one.query.types);
    if !{ types }.all(may_be_listed) {
        return Ok(ListedNow {
            found: None,
            sources: Vec::new(),
            may_be_kept: false,
        });
    }
    let all = AskedSources {
        sub_queries: plan.sub_queries.into_iter().map(Arc::new).collect(),
        overloaded: plan.overloaded,
    };
    let sources = all.sub_queries.iter().map(|one| one.source.id.clone()).collect();
    let found = listing::find_all(&all, &asked, Some(classification), request).await?;
    let may_be_kept = found.as_ref().is_none_or(|found| found.may_be_listed);
    Ok(ListedNow {
        found,
        sources,
        may_be_kept,
    })
}
