//! What is said of a parameter that there is not: which one is meant.

/// What parameters are called that other APIs have in the place of some of CIM 009: in small letters, without `_`, `-` and `$`.
const CALLED_ELSEWHERE: [(&[&str], &[&str]); 10] = [
    (&["page", "pagenumber", "pageno", "skip", "start"], &["offset"]),
    (
        &["perpage", "pagesize", "size", "top", "rows", "maxresults"],
        &["limit"],
    ),
    (&["sort", "sortby", "order", "ordering"], &["orderBy"]),
    (
        &["fields", "select", "columns", "properties", "include"],
        &["attrs", "pick"],
    ),
    (&["exclude", "without"], &["omit"]),
    (&["filter", "where", "query", "search"], &["q"]),
    (&["bbox", "near", "within", "radius"], &["georel"]),
    (&["language", "locale"], &["lang"]),
    (&["after", "next", "pagetoken", "nexttoken"], &["cursor"]),
    (&["expand", "embed"], &["join"]),
];

/// What is said of an unknown parameter: what it is called here, or the nearest that is known.
pub(super) fn did_you_mean(name: &str, known: impl Iterator<Item = &'static str> + Clone) -> String {
    let plain: String = name.chars().filter(|character| !"_-$".contains(*character)).collect();
    let plain = plain.to_lowercase();
    let is_known = |name: &&&str| known.clone().any(|known| known == **name);
    let called = CALLED_ELSEWHERE.iter().find(|(others, _)| others.contains(&&*plain));
    let here: Vec<&str> = called.map_or_else(Vec::new, |(_, here)| here.iter().filter(is_known).copied().collect());
    match here.as_slice() {
        ["offset"] => "; did you mean `offset`, which counts entities?".to_owned(),
        [] => nearest(name, known)
            .map(|near| format!("; did you mean `{near}`?"))
            .unwrap_or_default(),
        here => format!("; did you mean `{}`?", here.join("` or `")),
    }
}

/// The known name that is most likely meant.
pub(super) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    /// Below this similarity (Jaro-Winkler, 0 to 1) a suggestion confuses more than it helps.
    const LIKELY: f64 = 0.8;
    known
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(similarity, _)| *similarity >= LIKELY)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_other_apis_call_a_parameter_is_told_by_its_name_here() {
        const KNOWN: [&str; 7] = ["type", "limit", "offset", "q", "attrs", "pick", "orderBy"];
        for (name, expected) in [
            ("page", "did you mean `offset`, which counts entities?"),
            ("per_page", "did you mean `limit`?"),
            ("pageSize", "did you mean `limit`?"),
            ("sort", "did you mean `orderBy`?"),
            ("fields", "did you mean `attrs` or `pick`?"),
            ("$filter", "did you mean `q`?"),
            ("typ", "did you mean `type`?"),
        ] {
            let told = did_you_mean(name, KNOWN.into_iter());
            assert_eq!(told, format!("; {expected}"), "{name}");
        }
        // Of what the operation does not offer nothing is said.
        assert_eq!(did_you_mean("page", ["type"].into_iter()), "");
    }
}
