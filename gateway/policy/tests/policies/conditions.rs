//! Permits that cover some entities of a type, or some requests, and not others.

use kakehashi_core::consumer::AssuranceLevels;
use ngsi_ld::entity::{DateTime, Geometry, ObjectTypes};
use ngsi_ld::query::Expression;

use super::*;

/// A square around Yaita.
const AREA: &str =
    r#"{"type":"Polygon","coordinates":[[[139.8,36.7],[140.0,36.7],[140.0,36.9],[139.8,36.9],[139.8,36.7]]]}"#;

fn at(longitude: f64, latitude: f64) -> Instance {
    let point = Geometry::point(longitude, latitude).unwrap();
    Instance::new(AttributeValue::GeoProperty(Box::new(point)))
}

fn text(value: &str) -> Instance {
    Instance::new(AttributeValue::Property(value.into()))
}

/// An AED with these attributes.
fn aed(attributes: &[(&str, Instance)]) -> Entity {
    let mut aed = entity(&["AED"], &[]);
    for (name, instance) in attributes {
        aed.attributes.push(Attribute::new(attribute(name), instance.clone()));
    }
    aed
}

fn whole(remarks: &str, place: Instance) -> Entity {
    aed(&[
        ("name", text("市民会館")),
        ("remarks", text(remarks)),
        ("location", place),
        ("accuracy", text("5 m")),
    ])
}

fn shown(grant: &TypeGrant, entity: &Entity) -> Option<Vec<AttributeName>> {
    let shown = grant.project(entity.clone())?;
    Some(names(&shown).into_iter().cloned().collect())
}

fn attributes(names: &[&str]) -> Option<Vec<AttributeName>> {
    Some(names.iter().map(|name| attribute(name)).collect())
}

fn filter(text: &str) -> Option<Expression> {
    Some(Expression::parse(text, ngsi_ld::context::Context::kakehashi()).unwrap())
}

#[test]
fn each_permit_applies_to_an_entity_on_its_own() {
    let config = load(&[
        ("yaita.geojson", AREA),
        (
            "sano.cedar",
            r#"
@attributes("name,accuracy") @q("remarks==\"open\"")
permit(principal, action, resource == EntityType::"sano/AED");
@attributes("name,location") @area("yaita.geojson")
permit(principal, action, resource == EntityType::"sano/AED");
"#,
        ),
    ])
    .unwrap();
    let grant = grant(&config, "AED", PersonalData::None);
    let (inside, outside) = (at(139.9, 36.8), at(139.0, 36.8));
    let both = shown(&grant, &whole("open", inside.clone()));
    assert_eq!(both, attributes(&["name", "location", "accuracy"]));
    // What the one permit grants in its area is not granted in what the other covers.
    assert_eq!(
        shown(&grant, &whole("open", outside.clone())),
        attributes(&["name", "accuracy"])
    );
    assert_eq!(
        shown(&grant, &whole("closed", inside)),
        attributes(&["name", "location"])
    );
    assert_eq!(shown(&grant, &whole("closed", outside)), None);
    let said: Vec<_> = grant.permits().iter().map(|permit| &permit.conditions).collect();
    assert_eq!(said[0].q.as_ref().unwrap().text.as_ref(), "remarks==\"open\"");
    assert_eq!(said[1].area.as_ref().unwrap().text.as_ref(), "yaita.geojson");
}

#[test]
fn a_permit_may_cover_entities_with_some_ids() {
    let config = sano(
        r#"@ids("urn:ngsi-ld:AED:yaita:*, https://a.jp/1") permit(principal, action, resource == EntityType::"sano/AED");"#,
    );
    let grant = grant(&config, "AED", PersonalData::None);
    for (id, covered) in [
        ("urn:ngsi-ld:AED:yaita:7", true),
        ("https://a.jp/1", true),
        ("https://a.jp/12", false),
        ("urn:ngsi-ld:AED:sano:7", false),
        ("URN:ngsi-ld:AED:yaita:7", false),
    ] {
        let mut aed = aed(&[("name", text("市民会館"))]);
        aed.id = EntityId::parse(id).unwrap();
        assert_eq!(grant.project(aed).is_some(), covered, "{id}");
    }
    // Which ids a source holds is judged here, so that it decides no page by itself.
    let restriction = grant.restriction().unwrap();
    assert!(!restriction.decided_by_filter && restriction.filter.is_none());
    let words = grant.permits()[0].conditions.in_words();
    assert_eq!(words, ["entities with ids urn:ngsi-ld:AED:yaita:*, https://a.jp/1"]);
}

