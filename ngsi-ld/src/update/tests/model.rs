//! Merging and laying against a model that shares no code with them: JSON merge patch (RFC 7396) on plain trees, in which an
//! entity is an object of attributes by name, each an object of instances by `datasetId`, each an object of members.

use proptest::prelude::*;
use serde_json::{Map, Value as Tree, json};

use super::*;

const NULL: &str = "urn:ngsi-ld:null";

/// RFC 7396, as it stands there.
fn merge_patch(target: Tree, patch: &Tree) -> Tree {
    let Tree::Object(patch) = patch else {
        return patch.clone();
    };
    let mut target = match target {
        Tree::Object(target) => target,
        _ => Map::new(),
    };
    for (name, value) in patch {
        if value == NULL {
            target.remove(name);
        } else {
            let former = target.remove(name).unwrap_or(Tree::Null);
            target.insert(name.clone(), merge_patch(former, value));
        }
    }
    Tree::Object(target)
}

fn value(nulls: bool) -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        3 => (0..4_i32).prop_map(Tree::from),
        1 => any::<bool>().prop_map(Tree::from),
        1 => "[a-c\\\\\"あ]{0,2}".prop_map(Tree::from),
        2 => Just(if nulls { json!(NULL) } else { json!(9) }),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop::collection::btree_map("[a-c\"]", inner, 0..3).prop_map(|members| json!(members))
    })
    // As a value of its own a null removes the instance, which is generated apart.
    .prop_map(|tree| if tree == NULL { json!(1) } else { tree })
}

fn member(nulls: bool, of: &'static [&'static str]) -> impl Strategy<Value = Option<Tree>> {
    prop_oneof![
        2 => Just(None),
        2 => prop::sample::select(of).prop_map(|text| Some(json!(text))),
        1 => Just(nulls.then(|| json!(NULL))),
    ]
}

/// An instance: an object of members.
fn instance(nulls: bool, depth: u32) -> BoxedStrategy<Tree> {
    let sub_attributes = match depth {
        0 => Just(Map::new()).boxed(),
        _ => attributes(nulls, depth - 1, &["s", "t"]),
    };
    (
        value(nulls),
        member(nulls, &["2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"]),
        member(nulls, &["CEL", "FAH"]),
        sub_attributes,
    )
        .prop_map(|(value, observed_at, unit_code, sub_attributes)| {
            let mut instance = Map::new();
            instance.insert("value".into(), value);
            instance.extend(observed_at.map(|date| ("observedAt".into(), date)));
            instance.extend(unit_code.map(|code| ("unitCode".into(), code)));
            instance.extend(sub_attributes);
            Tree::Object(instance)
        })
        .boxed()
}

/// Attributes: objects of instances by `datasetId`.
fn attributes(nulls: bool, depth: u32, names: &'static [&'static str]) -> BoxedStrategy<Map<String, Tree>> {
    let one = prop_oneof![
        4 => instance(nulls, depth),
        1 => if nulls { Just(json!(NULL)).boxed() } else { instance(false, depth) },
    ];
    let instances = prop::collection::btree_map(prop::sample::select(&["@none", "urn:d:1", "urn:d:2"][..]), one, 1..3);
    prop::collection::btree_map(prop::sample::select(names), instances, 0..3)
        .prop_map(|attributes| {
            attributes
                .into_iter()
                .map(|(name, instances)| (name.to_owned(), json!(instances)))
                .collect()
        })
        .boxed()
}

fn entity_tree(nulls: bool) -> BoxedStrategy<Map<String, Tree>> {
    attributes(nulls, 1, &["a", "b", "c"])
}

/// The tree as NGSI-LD writes it.
fn written(attributes: &Map<String, Tree>) -> Map<String, Tree> {
    let mut members = Map::new();
    for (name, instances) in attributes {
        let Tree::Object(instances) = instances else {
            unreachable!("instances by datasetId")
        };
        let instances = instances.iter().map(|(dataset_id, instance)| {
            let Tree::Object(instance) = instance else {
                return json!({"type": "Property", "value": NULL, "datasetId": dataset_id});
            };
            let mut written = Map::new();
            written.insert("type".into(), json!("Property"));
            written.insert("datasetId".into(), json!(dataset_id));
            for (name, member) in instance {
                let member = match name.as_str() {
                    "s" | "t" => written_one(name, member),
                    _ => member.clone(),
                };
                written.insert(name.clone(), member);
            }
            Tree::Object(written)
        });
        members.insert(name.clone(), instances.collect());
    }
    members
}

fn written_one(name: &str, instances: &Tree) -> Tree {
    let mut one = Map::new();
    one.insert(name.to_owned(), instances.clone());
    written(&one).remove(name).unwrap()
}

fn read(attributes: &Map<String, Tree>) -> Entity {
    let mut members = written(attributes);
    members.insert("id".into(), json!(ID));
    members.insert("type".into(), json!("Station"));
    parse_entity(Tree::Object(members).to_string().as_bytes(), Context::core()).unwrap()
}

