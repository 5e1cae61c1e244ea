//! `scopeQ` over the rows of scopes.

use ngsi_ld::query::{ScopePattern, ScopeQuery};

use super::{ANY_ROW, Candidates, Condition, Dialect, Statement};

pub(super) fn compile(scope: &ScopeQuery, candidates: Candidates, dialect: &dyn Dialect) -> Condition {
    let alternatives = scope.alternatives();
    let of_all = |all: &Vec<ScopePattern>| {
        let each = all.iter().map(|pattern| has(pattern, candidates, dialect));
        in_parentheses(Statement::join(each, " AND "))
    };
    let sql = in_parentheses(Statement::join(alternatives.iter().map(of_all), " OR "));
    if alternatives.iter().flatten().all(is_exact) {
        Condition::exact(sql)
    } else {
        Condition::narrows(sql)
    }
}

/// Of a level that may be any, SQL looks at what is above it.
fn is_exact(pattern: &ScopePattern) -> bool {
    pattern.levels.iter().all(Option::is_some)
}

/// The entity has a scope of the pattern, as far as SQL can say it.
fn has(pattern: &ScopePattern, candidates: Candidates, dialect: &dyn Dialect) -> Statement {
    let one_by_one = candidates != Candidates::All;
    let mut sql = Statement::text(if one_by_one {
        "EXISTS (SELECT 1 FROM entity_scopes s WHERE s.entity = e.key AND "
    } else {
        "e.key IN (SELECT s.entity FROM entity_scopes s WHERE "
    });
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
    sql.push(if one_by_one { ANY_ROW } else { ")" });
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
