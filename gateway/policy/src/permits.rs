//! The annotations of a permit: which attributes it grants, of which entities, and to whom.

use std::path::Path;
use std::sync::Arc;

use cedar_policy::Policy;
use kakehashi_core::consumer::HIGHEST_LEVEL;
use kakehashi_core::diagnostics::{Place, Report, suggest};
use kakehashi_documents::files::Files;
use kakehashi_documents::vocabulary::expand_attribute;
use ngsi_ld::AttributeName;
use ngsi_ld::context::Context;
use ngsi_ld::query::{Area, Expression, ScopeQuery, SyntaxError};

use super::classification::Classification;
use super::conditions::{AreaCondition, FilterCondition, PermitConditions, Relationships, ScopeCondition};
use super::ids_condition::{IdPrefix, IdsCondition};

/// What narrows a permit.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Narrowing {
    /// `@attributes`: these and no others.
    pub only: Option<Vec<AttributeName>>,
    /// `@without`: never these.
    pub without: Vec<AttributeName>,
    /// The other annotations.
    pub conditions: Arc<PermitConditions>,
}

/// Every annotation. What decides what somebody sees is compared by `kakehashi diff`: a test shows it of each.
pub const KNOWN: [&str; 12] = [
    "attributes",
    "without",
    "contract",
    "consent",
    "q",
    "scope",
    "area",
    "ids",
    "purpose",
    "ial",
    "aal",
    "relationships",
];

impl Narrowing {
    /// The attributes that `@attributes` names and that are personal whatever their type is.
    pub(super) fn personal<'a>(
        &'a self,
        classification: &'a Classification,
    ) -> impl Iterator<Item = &'a AttributeName> {
        let named = self.only.iter().flatten();
        named.filter(|name| classification.is_personal_everywhere(name))
    }
}

/// The files of areas that policies name: read once each, and kept with the policies that name them.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct AreaFile {
    /// What the revision calls it: `policies/areas/yaita.geojson`.
    pub(super) name: Arc<str>,
    /// What stood in it.
    pub(super) text: Arc<str>,
    /// The area that it describes, which all permits of a file share.
    area: Arc<Area>,
}

/// Whether an `@area` is GeoJSON itself, and no name of a file.
pub(super) fn is_geojson(text: &str) -> bool {
    text.trim_start().starts_with('{')
}

/// Where annotations are read from.
pub(super) struct Annotations<'a> {
    pub(super) policy: &'a Policy,
    pub(super) place: &'a Place,
    /// Where one of them stands, by its key.
    pub(super) places: &'a dyn Fn(&str) -> Option<Place>,
    /// The folder of policies.
    pub(super) folder: &'a Path,
    pub(super) files: &'a Files,
    pub(super) report: &'a Report,
}

