//! `provides` of a source: which types it holds, with which ids, and whether it speaks with authority.

use kakehashi_adapters::kind::Kind;
use ngsi_ld::TypeName;
use ngsi_ld::query::IdPattern;

use super::Loading;
use kakehashi_core::diagnostics::{nearest, suggest};
use kakehashi_core::names::TenantId;
use kakehashi_documents::section::Section;
use kakehashi_documents::vocabulary;

/// One kind of entity that a source holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Provides {
    /// Which type.
    pub r#type: ProvidedType,
    /// Found in the ids of all of them; `None`: any id.
    pub id_pattern: Option<IdPattern>,
    /// Whether this source's attributes win where several sources hold the same entity.
    pub authoritative: bool,
    /// The partition of a store that it is said of; `None`: the whole source.
    pub partition: Option<TenantId>,
}

/// The type in one entry of `provides`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProvidedType {
    /// `"*"`: whatever the source holds.
    Any,
    /// This type.
    Type(TypeName),
}

impl Provides {
    /// What all of its ids begin with, where the pattern says that and nothing else.
    pub(super) fn beginning(&self) -> Option<&str> {
        let beginning = self.id_pattern.as_ref()?.as_str().strip_prefix('^')?;
        regex_syntax_free(beginning).then_some(beginning)
    }

    /// The type, if it is one.
    pub(super) fn type_name(&self) -> Option<&TypeName> {
        match &self.r#type {
            ProvidedType::Any => None,
            ProvidedType::Type(name) => Some(name),
        }
    }

    /// Whether both may speak of one entity. Where that cannot be told from the patterns, they may.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        let types_meet = match (&self.r#type, &other.r#type) {
            (ProvidedType::Type(left), ProvidedType::Type(right)) => left == right,
            _ => true,
        };
        types_meet && self.shares_ids_with(other)
    }

    /// Whether one id may be of both, of whichever types. Where that cannot be told from the patterns, it may.
    #[must_use]
    pub fn shares_ids_with(&self, other: &Self) -> bool {
        patterns_meet(self.id_pattern.as_ref(), other.id_pattern.as_ref())
    }
}

/// Whether one id may match both. Two prefixes, or two codes that stand somewhere in an id, differ when neither
/// begins with (holds) the other; of anything else nobody can tell.
fn patterns_meet(left: Option<&IdPattern>, right: Option<&IdPattern>) -> bool {
    let (Some(left), Some(right)) = (left, right) else {
        return true;
    };
    let is_literal = |text: &str| regex_syntax_free(text);
    let (left, right) = (left.as_str(), right.as_str());
    match (left.strip_prefix('^'), right.strip_prefix('^')) {
        (Some(left), Some(right)) if is_literal(left) && is_literal(right) => {
            left.starts_with(right) || right.starts_with(left)
        }
        (None, None) if is_literal(left) && is_literal(right) => left.contains(right) || right.contains(left),
        _ => true,
    }
}

/// Whether every id in which one pattern is found is one of another. Where that cannot be told from their texts, it is not.
pub fn pattern_lies_within(pattern: &str, wider: &str) -> bool {
    let literal = |text: &str| -> Option<String> { regex_syntax_free(text).then(|| text.to_owned()) };
    let beginning = |text: &str| text.strip_prefix('^').and_then(literal);
    let within = match (beginning(pattern), beginning(wider)) {
        (Some(pattern), Some(wider)) => pattern.starts_with(&wider),
        (own, None) => {
            let own = own.or_else(|| literal(pattern));
            own.zip(literal(wider)).is_some_and(|(own, wider)| own.contains(&wider))
        }
        (None, Some(_)) => false,
    };
    pattern == wider || within
}

/// Whether a pattern is only letters, digits and signs that mean themselves.
fn regex_syntax_free(text: &str) -> bool {
    text.chars()
        .all(|character| character.is_alphanumeric() || ":-_/".contains(character))
}

