//! Parsing an expression and judging it before it is ever evaluated.

use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue, operators};
use cel::common::types::CelDouble;
use cel::{Env, IdedExpr};
use compact_str::CompactString;

use super::functions::SIGNATURES;
use super::{InvalidExpression, MAX_CHARACTERS, MAX_ITEMS, MAX_VALUE, MAX_WORK, Sort};

/// How deep brackets and operations may stand in one another: the evaluator goes down on the stack.
const MAX_DEPTH: usize = 24;

/// How many operations, values and names there may be.
const MAX_NODES: usize = 250;

/// Characters of which each can be an operation: the parser goes down on the stack for chains of them, before anything can be counted.
const OPERATIONS: &[char] = &[
    '.', '+', '-', '*', '/', '%', '<', '>', '=', '!', '?', '(', '[', '{', '&', '|',
];
const MAX_OPERATIONS: usize = 250;

/// The names of macros that go over lists.
const MACROS: &[&str] = &["all", "exists", "exists_one", "map", "filter"];

pub(super) fn parse(environment: &Env, text: &str) -> Result<IdedExpr, InvalidExpression> {
    if text.trim().is_empty() {
        return Err(InvalidExpression::new("an empty text computes nothing"));
    }
    if text.chars().count() > MAX_CHARACTERS {
        return Err(InvalidExpression::new(format!(
            "longer than {MAX_CHARACTERS} characters: make parts of it derived fields, under `fields` of the type"
        )));
    }
    if text.matches(OPERATIONS).count() > MAX_OPERATIONS {
        return Err(too_large());
    }
    let depth = u16::try_from(MAX_DEPTH).unwrap_or(u16::MAX);
    let parser = environment.parser().max_recursion_depth(depth).error_recovery_limit(1);
    parser.parse(text).map_err(|errors| {
        let first = errors.errors.first();
        let said = first.map_or_else(String::new, |error| {
            let message = error.msg.lines().next().unwrap_or_default();
            format!(" at character {} of line {}: {message}", error.pos.1, error.pos.0)
        });
        InvalidExpression::new(format!("no expression of CEL{said}"))
    })
}

fn too_large() -> InvalidExpression {
    InvalidExpression::new(format!(
        "more than {MAX_NODES} operations, or more than {MAX_DEPTH} in one another: make parts of it derived fields, under `fields` of \
         the type"
    ))
}

/// Judges an expression, makes its numbers doubles, and says which variables it has.
pub(super) fn check(expression: &mut IdedExpr, wanted: Sort) -> Result<Vec<CompactString>, InvalidExpression> {
    let mut check = Check {
        variables: Vec::new(),
        items: Vec::new(),
        nodes: 0,
        times: 1,
        work: 0,
    };
    let made = check.known(expression, 0)?;
    match made.sort {
        Some(sort) if sort != wanted && sort != Sort::Null => Err(InvalidExpression::new(format!(
            "makes {}, and `as` says that it is {}",
            sort.as_str(),
            wanted.as_str()
        ))),
        _ => Ok(check.variables),
    }
}

/// What is known of a value before there is one.
#[derive(Debug, Clone, Copy)]
struct Known {
    /// `None`: it depends on the record.
    sort: Option<Sort>,
    /// Of its texts together, at most.
    bytes: u64,
    /// The same, of all items of the list together that a macro goes over: they are parts of one text or list.
    shared: u64,
    /// Of the list that it may be, at most.
    items: u64,
}

impl Known {
    const fn of(sort: Option<Sort>) -> Self {
        Self {
            sort,
            bytes: 8,
            shared: 0,
            items: 0,
        }
    }

    /// A field of a record, or what a function of ours makes: we see to it that it is no larger.
    const fn any(sort: Option<Sort>) -> Self {
        Self {
            sort,
            bytes: MAX_VALUE as u64,
            shared: 0,
            items: MAX_ITEMS as u64,
        }
    }

    fn either(self, other: Self) -> Self {
        let sort = match (self.sort, other.sort) {
            (Some(Sort::Null), sort) | (sort, Some(Sort::Null)) => sort,
            (Some(one), Some(another)) if one == another => Some(one),
            _ => None,
        };
        Self {
            sort,
            bytes: self.bytes.max(other.bytes),
            shared: self.shared.max(other.shared),
            items: self.items.max(other.items),
        }
    }
}

struct Check {
    variables: Vec<CompactString>,
    /// The variable of the macro that is looked into, and what the evaluator calls what it gathers.
    items: Vec<(String, Known)>,
    nodes: usize,
    /// How often what is looked at is evaluated.
    times: u64,
    work: u64,
}

