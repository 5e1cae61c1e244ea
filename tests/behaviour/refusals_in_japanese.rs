//! Why a write is refused is told in Japanese whole: no reason of a rule stays English inside of a Japanese sentence.

use kakehashi::federation::provide::{NotTaken, Reason};
use kakehashi::federation::ungranted::{Ungranted, Why};
use kakehashi::policy::inspection::Rule;
use kakehashi::policy::{Class, Unmet};
use kakehashi_messages::Language;
use ngsi_ld::{AttributeName, Iri, TypeName};

/// Words of another alphabet that follow each other, beside names.
fn english_in(text: &str) -> Option<String> {
    let words: Vec<&str> = text
        .split([' ', '、', '。', '：', '；', '（', '）', '(', ')', ','])
        .collect();
    let is_english = |word: &&str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    let mut pairs = words.windows(2);
    let pair = pairs.find(|pair| pair.iter().all(is_english))?;
    Some(pair.join(" "))
}

#[test]
fn each_reason_of_a_refusal_is_told_in_japanese() {
    let of = TypeName::new(Iri::parse("https://example.org/Shelter").unwrap());
    let name = AttributeName::new(Iri::parse("https://example.org/occupancy").unwrap());
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
    // As the answers put them together.
    let mut details = Vec::new();
    for why in whys {
        let of_type = Ungranted::Type(of.clone(), why);
        details.push(format!("{of_type} ({why}): {of}"));
        let whole = Ungranted::Attribute(name.clone(), why);
        let inside = Ungranted::SubAttribute(name.clone(), why);
        details.extend([whole, inside].map(|ungranted| format!("{ungranted} ({why}): {name}")));
    }
    for reason in reasons {
        details.push(format!("{}: {of}", NotTaken::Type(of.clone(), reason)));
        let whole = NotTaken::Attribute(of.clone(), name.clone(), reason);
        let inside = NotTaken::SubAttribute(of.clone(), name.clone(), reason);
        details.extend([whole, inside].map(|not_taken| format!("{not_taken} ({of}): {name}")));
        details.push(NotTaken::Entity(reason).to_string());
    }
    details.push(format!("{}: {name}", Ungranted::HiddenPart(name.clone())));
    let wholes = [
        Ungranted::Everything,
        Ungranted::Uncovered,
        Ungranted::NotWhole,
        Ungranted::Id,
    ];
    details.extend(wholes.map(|ungranted| ungranted.to_string()));
    let mut english = Vec::new();
    for detail in details {
        let told = Language::Japanese.of(&detail);
        if let Some(words) = english_in(&told) {
            english.push(format!("{words}: {told}"));
        }
    }
    assert!(english.is_empty(), "{english:#?}");
}
