//! Why a write is refused is told in Japanese whole: no reason of a rule stays English inside of a Japanese sentence.

use kakehashi_federation::provide::{NotTaken, Reason, WriteRefusal};
use kakehashi_federation::ungranted::{Ungranted, Why};
use kakehashi_messages::Language;
use kakehashi_policy::inspection::Rule;
use kakehashi_policy::{Class, Unmet};
use ngsi_ld::{AttributeName, TypeName};

use super::writing::problem;

/// Words of another alphabet that follow each other, beside names.
fn english_in(text: &str) -> Option<String> {
    let words: Vec<&str> = text
        .split([' ', '、', '。', '：', '；', '（', '）', '(', ')', ','])
        .collect();
    let is_english = |word: &&str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    let mut pairs = words.windows(2);
    let pair = pairs.find(|pair| pair.iter().all(|word| is_english(word)))?;
    Some(pair.join(" "))
}

#[test]
fn each_reason_of_a_refusal_is_told_in_japanese() {
    let of = TypeName::new(ngsi_ld::Iri::new("https://example.org/Shelter"));
    let name = AttributeName::new(ngsi_ld::Iri::new("https://example.org/occupancy"));
    let classes = Class::ALL;
    let mut whys = vec![
        Why::NoPermit,
        Why::Forbidden,
        Why::NoPolicies,
        Why::Unclassified,
        Why::LeadsToHidden,
        Why::Fault,
    ];
    whys.extend(classes.map(Why::Class));
    whys.extend(classes.map(|class| Why::Unmet(Unmet::Class(class))));
    let others = [
        Unmet::Purpose,
        Unmet::IdentityAssurance,
        Unmet::AuthenticationAssurance,
        Unmet::Contract,
        Unmet::Consent,
        Unmet::HiddenAttribute,
    ];
    whys.extend(others.map(Why::Unmet));
    let mut reasons = vec![Reason::Unclassified, Reason::LeadsToPerson];
    reasons.extend(classes.map(Reason::Class));
    reasons.extend(Rule::ALL.iter().copied().map(Reason::Found));
    let mut refusals = Vec::new();
    for why in whys {
        refusals.push(WriteRefusal::Forbidden(Ungranted::Type(of.clone(), why)));
        refusals.push(WriteRefusal::Forbidden(Ungranted::Attribute(name.clone(), why)));
        refusals.push(WriteRefusal::Forbidden(Ungranted::SubAttribute(name.clone(), why)));
    }
    for reason in reasons {
        refusals.push(WriteRefusal::NotTaken(NotTaken::Type(of.clone(), reason)));
        refusals.push(WriteRefusal::NotTaken(NotTaken::Attribute(
            of.clone(),
            name.clone(),
            reason,
        )));
        refusals.push(WriteRefusal::NotTaken(NotTaken::SubAttribute(
            of.clone(),
            name.clone(),
            reason,
        )));
        refusals.push(WriteRefusal::NotTaken(NotTaken::Entity(reason)));
    }
    refusals.push(WriteRefusal::Forbidden(Ungranted::HiddenPart(name)));
    for whole in [
        Ungranted::Everything,
        Ungranted::Uncovered,
        Ungranted::NotWhole,
        Ungranted::Id,
    ] {
        refusals.push(WriteRefusal::Forbidden(whole));
    }
    let mut english = Vec::new();
    for refusal in refusals {
        let detail = problem(&refusal).detail;
        let told = Language::Japanese.of(&detail);
        if let Some(words) = english_in(&told) {
            english.push(format!("{words}: {told}"));
        }
    }
    assert!(english.is_empty(), "{english:#?}");
}
