//! The functions that an expression may call. No regular expressions: a pattern's cost is nobody's to foresee.

#![expect(clippy::needless_pass_by_value, reason = "cel calls functions so")]

use std::sync::{Arc, OnceLock};

use cel::common::functions::Function;
use cel::common::types::{
    BOOL_TYPE, CelDouble, CelList, CelString, DOUBLE_TYPE, DYN_TYPE, LIST_TYPE, STRING_TYPE, Type,
};
use cel::common::value::{CowVal, Val};
use cel::{Env, ExecutionError};
use ngsi_ld::entity::Number;

use super::{MAX_ITEMS, MAX_VALUE, Sort};

/// A function, as the check knows it.
pub(super) struct Signature {
    pub(super) name: &'static str,
    /// Of what it is called: `text.trim()`. `None`: `number(text)`.
    pub(super) of: Option<Sort>,
    /// What it takes beside; `None`: anything.
    pub(super) takes: &'static [Option<Sort>],
    pub(super) makes: Option<Sort>,
}

const fn of(name: &'static str, of: Sort, takes: &'static [Option<Sort>], makes: Sort) -> Signature {
    Signature {
        name,
        of: Some(of),
        takes,
        makes: Some(makes),
    }
}

const fn global(name: &'static str, takes: &'static [Option<Sort>], makes: Option<Sort>) -> Signature {
    Signature {
        name,
        of: None,
        takes,
        makes,
    }
}

const TEXT: Option<Sort> = Some(Sort::Text);
const NUMBER: Option<Sort> = Some(Sort::Number);

/// All of them. `size`, `contains`, `startsWith` and `endsWith` are CEL's own.
pub(super) const SIGNATURES: &[Signature] = &[
    of("contains", Sort::Text, &[TEXT], Sort::Boolean),
    of("startsWith", Sort::Text, &[TEXT], Sort::Boolean),
    of("endsWith", Sort::Text, &[TEXT], Sort::Boolean),
    of("trim", Sort::Text, &[], Sort::Text),
    of("lower", Sort::Text, &[], Sort::Text),
    of("upper", Sort::Text, &[], Sort::Text),
    of("replace", Sort::Text, &[TEXT, TEXT], Sort::Text),
    of("split", Sort::Text, &[TEXT], Sort::List),
    of("substring", Sort::Text, &[NUMBER], Sort::Text),
    of("substring", Sort::Text, &[NUMBER, NUMBER], Sort::Text),
    of("join", Sort::List, &[TEXT], Sort::Text),
    global("size", &[None], NUMBER),
    global("number", &[None], NUMBER),
    global("round", &[NUMBER], NUMBER),
    global("floor", &[NUMBER], NUMBER),
    global("remainder", &[NUMBER, NUMBER], NUMBER),
    global("string", &[None], TEXT),
    global("coalesce", &[None, None], None),
    global("coalesce", &[None, None, None], None),
    global("coalesce", &[None, None, None, None], None),
];

/// What programs are compiled for and run in: one for all.
pub(super) fn environment() -> Arc<Env> {
    static ENVIRONMENT: OnceLock<Arc<Env>> = OnceLock::new();
    Arc::clone(ENVIRONMENT.get_or_init(|| {
        let mut environment = Env::stdlib();
        // None of these names is CEL's own with the same arguments. If a later version of the library took one, the tests would call
        // the library's.
        for (name, of, takes, function) in HOSTED {
            let id = format!("kakehashi_{name}_{}", takes.len());
            let _ = match of {
                Some(of) => environment.add_member_overload(name, &id, type_of(Some(*of)), types(takes), *function),
                None => environment.add_overload(name, &id, types(takes), *function),
            };
        }
        for (id, of) in [("text", STRING_TYPE), ("double", DOUBLE_TYPE), ("bool", BOOL_TYPE)] {
            let function: Function = match id {
                "text" => number_of_text,
                "double" => itself,
                _ => number_of_boolean,
            };
            let _ = environment.add_overload("number", &format!("kakehashi_number_{id}"), vec![of], function);
        }
        Arc::new(environment)
    }))
}

