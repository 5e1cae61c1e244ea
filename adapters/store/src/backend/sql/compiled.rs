//! A query as SQL, and the statements that it becomes.

use std::sync::Arc;

use ngsi_ld::{AttributeName, EntityId, TypeName};

use super::{Binding, COLUMNS, Condition, Dialect, Statement, filter};
use crate::judged::Judged;
use kakehashi_contract::{Page, PushDown};

/// How entities are found. Either way finds the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// In the order of their ids, each of them looked at until there are enough.
    InOrder,
    /// Those that the condition in that place finds, all of which are then brought in order.
    By(usize),
    /// Those that something else finds.
    Beside,
}

/// A query as SQL and a judge can say it.
pub(crate) struct Compiled {
    /// What is said of ids alone: their own index finds it.
    pub(super) ranges: Vec<Statement>,
    /// Whether that leaves few.
    pub(super) finds_few: bool,
    /// Everything else.
    pub(super) conditions: Vec<Condition>,
    /// The type, where nothing is asked but that entities are of it.
    pub(super) only_type: Option<TypeName>,
    /// What decides the rest.
    pub(super) judged: Option<Arc<Judged>>,
    /// What is decided.
    pub(crate) push_down: PushDown,
}

/// The condition that is about types.
const BY_TYPES: usize = 0;

impl Way {
    /// Whether it is by the types alone, which mostly have many entities.
    pub(crate) fn is_by_types(self) -> bool {
        self == Self::By(BY_TYPES)
    }
}

impl std::fmt::Debug for Compiled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compiled")
            .field("push_down", &self.push_down)
            .finish_non_exhaustive()
    }
}

impl Compiled {
    /// The ways that there are beside that in order, unless ids leave few. That by types comes last.
    pub(crate) fn ways(&self) -> impl Iterator<Item = Way> {
        let has_keys = |place: &usize| {
            let condition = self.conditions.get(*place);
            !self.finds_few && condition.is_some_and(|condition| condition.keys.is_some())
        };
        let places = (1..self.conditions.len()).chain([BY_TYPES]);
        places.filter(has_keys).map(Way::By)
    }

    /// The type, where nothing is asked but that entities are of it.
    pub(crate) fn only_type(&self) -> Option<&TypeName> {
        self.only_type.as_ref()
    }

    /// Whether entities are read to be judged.
    pub(crate) fn is_judged(&self) -> bool {
        self.judged.is_some()
    }

    /// The statement that counts what a condition finds, up to as many as there is need to know.
    pub(crate) fn estimate(&self, way: Way, most: i64, dialect: &dyn Dialect) -> Option<Statement> {
        let Way::By(place) = way else {
            return None;
        };
        let keys = self.conditions.get(place)?.keys.as_ref()?;
        let mut statement = Statement::text("SELECT count(*) FROM (");
        statement.append_shared(keys);
        statement.push(" LIMIT ");
        statement.bind(Binding::Integer(most));
        statement.push(")");
        Some(statement.finish(dialect))
    }

    /// The statement that selects entities in the order of their ids: all of them, or a page.
    pub(crate) fn select(&self, way: Way, page: Option<Page>, dialect: &dyn Dialect) -> Statement {
        self.selecting(way, None, page, dialect)
    }

    /// The same from an id on, or of those behind it.
    pub(crate) fn select_from(
        &self,
        way: Way,
        from: Start<'_>,
        page: Option<Page>,
        dialect: &dyn Dialect,
    ) -> Statement {
        self.selecting(way, Some(from), page, dialect)
    }

    fn selecting(&self, way: Way, from: Option<Start<'_>>, page: Option<Page>, dialect: &dyn Dialect) -> Statement {
        let mut statement = Statement::text("SELECT ");
        statement.push(COLUMNS);
        self.push_entities(&mut statement, way);
        if let Some(from) = from {
            dialect.by_code_points(&mut statement, id_in(way));
            statement.push(if from.is_behind { " > " } else { " >= " });
            statement.bind_text(from.id);
            statement.push(" AND ");
        }
        self.push_conditions(&mut statement, way, dialect);
        statement.push(" ORDER BY ");
        dialect.by_code_points(&mut statement, id_in(way));
        if let Some(page) = page {
            statement.push(" LIMIT ");
            statement.bind(Binding::Integer(i64::try_from(page.limit).unwrap_or(i64::MAX)));
            statement.push(" OFFSET ");
            statement.bind(Binding::Integer(i64::try_from(page.offset).unwrap_or(i64::MAX)));
        }
        statement.finish(dialect)
    }

