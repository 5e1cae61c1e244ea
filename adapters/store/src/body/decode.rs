//! From the bytes of a row to an entity, or to the part of it that is wanted.

use compact_str::CompactString;
use ngsi_ld::entity::{
    Attribute, AttributeValue, DateTime, Geometry, Instance, Json, LanguageMap, Number, ObjectTypes, Position, Seal,
    SystemAttributes, TemporalType, Value,
};
use ngsi_ld::{AttributeName, Entity, EntityId, Iri, TypeName};
use smallvec::SmallVec;

use super::bytes::Reader;
use super::{DecodeError, LAYOUT, MAX_DEPTH, member, shape, tag};
use crate::names::{NameKey, NameTable};

/// Which part of an entity is wanted.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    /// The attributes; `None`: all of them.
    pub(crate) attributes: Option<Vec<AttributeName>>,
    /// Whether `createdAt` and `modifiedAt` are.
    pub(crate) system_attributes: bool,
}

impl Wanted {
    /// All of an entity.
    pub(crate) const EVERYTHING: Self = Self {
        attributes: None,
        system_attributes: true,
    };

    fn includes(&self, name: &Iri) -> bool {
        self.attributes
            .as_ref()
            .is_none_or(|names| names.iter().any(|wanted| wanted.iri() == name))
    }
}

/// The columns of a row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row<'a> {
    pub(crate) id: &'a str,
    pub(crate) created_at: &'a str,
    pub(crate) modified_at: &'a str,
    pub(crate) body: &'a [u8],
}

/// Which part of an entity is looked at to decide something, by the numbers of names.
#[derive(Debug, Clone, Default)]
pub(crate) struct Part {
    pub(crate) attributes: Vec<NameKey>,
    pub(crate) types: bool,
    pub(crate) scopes: bool,
    /// `createdAt` and `modifiedAt`.
    pub(crate) dates: bool,
}

/// Decodes a part of an entity; what is no part of it is stepped over, and names in it need not be known.
///
/// # Errors
/// [`DecodeError`]
pub(crate) fn decode_part(row: Row<'_>, names: &NameTable, part: &Part) -> Result<Entity, DecodeError> {
    let mut reader = Reader::new(row.body);
    match reader.byte()? {
        LAYOUT => {}
        other => return Err(DecodeError::Layout(other)),
    }
    let decoder = Decoder {
        names,
        dates: part.dates.then(|| dates(row)).transpose()?,
    };
    let mut types = SmallVec::new();
    for _ in 0..reader.count()? {
        match part.types {
            true => types.push(TypeName::new(decoder.name(&mut reader)?)),
            false => {
                reader.number()?;
            }
        }
    }
    let mut scopes = SmallVec::new();
    for _ in 0..reader.count()? {
        let scope = reader.text()?;
        if part.scopes {
            scopes.push(CompactString::from(scope));
        }
    }
    let system = decoder.system(&mut reader)?;
    let mut attributes = Vec::new();
    while attributes.len() < part.attributes.len() && !reader.is_at_end() {
        let key = NameKey::try_from(reader.number()?).map_err(|_| NO_NAME)?;
        let instances = reader.bytes()?;
        if part.attributes.contains(&key) {
            let name = names.name(key).cloned().ok_or(DecodeError::UnknownName)?;
            attributes.push(decoder.attribute(name, instances, 0)?);
        }
    }
    Ok(Entity {
        id: EntityId::new_unchecked(row.id),
        types,
        scopes,
        system,
        attributes,
    })
}

/// When an entity was created, and when modified.
fn dates(row: Row<'_>) -> Result<(DateTime, DateTime), DecodeError> {
    Ok((date(row.created_at)?, date(row.modified_at)?))
}

const NO_NAME: DecodeError = DecodeError::Damaged("a name has no number");

