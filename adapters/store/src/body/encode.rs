//! From an entity to the bytes of its row.

use ngsi_ld::entity::{
    Attribute, AttributeValue, DateTime, Geometry, Instance, LanguageMap, Number, Position, TemporalType, Value,
};
use ngsi_ld::{Entity, EntityId, Iri, TypeName};

use super::bytes::{put_bytes, put_count, put_number, put_signed, put_text};
use super::{LAYOUT, MAX_DEPTH, NotEncoded, member, shape, tag};
use crate::names::{NameKey, NameTable};

/// Encodes everything of an entity but its id and its own `createdAt` and `modifiedAt`.
///
/// # Errors
/// [`NotEncoded`]
pub(crate) fn encode(entity: &Entity, names: &NameTable) -> Result<Vec<u8>, NotEncoded> {
    let mut out = Vec::new();
    encode_to(&mut out, entity, names)?;
    Ok(out)
}

/// Encodes everything of an entity but its id.
///
/// # Errors
/// [`NotEncoded`]
pub(crate) fn encode_with_dates(entity: &Entity, names: &NameTable) -> Result<Vec<u8>, NotEncoded> {
    let mut out = Vec::new();
    let dates = entity.system.dates();
    for date in [
        dates.and_then(|dates| dates.created_at.as_ref()),
        dates.and_then(|dates| dates.modified_at.as_ref()),
    ] {
        put_text(&mut out, date.map_or("", DateTime::as_str));
    }
    encode_to(&mut out, entity, names)?;
    Ok(out)
}

/// Appends the numbers of names, with their count before them.
pub(crate) fn put_names(out: &mut Vec<u8>, keys: &[NameKey]) {
    put_count(out, keys.len());
    for key in keys {
        put_number(out, u64::from(*key));
    }
}

fn encode_to(out: &mut Vec<u8>, entity: &Entity, names: &NameTable) -> Result<(), NotEncoded> {
    let mut encoder = Encoder {
        names,
        unknown: Vec::new(),
        created_at: entity.system.dates().and_then(|dates| dates.created_at.as_ref()),
        modified_at: entity.system.modified_at(),
    };
    out.push(LAYOUT);
    put_count(out, entity.types.len());
    for r#type in &entity.types {
        encoder.name(out, r#type.iri());
    }
    put_count(out, entity.scopes.len());
    for scope in &entity.scopes {
        put_text(out, scope);
    }
    put_text(out, entity.system.expires_at().map_or("", DateTime::as_str));
    for attribute in &entity.attributes {
        encoder.attribute(out, attribute, 0)?;
    }
    if encoder.unknown.is_empty() {
        Ok(())
    } else {
        Err(NotEncoded::UnknownNames(encoder.unknown))
    }
}

struct Encoder<'a> {
    names: &'a NameTable,
    /// The names that it lacks.
    unknown: Vec<Iri>,
    /// `createdAt` of the entity.
    created_at: Option<&'a DateTime>,
    /// `modifiedAt` of the entity.
    modified_at: Option<&'a DateTime>,
}

impl Encoder<'_> {
    fn name(&mut self, out: &mut Vec<u8>, name: &Iri) {
        match self.names.key(name) {
            Some(key) => put_number(out, u64::from(key)),
            None => self.unknown.push(name.clone()),
        }
    }

    fn attribute(&mut self, out: &mut Vec<u8>, attribute: &Attribute, depth: usize) -> Result<(), NotEncoded> {
        if depth == MAX_DEPTH {
            return Err(NotEncoded::TooDeep);
        }
        self.name(out, attribute.name.iri());
        let mut instances = Vec::new();
        for instance in &attribute.instances {
            self.instance(&mut instances, instance, depth)?;
        }
        put_bytes(out, &instances);
        Ok(())
    }

    fn instance(&mut self, out: &mut Vec<u8>, instance: &Instance, depth: usize) -> Result<(), NotEncoded> {
        // Named one by one: a member that the model gains must not be lost here.
        let Instance {
            value,
            dataset_id,
            observed_at,
            unit_code,
            value_type,
            seal,
            system,
            sub_attributes,
        } = instance;
        let created_at = system
            .dates()
            .and_then(|dates| dates.created_at.as_ref())
            .filter(|date| Some(*date) != self.created_at);
        let modified_at = system.modified_at().filter(|date| Some(*date) != self.modified_at);
        let texts = [
            (member::DATASET_ID, dataset_id.as_ref().map(Iri::as_str)),
            (member::OBSERVED_AT, observed_at.as_ref().map(DateTime::as_str)),
            (member::UNIT_CODE, unit_code.as_deref()),
            (member::CREATED_AT, created_at.map(DateTime::as_str)),
            (member::MODIFIED_AT, modified_at.map(DateTime::as_str)),
            (member::EXPIRES_AT, system.expires_at().map(DateTime::as_str)),
            (member::VALUE_TYPE, value_type.as_ref().map(|iri| iri.as_str())),
        ];
        let mut members = texts
            .iter()
            .filter(|(_, text)| text.is_some())
            .fold(0, |members, (member, _)| members | member);
        if !sub_attributes.is_empty() {
            members |= member::SUB_ATTRIBUTES;
        }
        out.push(members);
        if let Some(seal) = seal {
            out.push(tag::SEAL);
            put_text(out, seal.entity_id.as_ref().map_or("", |id| id.as_str()));
            put_text(out, seal.entity_type.as_ref().map_or("", |name| name.as_str()));
        }
        self.value(out, value);
        for text in texts.into_iter().filter_map(|(_, text)| text) {
            put_text(out, text);
        }
        if !sub_attributes.is_empty() {
            let mut encoded = Vec::new();
            for attribute in sub_attributes {
                self.attribute(&mut encoded, attribute, depth + 1)?;
            }
            put_bytes(out, &encoded);
        }
        Ok(())
    }

    fn value(&mut self, out: &mut Vec<u8>, value: &AttributeValue) {
        match value {
            AttributeValue::Property(value) => put_value(out, value),
            AttributeValue::Relationship { objects, object_types } => {
                let tags = [tag::RELATIONSHIP, tag::RELATIONSHIP_TO_TYPES];
                self.objects(out, tags, objects, object_types.as_slice());
            }
            AttributeValue::ListRelationship { objects, object_types } => {
                let tags = [tag::LIST_RELATIONSHIP, tag::LIST_RELATIONSHIP_TO_TYPES];
                self.objects(out, tags, objects, object_types.as_slice());
            }
            AttributeValue::GeoProperty(geometry) => {
                out.push(tag::GEOMETRY);
                put_geometry(out, geometry);
            }
            AttributeValue::LanguageProperty(languages) => put_languages(out, languages),
            AttributeValue::VocabProperty(terms) => {
                put_tagged_count(out, tag::VOCABULARY, terms.len());
                for term in terms {
                    put_text(out, term.as_str());
                }
            }
            AttributeValue::JsonProperty(json) => put_tagged_text(out, tag::JSON_PROPERTY, json.as_str()),
            AttributeValue::ListProperty(json) => put_tagged_text(out, tag::LIST_PROPERTY, json.as_str()),
        }
    }

    /// `tags`: with one type of the objects at most, and with several.
    fn objects(&mut self, out: &mut Vec<u8>, tags: [u8; 2], objects: &[EntityId], types: &[TypeName]) {
        let [with_one, with_several] = tags;
        match types {
            // Numbers of names begin at 1: 0 says that there is none.
            [] => out.extend_from_slice(&[with_one, 0]),
            [only] => {
                out.push(with_one);
                self.name(out, only.iri());
            }
            several => {
                put_tagged_count(out, with_several, several.len());
                for name in several {
                    self.name(out, name.iri());
                }
            }
        }
        put_count(out, objects.len());
        for object in objects {
            put_text(out, object.as_str());
        }
    }
}

