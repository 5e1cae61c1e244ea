//! `inspection` of a tenant: what is done with somebody's number or address in values that leave.

use kakehashi_policy::inspection::{Action, Actions, Rule};

use kakehashi_documents::document::Value;
use kakehashi_documents::section::Section;

/// The words of tenants.toml.
const ACTIONS: [(&str, Action); 3] = [
    (Action::Report.as_str(), Action::Report),
    (Action::Mask.as_str(), Action::Mask),
    (Action::Drop.as_str(), Action::Drop),
];

/// Reads `inspection`: one word for everything, or a table by rule. What is not said has its default.
pub(super) fn read(tenant: &Section<'_>) -> Actions {
    let default = Actions::default();
    let Some(node) = tenant.node("inspection") else {
        return default;
    };
    if !matches!(node.value, Value::Table(_)) {
        let action = tenant.choice("inspection", &ACTIONS);
        return action.map_or(default, Actions::all);
    }
    let Some(table) = tenant.section("inspection") else {
        return default;
    };
    let action = |key, default| table.choice(key, &ACTIONS).unwrap_or(default);
    let actions = Actions {
        my_number: action(Rule::MyNumber.as_str(), default.my_number),
        mobile_phone: action(Rule::MobilePhone.as_str(), default.mobile_phone),
        email: action(Rule::Email.as_str(), default.email),
        line_user_id: action(Rule::LineUserId.as_str(), default.line_user_id),
        facility_contacts: action("facility_contacts", default.facility_contacts),
    };
    table.finish();
    actions
}