#[test]
fn what_conditions_look_at_is_asked_for_and_not_shown() {
    let config = sano(&format!(
        "@attributes(\"name\") @q(\"remarks==\\\"open\\\"|accuracy\")\npermit(principal, action, resource == EntityType::\"sano/AED\");\n\
         @attributes(\"name\") @area(\"{}\")\npermit(principal, action, resource == EntityType::\"sano/PublicToilet\");",
        AREA.replace('"', "\\\"")
    ));
    let aeds = grant(&config, "AED", PersonalData::Present);
    assert_eq!(aeds.attributes(), &only(&["name"]));
    assert!(!aeds.includes(&attribute("remarks")));
    let restriction = aeds.restriction().unwrap();
    let mut looked_at = vec![attribute("remarks"), attribute("accuracy")];
    looked_at.sort();
    assert_eq!(restriction.attributes, looked_at);
    assert_eq!(restriction.filter, filter("remarks==\"open\"|accuracy"));
    assert!(restriction.decided_by_filter);
    assert_eq!(shown(&aeds, &whole("open", at(0.0, 0.0))), attributes(&["name"]));
    let toilets = grant(&config, "PublicToilet", PersonalData::Present);
    let restriction = toilets.restriction().unwrap();
    assert_eq!(restriction.attributes, [attribute("location")]);
    assert!(restriction.filter.is_none() && !restriction.decided_by_filter);
    let around = restriction.geo.as_ref().unwrap();
    assert!(around.matches(&aed(&[("location", at(139.9, 36.8))])));
    assert!(!around.matches(&aed(&[("location", at(139.0, 36.8))])));
}