fn put_tagged_text(out: &mut Vec<u8>, tag: u8, text: &str) {
    out.push(tag);
    put_text(out, text);
}

fn put_tagged_count(out: &mut Vec<u8>, tag: u8, count: usize) {
    out.push(tag);
    put_count(out, count);
}

fn put_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::String(text) => put_tagged_text(out, tag::STRING, text),
        Value::Number(Number::Integer(integer)) => {
            out.push(tag::INTEGER);
            put_signed(out, *integer);
        }
        Value::Number(Number::Float(float)) => {
            out.push(tag::FLOAT);
            out.extend_from_slice(&float.to_le_bytes());
        }
        Value::Number(Number::Text(text)) => put_tagged_text(out, tag::NUMBER_TEXT, text),
        Value::Boolean(false) => out.push(tag::FALSE),
        Value::Boolean(true) => out.push(tag::TRUE),
        Value::DateTime(date) => put_tagged_text(out, tag::DATE_TIME, date.as_str()),
        Value::Temporal { r#type, value } => {
            let tag = match r#type {
                TemporalType::Date => tag::DATE,
                TemporalType::Time => tag::TIME,
            };
            put_tagged_text(out, tag, value);
        }
        Value::Json(json) => put_tagged_text(out, tag::JSON, json.as_str()),
    }
}

fn put_languages(out: &mut Vec<u8>, languages: &LanguageMap) {
    put_tagged_count(out, tag::LANGUAGE_MAP, languages.len());
    for (language, texts) in languages {
        put_text(out, language);
        put_count(out, texts.len());
        for text in texts {
            put_text(out, text);
        }
    }
}

fn put_geometry(out: &mut Vec<u8>, geometry: &Geometry) {
    match geometry {
        Geometry::Point(position) => {
            out.push(shape::POINT);
            put_position(out, position);
        }
        Geometry::MultiPoint(positions) => {
            out.push(shape::MULTI_POINT);
            put_positions(out, positions);
        }
        Geometry::LineString(positions) => {
            out.push(shape::LINE_STRING);
            put_positions(out, positions);
        }
        Geometry::MultiLineString(lines) => {
            out.push(shape::MULTI_LINE_STRING);
            put_lines(out, lines);
        }
        Geometry::Polygon(rings) => {
            out.push(shape::POLYGON);
            put_lines(out, rings);
        }
        Geometry::MultiPolygon(polygons) => {
            put_tagged_count(out, shape::MULTI_POLYGON, polygons.len());
            for rings in polygons {
                put_lines(out, rings);
            }
        }
        // Nobody may write one; the format has all that an entity may have.
        Geometry::GeometryCollection(_) => {
            put_tagged_count(out, shape::COLLECTION, geometry.members().len());
            for member in geometry.members() {
                put_geometry(out, member);
            }
        }
    }
}

fn put_lines(out: &mut Vec<u8>, lines: &[Vec<Position>]) {
    put_count(out, lines.len());
    for line in lines {
        put_positions(out, line);
    }
}

fn put_positions(out: &mut Vec<u8>, positions: &[Position]) {
    put_count(out, positions.len());
    for position in positions {
        put_position(out, position);
    }
}

fn put_position(out: &mut Vec<u8>, position: &Position) {
    out.push(u8::from(position.altitude.is_some()));
    let numbers = [Some(position.longitude), Some(position.latitude), position.altitude];
    for number in numbers.into_iter().flatten() {
        out.extend_from_slice(&number.to_le_bytes());
    }
}
