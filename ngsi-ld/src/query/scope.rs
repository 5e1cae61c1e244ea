//! The scope query language of clause 4.19: reading it, and what it means.
//!
//! A level may hold any character that the language does not use itself: scopes of sources are not always the letters
//! and digits of the grammar. A missing first slash is added, as in Example 5 and as in scopes of entities. A conjunction
//! needs its parentheses in the grammar; without them it can mean one thing only, since `;` binds closer, as in `q`. Quotes
//! around the whole, or around each scope, are those of clients that write them around every value.

use compact_str::CompactString;

use super::SyntaxError;
use super::cursor::Cursor;

/// Most scopes in one query: people write three.
pub const MAX_SCOPES: usize = 64;

/// Most levels in one scope of a query.
pub const MAX_SCOPE_LEVELS: usize = 32;

/// A condition on the scopes of an entity: one of the alternatives must hold. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeQuery {
    alternatives: Vec<Vec<ScopePattern>>,
}

/// What one scope must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopePattern {
    /// Its levels, from the top; `None`: any one level.
    pub levels: Vec<Option<CompactString>>,
    /// Whether everything below counts, too.
    pub and_below: bool,
}

impl ScopeQuery {
    /// Reads a `scopeQ`.
    ///
    /// # Errors
    /// [`SyntaxError`] at the first place where the text leaves the grammar of clause 4.19 or a limit of this module.
    //= 4.19-1
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        let mut parser = Parser {
            cursor: Cursor::new(text),
            scopes: 0,
        };
        let all_quoted = text.trim().strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        let all_quoted = all_quoted.is_some_and(|inside| !inside.contains('"'));
        if all_quoted {
            parser.cursor.skip_space();
            parser.cursor.eat('"');
        }
        let mut alternatives = vec![parser.alternative()?];
        while parser.cursor.eat('|') || parser.cursor.eat(',') {
            alternatives.push(parser.alternative()?);
        }
        if all_quoted && parser.cursor.eat('"') {
            parser.cursor.skip_space();
        }
        if parser.cursor.at_end() {
            Ok(Self { alternatives })
        } else {
            Err(parser.cursor.expected("`|`, `,` or the end"))
        }
    }

    /// Whether an entity with these scopes fulfils it. Without any scope none does, not even `/#`.
    #[must_use]
    //= 4.19-1, 5.7.2.4-11
    pub fn matches(&self, scopes: &[CompactString]) -> bool {
        let has = |pattern: &ScopePattern| scopes.iter().any(|scope| pattern.matches(scope));
        self.alternatives.iter().any(|all| all.iter().all(has))
    }

    /// Whether an entity may fulfil it whose scopes are some of these or lie below them.
    #[must_use]
    pub fn may_be_met_below(&self, scopes: &[CompactString]) -> bool {
        let may = |pattern: &ScopePattern| scopes.iter().any(|scope| pattern.may_match_below(scope));
        self.alternatives.iter().any(|all| all.iter().all(may))
    }

    /// The alternatives: each a list of what scopes of the entity must be, all of them.
    #[must_use]
    pub fn alternatives(&self) -> &[Vec<ScopePattern>] {
        &self.alternatives
    }

    /// The scopes that it names; `None` when it has a wildcard, and so is met by scopes that it does not name.
    #[must_use]
    pub fn named(&self) -> Option<Vec<String>> {
        let name = |pattern: &ScopePattern| -> Option<String> {
            let levels: Option<Vec<&str>> = pattern.levels.iter().map(|level| level.as_deref()).collect();
            levels
                .filter(|_| !pattern.and_below)
                .map(|levels| format!("/{}", levels.join("/")))
        };
        self.alternatives.iter().flatten().map(name).collect()
    }

    /// Whether a scope is one of those that the query speaks of.
    #[must_use]
    pub fn speaks_of(&self, scope: &str) -> bool {
        self.alternatives.iter().flatten().any(|pattern| pattern.matches(scope))
    }
}

