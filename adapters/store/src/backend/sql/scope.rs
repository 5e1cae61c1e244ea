//! `scopeQ` over the rows of scopes.

use ngsi_ld::query::{ScopePattern, ScopeQuery};

use super::{ANY_ROW, Condition, Dialect, Statement};

pub(super) fn compile(scope: &ScopeQuery, dialect: &dyn Dialect) -> Condition {
    let alternatives = scope.alternatives();
    let of_all = |all: &Vec<ScopePattern>| {
        let each = all.iter().map(|pattern| has(pattern, dialect));
        in_parentheses(Statement::join(each, " AND "))
    };
    let sql = in_parentheses(Statement::join(alternatives.iter().map(of_all), " OR "));
    // What one of the patterns finds holds what all of them find.
    let first = alternatives.iter().filter_map(|all| all.first());
    let keys = Statement::join(first.map(|pattern| keys(pattern, dialect)), " UNION ALL ");
    let condition = match alternatives.iter().flatten().all(is_exact) {
        true => Condition::exact(sql),
        false => Condition::narrows(sql),
    };
    Condition {
        keys: Some(keys),
        ..condition
    }
}

/// Of a level that may be any, SQL looks at what is above it.
fn is_exact(pattern: &ScopePattern) -> bool {
    pattern.levels.iter().all(Option::is_some)
}

/// The entity has a scope of the pattern, as far as SQL can say it.
fn has(pattern: &ScopePattern, dialect: &dyn Dialect) -> Statement {
    let mut sql = Statement::text("EXISTS (SELECT 1 FROM entity_scopes s WHERE s.entity = e.key AND ");
    sql.append(is_of(pattern, dialect));
    sql.push(ANY_ROW);
    sql
}

/// The entities that have one.
fn keys(pattern: &ScopePattern, dialect: &dyn Dialect) -> Statement {
    let mut sql = Statement::text("SELECT s.entity FROM entity_scopes s WHERE ");
    sql.append(is_of(pattern, dialect));
    sql
}

/// The scope `s` is one of the pattern, as far as SQL can say it.
fn is_of(pattern: &ScopePattern, dialect: &dyn Dialect) -> Statement {
    let mut sql = Statement::default();
    let named: Vec<&str> = pattern.levels.iter().map_while(|level| level.as_deref()).collect();
    let path = named.join("/");
    match (named.is_empty(), is_exact(pattern), pattern.and_below) {
        (true, ..) => sql.push("1 = 1"),
        (false, true, false) => {
            sql.push("s.scope = ");
            sql.bind_text(&path);
        }
        (false, true, true) => {
            sql.push("(s.scope = ");
            sql.bind_text(&path);
            sql.push(" OR ");
            below(&mut sql, &path, dialect);
            sql.push(")");
        }
        (false, false, _) => below(&mut sql, &path, dialect),
    }
    sql
}

/// Everything that begins with the path and a slash: the code point after the slash is `0`.
fn below(sql: &mut Statement, path: &str, dialect: &dyn Dialect) {
    sql.push("(");
    dialect.by_code_points(sql, "s.scope");
    sql.push(" >= ");
    sql.bind_text(&format!("{path}/"));
    sql.push(" AND ");
    dialect.by_code_points(sql, "s.scope");
    sql.push(" < ");
    sql.bind_text(&format!("{path}0"));
    sql.push(")");
}

fn in_parentheses(inner: Statement) -> Statement {
    let mut sql = Statement::text("(");
    sql.append(inner);
    sql.push(")");
    sql
}
