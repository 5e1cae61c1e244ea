//! The ordering of entities, by the rules and the examples of clause 4.23.

mod interrupted;

use std::cmp::Ordering as Order;

use proptest::prelude::*;
use smallvec::smallvec;

use super::parse::{Parameters, parse, to_text};
use super::*;
use crate::entity::{Attribute, AttributeValue, Geometry, Instance, Json, Number, TemporalType, Value};
use crate::query::fixture::{attribute, date, entity, json, property, short, type_name};
use crate::{Entity, EntityId, Iri};

fn try_read(
    order_by: &str,
    order_from: Option<&str>,
    order_geometry: Option<&str>,
    collation: Option<&str>,
) -> Result<Ordering, InvalidOrdering> {
    let parameters = Parameters {
        order_by,
        order_from,
        order_geometry,
        collation,
    };
    parse(&parameters, &|name| Some(attribute(name)))
}

fn read(order_by: &str) -> Ordering {
    try_read(order_by, Some("[8,40]"), None, None).unwrap_or_else(|error| panic!("{order_by}: {error}"))
}

fn collated(tag: &str) -> Ordering {
    try_read("name", None, None, Some(tag)).unwrap_or_else(|error| panic!("{tag}: {error}"))
}

fn number(text: &str) -> Instance {
    property(Value::Number(Number::parse(text).unwrap()))
}

fn point(longitude: f64, latitude: f64) -> Instance {
    Instance::new(AttributeValue::GeoProperty(Box::new(
        Geometry::point(longitude, latitude).unwrap(),
    )))
}

fn texts(texts: &[(&str, &[&str])]) -> Instance {
    let map = texts
        .iter()
        .map(|(tag, texts)| ((*tag).into(), texts.iter().map(|text| (*text).into()).collect()));
    Instance::new(AttributeValue::LanguageProperty(Box::new(map.collect())))
}

