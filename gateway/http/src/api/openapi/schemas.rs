//! What stands in bodies, as JSON Schema: the members that clause 5.2 of CIM 009 names. What an entity has beside them is
//! for its owner to say.

use serde_json::{Map, Value, json};

use crate::api::query_body::{FLAGS, LISTS, MEMBERS, TEXTS};

/// All schemas, by their names.
pub(super) fn all() -> Value {
    let uri = json!({ "type": "string", "format": "uri" });
    let parts = [of_entities(&uri), of_discovery(&uri), of_the_rest()];
    let members = parts.into_iter().filter_map(|part| match part {
        Value::Object(members) => Some(members),
        _ => None,
    });
    Value::Object(members.flatten().collect())
}

/// Entities, and what is told of writing them.
fn of_entities(uri: &Value) -> Value {
    let context = json!({
        "description": "An @context: a URL, an object, or an array of both.",
        "type": ["string", "object", "array"],
    });
    let one_or_several = json!({
        "type": ["string", "array"],
        "items": { "type": "string" },
    });
    json!({
        "Entity": {
            "description": "An entity (clause 5.2.4). Its other members are its attributes, named by the @context.",
            "type": "object",
            "required": ["id", "type"],
            "properties": {
                "id": uri,
                "type": one_or_several,
                "scope": one_or_several,
                "@context": { "$ref": "#/components/schemas/Context" },
            },
        },
        "EntityList": { "type": "array", "items": { "$ref": "#/components/schemas/Entity" } },
        "EntityOrList": reference_to_one_of(&["Entity", "EntityList"]),
        "Feature": {
            "description": "An entity as a GeoJSON Feature (clause 5.2.29).",
            "type": "object",
            "required": ["id", "type", "geometry", "properties"],
            "properties": {
                "id": uri,
                "type": { "const": "Feature" },
                "geometry": { "type": ["object", "null"] },
                "properties": { "type": "object" },
                "@context": { "$ref": "#/components/schemas/Context" },
            },
        },
        "FeatureCollection": {
            "description": "Entities as GeoJSON (clause 5.2.30).",
            "type": "object",
            "required": ["type", "features"],
            "properties": {
                "type": { "const": "FeatureCollection" },
                "features": { "type": "array", "items": { "$ref": "#/components/schemas/Feature" } },
                "@context": { "$ref": "#/components/schemas/Context" },
            },
        },
        "FeatureOrCollection": reference_to_one_of(&["Feature", "FeatureCollection"]),
        "Context": context,
        "Query": query(),
        "Entities": { "type": "array", "minItems": 1, "items": { "$ref": "#/components/schemas/Entity" } },
        "EntityFragment": {
            "description": "What changes of an entity (clause 5.4): other members are its attributes, named by the @context. Where a \
                            member may be removed, the NGSI-LD Null removes it (clause 4.5.0).",
            "type": "object",
            "properties": {
                "id": uri,
                "type": one_or_several,
                "scope": one_or_several,
                "@context": { "$ref": "#/components/schemas/Context" },
            },
        },
        "EntityFragments": {
            "type": "array",
            "minItems": 1,
            "items": { "allOf": [{ "$ref": "#/components/schemas/EntityFragment" }, { "required": ["id"] }] },
        },
        "AttributeFragment": {
            "description": "What changes of an attribute (clause 5.4), or the whole of it.",
            "type": "object",
            "properties": { "@context": { "$ref": "#/components/schemas/Context" } },
        },
        "UpdateResult": {
            "description": "What was changed of an entity (clause 5.2.18).",
            "type": "object",
            "required": ["updated", "notUpdated"],
            "properties": {
                "updated": { "type": "array", "items": { "type": "string" } },
                "notUpdated": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["attributeName", "reason"],
                        "properties": {
                            "attributeName": { "type": "string" },
                            "reason": { "type": "string" },
                            "registrationId": uri,
                        },
                    },
                },
            },
        },
        "EntityMap": {
            "description": "The entities that a walk considers (clause 5.2.39). Each is told as held locally.",
            "type": "object",
            "required": ["id", "type", "expiresAt", "entityMap", "linkedMaps"],
            "properties": {
                "id": uri,
                "type": { "const": "EntityMap" },
                "expiresAt": { "type": "string", "format": "date-time" },
                "entityMap": {
                    "type": "object",
                    "additionalProperties": { "type": "array", "items": { "type": "string" } },
                },
                "linkedMaps": { "type": "object" },
                "@context": { "$ref": "#/components/schemas/Context" },
            },
        },
        "EntityMapFragment": {
            "description": "What changes of an entity map: `expiresAt` alone. `entityMap` and `linkedMaps` are ignored (clause 5.2.39).",
            "type": "object",
            "properties": {
                "id": uri,
                "type": { "const": "EntityMap" },
                "expiresAt": { "type": "string", "format": "date-time" },
                "entityMap": { "type": "object" },
                "linkedMaps": { "type": "object" },
                "@context": { "$ref": "#/components/schemas/Context" },
            },
        },
        "Ids": { "type": "array", "minItems": 1, "items": uri },
        "BatchOperationResult": {
            "description": "What became of each entity (clause 5.2.16).",
            "type": "object",
            "required": ["success", "errors"],
            "properties": {
                "success": { "type": "array", "items": uri },
                "errors": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["entityId", "error"],
                        "properties": {
                            "entityId": uri,
                            "error": { "$ref": "#/components/schemas/ProblemDetails" },
                            "registrationId": uri,
                        },
                    },
                },
            },
        },
    })
}

