//! What is malformed is 400 with a problem of CIM 009, naming the parameter and the position, and no source is asked.

use http::Method;

use super::harness::{Answer, Platform, encoded};

/// The types of Table 6.3.2-1 that stand for 400.
const MALFORMED: [&str; 2] = ["BadRequestData", "InvalidRequest"];

/// A malformed request, and what its refusal must name.
struct Case {
    target: String,
    names: &'static str,
}

fn query(parameters: &str, names: &'static str) -> Case {
    Case {
        target: format!("/ngsi-ld/v1/entities?{parameters}"),
        names,
    }
}

/// A value of one parameter beside a good `type`.
fn value(name: &'static str, text: &str) -> Case {
    query(&format!("type=EvacuationSite&{name}={}", encoded(text)), name)
}

fn refused(answer: &Answer, names: &str) {
    assert_eq!(answer.status, 400, "{answer}");
    assert!(MALFORMED.contains(&answer.error_type().as_str()), "{answer}");
    let detail = answer.problem().detail;
    assert!(detail.contains(names), "names no `{names}`: {answer}");
    let position = detail.split("position ").nth(1).and_then(|rest| rest.chars().next());
    assert!(
        position.is_some_and(|digit| digit.is_ascii_digit()),
        "says no position: {answer}"
    );
}

async fn each_is_refused(cases: Vec<Case>) {
    let platform = Platform::start().await;
    let mut wrong = Vec::new();
    for Case { target, names } in cases {
        let answer = platform.get(&target).await;
        // All of them are looked at before the test fails, so that one run tells all.
        if let Err(panic) = std::panic::catch_unwind(|| refused(&answer, names)) {
            wrong.push(panic.downcast_ref::<String>().cloned().unwrap_or_default());
        }
    }
    assert_eq!(platform.asked().len(), 0, "a source was asked");
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test]
async fn unknown_parameters() {
    each_is_refused(vec![
        query("type=EvacuationSite&limt=7", "limt"),
        query("foo=bar", "foo"),
        query("type=EvacuationSite&Type=AED", "Type"),
        query("type=EvacuationSite&%E6%9E%B6=1", "架"),
        query("type=EvacuationSite&x-api-key=1", "x-api-key"),
        Case {
            target: "/ngsi-ld/v1/entities/urn:ngsi-ld:EvacuationSite:E0920400001201?q=name".into(),
            names: "q",
        },
        Case {
            target: "/ngsi-ld/v1/entities/urn:ngsi-ld:EvacuationSite:E0920400001201?limit=1".into(),
            names: "limit",
        },
        Case {
            target: "/ngsi-ld/v1/types?type=AED".into(),
            names: "type",
        },
    ])
    .await;
}

#[tokio::test]
async fn unknown_parameter_values() {
    each_is_refused(vec![
        value("options", "keyValue"),
        value("options", "keyValues,nonsense"),
        value("options", ""),
        value("format", "xml"),
        value("count", "yes"),
        value("count", ""),
        value("count", "TRUE"),
        value("local", "1"),
        value("splitEntities", "maybe"),
        query("type=EvacuationSite&options=keyValues,,count", "options"),
        Case {
            target: "/ngsi-ld/v1/entities/urn:ngsi-ld:EvacuationSite:E0920400001201?options=nonsense".into(),
            names: "options",
        },
    ])
    .await;
}

#[tokio::test]
async fn broken_scope_queries_and_lists_of_values() {
    each_is_refused(vec![
        value("scopeQ", ""),
        value("scopeQ", "/"),
        value("scopeQ", "/A//B"),
        value("scopeQ", "(/A;/B"),
        value("scopeQ", "/A;"),
        value("scopeQ", "/A/#/B"),
        value("csf", "))bad(("),
        value("csf", "mode=\"inclusive\""),
        value("expandValues", "a,,b"),
        value("expandValues", "-a"),
        value("jsonKeys", "a b"),
        value("geoQ", ""),
        value("geoQ", "{\"georel\":"),
        value("geoQ", "within&geometry=Point&coordinates=[1]"),
        value("geoQ", "within&colour=red"),
    ])
    .await;
}

