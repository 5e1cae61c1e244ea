//! SQLite's SQL, with R*Tree and JSON functions.

use kakehashi_database::JUDGED;

use crate::backend::sql::{Binding, Dialect, Statement};
use crate::index::Bounds;

/// SQLite, with R*Tree and JSON functions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sqlite;

impl Dialect for Sqlite {
    fn placeholder(&self, text: &mut String, _position: usize) {
        text.push('?');
    }

    fn is_any_of(&self, sql: &mut Statement, texts: &mut dyn ExactSizeIterator<Item = &str>) {
        if texts.len() == 1 {
            sql.push("= ");
            texts.for_each(|text| sql.bind_text(text));
            return;
        }
        // One binding for a list of any length: SQLite bounds the number of bindings, and one text serves all.
        let list = serde_json::Value::from_iter(texts);
        sql.push("IN (SELECT value FROM json_each(");
        sql.bind(Binding::Text(list.to_string()));
        sql.push("))");
    }

    /// Texts compare byte by byte, which for UTF-8 is the order of code points.
    fn by_code_points(&self, sql: &mut Statement, column: &str) {
        sql.push(column);
    }

    fn located_in(&self, sql: &mut Statement, attribute: &str, bounds: &Bounds, any_longitude: bool) {
        sql.push(
            "SELECT l.entity FROM location_boxes b CROSS JOIN locations l ON l.key = b.key \
             WHERE b.max_latitude >= ",
        );
        sql.bind(Binding::Number(bounds.min_latitude));
        sql.push(" AND b.min_latitude <= ");
        sql.bind(Binding::Number(bounds.max_latitude));
        if !any_longitude {
            sql.push(" AND b.max_longitude >= ");
            sql.bind(Binding::Number(bounds.min_longitude));
            sql.push(" AND b.min_longitude <= ");
            sql.bind(Binding::Number(bounds.max_longitude));
        }
        sql.push(" AND l.name = (SELECT n.key FROM names n WHERE n.name = ");
        sql.bind_text(attribute);
        sql.push(")");
    }

    fn judges(&self, sql: &mut Statement) {
        sql.push(JUDGED);
        sql.push("(e.id, e.created_at || 'Z', e.modified_at || 'Z', e.body)");
    }
}
