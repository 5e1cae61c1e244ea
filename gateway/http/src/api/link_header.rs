//! The `Link` header of RFC 8288: the targets of one relation. It knows that grammar and nothing of this gateway, so
//! that the fuzz target of it compiles this file alone.

use std::borrow::Cow;

/// The header is no list of links.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MalformedLink;

/// Where links lead, in their order. A target is as it stands there: it may be relative.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Targets<'h> {
    /// Of those that have the relation.
    pub(crate) related: Vec<&'h str>,
    /// Of those that say no relation at all, as hurried clients write them, and of no other media type than what the relation
    /// leads to.
    pub(crate) unsaid: Vec<&'h str>,
}

/// Where the links of a header lead (RFC 8288 section 3).
///
/// # Errors
/// [`MalformedLink`] when a link is not `<URL>` with parameters after `;`.
pub(crate) fn targets<'h>(header: &'h str, relation: &str, media_type: &str) -> Result<Targets<'h>, MalformedLink> {
    let mut targets = Targets::default();
    // Empty elements of a list are nothing (RFC 9110 section 5.6.1).
    let mut rest = header.trim_start_matches([',', ' ', '\t']);
    while !rest.is_empty() {
        let inner = rest.strip_prefix('<').ok_or(MalformedLink)?;
        let (target, after) = inner.split_once('>').ok_or(MalformedLink)?;
        let (says, after) = parameters(after, relation, media_type)?;
        match says {
            Says::TheRelation => targets.related.push(target.trim()),
            Says::NoRelation => targets.unsaid.push(target.trim()),
            Says::SomethingElse => {}
        }
        rest = after.trim_start_matches([',', ' ', '\t']);
    }
    Ok(targets)
}

/// What the parameters of a link say of where it leads.
enum Says {
    TheRelation,
    NoRelation,
    SomethingElse,
}

/// Reads the parameters of one link: what the first `rel` among them says (later ones do not count: section 3.3), and what
/// follows the link.
fn parameters<'h>(text: &'h str, relation: &str, media_type: &str) -> Result<(Says, &'h str), MalformedLink> {
    let mut relations: Option<bool> = None;
    let mut is_of_type = true;
    let mut rest = without_space(text);
    while let Some(parameter) = rest.strip_prefix(';') {
        let (name, after) = token(without_space(parameter));
        let after = without_space(after);
        let Some(after) = after.strip_prefix('=') else {
            // A name without a value, or nothing between two semicolons.
            if name.eq_ignore_ascii_case("rel") {
                relations.get_or_insert(false);
            }
            rest = after;
            continue;
        };
        let (value, after) = value(without_space(after))?;
        if name.eq_ignore_ascii_case("rel") {
            relations.get_or_insert_with(|| names(&value, relation));
        } else if name.eq_ignore_ascii_case("type") {
            is_of_type = value.eq_ignore_ascii_case(media_type);
        }
        rest = without_space(after);
    }
    if rest.is_empty() || rest.starts_with(',') {
        let says = match relations {
            Some(true) => Says::TheRelation,
            None if is_of_type => Says::NoRelation,
            _ => Says::SomethingElse,
        };
        Ok((says, rest))
    } else {
        Err(MalformedLink)
    }
}

/// Whether the value of `rel`, several relations with spaces between them, names this one. URIs in it are compared
/// without regard to case (section 2.1.2).
fn names(value: &str, relation: &str) -> bool {
    value
        .split_ascii_whitespace()
        .any(|name| name.eq_ignore_ascii_case(relation))
}

/// A value, in quotes or without, and what follows it.
fn value(text: &str) -> Result<(Cow<'_, str>, &str), MalformedLink> {
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, after) = token(text);
        return Ok((Cow::Borrowed(value), after));
    };
    let mut escaped = false;
    for (index, character) in quoted.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => {
                let (value, after) = quoted.split_at_checked(index).ok_or(MalformedLink)?;
                return Ok((unescaped(value), after.strip_prefix('"').unwrap_or(after)));
            }
            _ => {}
        }
    }
    Err(MalformedLink)
}

