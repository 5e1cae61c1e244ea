//! What refuses a folder of policies.

use kakehashi_core::consumer::AssuranceLevels;
use kakehashi_core::names::TenantId;

use super::*;

#[test]
fn only_the_owner_permits_and_both_are_named() {
    let foreign = r#"permit(principal, action, resource in Tenant::"yaita");"#;
    let said = refusal(&[("sano.cedar", foreign)]);
    assert!(
        said.contains("the file of tenant `sano` permits access to the data of tenant `yaita`"),
        "{said}"
    );
    let by_type = r#"permit(principal, action, resource == EntityType::"yaita/AED");"#;
    assert!(refusal(&[("sano.cedar", by_type)]).contains("data of tenant `yaita`"));
    let everybody = "permit(principal, action, resource);";
    assert!(refusal(&[("sano.cedar", everybody)]).contains("data of every tenant"));
    let said = refusal(&[(
        "platform.cedar",
        r#"permit(principal, action, resource in Tenant::"sano");"#,
    )]);
    assert!(
        said.contains("platform.cedar, the operator's file, permits access to the data of tenant `sano`"),
        "{said}"
    );
}

#[test]
fn a_wrong_policy_is_told_with_its_place() {
    let cases = [
        (
            "permit(principal, action, resource in Tenant::\"sano\")\nwhen { resource.clas == Class::\"open\" };",
            "attribute `clas`",
        ),
        (
            "permit(principal, action == Action::\"queryEntities\", resource in Tenant::\"sano\");",
            "queryEntities",
        ),
        (
            "permit(principal, action, resource in Tenant::\"sano\") when { resource.class == Class::\"opne\" };",
            "opne",
        ),
        ("permit(principal action, resource);", "sano.cedar:2:18"),
        (
            "permit(principal action, resource);",
            "help: there is no comma before it",
        ),
        (
            "permit(principal, action, resource in Tenant::\"sano\")\n\npermit (principal, action, resource);",
            "help: the policy before this one has no `;` at its end",
        ),
        (
            "@attributes(\"name\")\n@scope(\"no scope\")\npermit(principal, action, resource in Tenant::\"sano\");",
            "sano.cedar:3:1\n  |\n3 | @scope(\"no scope\")\n  | ^^^^^^\n",
        ),
        (
            "@area(\"{\\\"type\\\":\\\"Polygon\\\",\\\"coordinates\\\":[[[36.1,139.5],[36.2,139.5],[36.2,139.6],[36.1,139.5]]]}\")\n\
             permit(principal, action, resource in Tenant::\"sano\");",
            "longitude first: are they swapped?",
        ),
        (
            "forbid(principal, action, resource in Tenant::\"sanoo\");",
            "did you mean `sano`?",
        ),
        (
            "@q(\"a==1\")\npermit(principal, action, resource in Tenant::\"sano\");",
            "@q looks at `a`, which has no class",
        ),
        (
            "@atributes(\"a\")\npermit(principal, action, resource in Tenant::\"sano\");",
            "did you mean `attributes`?",
        ),
        (
            "@attributes(\"a,,b\")\npermit(principal, action, resource in Tenant::\"sano\");",
            "names no attribute",
        ),
        (
            "@attributes(\"a\")\nforbid(principal, action, resource);",
            "a forbid has no annotations",
        ),
    ];
    for (policy, expected) in cases {
        let said = refusal(&[("sano.cedar", &format!("// first line\n{policy}"))]);
        assert!(said.contains(expected), "{policy}\n{said}");
        assert!(
            ["2:", "3:", "4:"]
                .iter()
                .any(|line| said.contains(&format!("sano.cedar:{line}"))),
            "{policy}\n{said}"
        );
    }
    let said = refusal(&[("nobody.cedar", "")]);
    assert!(said.contains("nobody.cedar is the policy file of no tenant"), "{said}");
}

#[test]
fn a_classification_that_contradicts_itself_takes_the_stricter_class_and_a_wrong_one_is_refused() {
    let text = "[attributes]\nopen = [\"name\"]\n[types.AED]\nclass = \"opne\"\ngroups = [\"hed\"]\n[groups.head]\nopen = [\"na*\"]";
    let said = refusal(&[("classification.toml", text)]);
    for expected in [
        "cannot be open in every type",
        "did you mean `open`?",
        "did you mean `head`?",
        "the pattern `na*` cannot be open",
    ] {
        assert!(said.contains(expected), "{expected}\n{said}");
    }
    let twice = "[types.AED]\nclass = \"open\"\n[types.AED.attributes]\nopen = [\"name\"]\npersonal = [\"name\"]";
    let config = load(&[("classification.toml", twice), ("sano.cedar", READ_ALL)]).unwrap();
    assert!(!grant(&config, "AED", PersonalData::None).includes(&attribute("name")));
}

