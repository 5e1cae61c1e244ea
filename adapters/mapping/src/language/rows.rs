//! Several records that make one entity: `rows = "several"`.

use super::error::Diagnostics;
use super::toml_table::TomlTable;

/// How many records make an entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rows {
    /// Each one; of two with one id the first stands.
    #[default]
    One,
    /// All of one id.
    Several,
}

/// What becomes of an attribute that several records have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Gather {
    /// That of the first that has it.
    #[default]
    First,
    /// That of the last that has it.
    Last,
    /// All values, each once for each record, in their order.
    List,
    /// The sum of the numbers.
    Sum,
    /// The least number, or the earliest date.
    Least,
    /// The greatest number, or the latest date.
    Greatest,
    /// How many records have it.
    Count,
}

const GATHERS: [(&str, Gather); 7] = [
    ("first", Gather::First),
    ("last", Gather::Last),
    ("list", Gather::List),
    ("sum", Gather::Sum),
    ("least", Gather::Least),
    ("greatest", Gather::Greatest),
    ("count", Gather::Count),
];

/// `rows = "several"` of a type.
pub(super) fn read_rows(table: &TomlTable<'_>, diagnostics: &mut Diagnostics<'_>) -> Rows {
    let Some(located) = table.text("rows", diagnostics) else {
        return Rows::One;
    };
    match located.text {
        "one" => Rows::One,
        "several" => {
            for key in ["paging", "record_path"] {
                if let Some(value) = table.get(key) {
                    let message = format!(
                        "`{key}` means nothing beside rows = \"several\": the rows of one entity must come in one answer"
                    );
                    diagnostics.report(&value.span(), &table.field_of(key), message);
                }
            }
            Rows::Several
        }
        other => {
            let message = format!("unknown rows `{other}`: expected one or several");
            let known = ["one", "several"];
            diagnostics.unknown(&located.span, &table.field_of("rows"), message, other, known);
            Rows::One
        }
    }
}

/// `rows = "sum"` of an attribute.
pub(super) fn read_gather(table: &TomlTable<'_>, rows: Rows, diagnostics: &mut Diagnostics<'_>) -> Gather {
    let Some(located) = table.text("rows", diagnostics) else {
        return Gather::First;
    };
    let field = table.field_of("rows");
    if rows == Rows::One {
        let message = "belongs to a type with rows = \"several\"";
        diagnostics.report(&located.span, &field, message);
    }
    let found = GATHERS.iter().find(|(name, _)| *name == located.text);
    if found.is_none() {
        let names = GATHERS.map(|(name, _)| name);
        let message = format!("unknown rows `{}`: expected {}", located.text, names.join(", "));
        diagnostics.unknown(&located.span, &field, message, located.text, names);
    }
    found.map_or(Gather::First, |(_, gather)| *gather)
}
