//! What a question asks that SQL cannot say: it is decided here, row by row, by the evaluator of `ngsi_ld::query` itself, on no
//! more of an entity than the conditions look at.

use std::sync::Arc;
use std::task::Poll;

use kakehashi_contract::SourceQuery;
use ngsi_ld::query::{Complexity, Expression, GeoQuery, IdPattern, Query, ScopeQuery, Steps};
use ngsi_ld::{AttributeName, EntityId};

use super::body::{DecodeError, Part, Row, decode_part};
use super::names::NameTable;

/// Steps (those of [`Steps`]) that reading an entity's row takes, and bytes of it that are stepped over in one.
const STEPS_OF_A_ROW: usize = 6;
const BYTES_OF_A_STEP: usize = 512;

/// Steps between two looks at whether to go on: below a millisecond.
const STEPS_BETWEEN_LOOKS: usize = 5_000;

/// Conditions that are left when SQL has said what it can.
#[derive(Debug, Clone)]
pub(super) struct Judged {
    id_pattern: Option<IdPattern>,
    rest: Query,
    /// The attributes that are looked at.
    attributes: Vec<AttributeName>,
    /// Whether dates of the system are there to be looked at.
    dates: bool,
    complexity: Complexity,
}

/// What SQL has left of a question.
#[derive(Debug, Default)]
pub(super) struct Left {
    pub(super) id_pattern: Option<IdPattern>,
    pub(super) filter: Vec<Expression>,
    pub(super) geo: Option<Arc<GeoQuery>>,
    pub(super) scope: Option<Arc<ScopeQuery>>,
}

/// Why it was not found out whether an entity is one that is looked for.
#[derive(Debug)]
pub(super) enum NotJudged {
    /// Its row cannot be read.
    Row(DecodeError),
    /// It cannot be said in a bounded time, of one entity alone.
    TooComplex,
    /// What may be spent here is spent.
    Enough,
}

impl Judged {
    /// What judges what is left of a query; `None`: nothing is.
    pub(super) fn of(left: Left, query: &SourceQuery) -> Option<Self> {
        let Left {
            id_pattern,
            mut filter,
            geo,
            scope,
        } = left;
        let filter = match filter.len() {
            0 | 1 => filter.pop(),
            _ => Some(Expression::And(filter)),
        };
        let rest = Query {
            filter,
            geo: geo.as_deref().cloned(),
            scope: scope.as_deref().cloned(),
            ..Query::default()
        };
        let is_nothing = id_pattern.is_none() && rest.filter.is_none() && rest.geo.is_none() && rest.scope.is_none();
        if is_nothing {
            return None;
        }
        let of_filter = rest.filter.iter().flat_map(Expression::attributes);
        let of_place = rest.geo.iter().map(|geo| &geo.property);
        let is_asked = |name: &&AttributeName| query.attributes.includes(name);
        let mut attributes: Vec<AttributeName> = of_filter.chain(of_place).filter(is_asked).cloned().collect();
        attributes.sort_unstable();
        attributes.dedup();
        let of_id = Query {
            id_pattern: id_pattern.clone(),
            ..Query::default()
        };
        Some(Self {
            complexity: rest.complexity().and(of_id.complexity()),
            id_pattern,
            rest,
            attributes,
            dates: query.system_attributes,
        })
    }

    /// Whether it is found out by the id alone.
    fn is_about_ids(&self) -> bool {
        self.rest.filter.is_none() && self.rest.geo.is_none() && self.rest.scope.is_none()
    }

    /// Whether all attributes that it looks at have numbers in a table of names, so that nothing is taken for absent because the
    /// table is behind.
    pub(super) fn is_known_to(&self, names: &NameTable) -> bool {
        self.attributes.iter().all(|name| names.key(name.iri()).is_some())
    }
}

/// Whoever judges the rows of one reading.
pub(super) struct Judge {
    judged: Arc<Judged>,
    names: Arc<NameTable>,
    part: Part,
    /// What may still be spent; `None`: as much as there is time for.
    steps: Option<usize>,
}

impl Judge {
    /// By names that are those of the rows, or more.
    pub(super) fn new(judged: &Arc<Judged>, names: &Arc<NameTable>, steps: Option<usize>) -> Self {
        let attributes = judged.attributes.iter();
        Self {
            part: Part {
                attributes: attributes.filter_map(|name| names.key(name.iri())).collect(),
                scopes: judged.rest.scope.is_some(),
                types: false,
                dates: judged.dates,
            },
            judged: Arc::clone(judged),
            names: Arc::clone(names),
            steps,
        }
    }

    /// Whether the entity of a row is one that is looked for. `is_over`: whether nobody wants to know any more.
    ///
    /// # Errors
    /// [`NotJudged`]
    pub(super) fn is_met(&mut self, row: Row<'_>, is_over: &dyn Fn() -> bool) -> Result<bool, NotJudged> {
        self.spend(STEPS_OF_A_ROW + row.body.len() / BYTES_OF_A_STEP + self.judged.complexity.each_entity)?;
        if let Some(pattern) = &self.judged.id_pattern
            && !pattern.matches(&EntityId::new_unchecked(row.id))
        {
            return Ok(false);
        }
        if self.judged.is_about_ids() {
            return Ok(true);
        }
        let entity = decode_part(row, &self.names, &self.part).map_err(NotJudged::Row)?;
        let judged = Arc::clone(&self.judged);
        let mut evaluation = judged.rest.begin(&entity);
        loop {
            let given = self
                .steps
                .map_or(STEPS_BETWEEN_LOOKS, |left| left.min(STEPS_BETWEEN_LOOKS));
            let mut steps = Steps::new(given);
            let met = evaluation.advance(&mut steps);
            self.spend(given.saturating_sub(steps.left()))?;
            match met {
                Poll::Ready(Ok(met)) => return Ok(met),
                Poll::Ready(Err(_)) => return Err(NotJudged::TooComplex),
                Poll::Pending if is_over() => return Err(NotJudged::Enough),
                Poll::Pending => {}
            }
        }
    }

    fn spend(&mut self, steps: usize) -> Result<(), NotJudged> {
        if let Some(left) = &mut self.steps {
            *left = left.saturating_sub(steps);
            if *left == 0 {
                return Err(NotJudged::Enough);
            }
        }
        Ok(())
    }
}
