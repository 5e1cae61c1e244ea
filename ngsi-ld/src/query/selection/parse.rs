//! Reading type selections (clause 4.17).
//!
//! The grammar has a conjunction in parentheses only, and no parentheses in parentheses. Both are read here, since
//! they can mean one thing only: `;` binds closer than `|` and `,`, as in `q`.

use super::super::SyntaxError;
use super::super::cursor::Cursor;
use super::super::names::take_name;
use super::TypeSelection;
use crate::TypeName;

/// Most types in one selection.
pub const MAX_SELECTED_TYPES: usize = 256;

/// Deepest nesting of parentheses: bounds the stack that evaluating and dropping a selection need.
pub const MAX_SELECTION_DEPTH: usize = 16;

/// How a name becomes an expanded one; `None` when it cannot be one.
type Expand<'c> = dyn Fn(&str) -> Option<TypeName> + 'c;

/// Reads a whole selection.
//= 4.17-1
pub(super) fn parse(text: &str, expand: &Expand<'_>) -> Result<TypeSelection, SyntaxError> {
    let mut parser = Parser {
        cursor: Cursor::new(text),
        expand,
        types: 0,
    };
    let selection = parser.any(0)?;
    if parser.cursor.at_end() {
        Ok(selection)
    } else {
        Err(parser.cursor.expected("`|`, `,`, `;` or the end"))
    }
}

struct Parser<'t, 'c> {
    cursor: Cursor<'t>,
    expand: &'c Expand<'c>,
    types: usize,
}

impl Parser<'_, '_> {
    /// `A|B,C`, each a conjunction.
    fn any(&mut self, depth: usize) -> Result<TypeSelection, SyntaxError> {
        let first = self.all(depth)?;
        let mut parts = match first {
            TypeSelection::Any(nested) => nested,
            first if !matches!(self.cursor.peek(), Some('|' | ',')) => return Ok(first),
            first => vec![first],
        };
        while self.cursor.eat('|') || self.cursor.eat(',') {
            match self.all(depth)? {
                TypeSelection::Any(nested) => parts.extend(nested),
                part => parts.push(part),
            }
        }
        Ok(TypeSelection::Any(parts))
    }

    /// `A;B`
    fn all(&mut self, depth: usize) -> Result<TypeSelection, SyntaxError> {
        let first = self.one(depth)?;
        let mut parts = match first {
            TypeSelection::All(nested) => nested,
            first if self.cursor.peek() != Some(';') => return Ok(first),
            first => vec![first],
        };
        while self.cursor.eat(';') {
            match self.one(depth)? {
                TypeSelection::All(nested) => parts.extend(nested),
                part => parts.push(part),
            }
        }
        Ok(TypeSelection::All(parts))
    }

    /// A type, or a selection in parentheses.
    fn one(&mut self, depth: usize) -> Result<TypeSelection, SyntaxError> {
        self.cursor.skip_space();
        let selection = if self.cursor.peek() == Some('(') {
            if depth == MAX_SELECTION_DEPTH {
                return Err(self.cursor.expected("at most 16 levels of parentheses"));
            }
            self.cursor.eat('(');
            let nested = self.any(depth + 1)?;
            if !self.cursor.eat(')') {
                return Err(self.cursor.expected("`|`, `,`, `;` or `)`"));
            }
            nested
        } else {
            TypeSelection::Type(self.name()?)
        };
        self.cursor.skip_space();
        Ok(selection)
    }

    fn name(&mut self) -> Result<TypeName, SyntaxError> {
        const EXPECTED: &str = "the name of an entity type, which begins with a letter, or a URI";
        if self.types == MAX_SELECTED_TYPES {
            return Err(self.cursor.expected("at most 256 entity types"));
        }
        self.types += 1;
        let start = self.cursor;
        let name = take_name(&mut self.cursor, ends_uri).ok_or_else(|| start.expected(EXPECTED))?;
        (self.expand)(name).ok_or_else(|| start.expected(EXPECTED))
    }
}