#[tokio::test]
//= 5.7.2.4-2
async fn broken_q() {
    let deep = format!("{}name{}", "(".repeat(900), ")".repeat(900));
    let broken = [
        "name==",
        "==\"x\"",
        "name==\"open",
        "(name",
        "name)",
        "name;;fullAddress",
        "name;",
        ";name",
        "|name",
        "name|",
        "name=\"x\"",
        "name===\"x\"",
        "name~=\"[\"",
        "name~=\"(\"",
        "name==1..",
        "name==..2",
        "[a]",
        "name[==1",
        "name[]==1",
        "a..b==1",
        ".a==1",
        "()",
        " ",
        "",
        "name==\"x\"y",
        "name>",
        "name!",
        "name<>1",
        "name==\"x\",",
        "name==,\"x\"",
        "name&&fullAddress",
        "名称==",
        "name == \"x\" and fullAddress",
        "&",
        "\"name\"==1",
        "name==1e400",
        "name>-1e999",
        "name==1..1e400",
        &deep,
    ];
    each_is_refused(broken.into_iter().map(|q| value("q", q)).collect()).await;
}

#[tokio::test]
async fn impossible_geometry() {
    let geo = |georel: &str, geometry: &str, coordinates: &str, names| {
        let (georel, coordinates) = (encoded(georel), encoded(coordinates));
        query(
            &format!("type=EvacuationSite&georel={georel}&geometry={geometry}&coordinates={coordinates}"),
            names,
        )
    };
    let near = "near;maxDistance==100";
    each_is_refused(vec![
        geo(near, "Point", "[139.5,91]", "coordinates"),
        geo(near, "Point", "[181,36]", "coordinates"),
        geo(near, "Point", "[139.5]", "coordinates"),
        geo(near, "Point", "[]", "coordinates"),
        geo(near, "Point", "139.5,36.3", "coordinates"),
        geo(near, "Point", "[\"139.5\",\"36.3\"]", "coordinates"),
        geo(near, "Point", "[[139.5,36.3]]", "coordinates"),
        geo(near, "Point", "[139.5,36.3", "coordinates"),
        geo(near, "Point", "[1e999,36.3]", "coordinates"),
        geo(
            near,
            "Point",
            &format!("[139.{},36.3]", "5".repeat(1_000)),
            "coordinates",
        ),
        geo(near, "Point", "{}", "coordinates"),
        geo(near, "Pont", "[139.5,36.3]", "geometry"),
        geo(near, "point", "[139.5,36.3]", "geometry"),
        geo("within", "Polygon", "[[[0,0],[1,0],[1,1],[0,1]]]", "coordinates"),
        geo("within", "Polygon", "[[[0,0],[1,0],[0,0]]]", "coordinates"),
        geo("within", "Polygon", "[[0,0],[1,0],[1,1],[0,0]]", "coordinates"),
        geo("within", "LineString", "[[0,0]]", "coordinates"),
        geo("near", "Point", "[139.5,36.3]", "georel"),
        geo("near;maxDistance==-5", "Point", "[139.5,36.3]", "georel"),
        geo("near;maxDistance=100", "Point", "[139.5,36.3]", "georel"),
        geo("near;maxDistance==abc", "Point", "[139.5,36.3]", "georel"),
        geo("near;maxDistance==NaN", "Point", "[139.5,36.3]", "georel"),
        geo("near;maxDistance==1;maxDistance==2", "Point", "[139.5,36.3]", "georel"),
        geo("beside", "Point", "[139.5,36.3]", "georel"),
        geo("within;maxDistance==5", "Point", "[139.5,36.3]", "georel"),
        geo("", "Point", "[139.5,36.3]", "georel"),
    ])
    .await;
}

#[tokio::test]
//= 6.4.3.2-6
async fn incomplete_geo_queries() {
    let platform = Platform::start().await;
    for (parameters, missing) in [
        ("georel=near%3BmaxDistance%3D%3D100&geometry=Point", "coordinates"),
        (
            "georel=near%3BmaxDistance%3D%3D100&coordinates=%5B139%2C36%5D",
            "geometry",
        ),
        ("geometry=Point&coordinates=%5B139%2C36%5D", "georel"),
    ] {
        let answer = platform.entities(format!("type=EvacuationSite&{parameters}")).await;
        assert_eq!(answer.status, 400, "{answer}");
        assert!(answer.problem().detail.contains(missing), "{answer}");
    }
    assert_eq!(platform.asked().len(), 0);
}

#[tokio::test]
async fn wrong_limits_and_offsets() {
    let mut cases = Vec::new();
    for name in ["limit", "offset"] {
        for text in [
            "abc",
            "-1",
            "1.5",
            "",
            "1e3",
            "+5",
            " 5",
            "0x10",
            "５",
            "99999999999999999999999999",
            "1,2",
            "null",
        ] {
            cases.push(value(name, text));
        }
    }
    each_is_refused(cases).await;
    let platform = Platform::start().await;
    let zero = platform.entities("type=EvacuationSite&limit=0").await;
    assert_eq!(
        (zero.status, zero.problem().detail.contains("limit")),
        (400, true),
        "{zero}"
    );
    let uncounted = platform.entities("type=EvacuationSite&limit=0&count=false").await;
    assert_eq!(uncounted.status, 400, "{uncounted}");
    let large = platform.entities("type=EvacuationSite&limit=1001").await;
    assert_eq!(
        (large.status, large.error_type().as_str()),
        (403, "TooManyResults"),
        "clause 5.5.9: {large}"
    );
    assert_eq!(platform.asked().len(), 0);
}