/// Decodes what is wanted of an entity.
///
/// # Errors
/// [`DecodeError`]
pub(crate) fn decode(row: Row<'_>, names: &NameTable, wanted: &Wanted) -> Result<Entity, DecodeError> {
    let mut reader = Reader::new(row.body);
    match reader.byte()? {
        LAYOUT => {}
        other => return Err(DecodeError::Layout(other)),
    }
    let decoder = Decoder {
        names,
        dates: wanted.system_attributes.then(|| dates(row)).transpose()?,
    };
    let types = repeat(&mut reader, |reader| decoder.name(reader).map(TypeName::new))?;
    let scopes = repeat(&mut reader, |reader| reader.text().map(CompactString::from))?;
    let system = decoder.system(&mut reader)?;
    let mut attributes = Vec::new();
    while !reader.is_at_end() {
        let name = decoder.name(&mut reader)?;
        let instances = reader.bytes()?;
        if wanted.includes(&name) {
            attributes.push(decoder.attribute(name, instances, 0)?);
        }
    }
    Ok(Entity {
        id: EntityId::new_unchecked(row.id),
        types,
        scopes,
        system,
        attributes,
    })
}

/// Decodes all of what [`encode_with_dates`](super::encode_with_dates) has made of an entity.
///
/// # Errors
/// [`DecodeError`]
pub(crate) fn decode_with_dates(id: &str, encoded: &[u8], names: &NameTable) -> Result<Entity, DecodeError> {
    let mut reader = Reader::new(encoded);
    let row = Row {
        id,
        created_at: reader.text()?,
        modified_at: reader.text()?,
        body: reader.rest(),
    };
    decode(row, names, &Wanted::EVERYTHING)
}

/// Two lists of names, as [`put_names`](super::put_names) writes them; the second may be missing.
///
/// # Errors
/// [`DecodeError`]
pub(crate) fn lists_of_names_in(encoded: &[u8], names: &NameTable) -> Result<[Vec<Iri>; 2], DecodeError> {
    let mut reader = Reader::new(encoded);
    let first = repeat(&mut reader, |reader| name(reader, names))?;
    let second = match reader.is_at_end() {
        true => Vec::new(),
        false => repeat(&mut reader, |reader| name(reader, names))?,
    };
    Ok([first, second])
}

/// The scopes of the entity alone.
///
/// # Errors
/// [`DecodeError`]
pub(crate) fn scopes(body: &[u8]) -> Result<Vec<CompactString>, DecodeError> {
    let mut reader = Reader::new(body);
    match reader.byte()? {
        LAYOUT => {}
        other => return Err(DecodeError::Layout(other)),
    }
    let _types: Vec<u64> = repeat(&mut reader, Reader::number)?;
    repeat(&mut reader, |reader| reader.text().map(CompactString::from))
}

struct Decoder<'a> {
    names: &'a NameTable,
    /// When the entity was created, and when modified, where that is wanted.
    dates: Option<(DateTime, DateTime)>,
}