/// The text of a quoted string (RFC 9110 section 5.6.4).
fn unescaped(quoted: &str) -> Cow<'_, str> {
    if !quoted.contains('\\') {
        return Cow::Borrowed(quoted);
    }
    let mut characters = quoted.chars();
    let mut text = String::with_capacity(quoted.len());
    while let Some(character) = characters.next() {
        // The closing quote was found: something follows each backslash.
        text.extend(if character == '\\' {
            characters.next()
        } else {
            Some(character)
        });
    }
    Cow::Owned(text)
}

/// Everything up to what ends a name or a value without quotes, and the rest. A URL may stand there without quotes,
/// as older clients write it, although it is no token of the grammar.
fn token(text: &str) -> (&str, &str) {
    let end = text.find([';', ',', '=', ' ', '\t', '"']).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// Optional white space is skipped (RFC 9110 section 5.6.3).
fn without_space(text: &str) -> &str {
    text.trim_start_matches([' ', '\t'])
}

#[cfg(test)]
mod tests {
    use super::*;

    const RELATION: &str = "http://www.w3.org/ns/json-ld#context";
    const MEDIA_TYPE: &str = "application/ld+json";

    fn contexts(header: &str) -> Vec<&str> {
        targets(header, RELATION, MEDIA_TYPE).unwrap().related
    }

    #[test]
    fn links_of_the_relation_are_found_among_others() {
        let link = format!("<http://a/c.jsonld>; rel=\"{RELATION}\"; type=\"application/ld+json\"");
        assert_eq!(contexts(&link), ["http://a/c.jsonld"]);
        assert_eq!(
            contexts(&format!("<http://x>; rel=next; title=\"a, b; c\", {link}, <http://y>")),
            ["http://a/c.jsonld"]
        );
        assert_eq!(contexts(&format!("{link},{link}")).len(), 2);
        assert_eq!(contexts(&format!(" , {link} ,,\t")), ["http://a/c.jsonld"]);
        assert!(contexts("").is_empty());
    }

    #[test]
    fn a_link_may_have_several_relations_in_any_case_and_without_quotes() {
        for parameters in [
            format!("; type=x; REL = \"next {RELATION}\""),
            format!(";rel={RELATION}"),
            format!(";;rel={RELATION};"),
            format!("; rel=\"{}\"", RELATION.to_uppercase()),
            "; rel=\"http://www.w3.org/ns/\\json-ld\\#context\"".to_owned(),
            format!("; title*=UTF-8''%e6; crossorigin; rel=\"{RELATION}\""),
        ] {
            assert_eq!(contexts(&format!("< /c >{parameters}")), ["/c"], "{parameters}");
        }
        for parameters in [
            format!("; title=\"rel={RELATION}\""),
            format!("; title=\"\\\"; rel={RELATION}\""),
            format!("; rel=next; rel=\"{RELATION}\""),
            format!("; rel=\"{RELATION}#more\""),
            "; rel".to_owned(),
            "; rel=".to_owned(),
        ] {
            assert!(contexts(&format!("<http://a>{parameters}")).is_empty(), "{parameters}");
        }
    }

    #[test]
    fn links_that_say_no_relation_and_no_other_type_are_found_apart() {
        let unsaid = |header: &str| {
            let targets = targets(header, RELATION, MEDIA_TYPE).unwrap();
            targets.unsaid.into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        for parameters in [
            "",
            "; type=\"application/ld+json\"",
            "; type=Application/LD+JSON; title=c",
        ] {
            assert_eq!(
                unsaid(&format!("<http://a/c.jsonld>{parameters}")),
                ["http://a/c.jsonld"],
                "{parameters}"
            );
        }
        for parameters in [
            "; type=\"application/json\"",
            "; rel=next",
            "; rel",
            &format!("; rel=\"{RELATION}\""),
        ] {
            assert!(unsaid(&format!("<http://a/c>{parameters}")).is_empty(), "{parameters}");
        }
    }

    #[test]
    fn what_is_no_list_of_links_is_malformed() {
        for header in [
            "http://a/c.jsonld",
            "<http://a",
            "<http://a> rel=next",
            "<http://a>; rel=\"next",
            "<http://a>; rel=\"next\\\"",
            "<http://a>; rel=next more",
            "<http://a>; =; \"x\"",
            "<http://a>, x",
        ] {
            assert_eq!(targets(header, RELATION, MEDIA_TYPE), Err(MalformedLink), "{header}");
        }
    }
}