#[tokio::test]
//= 5.7.1.4-1, 6.4.3.2-7
async fn ids_that_are_no_uris() {
    let mut cases = vec![
        query("type=EvacuationSite&id=urn:ngsi-ld:EvacuationSite:1,nonsense", "id"),
        query("type=EvacuationSite&id=,", "id"),
        query("type=EvacuationSite&id=", "id"),
        query("type=EvacuationSite&id=urn:a:b,", "id"),
        query("type=EvacuationSite&id=not%20a%20uri", "id"),
        query("type=EvacuationSite&id=E0920400001201", "id"),
        query("type=EvacuationSite&id=urn:ngsi-ld:%E4%BD%90%20%E9%87%8E", "id"),
    ];
    for id in [
        "E0920400001201",
        "not-a-uri",
        "%20",
        "urn%20x",
        "1:2",
        ":x",
        "%3Cscript%3E",
        "%22",
        "%E4%BD%90%E9%87%8E",
    ] {
        cases.push(Case {
            target: format!("/ngsi-ld/v1/entities/{id}"),
            names: "id",
        });
    }
    each_is_refused(cases).await;
}

#[tokio::test]
async fn duplicate_parameters() {
    each_is_refused(vec![
        query("type=EvacuationSite&type=AED", "type"),
        query("type=EvacuationSite&q=name&q=name", "q"),
        query("type=EvacuationSite&limit=1&limit=1", "limit"),
        query("type=EvacuationSite&id=urn:a:b&id=urn:a:c", "id"),
        query("type=EvacuationSite&%74ype=AED", "type"),
        query("type=EvacuationSite&options=keyValues&options=sysAttrs", "options"),
        query(
            "type=EvacuationSite&coords=%5B1%2C2%5D&coordinates=%5B1%2C2%5D",
            "coordinates",
        ),
    ])
    .await;
}

#[tokio::test]
async fn broken_encodings_patterns_and_names() {
    each_is_refused(vec![
        query("type=EvacuationSite&q=name%3D%3D%22%zz%22", "q"),
        query("type=EvacuationSite&q=%", "q"),
        query("type=EvacuationSite&q=%E4%BD", "q"),
        query("type=EvacuationSite&q=%ff%fe", "q"),
        query("type=%C0%AF", "type"),
        value("idPattern", "["),
        value("idPattern", "(?P<x"),
        value("idPattern", "a{99999}"),
        value("idPattern", "a**"),
        value("idPattern", ""),
        value("attrs", ""),
        value("attrs", "name,,location"),
        value("attrs", "na me"),
        value("pick", ","),
        query("type=", "type"),
        query("type=EvacuationSite,", "type"),
        query("type=(EvacuationSite", "type"),
        query("type=EvacuationSite;;AED", "type"),
        query("type=%3Cscript%3E", "type"),
    ])
    .await;
}

#[tokio::test]
//= 5.7.2.4-1, 6.4.3.2-4
async fn no_selector_at_all() {
    let platform = Platform::start().await;
    for parameters in [
        "",
        "?",
        "?limit=5",
        "?count=true",
        "?options=keyValues",
        "?id=urn:ngsi-ld:EvacuationSite:E0920400001201",
        "?idPattern=.*",
        "?local=false",
        "?offset=3",
    ] {
        let answer = platform.get(format!("/ngsi-ld/v1/entities{parameters}")).await;
        assert_eq!(
            (answer.status, answer.error_type().as_str()),
            (400, "BadRequestData"),
            "{answer}"
        );
        let detail = answer.problem().detail;
        assert!(
            ["type", "attrs", "q"].iter().all(|name| detail.contains(name)),
            "says what to add: {detail}"
        );
    }
    assert_eq!(platform.asked().len(), 0);
}

