//! What is told of the operator's floors, of claims and of partitions.

use super::findings::{after, assert_said};
use super::*;

#[test]
fn what_a_tenant_is_allowed_is_told_where_it_is_no_pattern() {
    assert_said(
        &after(
            "name = \"佐野市\"",
            "name = \"佐野市\"\nallowed = { endpoints = [\"https://*\", \"a.example\"], fiware_services = [\"Sano\"], \
             fiware_servicepaths = [\"park\"], egress_allow = [\"10\"], sources = 0, limits = { burst = 0 }, \
             personal_data = \"no\", same_system_as = [\"nobody\"], endpoint = 1 }",
        ),
        &[
            r#"error: `endpoints` in `allowed` of [tenants.sano]: "https://*" is no pattern of endpoints: write one such as "https://orion.example.jp:1026" or "https://*.example.jp/api""#,
            r#"error: `endpoints` in `allowed` of [tenants.sano]: "a.example" is no pattern of endpoints: write one such as "https://orion.example.jp:1026" or "https://*.example.jp/api""#,
            r#"error: `fiware_services` in `allowed` of [tenants.sano]: "Sano" is no Fiware-Service: write a-z, 0-9 and _, at most 50"#,
            r#"error: `fiware_servicepaths` in `allowed` of [tenants.sano]: "park" is no Fiware-ServicePath: write one to ten paths such as "/#" or "/park/west""#,
            r#"error: `egress_allow`: "10" is no address range: write one such as "10.0.0.0/8" or "192.0.2.1""#,
            "error: `sources` in `allowed` of [tenants.sano] must be from 1 to 4096",
            "= help: 0 would refuse everything; leave the key out for its default",
            "error: `burst` in `limits` of `allowed` of [tenants.sano] must be from 1 to 1000000",
            "= help: 0 would refuse everything; leave the key out for its default",
            r#"error: `personal_data` in `allowed` of [tenants.sano] cannot be "no""#,
            "= help: did you mean `none`?",
            "error: unknown key `endpoint` in `allowed` of [tenants.sano]",
            "= help: did you mean `endpoints`?",
        ],
    );
    assert_said(
        &after(
            "name = \"佐野市\"",
            "name = \"佐野市\"\nallowed = { same_system_as = [\"nobody\"] }",
        ),
        &["warning: `same_system_as` in [tenants.sano.allowed] names `nobody`, which is no source"],
    );
}

/// A source of another tenant, in its own words.
fn of_tochigi(adapter: &str, endpoint: &str, provides: &str) -> String {
    format!(
        "[[tenants.tochigi.sources]]\nid = \"other\"\nadapter = \"{adapter}\"\nendpoint = \"{endpoint}\"\nprovides = [{provides}]"
    )
}

#[test]
fn ids_that_two_tenants_may_hold_need_claims_of_both() {
    let said = |own: &str, others: &str| {
        let others = of_tochigi("ngsi-v2", "http://127.0.0.1:1027", others);
        let text = BASE.replace("provides = [{ type = \"AED\" }]", &format!("provides = [{own}]"));
        Revision::new(&format!("{text}\n{others}\n")).findings()
    };
    let undecided = [
        "warning: `other` of tenant `tochigi` and `sano-orion` of tenant `sano` may hold the same entities of type `AED`, and no claim decides whose attributes win",
        "= help: say which ids are whose: `authoritative = true` with an `id_pattern` such as the municipality's code",
    ];
    let (any, own) = (
        "{ type = \"AED\" }",
        "{ type = \"AED\", id_pattern = \"092045\", authoritative = true }",
    );
    let other = own.replace("092045", "090000");
    let part = "{ type = \"AED\", id_pattern = \"0904\" }";
    let everything = "{ type = \"*\" }";
    for (left, right, is_told) in [
        (any, any, true),
        (any, everything, true),
        (everything, any, true),
        (any, part, true),
        (&format!("{any}, {own}"), any, true),
        (any, &format!("{any}, {other}"), true),
        (&format!("{any}, {own}"), &format!("{any}, {other}"), false),
        (own, any, false),
        (own, everything, false),
        (everything, everything, false),
        ("{ type = \"EvacuationSite\" }", any, false),
        (part, &part.replace("0904", "0905"), false),
    ] {
        let told = said(left, right);
        assert_said(&told, if is_told { &undecided } else { &[] });
    }
}

#[test]
fn partitions_claim_each_for_its_own_tenant() {
    let store = |provides: &str| {
        let store = of_tochigi("store", "sqlite:store/", provides);
        let text = BASE.replace("provides = [{ type = \"AED\" }]", "provides = []");
        Revision::new(&format!("{text}\n{store}\n")).findings()
    };
    let nothing = "warning: source `sano-orion` provides nothing and will never be asked";
    let claim = |partition: &str, pattern: &str| {
        format!("{{ type = \"AED\", id_pattern = \"{pattern}\", authoritative = true, partition = \"{partition}\" }}")
    };
    assert_said(
        &store(&format!("{}, {}", claim("sano", "1"), claim("tochigi", "2"))),
        &[nothing],
    );
    assert_said(
        &store(&format!("{}, {}", claim("sano", "1"), claim("tochigi", "12"))),
        &[
            "error: `other` of tenant `tochigi` and `other` of tenant `sano` both claim to be authoritative for the same entities",
            "= help: give each claim an `id_pattern` that the other cannot match, such as the municipality's code",
            nothing,
        ],
    );
    assert_said(
        &store(&claim("sanno", "1")),
        &[
            "error: `partition` in `provides` of source `other`: the store has no partition `sanno`",
            "= help: did you mean `sano`?",
            nothing,
        ],
    );
    assert_said(
        &after("{ type = \"AED\" }", &claim("sano", "1")),
        &["error: `partition` in `provides` of source `sano-orion` belongs to sources with adapter = \"store\""],
    );
}
