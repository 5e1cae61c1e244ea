//! Attribute paths: `name.subname[member.member]` (clause 4.9, production rule `Attribute`).

use compact_str::CompactString;

use super::super::SyntaxError;
use super::super::cursor::Cursor;
use super::super::names::take_name;
use super::{AttributePath, MAX_PATH_NAMES};
use crate::AttributeName;

const ATTRIBUTE_NAME: &str = "an attribute name, which begins with a letter";

/// What ends an IRI in the place of a name.
fn ends_iri(character: char) -> bool {
    matches!(
        character,
        '=' | '!' | '<' | '>' | '~' | ';' | '|' | '(' | ')' | '[' | ']' | '{' | '}' | '"'
    ) || character.is_whitespace()
}

/// What a member of a JSON object, or a language tag, may consist of in a path. Clause 4.9 has letters, numbers
/// and `_`; its own examples add `*`, language tags `-`, and the others stand in members of real objects.
fn is_member_character(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '-' | '*' | '@' | '$' | ':')
}

/// Reads the path that comes next.
pub(super) fn parse_path(
    cursor: &mut Cursor<'_>,
    expand: &dyn Fn(&str) -> Option<AttributeName>,
) -> Result<AttributePath, SyntaxError> {
    let attribute = parse_name(cursor, expand, ATTRIBUTE_NAME)?;
    let mut sub_attributes = Vec::new();
    while cursor.eat('.') {
        limit(cursor, 1 + sub_attributes.len())?;
        sub_attributes.push(parse_name(cursor, expand, ATTRIBUTE_NAME)?);
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
    if cursor.peek() == Some('{') {
        return Err(cursor.expected("no `{`: paths through linked entities are not supported"));
    }
    Ok(AttributePath {
        attribute,
        sub_attributes,
        members,
    })
}

fn parse_name(
    cursor: &mut Cursor<'_>,
    expand: &dyn Fn(&str) -> Option<AttributeName>,
    expected: &'static str,
) -> Result<AttributeName, SyntaxError> {
    let start = *cursor;
    let name = take_name(cursor, ends_iri).ok_or_else(|| start.expected(expected))?;
    expand(name).ok_or_else(|| start.expected(expected))
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