impl ScopePattern {
    /// Whether it may match the scope or one below it.
    fn may_match_below(&self, scope: &str) -> bool {
        let mut levels = scope.strip_prefix('/').unwrap_or(scope).split('/');
        for wanted in &self.levels {
            let Some(level) = levels.next() else {
                return true;
            };
            if wanted.as_ref().is_some_and(|wanted| wanted != level) {
                return false;
            }
        }
        self.and_below || levels.next().is_none()
    }

    fn matches(&self, scope: &str) -> bool {
        let mut levels = scope.strip_prefix('/').unwrap_or(scope).split('/');
        for wanted in &self.levels {
            let Some(level) = levels.next() else {
                return false;
            };
            if wanted.as_ref().is_some_and(|wanted| wanted != level) {
                return false;
            }
        }
        self.and_below || levels.next().is_none()
    }
}

struct Parser<'t> {
    cursor: Cursor<'t>,
    scopes: usize,
}

impl Parser<'_> {
    /// A scope, or several that must all be there, with or without parentheses.
    fn alternative(&mut self) -> Result<Vec<ScopePattern>, SyntaxError> {
        let mut all = Vec::new();
        loop {
            self.cursor.skip_space();
            if self.cursor.eat('(') {
                all.push(self.scope()?);
                while self.cursor.eat(';') {
                    all.push(self.scope()?);
                }
                if !self.cursor.eat(')') {
                    return Err(self.cursor.expected("`;` or `)`"));
                }
            } else {
                all.push(self.scope()?);
            }
            self.cursor.skip_space();
            if !self.cursor.eat(';') {
                return Ok(all);
            }
        }
    }

    fn scope(&mut self) -> Result<ScopePattern, SyntaxError> {
        if self.scopes == MAX_SCOPES {
            return Err(self.cursor.expected("at most 64 scopes"));
        }
        self.scopes += 1;
        self.cursor.skip_space();
        let mut pattern = ScopePattern {
            levels: Vec::new(),
            and_below: false,
        };
        let is_quoted = self.cursor.eat('"');
        self.cursor.eat('/');
        loop {
            if self.cursor.eat('#') {
                pattern.and_below = true;
                break;
            }
            if pattern.levels.len() == MAX_SCOPE_LEVELS {
                return Err(self.cursor.expected("at most 32 levels"));
            }
            pattern.levels.push(self.level()?);
            if !self.cursor.eat('/') {
                break;
            }
        }
        if is_quoted && !self.cursor.eat('"') {
            return Err(self.cursor.expected("`/` or the double quote that ends the scope"));
        }
        self.cursor.skip_space();
        Ok(pattern)
    }

    fn level(&mut self) -> Result<Option<CompactString>, SyntaxError> {
        if self.cursor.eat('+') {
            return Ok(None);
        }
        let level = self.cursor.take_while(|character| !ends_level(character));
        if level.is_empty() {
            return Err(self.cursor.expected("a level of a scope, `+` or `#`"));
        }
        Ok(Some(level.into()))
    }
}

