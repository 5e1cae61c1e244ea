//! Several EntitySelectors in one query (clauses 5.2.23 and 5.2.33): an entity is meant when one of them selects it.
//! Where one condition on types and ids says the same as all of them, there are none; otherwise each source is asked for
//! what each of them selects, and for nothing else.

use std::borrow::Cow;

use ngsi_ld::query::{IdPattern, TypeSelection};
use ngsi_ld::{Entity, EntityId, TypeName};

use super::Question;

/// EntitySelector (Table 5.2.33-1).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EntitySelector {
    /// `type`; `None`: `*`.
    pub types: Option<TypeSelection>,
    /// `id`; empty: any.
    pub ids: Vec<EntityId>,
    /// `idPattern`
    pub id_pattern: Option<IdPattern>,
}

impl EntitySelector {
    /// Whether it selects the entity.
    #[must_use]
    pub fn selects(&self, entity: &Entity) -> bool {
        (self.ids.is_empty() || self.ids.contains(&entity.id))
            && self
                .id_pattern
                .as_ref()
                .is_none_or(|pattern| pattern.matches(&entity.id))
            && self.types.as_ref().is_none_or(|types| types.selects(&entity.types))
    }
}

/// One selector that selects whatever one of the given ones does, and as few as say the same as all of them, which are
/// still to be looked at: none, where it selects nothing else.
#[must_use]
pub fn joined(selectors: Vec<EntitySelector>) -> (EntitySelector, Vec<EntitySelector>) {
    let mut selectors = fewer(selectors);
    if selectors.len() < 2 {
        return (selectors.pop().unwrap_or_default(), selectors);
    }
    let covering = EntitySelector {
        types: any_type_of(&selectors),
        ..EntitySelector::default()
    };
    (covering, selectors)
}

/// Fewer selectors that select the same: each is a question to every source that may hold something of it.
fn fewer(selectors: Vec<EntitySelector>) -> Vec<EntitySelector> {
    let mut by_id: Vec<EntitySelector> = Vec::with_capacity(selectors.len());
    for mut selector in selectors {
        selector.ids.sort_unstable();
        selector.ids.dedup();
        // Of the same types, by ids alone: those of either.
        let is_by_id = |one: &EntitySelector| !one.ids.is_empty() && one.id_pattern.is_none();
        let same_types = |one: &&mut EntitySelector| is_by_id(one) && one.types == selector.types;
        match by_id.iter_mut().find(same_types).filter(|_| is_by_id(&selector)) {
            Some(earlier) => {
                earlier.ids.extend(selector.ids);
                earlier.ids.sort_unstable();
                earlier.ids.dedup();
            }
            None => by_id.push(selector),
        }
    }
    let mut by_type: Vec<EntitySelector> = Vec::with_capacity(by_id.len());
    for selector in by_id {
        // With the same condition on ids: of either's types.
        let same_ids = |one: &&mut EntitySelector| one.ids == selector.ids && one.id_pattern == selector.id_pattern;
        match by_type.iter_mut().find(same_ids) {
            Some(earlier) => earlier.types = any_type_of([&*earlier, &selector]),
            None => by_type.push(selector),
        }
    }
    // Whatever is of types of which all are selected is selected already.
    let whole = by_type
        .iter()
        .find(|one| one.ids.is_empty() && one.id_pattern.is_none())
        .cloned();
    if let Some(whole) = whole {
        by_type.retain(|one| *one == whole || !includes(whole.types.as_ref(), one.types.as_ref()));
    }
    by_type
}

/// Whether a selection of types names each of the others; `None`: any type.
fn includes(all: Option<&TypeSelection>, others: Option<&TypeSelection>) -> bool {
    match (all, others) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(all), Some(others)) => alternatives(others).iter().all(|one| alternatives(all).contains(one)),
    }
}

/// The selections of which one must hold.
fn alternatives(types: &TypeSelection) -> &[TypeSelection] {
    match types {
        TypeSelection::Any(parts) => parts.as_slice(),
        one => std::slice::from_ref(one),
    }
}

fn any_type_of<'s>(selectors: impl IntoIterator<Item = &'s EntitySelector>) -> Option<TypeSelection> {
    let mut any: Vec<TypeSelection> = Vec::new();
    for selector in selectors {
        for part in alternatives(selector.types.as_ref()?) {
            if !any.contains(part) {
                any.push(part.clone());
            }
        }
    }
    match any.pop() {
        Some(only) if any.is_empty() => Some(only),
        Some(last) => {
            any.push(last);
            Some(TypeSelection::Any(any))
        }
        None => None,
    }
}

impl Question {
    /// The same question for each of its selectors alone, with the types of `named` that it is about; itself where it
    /// has none.
    pub(super) fn of_each_selector<'a>(
        &'a self,
        named: &'a [TypeName],
    ) -> impl Iterator<Item = (Cow<'a, Question>, Cow<'a, [TypeName]>)> {
        let itself = self.selectors.is_empty();
        let itself = itself.then_some((Cow::Borrowed(self), Cow::Borrowed(named)));
        let each = self.selectors.iter().map(|selector| {
            let mut question = self.clone();
            question.selectors.clear();
            question.query.types.clone_from(&selector.types);
            question.query.ids.clone_from(&selector.ids);
            question.query.id_pattern.clone_from(&selector.id_pattern);
            let types = match &selector.types {
                Some(selection) => selection.names().into_iter().cloned().collect(),
                None => Cow::Borrowed(named),
            };
            (Cow::Owned(question), types)
        });
        itself.into_iter().chain(each)
    }
}