impl Check {
    fn known(&mut self, node: &mut IdedExpr, depth: usize) -> Result<Known, InvalidExpression> {
        self.nodes += 1;
        if self.nodes > MAX_NODES || depth > MAX_DEPTH {
            return Err(too_large());
        }
        let known = match &mut node.expr {
            Expr::Literal(literal) => literal_known(literal)?,
            Expr::Ident(name) => self.named(name)?,
            Expr::Call(call) => self.call(call, depth + 1)?,
            Expr::List(list) if list.optional_indices.is_empty() => {
                let mut known = Known::of(Some(Sort::List));
                for element in &mut list.elements {
                    let of_element = self.known(element, depth + 1)?;
                    if matches!(of_element.sort, Some(Sort::List | Sort::Table)) {
                        return Err(InvalidExpression::new(
                            "a list in a list: write lists with + one after another",
                        ));
                    }
                    known.bytes = known.bytes.saturating_add(of_element.bytes);
                    known.shared = known.shared.saturating_add(of_element.shared);
                    known.items += 1;
                }
                known
            }
            Expr::Map(table) => {
                let mut known = Known::of(Some(Sort::Table));
                for entry in &mut table.entries {
                    let EntryExpr::MapEntry(entry) = &mut entry.expr else {
                        return Err(unsupported("structures"));
                    };
                    let key = self.known(&mut entry.key, depth + 1)?;
                    if key.sort != Some(Sort::Text) || entry.optional {
                        return Err(InvalidExpression::new(
                            "the keys of a table { } are texts: write {'1': ...}, and look up with string(a)",
                        ));
                    }
                    let value = self.known(&mut entry.value, depth + 1)?;
                    known.bytes = known.bytes.saturating_add(key.bytes).saturating_add(value.bytes);
                    known.shared = known.shared.saturating_add(key.shared).saturating_add(value.shared);
                }
                known
            }
            Expr::Comprehension(comprehension) => self.comprehension(comprehension, depth + 1)?,
            Expr::Select(select) => {
                return Err(InvalidExpression::new(format!(
                    "`.{}`: values have no members here; bind the field to a name in `with`",
                    select.field
                )));
            }
            Expr::Struct(_) => return Err(unsupported("structures")),
            Expr::List(_) => return Err(unsupported("optional values")),
            Expr::Unspecified => return Err(InvalidExpression::new("no expression of CEL")),
        };
        if let Expr::Call(call) = &mut node.expr {
            as_double(call);
        }
        let work = known.bytes.saturating_mul(self.times).saturating_add(known.shared);
        self.work = self.work.saturating_add(work);
        if self.work > MAX_WORK {
            return Err(InvalidExpression::new(format!(
                "could cost too much: it may handle {} MiB in one record; put fewer texts together, above all inside of map, filter, all \
                 and exists",
                self.work >> 20
            )));
        }
        Ok(known)
    }

    fn named(&mut self, name: &str) -> Result<Known, InvalidExpression> {
        if let Some((_, known)) = self.items.iter().rev().find(|(item, _)| item == name) {
            return Ok(*known);
        }
        if name.starts_with('@') || name.contains('.') {
            return Err(InvalidExpression::new(format!("`{name}` is no name of a field")));
        }
        if !self.variables.iter().any(|variable| variable == name) {
            self.variables.push(name.into());
        }
        Ok(Known::any(None))
    }

    fn comprehension(&mut self, one: &mut ComprehensionExpr, depth: usize) -> Result<Known, InvalidExpression> {
        if !self.items.is_empty() {
            let message = format!("{} do not stand inside of one another", MACROS.join(", "));
            return Err(InvalidExpression::new(message));
        }
        let range = self.known(&mut one.iter_range, depth)?;
        if range.sort.is_some_and(|sort| sort != Sort::List) || one.iter_var2.is_some() {
            let message = format!("{} go over lists: a.split('、').filter(x, x != '')", MACROS.join(", "));
            return Err(InvalidExpression::new(message));
        }
        let gathers = matches!(one.accu_init.expr, Expr::List(_));
        self.items.push((
            one.iter_var.clone(),
            Known {
                sort: None,
                bytes: 8,
                shared: range.bytes,
                items: 0,
            },
        ));
        let gathered = if gathers { Some(Sort::List) } else { None };
        self.items.push((one.accu_var.clone(), Known::of(gathered)));
        let times = self.times;
        self.times = times.saturating_mul(range.items.max(1));
        let step = self.known(&mut one.loop_step, depth);
        self.times = times;
        let step = step.and_then(|step| {
            self.known(&mut one.accu_init, depth)?;
            self.known(&mut one.loop_cond, depth)?;
            self.known(&mut one.result, depth)?;
            Ok(step)
        });
        self.items.clear();
        let step = step?;
        Ok(match gathers {
            true => Known {
                sort: Some(Sort::List),
                bytes: step
                    .bytes
                    .saturating_mul(range.items.max(1))
                    .saturating_add(step.shared),
                shared: 0,
                items: range.items,
            },
            false => Known::of(Some(Sort::Boolean)),
        })
    }

