//! Values in writings that only the mapping knows, or that only Japan has: `as = "date"`, `"time"` and
//! `"municipality-code"`, and the keys `from`, `units`, `width` and `normalize`.

use kakehashi_values::characters::Folding;
use kakehashi_values::dates::{Calendar, EpochUnit};
use kakehashi_values::numbers::Units;
use toml::de::DeValue;

use super::error::Diagnostics;
use super::toml_table::{TomlTable, number_of};

/// What becomes of a value in such a writing.
#[derive(Debug, Clone, PartialEq)]
pub enum Written {
    /// A day.
    Date {
        /// The zone of times that do not say theirs, in seconds east of UTC.
        zone: i32,
        /// What is counted, where it is a number.
        from: Option<Count>,
    },
    /// A point in time that is counted.
    DateTime {
        /// The zone of serial numbers, in seconds east of UTC.
        zone: i32,
        /// What is counted.
        from: Count,
    },
    /// A time of day, as `hh:mm`.
    Time {
        /// The zone of times that say another, in seconds east of UTC.
        zone: i32,
        /// What is counted, where it is a number.
        from: Option<Count>,
    },
    /// The year in which a fiscal year begins.
    FiscalYear,
    /// A number behind which a unit may stand.
    WithUnits(Units),
    /// The six digits of a local government.
    MunicipalityCode,
    /// Digits with zeros before them.
    Padded(usize),
    /// A text in the writing that all its writings share.
    Folded(Folding),
}

/// What a number that is a date counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// Seconds or milliseconds since 1970.
    Epoch(EpochUnit),
    /// Days, as a spreadsheet does.
    Serial(Calendar),
    /// Fiscal years: the first day of one.
    FiscalYear,
}

/// The names of what is counted.
const COUNTS: [(&str, Count); 5] = [
    ("epoch-seconds", Count::Epoch(EpochUnit::Seconds)),
    ("epoch-milliseconds", Count::Epoch(EpochUnit::Milliseconds)),
    ("spreadsheet", Count::Serial(Calendar::From1900)),
    ("spreadsheet-1904", Count::Serial(Calendar::From1904)),
    ("fiscal-year", Count::FiscalYear),
];

/// Longest text that zeros are put before.
const WIDEST: i64 = 64;

/// Whether a rule has one of them, or a type of its own here.
pub(super) fn is_written(as_type: &str, table: &TomlTable<'_>) -> bool {
    matches!(as_type, "date" | "time" | "municipality-code")
        || ["from", "units", "width"].iter().any(|key| table.has(key))
        || (as_type == "string" && table.has("normalize"))
}

/// Reads what becomes of the value. What is wrong is reported.
pub(super) fn read_written(
    as_type: &str,
    table: &TomlTable<'_>,
    zone: i32,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<Written> {
    let from = match table.has("from") {
        true => Some(read_count(table, diagnostics)?),
        false => None,
    };
    let belongs = [
        (
            "from",
            matches!(as_type, "date" | "date-time" | "time" | "number"),
            "as = \"date\", \"date-time\", \"time\" or \"number\"",
        ),
        ("units", as_type == "number", "as = \"number\""),
        ("width", as_type == "string", "as = \"string\""),
    ];
    for (key, fits, types) in belongs {
        if let Some(value) = table.get(key).filter(|_| !fits) {
            diagnostics.report(
                &value.span(),
                &table.field_of(key),
                format!("`{key}` belongs beside {types}"),
            );
            return None;
        }
    }
    let mut otherwise = |key: &str, message: &str| {
        let span = table.get(key).map_or_else(|| table.span.clone(), toml::Spanned::span);
        diagnostics.report(&span, &table.field_of(key), message);
        None
    };
    match (as_type, from) {
        ("date", from) => Some(Written::Date { zone, from }),
        ("time", from @ (None | Some(Count::Epoch(_) | Count::Serial(_)))) => Some(Written::Time { zone, from }),
        ("time", _) => otherwise(
            "from",
            "a fiscal year has no time of day: write as = \"date\" or \"number\"",
        ),
        ("date-time", Some(from)) => Some(Written::DateTime { zone, from }),
        ("number", Some(Count::FiscalYear)) if !table.has("units") => Some(Written::FiscalYear),
        ("number", Some(_)) => otherwise("from", "of a number, only `fiscal-year` is read, and without `units`"),
        ("number", None) => read_units(table, diagnostics).map(Written::WithUnits),
        ("municipality-code", _) => Some(Written::MunicipalityCode),
        ("string", _) if table.has("width") && table.has("normalize") => otherwise(
            "width",
            "`width` and `normalize` are not written together: digits need no normalizing",
        ),
        ("string", _) if table.has("width") => read_width(table, diagnostics).map(Written::Padded),
        _ => read_folding(table, diagnostics).map(Written::Folded),
    }
}

fn read_count(table: &TomlTable<'_>, diagnostics: &mut Diagnostics<'_>) -> Option<Count> {
    let located = table.text("from", diagnostics)?;
    let count = COUNTS.iter().find(|(name, _)| *name == located.text);
    if count.is_none() {
        let names = COUNTS.map(|(name, _)| name);
        let message = format!("unknown word `{}`: expected {}", located.text, names.join(", "));
        diagnostics.unknown(&located.span, &table.field_of("from"), message, located.text, names);
    }
    count.map(|(_, count)| *count)
}

/// `units = { "m" = 1, "km" = 1000 }`
fn read_units(table: &TomlTable<'_>, diagnostics: &mut Diagnostics<'_>) -> Option<Units> {
    let named = table.table("units", diagnostics)?;
    let mut units = Vec::new();
    for entry in named.entries() {
        match number_of(entry.value).filter(|factor| *factor > 0.0) {
            Some(factor) if !entry.key.trim().is_empty() => units.push((entry.key, factor)),
            _ => {
                let message =
                    "expected the name of a unit, and the number above 0 by which a value in it is multiplied";
                diagnostics.report(&entry.key_span, &named.field_of(entry.key), message);
                return None;
            }
        }
    }
    let units = Units::new(units);
    if units.is_none() {
        diagnostics.report(
            &named.span,
            &named.field,
            "a number here has too many digits to be computed with",
        );
    }
    units
}

fn read_width(table: &TomlTable<'_>, diagnostics: &mut Diagnostics<'_>) -> Option<usize> {
    let value = table.get("width")?;
    let width = match value.get_ref() {
        DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix()).ok(),
        _ => None,
    };
    let width = width.filter(|width| (1..=WIDEST).contains(width));
    let width = width.and_then(|width| usize::try_from(width).ok());
    if width.is_none() {
        let message = format!("expected how many digits there are, 1 to {WIDEST}");
        diagnostics.report(&value.span(), &table.field_of("width"), message);
    }
    width
}

/// `normalize = ["width", "kana", "dashes", "spaces"]`; spaces always are. `None`: it is not there, or wrong and reported.
pub(super) fn read_folding(table: &TomlTable<'_>, diagnostics: &mut Diagnostics<'_>) -> Option<Folding> {
    let value = table.get("normalize")?;
    let mut folding = Folding::SPACES;
    for name in table.texts("normalize", diagnostics)? {
        match folding.with(&name) {
            Some(more) => folding = more,
            None => {
                let message = format!("unknown word `{name}`: expected {}", Folding::NAMES.join(", "));
                diagnostics.unknown(
                    &value.span(),
                    &table.field_of("normalize"),
                    message,
                    &name,
                    Folding::NAMES,
                );
                return None;
            }
        }
    }
    Some(folding)
}