/// An entity that is told from others by the end of its id.
fn named(id: &str, attributes: impl IntoIterator<Item = (&'static str, Instance)>) -> Entity {
    let mut entity = entity(attributes);
    entity.id = EntityId::parse(&format!("urn:{id}")).unwrap();
    entity
}

/// The ends of the ids in the order.
fn sorted(ordering: &Ordering, entities: &[Entity]) -> String {
    // From both ends, so that an order that leaves entities where they are shows.
    let forwards = ordering.sort(entities.to_vec());
    let backwards = ordering.sort(entities.iter().rev().cloned().collect());
    let ids = |entities: &[Entity]| {
        let ids = entities
            .iter()
            .map(|entity| entity.id.as_str().trim_start_matches("urn:"));
        ids.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(ids(&forwards), ids(&backwards));
    ids(&forwards)
}

#[test]
//= 4.23.3-1
fn example_1_to_3_order_by_attributes_in_turn() {
    let entities = [
        named("a", [("name", property("Beta")), ("age", number("3"))]),
        named("b", [("name", property("alpha")), ("age", number("20"))]),
        named("c", [("name", property("Beta")), ("age", number("20"))]),
    ];
    assert_eq!(sorted(&read("name"), &entities), "b a c");
    assert_eq!(sorted(&read("name,age"), &entities), "b a c");
    assert_eq!(sorted(&read("name,age;desc"), &entities), "b c a");
    assert_eq!(sorted(&read("age;desc,name;desc"), &entities), "c b a");
}

#[test]
fn example_4_orders_by_a_member_of_a_value() {
    let city = |city: &str| property(json(&format!(r#"{{"city":"{city}","zip":[1]}}"#)));
    let entities = [
        named("a", [("address", city("Zurich"))]),
        named("b", [("address", city("Berlin"))]),
        named("c", [("address", property("nowhere"))]),
    ];
    assert_eq!(sorted(&read("address[city]"), &entities), "b a c");
    assert_eq!(sorted(&read("address[city];desc"), &entities), "a b c");
}

#[test]
fn example_5_orders_by_an_attribute_of_an_attribute() {
    let observed = |at: &str, accuracy: &str| {
        let mut instance = property("x");
        instance.observed_at = Some(date(at));
        instance
            .sub_attributes
            .push(Attribute::new(attribute("accuracy"), number(accuracy)));
        instance
    };
    let entities = [
        named("a", [("name", observed("2026-01-01T10:00:00.5Z", "9"))]),
        named("b", [("name", observed("2026-01-01T10:00:00Z", "10"))]),
        named("c", []),
    ];
    assert_eq!(sorted(&read("name.observedAt"), &entities), "b a c");
    assert_eq!(sorted(&read("name.observedAt;desc"), &entities), "a b c");
    assert_eq!(sorted(&read("name.accuracy"), &entities), "a b c");
}

#[test]
fn example_6_takes_a_strength() {
    // The same id: only the texts are to decide.
    let names = ["a", "A", "á", "b"].map(|name| named("same", [("name", property(name))]));
    let compare = |tag: &str, a: usize, b: usize| {
        let ordering = collated(tag);
        ordering.compare(&ordering.key(&names[a]), &ordering.key(&names[b]))
    };
    for (tag, of_case, of_accent) in [
        ("und", Order::Less, Order::Less),
        ("und-x-icu", Order::Less, Order::Less),
        ("und-u-ks-identic", Order::Less, Order::Less),
        ("und-u-ks-level2", Order::Equal, Order::Less),
        ("und-u-ks-level1", Order::Equal, Order::Equal),
        ("und-u-ks-level1-kc", Order::Less, Order::Equal),
        ("und-u-kf-upper", Order::Greater, Order::Less),
    ] {
        assert_eq!(compare(tag, 0, 1), of_case, "{tag}");
        assert_eq!(compare(tag, 0, 2), of_accent, "{tag}");
        assert_eq!(compare(tag, 2, 3), Order::Less, "{tag}");
    }
}

#[test]
//= 4.23.3-2
fn example_7_takes_a_language() {
    let cities = [
        named("goethe", [("name", property("Göthe"))]),
        named("goldmann", [("name", property("Goldmann"))]),
        named("goffin", [("name", property("Goffin"))]),
    ];
    assert_eq!(sorted(&collated("und"), &cities), "goffin goldmann goethe");
    assert_eq!(sorted(&collated("de"), &cities), "goffin goldmann goethe");
    assert_eq!(sorted(&collated("de-u-co-phonebk"), &cities), "goethe goffin goldmann");
    // JIS X 4061: kanji by their usual reading groups instead of by radicals.
    let kanji = [
        named("sano", [("name", property("佐野"))]),
        named("ashikaga", [("name", property("足利"))]),
        named("utsunomiya", [("name", property("宇都宮"))]),
    ];
    assert_eq!(sorted(&collated("ja"), &kanji), "utsunomiya sano ashikaga");
    assert_eq!(sorted(&collated("und"), &kanji), "sano utsunomiya ashikaga");
    let rooms = [
        named("ten", [("name", property("10"))]),
        named("nine", [("name", property("9"))]),
    ];
    assert_eq!(sorted(&collated("und"), &rooms), "ten nine");
    assert_eq!(sorted(&collated("und-u-kn"), &rooms), "nine ten");
}

#[test]
//= 4.23.1-3, 4.23.2-2, 4.23.3-3
fn examples_8_and_9_order_by_distance_from_a_point() {
    let entities = [
        named("far", [("location", point(10.0, 45.0))]),
        named("near", [("location", point(8.01, 40.01))]),
        named("mid", [("location", point(9.0, 41.0))]),
        named("text", [("location", property("nowhere"))]),
        named("none", []),
    ];
    assert_eq!(sorted(&read("location;dist-asc"), &entities), "near mid far text none");
    assert_eq!(sorted(&read("location;dist-desc"), &entities), "far mid near text none");
    // By value there is no distance: geometries are objects, which come after texts.
    assert_eq!(sorted(&read("location"), &entities), "text far mid near none");
}

#[test]
//= 5.2.43-3
fn example_10_orders_by_distance_from_any_geometry() {
    let line = try_read(
        "location;dist-asc",
        Some("[[8,40],[9,42],[9,45],[8,40]]"),
        Some("LineString"),
        None,
    )
    .unwrap();
    let entities = [
        named("start", [("location", point(7.9, 40.0))]),
        named("end", [("location", point(9.0, 44.99))]),
        named("off", [("location", point(12.0, 42.0))]),
    ];
    assert_eq!(sorted(&line, &entities), "end start off");
}

#[test]
//= 4.23.2-1
fn data_types_have_an_order_in_both_directions() {
    let temporal = |r#type, text: &str| {
        property(Value::Temporal {
            r#type,
            value: text.into(),
        })
    };
    let entities = [
        named("absent", []),
        named(
            "null",
            [(
                "x",
                Instance::new(AttributeValue::JsonProperty(Json::parse("null").unwrap())),
            )],
        ),
        named(
            "moment",
            [("x", property(Value::DateTime(date("2020-01-01T00:00:00Z"))))],
        ),
        named("day", [("x", temporal(TemporalType::Date, "2020-01-01"))]),
        named("time", [("x", temporal(TemporalType::Time, "00:00:00Z"))]),
        named("boolean", [("x", property(true))]),
        named("array", [("x", property(json("[1]")))]),
        named("object", [("x", property(json(r#"{"a":1}"#)))]),
        named("text", [("x", property("x"))]),
        named("number", [("x", number("7"))]),
    ];
    let order = "number text object array boolean time day moment null absent";
    assert_eq!(sorted(&read("x"), &entities), order);
    assert_eq!(sorted(&read("x;desc"), &entities), order);
    assert_eq!(sorted(&read("x;dist-desc"), &entities), order);
}

#[test]
fn values_of_one_type_compare_by_what_they_are() {
    let time = |text: &str| {
        property(Value::Temporal {
            r#type: TemporalType::Time,
            value: text.into(),
        })
    };
    for [smaller, greater] in [
        [number("9"), number("10")],
        [number("-1e3"), number("0.5")],
        [number("9007199254740992"), number("9007199254740993")],
        [property(false), property(true)],
        [time("09:00:00.09Z"), time("09:00:00.1Z")],
        [property("a"), property("B")],
        [property("か"), property("が")],
        [property(json("[1,9]")), property(json("[1,10]"))],
        [property(json("[1]")), property(json("[1,0]"))],
        [property(json(r#"["z"]"#)), property(json("[true]"))],
    ] {
        let entities = [named("a", [("x", greater.clone())]), named("b", [("x", smaller)])];
        assert_eq!(sorted(&read("x"), &entities), "b a", "{greater:?}");
        assert_eq!(sorted(&read("x;desc"), &entities), "a b", "{greater:?}");
    }
    let alike = [named("b", [("x", number("0.0"))]), named("a", [("x", number("-0.0"))])];
    assert_eq!(sorted(&read("x"), &alike), "a b");
}

#[test]
fn the_foremost_of_several_values_decides() {
    let mut two = named("two", [("x", number("1"))]);
    let mut other = number("9");
    other.dataset_id = Some(Iri::new("urn:other"));
    two.attributes[0].instances.push(other);
    let entities = [two, named("five", [("x", number("5"))])];
    assert_eq!(sorted(&read("x"), &entities), "two five");
    assert_eq!(sorted(&read("x;desc"), &entities), "two five");

    let entities = [
        named("a", [("x", texts(&[("ja", &["わ"]), ("en", &["a"])]))]),
        named("b", [("x", texts(&[("ja", &["あ"]), ("en", &["z"])]))]),
        named("c", [("x", texts(&[("en", &["m"])]))]),
    ];
    assert_eq!(sorted(&read("x[ja]"), &entities), "b a c");
    assert_eq!(sorted(&read("x[en]"), &entities), "a c b");
    assert_eq!(sorted(&read("x"), &entities), "a c b");
}

#[test]
fn members_and_dates_of_the_entity_order_it() {
    let with = |id: &str, types: &[&str], scopes: &[&str], created: &str| {
        let mut entity = named(id, []);
        entity.types = types.iter().map(|name| type_name(name)).collect();
        entity.scopes = scopes.iter().map(|scope| (*scope).into()).collect();
        entity.system.dates_mut().created_at = Some(date(created));
        entity
    };
    let entities = [
        with("a", &["Z"], &["/b"], "2026-01-03T00:00:00Z"),
        with("b", &["A", "B"], &[], "2026-01-01T00:00:00Z"),
        with("c", &["A"], &["/a"], "2026-01-02T00:00:00Z"),
    ];
    assert_eq!(sorted(&read("id;desc"), &entities), "c b a");
    assert_eq!(sorted(&read("type"), &entities), "c a b");
    assert_eq!(sorted(&read("scope"), &entities), "c a b");
    assert_eq!(sorted(&read("createdAt"), &entities), "b c a");
    let leads_to = |id: &str| Instance::new(AttributeValue::relationship(EntityId::parse(id).unwrap()));
    let term = |iri: &str| Instance::new(AttributeValue::VocabProperty(smallvec![Iri::new(iri)]));
    let entities = [
        named("a", [("x", leads_to("urn:z"))]),
        named("b", [("x", term("urn:m"))]),
        named("c", [("x", property("urn:a"))]),
    ];
    assert_eq!(sorted(&read("x"), &entities), "c b a");
}

#[test]
fn terms_are_read_and_written() {
    for (text, written) in [
        ("name", "name"),
        ("name;asc,age;desc", "name,age;desc"),
        (
            "type;asc,name.subProperty;desc,name;asc",
            "type,name.subProperty;desc,name",
        ),
        ("scope, address[street.name];desc", "scope,address[street.name];desc"),
        ("location;dist-asc,名称", "location;dist-asc,名称"),
        ("identity,typeOfSite,scoped", "identity,typeOfSite,scoped"),
        (
            "https://example.org/v1.2/name;desc,createdAt",
            "https://example.org/v1.2/name;desc,createdAt",
        ),
    ] {
        let ordering = read(text);
        assert_eq!(to_text(&ordering, &short), written);
        assert_eq!(read(written), ordering);
    }
    let context = Context::from_document(r#"{"@context":{"速度":"https://example.org/speed"}}"#).unwrap();
    let ordering = Ordering::parse("速度;desc,id", None, None, None, &context).unwrap();
    assert_eq!(ordering.to_text(&context), "速度;desc,id");
    for scope in ["scope", "scope\n", "https://uri.etsi.org/ngsi-ld/scope", "\tscope"] {
        let ordering = Ordering::parse(scope, None, None, None, &context).unwrap();
        assert_eq!(ordering.terms()[0].target, OrderingTarget::Scope, "{scope:?}");
        assert_eq!(ordering.to_text(&context), "scope");
    }
    let paths: Vec<_> = ordering.paths().map(|path| path.attribute.as_str()).collect();
    assert_eq!(paths, ["https://example.org/speed"]);
}

#[test]
fn what_is_wrong_is_named_with_parameter_and_position() {
    use OrderingParameter::{Collation, OrderBy, OrderFrom, OrderGeometry};
    for (order_by, position) in [
        ("", 0),
        ("-a", 0),
        ("name,", 5),
        ("name;", 5),
        ("name;up", 5),
        ("name desc", 5),
        ("name;desc;asc", 9),
        ("a[b", 3),
        ("a{b}", 1),
        ("名称;ascending", 3),
    ] {
        let error = try_read(order_by, None, None, None).expect_err(order_by);
        assert_eq!(error.parameter, OrderBy, "{order_by}");
        let OrderingProblem::Syntax(syntax) = error.problem else {
            panic!("{order_by}: {}", error.problem);
        };
        assert_eq!(syntax.position, position, "{order_by}: {syntax}");
    }
    for (from, geometry, collation, parameter) in [
        (None, None, None, OrderFrom),
        (Some("[8"), None, None, OrderFrom),
        (Some("[40,139]"), None, None, OrderFrom),
        (Some("[[8,40]]"), None, None, OrderFrom),
        (Some("[8,40]"), Some("Circle"), None, OrderGeometry),
        (Some("[8,40]"), Some("LineString"), None, OrderFrom),
        (None, Some("Point"), None, OrderGeometry),
        (Some("[8,40]"), None, Some("!!nope"), Collation),
        (Some("[8,40]"), None, Some(""), Collation),
        (Some("[8,40]"), None, Some("und-u-ks-level9"), Collation),
        (Some("[8,40]"), None, Some("de-u-co-telephone"), Collation),
        (Some("[8,40]"), None, Some("und-u-kn-maybe"), Collation),
        (Some("[8,40]"), None, Some("und-u-kb"), Collation),
        (Some("[8,40]"), None, Some("und-u-kr-latn"), Collation),
    ] {
        let error = try_read("location;dist-asc", from, geometry, collation).expect_err("wrong");
        assert_eq!(
            error.parameter, parameter,
            "{from:?} {geometry:?} {collation:?}: {error}"
        );
        assert!(error.to_string().starts_with(parameter.as_str()));
    }
    let many = vec!["a"; MAX_ORDERING_TERMS + 1].join(",");
    assert!(
        try_read(&many, None, None, None)
            .unwrap_err()
            .to_string()
            .contains("16")
    );
}

#[test]
fn texts_that_only_look_alike_have_an_order_all_the_same() {
    // Composed and decomposed forms are equal for collation: then the id decides.
    let forms = [
        named("b", [("name", property("が"))]),
        named("a", [("name", property("か\u{3099}"))]),
    ];
    assert_eq!(sorted(&read("name"), &forms), "a b");
    let others = [
        named("1", [("name", property("🍣"))]),
        named("2", [("name", property("a"))]),
        named("3", [("name", property("א"))]),
        named("4", [("name", property("あ"))]),
        named("5", [("name", property("漢"))]),
    ];
    assert_eq!(sorted(&read("name"), &others), "1 2 3 4 5");
}

fn any_value() -> impl Strategy<Value = Option<Instance>> {
    prop_oneof![
        Just(None),
        any::<i64>().prop_map(|integer| Some(property(Value::Number(Number::Integer(integer))))),
        (-4..4_i8).prop_map(|near| {
            let integer = (1_i64 << 53) + i64::from(near);
            Some(property(Value::Number(Number::Integer(integer))))
        }),
        any::<f64>().prop_map(|float| Some(property(Value::Number(Number::from(float))))),
        Just(Some(property(Value::Number(Number::Float(9_007_199_254_740_992.0))))),
        "[aAáあアが漢🍣 -]{0,3}".prop_map(|text| Some(property(text.as_str()))),
        any::<bool>().prop_map(|boolean| Some(property(boolean))),
        prop::sample::select(vec!["[1]", "[1,\"a\"]", "[]", "[[1]]", "{}", "{\"a\":1}", "[null]"])
            .prop_map(|text| Some(property(json(text)))),
        (-170.0..170.0_f64, -80.0..80.0_f64).prop_map(|(x, y)| Some(point(x, y))),
    ]
}

proptest! {
    #[test]
    fn it_is_an_order(values in prop::collection::vec(any_value(), 3), direction in 0..4_usize) {
        let direction = ["asc", "desc", "dist-asc", "dist-desc"][direction];
        let ordering = read(&format!("x;{direction}"));
        let keys: Vec<_> = values
            .into_iter()
            .enumerate()
            .map(|(index, value)| {
                let attributes = value.into_iter().map(|value| ("x", value));
                ordering.key(&named(&index.to_string(), attributes))
            })
            .collect();
        for a in &keys {
            prop_assert_eq!(ordering.compare(a, a), Order::Equal);
            for b in &keys {
                prop_assert_eq!(ordering.compare(a, b), ordering.compare(b, a).reverse());
                for c in &keys {
                    if ordering.compare(a, b).is_le() && ordering.compare(b, c).is_le() {
                        prop_assert!(ordering.compare(a, c).is_le());
                    }
                }
            }
        }
    }

    #[test]
    fn no_text_makes_it_panic(
        text in any::<String>(),
        tokens in "[a名.;,\\[\\] ]{0,12}(;(asc|desc|dist-asc|dist-desc))?",
        tag in "[a-z]{2,3}(-u(-(k[a-z]|co)(-[a-z0-9]{3,8})?){0,3})?|\\PC{0,12}",
    ) {
        for text in [text, tokens] {
            if let Ok(ordering) = try_read(&text, Some("[8,40]"), None, Some(&tag)) {
                let written = to_text(&ordering, &short);
                prop_assert_eq!(try_read(&written, Some("[8,40]"), None, Some(&tag)), Ok(ordering));
            }
        }
        let _ = try_read("a", Some(&tag), Some(&tag), Some(&tag));
    }
}