/// Which types and attributes there are.
fn of_discovery(uri: &Value) -> Value {
    json!({
        "EntityTypeList": {
            "description": "The types of which there are entities for you (clause 5.2.24).",
            "type": "object",
            "required": ["id", "type", "typeList"],
            "properties": {
                "id": uri,
                "type": { "const": "EntityTypeList" },
                "typeList": { "type": "array", "items": { "type": "string" } },
                "@context": { "$ref": "#/components/schemas/Context" },
            },
        },
        "EntityType": {
            "description": "A type, with the names of its attributes (clause 5.2.25).",
            "type": "object",
            "required": ["id", "type", "typeName", "attributeNames"],
            "properties": {
                "id": uri,
                "type": { "const": "EntityType" },
                "typeName": { "type": "string" },
                "attributeNames": { "type": "array", "items": { "type": "string" } },
                "description": { "$ref": "#/components/schemas/Meaning" },
                "@context": { "$ref": "#/components/schemas/Context" },
            },
        },
        "EntityTypeDetails": { "type": "array", "items": { "$ref": "#/components/schemas/EntityType" } },
        "EntityTypes": reference_to_one_of(&["EntityTypeList", "EntityTypeDetails"]),
        "EntityTypeInfo": {
            "description": "A type, with its attributes and how many entities of it you see (clause 5.2.26); without the \
                            count where it cannot be told.",
            "type": "object",
            "required": ["id", "type", "typeName", "attributeDetails"],
            "properties": {
                "id": uri,
                "type": { "const": "EntityTypeInfo" },
                "typeName": { "type": "string" },
                "entityCount": { "type": "integer", "minimum": 0 },
                "attributeDetails": { "type": "array", "items": { "$ref": "#/components/schemas/Attribute" } },
                "description": { "$ref": "#/components/schemas/Meaning" },
                "@context": { "$ref": "#/components/schemas/Context" },
            },
        },
        "AttributeList": {
            "description": "The attributes that there are for you (clause 5.2.27).",
            "type": "object",
            "required": ["id", "type", "attributeList"],
            "properties": {
                "id": uri,
                "type": { "const": "AttributeList" },
                "attributeList": { "type": "array", "items": { "type": "string" } },
                "@context": { "$ref": "#/components/schemas/Context" },
            },
        },
        "Attribute": {
            "description": "An attribute (clause 5.2.28), with what the operation tells of it.",
            "type": "object",
            "required": ["id", "type", "attributeName"],
            "properties": {
                "id": uri,
                "type": { "const": "Attribute" },
                "attributeName": { "type": "string" },
                "attributeCount": { "type": "integer", "minimum": 0 },
                "attributeTypes": { "type": "array", "items": { "type": "string" } },
                "typeNames": { "type": "array", "items": { "type": "string" } },
                "description": { "$ref": "#/components/schemas/Meaning" },
                "@context": { "$ref": "#/components/schemas/Context" },
            },
        },
        "AttributeDetails": { "type": "array", "items": { "$ref": "#/components/schemas/Attribute" } },
        "Attributes": reference_to_one_of(&["AttributeList", "AttributeDetails"]),
        "Meaning": {
            "description": "What a name of the gateway's own @context means: its Japanese name, and a sentence in English.",
            "type": "object",
            "required": ["ja", "en"],
            "properties": { "ja": { "type": "string" }, "en": { "type": "string" } },
        },
        "ContextSourceIdentity": {
            "description": "What names the gateway, or a tenant of it, as a Context Source (clause 5.2.40).",
            "type": "object",
            "required": ["id", "type", "contextSourceAlias", "contextSourceUptime", "contextSourceTimeAt"],
            "properties": {
                "id": uri,
                "type": { "const": "ContextSourceIdentity" },
                "contextSourceAlias": { "type": "string" },
                "contextSourceUptime": { "type": "string", "format": "duration" },
                "contextSourceTimeAt": { "type": "string", "format": "date-time" },
                "@context": { "$ref": "#/components/schemas/Context" },
            },
        },
    })
}