#[tokio::test]
async fn oversized_requests() {
    let platform = Platform::start().await;
    for (number, status) in [(150, 200), (190, 400), (900, 400)] {
        let ids: Vec<String> = (0..number)
            .map(|id| format!("urn:ngsi-ld:EvacuationSite:E0920499999{id:06}"))
            .collect();
        let ids = ids.join(",");
        let answer = platform.entities(format!("type=EvacuationSite&id={ids}")).await;
        assert_eq!(answer.status, status, "{number}: {answer}");
        if status == 400 {
            assert!(MALFORMED.contains(&answer.error_type().as_str()), "{answer}");
            assert!(answer.problem().detail.contains("URL"), "{answer}");
        }
    }
    platform.forget_requests();
    let ids: Vec<String> = (0..250).map(|number| format!("urn:a:{number}")).collect();
    let many = platform
        .entities(format!("type=EvacuationSite&id={}", ids.join(",")))
        .await;
    assert_eq!(many.status, 400, "{many}");
    let huge = platform
        .entities("type=EvacuationSite")
        .header("x-filler", &"f".repeat(200_000))
        .await;
    assert!((400..500).contains(&huge.status), "{huge}");
    assert_eq!(platform.asked().len(), 0);
}

#[tokio::test]
async fn what_http_itself_forbids() {
    let platform = Platform::start().await;
    for accept in [
        "text/html",
        "application/xml",
        "image/*",
        "application/json;q=0",
        "nonsense",
    ] {
        let answer = platform.entities("type=EvacuationSite").accept(accept).await;
        assert_eq!(answer.status, 406, "{accept}: {answer}");
        assert!(answer.problem().detail.contains("application/json"), "{answer}");
    }
    let entity = "/ngsi-ld/v1/entities/urn:a:b";
    let types = "/ngsi-ld/v1/types";
    for (method, targets) in [
        (Method::POST, [entity, types].as_slice()),
        (Method::PUT, &[types]),
        (Method::PATCH, &[types]),
        (Method::DELETE, &[types]),
    ] {
        for target in targets {
            if method != Method::DELETE {
                // Whatever it is about, a body says how long it is (clause 6.3.4).
                let answer = platform.request(method.clone(), *target).await;
                assert_eq!(answer.status, 411, "{answer}");
            }
            let answer = platform
                .request(method.clone(), *target)
                .body("application/json", "{}")
                .await;
            assert_eq!(answer.status, 405, "{answer}");
            assert!(
                answer.header("allow").is_some_and(|allowed| allowed.contains("GET")),
                "{answer}"
            );
            answer.problem();
        }
    }
    for target in [
        "/",
        "/ngsi-ld/v1",
        "/ngsi-ld/v1/nonsense",
        "/v2/entities",
        "/ngsi-ld/v1/entities/urn:a:b/nonsense",
        "/ngsi-ld//v1/entities?type=AED",
        "/metrics",
    ] {
        let answer = platform.get(target).await;
        assert_eq!(
            (answer.status, answer.error_type().as_str()),
            (404, "ResourceNotFound"),
            "{answer}"
        );
    }
    for climbing in [
        "/ngsi-ld/v1/entities/../types",
        "/ngsi-ld/v1/entities/%2e%2e/types",
        "/ngsi-ld/v1/./types",
    ] {
        let answer = platform.get(climbing).await;
        assert_eq!(answer.status, 400, "{answer}");
    }
    assert_eq!(platform.asked().len(), 0);
}

#[tokio::test]
async fn what_cim_009_has_and_this_version_has_not_is_said() {
    let platform = Platform::start().await;
    let answer = platform.entities("type=EvacuationSite&via=true").await;
    assert_eq!(
        (answer.status, answer.error_type().as_str()),
        (422, "OperationNotSupported"),
        "{answer}"
    );
    assert!(answer.problem().detail.contains("via"), "{answer}");
    assert_eq!(platform.asked().len(), 0);
}

#[tokio::test]
//= 5.5.6-5
async fn links_to_contexts_that_cannot_be_had() {
    let platform = Platform::start().await;
    let link =
        |url: &str| format!("<{url}>; rel=\"http://www.w3.org/ns/json-ld#context\"; type=\"application/ld+json\"");
    let unknown = platform
        .entities("type=EvacuationSite")
        .header("link", &link("http://127.0.0.1:1/context.jsonld"))
        .await;
    assert_eq!(
        (unknown.status, unknown.error_type().as_str()),
        (504, "LdContextNotAvailable"),
        "{unknown}"
    );
    for broken in [
        "<http://x",
        "nonsense",
        "<a>; rel=\"http://www.w3.org/ns/json-ld#context\", <b>; rel=\"http://www.w3.org/ns/json-ld#context\"",
    ] {
        let answer = platform.entities("type=EvacuationSite").header("link", broken).await;
        assert_eq!(answer.status, 400, "{answer}");
    }
    assert_eq!(platform.asked().len(), 0);
}
