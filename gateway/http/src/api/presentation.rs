//! From the parameters and headers that say how an answer is to look (clauses 4.15, 4.21, 6.3.7, 6.3.11, 6.3.15) to
//! a [`Presentation`]. It changes what is shown, never which entities are.

use hashbrown::HashSet;
use kakehashi_federation::linked_retrieval::{Form, Join};
use ngsi_ld::AttributeName;
use ngsi_ld::context::Context;
use ngsi_ld::entity::language::{InvalidLanguageFilter, LanguageFilter};
use ngsi_ld::entity::render::{Format, Rendering, Representation};
use ngsi_ld::projection::{InvalidProjection, MemberList, Projection};

use super::joining::{self, Joining};
use super::parameters::{Parameters, attributes, expand_attribute, syntax, unknown_value};
use super::surroundings::Surroundings;
use crate::negotiate::MediaType;
use crate::problem::{ErrorType, Problem};

/// How the answer is to look.
#[derive(Debug, Clone)]
pub(super) struct Presentation {
    /// The media type.
    pub media_type: MediaType,
    /// `sysAttrs`
    pub system_attributes: bool,
    /// Which GeoProperty becomes the geometry of a GeoJSON Feature.
    pub geometry_property: AttributeName,
    /// normalized, concise or simplified
    format: Format,
    /// `lang`
    language: Option<LanguageFilter>,
    /// `pick`, `omit` and `attrs`
    pub projection: Option<Projection>,
    /// `join`: which linked entities are shown, if any.
    pub joining: Option<Joining>,
}

impl Presentation {
    /// Reads how the answer is to look.
    ///
    /// # Errors
    /// A problem that names the parameter and the position.
    //= 5.7.1.4-2, 5.7.2.4-5
    pub(super) fn read(parameters: &Parameters<'_>, around: &Surroundings<'_>) -> Result<Self, Problem> {
        let (format, system_attributes) = format_and_options(parameters)?;
        let geometry_property = match parameters.text("geometryProperty")? {
            Some(_) if around.media_type != MediaType::GeoJson => {
                let detail = "needs `Accept: application/geo+json`";
                return Err(parameters.fault("geometryProperty", 0, detail));
            }
            name => expand_attribute(
                parameters,
                "geometryProperty",
                0,
                name.unwrap_or("location"),
                around.context,
            )?,
        };
        let joining = Joining::read(parameters)?;
        let language = parameters.text("lang")?.map(LanguageFilter::parse).transpose();
        Ok(Self {
            media_type: around.media_type,
            system_attributes,
            geometry_property,
            format,
            language: language
                .map_err(|InvalidLanguageFilter { position, fault }| parameters.fault("lang", position, fault))?,
            projection: projection(parameters, around.context, joining.as_ref())?,
            joining,
        })
    }

    /// The attributes of which an entity must have one, so that `pick` leaves something of it; none when it leaves
    /// something anyway, or when that cannot be told from attributes alone.
    pub(super) fn picked_attributes(&self) -> Option<Vec<AttributeName>> {
        let picked = self.projection.as_ref()?.picked.as_ref()?;
        if !picked.names_attributes_alone() {
            return None;
        }
        let mut names: Vec<AttributeName> = picked.attributes().cloned().collect();
        // Those that are picked have no order, and the same question is the same each time.
        names.sort_unstable();
        Some(names)
    }

    /// What is shown, if it can be nothing of an entity.
    pub(super) fn may_leave_nothing(&self) -> Option<Projection> {
        self.projection.clone().filter(Projection::may_leave_nothing)
    }

    /// The attributes that a source has to be asked for, so that what is shown can be shown. `None`: all of them.
    pub(super) fn asked_attributes(&self) -> Option<Vec<AttributeName>> {
        let projection = self.projection.as_ref()?;
        let conditions = projection.attributes.iter().flatten();
        let picked = projection.picked.iter().flat_map(MemberList::attributes);
        if projection.attributes.is_none() && projection.picked.is_none() {
            return None;
        }
        let mut asked: Vec<AttributeName> = Vec::new();
        for name in conditions.chain(picked) {
            if projection.shows_attribute(name) && !asked.contains(name) {
                asked.push(name.clone());
            }
        }
        // The geometry is no member of the entity: it is shown whatever is picked.
        if self.media_type == MediaType::GeoJson && !asked.contains(&self.geometry_property) {
            asked.push(self.geometry_property.clone());
        }
        asked.sort_unstable();
        Some(asked)
    }