#[cfg(test)]
mod tests {
    use ngsi_ld::context::Context;
    use proptest::prelude::*;

    use super::*;

    fn selector(types: &str, ids: &[&str], pattern: Option<&str>) -> EntitySelector {
        EntitySelector {
            types: (types != "*").then(|| TypeSelection::parse(types, Context::core()).unwrap()),
            ids: ids.iter().map(|id| EntityId::parse(id).unwrap()).collect(),
            id_pattern: pattern.map(|pattern| IdPattern::parse(pattern).unwrap()),
        }
    }

    #[test]
    fn one_condition_is_made_where_it_says_the_same() {
        let a = selector("A", &[], None);
        assert_eq!(joined(Vec::new()), (EntitySelector::default(), Vec::new()));
        assert_eq!(joined(vec![a.clone()]), (a.clone(), Vec::new()));
        assert_eq!(joined(vec![a.clone(), a.clone()]), (a.clone(), Vec::new()));
        assert_eq!(
            joined(vec![a.clone(), selector("B|C", &[], None)]).0.types,
            selector("A|(B|C)", &[], None).types
        );
        let any = joined(vec![a.clone(), selector("*", &[], None)]);
        assert_eq!(any, (EntitySelector::default(), Vec::new()));
        let ids = joined(vec![
            selector("A", &["urn:x:2", "urn:x:1"], None),
            selector("A", &["urn:x:1"], None),
        ]);
        assert_eq!(ids, (selector("A", &["urn:x:1", "urn:x:2"], None), Vec::new()));
    }

    #[test]
    fn as_few_are_left_as_say_the_same() {
        let of_each =
            |types: &'static str| (0..25).map(move |number| selector(types, &[&format!("urn:x:{number}")], None));
        let both: Vec<EntitySelector> = of_each("A").chain(of_each("B")).collect();
        let (one, rest) = joined(both);
        assert_eq!(
            (one.types, one.ids.len(), rest.len()),
            (selector("A|B", &[], None).types, 25, 0)
        );
        let a = selector("A", &[], None);
        let (one, rest) = joined(of_each("A").chain([a.clone()]).collect());
        assert_eq!((one, rest.len()), (a.clone(), 0), "all of the type are selected");
        let pattern = |types| selector(types, &[], Some("9$"));
        let (one, rest) = joined(vec![pattern("A"), pattern("B")]);
        assert_eq!((one, rest.len()), (pattern("A|B"), 0));
        let (_, rest) = joined(
            of_each("A")
                .chain([pattern("B"), pattern("C"), selector("D", &[], None)])
                .collect(),
        );
        assert_eq!(rest.len(), 3);
    }

    proptest! {
        #[test]
        fn fewer_selectors_select_the_same(
            chosen in prop::collection::vec((0usize..5, prop::collection::vec(0usize..4, 0..3), 0usize..4), 0..8),
        ) {
            let types = ["A", "B", "A|B", "A;B", "*"];
            let ids = ["urn:x:1", "urn:x:2", "urn:y:1", "urn:y:19"];
            let patterns = [None, None, Some("1$"), Some("^urn:y")];
            let selectors: Vec<EntitySelector> = chosen
                .iter()
                .map(|(r#type, chosen, pattern)| {
                    let ids: Vec<&str> = chosen.iter().map(|index| ids[*index]).collect();
                    selector(types[*r#type], &ids, patterns[*pattern])
                })
                .collect();
            let fewer = fewer(selectors.clone());
            prop_assert!(fewer.len() <= selectors.len());
            let (covering, rest) = joined(selectors.clone());
            for id in ids {
                for of_types in [&["A"][..], &["B"], &["A", "B"], &["C"]] {
                    let mut names = of_types.iter().map(|name| Context::core().expand_type(name).unwrap());
                    let mut entity = Entity::new(EntityId::parse(id).unwrap(), names.next().unwrap());
                    entity.types.extend(names);
                    let before = selectors.iter().any(|one| one.selects(&entity));
                    prop_assert_eq!(fewer.iter().any(|one| one.selects(&entity)), before, "{:?} of {:?}", fewer, selectors);
                    if !selectors.is_empty() {
                        prop_assert!(covering.selects(&entity) || !before);
                        let after = covering.selects(&entity) && (rest.is_empty() || rest.iter().any(|one| one.selects(&entity)));
                        prop_assert_eq!(after, before, "{:?} {:?}", covering, rest);
                    }
                }
            }
        }
    }

    #[test]
    fn otherwise_they_are_looked_at_one_by_one() {
        let selectors = vec![
            selector("A", &["urn:x:1"], None),
            selector("B", &[], Some("^urn:y")),
            selector("A", &[], Some("9$")),
        ];
        let (covering, rest) = joined(selectors.clone());
        assert_eq!(rest, selectors);
        assert_eq!(covering, selector("A|B", &[], None));
        let question = Question {
            selectors: rest,
            ..Question::default()
        };
        let parts: Vec<_> = question.of_each_selector(&[]).map(|(part, _)| part).collect();
        assert_eq!(parts.len(), 3);
        assert!(parts.iter().all(|part| part.selectors.is_empty()));
        assert_eq!(parts[0].query.ids, selectors[0].ids);
        assert_eq!(parts[1].query.id_pattern, selectors[1].id_pattern);
        assert_eq!(parts[1].query.types, selectors[1].types);
    }
}