    fn call(&mut self, call: &mut CallExpr, depth: usize) -> Result<Known, InvalidExpression> {
        let of = match &mut call.target {
            Some(target) => Some(self.known(target, depth)?),
            None => None,
        };
        let mut takes = Vec::with_capacity(call.args.len());
        for argument in &mut call.args {
            takes.push(self.known(argument, depth)?);
        }
        match (of, takes.as_slice()) {
            (None, [one]) => match call.func_name.as_str() {
                operators::LOGICAL_NOT => return expect("!", &takes, Sort::Boolean, Sort::Boolean),
                operators::NEGATE => return expect("-", &takes, Sort::Number, Sort::Number),
                operators::NOT_STRICTLY_FALSE => return Ok(*one),
                _ => {}
            },
            (None, [one, other]) => {
                if let Some(known) = operation(&call.func_name, *one, *other)? {
                    return Ok(known);
                }
            }
            (None, [condition, one, other]) if call.func_name == operators::CONDITIONAL => {
                expect("? :", &[*condition], Sort::Boolean, Sort::Boolean)?;
                return Ok(one.either(*other));
            }
            _ => {}
        }
        function(call, of, &takes)
    }
}

fn unsupported(what: &str) -> InvalidExpression {
    InvalidExpression::new(format!("{what} are not supported in expressions of mappings"))
}

/// Numbers become doubles, and other than texts, numbers, booleans and null there is nothing.
fn literal_known(literal: &mut LiteralValue) -> Result<Known, InvalidExpression> {
    let number = match literal {
        LiteralValue::Boolean(_) => return Ok(Known::of(Some(Sort::Boolean))),
        LiteralValue::Null => return Ok(Known::of(Some(Sort::Null))),
        LiteralValue::Double(_) => return Ok(Known::of(Some(Sort::Number))),
        LiteralValue::String(text) => {
            let mut known = Known::of(Some(Sort::Text));
            known.bytes = text.inner().len() as u64;
            return Ok(known);
        }
        LiteralValue::Int(number) => number.inner().to_string(),
        LiteralValue::UInt(number) => number.inner().to_string(),
        LiteralValue::Bytes(_) => return Err(unsupported("bytes")),
    };
    let number: f64 = number
        .parse()
        .map_err(|_| InvalidExpression::new("a number that no double can hold"))?;
    *literal = LiteralValue::Double(CelDouble::from(number));
    Ok(Known::of(Some(Sort::Number)))
}

/// `size` answers a whole number, and `%` is only known of whole numbers: here are doubles alone.
fn as_double(call: &mut CallExpr) {
    if call.func_name == operators::MODULO {
        "remainder".clone_into(&mut call.func_name);
    }
    if call.func_name == "size" {
        let inner = std::mem::take(call);
        *call = CallExpr {
            func_name: "double".to_owned(),
            target: None,
            args: vec![IdedExpr {
                id: 0,
                expr: Expr::Call(inner),
            }],
        };
    }
}

fn expect(name: &str, takes: &[Known], wanted: Sort, makes: Sort) -> Result<Known, InvalidExpression> {
    match takes.iter().find_map(|known| known.sort.filter(|sort| *sort != wanted)) {
        Some(found) => {
            let hint = match (wanted, found) {
                (Sort::Number, Sort::Text) => ": number(a) reads a text as a number",
                (Sort::Text, Sort::Number) => ": string(a) writes a number as a text",
                _ => "",
            };
            Err(InvalidExpression::new(format!(
                "`{name}` takes {}, not {}{hint}",
                wanted.as_str(),
                found.as_str()
            )))
        }
        None => Ok(Known::of(Some(makes))),
    }
}

