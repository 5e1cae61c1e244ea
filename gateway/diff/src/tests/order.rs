//! The order of sources, of tenants and of partitions.

use kakehashi_core::names::TenantId;

use super::super::compare;
use super::{POLICY, files, loaded};

#[test]
fn the_order_of_sources_is_told_where_it_may_decide() {
    const ORDER: &str = "the order of sources has changed: where nothing else decides between two, the first wins";
    let source = |id: &str, pattern: &str| {
        format!(
            "[[tenants.{}.sources]]\nid = \"{id}\"\nadapter = \"ngsi-v2\"\nendpoint = \"http://127.0.0.1:1026\"\n\
             fiware_service = \"{}\"\npersonal_data = \"none\"\nprovides = [{{ type = \"AED\"{pattern} }}]\n",
            id.split('-').next().unwrap(),
            id.replace('-', "_")
        )
    };
    let tenant = |name: &str, sources: &str| format!("[tenants.{name}]\n{sources}");
    let written = |tenants: &[String]| {
        let mut files = files(POLICY);
        files.insert("tenants.toml", tenants.concat());
        files
    };
    let told = |before: &[String], after: &[String], only: Option<&str>| {
        let only = only.map(TenantId::new);
        let difference = compare(&loaded(&written(before)), &loaded(&written(after)), only.as_ref());
        assert!(difference.changes.is_empty(), "{difference}");
        let lines = difference.otherwise;
        assert!(
            lines.iter().all(|line| *line == format!("tenants.toml: {ORDER}")),
            "{lines:?}"
        );
        assert!(lines.len() <= 1, "{lines:?}");
        !lines.is_empty()
    };
    let sano = tenant("sano", &source("sano-a", ""));
    let nasu = tenant("nasu", &source("nasu-a", ""));
    // Its ids are its own.
    let yaita = tenant("yaita", &source("yaita-a", ", id_pattern = \"^urn:y:\""));
    let mashiko = tenant("mashiko", &source("mashiko-a", ", id_pattern = \"^urn:m:\""));
    let all = [sano.clone(), nasu.clone(), yaita.clone(), mashiko.clone()];
    let swapped = [nasu, sano, yaita.clone(), mashiko.clone()];
    assert!(told(&all, &swapped, None));
    assert!(told(&all, &swapped, Some("sano")) && told(&all, &swapped, Some("nasu")));
    assert!(!told(&all, &swapped, Some("yaita")), "nothing of its own changes");
    assert!(!told(&all, &all, None));
    let others = [all[0].clone(), all[1].clone(), mashiko, yaita];
    assert!(!told(&all, &others, None), "no id is of both");
    // Within a tenant.
    let two = |one: &str, other: &str| [tenant("sano", &(source(one, "") + &source(other, "")))];
    assert!(told(&two("sano-a", "sano-b"), &two("sano-b", "sano-a"), None));
    // A source of another type may hold the same entity.
    let trace = source("sano-b", "").replace("AED", "Trace");
    let with = |first: &str, then: &str| [tenant("sano", &format!("{first}{then}"))];
    let aed = source("sano-a", "");
    assert!(told(&with(&aed, &trace), &with(&trace, &aed), None));
    // The partitions of a store.
    let store = |partitions: &str| {
        let store = format!(
            "[[tenants.sano.sources]]\nid = \"s\"\nadapter = \"store\"\nendpoint = \"sqlite:store/\"\npartitions = [{partitions}]\n\
             personal_data = \"none\"\nprovides = [{{ type = \"AED\" }}]\n"
        );
        [
            "[tenants.nasu]\n".to_owned(),
            "[tenants.sano]\nrole = \"operator\"\n".to_owned() + &store,
        ]
    };
    assert!(told(&store("\"sano\", \"nasu\""), &store("\"nasu\", \"sano\""), None));
}
