//! Whose a part is: by the claim that says the most of its id and types.

use ngsi_ld::Iri;
use proptest::prelude::*;

use super::super::tests::source_providing;
use super::*;

const VOCABULARY: &str = "https://example.jp/vocab/";

fn type_name(name: &str) -> TypeName {
    TypeName::new(Iri::new(format!("{VOCABULARY}{name}")))
}

fn claim(name: &str, pattern: Option<&str>) -> Provision {
    Provision {
        authoritative: true,
        ..entry(name, pattern)
    }
}

fn entry(name: &str, pattern: Option<&str>) -> Provision {
    Provision {
        r#type: (name != "*").then(|| type_name(name)),
        ids: pattern.map(|pattern| IdPattern::parse(pattern).unwrap()).into(),
        ..Provision::of_type(type_name(name))
    }
}

fn entity(id: &str, types: &[&str]) -> Entity {
    let mut entity = Entity::new(EntityId::parse(id).unwrap(), type_name(types[0]));
    entity.types = types.iter().map(|name| type_name(name)).collect();
    entity
}

/// Whose that is of an entity which a source of `yaita` sends, that provides this, beside Sano's claims.
fn of_yaita(own: Vec<Provision>, id: &str, types: &[&str]) -> Standing {
    let sano = vec![
        claim("Site", Some("E09204")),
        claim("AED", Some("^urn:ngsi-ld:AED:09204")),
    ];
    let sources = [source_providing("sano", sano), source_providing("yaita", own)];
    ClaimedIds::of(&sources).standing(&entity(id, types), &sources[1])
}

#[test]
fn a_claim_covers_its_ids_whatever_type_they_are_said_to_be_of() {
    use Standing::{Addition, Free, Owner};
    let any = || vec![entry("*", None)];
    for (id, types, expected) in [
        ("urn:ngsi-ld:Site:E09204-1", &["Site"][..], Addition),
        // Asked under another type: the id says whose it is.
        ("urn:ngsi-ld:Site:E09204-1", &["AED"], Addition),
        ("urn:ngsi-ld:Site:E09204-1", &["Unheard"], Addition),
        ("urn:ngsi-ld:Site:E09204-1", &["Unheard", "Site"], Addition),
        // Under the claimed type, whatever the id names.
        ("urn:ngsi-ld:Other:E09204-1", &["Site"], Addition),
        ("https://sano.jp/E09204/1", &["Site"], Addition),
        // An id that names no type is its pattern's.
        ("https://sano.jp/E09204/1", &["AED"], Addition),
        ("urn:ngsi-ld:MadeUp:E09204-1", &["AED"], Addition),
        // What lies in the namespace of another type is no site of Sano's.
        ("urn:ngsi-ld:AED:E09204-1", &["AED"], Free),
        ("urn:ngsi-ld:Alert:E09204-1", &["Alert"], Free),
        ("urn:ngsi-ld:AED:09204-1", &["AED"], Addition),
        ("urn:ngsi-ld:Site:E09211-1", &["Site"], Free),
        ("https://sano.jp/E09211/1", &["Alert"], Free),
    ] {
        assert_eq!(of_yaita(any(), id, types), expected, "{id} {types:?}");
    }
    // A claim to all ids of one type is none to those of another's namespace.
    let all_aeds = || vec![entry("*", None), claim("AED", None)];
    assert_eq!(of_yaita(all_aeds(), "urn:ngsi-ld:Site:E09204-1", &["AED"]), Addition);
    assert_eq!(of_yaita(all_aeds(), "urn:ngsi-ld:AED:E09204-1", &["AED"]), Owner);
    assert_eq!(
        of_yaita(all_aeds(), "urn:ngsi-ld:AED:E09204-1", &["AED", "Site"]),
        Owner
    );
    let everything = vec![claim("*", Some("E09211"))];
    assert_eq!(of_yaita(everything, "urn:ngsi-ld:Site:E09211-1", &["Site"]), Owner);
}

#[test]
fn a_tenants_other_source_may_stand_alone() {
    let sources = [
        source_providing("sano", vec![claim("Site", Some("E09204"))]),
        source_providing("sano", vec![entry("Site", None)]),
    ];
    let claimed = ClaimedIds::of(&sources);
    let site = entity("urn:ngsi-ld:Site:E09204-1", &["Site"]);
    assert_eq!(claimed.standing(&site, &sources[0]), Standing::Owner);
    assert_eq!(claimed.standing(&site, &sources[1]), Standing::Free);
    assert_eq!(ClaimedIds::default().standing(&site, &sources[0]), Standing::Free);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Whatever a tenant without a claim says of an id that another tenant holds by its claim: it is an addition.
    #[test]
    fn no_words_of_another_tenant_make_a_claimed_id_its_own(
        claimed_type in prop::sample::select(vec!["Site", "AED"]),
        namespace in prop::sample::select(vec!["urn:ngsi-ld:Site:", "urn:ngsi-ld:AED:", "urn:x:", "https://sano.jp/"]),
        types in prop::sample::subsequence(vec!["Site", "AED", "Unheard"], 1..=3),
        has_pattern: bool,
        others in prop::collection::vec((prop::sample::select(vec!["Site", "AED"]), 1u32..9), 0..6),
    ) {
        let id = format!("{namespace}E09204-1");
        let mut sources = vec![source_providing("sano", vec![claim(claimed_type, has_pattern.then_some("E09204"))])];
        for (number, (name, city)) in others.iter().enumerate() {
            let pattern = format!("E0921{city}");
            sources.push(source_providing(&format!("city{number}"), vec![claim(name, Some(&pattern))]));
        }
        sources.push(source_providing("yaita", vec![entry("*", None)]));
        let registered = ClaimedIds::of(&sources);
        let own = entity(&id, &[claimed_type]);
        // What the owner holds as its own ...
        prop_assume!(registered.standing(&own, &sources[0]) == Standing::Owner);
        let is_known = |name: &&str| {
            namespace == format!("urn:ngsi-ld:{name}:")
                && (*name == claimed_type || types.contains(name) || others.iter().any(|(other, _)| other == name))
        };
        let named = ["Site", "AED"].into_iter().find(is_known);
        let standing = registered.standing(&entity(&id, &types), sources.last().unwrap());
        // ... is nobody else's, unless neither its types nor what its id names is what is claimed.
        let is_claimed = types.contains(&claimed_type) || named.map_or(has_pattern, |named| named == claimed_type);
        prop_assert_eq!(standing == Standing::Addition, is_claimed, "{} {:?}", id, types);
    }
}