/// Its name, of what it is called, what it takes beside, and itself.
type Hosted = (&'static str, Option<Sort>, &'static [Option<Sort>], Function);

fn types(takes: &[Option<Sort>]) -> Vec<Type> {
    takes.iter().copied().map(type_of).collect()
}

fn type_of(sort: Option<Sort>) -> Type {
    match sort {
        Some(Sort::Text) => STRING_TYPE,
        Some(Sort::Number) => DOUBLE_TYPE,
        Some(Sort::Boolean) => BOOL_TYPE,
        Some(Sort::List) => LIST_TYPE,
        _ => DYN_TYPE,
    }
}

const HOSTED: &[Hosted] = &[
    ("trim", Some(Sort::Text), &[], trim),
    ("lower", Some(Sort::Text), &[], lower),
    ("upper", Some(Sort::Text), &[], upper),
    ("replace", Some(Sort::Text), &[TEXT, TEXT], replace),
    ("split", Some(Sort::Text), &[TEXT], split),
    ("substring", Some(Sort::Text), &[NUMBER], substring),
    ("substring", Some(Sort::Text), &[NUMBER, NUMBER], substring),
    ("join", Some(Sort::List), &[TEXT], join),
    ("round", None, &[NUMBER], round),
    ("floor", None, &[NUMBER], floor),
    ("remainder", None, &[NUMBER, NUMBER], remainder),
    ("coalesce", None, &[None, None], coalesce),
    ("coalesce", None, &[None, None, None], coalesce),
    ("coalesce", None, &[None, None, None, None], coalesce),
];

/// What a function answers that has no value. It names no value: nobody is told this text.
fn none() -> ExecutionError {
    ExecutionError::function_error("", "no value")
}

fn text<'a>(arguments: &'a [CowVal<'_, '_>], place: usize) -> Result<&'a str, ExecutionError> {
    let value = arguments.get(place).ok_or_else(none)?;
    let text = value.as_ref().downcast_ref::<CelString<'_>>().ok_or_else(none)?;
    Ok(text.inner())
}

fn number(arguments: &[CowVal<'_, '_>], place: usize) -> Result<f64, ExecutionError> {
    let value = arguments.get(place).ok_or_else(none)?;
    let number = value.as_ref().downcast_ref::<CelDouble>().ok_or_else(none)?;
    Ok(*number.inner())
}

fn made<'b, 'v>(text: String) -> Result<CowVal<'b, 'v>, ExecutionError> {
    match text.len() <= MAX_VALUE {
        true => Ok(CowVal::owned(CelString::from(text))),
        false => Err(none()),
    }
}

fn counted<'b, 'v>(number: f64) -> Result<CowVal<'b, 'v>, ExecutionError> {
    Ok(CowVal::owned(CelDouble::from(number)))
}

fn trim<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    made(text(&arguments, 0)?.trim().to_owned())
}

fn lower<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    made(text(&arguments, 0)?.to_lowercase())
}

fn upper<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    made(text(&arguments, 0)?.to_uppercase())
}

fn replace<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let (whole, old, new) = (text(&arguments, 0)?, text(&arguments, 1)?, text(&arguments, 2)?);
    if old.is_empty() {
        return made(whole.to_owned());
    }
    // Not before its size is known: two texts of a few kilobytes can make one of gigabytes.
    let times = whole.matches(old).count();
    let kept = whole.len().saturating_sub(times.saturating_mul(old.len()));
    if kept.saturating_add(times.saturating_mul(new.len())) > MAX_VALUE {
        return Err(none());
    }
    made(whole.replace(old, new))
}

fn split<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let (whole, separator) = (text(&arguments, 0)?, text(&arguments, 1)?);
    if separator.is_empty() {
        return Err(none());
    }
    let parts: Vec<&str> = whole.split(separator).take(MAX_ITEMS + 1).collect();
    if parts.len() > MAX_ITEMS {
        return Err(none());
    }
    let items = parts
        .into_iter()
        .map(|part| -> Box<dyn Val + 'v> { Box::new(CelString::from(part.to_owned())) });
    Ok(CowVal::owned(CelList::from(items.collect::<Vec<_>>())))
}

