//! Attribute paths: `name.subname[member.member]` and `name{Type:path}` (clause 4.9, production rule `Attribute`).

use compact_str::CompactString;

use super::super::SyntaxError;
use super::super::cursor::Cursor;
use super::super::names::{take_name, take_short_name};
use super::expand::{Expand, ExpandAttribute};
use super::{AttributePath, LinkedPath, MAX_LINKED_TYPES, MAX_LINKS, MAX_PATH_NAMES};
use crate::{AttributeName, TypeName};

const ATTRIBUTE_NAME: &str = "an attribute name, which begins with a letter";

/// What ends an IRI in the place of a name.
fn ends_iri(character: char) -> bool {
    matches!(
        character,
        '=' | '!' | '<' | '>' | '~' | ';' | '|' | '(' | ')' | '[' | ']' | '{' | '}' | '"'
    ) || character.is_whitespace()
}

/// What a member of a JSON object, or a language tag, may consist of in a path. Clause 4.9 has letters, numbers
/// and `_`; its own examples add `*`, language tags `-`, and the others stand in members of real objects: combining
/// characters and emoji among them.
fn is_member_character(character: char) -> bool {
    if character.is_ascii() {
        character.is_ascii_alphanumeric() || matches!(character, '_' | '-' | '*' | '@' | '$' | ':')
    } else {
        !(character.is_whitespace() || character.is_control())
    }
}

/// Reads the path that comes next.
//= 4.9-4
pub(super) fn parse_path(cursor: &mut Cursor<'_>, expand: &Expand<'_>) -> Result<AttributePath, SyntaxError> {
    parse_linked(cursor, expand, 0)
}

/// Reads a path of an ordering (clause 4.23.3): it follows no Relationship, and `,` ends it.
pub(in crate::query) fn parse_ordering_path(
    cursor: &mut Cursor<'_>,
    expand: ExpandAttribute<'_>,
) -> Result<AttributePath, SyntaxError> {
    parse_without_links(cursor, expand, |character| character == ',' || ends_iri(character))
}

/// Reads a path that lies behind so many links.
fn parse_linked(cursor: &mut Cursor<'_>, expand: &Expand<'_>, links: usize) -> Result<AttributePath, SyntaxError> {
    let mut path = parse_without_links(cursor, expand.attribute, ends_iri)?;
    if cursor.peek() == Some('{') {
        if !path.sub_attributes.is_empty() || !path.members.is_empty() {
            return Err(cursor.expected("no `{` here: only a Relationship of the entity itself is followed"));
        }
        if links == MAX_LINKS {
            return Err(cursor.expected("at most 10 Relationships to follow"));
        }
        cursor.eat('{');
        let types = parse_types(cursor, expand)?;
        let inner = parse_linked(cursor, expand, links + 1)?;
        if !cursor.eat('}') {
            return Err(cursor.expected("`}` after the path in the linked entity"));
        }
        path.linked = Some(Box::new(LinkedPath { types, path: inner }));
    }
    Ok(path)
}

/// Reads `name.subname[member.member]`.
fn parse_without_links(
    cursor: &mut Cursor<'_>,
    expand: ExpandAttribute<'_>,
    ends_iri: fn(char) -> bool,
) -> Result<AttributePath, SyntaxError> {
    let attribute = parse_name(cursor, expand, ends_iri)?;
    let mut sub_attributes = Vec::new();
    while cursor.eat('.') {
        limit(cursor, 1 + sub_attributes.len())?;
        sub_attributes.push(parse_name(cursor, expand, ends_iri)?);
    }
    let mut members = Vec::new();
    if cursor.eat('[') {
        loop {
            limit(cursor, 1 + sub_attributes.len() + members.len())?;
            members.push(parse_member(cursor)?);
            if cursor.eat(']') {
                break;
            }
            if !cursor.eat('.') {
                return Err(cursor.expected("`.` and another member, or `]`"));
            }
        }
        if cursor.peek() == Some('[') {
            return Err(cursor.expected("no second `[`: members inside of members are written [a.b]"));
        }
    }
    Ok(AttributePath {
        attribute,
        sub_attributes,
        members,
        linked: None,
    })
}

/// Reads `Type,Type:` where it stands. Without a colon the name is that of the attribute, and nothing is read.
fn parse_types(cursor: &mut Cursor<'_>, expand: &Expand<'_>) -> Result<Vec<TypeName>, SyntaxError> {
    let mut ahead = *cursor;
    let mut types = Vec::new();
    loop {
        let start = ahead;
        // The colon that ends a list of types would be one of an IRI's own.
        let Some(name) = take_short_name(&mut ahead) else {
            // After a comma nothing but a type can come.
            return if types.is_empty() {
                Ok(types)
            } else {
                Err(start.expected("an entity type"))
            };
        };
        if types.len() == MAX_LINKED_TYPES {
            return Err(start.expected("at most 16 types of a linked entity"));
        }
        let is_iri = ahead.rest().starts_with("://") || (name.eq_ignore_ascii_case("urn") && ahead.peek() == Some(':'));
        if types.is_empty() && is_iri {
            // No type, but the IRI of an attribute.
            return Ok(types);
        }
        let is_last = ahead.eat(':');
        if !is_last && !ahead.eat(',') {
            return if types.is_empty() {
                Ok(types)
            } else {
                Err(ahead.expected("`,` and another entity type, or `:` and the path in the linked entity"))
            };
        }
        types.push((expand.r#type)(name).ok_or_else(|| start.expected("an entity type"))?);
        if is_last {
            *cursor = ahead;
            return Ok(types);
        }
    }
}

fn parse_name(
    cursor: &mut Cursor<'_>,
    expand: ExpandAttribute<'_>,
    ends_iri: fn(char) -> bool,
) -> Result<AttributeName, SyntaxError> {
    let start = *cursor;
    let name = take_name(cursor, ends_iri).ok_or_else(|| start.expected(ATTRIBUTE_NAME))?;
    expand(name).ok_or_else(|| start.expected(ATTRIBUTE_NAME))
}

/// Whether a text is read as one name: a context may have terms that no query can hold, as `ngsi-ld`.
pub(super) fn reads_as_name(text: &str) -> bool {
    let mut cursor = Cursor::new(text);
    take_name(&mut cursor, ends_iri) == Some(text)
}

fn parse_member(cursor: &mut Cursor<'_>) -> Result<CompactString, SyntaxError> {
    match cursor.take_while(is_member_character) {
        "" => Err(cursor.expected("the name of a member, a language, or `*` for any language")),
        member => Ok(member.into()),
    }
}

fn limit(cursor: &Cursor<'_>, names: usize) -> Result<(), SyntaxError> {
    if names < MAX_PATH_NAMES {
        Ok(())
    } else {
        Err(cursor.expected("a path of at most 16 names"))
    }
}