    /// Which linked entities are retrieved, if any.
    pub(super) fn join(&self) -> Option<Join> {
        let Joining {
            form,
            levels,
            contained_by,
        } = self.joining.clone()?;
        let become_features = self.media_type == MediaType::GeoJson && form == Form::Flat;
        Some(Join {
            form,
            levels,
            contained_by,
            projection: self.projection.clone(),
            geometry: become_features.then(|| self.geometry_property.clone()),
        })
    }

    /// How the renderer is to write it. `context_member` is the JSON text of the member `@context`, if it goes
    /// into the body.
    pub(super) fn representation<'a>(
        &'a self,
        context: &'a Context,
        context_member: Option<&'a str>,
    ) -> Representation<'a> {
        Representation {
            rendering: Rendering {
                context,
                format: self.format,
                system_attributes: self.system_attributes,
                context_member,
            },
            language: self.language.as_ref(),
            shown: self.projection.as_ref().into(),
            linked: None,
            short_names: None,
        }
    }
}

/// `format` and `options` (clauses 6.3.7 and 6.3.11): the representation, and whether system attributes are shown.
//= 6.3.7-1, 6.3.11-1
fn format_and_options(parameters: &Parameters<'_>) -> Result<(Format, bool), Problem> {
    let format = parameters
        .text("format")?
        .map(|name| parse_format("format", 0, name))
        .transpose()?;
    let mut system_attributes = false;
    let mut by_option: Option<Format> = None;
    for (position, option) in parameters.list("options")? {
        match option {
            "sysAttrs" => system_attributes = true,
            // Real clients ask for the count this way, as in NGSI-v2; see `wants_count`.
            "count" => {}
            name => {
                let named = parse_format("options", position, name)?;
                // Clause 6.3.7 lets an option stand for one format.
                if by_option.is_some_and(|earlier| earlier != named) {
                    let detail = format_args!("`{name}` is another format than the one before it; name one");
                    return Err(parameters.fault("options", position, detail));
                }
                by_option = Some(named);
            }
        }
    }
    // The parameter goes before the deprecated option.
    Ok((format.or(by_option).unwrap_or_default(), system_attributes))
}

//= 6.3.7-2, 6.3.7-3, 6.3.7-4
fn parse_format(parameter: &str, position: usize, name: &str) -> Result<Format, Problem> {
    match name {
        "normalized" => Ok(Format::Normalized),
        "concise" => Ok(Format::Concise),
        "simplified" | "keyValues" => Ok(Format::Simplified),
        _ => {
            let known = "normalized, concise, simplified, keyValues";
            let others = if parameter == "options" {
                ", sysAttrs, count"
            } else {
                ""
            };
            let problem = unknown_value(
                parameter,
                position,
                name,
                format_args!("expected one of {known}{others}"),
            );
            // Clause 6.3.20.
            Err(Problem::new(ErrorType::InvalidRequest, problem.detail))
        }
    }
}

