//! The parser of `q`: recursive descent, every character looked at a bounded number of times.

use super::super::SyntaxError;
use super::super::cursor::Cursor;
use super::bracket;
use super::expand::Expand;
use super::literal::{EqualityValue, parse_comparable_value, parse_equality_value, quoted_length};
use super::path::parse_path;
use super::{
    AttributePath, Comparison, Condition, Expression, Extent, MAX_DEPTH, MAX_PATTERNS, MAX_QUERY_BYTES, MAX_TERMS,
    Operator, Pattern, ValueExpansion,
};
use crate::AttributeName;

/// Reads a whole `q`.
//= 4.9-1
pub(in crate::query) fn parse(
    text: &str,
    expand: &Expand<'_>,
    values: &ValueExpansion,
    extent: Extent,
) -> Result<Expression, SyntaxError> {
    let mut parser = Parser {
        cursor: Cursor::new(text),
        expand,
        values,
        extent,
        terms: 0,
        patterns: 0,
    };
    if text.len() > MAX_QUERY_BYTES {
        return Err(parser.cursor.expected("at most 64 KiB of text"));
    }
    let expression = parser.disjunction(0)?;
    if parser.cursor.at_end() {
        Ok(expression)
    } else {
        Err(parser.cursor.expected("an operator, `;`, `|` or the end"))
    }
}

struct Parser<'t, 'c> {
    cursor: Cursor<'t>,
    expand: &'c Expand<'c>,
    values: &'c ValueExpansion,
    /// How much of a value its regular expressions must match.
    extent: Extent,
    terms: usize,
    patterns: usize,
}

impl Parser<'_, '_> {
    /// `a|b|c`, each a conjunction: `;` binds closer.
    //= 4.9-3
    fn disjunction(&mut self, depth: usize) -> Result<Expression, SyntaxError> {
        let mut parts = Vec::new();
        loop {
            match self.conjunction(depth)? {
                Expression::Or(nested) => parts.extend(nested),
                part => parts.push(part),
            }
            if !self.cursor.eat('|') {
                return Ok(join(parts, Expression::Or));
            }
        }
    }

    /// `a;b;c`
    //= 4.9-3
    fn conjunction(&mut self, depth: usize) -> Result<Expression, SyntaxError> {
        let mut parts = Vec::new();
        loop {
            match self.term(depth)? {
                Expression::And(nested) => parts.extend(nested),
                part => parts.push(part),
            }
            if !self.cursor.eat(';') {
                return Ok(join(parts, Expression::And));
            }
        }
    }

    /// One condition, or an association in parentheses.
    fn term(&mut self, depth: usize) -> Result<Expression, SyntaxError> {
        self.cursor.skip_space();
        let expression = if self.cursor.peek() == Some('(') {
            if depth == MAX_DEPTH {
                return Err(self.cursor.expected("at most 16 levels of parentheses"));
            }
            self.cursor.eat('(');
            let nested = self.disjunction(depth + 1)?;
            if !self.cursor.eat(')') {
                return Err(self.cursor.expected("an operator, `;`, `|` or `)`"));
            }
            nested
        } else {
            Expression::Condition(self.condition()?)
        };
        self.cursor.skip_space();
        Ok(expression)
    }

    fn condition(&mut self) -> Result<Condition, SyntaxError> {
        if self.terms == MAX_TERMS {
            return Err(self.cursor.expected("at most 128 conditions"));
        }
        self.terms += 1;
        let path = parse_path(&mut self.cursor, self.expand)?;
        self.cursor.skip_space();
        let expands = self.values.expands(target_attribute(&path));
        let comparison = self.comparison(expands)?;
        Ok(Condition { path, comparison })
    }

    fn comparison(&mut self, expands: bool) -> Result<Option<Comparison>, SyntaxError> {
        let operator_start = self.cursor;
        // The longer operators first: `<=` begins with `<`.
        if self.cursor.eat_str("==") {
            self.equality(false, expands).map(Some)
        } else if self.cursor.eat_str("!=") {
            self.equality(true, expands).map(Some)
        } else if self.cursor.eat_str("!~=") {
            self.pattern(true).map(Some)
        } else if self.cursor.eat_str("~=") {
            self.pattern(false).map(Some)
        } else if self.cursor.eat_str("<=") {
            self.order(Operator::LessOrEqual).map(Some)
        } else if self.cursor.eat_str("<") {
            self.order(Operator::Less).map(Some)
        } else if self.cursor.eat_str(">=") {
            self.order(Operator::GreaterOrEqual).map(Some)
        } else if self.cursor.eat_str(">") {
            self.order(Operator::Greater).map(Some)
        } else if matches!(operator_start.peek(), Some('=' | '!' | '~')) {
            Err(operator_start.expected("one of the operators == != < <= > >= ~= !~="))
        } else {
            Ok(None)
        }
    }