#[test]
fn a_policy_on_what_no_request_tells_is_refused() {
    let schema = std::fs::read_to_string(repository().join("policies/schema.cedarschema")).unwrap();
    let with_consent = schema.replace("  purpose?: String,", "  purpose?: String,\n  consent?: String,");
    let policy = "forbid(principal, action, resource) when { context has consent };";
    let said = refusal(&[("schema.cedarschema", &with_consent), ("sano.cedar", policy)]);
    assert!(said.contains("conditions on `context` are not supported"), "{said}");
}

#[test]
fn a_policy_may_ask_how_surely_a_consumer_was_identified() {
    let policy = "permit(principal, action, resource in Tenant::\"sano\") \
                  when { context has assurance && context.assurance == \"aal2\" };";
    let config = load(&[("sano.cedar", policy)]).unwrap();
    let plain = consumer(&config, "app");
    let granted = |consumer: &Consumer| {
        let tenant = TenantId::new("sano");
        let grant = config.policy.grant(
            consumer,
            Operation::QueryEntity,
            &tenant,
            &type_name("AED"),
            PersonalData::None,
        );
        !grant.is_empty()
    };
    // What is decided for one token holds for no other, whichever was decided first.
    for _ in 0..2 {
        assert!(!granted(plain));
        assert!(granted(&plain.with_token(
            &[],
            Some(&"aal2".into()),
            AssuranceLevels::default()
        )));
        assert!(!granted(&plain.with_token(
            &[],
            Some(&"aal1".into()),
            AssuranceLevels::default()
        )));
    }
    let without = "permit(principal, action, resource in Tenant::\"sano\") when { context.assurance == \"aal2\" };";
    assert!(
        refusal(&[("sano.cedar", without)]).contains("assurance"),
        "it may be absent"
    );
    let schema = std::fs::read_to_string(repository().join("policies/schema.cedarschema")).unwrap();
    for name in ["assurance", "ial", "aal", "purpose"] {
        let kind = if name.ends_with("al") { "Long" } else { "String" };
        let earlier = schema.replace(&format!("  {name}?: {kind},"), "");
        let said = refusal(&[("schema.cedarschema", &earlier)]);
        assert!(
            said.contains("does not declare `context.assurance`, `context.ial`"),
            "{said}"
        );
    }
}

#[test]
fn a_schema_without_an_operation_is_refused() {
    let schema = std::fs::read_to_string(repository().join("policies/schema.cedarschema")).unwrap();
    let said = refusal(&[("schema.cedarschema", &schema.replace("queryEntity, ", ""))]);
    assert!(said.contains("does not declare the action \"queryEntity\""), "{said}");
}

#[test]
fn a_type_that_is_classified_twice_is_refused() {
    let text = format!("{CLASSIFICATION}\n[types.Person]\nclass = \"open\"\naliases = [\"住民\"]\n");
    let said = refusal(&[("classification.toml", &text)]);
    assert!(said.contains("the type `住民` is classified twice"), "{said}");
}

#[test]
fn no_number_of_warnings_hides_an_error() {
    let warned: String = (0..150)
        .map(|number| {
            format!("permit(principal in Role::\"nobody-{number}\", action, resource in Tenant::\"sano\");\n")
        })
        .collect();
    let wrong = r#"forbid(principal, action, resource in Tenant::"sanoo");"#;
    let said = refusal(&[("sano.cedar", &warned), ("yaita.cedar", wrong)]);
    assert!(said.starts_with("error: unknown tenant `sanoo`"), "{said}");
    assert!(
        said.contains("... and ") && said.matches("warning: ").count() == 99,
        "{said}"
    );
}

/// A forbid would forbid nothing.
#[test]
fn a_type_that_nobody_knows_is_a_warning() {
    let said = |name: &str| {
        let policy = format!("forbid(principal, action, resource == EntityType::\"sano/{name}\");");
        load(&[("sano.cedar", &policy)]).unwrap().warnings.to_string()
    };
    let told = said("AEDs");
    assert!(
        told.contains("nobody knows the type `AEDs`") && told.contains("did you mean `AED`?"),
        "{told}"
    );
    assert!(said("Unheard").contains("classification.toml"));
    for known in ["AED", "https://example.org/vocab/Unheard"] {
        assert!(!said(known).contains("nobody knows"), "{known}");
    }
}

/// A forbid would never forbid, and nothing would tell.
#[test]
fn a_type_by_another_name_than_policies_know_it_by_is_refused() {
    for (name, called) in [
        ("https://kakehashi.example.jp/vocab/AED", "AED"),
        ("https://kakehashi.example.jp/vocab/EvacuationSite", "EvacuationSite"),
        ("除細動器", "AED"),
        ("住民", "Resident"),
    ] {
        for (head, effect) in [("resource == ", "forbid"), ("resource in ", "permit")] {
            let policy = format!("{effect}(principal, action, {head}EntityType::\"sano/{name}\");");
            let said = refusal(&[("sano.cedar", &policy)]);
            let expected = format!("policies know the type `{name}` as `{called}`");
            assert!(said.contains(&expected), "{said}");
            assert!(
                said.contains(&format!("write EntityType::\"<tenant>/{called}\"")),
                "{said}"
            );
        }
    }
}