/// `pick`, `omit` and `attrs`; `None` when everything is shown.
//= 5.7.1.4-3, 5.7.2.4-3
fn projection(
    parameters: &Parameters<'_>,
    context: &Context,
    joining: Option<&Joining>,
) -> Result<Option<Projection>, Problem> {
    let levels = joining.map_or(0, |joining| joining.levels);
    let list = |name: &str| {
        let text = parameters.text(name)?;
        let list = text.map(|text| MemberList::parse_linked(text, context, levels));
        list.transpose().map_err(|error| match error {
            InvalidProjection::Syntax(error) => syntax(parameters, name, &error),
            InvalidProjection::Name { position, error } => parameters.fault(name, position, error),
            // Clause 5.7.2.4: linked entities are chosen from only where they are retrieved.
            InvalidProjection::Linked { position } => parameters.fault(name, position, joining::too_deep(joining)),
        })
    };
    let (picked, omitted) = (list("pick")?, list("omit")?);
    let conditions: HashSet<AttributeName> = attributes("attrs", parameters, context)?.into_iter().collect();
    if !conditions.is_empty() && (picked.is_some() || omitted.is_some()) {
        let detail = "it chooses what is shown, as `pick` and `omit` do; give it alone, or `q` and `pick` in its place";
        return Err(parameters.fault("attrs", 0, detail));
    }
    if let (Some(picked), Some(omitted)) = (&picked, &omitted)
        && picked.overlaps(omitted)
    {
        return Err(parameters.fault("omit", 0, "it names a member that `pick` names too"));
    }
    let projection = Projection {
        picked,
        omitted,
        attributes: (!conditions.is_empty()).then_some(conditions),
    };
    Ok((projection != Projection::default()).then_some(projection))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str, media_type: MediaType) -> Result<Presentation, Problem> {
        const KNOWN: [&str; 10] = [
            "pick",
            "omit",
            "attrs",
            "lang",
            "join",
            "joinLevel",
            "containedBy",
            "format",
            "options",
            "geometryProperty",
        ];
        let parameters = Parameters::parse(Some(query), &KNOWN, &[])?;
        let around = Surroundings {
            context: Context::core(),
            media_type,
            tenant: None,
            largest_page: 1000,
            split_entities: false,
        };
        Presentation::read(&parameters, &around)
    }

    fn asked(query: &str, media_type: MediaType) -> Option<Vec<String>> {
        let short = |name: AttributeName| Context::core().compact(name.as_str()).into_owned();
        let asked = read(query, media_type).unwrap().asked_attributes()?;
        let mut names: Vec<String> = asked.into_iter().map(short).collect();
        names.sort_unstable();
        Some(names)
    }

    #[test]
    fn sources_are_asked_for_what_is_shown_and_nothing_else() {
        let json = MediaType::Json;
        assert_eq!(asked("", json), None);
        assert_eq!(asked("omit=a", json), None);
        assert_eq!(asked("lang=en", json), None);
        assert_eq!(asked("pick=id,type", json), Some(vec![]));
        assert_eq!(asked("pick=id,b|a,b", json), Some(vec!["a".into(), "b".into()]));
        assert_eq!(asked("attrs=a,b", json), Some(vec!["a".into(), "b".into()]));
        assert_eq!(asked("pick=a,b&omit=c", json), Some(vec!["a".into(), "b".into()]));
        assert_eq!(
            asked("pick=a", MediaType::GeoJson),
            Some(vec!["a".into(), "location".into()])
        );
        assert_eq!(
            asked("pick=a&omit=area&geometryProperty=area", MediaType::GeoJson),
            Some(vec!["a".into(), "area".into()])
        );
        assert_eq!(
            asked("join=inline&pick=id,a%7Bb%7D&omit=c%7Bd%7D", json),
            Some(vec!["a".into()])
        );
        assert_eq!(asked("join=inline&omit=a%7Bb%7D", json), None);
    }

    #[test]
    //= 5.7.1.4-2, 5.7.2.4-5
    fn what_is_wrong_is_told_with_its_parameter_and_place() {
        for (query, expected) in [
            ("pick=a,,b", "parameter `pick` at position 2: "),
            ("omit=", "parameter `omit` at position 0: "),
            (
                "pick=a,b%7Bc%7D",
                "parameter `pick` at position 3: members of linked entities",
            ),
            (
                "lang=en,fr_CH",
                "parameter `lang` at position 3: expected a language tag",
            ),
            (
                "join=inlined",
                "parameter `join` at position 0: unknown value `inlined`",
            ),
            (
                "join=flat&omit=a%7Bb%7Bc%7D%7D",
                "parameter `omit` at position 3: members of entities that are farther away than `joinLevel`",
            ),
            (
                "format=short",
                "parameter `format` at position 0: unknown value `short`",
            ),
            (
                "options=concise,sysAttrs,keyValues",
                "parameter `options` at position 17: `keyValues` is another format",
            ),
            (
                "geometryProperty=a",
                "parameter `geometryProperty` at position 0: needs",
            ),
        ] {
            let detail = read(query, MediaType::Json).unwrap_err().detail;
            assert!(detail.starts_with(expected), "{query}: {detail}");
        }
        assert!(read("join=@none", MediaType::Json).is_ok());
        assert!(read("options=keyValues,simplified&format=concise", MediaType::Json).is_ok());
    }
}