/// Subscriptions, contexts, and what is told of the gateway.
fn of_the_rest() -> Value {
    json!({
        "Subscription": {
            "description": "A subscription (clause 5.2.12).",
            "type": "object",
            "required": ["type", "notification"],
            "properties": subscription_members(),
        },
        "SubscriptionFragment": {
            "description": "The members of a subscription that are to change.",
            "type": "object",
            "properties": subscription_members(),
        },
        "Subscriptions": { "type": "array", "items": { "$ref": "#/components/schemas/Subscription" } },
        "ContextDocument": {
            "type": "object",
            "properties": { "@context": { "$ref": "#/components/schemas/Context" } },
        },
        "Contexts": { "type": "array", "items": { "type": ["string", "object"] } },
        "ProblemDetails": {
            "description": "What went wrong (RFC 7807); the types are those of Table 6.3.2-1, or `about:blank`.",
            "type": "object",
            "required": ["type", "title", "status", "detail"],
            "properties": {
                "type": { "type": "string", "format": "uri-reference" },
                "title": { "type": "string" },
                "status": { "type": "integer", "minimum": 400, "maximum": 599 },
                "detail": {
                    "description": "What exactly, where, and what to do. For developers.",
                    "type": "string",
                },
            },
        },
        "Version": {
            "type": "object",
            "required": ["name", "version"],
            "properties": { "name": { "type": "string" }, "version": { "type": "string" } },
        },
        "Statistics": {
            "type": "object",
            "required": ["uptime_in_secs"],
            "properties": { "uptime_in_secs": { "type": "integer", "minimum": 0 } },
        },
        "OpenApi": {
            "type": "object",
            "required": ["openapi", "info", "paths"],
        },
    })
}

fn reference_to_one_of(names: &[&str]) -> Value {
    let schemas = names
        .iter()
        .map(|name| json!({ "$ref": format!("#/components/schemas/{name}") }));
    json!({ "oneOf": schemas.collect::<Vec<_>>() })
}

/// The members of a Query, which are those that are read of it.
fn query() -> Value {
    let texts = json!({ "type": "array", "minItems": 1, "items": { "type": "string" } });
    let properties: Map<String, Value> = MEMBERS
        .iter()
        .map(|name| {
            let is_list = LISTS.iter().any(|(list, _)| list == name);
            let schema = match *name {
                "type" => json!({ "const": "Query" }),
                "@context" => json!({ "$ref": "#/components/schemas/Context" }),
                "entities" => {
                    json!({ "type": "array", "minItems": 1, "items": { "type": "object", "required": ["type"] } })
                }
                "joinLevel" => json!({ "type": "integer", "minimum": 1 }),
                name if FLAGS.contains(&name) => json!({ "type": "boolean" }),
                name if TEXTS.contains(&name) => json!({ "type": "string", "minLength": 1 }),
                _ if is_list => texts.clone(),
                _ => json!({ "type": "object" }),
            };
            ((*name).to_owned(), schema)
        })
        .collect();
    json!({
        "description": "A question (clause 5.2.23). Its members are the parameters of `GET /entities`; `entities` chooses by type and id.",
        "type": "object",
        "required": ["type"],
        "properties": properties,
        "additionalProperties": false,
    })
}

fn subscription_members() -> Value {
    json!({
        "id": { "type": "string", "format": "uri" },
        "type": { "const": "Subscription" },
        "entities": { "type": "array", "minItems": 1, "items": { "type": "object", "required": ["type"] } },
        "watchedAttributes": { "type": "array", "minItems": 1, "items": { "type": "string" } },
        "notification": { "type": "object" },
        "@context": { "$ref": "#/components/schemas/Context" },
    })
}