    fn equality(&mut self, negated: bool, expands: bool) -> Result<Comparison, SyntaxError> {
        self.cursor.skip_space();
        let expand = expands.then_some(self.expand.value);
        Ok(match parse_equality_value(&mut self.cursor, expand)? {
            EqualityValue::Values(values) => Comparison::Equal { negated, values },
            EqualityValue::Range(from, to) => Comparison::Range { negated, from, to },
        })
    }

    fn order(&mut self, operator: Operator) -> Result<Comparison, SyntaxError> {
        self.cursor.skip_space();
        let value = parse_comparable_value(&mut self.cursor)?;
        Ok(Comparison::Order { operator, value })
    }

    /// A regular expression, plain or in double quotes.
    fn pattern(&mut self, negated: bool) -> Result<Comparison, SyntaxError> {
        if self.patterns == MAX_PATTERNS {
            return Err(self.cursor.expected("at most 16 regular expressions"));
        }
        self.patterns += 1;
        let start = self.cursor;
        let text = if start.peek() == Some('"') {
            let length = quoted_length(start.rest())
                .ok_or_else(|| start.expected("a regular expression that ends with a double quote"))?;
            unescape_pattern(self.cursor.take(length))
        } else {
            let length = plain_pattern_length(start.rest());
            self.cursor.take(length).to_owned()
        };
        if text.is_empty() {
            return Err(start.expected("a regular expression"));
        }
        let pattern = Pattern::parse_as(&text, self.extent)
            .map_err(|_| start.expected("a regular expression without look-around and back references"))?;
        Ok(Comparison::Pattern { negated, pattern })
    }
}

/// The attribute that a value is compared with: the last one of the path.
fn target_attribute(path: &AttributePath) -> &AttributeName {
    let mut path = path;
    while let Some(linked) = &path.linked {
        path = &linked.path;
    }
    path.sub_attributes.last().unwrap_or(&path.attribute)
}

/// One part is itself; several are joined.
fn join(mut parts: Vec<Expression>, several: fn(Vec<Expression>) -> Expression) -> Expression {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            several(parts)
        }
        None => several(parts),
    }
}

/// Length in bytes of a regular expression without quotes. `;`, `|` and `)` end it, because they go on with the
/// query, except where the expression has them inside of its own parentheses or brackets, or escaped.
fn plain_pattern_length(text: &str) -> usize {
    let mut groups = 0_usize;
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let taken = match next {
            '\\' => 1 + rest.chars().nth(1).map_or(0, char::len_utf8),
            // One that does not end is refused when the expression is read.
            '[' => bracket::length(rest).unwrap_or(rest.len()),
            '(' => {
                groups += 1;
                1
            }
            ';' | '|' | ')' if groups == 0 => break,
            ')' => {
                groups -= 1;
                1
            }
            other => other.len_utf8(),
        };
        rest = rest.get(taken..).unwrap_or_default();
    }
    text.len() - rest.len()
}

/// The regular expression between the quotes. Of the escapes of JSON only those of a quote, a backslash and a
/// slash are undone: the engine knows the others, and `\d` and `\.`, which JSON lacks, mean what they say.
fn unescape_pattern(quoted: &str) -> String {
    let inner = quoted.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    let mut rest = inner.unwrap_or_default();
    let mut pattern = String::with_capacity(rest.len());
    while let Some((plain, escape)) = rest.split_once('\\') {
        pattern.push_str(plain);
        rest = escape;
        let escaped = rest.chars().next();
        match escaped {
            Some(character @ ('"' | '\\' | '/')) => {
                pattern.push(character);
                rest = rest.strip_prefix(character).unwrap_or_default();
            }
            _ => pattern.push('\\'),
        }
    }
    pattern.push_str(rest);
    pattern
}