impl Decoder<'_> {
    fn name(&self, reader: &mut Reader<'_>) -> Result<Iri, DecodeError> {
        name(reader, self.names)
    }

    /// When an entity expires, with the other dates where they are wanted.
    fn system(&self, reader: &mut Reader<'_>) -> Result<SystemAttributes, DecodeError> {
        let mut system = SystemAttributes::default();
        let expires_at = reader.text()?;
        if !expires_at.is_empty() {
            system.dates_mut().expires_at = Some(date(expires_at)?);
        }
        if let Some((created_at, modified_at)) = &self.dates {
            let dates = system.dates_mut();
            dates.created_at = Some(created_at.clone());
            dates.modified_at = Some(modified_at.clone());
        }
        Ok(system)
    }

    fn attribute(&self, name: Iri, instances: &[u8], depth: usize) -> Result<Attribute, DecodeError> {
        if depth == MAX_DEPTH {
            return Err(DecodeError::Damaged("attributes nest too deep"));
        }
        let mut reader = Reader::new(instances);
        let mut attribute = Attribute::new(AttributeName::new(name), self.instance(&mut reader, depth)?);
        while !reader.is_at_end() {
            attribute.instances.push(self.instance(&mut reader, depth)?);
        }
        Ok(attribute)
    }

    fn instance(&self, reader: &mut Reader<'_>, depth: usize) -> Result<Instance, DecodeError> {
        let members = reader.byte()?;
        let seal = seal(reader)?;
        let mut instance = Instance::new(self.value(reader)?);
        instance.seal = seal;
        let mut text_of = |member: u8| match members & member {
            0 => Ok(None),
            _ => reader.text().map(Some),
        };
        instance.dataset_id = text_of(member::DATASET_ID)?.map(Iri::new);
        instance.observed_at = text_of(member::OBSERVED_AT)?.map(date).transpose()?;
        instance.unit_code = text_of(member::UNIT_CODE)?.map(CompactString::from);
        let created_at = text_of(member::CREATED_AT)?;
        let modified_at = text_of(member::MODIFIED_AT)?;
        if let Some(expires_at) = text_of(member::EXPIRES_AT)? {
            instance.system.dates_mut().expires_at = Some(date(expires_at)?);
        }
        instance.value_type = text_of(member::VALUE_TYPE)?.map(|text| Box::new(Iri::new(text)));
        if let Some((created, modified)) = &self.dates {
            let dates = instance.system.dates_mut();
            dates.created_at = Some(created_at.map_or_else(|| Ok(created.clone()), date)?);
            dates.modified_at = Some(modified_at.map_or_else(|| Ok(modified.clone()), date)?);
        }
        if members & member::SUB_ATTRIBUTES != 0 {
            let mut sub_attributes = Reader::new(reader.bytes()?);
            while !sub_attributes.is_at_end() {
                let name = self.name(&mut sub_attributes)?;
                let attribute = self.attribute(name, sub_attributes.bytes()?, depth + 1)?;
                instance.sub_attributes.push(attribute);
            }
        }
        Ok(instance)
    }

    fn value(&self, reader: &mut Reader<'_>) -> Result<AttributeValue, DecodeError> {
        let tag = reader.byte()?;
        let value = match tag {
            tag::STRING => Value::String(reader.text()?.into()),
            tag::INTEGER => Value::Number(Number::Integer(reader.signed()?)),
            tag::FLOAT => Value::Number(Number::Float(reader.float()?)),
            tag::NUMBER_TEXT => Value::Number(Number::Text(reader.text()?.into())),
            tag::FALSE => Value::Boolean(false),
            tag::TRUE => Value::Boolean(true),
            tag::DATE_TIME => Value::DateTime(date(reader.text()?)?),
            tag::DATE => temporal(TemporalType::Date, reader)?,
            tag::TIME => temporal(TemporalType::Time, reader)?,
            tag::JSON => Value::Json(json(reader)?),
            tag::GEOMETRY => return Ok(AttributeValue::GeoProperty(Box::new(geometry(reader)?))),
            tag::RELATIONSHIP | tag::RELATIONSHIP_TO_TYPES => {
                let object_types = self.object_types(reader, tag == tag::RELATIONSHIP_TO_TYPES)?;
                let objects = repeat(reader, object)?;
                return Ok(AttributeValue::Relationship { objects, object_types });
            }
            tag::LIST_RELATIONSHIP | tag::LIST_RELATIONSHIP_TO_TYPES => {
                let object_types = self.object_types(reader, tag == tag::LIST_RELATIONSHIP_TO_TYPES)?;
                let objects = repeat(reader, object)?;
                return Ok(AttributeValue::ListRelationship { objects, object_types });
            }
            tag::LANGUAGE_MAP => {
                let languages: LanguageMap = repeat(reader, |reader| {
                    let language = reader.text()?.into();
                    let texts = repeat(reader, |reader| reader.text().map(CompactString::from))?;
                    Ok((language, texts))
                })?;
                return Ok(AttributeValue::LanguageProperty(Box::new(languages)));
            }
            tag::VOCABULARY => {
                let terms: SmallVec<[Iri; 1]> = repeat(reader, |reader| reader.text().map(Iri::new))?;
                return Ok(AttributeValue::VocabProperty(terms));
            }
            tag::JSON_PROPERTY => return Ok(AttributeValue::JsonProperty(json(reader)?)),
            tag::LIST_PROPERTY => return Ok(AttributeValue::ListProperty(json(reader)?)),
            _ => return Err(DecodeError::Damaged("a value is of no known kind")),
        };
        Ok(AttributeValue::Property(value))
    }

    fn object_types(&self, reader: &mut Reader<'_>, several: bool) -> Result<ObjectTypes, DecodeError> {
        if several {
            return repeat(reader, |reader| self.name(reader).map(TypeName::new));
        }
        let mut ahead = *reader;
        if ahead.number()? == 0 {
            *reader = ahead;
            return Ok(ObjectTypes::default());
        }
        let name = self.name(reader)?;
        Ok([TypeName::new(name)].into_iter().collect())
    }
}