impl Annotations<'_> {
    /// Reads the annotations of a permit. The files that it names go to `area_files`.
    pub(super) fn read(&self, area_files: &mut Vec<AreaFile>) -> Narrowing {
        let mut narrowing = Narrowing::default();
        let mut conditions = PermitConditions::default();
        for (key, value) in self.policy.annotations() {
            let place = (self.places)(key);
            let at = Annotations {
                place: place.as_ref().unwrap_or(self.place),
                ..*self
            };
            match key {
                "attributes" => narrowing.only = Some(at.read_names(key, value)),
                "without" => narrowing.without = at.read_names(key, value),
                "contract" => conditions.references.contracts = at.read_references(key, value),
                "consent" => conditions.references.consents = at.read_references(key, value),
                "q" => conditions.q = at.read_filter(value),
                "scope" => conditions.scope = at.read_scope(value),
                "area" => conditions.area = at.read_area(value, area_files),
                "ids" => conditions.ids = at.read_ids(value),
                "purpose" => conditions.purposes = at.read_purposes(value),
                "ial" => conditions.ial = at.read_level(key, value),
                "aal" => conditions.aal = at.read_level(key, value),
                "relationships" => conditions.relationships = at.read_relationships(value),
                other => at.error(format!("unknown annotation @{other}"), suggest(other, KNOWN)),
            }
        }
        narrowing.conditions = Arc::new(conditions);
        narrowing
    }

    fn error(&self, message: String, help: impl Into<Option<String>>) {
        self.report.error(self.place, message, help);
    }

    fn read_names(&self, key: &str, list: &str) -> Vec<AttributeName> {
        let mut names = Vec::new();
        for name in list.split(',').map(str::trim) {
            if name.is_empty() {
                let message = format!("@{key}(\"{list}\") names no attribute where it should");
                let help = "write short names separated by commas: \"name,location\"".to_owned();
                self.error(message, help);
                continue;
            }
            match expand_attribute(name) {
                Ok(expanded) => names.push(expanded),
                Err(reason) => self.error(format!("@{key}: {reason}"), None),
            }
        }
        names
    }

    /// References as they stand in `contracts` and `consents` of consumers, separated by commas.
    fn read_references(&self, key: &str, list: &str) -> Vec<Arc<str>> {
        let references: Vec<Arc<str>> = list
            .split(',')
            .map(str::trim)
            .filter(|reference| !reference.is_empty())
            .map(Arc::from)
            .collect();
        if references.is_empty() {
            let help = format!("write it as it stands in `{key}s` of the consumer: @{key}(\"2026-017\")");
            self.error(format!("@{key} names no reference"), help);
        }
        references
    }

    fn read_filter(&self, text: &str) -> Option<FilterCondition> {
        match Expression::parse_of_whole_values(text, Context::kakehashi()) {
            Ok(filter) if filter.link_depth() > 0 => {
                let help = "name attributes of the entity itself; what another entity is like decides nothing here";
                let message = "@q follows a Relationship to another entity".to_owned();
                self.error(message, help.to_owned());
                None
            }
            Ok(filter) => Some(FilterCondition {
                text: text.into(),
                filter,
            }),
            Err(error) => {
                let help = r#"write a q of NGSI-LD, with quotation marks escaped: @q("status==\"open\"")"#.to_owned();
                self.error(syntax("q", text, &error), help);
                None
            }
        }
    }

    fn read_scope(&self, text: &str) -> Option<ScopeCondition> {
        match ScopeQuery::parse(text) {
            Ok(query) => Some(ScopeCondition {
                text: text.into(),
                query,
            }),
            Err(error) => {
                let help = "write a scopeQ of NGSI-LD, such as @scope(\"/disaster/#\")".to_owned();
                self.error(syntax("scope", text, &error), help);
                None
            }
        }
    }

    /// GeoJSON, or the name of a file with it below the folder of policies.
    fn read_area(&self, text: &str, area_files: &mut Vec<AreaFile>) -> Option<AreaCondition> {
        let property = expand_attribute("location").ok()?;
        let area = if is_geojson(text) {
            self.parse_area(text, "the GeoJSON")?
        } else {
            self.read_area_file(text, area_files)?
        };
        Some(AreaCondition {
            text: text.into(),
            property,
            area,
        })
    }

    fn parse_area(&self, json: &str, what: &str) -> Option<Arc<Area>> {
        match Area::parse(json) {
            Ok(area) => Some(Arc::new(area)),
            Err(error) => {
                self.error(format!("@area: {what}: {error}"), None);
                None
            }
        }
    }

    fn read_area_file(&self, path: &str, area_files: &mut Vec<AreaFile>) -> Option<Arc<Area>> {
        // A tenant's administrator writes policies; what else stands on the disk is none of theirs.
        let is_below = path.split('/').all(|part| !part.is_empty() && !part.starts_with('.'));
        let extension = Path::new(path).extension().and_then(|extension| extension.to_str());
        if !is_below || !matches!(extension, Some("geojson" | "json")) || path.contains('\\') {
            let message = format!("@area(\"{path}\") is neither GeoJSON nor a file that may be read");
            let help = "name a .geojson file below policies/: @area(\"areas/yaita.geojson\")".to_owned();
            self.error(message, help);
            return None;
        }
        let name: Arc<str> = format!("policies/{path}").into();
        if let Some(known) = area_files.iter().find(|known| known.name == name) {
            return Some(Arc::clone(&known.area));
        }
        let text = match self.files.read(&self.folder.join(path), &name) {
            Ok(text) => text,
            Err(reason) => {
                let help = "paths of areas are relative to policies/".to_owned();
                self.error(format!("@area: {path} cannot be read: {reason}"), help);
                return None;
            }
        };
        let area = self.parse_area(&text, path)?;
        area_files.push(AreaFile {
            name,
            text,
            area: Arc::clone(&area),
        });
        Some(area)
    }

    /// Ids, and beginnings of ids with `*` behind them.
    fn read_ids(&self, list: &str) -> Option<IdsCondition> {
        let mut patterns = Vec::new();
        for pattern in list.split(',').map(str::trim) {
            match IdPrefix::parse(pattern) {
                Ok(pattern) => patterns.push(pattern),
                Err(reason) => {
                    let message = format!("@ids(\"{list}\"): `{pattern}` names no ids: {reason}");
                    let help =
                        "write ids, or how they begin, separated by commas: \"urn:ngsi-ld:AED:yaita:*\"".to_owned();
                    self.error(message, help);
                }
            }
        }
        // Without any it would cover everything.
        (!patterns.is_empty()).then(|| IdsCondition {
            text: list.into(),
            patterns,
        })
    }

    fn read_purposes(&self, list: &str) -> Vec<Arc<str>> {
        let purposes: Vec<Arc<str>> = list.split(',').map(|purpose| purpose.trim().into()).collect();
        if purposes.iter().any(|purpose| purpose.is_empty()) {
            let message = format!("@purpose(\"{list}\") names no purpose where it should");
            let help = "write names separated by commas: \"disaster-response,statistics\"".to_owned();
            self.error(message, help);
        }
        purposes
    }

    fn read_level(&self, key: &str, text: &str) -> Option<u8> {
        let level = text
            .trim()
            .parse()
            .ok()
            .filter(|level| (1..=HIGHEST_LEVEL).contains(level));
        if level.is_none() {
            let message = format!("@{key}(\"{text}\") is no level");
            self.error(
                message,
                format!("write the least level, 1 to {HIGHEST_LEVEL}: @{key}(\"2\")"),
            );
        }
        level
    }

    fn read_relationships(&self, word: &str) -> Relationships {
        let known = Relationships::ALL.into_iter().find(|known| known.as_str() == word);
        known.unwrap_or_else(|| {
            let words = Relationships::ALL.map(Relationships::as_str);
            let help = suggest(word, words).or_else(|| Some(format!("write one of {}", words.join(", "))));
            self.error(format!("@relationships(\"{word}\") says nothing"), help);
            Relationships::default()
        })
    }
}

fn syntax(key: &str, text: &str, error: &SyntaxError) -> String {
    let SyntaxError {
        position,
        expected,
        found,
    } = error;
    format!("@{key}(\"{text}\"): at position {position}: expected {expected}, found {found}")
}