fn ends_level(character: char) -> bool {
    matches!(character, '/' | '|' | ',' | ';' | '(' | ')' | '+' | '#' | '"') || character.is_whitespace()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(query: &str, scopes: &[&str]) -> bool {
        let scopes: Vec<CompactString> = scopes.iter().map(|scope| CompactString::new(scope)).collect();
        let query = ScopeQuery::parse(query).unwrap_or_else(|error| panic!("{query}: {error}"));
        query.matches(&scopes)
    }

    #[test]
    //= 4.19-1
    fn the_examples_of_the_clause_mean_what_it_says() {
        assert!(matches("/Madrid", &["/Madrid"]));
        assert!(!matches("/Madrid", &["/Madrid/Gardens"]));
        let gardens = [
            "/Madrid/Gardens",
            "/Madrid/Gardens/ParqueNorte",
            "/Madrid/Gardens/ParqueNorte/Parterre1",
        ];
        for scope in gardens {
            assert!(matches("/Madrid/Gardens/#", &[scope]), "{scope}");
        }
        assert!(!matches("/Madrid/Gardens/#", &["/Madrid/GardensOfOthers"]));
        for scope in ["/Madrid/Gardens/ParqueNorte", "/Madrid/Sights/ParqueNorte"] {
            assert!(matches("/Madrid/+/ParqueNorte", &[scope]));
        }
        assert!(!matches("/Madrid/+/ParqueNorte", &["/Madrid/ParqueNorte"]));
        let both = "(/Madrid/Districts;/CompanyA)";
        assert!(matches(both, &["/CompanyA", "/Madrid/Districts"]));
        assert!(!matches(both, &["/CompanyA"]));
        for or in [
            "(/Madrid/Districts;/CompanyA)|CompanyB",
            "(/Madrid/Districts;/CompanyA),CompanyB",
        ] {
            assert!(matches(or, &["/CompanyB"]), "{or}");
            assert!(matches(or, &["/CompanyA", "/Madrid/Districts"]), "{or}");
            assert!(!matches(or, &["/CompanyA"]), "{or}");
        }
    }

    #[test]
    fn a_conjunction_needs_no_parentheses() {
        for (without, with) in [
            ("/A;/B", "(/A;/B)"),
            ("/A;/B,/C", "(/A;/B)|/C"),
            ("(/A;/B);/C|/D", "(/A;/B;/C)|/D"),
        ] {
            assert_eq!(ScopeQuery::parse(without), ScopeQuery::parse(with), "{without}");
        }
    }

    #[test]
    fn quotes_around_scopes_are_no_part_of_them() {
        for (quoted, plain) in [
            ("\"/A\"", "/A"),
            (" \"/A/#\" ", "/A/#"),
            ("\"(/A;/B)|/C/+\"", "(/A;/B)|/C/+"),
            ("\"/A\",\"/B\"", "/A,/B"),
            ("(\"/A\";/B)", "(/A;/B)"),
        ] {
            assert_eq!(ScopeQuery::parse(quoted), ScopeQuery::parse(plain), "{quoted}");
            assert!(ScopeQuery::parse(plain).is_ok(), "{plain}");
        }
        for (text, position) in [("\"/A", 3), ("/A\"", 2), ("\"\"", 2), ("\"/A|/B", 3), ("\"/A\"x", 4)] {
            assert_eq!(ScopeQuery::parse(text).expect_err(text).position, position, "{text}");
        }
    }

    #[test]
    fn without_a_scope_nothing_matches() {
        assert!(!matches("/#", &[]));
        assert!(matches("/#", &["/A/B"]));
        assert!(matches("#", &["/A"]));
    }

    #[test]
    fn scopes_that_are_not_spoken_of_are_told_apart() {
        let query = ScopeQuery::parse("(/disaster/#;/open)|/+/map").unwrap();
        for (scope, spoken_of) in [
            ("/disaster", true),
            ("/open", true),
            ("/a/map", true),
            ("/internal", false),
        ] {
            assert_eq!(query.speaks_of(scope), spoken_of, "{scope}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_its_position() {
        for (text, position) in [
            ("", 0),
            ("/", 1),
            ("/A//B", 3),
            ("/避難/", 4),
            ("/A|", 3),
            ("(/A;/B", 6),
            ("/A;", 3),
            ("/A/#/B", 4),
            ("/A)", 2),
        ] {
            assert_eq!(ScopeQuery::parse(text).expect_err(text).position, position, "{text}");
        }
        let many = vec!["/A"; MAX_SCOPES + 1].join("|");
        assert!(ScopeQuery::parse(&many).unwrap_err().expected.contains("64"));
        let deep = "/A".repeat(MAX_SCOPE_LEVELS + 1);
        assert!(ScopeQuery::parse(&deep).unwrap_err().expected.contains("32"));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in any::<String>(), tokens in "[/A避+#|,;()\" ]{0,30}") {
            for text in [text, tokens] {
                if let Ok(query) = ScopeQuery::parse(&text) {
                    let _ = query.matches(&[CompactString::new(&text)]);
                }
            }
        }
    }
}