#[test]
fn a_source_is_asked_for_what_any_permit_covers() {
    let permit = |annotations: &str| {
        format!("{annotations}\npermit(principal, action, resource == EntityType::\"sano/AED\");\n")
    };
    let restriction = |annotations: &[&str]| {
        let config = sano(&annotations.iter().map(|one| permit(one)).collect::<String>());
        grant(&config, "AED", PersonalData::None).restriction().cloned()
    };
    let (open, near) = (r#"@q("remarks==\"open\"")"#, r#"@q("accuracy")"#);
    let both = restriction(&[open, near]).unwrap();
    assert_eq!(both.filter, filter("remarks==\"open\"|accuracy"));
    assert!(!both.decided_by_filter, "the permits may grant different attributes");
    let same = restriction(&[open, open]).unwrap();
    assert_eq!(same.filter, filter("remarks==\"open\""));
    assert!(same.decided_by_filter);
    // One without a condition covers everything; what the other looks at has to be known all the same.
    let some = restriction(&[open, "@attributes(\"name\")"]).unwrap();
    assert_eq!((some.filter.clone(), some.attributes.len()), (None, 1));
    assert!(restriction(&["", "@attributes(\"name\")"]).is_none());
    let long = format!(r#"@q("remarks==\"{}\"")"#, "長".repeat(1000));
    let untold = restriction(&[&long]).unwrap();
    assert!(
        untold.filter.is_none() && !untold.decided_by_filter,
        "it would not fit into a URL"
    );
    let scoped = restriction(&[r#"@scope("/disaster/#")"#, open]).unwrap();
    assert_eq!(scoped.filter, None);
}

#[test]
fn a_scope_that_no_permit_speaks_of_is_not_shown() {
    let config = sano(
        r#"@scope("/disaster/#") permit(principal, action, resource == EntityType::"sano/AED");
           @attributes("name") @scope("/open") permit(principal, action, resource == EntityType::"sano/AED");"#,
    );
    let grant = grant(&config, "AED", PersonalData::None);
    let mut scoped = whole("", at(0.0, 0.0));
    for (scopes, visible) in [
        (&["/disaster/fire", "/internal"][..], Some(&["/disaster/fire"][..])),
        (&["/disaster", "/open"], Some(&["/disaster", "/open"])),
        (&["/open/more"], None),
        (&[], None),
    ] {
        scoped.scopes = scopes.iter().map(|scope| (*scope).into()).collect();
        let found = grant.project(scoped.clone()).map(|shown| shown.scopes.to_vec());
        let visible = visible.map(|scopes| scopes.iter().map(|scope| (*scope).into()).collect());
        assert_eq!(found, visible, "{scopes:?}");
    }
}

#[test]
fn a_forbid_wins_over_permits_with_conditions() {
    let config = sano(
        "@q(\"name\") permit(principal, action, resource in Tenant::\"sano\");\n\
         forbid(principal, action, resource == EntityType::\"sano/AED\");",
    );
    assert!(matches!(
        grant(&config, "AED", PersonalData::None).denial(),
        Some(Denial::Forbidden(_))
    ));
}

#[test]
fn a_permit_for_a_purpose_applies_to_who_states_it() {
    let tenants = TENANTS.replace(
        "tenant = \"yaita\"",
        "tenant = \"yaita\"\npurposes = [\"disaster-response\", \"statistics\", \"advertising\"]",
    );
    let tenants = tenants.replace(
        "roles = [\"guest\"]",
        "roles = [\"guest\"]\npurposes = [\"statistics\"]",
    );
    let policies = "@purpose(\"disaster-response, statistics\") permit(principal, action, resource in Tenant::\"sano\");\n\
                    forbid(principal, action, resource == EntityType::\"sano/PublicToilet\") \
                    unless { context has purpose && context.purpose == \"statistics\" };";
    let config = load(&[("tenants.toml", &tenants), ("sano.cedar", policies)]).unwrap();
    let app = consumer(&config, "app");
    let granted = |consumer: &Arc<Consumer>, name: &str| {
        let tenant = &config.tenant("sano").unwrap().id;
        config.policy.grant(
            consumer,
            Operation::QueryEntity,
            tenant,
            &type_name(name),
            PersonalData::None,
        )
    };
    // Twice: what is decided for one purpose holds for no other.
    for _ in 0..2 {
        let none = granted(app, "AED");
        assert_eq!(none.denial(), Some(&Denial::NoPermit));
        let unmet = UnmetPermit {
            policy: "sano.cedar:1".into(),
            reason: Unmet::Purpose,
        };
        assert_eq!(none.unmet(), [unmet]);
        for (purpose, aed, toilet) in [
            ("disaster-response", true, false),
            ("statistics", true, true),
            ("advertising", false, false),
        ] {
            let asking = app.for_purpose(purpose).unwrap();
            assert_eq!(!granted(&asking, "AED").is_empty(), aed, "{purpose}");
            assert_eq!(!granted(&asking, "PublicToilet").is_empty(), toilet, "{purpose}");
        }
    }
    assert!(app.for_purpose("anything").is_none());
    let told = config.warnings.to_string();
    assert!(!told.contains("no consumer has the purpose"), "{told}");
    let mistyped = sano("@purpose(\"disaster-respons\") permit(principal, action, resource in Tenant::\"sano\");");
    let told = mistyped.warnings.to_string();
    assert!(
        told.contains("no consumer has the purpose `disaster-respons`"),
        "{told}"
    );
    // Who has one purpose asks for nothing else.
    assert!(!granted(consumer(&config, "other"), "PublicToilet").is_empty());
}

#[test]
fn a_level_is_reached_only_by_who_was_verified_to_have_it() {
    let config = sano(
        "@aal(\"2\") permit(principal, action, resource == EntityType::\"sano/AED\");\n\
         @ial(\"2\") permit(principal, action, resource == EntityType::\"sano/PublicToilet\");\n\
         permit(principal, action, resource == EntityType::\"sano/VacantHouse\") when { context has ial && context.ial > 2 };",
    );
    let app = consumer(&config, "app");
    let granted = |identity: Option<u8>, authentication: Option<u8>| {
        let levels = AssuranceLevels {
            identity,
            authentication,
        };
        // A value of `acr` alone is no level.
        let asking = app.with_token(&[], Some(&"aal3".into()), levels);
        ["AED", "PublicToilet", "VacantHouse"].map(|name| {
            let tenant = &config.tenant("sano").unwrap().id;
            let grant = config.policy.grant(
                &asking,
                Operation::QueryEntity,
                tenant,
                &type_name(name),
                PersonalData::None,
            );
            !grant.is_empty()
        })
    };
    for _ in 0..2 {
        assert_eq!(granted(None, None), [false, false, false]);
        assert_eq!(granted(None, Some(1)), [false, false, false]);
        assert_eq!(granted(None, Some(2)), [true, false, false]);
        assert_eq!(granted(Some(3), Some(1)), [false, true, true]);
        assert_eq!(granted(Some(2), Some(3)), [true, true, false]);
    }
    assert!(grant(&config, "AED", PersonalData::None).is_empty());
}

#[test]
fn a_condition_on_what_is_personal_or_unclassified_refuses_the_revision() {
    for (resource, annotation, expected) in [
        (
            "Tenant::\"sano\"",
            "@q(\"fullName\")",
            "@q looks at `fullName`, which is personal",
        ),
        (
            "Tenant::\"sano\"",
            "@q(\"name;name.diagnosis\")",
            "@q looks at `diagnosis`, which is personal",
        ),
        (
            "Tenant::\"sano\"",
            "@q(\"name|unheard==1\")",
            "@q looks at `unheard`, which has no class",
        ),
        (
            "EntityType::\"sano/AED\"",
            "@q(\"managerName\")",
            "@q looks at `managerName`, which is personal",
        ),
        (
            "EntityType::\"sano/AED\"",
            "@q(\"roof\")",
            "@q looks at `roof`, which has no class",
        ),
    ] {
        let head = if resource.starts_with("Tenant") { "in" } else { "==" };
        let policy = format!("{annotation} permit(principal, action, resource {head} {resource});");
        let said = refusal(&[("sano.cedar", &policy)]);
        assert!(
            said.contains(expected) && said.contains("sano.cedar:1:"),
            "{annotation}\n{said}"
        );
    }
    // Dates of the system and parts of the core are no attributes.
    sano(
        "@q(\"modifiedAt>2026-01-01T00:00:00Z;name.observedAt\") permit(principal, action, resource in Tenant::\"sano\");",
    );
}

#[test]
fn a_condition_never_looks_at_what_the_type_hides() {
    // `roof` is an attribute of toilets; of AEDs nobody has classified it.
    let config = sano("@q(\"roof\") permit(principal, action, resource in Tenant::\"sano\");");
    let denied = grant(&config, "AED", PersonalData::Present);
    assert_eq!(denied.unmet()[0].reason, Unmet::HiddenAttribute);
    assert!(denied.is_empty() && !grant(&config, "AED", PersonalData::None).is_empty());
    assert!(!grant(&config, "PublicToilet", PersonalData::Present).is_empty());
    let either = sano("@q(\"roof|name==\\\"x\\\"\") permit(principal, action, resource in Tenant::\"sano\");");
    let restriction = grant(&either, "AED", PersonalData::Present).restriction().cloned();
    assert_eq!(restriction.unwrap().attributes, [attribute("name")]);
}

#[test]
fn of_an_entity_of_several_types_each_type_is_judged() {
    let config = sano(
        "@q(\"name==\\\"open\\\"\") permit(principal, action, resource == EntityType::\"sano/AED\");\n\
         @attributes(\"roof\") permit(principal, action, resource == EntityType::\"sano/PublicToilet\");",
    );
    let set = grants(&config, &["AED", "PublicToilet"], PersonalData::None);
    let mut both = entity(&["AED", "PublicToilet"], &["roof"]);
    both.attributes.push(Attribute::new(attribute("name"), text("closed")));
    let toilet = set.project(both.clone()).unwrap();
    assert_eq!(toilet.types.as_slice(), [type_name("PublicToilet")]);
    assert_eq!(names(&toilet), [&attribute("roof")]);
    both.attributes[1] = Attribute::new(attribute("name"), text("open"));
    let whole = set.project(both).unwrap();
    assert_eq!(whole.types.len(), 2);
    assert_eq!(names(&whole).len(), 2);
}

#[test]
fn a_grant_after_another_judges_the_whole_entity() {
    let config = sano(
        "@attributes(\"name,accuracy\") permit(principal, action in Action::\"read\", resource in Tenant::\"sano\");\n\
         @attributes(\"name\") @q(\"remarks==\\\"open\\\"\") permit(principal, action in Action::\"subscribe\", resource in Tenant::\"sano\");",
    );
    let set = |operation| {
        let tenant = &config.tenant("sano").unwrap().id;
        let types = [type_name("AED")];
        config
            .policy
            .grants(consumer(&config, "app"), operation, tenant, &types, PersonalData::None)
    };
    let (read, subscribe) = (set(Operation::QueryEntity), set(Operation::CreateSubscription));
    let told = |remarks: &str| {
        let entity = whole(remarks, at(0.0, 0.0));
        let readable = read.project(entity.clone()).unwrap();
        let told = subscribe.project_shown(&entity, readable)?;
        Some(names(&told).into_iter().cloned().collect::<Vec<_>>())
    };
    assert_eq!(told("open"), attributes(&["name"]));
    assert_eq!(told("closed"), None);
}

#[test]
fn a_hidden_change_moves_no_date() {
    let config = sano("@attributes(\"name\") @q(\"remarks\") permit(principal, action, resource in Tenant::\"sano\");");
    let date = |text: &str| DateTime::parse(text).ok();
    let mut entity = whole("open", at(0.0, 0.0));
    entity.system.dates_mut().modified_at = date("2026-02-01T00:00:00Z");
    entity.attributes[0].instances[0].system.dates_mut().modified_at = date("2026-01-01T00:00:00Z");
    entity.attributes[1].instances[0].system.dates_mut().modified_at = date("2026-02-01T00:00:00Z");
    let shown = grant(&config, "AED", PersonalData::None).project(entity).unwrap();
    assert_eq!(shown.system.modified_at(), date("2026-01-01T00:00:00Z").as_ref());
}

fn relationship(objects: &[&str], types: &[&str]) -> Instance {
    Instance::new(AttributeValue::Relationship {
        objects: objects.iter().map(|id| EntityId::parse(id).unwrap()).collect(),
        object_types: types.iter().map(|name| type_name(name)).collect::<ObjectTypes>(),
    })
}

/// Whereto the Relationship of an AED leads after projection; `None`: nowhere.
fn leads(config: &Config, operation: &str, objects: &[&str], types: &[&str]) -> Option<Vec<String>> {
    let entity = aed(&[("name", text("a")), (operation, relationship(objects, types))]);
    let shown = grants(config, &["AED", "PublicToilet"], PersonalData::None)
        .project(entity)
        .unwrap();
    let attribute = shown.attribute(&attribute(operation))?.clone();
    let objects = attribute.instances[0].value.objects();
    Some(objects.iter().map(|id| id.as_str().to_owned()).collect())
}

#[test]
fn a_relationship_to_a_person_is_never_shown() {
    let person = ["urn:ngsi-ld:Resident:1"];
    for (annotation, left) in [
        ("", None),
        ("@relationships(\"kept\")", None),
        ("@relationships(\"dropped\")", None),
        ("@relationships(\"masked\")", Some(vec![MASKED_TARGET.to_owned()])),
    ] {
        let config = sano(&format!(
            "{annotation} permit(principal, action, resource in Tenant::\"sano\");"
        ));
        for (objects, types) in [
            (&person[..], &[][..]),
            (&["urn:x:1"], &["Resident"]),
            (&["https://example.org/住民/5"], &[]),
            (&["urn:ngsi-ld:maternal_handbook:9"], &[]),
        ] {
            let found = leads(&config, "unheard", objects, types);
            assert_eq!(found, left, "{annotation} {objects:?}");
        }
        let some = leads(&config, "unheard", &["urn:ngsi-ld:AED:2", person[0]], &[]).unwrap();
        assert!(!some.iter().any(|id| id.contains("Resident")), "{annotation}");
        assert_eq!(some[0], "urn:ngsi-ld:AED:2");
    }
}

#[test]
fn the_permit_says_what_becomes_of_relationships_to_what_is_hidden() {
    let permits = |annotation: &str| {
        sano(&format!(
            "{annotation} permit(principal, action, resource == EntityType::\"sano/AED\");\n\
             @q(\"name\") permit(principal, action, resource == EntityType::\"sano/PublicToilet\");"
        ))
    };
    let (visible, hidden) = ("urn:ngsi-ld:AED:2", "urn:ngsi-ld:VacantHouse:1");
    // Some toilets are visible and others are not, which nobody asks.
    let unsure = "urn:ngsi-ld:PublicToilet:1";
    for (annotation, mask) in [
        ("", Some(hidden)),
        ("@relationships(\"masked\")", Some(MASKED_TARGET)),
        ("@relationships(\"dropped\")", None),
    ] {
        let config = permits(annotation);
        let left = |mask: Option<&str>| mask.map(|mask| vec![mask.to_owned()]);
        assert_eq!(
            leads(&config, "unheard", &[visible], &[]),
            left(Some(visible)),
            "{annotation}"
        );
        assert_eq!(leads(&config, "unheard", &[hidden], &[]), left(mask), "{annotation}");
        assert_eq!(leads(&config, "unheard", &["urn:x:1"], &["AED"]), left(Some("urn:x:1")));
        let masked = mask.map(|mask| if mask == hidden { unsure } else { mask });
        assert_eq!(leads(&config, "unheard", &[unsure], &[]), left(masked), "{annotation}");
    }
}

#[test]
fn wrong_annotations_are_told_with_what_would_be_right() {
    for (annotation, expected) in [
        ("@q(\"name==\")", "@q(\"name==\"): at position 6"),
        ("@scope(\"/a//b\")", "@scope(\"/a//b\"): at position 3"),
        (
            "@area(\"nowhere.geojson\")",
            "nowhere.geojson cannot be read: there is no such file",
        ),
        (
            "@area(\"../secret.json\")",
            "is neither GeoJSON nor a file that may be read",
        ),
        (
            "@area(\"/etc/passwd\")",
            "is neither GeoJSON nor a file that may be read",
        ),
        (
            "@area(\"{\\\"type\\\":\\\"Point\\\",\\\"coordinates\\\":[1,1]}\")",
            "a Point encloses no area",
        ),
        ("@area(\"wrong.geojson\")", "wrong.geojson: not GeoJSON"),
        ("@ids(\"*\")", "`*` names no ids: it does not begin as a URI does"),
        ("@ids(\"urn:a:*,\")", "`` names no ids"),
        ("@ids(\"urn:*:AED\")", "`*` may stand at its end only"),
        ("@ids(\"urn:a:< >\")", "names no ids"),
        ("@purpose(\"a,,b\")", "names no purpose"),
        ("@ial(\"4\")", "@ial(\"4\") is no level"),
        ("@aal(\"high\")", "@aal(\"high\") is no level"),
        ("@relationships(\"keep\")", "did you mean `kept`?"),
    ] {
        let policy = format!("{annotation}\npermit(principal, action, resource in Tenant::\"sano\");");
        let said = refusal(&[("wrong.geojson", "[]"), ("sano.cedar", &policy)]);
        assert!(
            said.contains(expected) && said.contains("sano.cedar:1:1"),
            "{annotation}\n{said}"
        );
    }
}

#[test]
fn a_changed_area_is_taken_over_although_the_policies_are_the_same() {
    let folder = TempDir::new().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("tenants.toml", TENANTS);
    write("classification.toml", CLASSIFICATION);
    let schema = std::fs::read_to_string(repository().join("policies/schema.cedarschema")).unwrap();
    write("schema.cedarschema", &schema);
    write(
        "sano.cedar",
        "@area(\"area.json\") permit(principal, action, resource in Tenant::\"sano\");",
    );
    write("area.json", AREA);
    let tenants = folder.path().join("tenants.toml");
    let environment = Environment::new([], Date::constant(2026, 11, 21));
    let load_after = |earlier: Option<&Config>| {
        Config::load_after(
            earlier,
            &tenants,
            folder.path(),
            &environment,
            &kakehashi_config::ConfigOverrides::default(),
        )
        .unwrap()
    };
    let first = load_after(None);
    let sees =
        |config: &Config| shown(&grant(config, "AED", PersonalData::None), &whole("", at(139.9, 36.8))).is_some();
    assert!(sees(&first) && first.files.contains_key("policies/area.json"));
    write("area.json", &AREA.replace("139.8", "139.95"));
    let second = load_after(Some(&first));
    assert!(!sees(&second));
    assert_ne!(first.revision, second.revision);
    let third = load_after(Some(&second));
    assert_eq!(third.revision, second.revision);
    assert!(
        third.files.contains_key("policies/area.json"),
        "it is a file of the revision still"
    );
}