/// Reads `provides` of a source.
/// `partitions` are those of a store; of other sources there are none. `kind`: it says which types there can be.
pub(crate) fn read(
    source: &Section<'_>,
    partitions: Option<&[TenantId]>,
    kind: Option<&dyn Kind>,
    loading: &Loading<'_>,
) -> Vec<Provides> {
    let Some(items) = source.items("provides") else {
        if source.node("provides").is_none() {
            source.missing("provides", "[{ type = \"EvacuationSite\" }]");
        }
        return Vec::new();
    };
    if items.is_empty() {
        let place = source.key_place("provides").unwrap_or(source.place());
        loading.report.warning(
            place,
            format!("{} provides nothing and will never be asked", source.title()),
            None,
        );
    }
    let mut provides: Vec<Provides> = Vec::new();
    for item in items {
        let section = Section::new(format!("`provides` of {}", source.title()), item, loading.report);
        let r#type = section.required_text("type", "\"EvacuationSite\"").and_then(|name| {
            if name.value == "*" {
                return Some(ProvidedType::Any);
            }
            let expanded = match vocabulary::expand_type(name.value) {
                Ok(expanded) => expanded,
                Err(reason) => {
                    loading.report.error(name.place, reason, None);
                    return None;
                }
            };
            // A short name that nobody defines is a typing error; an IRI is what it is.
            let known = loading.classification.knows_type(&expanded) || name.value.contains(':');
            if !known {
                let message = format!("unknown entity type `{}` in {}", name.value, section.title());
                let names = loading.classification.type_names();
                let help = suggest(name.value, names.iter().map(String::as_str));
                let help = help.filter(|help| help.starts_with("did you mean"));
                let fallback = "add it to classification.toml, or write an IRI".to_owned();
                loading.report.error(name.place, message, help.or(Some(fallback)));
                return None;
            }
            if let Some(Err(wrong)) = kind.map(|kind| kind.check_type(&expanded)) {
                loading.report.error(name.place, wrong.message, wrong.help.to_owned());
                return None;
            }
            Some(ProvidedType::Type(expanded))
        });
        let id_pattern = section.parsed("id_pattern", |text| {
            // The engine's message spans lines and draws its own picture; its last line says what is wrong.
            IdPattern::parse(text).map_err(|error| {
                let text = error.to_string();
                text.lines()
                    .last()
                    .unwrap_or("no regular expression")
                    .trim_start_matches("error: ")
                    .to_owned()
            })
        });
        let authoritative = section.boolean("authoritative").is_some_and(|claim| claim.value);
        let partition = read_partition(&section, partitions);
        // What is wrong is no claim to everything.
        let authoritative = authoritative && partition.is_some() == section.node("partition").is_some();
        section.finish();
        let Some(r#type) = r#type else { continue };
        let entry = Provides {
            r#type,
            id_pattern,
            authoritative,
            partition,
        };
        if provides.contains(&entry) {
            loading.report.error(
                &item.place,
                format!("{} says the same twice in `provides`", source.title()),
                None,
            );
        } else {
            provides.push(entry);
        }
    }
    provides
}

/// `partition`: which of a store's partitions an entry speaks of.
fn read_partition(section: &Section<'_>, partitions: Option<&[TenantId]>) -> Option<TenantId> {
    let name = section.text("partition")?;
    let Some(partitions) = partitions else {
        let message = format!(
            "`partition` in {} belongs to sources with adapter = \"store\"",
            section.title()
        );
        section.report().error(name.place, message, None);
        return None;
    };
    let found = partitions.iter().find(|tenant| tenant.as_str() == name.value);
    if found.is_none() {
        let message = format!(
            "`partition` in {}: the store has no partition `{}`",
            section.title(),
            name.value
        );
        let known = || partitions.iter().map(TenantId::as_str);
        let help = match suggest(name.value, known()) {
            Some(near) if nearest(name.value, known()).is_some() => near,
            list => format!(
                "{}take this entry out, or write `{}` into `partitions`",
                list.map(|list| format!("{list}; ")).unwrap_or_default(),
                name.value
            ),
        };
        section.report().error(name.place, message, help);
    }
    found.cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(pattern: Option<&str>) -> Provides {
        Provides {
            r#type: ProvidedType::Type(vocabulary::expand_type("EvacuationSite").unwrap()),
            id_pattern: pattern.map(|pattern| IdPattern::parse(pattern).unwrap()),
            authoritative: true,
            partition: None,
        }
    }

    #[test]
    fn a_pattern_lies_within_another_where_its_text_says_so() {
        for (pattern, wider, lies_within) in [
            ("E09204", "E09204", true),
            ("E092045", "E09204", true),
            ("^urn:x:E09204", "E09204", true),
            ("^urn:x:1", "^urn:x:", true),
            ("^urn:(a|b)$", "^urn:(a|b)$", true),
            ("E0920", "E09204", false),
            ("", "E09204", false),
            ("^urn:x:", "^urn:x:1", false),
            ("E09204", "^urn:x:E09204", false),
            ("^urn:x:1|.*", "^urn:x:", false),
            ("E09204|E", "E09204", false),
            ("E09204?", "E09204", false),
        ] {
            assert_eq!(pattern_lies_within(pattern, wider), lies_within, "{pattern} {wider}");
        }
    }

    #[test]
    fn claims_overlap_unless_their_patterns_tell_them_apart() {
        assert!(!site(Some("E09204")).overlaps(&site(Some("E09211"))));
        assert!(!site(Some("^urn:a:1")).overlaps(&site(Some("^urn:a:2"))));
        assert!(site(Some("E09204")).overlaps(&site(Some("E092"))));
        assert!(site(Some("^urn:a")).overlaps(&site(Some("^urn:a:2"))));
        assert!(site(Some("E09204")).overlaps(&site(None)));
        assert!(site(Some("E0920.*")).overlaps(&site(Some("E0921.*"))));
        let any = Provides {
            r#type: ProvidedType::Any,
            ..site(None)
        };
        assert!(any.overlaps(&site(Some("E09204"))));
        let aed = Provides {
            r#type: ProvidedType::Type(vocabulary::expand_type("AED").unwrap()),
            ..site(None)
        };
        assert!(!aed.overlaps(&site(None)));
    }
}
