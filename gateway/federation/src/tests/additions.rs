//! Ids that another tenant has claimed: what a source says of them stands with the owner, or is left out and told.

use ngsi_ld::query::IdPattern;

use super::left_out::{Flawed, everything, told};
use super::*;

/// Ids that name no type, of which the owner's begin so.
const CLAIMED: &str = "urn:owner:";

fn with_id(number: usize, is_claimed: bool) -> Entity {
    let mut entity = part(u8::try_from(number).unwrap(), &[("height", 1)]);
    let beginning = if is_claimed { CLAIMED } else { "urn:free:" };
    entity.id = EntityId::parse(&format!("{beginning}{number:03}")).unwrap();
    entity
}

/// A source that decides everything itself and repeats some of the ids of an owner that is never asked for its type.
fn spoofing(claimed: &[bool]) -> (Registry, Vec<Entity>) {
    let all: Vec<Entity> = claimed
        .iter()
        .enumerate()
        .map(|(number, is_claimed)| with_id(number, *is_claimed))
        .collect();
    let id = SourceId::new("spoofing");
    let entry = |name: TypeName, pattern: Option<&str>| Provision {
        r#type: Some(name),
        ids: pattern.map(|pattern| IdPattern::parse(pattern).unwrap()).into(),
        attributes: AttributeSelection::All,
        authoritative: pattern.is_some(),
    };
    let site = kakehashi_documents::vocabulary::expand_type("EvacuationSite").unwrap();
    let sources = vec![
        source_providing("nasushiobara", vec![entry(site, Some("^urn:owner:"))]),
        RegisteredSource {
            id: id.clone(),
            adapter: Arc::new(Flawed {
                id,
                held: all.iter().cloned().map(Yielded::from).collect(),
                total: None,
            }),
            ..source_providing("sano", vec![entry(aed(), None)])
        },
    ];
    (Registry::new(sources), all)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// The only source that is asked decides pages and counts, and is believed nothing that another tenant speaks for.
    #[test]
    fn the_only_source_that_is_asked_shows_nothing_of_others(
        claimed in prop::collection::vec(prop::bool::weighted(0.3), 0..12), limit in 1usize..5,
    ) {
        let (registry, all) = spoofing(&claimed);
        let (mut shown, mut offset, mut was_told) = (Vec::new(), 0, 0);
        loop {
            let page = BENCH.ask(&registry, &everything(), Page { limit, offset });
            was_told = was_told.max(told(&page));
            shown.extend(page.entities);
            offset += limit;
            if !page.more {
                break;
            }
        }
        let own: Vec<Entity> = all.into_iter().filter(|entity| !entity.id.as_str().starts_with(CLAIMED)).collect();
        let left_out = claimed.iter().filter(|claimed| **claimed).count() as u64;
        prop_assert_eq!(was_told, left_out);
        let counted = BENCH.ask(&registry, &everything(), Page { limit: 0, offset: 0 });
        prop_assert_eq!(counted.count, Some(own.len() as u64));
        prop_assert_eq!(shown, own);
        // Whoever asks the tenant is told what it has.
        let of_tenant = Question { tenant: Some(TenantId::new("sano")), ..everything() };
        let answer = BENCH.ask(&registry, &of_tenant, Page { limit: 1000, offset: 0 });
        prop_assert_eq!(answer.entities.len(), claimed.len());
    }

    /// Whatever the others hold: when the owner fails, nothing stands in its place.
    #[test]
    fn an_owner_that_fails_is_replaced_by_nobody(
        sources in generated_sources(), owner in 0usize..3, filter in prop::sample::select(&FILTERS[..]), split: bool,
    ) {
        let registry = registry(&sources, owner, Some(owner));
        let answer = BENCH.ask(&registry, &question(filter, split), Page { limit: 1000, offset: 0 });
        prop_assert_eq!((answer.entities.len(), answer.count), (0, Some(0)));
        let failed = Warning {
            source: SourceId::new(format!("source-{owner}")),
            missing: Missing::Part(ErrorKind::Unreachable.into()),
        };
        prop_assert!(answer.warnings.contains(&failed));
    }
}

#[test]
fn the_one_that_is_asked_for_by_its_id_is_missing_with_a_warning() {
    let (registry, all) = spoofing(&[true]);
    let mut question = everything();
    question.query.ids = vec![all[0].id.clone()];
    let (asker, request) = (BENCH.asker(&registry), BENCH.request());
    let asking = retrieve::retrieve(&question, &asker, &request, |_| ());
    let answer = BENCH.runtime.block_on(asking).unwrap();
    assert_eq!(answer.entity, None);
    assert_eq!(answer.warnings[0].missing, Missing::OwnerMissing(1));
}
