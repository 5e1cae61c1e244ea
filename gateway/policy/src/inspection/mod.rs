//! The second line: looking at the values themselves, whatever their attributes are called.
//!
//! Classification judges by name, and names lie: published files hold mobile numbers in remarks. So every entity that
//! is about to leave under a grant is looked through for a マイナンバー, a mobile number, an e-mail address that is no
//! local government's, and a LINE user id. What the owner has said is done with each: it is reported, masked or
//! dropped. What was found is told as a [`Finding`], which never holds the value.
//!
//! It is pure, and fast where there is nothing to find: one pass over the bytes of each text (`text`), and only what
//! looks like a number or an address is folded by NFKC and judged (`rules`). What it cannot know is said in
//! `docs/privacy.md`.

mod address;
mod condition;
mod digits;
mod entity;
#[cfg(test)]
mod every_way;
#[cfg(test)]
mod hands;
mod json;
mod markup;
mod my_number;
mod names;
#[cfg(test)]
mod nobodys;
mod numbers;
mod phone;
mod rules;
#[cfg(test)]
mod tests;
mod text;

use std::fmt;

use ngsi_ld::query::{Query, ScopeQuery};
use ngsi_ld::{AttributeName, Entity};

pub use self::condition::{TWELVE_DIGITS, may_discern_finds};
use super::classification::Classification;

/// What is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rule {
    /// マイナンバー (個人番号): twelve digits with their check digit.
    MyNumber,
    /// A number of a mobile or IP telephone: 050, 070, 080, 090.
    MobilePhone,
    /// An e-mail address outside of `lg.jp`.
    Email,
    /// `U` and 32 hexadecimal digits.
    LineUserId,
}

impl Rule {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::MyNumber, Self::MobilePhone, Self::Email, Self::LineUserId];

    /// The name in tenants.toml and in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MyNumber => "my_number",
            Self::MobilePhone => "mobile_phone",
            Self::Email => "email",
            Self::LineUserId => "line_user_id",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is done with what was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// It leaves as it is, and is counted.
    Report,
    /// It is replaced by `***`.
    Mask,
    /// The instance of the attribute that holds it does not leave.
    Drop,
}

impl Action {
    /// The name in tenants.toml and in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Report => "report",
            Self::Mask => "mask",
            Self::Drop => "drop",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a tenant lets be done, by rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Actions {
    /// For [`Rule::MyNumber`].
    pub my_number: Action,
    /// For [`Rule::MobilePhone`].
    pub mobile_phone: Action,
    /// For [`Rule::Email`].
    pub email: Action,
    /// For [`Rule::LineUserId`].
    pub line_user_id: Action,
    /// For mobile numbers and e-mail addresses in attributes that the classification lists as contacts of facilities.
    pub facility_contacts: Action,
}

/// A facility may have a mobile number, and publish it where it belongs; anywhere else it is somebody's.
impl Default for Actions {
    fn default() -> Self {
        Self {
            facility_contacts: Action::Report,
            ..Self::all(Action::Mask)
        }
    }
}

impl Actions {
    /// The same for everything.
    #[must_use]
    pub const fn all(action: Action) -> Self {
        Self {
            my_number: action,
            mobile_phone: action,
            email: action,
            line_user_id: action,
            facility_contacts: action,
        }
    }

    /// What is done with what a rule has found, in a facility's contact or anywhere else.
    #[must_use]
    pub const fn of(self, rule: Rule, in_contact: bool) -> Action {
        match rule {
            Rule::MyNumber => self.my_number,
            Rule::LineUserId => self.line_user_id,
            Rule::MobilePhone | Rule::Email if in_contact => self.facility_contacts,
            Rule::MobilePhone => self.mobile_phone,
            Rule::Email => self.email,
        }
    }

    fn strictest(self) -> Action {
        let rules = Rule::ALL
            .iter()
            .flat_map(|rule| [self.of(*rule, true), self.of(*rule, false)]);
        rules.max().unwrap_or(Action::Drop)
    }
}

/// Something was found. Where it stood is told by the name of the attribute, as far as the classification knows it:
/// names that nobody has classified are a source's own text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which rule has found it.
    pub rule: Rule,
    /// What was done with it.
    pub action: Action,
    /// The attribute; `None`: the entity itself (its id, its scopes), or an attribute without a class.
    pub attribute: Option<AttributeName>,
}

/// Looks through what one tenant lets leave.
#[derive(Debug, Clone)]
pub struct Inspection {
    actions: Actions,
    classification: Classification,
}

/// Whether a text holds somebody's number or address, whatever a tenant wants done with it.
#[must_use]
pub(crate) fn finds_somebody(text: &str) -> bool {
    !text::hits(text, false).is_empty()
}

impl Inspection {
    /// By a tenant's actions; the classification says which attributes are contacts of facilities.
    #[must_use]
    pub fn new(actions: Actions, classification: &Classification) -> Self {
        Self {
            actions,
            classification: classification.clone(),
        }
    }

    /// The entity as it may leave: `None` when it may not leave at all, because its id is somebody's number. Everything
    /// that was found is told.
    #[must_use]
    pub fn inspect(&self, entity: Entity, tell: &mut dyn FnMut(Finding)) -> Option<Entity> {
        if !entity::is_suspicious(&entity) {
            return Some(entity);
        }
        entity::Inspecting::new(self, tell).entity(entity)
    }

    /// Whether an answer to the question could differ before and after inspection, so that who holds the values must
    /// not have the last word: whoever may guess at a masked value would learn it digit by digit.
    #[must_use]
    pub fn may_decide(&self, query: &Query) -> bool {
        condition::is_touched(query, self.actions.strictest())
    }

    /// The same of a scope query: whether who holds the scopes must not leave any out by it.
    #[must_use]
    pub fn may_be_guessed_by_scope(&self, scope: &ScopeQuery) -> bool {
        self.actions.strictest() != Action::Report && condition::may_discern_scopes(scope)
    }

    /// Whether something that is found does not leave at all.
    #[must_use]
    pub fn drops_finds(&self) -> bool {
        self.actions.strictest() == Action::Drop
    }

    /// Whether what is found is masked or dropped. Then entities that meet a filter which [may discern
    /// finds](may_discern_finds) as their source holds them, and those that do not, could look alike after inspection. Who
    /// holds the values must not leave any out by it: which ones are missing would answer a guess.
    #[must_use]
    pub fn hides_finds(&self) -> bool {
        self.actions.strictest() != Action::Report
    }
}
