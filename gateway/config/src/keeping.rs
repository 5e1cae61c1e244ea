//! What may be kept of a source whose kind answers from what it has read: attributes that are open or limited by their names,
//! and nothing that nobody has classified. It follows from classes alone, never from what the source holds.

use kakehashi_adapters::client::Credential;
use kakehashi_adapters::kind::Settings;
use kakehashi_adapters::{
    SelectedNames,
    held::{HeldType, Holding, Others},
};
use kakehashi_documents::section::Section;
use kakehashi_documents::vocabulary::compact_type;
use kakehashi_policy::{Class, Classification};
use ngsi_ld::{AttributeName, TypeName};

use super::Loading;
use super::provides::{ProvidedType, Provides};

/// What may be kept of a source; `None`: its kind keeps nothing. Types of which nothing may be are reported.
pub(crate) fn read(
    section: &Section<'_>,
    settings: &dyn Settings,
    credential: Option<&Credential>,
    provides: &[Provides],
    loading: &Loading<'_>,
) -> Option<Holding> {
    if !settings.keeps_what_it_reads() {
        return None;
    }
    if matches!(credential, Some(Credential::PassThrough)) {
        let message = format!(
            "`credential` in {}: files are read for nobody in particular, and no consumer's token is there to pass through",
            section.title()
        );
        let place = section.key_place("credential").unwrap_or(section.place());
        let help = "leave it out, or give the gateway a credential of its own".to_owned();
        loading.report.error(place, message, help);
    }
    if let Some(place) = section.key_place("hold") {
        let message = format!(
            "`hold` in {} has no effect: what its files say is kept in memory until they say something else",
            section.title()
        );
        let help = "leave it out; `refresh` says how often it is looked".to_owned();
        loading.report.error(place, message, help);
    }
    let place = section.key_place("provides").unwrap_or(section.place());
    let mut types: Vec<HeldType> = Vec::new();
    for entry in provides {
        let ProvidedType::Type(name) = &entry.r#type else {
            let message = format!(
                "{} provides `*`: of files types are kept that are named one by one",
                section.title()
            );
            loading
                .report
                .error(place, message, "name each type in `provides`".to_owned());
            continue;
        };
        if types.iter().any(|known| known.name == *name) {
            continue;
        }
        match of_type(name, settings, loading.classification) {
            Some(of_type) => types.push(of_type),
            None => {
                let class = loading
                    .classification
                    .type_class(name)
                    .map_or("unclassified", Class::as_str);
                let message = format!(
                    "{} provides `{}`, which is {class}: of files only what is open or limited is kept, so nothing of it would \
                     be found",
                    section.title(),
                    compact_type(name)
                );
                let help = "class it in classification.toml, or take it out of `provides`".to_owned();
                loading.report.error(place, message, help);
            }
        }
    }
    if let Some(made) = settings.made_types() {
        types.sort_by_key(|of_type| made.iter().position(|name| **name == of_type.name));
    }
    Some(Holding::of(types))
}

fn of_type(name: &TypeName, settings: &dyn Settings, classification: &Classification) -> Option<HeldType> {
    let unguarded = classification.unguarded_attributes(name)?;
    let (attributes, others) = match settings.made_attributes(name) {
        None => (SelectedNames::new(unguarded), Others::Any),
        Some(made) => {
            let is_free = |attribute: &&AttributeName| {
                let class = classification.attribute_class(name, attribute);
                class.is_some_and(|class| !class.is_guarded())
            };
            let (free, others): (Vec<&AttributeName>, Vec<&AttributeName>) = made.into_iter().partition(is_free);
            (
                SelectedNames::new(free.into_iter().cloned()),
                Others::These(SelectedNames::new(others.into_iter().cloned())),
            )
        }
    };
    Some(HeldType {
        name: name.clone(),
        attributes,
        others,
    })
}
