//! What is no `q`, and what is too much of one.

use super::*;
use crate::entity::MAX_NUMBER_LENGTH;

#[test]
fn what_is_wrong_is_named_with_its_position() {
    for (query, position, found) in [
        ("", 0, "the end"),
        ("=1", 0, "'='"),
        ("-a==1", 0, "'-'"),
        ("a＝＝1", 1, "'＝'"),
        ("a%2==1", 1, "'%'"),
        ("%==1", 0, "'%'"),
        ("a=1", 1, "'='"),
        ("a!1", 1, "'!'"),
        ("a==", 3, "the end"),
        ("status==open", 8, "'o'"),
        ("status=='open'", 8, "'\\''"),
        ("名称==佐野", 4, "'佐'"),
        ("a==\"佐野", 3, "'\"'"),
        (r#"a=="\x""#, 3, "'\"'"),
        ("a==01", 3, "'0'"),
        ("a==1e400", 3, "'1'"),
        ("a>-1e999", 2, "'-'"),
        ("a==1..1e400", 6, "'1'"),
        ("a==1,1e400", 5, "'1'"),
        ("a==1x", 3, "'1'"),
        ("a==2026-02-30T00:00:00Z", 3, "'2'"),
        ("a==2026-01-01T00:00:00+0900", 3, "'2'"),
        ("a==2026-02-30T00:00:00+09:00", 3, "'2'"),
        ("a==2026-13-01", 3, "'2'"),
        ("a==-use", 3, "'-'"),
        ("a==in-use.x", 3, "'i'"),
        ("a==in-use..z", 3, "'i'"),
        ("a>in-use", 2, "'i'"),
        ("a>true", 2, "'t'"),
        ("a<urn:x:y", 2, "'u'"),
        ("a==1..", 6, "the end"),
        ("a==1..true", 6, "'t'"),
        ("a==true..false", 3, "'t'"),
        ("a==1,", 5, "the end"),
        ("a>1,2", 3, "','"),
        ("a;", 2, "the end"),
        ("a||b", 2, "'|'"),
        ("(a", 2, "the end"),
        ("a)", 1, "')'"),
        ("()", 1, "')'"),
        ("a.", 2, "the end"),
        ("a[", 2, "the end"),
        ("a[b", 3, "the end"),
        ("a[b][c]", 4, "'['"),
        ("a b", 2, "'b'"),
        ("a~=", 3, "the end"),
        ("a~=[", 3, "'['"),
        ("a~=(?=x)", 3, "'('"),
        ("x:==1", 0, "'x'"),
    ] {
        let error = read(query).expect_err(query);
        assert_eq!((error.position, error.found.as_str()), (position, found), "{query}");
    }
    assert!(read("status==open").unwrap_err().to_string().contains("double quotes"));
    let long = read(&format!("a=={}", "1".repeat(10_000))).unwrap_err();
    assert_eq!(
        (
            long.position,
            long.to_string()
                .contains(&format!("at most {MAX_NUMBER_LENGTH} characters"))
        ),
        (3, true),
        "{long}"
    );
    assert!(
        read("a<1e400")
            .unwrap_err()
            .to_string()
            .contains("that a double can hold")
    );
    let nothing = Expand {
        attribute: &|_| None,
        r#type: &|_| None,
        value: &|_| None,
    };
    let refused = parse::parse("bad>1", &nothing, &ValueExpansion::default(), Extent::Part).unwrap_err();
    assert_eq!(refused.position, 0);
}

#[test]
fn limits_are_kept_and_said() {
    let nested = |depth| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
    let path = |names| vec!["a"; names].join(".");
    let listed = |values| format!("a=={}", vec!["1"; values].join(","));
    let terms = |terms| vec!["a"; terms].join(";");
    let patterns = |patterns| vec!["a~=x"; patterns].join(";");
    let limits: [(&dyn Fn(usize) -> String, usize); 5] = [
        (&nested, MAX_DEPTH),
        (&path, MAX_PATH_NAMES),
        (&listed, MAX_LISTED_VALUES),
        (&terms, MAX_TERMS),
        (&patterns, MAX_PATTERNS),
    ];
    for (query, limit) in limits {
        assert!(read(&query(limit)).is_ok(), "{limit}");
        let error = read(&query(limit + 1)).unwrap_err();
        assert!(error.expected.contains(&limit.to_string()), "{error}");
    }
    let long = format!("a==\"{}\"", "x".repeat(MAX_QUERY_BYTES));
    assert_eq!(read(&long).unwrap_err().position, 0);
}