/// The characters from one place up to before another, counted from 0; what lies beyond the end is nothing.
fn substring<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let place = |argument: usize| {
        let number = number(&arguments, argument)?;
        let is_place = number >= 0.0 && number.fract() == 0.0;
        is_place.then(|| as_place(number)).ok_or_else(none)
    };
    let whole = text(&arguments, 0)?;
    let start = place(1)?;
    let end = if arguments.len() > 2 { place(2)? } else { MAX_VALUE };
    if end < start {
        return Err(none());
    }
    made(whole.chars().skip(start).take(end - start).collect())
}

/// A whole number that is no less than 0 and no more than the longest text, as a place.
fn as_place(number: f64) -> usize {
    let most = u32::try_from(MAX_VALUE).unwrap_or(u32::MAX);
    let digits = number.clamp(0.0, f64::from(most)).to_string();
    digits.parse().unwrap_or(0)
}

fn join<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let separator = text(&arguments, 1)?;
    let list = arguments.first().and_then(|list| list.as_ref().as_iterable());
    let mut items = list.ok_or_else(none)?.iter();
    let mut joined = String::new();
    let mut is_first = true;
    while let Some(item) = items.next() {
        if !is_first {
            joined.push_str(separator);
        }
        is_first = false;
        joined.push_str(item.downcast_ref::<CelString<'_>>().ok_or_else(none)?.inner());
        if joined.len() > MAX_VALUE {
            return Err(none());
        }
    }
    made(joined)
}

fn round<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    counted(number(&arguments, 0)?.round())
}

fn floor<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    counted(number(&arguments, 0)?.floor())
}

fn remainder<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    counted(number(&arguments, 0)? % number(&arguments, 1)?)
}

/// The first that is a value.
fn coalesce<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let is_null = |value: &CowVal<'b, 'v>| value.as_ref().get_type().name() == "null_type";
    let mut last = None;
    for argument in arguments {
        if !is_null(&argument) {
            return Ok(argument);
        }
        last = Some(argument);
    }
    last.ok_or_else(none)
}

fn itself<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    arguments.into_iter().next().ok_or_else(none)
}

fn number_of_boolean<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let value = arguments.first().ok_or_else(none)?;
    let is_true = cel::Value::try_from(value.as_ref()).is_ok_and(|value| value == cel::Value::Bool(true));
    counted(f64::from(u8::from(is_true)))
}

/// The number that a text is: half or full width, with commas between groups of three.
fn number_of_text<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let half_width: String = text(&arguments, 0)?.trim().chars().map(half_width).collect();
    let (sign, digits) = match half_width.strip_prefix('-') {
        Some(digits) => (-1.0, digits),
        None => (1.0, half_width.strip_prefix('+').unwrap_or(&half_width)),
    };
    let (whole, rest) = digits.split_at(digits.find('.').unwrap_or(digits.len()));
    let mut groups = whole.split(',');
    let first = groups.next().unwrap_or_default();
    let is_grouped = whole.contains(',');
    if is_grouped && !((1..=3).contains(&first.len()) && groups.all(|group| group.len() == 3)) {
        return Err(none());
    }
    let whole = whole.replace(',', "");
    let is_number = !whole.is_empty() && whole.bytes().all(|byte| byte.is_ascii_digit());
    let significant = whole.trim_start_matches('0');
    let written = format!("{}{rest}", if significant.is_empty() { "0" } else { significant });
    let number = Number::parse_f64(&written).filter(|number| is_number && number.is_finite());
    counted(sign * number.ok_or_else(none)?)
}

/// The ASCII form of a full-width character, and of the dashes that stand for a minus.
fn half_width(character: char) -> char {
    match character {
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(u32::from(character) - 0xFEE0).unwrap_or(character),
        '\u{2212}' | '\u{2010}' => '-',
        other => other,
    }
}