/// URIs may hold these characters (see the note of the clause). Here they always belong to the selection.
fn ends_uri(character: char) -> bool {
    matches!(character, '|' | ',' | ';' | '(' | ')') || character.is_whitespace()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::query::fixture::type_name;

    fn read(text: &str) -> Result<TypeSelection, SyntaxError> {
        parse(text, &|name| Some(type_name(name)))
    }

    fn one(name: &str) -> TypeSelection {
        TypeSelection::Type(type_name(name))
    }

    #[test]
    //= 4.17-1
    fn the_examples_of_the_clause_are_read() {
        let building_or_house = TypeSelection::Any(vec![one("Building"), one("House")]);
        let home_and_vehicle = TypeSelection::All(vec![one("Home"), one("Vehicle")]);
        let or_motorhome = TypeSelection::Any(vec![home_and_vehicle.clone(), one("Motorhome")]);
        for (text, selection) in [
            ("Building|House", building_or_house.clone()),
            ("Building,House", building_or_house),
            ("(Home;Vehicle)", home_and_vehicle),
            ("(Home;Vehicle)|Motorhome", or_motorhome.clone()),
            ("(Home;Vehicle),Motorhome", or_motorhome),
        ] {
            assert_eq!(read(text), Ok(selection), "{text}");
        }
    }

    #[test]
    fn selections_are_read_in_all_their_forms() {
        for name in [
            "避難所",
            "Air-Quality",
            "Air%2DQuality",
            "12345678",
            "%312345678",
            "A_-1",
        ] {
            assert_eq!(read(name), Ok(one(name)), "{name}");
        }
        assert_eq!(read("schema:Place"), Ok(one("schema:Place")));
        assert_eq!(
            read("https://example.org/v1.2/A,urn:x:B"),
            Ok(TypeSelection::Any(vec![
                one("https://example.org/v1.2/A"),
                one("urn:x:B")
            ]))
        );
        assert_eq!(read("A;B,C"), read("(A;B)|C"));
        assert_eq!(read("((A|B)),(C)"), read("A|B|C"));
        let nested = read("(A|B);C").unwrap();
        let types = |names: &[&str]| names.iter().map(|name| type_name(name)).collect::<Vec<_>>();
        assert!(nested.selects(&types(&["C", "B"])));
        assert!(!nested.selects(&types(&["A", "B"])));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_position() {
        for (text, position) in [
            ("", 0),
            ("*", 0),
            ("-A", 0),
            ("避難所|", 4),
            ("A,,B", 2),
            ("(A;B", 4),
            ("A)", 1),
            ("A B", 2),
            ("A=B", 1),
            ("A%2", 1),
        ] {
            assert_eq!(read(text).expect_err(text).position, position, "{text}");
        }
        assert_eq!(
            parse("A|B", &|name| (name == "A").then(|| type_name(name)))
                .unwrap_err()
                .position,
            2
        );
    }

    #[test]
    fn limits_are_kept_and_said() {
        let nested = |depth| format!("{}A{}", "(".repeat(depth), ")".repeat(depth));
        let types = |types| vec!["A"; types].join(",");
        assert!(read(&nested(MAX_SELECTION_DEPTH)).is_ok());
        assert!(read(&types(MAX_SELECTED_TYPES)).is_ok());
        for (text, limit) in [
            (nested(MAX_SELECTION_DEPTH + 1), MAX_SELECTION_DEPTH),
            (types(MAX_SELECTED_TYPES + 1), MAX_SELECTED_TYPES),
        ] {
            assert!(read(&text).unwrap_err().expected.contains(&limit.to_string()));
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in any::<String>(), tokens in "[A避:;,|()*/ .]{0,30}") {
            let _ = read(&text);
            let _ = read(&tokens);
        }
    }
}
