//! The member `notification` of a subscription (clauses 5.2.14, 5.2.15 and 6.3.8).

use http::HeaderMap;
use ngsi_ld::context::Context;
use ngsi_ld::entity::render::Format;
use ngsi_ld::projection::{MemberList, Projection};
use reqwest::Url;

use super::definition::{Accept, Endpoint, Member, NamedFormat, NotificationParameters, header};
use super::members::{At, Fault};
use super::reading_lists::{self, MOST_IN_LIST};

/// Longest address of an endpoint.
const MOST_URI_BYTES: usize = 2048;

/// Most headers that one endpoint may ask for, and most bytes of each value: as servers commonly take them.
const MOST_HEADERS: usize = 32;
const MOST_HEADER_BYTES: usize = 4096;

/// What the gateway says of the notifications, and nobody else (Table 5.2.14.2-1).
const READ_ONLY: [&str; 6] = [
    "status",
    "timesSent",
    "timesFailed",
    "lastNotification",
    "lastSuccess",
    "lastFailure",
];

/// The members of NotificationParams (Table 5.2.14.1-1).
const KNOWN: [&str; 9] = [
    "attributes",
    "pick",
    "omit",
    "format",
    "showChanges",
    "sysAttrs",
    "join",
    "joinLevel",
    "endpoint",
];

/// Headers that the gateway writes itself, and those that end at a hop.
const RESERVED_HEADERS: [&str; 14] = [
    "host",
    "content-length",
    "content-type",
    "content-encoding",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "link",
    "ngsild-tenant",
    "proxy-authorization",
];

const JOINS: [(&str, &str); 3] = [("flat", "flat"), ("inline", "inline"), ("@none", "@none")];

const FORMATS: [(NamedFormat, &str); 4] = [
    (named(Format::Normalized, "normalized"), "normalized"),
    (named(Format::Concise, "concise"), "concise"),
    (named(Format::Simplified, "simplified"), "simplified"),
    (named(Format::Simplified, "keyValues"), "keyValues"),
];

const fn named(format: Format, written: &'static str) -> NamedFormat {
    NamedFormat { format, written }
}

/// Reads the member.
//= 5.2.14.1-1, 5.2.14.1-2, 5.2.14.2-1
pub(super) fn notification(at: &At<'_>, context: &Context) -> Result<NotificationParameters, Fault> {
    let known: Vec<&str> = KNOWN.iter().chain(&READ_ONLY).copied().collect();
    let (mut attributes, mut pick, mut omit, mut format) = (None, None, None, None);
    let (mut show_changes, mut system_attributes, mut endpoint) = (None, None, None);
    let mut projection = Projection::default();
    for (name, member) in at.object(&known)? {
        match name {
            "attributes" => {
                let names = reading_lists::attributes(&member, context)?;
                projection.attributes = Some(names.iter().cloned().collect());
                attributes = Some(names.into_iter().map(Member::Attribute).collect::<Vec<_>>());
                refuse_members(&member)?;
            }
            "pick" => {
                let (names, list) = member_list(&member, context)?;
                (pick, projection.picked) = (Some(names), Some(list));
            }
            "omit" => {
                let (names, list) = member_list(&member, context)?;
                (omit, projection.omitted) = (Some(names), Some(list));
            }
            "format" => format = Some(member.one_of(&FORMATS)?),
            "showChanges" => show_changes = Some(member.boolean()?),
            "sysAttrs" => system_attributes = Some(member.boolean()?),
            "join" if member.one_of(&JOINS)? == "@none" => {}
            "join" | "joinLevel" => {
                return Err(member.not_offered("linked entities are not offered in notifications by this version"));
            }
            "endpoint" => endpoint = Some(read_endpoint(&member)?),
            _ => {}
        }
    }
    let endpoint = endpoint.ok_or_else(|| at.invalid("`endpoint` is missing"))?;
    if attributes.is_some() && (pick.is_some() || omit.is_some()) {
        return Err(at.invalid("`attributes` does not go together with `pick` or `omit`"));
    }
    if let (Some(pick), Some(omit)) = (&pick, &omit)
        && pick.iter().any(|member| omit.contains(member))
    {
        return Err(at.invalid("`pick` and `omit` name the same member"));
    }
    let is_simplified = format.is_some_and(|named: NamedFormat| named.format == Format::Simplified);
    if show_changes == Some(true) && is_simplified {
        return Err(at.invalid("`showChanges` does not go together with the simplified format"));
    }
    Ok(NotificationParameters {
        attributes,
        pick,
        omit,
        projection,
        format,
        show_changes,
        system_attributes,
        endpoint,
    })
}

/// `attributes` has no place for what is no attribute.
fn refuse_members(at: &At<'_>) -> Result<(), Fault> {
    for element in at.elements(MOST_IN_LIST)? {
        if matches!(element.text()?, "id" | "type" | "scope" | "@id" | "@type") {
            return Err(element.invalid("expected the name of an attribute; `pick` takes other members"));
        }
    }
    Ok(())
}

