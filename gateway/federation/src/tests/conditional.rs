//! Permits that cover some entities: whatever is left to a source, the answer is that of judging every part here.

use ngsi_ld::entity::Number;

use super::*;

/// Who is granted less of each owner's AEDs than the others, and differently.
const NARROWED: &str = r#"
[consumers.narrowed]
organisation = "outside"
roles = ["narrowed"]
"#;

fn permit(annotations: &str, tenant: &str) -> String {
    let head = "permit(principal in Role::\"narrowed\", action, resource == EntityType::";
    format!("{annotations}\n{head}\"{tenant}/AED\");\n")
}

/// What the permits grant of a part, said once more: attributes by the part's owner. `None`: it is hidden.
fn granted(owner: &str, part: &Entity) -> Option<Vec<&'static str>> {
    let number = |name: &str| {
        let attribute = part.attribute(&attribute(name))?;
        match &attribute.instances[0].value {
            AttributeValue::Property(Value::Number(Number::Integer(number))) => Some(*number),
            _ => None,
        }
    };
    let (height, capacity) = (number("height"), number("maxCapacity"));
    match owner {
        // One permit, whose condition looks at what it does not grant.
        "sano" => height.is_some_and(|height| height > 1).then(|| vec!["maxCapacity"]),
        // Two permits that cover different entities and attributes.
        "nasushiobara" => {
            let mut names = Vec::new();
            if capacity == Some(1) {
                names.push("height");
            }
            if height.is_some() && height != Some(0) {
                names.push("maxCapacity");
            }
            (!names.is_empty()).then_some(names)
        }
        // One without a condition, and one that adds an attribute.
        "yaita" => Some(if capacity == Some(2) {
            vec!["height", "maxCapacity"]
        } else {
            vec!["height"]
        }),
        _ => None,
    }
}

static NARROW: LazyLock<Bench> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = tempfile::TempDir::new().unwrap();
    let read = |name: &str| std::fs::read_to_string(root.join(name)).unwrap();
    let write = |name: &str, text: String| std::fs::write(folder.path().join(name), text).unwrap();
    for part in ["policies", "mappings"] {
        std::fs::create_dir(folder.path().join(part)).unwrap();
    }
    write("tenants.toml", read("tenants.toml") + NARROWED);
    for name in [
        "mappings/sano.toml",
        "policies/schema.cedarschema",
        "policies/platform.cedar",
        "policies/tochigi.cedar",
    ] {
        write(name, read(name));
    }
    // A condition looks at what is classified alone.
    let of_aeds = "[types.AED.attributes]\nopen = [";
    let classification = read("policies/classification.toml");
    assert!(classification.contains(of_aeds));
    let classification = classification.replace(of_aeds, &format!("{of_aeds}\"maxCapacity\", "));
    write("policies/classification.toml", classification);
    write(
        "policies/sano.cedar",
        permit("@attributes(\"maxCapacity\") @q(\"height>1\")", "sano"),
    );
    let two = permit("@attributes(\"height\") @q(\"maxCapacity==1\")", "nasushiobara")
        + &permit("@attributes(\"maxCapacity\") @q(\"height!=0\")", "nasushiobara");
    write("policies/nasushiobara.cedar", two);
    let added = permit("@attributes(\"height\")", "yaita")
        + &permit("@attributes(\"maxCapacity\") @q(\"maxCapacity==2\")", "yaita");
    write("policies/yaita.cedar", added);
    Bench::on(folder.path(), "narrowed")
});

/// The parts, projected as the reference says.
fn projected(sources: &[Vec<Entity>]) -> Vec<Vec<Entity>> {
    let of_source = |(index, parts): (usize, &Vec<Entity>)| {
        let visible = parts.iter().filter_map(|part| {
            let names: Vec<AttributeName> = granted(OWNERS[index], part)?.into_iter().map(attribute).collect();
            let mut part = part.clone();
            part.attributes.retain(|attribute| names.contains(&attribute.name));
            Some(part)
        });
        visible.collect()
    };
    sources.iter().enumerate().map(of_source).collect()
}