/// Without attributes that have no instance.
fn settled(attributes: Tree) -> Map<String, Tree> {
    let Tree::Object(attributes) = attributes else {
        unreachable!("attributes by name")
    };
    let mut settled = Map::new();
    for (name, instances) in attributes {
        let Tree::Object(instances) = instances else {
            unreachable!("instances by datasetId")
        };
        let instances = instances.into_iter().map(|(dataset_id, instance)| {
            let Tree::Object(mut instance) = instance else {
                unreachable!("members by name")
            };
            for name in ["s", "t"] {
                if let Some(sub_attribute) = instance.remove(name) {
                    let mut one = Map::new();
                    one.insert(name.to_owned(), sub_attribute);
                    instance.extend(self::settled(Tree::Object(one)));
                }
            }
            (dataset_id, Tree::Object(instance))
        });
        let instances: Map<String, Tree> = instances.collect();
        if !instances.is_empty() {
            settled.insert(name, Tree::Object(instances));
        }
    }
    settled
}

/// A tree whose members stand in the order of their names.
fn sorted(tree: Tree) -> Tree {
    let Tree::Object(members) = tree else { return tree };
    let mut members: Vec<_> = members
        .into_iter()
        .map(|(name, member)| (name, sorted(member)))
        .collect();
    members.sort_by(|(one, _), (other, _)| one.cmp(other));
    members.into_iter().collect()
}

/// An entity whose order says nothing.
fn in_order(mut entity: Entity) -> Entity {
    fn order(attributes: &mut [Attribute]) {
        attributes.sort_by(|one, other| one.name.as_str().cmp(other.name.as_str()));
        for attribute in attributes {
            let id = |instance: &crate::entity::Instance| instance.dataset_id.as_ref().map(|id| id.as_str().to_owned());
            attribute.instances.sort_by_key(id);
            for instance in &mut attribute.instances {
                if let crate::entity::AttributeValue::Property(crate::entity::Value::Json(json)) = &mut instance.value {
                    let tree: Tree = serde_json::from_str(json.as_str()).unwrap();
                    *json = crate::entity::Json::parse(&sorted(tree).to_string()).unwrap();
                }
                order(&mut instance.sub_attributes);
            }
        }
    }
    order(&mut entity.attributes);
    entity
}

proptest! {
    #[test]
    //= 5.5.12-1, 5.5.12-2, 5.6.17.4-5
    fn a_merge_is_a_json_merge_patch_of_trees(before in entity_tree(false), patch in entity_tree(true)) {
        let json = Tree::Object(written(&patch)).to_string();
        let update = Update::Merge {
            fragment: parse_fragment(json.as_bytes(), Context::core(), FragmentUse::Merge).unwrap(),
            observed_at: None,
            lang: None,
        };
        let applied = update.apply(&read(&before)).unwrap();
        let expected = settled(merge_patch(Tree::Object(before), &Tree::Object(patch)));
        prop_assert_eq!(in_order(applied.entity), in_order(read(&expected)));
    }

    #[test]
    fn laying_replaces_instances_and_keeps_the_others(
        before in entity_tree(false), sent in entity_tree(false), overwrite in any::<bool>()
    ) {
        let json = Tree::Object(written(&sent)).to_string();
        let update = Update::Append {
            fragment: parse_additions(json.as_bytes(), Context::core()).unwrap(),
            overwrite,
        };
        let applied = update.apply(&read(&before)).unwrap();
        let mut expected = before.clone();
        let mut left = Vec::new();
        for (name, instances) in &sent {
            let there = expected.entry(name.clone()).or_insert_with(|| json!({}));
            for (dataset_id, instance) in instances.as_object().unwrap() {
                let there = there.as_object_mut().unwrap();
                if overwrite || !there.contains_key(dataset_id) {
                    there.insert(dataset_id.clone(), instance.clone());
                } else if !left.contains(name) {
                    left.push(name.clone());
                }
            }
        }
        prop_assert_eq!(in_order(applied.entity), in_order(read(&expected)));
        let not_updated: Vec<_> = applied.not_updated.iter().map(|left| left.attribute.clone()).collect();
        prop_assert_eq!(not_updated, left.iter().map(|left| name(left)).collect::<Vec<_>>());
    }

    #[test]
    //= 5.5.8-1
    fn what_no_update_names_stays_as_it_is(before in entity_tree(false), patch in entity_tree(true)) {
        let json = Tree::Object(written(&patch)).to_string();
        let before = read(&before);
        for update in [
            Update::Merge {
                fragment: parse_fragment(json.as_bytes(), Context::core(), FragmentUse::Merge).unwrap(),
                observed_at: None,
                lang: Some("ja".into()),
            },
            merge_simplified(r#""a":1"#, None),
            Update::DeleteAttribute { name: name("a"), instances: Instances::All },
        ] {
            let Ok(applied) = update.apply(&before) else { continue };
            let named: Vec<_> = update.attributes().collect();
            for attribute in before.attributes.iter().filter(|attribute| !named.contains(&&attribute.name)) {
                prop_assert_eq!(applied.entity.attribute(&attribute.name), Some(attribute));
            }
            for attribute in applied.entity.attributes.iter().filter(|attribute| !named.contains(&&attribute.name)) {
                prop_assert_eq!(before.attribute(&attribute.name), Some(attribute));
            }
        }
    }
}