/// `pick` or `omit`: what it names, and compiled.
fn member_list(at: &At<'_>, context: &Context) -> Result<(Vec<Member>, MemberList), Fault> {
    let mut names = Vec::new();
    let mut texts = Vec::new();
    for element in at.elements(MOST_IN_LIST)? {
        let text = element.text()?;
        // One name an element: the language of clause 4.21 would separate several.
        if text.contains([',', '|']) {
            return Err(element.invalid("expected one name"));
        }
        MemberList::parse(text, context).map_err(|error| element.invalid(error))?;
        let is_attribute = !matches!(
            text,
            "id" | "@id" | "type" | "@type" | "scope" | "createdAt" | "modifiedAt" | "deletedAt" | "expiresAt"
        );
        names.push(if is_attribute {
            let name = context.expand_written_attribute(text);
            Member::Attribute(name.map_err(|error| element.invalid(error))?)
        } else {
            Member::Entity(text.trim_start_matches('@').to_owned())
        });
        texts.push(text);
    }
    let list = MemberList::parse(&texts.join(","), context).map_err(|error| at.invalid(error))?;
    Ok((names, list))
}

/// Endpoint (Table 5.2.15-1).
//= 5.2.15-2, 5.2.15-3
fn read_endpoint(at: &At<'_>) -> Result<Endpoint, Fault> {
    const KNOWN: [&str; 6] = ["uri", "accept", "receiverInfo", "notifierInfo", "timeout", "cooldown"];
    let (mut uri, mut accept, mut timeout, mut cooldown) = (None, None, None, None);
    let (mut receiver_info, mut notifier_info) = (Vec::new(), Vec::new());
    let mut headers = HeaderMap::new();
    for (name, member) in at.object(&KNOWN)? {
        match name {
            "uri" => uri = Some(read_uri(&member)?),
            "accept" => accept = Some(member.one_of(&Accept::ALL)?),
            "timeout" => timeout = Some(member.positive()?),
            "cooldown" => cooldown = Some(member.positive()?),
            "receiverInfo" => (receiver_info, headers) = read_headers(&member)?,
            _ => notifier_info = read_settings(&member)?,
        }
    }
    let (uri, written) = uri.ok_or_else(|| at.invalid("`uri` is missing"))?;
    Ok(Endpoint {
        uri,
        written,
        accept,
        receiver_info,
        headers,
        notifier_info,
        timeout,
        cooldown,
    })
}

fn read_uri(at: &At<'_>) -> Result<(Url, String), Fault> {
    let text = at.text()?;
    if text.len() > MOST_URI_BYTES {
        return Err(at.invalid(format_args!("it may have {MOST_URI_BYTES} bytes")));
    }
    let uri = Url::parse(text).map_err(|_| at.invalid("expected an http or https URI"))?;
    match uri.scheme() {
        "http" | "https" => Ok((uri, text.to_owned())),
        "mqtt" | "mqtts" => Err(at.not_offered("notifications over MQTT are not offered by this version")),
        _ => Err(at.invalid("expected an http or https URI")),
    }
}

/// KeyValuePair[] (clause 5.2.22), which may be empty: Table 5.2.15-1 says nothing else.
//= 5.2.22-1
fn pairs<'a>(at: &At<'a>) -> Result<Vec<(At<'a>, &'a str, &'a str)>, Fault> {
    let mut pairs = Vec::new();
    for element in at.elements_if_any(MOST_HEADERS)? {
        let (mut key, mut text) = (None, None);
        for (name, member) in element.object(&["key", "value"])? {
            if name == "key" {
                key = Some(member.text()?);
            } else {
                let value = member.value.as_str();
                text = Some(value.ok_or_else(|| member.invalid("expected a text"))?);
            }
        }
        let key = key.ok_or_else(|| element.invalid("`key` is missing"))?;
        let text = text.ok_or_else(|| element.invalid("`value` is missing"))?;
        pairs.push((element, key, text));
    }
    Ok(pairs)
}

/// What the notifier may need to know. That of HTTP needs to know nothing, and keeps it as it was written.
fn read_settings(at: &At<'_>) -> Result<Vec<(String, String)>, Fault> {
    let settings = pairs(at)?.into_iter();
    settings
        .map(|(element, key, value)| {
            if key.len() > MOST_HEADER_BYTES || value.len() > MOST_HEADER_BYTES {
                return Err(element.invalid(format_args!("the key and the value may have {MOST_HEADER_BYTES} bytes")));
            }
            Ok((key.to_owned(), value.to_owned()))
        })
        .collect()
}

/// What `receiverInfo` holds, as it was written and as headers.
type ReceiverInfo = (Vec<(String, String)>, HeaderMap);

//= 5.2.15-1, 6.3.8-4
fn read_headers(at: &At<'_>) -> Result<ReceiverInfo, Fault> {
    let mut written = Vec::new();
    let mut headers = HeaderMap::new();
    for (element, key, value) in pairs(at)? {
        if value.len() > MOST_HEADER_BYTES {
            return Err(element.invalid(format_args!("the value may have {MOST_HEADER_BYTES} bytes")));
        }
        let (header_name, header_value) = header(key, value)
            .ok_or_else(|| element.invalid("the key and the value of a pair must be those of an HTTP header"))?;
        if RESERVED_HEADERS.contains(&header_name.as_str()) {
            return Err(element.invalid("the gateway writes this header itself"));
        }
        headers.append(header_name, header_value);
        written.push((key.to_owned(), value.to_owned()));
    }
    Ok((written, headers))
}
