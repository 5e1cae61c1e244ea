//! `hold`: where it is refused, and what of a source it keeps.

use super::findings::{after, assert_said};
use super::*;

#[test]
fn a_hold_that_could_have_no_effect_is_refused_with_what_would_be_right() {
    let held = |more: &str| after("\"ngsi-v2\"", &format!("\"ngsi-v2\"\nhold = {more}"));
    assert_said(
        &held("\"500ms\""),
        &[
            "error: `hold` in source `sano-orion` is too short: the source is read whole each time",
            "= help: write one second at least, such as `hold = \"60s\"`",
        ],
    );
    assert_said(
        &held("\"2d\""),
        &[
            "error: `hold` in source `sano-orion`: \"2d\" is no time span: write a whole number and ms, s, m or h, such as \"3s\"",
        ],
    );
    assert_said(
        &held("\"60s\"\ncredential = { pass_through = true }"),
        &[
            "error: `hold` in source `sano-orion` cannot be kept: the source is shown each consumer's own token, and may answer \
             each otherwise",
            "= help: leave it out, or give the gateway a credential of its own",
        ],
    );
    assert_said(
        &held("\"60s\"\npersonal_data = \"none\""),
        &[
            "error: `hold` in source `sano-orion` cannot be kept: with personal_data = \"none\" names that nobody has classified \
             are shown, and which of them this source has is not known before",
            "= help: classify what it has in classification.toml and write personal_data = \"present\", or leave `hold` out",
        ],
    );
    for nothing_open in ["Resident", "*"] {
        let provides = format!("hold = \"60s\"\nprovides = [{{ type = \"{nothing_open}\" }}]");
        assert_said(
            &after("provides = [{ type = \"AED\" }]", &provides),
            &[
                "error: `hold` in source `sano-orion` keeps nothing: no type that the source provides by its name is open and has \
                 an open attribute",
                "= help: only what is classed open in classification.toml is kept: leave it out, or class what is open",
            ],
        );
    }
    let store = "[[tenants.sano.sources]]\nid = \"sano-store\"\nadapter = \"store\"\nendpoint = \"sqlite:store/\"\n\
                 partitions = [\"sano\"]\nhold = \"60s\"\nprovides = [{ type = \"AED\" }]\n\n[consumers.app]";
    assert_said(
        &after("[consumers.app]", store),
        &[
            "error: the store `sano-store` belongs to tenant `sano`, which is not the operator",
            "= help: the store is the operator's: move it to its tenant",
            "error: `hold` in source `sano-store` has no effect: it is read on this machine, as fast as memory would be",
            "= help: leave it out",
        ],
    );
}

#[test]
fn what_is_kept_is_what_is_open_by_name() {
    let provides = "hold = \"90s\"\nprovides = [{ type = \"AED\" }, { type = \"AED\", id_pattern = \"x\" }, { type = \"Resident\" }]";
    let revision = Revision::new(&BASE.replace("provides = [{ type = \"AED\" }]", provides));
    let config = revision.load().unwrap();
    let source = config.source(&SourceId::new("sano-orion")).unwrap();
    let hold = source.hold.as_ref().unwrap();
    let [aed] = hold.holding.types() else {
        panic!("{hold:?}");
    };
    assert_eq!(aed.name, expand_type("AED").unwrap());
    let open = config.policy.classification().open_attributes(&aed.name).unwrap();
    assert_eq!(&*aed.attributes, open);
    assert!(open.contains(&expand_attribute("name").unwrap()));
    let told = hold.to_string();
    assert!(told.starts_with("keeps for 90s: AED (as far as it has them "), "{told}");
    assert!(told.ends_with("; not Resident (personal)"), "{told}");
}

#[test]
fn of_a_mapping_it_is_told_what_is_not_kept() {
    let mapping = "[types.AED]\npath = \"/aed\"\nrecords = \"$[*]\"\nid = \"urn:ngsi-ld:AED:{no}\"\n\n\
                   [types.AED.attributes]\nname = \"na\"\nzzUnheard = \"zz\"\nmanagerName = \"kanrisha\"\n";
    let rest = "adapter = \"rest\"\nmapping = \"m.toml\"\nhold = \"1h\"\npersonal_data = \"none\"";
    let revision = Revision::new(&BASE.replace("adapter = \"ngsi-v2\"", rest));
    revision.write("m.toml", mapping);
    let config = revision.load().unwrap_or_else(|findings| panic!("{findings}"));
    let source = config.source(&SourceId::new("sano-orion")).unwrap();
    assert_eq!(
        source.hold.as_ref().unwrap().to_string(),
        "keeps for 1h: AED (1 of 3 attributes); not zzUnheard of AED (unclassified), managerName of AED (personal)"
    );
}
