//! `provides` of a source: which types it holds, with which ids, and whether it speaks with authority.

use kakehashi_adapters::kind::Kind;
use ngsi_ld::query::IdPattern;
use ngsi_ld::{AttributeName, EntityId, TypeName};

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
    /// The id of the only one; `None`: there may be others.
    pub id: Option<EntityId>,
    /// Found in the ids of all of them; `None`: any id.
    pub id_pattern: Option<IdPattern>,
    /// What it holds of them; `None`: any attribute.
    pub attributes: Option<Vec<AttributeName>>,
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
        let lets = |entry: &Self, id: &EntityId| match (&entry.id, &entry.id_pattern) {
            (Some(only), _) => only == id,
            (None, Some(pattern)) => pattern.matches(id),
            (None, None) => true,
        };
        match (&self.id, &other.id) {
            (Some(id), _) => lets(other, id),
            (None, Some(id)) => lets(self, id),
            (None, None) => patterns_meet(self.id_pattern.as_ref(), other.id_pattern.as_ref()),
        }
    }

    /// The first attribute that both speak of; `None`: there is none, or both speak of whichever there are.
    pub(super) fn shared_attribute<'a>(&'a self, other: &'a Self) -> Option<&'a AttributeName> {
        match (&self.attributes, &other.attributes) {
            (Some(own), Some(others)) => own.iter().find(|name| others.contains(name)),
            (Some(names), None) | (None, Some(names)) => names.first(),
            (None, None) => None,
        }
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
        let id = section.parsed("id", |text| EntityId::parse(text).map_err(|error| error.to_string()));
        let attributes = read_attributes(&section, loading);
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
        for other in ["id_pattern", "authoritative"] {
            let is_said = section.node(other).is_some() && (other == "id_pattern" || authoritative);
            if let Some(place) = section.key_place("id").filter(|_| is_said) {
                let message = format!("`id` and `{other}` in {} do not go together", section.title());
                let help =
                    "take one of the two out; a claim to one entity is an `id_pattern` such as `^urn:ngsi-ld:AED:1$`";
                loading.report.error(place, message, help.to_owned());
            }
        }
        section.finish();
        let Some(r#type) = r#type else { continue };
        let entry = Provides {
            r#type,
            id,
            id_pattern,
            attributes,
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

/// `attributes`: what a source holds of these entities, where it is not all.
fn read_attributes(section: &Section<'_>, loading: &Loading<'_>) -> Option<Vec<AttributeName>> {
    let texts = section.texts("attributes")?;
    if texts.is_empty() {
        let place = section.key_place("attributes").unwrap_or(section.place());
        let message = format!(
            "`attributes` in {} is empty: nothing would be believed of it",
            section.title()
        );
        let help = "name attributes, or take the key out where the source may be believed all";
        loading.report.error(place, message, help.to_owned());
        return None;
    }
    let mut names: Vec<AttributeName> = Vec::new();
    for text in texts {
        match vocabulary::expand_attribute(text.value) {
            // A short name that nobody defines is a typing error; an IRI is what it is.
            Ok(name) if loading.classification.names_attribute(&name) || text.value.contains(':') => {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
            Ok(_) => {
                let message = format!("unknown attribute `{}` in {}", text.value, section.title());
                let help = "add it to classification.toml, or write an IRI";
                loading.report.error(text.place, message, help.to_owned());
            }
            Err(reason) => loading.report.error(text.place, reason, None),
        }
    }
    Some(names)
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
            id: None,
            id_pattern: pattern.map(|pattern| IdPattern::parse(pattern).unwrap()),
            attributes: None,
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
