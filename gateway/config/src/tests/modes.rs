//! How a source stands to the others of its tenant, and what is told where that contradicts itself.

use super::findings::assert_said;
use super::*;
use kakehashi_core::mode::Mode;

const EXCLUSIVE: &str =
    "mode = \"exclusive\"\nprovides = [{ type = \"AED\", id = \"urn:ngsi-ld:AED:1\", attributes = [\"name\"] }]";

/// The source with these lines in the place of what it provides.
fn providing(lines: &str) -> String {
    BASE.replacen("provides = [{ type = \"AED\" }]", lines, 1)
}

/// What is said of the source with these lines in the place of what it provides.
fn said(lines: &str) -> String {
    Revision::new(&providing(lines)).findings()
}

/// The same beside another source of the tenant.
fn beside(lines: &str, other: &str) -> String {
    let other = format!(
        "\n[[tenants.sano.sources]]\nid = \"other\"\nadapter = \"ngsi-v2\"\nendpoint = \"http://127.0.0.1:1027\"\n{other}\n"
    );
    Revision::new(&format!("{}{other}", providing(lines))).findings()
}

#[test]
fn a_source_is_read_with_its_mode_its_one_entity_and_its_attributes() {
    let revision = Revision::new(&providing(EXCLUSIVE));
    let config = revision.load_in(&environment(&[])).unwrap();
    let source = config.sources().next().unwrap();
    assert_eq!(source.mode, Mode::Exclusive);
    let entry = &source.provides[0];
    assert_eq!(entry.id.as_ref().unwrap().as_str(), "urn:ngsi-ld:AED:1");
    assert_eq!(entry.attributes, Some(vec![expand_attribute("name").unwrap()]));
    for mode in ["inclusive", "redirect", "auxiliary"] {
        assert_said(
            &said(&format!("mode = \"{mode}\"\nprovides = [{{ type = \"AED\" }}]")),
            &[],
        );
    }
}

//= 4.3.6.3-1
#[test]
fn what_a_mode_does_not_allow_is_told_with_what_would_be_right() {
    assert_said(
        &said("mode = \"exclusive\"\nprovides = [{ type = \"AED\" }]"),
        &[
            "error: `mode = \"exclusive\"` in source `sano-orion` is for attributes of single entities: each entry of `provides` needs `id` and `attributes`",
            "= help: write them, or mode = \"redirect\", which may be said of whole types",
        ],
    );
    assert_said(
        &said("mode = \"auxiliary\"\nwritable = true\nprovides = [{ type = \"AED\" }]"),
        &[
            "error: `mode = \"auxiliary\"` in source `sano-orion` does not go with `writable = true`: it is only asked, for what no other has",
            "= help: take one of the two out",
        ],
    );
    assert_said(
        &said("provides = [{ type = \"AED\", id = \"urn:a:1\", id_pattern = \"1\" }]"),
        &[
            "error: `id` and `id_pattern` in `provides` of source `sano-orion` do not go together",
            "= help: take one of the two out; a claim to one entity is an `id_pattern` such as `^urn:ngsi-ld:AED:1$`",
        ],
    );
    assert_said(
        &said("provides = [{ type = \"AED\", attributes = [\"nmae\"] }]"),
        &[
            "error: unknown attribute `nmae` in `provides` of source `sano-orion`",
            "= help: add it to classification.toml, or write an IRI",
        ],
    );
    assert_said(
        &said("provides = [{ type = \"AED\", attributes = [] }]"),
        &[
            "error: `attributes` in `provides` of source `sano-orion` is empty: nothing would be believed of it",
            "= help: name attributes, or take the key out where the source may be believed all",
        ],
    );
}

//= 4.3.6.3-1
#[test]
fn two_proxied_sources_of_a_tenant_do_not_meet_where_one_is_exclusive() {
    let told = [
        "error: `sano-orion` and `other` of tenant `sano` are both said to be the only place of `name` of urn:ngsi-ld:AED:1",
        "= help: let one of them provide other attributes, or other ids",
    ];
    for other in [EXCLUSIVE, "mode = \"redirect\"\nprovides = [{ type = \"*\" }]"] {
        assert_said(&beside(EXCLUSIVE, other), &told);
    }
    let others = EXCLUSIVE.replace("name", "location");
    let elsewhere = EXCLUSIVE.replace("AED:1", "AED:2");
    for other in [&*others, &*elsewhere, "provides = [{ type = \"AED\" }]"] {
        assert_said(&beside(EXCLUSIVE, other), &[]);
    }
    let redirect = "mode = \"redirect\"\nprovides = [{ type = \"AED\" }]";
    assert_said(&beside(redirect, redirect), &[]);
}

#[test]
fn a_store_has_no_mode_and_what_is_written_to_it_and_elsewhere_as_well_is_told() {
    let store = |more: &str| {
        format!(
            "\n[[tenants.tochigi.sources]]\nid = \"store\"\nadapter = \"store\"\nendpoint = \"sqlite:s\"\n\
             partitions = [\"sano\"]\nwritable = true\nprovides = [{{ type = \"AED\" }}]\n{more}\n"
        )
    };
    assert_said(
        &Revision::new(&format!("{BASE}{}", store("mode = \"redirect\""))).findings(),
        &[
            "error: `mode` in source `store` has no meaning: a store is where the gateway itself keeps what no other source alone holds",
            "= help: take it out here, and say of the other source what it is to the store",
        ],
    );
    let written = |mode: &str| {
        let lines = format!("writable = true\nmode = \"{mode}\"\nprovides = [{{ type = \"AED\" }}]");
        Revision::new(&format!("{}{}", providing(&lines), store(""))).findings()
    };
    let twice = written("inclusive");
    assert!(
        twice.contains("warning: what tenant `sano` writes of type `AED` goes to `sano-orion` and to `store` as well")
            && twice.contains("mode = \"redirect\""),
        "{twice}"
    );
    assert!(!written("redirect").contains("as well"));
}