/// One source, which may decide filters by itself.
fn one(owner: usize, parts: &[Entity], exact: bool) -> Registry {
    let mut sources = vec![Vec::new(); owner];
    sources.push(parts.to_vec());
    let all = registry(&sources, 9, None);
    let source = &all.configured()[owner];
    let id = SourceId::new("only");
    Registry::new(vec![RegisteredSource {
        id: id.clone(),
        tenant: source.tenant.clone(),
        adapter: Arc::new(InMemory {
            id,
            parts: parts.to_vec(),
            fails: false,
            lies: false,
            exact,
        }),
        provides: source.provides.clone(),
        registration: source.registration.clone(),
        personal_data: PersonalData::None,
        is_store: false,
        writable: false,
        inspection: source.inspection.clone(),
        findings: source.findings.clone(),
        flawed: Flawed::default(),
        owns_ids: OwnIds::default(),
        credential_from: None,
    }])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn several_owners_are_each_narrowed_on_their_own(
        sources in generated_sources(), filter in prop::sample::select(&FILTERS[..]), conditional in any::<bool>(),
    ) {
        let mut question = question(filter, true);
        if !conditional {
            question.query.filter = None;
        }
        let answer = NARROW.ask(&registry(&sources, 9, None), &question, Page { limit: 1000, offset: 0 });
        let expected: Vec<Entity> = whole_entities(&projected(&sources), 9)
            .into_iter()
            .filter(|entity| question.query.matches(entity))
            .map(sorted)
            .collect();
        prop_assert_eq!(answer.count, Some(expected.len() as u64));
        prop_assert_eq!(by_id(answer.entities), expected);
    }

    #[test]
    fn pages_and_counts_of_one_source_are_those_of_what_is_covered(
        parts in generated_sources(), owner in 0usize..3, exact in any::<bool>(),
        filter in prop::sample::select(&FILTERS[..]), conditional in any::<bool>(), limit in 1usize..4,
    ) {
        let mut question = question(filter, false);
        if !conditional {
            question.query.filter = None;
        }
        let mut sources = vec![Vec::new(); 3];
        sources[owner].clone_from(&parts[owner]);
        let expected: Vec<Entity> = whole_entities(&projected(&sources), 9)
            .into_iter()
            .filter(|entity| question.query.matches(entity))
            .map(sorted)
            .collect();
        let registry = one(owner, &parts[owner], exact);
        let mut walked = Vec::new();
        loop {
            let page = NARROW.ask(&registry, &question, Page { limit, offset: walked.len() });
            prop_assert_eq!(page.count, Some(expected.len() as u64));
            let is_last = !page.more;
            walked.extend(page.entities.into_iter().map(sorted));
            if is_last {
                break;
            }
        }
        prop_assert_eq!(walked, expected);
    }
}

#[test]
fn however_many_entities_one_source_has_a_page_of_what_is_covered_is_served() {
    let number = |index: usize| EntityId::parse(&format!("urn:ngsi-ld:AED:{index:06}")).unwrap();
    let all = super::super::scan::MAX_CANDIDATES + 3;
    let parts: Vec<Entity> = (0..all)
        .map(|index| {
            // Every third is hidden.
            let height = if index % 3 == 0 { 1 } else { 2 };
            let mut part = part(0, &[("height", height), ("maxCapacity", 1)]);
            part.id = number(index);
            part
        })
        .collect();
    let registry = one(0, &parts, false);
    let page = NARROW.ask(
        &registry,
        &question("maxCapacity==1", false),
        Page {
            limit: 2,
            offset: 13_000,
        },
    );
    let covered = all - all.div_ceil(3);
    assert_eq!(
        (page.count, page.more, page.warnings.len()),
        (Some(covered as u64), true, 0)
    );
    let ids: Vec<EntityId> = page.entities.into_iter().map(|entity| entity.id).collect();
    assert_eq!(ids, [number(19_501), number(19_502)]);
}

#[test]
fn a_source_that_decides_the_only_condition_serves_pages_by_itself() {
    let parts: Vec<Entity> = (0..6)
        .map(|number| part(number, &[("height", i64::from(number)), ("maxCapacity", 1)]))
        .collect();
    for (owner, decides) in [(0, true), (1, false), (2, false)] {
        let registry = one(owner, &parts, true);
        let mut asked = question("maxCapacity>0", false);
        let planned = |question: &Question| {
            NARROW
                .runtime
                .block_on(super::super::plan::plan(
                    question,
                    &NARROW.asker(&registry),
                    &NARROW.request().call,
                ))
                .unwrap()
        };
        let plan = planned(&asked);
        assert_eq!(plan.sub_queries[0].is_exact(&asked.query), decides, "{owner}");
        // The consumer's own condition is on what it is not granted: it stays here.
        asked.query.filter = Some(Expression::parse("height>1", Context::kakehashi()).unwrap());
        if owner == 0 {
            let plan = planned(&asked);
            let told = plan.sub_queries[0].query.filter.as_deref().cloned();
            assert_eq!(
                told, asked.query.filter,
                "the permit's condition alone, which is the same"
            );
            assert!(plan.sub_queries[0].told.filter == Coverage::None && !plan.sub_queries[0].is_exact(&asked.query));
        }
    }
}