    /// The statement that selects entities in no order; without those that have a number in an attribute, where one is named.
    pub(crate) fn select_all(&self, way: Way, without: Option<&AttributeName>, dialect: &dyn Dialect) -> Statement {
        let mut statement = Statement::text("SELECT ");
        statement.push(COLUMNS);
        self.push_entities(&mut statement, way);
        if let Some(name) = without {
            statement.push("NOT ");
            statement.append(filter::has_a_number(name.as_str()));
            statement.push(" AND ");
        }
        self.push_conditions(&mut statement, way, dialect);
        statement.finish(dialect)
    }

    /// The statement that selects the ids of the entities that have a number in an attribute, in the order of these; of
    /// several the first in that order counts. `below`: numbers of a lesser magnitude alone.
    pub(crate) fn select_by_numbers(
        &self,
        name: &AttributeName,
        is_descending: bool,
        below: Option<f64>,
        dialect: &dyn Dialect,
    ) -> Statement {
        let mut statement =
            Statement::text("SELECT e.id FROM attribute_values o CROSS JOIN entities e ON e.key = o.entity WHERE ");
        statement.append(filter::is_foremost_number(name.as_str(), is_descending, below));
        statement.push(" AND ");
        self.push_conditions(&mut statement, Way::Beside, dialect);
        statement.push(if is_descending {
            " ORDER BY o.number DESC, "
        } else {
            " ORDER BY o.number, "
        });
        dialect.by_code_points(&mut statement, id_in(Way::Beside));
        statement.finish(dialect)
    }

    /// The statement that selects those that a list names.
    pub(crate) fn select_named(ids: &[EntityId], dialect: &dyn Dialect) -> Statement {
        let mut statement = Statement::text("SELECT ");
        statement.push(COLUMNS);
        statement.push(" FROM entities e WHERE e.id ");
        dialect.is_any_of(&mut statement, &mut ids.iter().map(EntityId::as_str));
        statement.finish(dialect)
    }

    /// The statement that counts the matching entities.
    pub(crate) fn count(&self, way: Way, dialect: &dyn Dialect) -> Statement {
        let mut statement = Statement::text("SELECT count(*)");
        self.push_entities(&mut statement, way);
        self.push_conditions(&mut statement, way, dialect);
        statement.finish(dialect)
    }

    /// The entities `e`, each once, as the way finds them. `CROSS` keeps SQLite from going the other way round, which it likes where
    /// there are few.
    fn push_entities(&self, statement: &mut Statement, way: Way) {
        let keys = match way {
            Way::By(place) => self.conditions.get(place).and_then(|condition| condition.keys.as_ref()),
            Way::InOrder | Way::Beside => None,
        };
        match keys {
            Some(keys) => {
                statement.push(" FROM (SELECT DISTINCT entity FROM (");
                statement.append_shared(keys);
                statement.push(")) d CROSS JOIN entities e ON e.key = d.entity WHERE ");
            }
            None => statement.push(" FROM entities e WHERE "),
        }
    }

    /// Everything that must hold of `e`. What judges comes last, and only where all else holds: SQLite would ask a function
    /// before it looks into another table.
    pub(super) fn push_conditions(&self, statement: &mut Statement, way: Way, dialect: &dyn Dialect) {
        let mut between = "";
        for range in &self.ranges {
            statement.push(between);
            match way {
                Way::InOrder => statement.append_shared(range),
                Way::By(_) | Way::Beside => statement.append(beside_an_index(range)),
            }
            between = " AND ";
        }
        statement.push(between);
        // What has found an entity by itself need not be looked at again, where it finds no others.
        let is_left = |place: usize, condition: &Condition| way != Way::By(place) || !condition.are_keys_exact;
        let each = self.conditions.iter().enumerate();
        let each = each.filter(|(place, condition)| is_left(*place, condition));
        let each = Statement::join(each.filter_map(|(_, condition)| condition.sql.clone()), " AND ");
        let each = if each.text.is_empty() {
            Statement::text("1 = 1")
        } else {
            each
        };
        match &self.judged {
            None => statement.append(each),
            Some(judged) => {
                statement.push("CASE WHEN ");
                statement.append(each);
                statement.push(" THEN ");
                dialect.judges(statement);
                statement.push(" ELSE 0 END");
                statement.judged = Some(Arc::clone(judged));
            }
        }
    }
}

/// Where in the order of ids something begins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Start<'a> {
    pub(crate) id: &'a str,
    /// Whether it begins behind the entity of that id.
    pub(crate) is_behind: bool,
}

/// The column of ids; where others find the entities, without its index.
const fn id_in(way: Way) -> &'static str {
    match way {
        Way::InOrder => "e.id",
        Way::By(_) | Way::Beside => "+e.id",
    }
}

fn beside_an_index(range: &Statement) -> Statement {
    Statement {
        text: range.text.replace("e.id", "+e.id"),
        ..range.clone()
    }
}