fn name(reader: &mut Reader<'_>, names: &NameTable) -> Result<Iri, DecodeError> {
    let key = NameKey::try_from(reader.number()?).map_err(|_| NO_NAME)?;
    names.name(key).cloned().ok_or(DecodeError::UnknownName)
}

/// What a proof is sealed to, if it is what comes next.
fn seal(reader: &mut Reader<'_>) -> Result<Option<Box<Seal>>, DecodeError> {
    let mut ahead = *reader;
    if ahead.byte()? != tag::SEAL {
        return Ok(None);
    }
    *reader = ahead;
    let mut text = || reader.text().map(|text| Some(text).filter(|text| !text.is_empty()));
    Ok(Some(Box::new(Seal {
        entity_id: text()?.map(EntityId::new_unchecked),
        entity_type: text()?.map(|name| TypeName::new(Iri::new(name))),
    })))
}

/// As many parts as the count before them says.
fn repeat<'a, T, C: FromIterator<T>>(
    reader: &mut Reader<'a>,
    mut part: impl FnMut(&mut Reader<'a>) -> Result<T, DecodeError>,
) -> Result<C, DecodeError> {
    let count = reader.count()?;
    (0..count).map(|_| part(reader)).collect()
}

fn object(reader: &mut Reader<'_>) -> Result<EntityId, DecodeError> {
    reader.text().map(EntityId::new_unchecked)
}

fn date(text: &str) -> Result<DateTime, DecodeError> {
    DateTime::parse(text).map_err(|_| DecodeError::Damaged("a date is none"))
}

fn temporal(r#type: TemporalType, reader: &mut Reader<'_>) -> Result<Value, DecodeError> {
    let value = reader.text()?.into();
    Ok(Value::Temporal { r#type, value })
}

fn json(reader: &mut Reader<'_>) -> Result<Json, DecodeError> {
    Json::parse(reader.text()?).map_err(|_| DecodeError::Damaged("a JSON text is none"))
}

fn geometry(reader: &mut Reader<'_>) -> Result<Geometry, DecodeError> {
    geometry_or_member(reader, false)
}

/// A geometry, or a member of a collection, which is none itself.
fn geometry_or_member(reader: &mut Reader<'_>, is_member: bool) -> Result<Geometry, DecodeError> {
    Ok(match reader.byte()? {
        shape::POINT => Geometry::Point(position(reader)?),
        shape::MULTI_POINT => Geometry::MultiPoint(repeat(reader, position)?),
        shape::LINE_STRING => Geometry::LineString(repeat(reader, position)?),
        shape::MULTI_LINE_STRING => Geometry::MultiLineString(lines(reader)?),
        shape::POLYGON => Geometry::Polygon(lines(reader)?),
        shape::MULTI_POLYGON => Geometry::MultiPolygon(repeat(reader, lines)?),
        shape::COLLECTION if !is_member => {
            let members = repeat(reader, |reader| geometry_or_member(reader, true))?;
            Geometry::collected(members).ok_or(DecodeError::Damaged("a collection of geometries has none"))?
        }
        _ => return Err(DecodeError::Damaged("a geometry is of no known type")),
    })
}

fn lines(reader: &mut Reader<'_>) -> Result<Vec<Vec<Position>>, DecodeError> {
    repeat(reader, |reader| repeat(reader, position))
}

fn position(reader: &mut Reader<'_>) -> Result<Position, DecodeError> {
    let has_altitude = reader.byte()? != 0;
    Ok(Position {
        longitude: reader.float()?,
        latitude: reader.float()?,
        altitude: if has_altitude { Some(reader.float()?) } else { None },
    })
}
