//! What an origin of a list means, and what a preflight is told of several lists.

use proptest::prelude::*;

use super::*;

fn parsed(text: &str) -> AllowedOrigin {
    parse_origin(text, false).unwrap_or_else(|(message, _)| panic!("{message}"))
}

fn rules(origins: &[&str], methods: &[Method]) -> Arc<CorsRules> {
    Arc::new(CorsRules {
        origins: origins
            .iter()
            .map(|text| parse_origin(text, true).unwrap_or_else(|(message, _)| panic!("{message}")))
            .collect(),
        methods: methods.to_vec(),
        ..CorsRules::default()
    })
}

#[test]
fn an_origin_becomes_what_browsers_send() {
    for (written, sent) in [
        ("https://map.example.jp", "https://map.example.jp"),
        ("HTTPS://Map.Example.JP:443", "https://map.example.jp"),
        ("http://map.example.jp:80", "http://map.example.jp"),
        ("http://map.example.jp:8080", "http://map.example.jp:8080"),
        ("https://防災.example.jp", "https://xn--eox771f.example.jp"),
        ("http://[0:0:0:0:0:0:0:1]:8000", "http://[::1]:8000"),
    ] {
        assert!(parsed(written).is_of(sent), "{written}");
    }
}

#[test]
fn a_listed_origin_is_no_other() {
    let origin = parsed("https://map.example.jp");
    for other in [
        "http://map.example.jp",
        "https://map.example.jp:8443",
        "https://evil.map.example.jp",
        "https://map.example.jp.evil.example",
        "https://MAP.example.jp",
        "https://map.example.jp/",
        "null",
        "",
    ] {
        assert!(!origin.is_of(other), "{other}");
    }
    let loopback = parsed("http://localhost:*");
    for (own, is_own) in [
        ("http://localhost", true),
        ("http://localhost:1", true),
        ("http://localhost:65535", true),
        ("https://localhost:8000", false),
        ("http://localhost.evil.example:80", false),
        ("http://localhost:80.evil.example", false),
        ("http://localhost:", false),
        ("http://evil.example#http://localhost:80", false),
        ("http://127.0.0.1:80", false),
    ] {
        assert_eq!(loopback.is_of(own), is_own, "{own}");
    }
    let loopback = parsed("http://[::1]:*");
    for (own, is_own) in [
        ("http://[::1]", true),
        ("http://[::1]:8000", true),
        ("http://[::2]:8000", false),
    ] {
        assert_eq!(loopback.is_of(own), is_own, "{own}");
    }
}

#[test]
fn what_is_no_origin_is_refused() {
    for wrong in [
        "",
        "null",
        "*",
        "map.example.jp",
        "https://",
        "ftp://map.example.jp",
        "file://",
        "https://map.example.jp/",
        "https://map.example.jp/path",
        "https://map.example.jp?x",
        "https://map.example.jp#x",
        "https://user:pw@map.example.jp",
        "https://*.example.jp",
        "https://map.example.jp:*",
        "http://localhost:80:*",
        "http://localhost.example.jp:*",
        "https://map.example.jp:99999",
        "https://a b",
    ] {
        assert!(parse_origin(wrong, false).is_err(), "{wrong}");
    }
    // Nor may the anonymous consumer be asked as by a page that has no name.
    assert_eq!(parse_origin("*", true), Ok(AllowedOrigin::Everybody));
    assert!(!AllowedOrigin::Everybody.is_of("null"));
}

#[test]
fn everybody_reads_and_nothing_else() {
    let rules = rules(&["*", "https://own.example.jp"], &METHODS);
    assert!(rules.permit("https://any.example", &Method::GET, true));
    assert!(rules.permit("https://any.example", &Method::POST, true));
    assert!(!rules.permit("https://any.example", &Method::POST, false));
    assert!(rules.permit("https://own.example.jp", &Method::POST, false));
    assert!(!rules.permit("null", &Method::GET, true));
}

#[test]
fn a_preflight_is_told_what_any_consumer_may() {
    let of_gateway = rules(&["http://localhost:*"], &[Method::GET]);
    let own = |name: &str, rules| (ConsumerId::new(name), rules);
    let of_consumers = HashMap::from_iter([
        own(
            "one",
            rules(&["http://localhost:8000", "https://one.example.jp"], &[Method::DELETE]),
        ),
        own("two", rules(&["https://one.example.jp"], &[Method::GET, Method::POST])),
        own("anonymous", rules(&["*"], &METHODS)),
    ]);
    let cors = Cors::new(of_gateway, of_consumers);
    let methods = |origin| cors.of_any(origin).map(|rules| rules.methods);
    let reading = [Method::GET, Method::HEAD];
    assert_eq!(methods("https://any.example").as_deref(), Some(&reading[..]));
    assert_eq!(methods("http://localhost:9").as_deref(), Some(&reading[..]));
    let with_delete = [Method::GET, Method::HEAD, Method::DELETE];
    assert_eq!(methods("http://localhost:8000").as_deref(), Some(&with_delete[..]));
    let both = [Method::GET, Method::HEAD, Method::POST, Method::DELETE];
    assert_eq!(methods("https://one.example.jp").as_deref(), Some(&both[..]));
    assert_eq!(methods("null"), None);
    // Nobody else is asked as.
    let permits = |name: &str| {
        cors.of(&ConsumerId::new(name))
            .permit("https://one.example.jp", &Method::DELETE, false)
    };
    assert!(permits("one") && !permits("two") && !permits("three"));
}

proptest! {
    /// Whatever is written: what is taken is on its own list, and `null` on none.
    #[test]
    fn what_is_taken_is_an_origin(text in "(https?|HTTP|ftp)?(://)?[a-zA-Z0-9.*@\\[\\]:/?# 防-]{0,24}(:[0-9*]{0,6})?") {
        if let Ok(allowed) = parse_origin(&text, true) {
            prop_assert!(!allowed.is_of("null"));
            match &allowed {
                AllowedOrigin::Exactly(own) => {
                    prop_assert_eq!(Url::parse(own).unwrap().origin().ascii_serialization(), &**own);
                    prop_assert!(allowed.is_of(own));
                }
                AllowedOrigin::AnyPort(own) => {
                    let with_port = format!("{own}:8000");
                    prop_assert!(allowed.is_of(own) && allowed.is_of(&with_port));
                }
                AllowedOrigin::Everybody => prop_assert_eq!(text, "*"),
            }
        }
    }
}