/// An operation on two values; `None`: it is none.
fn operation(name: &str, one: Known, other: Known) -> Result<Option<Known>, InvalidExpression> {
    let both = [one, other];
    let known = match name {
        operators::LOGICAL_AND => expect("&&", &both, Sort::Boolean, Sort::Boolean)?,
        operators::LOGICAL_OR => expect("||", &both, Sort::Boolean, Sort::Boolean)?,
        operators::SUBSTRACT => expect("-", &both, Sort::Number, Sort::Number)?,
        operators::MULTIPLY => expect("*", &both, Sort::Number, Sort::Number)?,
        operators::DIVIDE => expect("/", &both, Sort::Number, Sort::Number)?,
        operators::MODULO => expect("%", &both, Sort::Number, Sort::Number)?,
        operators::EQUALS | operators::NOT_EQUALS => Known::of(Some(Sort::Boolean)),
        operators::LESS | operators::LESS_EQUALS | operators::GREATER | operators::GREATER_EQUALS => {
            let wanted = one.sort.or(other.sort).filter(|sort| *sort == Sort::Text);
            expect(
                name.trim_matches('_'),
                &both,
                wanted.unwrap_or(Sort::Number),
                Sort::Boolean,
            )
            .or_else(|error| match (one.sort, other.sort) {
                // CEL knows that false comes before true.
                (Some(Sort::Boolean), None | Some(Sort::Boolean)) | (None, Some(Sort::Boolean)) => {
                    Ok(Known::of(Some(Sort::Boolean)))
                }
                _ => Err(error),
            })?
        }
        operators::ADD => {
            let wanted = one.sort.or(other.sort);
            if let Some(wanted) = wanted {
                let sort = match wanted {
                    Sort::Text | Sort::List => wanted,
                    _ => Sort::Number,
                };
                expect("+", &both, sort, sort)?;
            }
            Known {
                sort: wanted,
                bytes: one.bytes.saturating_add(other.bytes),
                shared: one.shared.saturating_add(other.shared),
                items: one.items.saturating_add(other.items),
            }
        }
        operators::IN => match other.sort {
            None | Some(Sort::List | Sort::Table) => Known::of(Some(Sort::Boolean)),
            Some(found) => {
                return Err(InvalidExpression::new(format!(
                    "`in` looks into a list or a table, not into {}; a.contains(b) looks into a text",
                    found.as_str()
                )));
            }
        },
        operators::INDEX => match one.sort {
            None | Some(Sort::List | Sort::Table) => Known {
                sort: None,
                bytes: one.bytes,
                shared: one.shared,
                items: 0,
            },
            Some(found) => {
                return Err(InvalidExpression::new(format!(
                    "`[ ]` takes something out of a list or a table, not out of {}; a.substring(0, 2) takes characters",
                    found.as_str()
                )));
            }
        },
        _ => return Ok(None),
    };
    Ok(Some(known))
}

fn function(call: &CallExpr, of: Option<Known>, takes: &[Known]) -> Result<Known, InvalidExpression> {
    let name = call.func_name.as_str();
    let named = || SIGNATURES.iter().filter(|signature| signature.name == name);
    let fits = |signature: &&super::functions::Signature| {
        signature.of.is_some() == of.is_some() && signature.takes.len() == takes.len()
    };
    let Some(signature) = named().find(fits) else {
        return Err(unknown_function(name, named().next()));
    };
    let asked = signature
        .of
        .map(Some)
        .into_iter()
        .chain(signature.takes.iter().copied());
    for (wanted, given) in asked.zip(of.into_iter().chain(takes.iter().copied())) {
        if let Some(wanted) = wanted {
            expect(name, &[given], wanted, wanted)?;
        }
    }
    Ok(match (signature.makes, name) {
        (Some(sort @ (Sort::Number | Sort::Boolean)), _) => Known::of(Some(sort)),
        (None, _) => takes.iter().copied().reduce(Known::either).unwrap_or(Known::any(None)),
        // They make no more of a text than it has; large letters may take three times the bytes of small ones.
        (sort, "trim" | "lower" | "upper" | "substring" | "split") => {
            let of = of.unwrap_or(Known::any(None));
            Known {
                sort,
                bytes: of.bytes.saturating_mul(3),
                shared: of.shared.saturating_mul(3),
                items: MAX_ITEMS as u64,
            }
        }
        (sort, _) => Known::any(sort),
    })
}

/// The functions that there are, in the order of the alphabet.
pub(super) fn function_names() -> Vec<&'static str> {
    let known = SIGNATURES.iter().map(|signature| signature.name);
    let mut names: Vec<&str> = known.chain(MACROS.iter().copied()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn unknown_function(name: &str, other: Option<&super::functions::Signature>) -> InvalidExpression {
    if let Some(signature) = other {
        let letters = ["x", "y", "z", "w"];
        let takes = letters
            .iter()
            .take(signature.takes.len())
            .copied()
            .collect::<Vec<_>>()
            .join(", ");
        return InvalidExpression::new(match signature.of {
            Some(_) => format!("`{name}` is called as a.{name}({takes})"),
            None => format!("`{name}` is called as {name}({takes})"),
        });
    }
    if MACROS.contains(&name) {
        return InvalidExpression::new(format!("`{name}` is called as list.{name}(x, what of x)"));
    }
    let names = function_names();
    InvalidExpression {
        message: format!("no function `{name}`: there are {}", names.join(", ")),
        unknown: Some(name.to_owned()),
    }
}
