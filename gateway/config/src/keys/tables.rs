//! The keys themselves, in the order in which people write them.

use super::Fallback::{From, Is, Nothing};
use super::Kind::{
    Adapter, Boolean, Choice, ChoiceOrTable, Choices, Count, Date, Duration, KeyHash, List, Listen, Named, OneOrList,
    Refused, Secret, Size, Text, Texts,
};
use super::allowed::ALLOWED;
use super::cors;
use super::fallback::{
    a_quarter_of_connections, consumer_burst, consumer_concurrency, consumer_rate, own_name, public_url, same_as_rate,
};
use super::kinds::OF_SOURCES;
use super::source_credential::CREDENTIAL;
use super::{Kind, Table, key, of_kinds, required};
use crate::source::MOST_PER_SECOND;

pub(super) static ROOT: Table = Table {
    keys: &[
        key(
            "gateway",
            Kind::Table(&GATEWAY),
            Nothing,
            "Where the gateway listens and what it bounds.",
        ),
        key("issuers", Named(&ISSUER), Nothing, "Who signs tokens of consumers."),
        key("administrators", Named(&ADMINISTRATOR), Nothing, "Who administers."),
        required(
            "tenants",
            Named(&TENANT),
            "Who shares the platform, and which sources they bring.",
        ),
        key(
            "consumers",
            Named(&CONSUMER),
            Nothing,
            "Who may call; what they may see is decided by policies/.",
        ),
    ],
};

pub(super) static GATEWAY: Table = Table {
    keys: &[
        key(
            "listen",
            Listen,
            Is("\"127.0.0.1:8080\""),
            "Where consumers are served.",
        ),
        key(
            "admin_listen",
            Listen,
            Is("\"127.0.0.1:8081\""),
            "Where administrators and probes are served; never exposed with the above.",
        ),
        key("public_url", Text, From(public_url), "How consumers reach the gateway."),
        key(
            "state",
            Text,
            Is("\"sqlite:kakehashi.db\""),
            "The file of contexts and subscriptions.",
        ),
        key(
            "default_context",
            Text,
            Is("\"kakehashi\""),
            "The @context of requests without one: kakehashi, core, or a URL.",
        ),
        key(
            "split_entities",
            Boolean,
            Is("false"),
            "Whether parts of an entity may meet the conditions of a query together only, where a request does not say it.",
        ),
        key(
            "without_tenant",
            Text,
            Is("\"federation\""),
            "What a request without NGSILD-Tenant means: federation, which is the data of all tenants, or the id of one.",
        ),
        key(
            "api_key_header",
            Text,
            Is("\"x-api-key\""),
            "The header that carries an API key.",
        ),
        key(
            "trusted_proxies",
            Texts,
            Is("[]"),
            "Whose X-Forwarded-For counts; empty: nobody's.",
        ),
        key(
            "extensions",
            Texts,
            Is("[]"),
            "What goes beyond the standard: federated-order (orderBy over several sources).",
        ),
        key(
            "egress_allow",
            Texts,
            Is("[]"),
            "Addresses in ranges that are not public, which URLs of clients may name all the same.",
        ),
        key(
            "cors",
            Kind::Table(&cors::OF_GATEWAY),
            Nothing,
            "Which pages of other origins may ask; by default none.",
        ),
        key(
            "tls",
            Kind::Table(&TLS),
            Nothing,
            "How consumers are served over TLS; absent: in plain text.",
        ),
        key("rate_store", Refused, Nothing, "Shared rate counters of several nodes."),
        key(
            "personal_relay",
            Boolean,
            Is("false"),
            "Whether personal data may be relayed; this version never does.",
        ),
        key(
            "limits",
            Kind::Table(&REQUEST_LIMITS),
            Nothing,
            "What bounds one request, whoever asks.",
        ),
    ],
};

pub(super) static TLS: Table = Table {
    keys: &[
        required(
            "certificate",
            Text,
            "The PEM file of the server's certificate, then its chain.",
        ),
        required("key", Secret, "The private key of the certificate."),
        key(
            "client_ca",
            Text,
            Nothing,
            "The PEM file of those who sign consumers' certificates; absent: none is asked for.",
        ),
    ],
};

pub(super) static REQUEST_LIMITS: Table = Table {
    keys: &[
        key("body", Size, Is("\"2MiB\""), "Largest body of a request."),
        key("url", Size, Is("\"8KiB\""), "Longest path and query."),
        key("json_depth", Count(128), Is("64"), "Deepest nesting of a JSON body."),
        key("page", Count(10_000), Is("1000"), "Largest `limit`."),
        key("fan_out", Count(4096), Is("128"), "Sources that one request may need."),
        key(
            "scan",
            Count(10_000_000),
            Is("100000"),
            "Entities that one request may look at in one source that does not decide by itself what matches.",
        ),
        key(
            "requests",
            Count(100_000),
            Is("1000"),
            "Requests to sources that one request may cause; one source is asked half of them at most.",
        ),
        key("deadline", Duration, Is("\"10s\""), "How long a request may take."),
        key(
            "memory",
            Size,
            Is("\"512MiB\""),
            "What may be held for all requests together: bodies, what sources have sent, answers that are not sent yet.",
        ),
        key(
            "connections",
            Count(1_000_000),
            Is("10000"),
            "Consumers' connections at once.",
        ),
        key(
            "connections_per_address",
            Count(1_000_000),
            From(a_quarter_of_connections),
            "Consumers' connections at once from one address, or IPv6 /64, that is no trusted proxy's.",
        ),
    ],
};

pub(super) static ISSUER: Table = Table {
    keys: &[
        required(
            "url",
            Text,
            "The value of `iss`, below which the issuer's configuration is found.",
        ),
        required("audience", Text, "What must stand in `aud`."),
        required(
            "algorithms",
            Choices(&[
                "ES256", "ES384", "EdDSA", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512",
            ]),
            "The algorithms that its tokens may be signed with.",
        ),
        key(
            "roles_claim",
            Text,
            Nothing,
            "The claim whose roles count, its parts joined by dots.",
        ),
        key(
            "assurance_levels",
            List(&ASSURANCE_LEVELS),
            Nothing,
            "What its values of `acr` mean, as levels of assurance.",
        ),
    ],
};

pub(super) static ASSURANCE_LEVELS: Table = Table {
    keys: &[
        required("acr", Text, "A value of `acr`, as it stands in tokens."),
        key("ial", Count(3), Nothing, "The identity assurance level, 1 to 3."),
        key("aal", Count(3), Nothing, "The authentication assurance level, 1 to 3."),
    ],
};

pub(super) static ADMINISTRATOR: Table = Table {
    keys: &[
        required("role", Choice(&["operator", "tenant", "auditor"]), "What it may do."),
        key(
            "tenant",
            Text,
            Nothing,
            "The tenant that it administers; with the role \"tenant\" alone.",
        ),
        key("jwt", Kind::Table(&JWT), Nothing, "Which tokens are its own."),
        key("keys", List(&API_KEY), Nothing, "Its API keys."),
    ],
};

pub(super) static JWT: Table = Table {
    keys: &[
        required("issuer", Text, "The name of an issuer."),
        required("subject", Text, "The value of `sub`."),
    ],
};

pub(super) static API_KEY: Table = Table {
    keys: &[
        required("name", Text, "What the key is called, to tell one from another."),
        required("sha256", KeyHash, "The hash that `kakehashi key new` prints."),
        key("expires", Date, Nothing, "The last day on which it is valid, in Japan."),
    ],
};

pub(super) static TENANT: Table = Table {
    keys: &[
        key("name", Text, From(own_name), "Its name for people."),
        key("code", Text, Nothing, "Its 全国地方公共団体コード, six digits."),
        key(
            "role",
            Choice(&["operator", "member"]),
            Is("\"member\""),
            "Whether it runs the platform.",
        ),
        key(
            "limits",
            Kind::Table(&TENANT_LIMITS),
            Nothing,
            "How many questions may touch its sources.",
        ),
        key(
            "consent",
            Refused,
            Nothing,
            "Whom to ask before personal data is relayed.",
        ),
        key(
            "inspection",
            ChoiceOrTable(&["report", "mask", "drop"], &INSPECTION),
            Nothing,
            "What is done with somebody's number or address in values that leave: one word for all, or a table.",
        ),
        key(
            "allowed",
            Kind::Table(&ALLOWED),
            Nothing,
            "What its administrator may propose over the admin API; absent: nothing that it was not given.",
        ),
        key("sources", List(&SOURCE), Nothing, "What it brings."),
    ],
};

pub(super) static INSPECTION: Table = Table {
    keys: &[
        key("my_number", Choice(ACTIONS), Is("\"mask\""), "For a マイナンバー."),
        key("mobile_phone", Choice(ACTIONS), Is("\"mask\""), "For a mobile number."),
        key(
            "email",
            Choice(ACTIONS),
            Is("\"mask\""),
            "For an e-mail address outside of lg.jp.",
        ),
        key("line_user_id", Choice(ACTIONS), Is("\"mask\""), "For a LINE user id."),
        key(
            "facility_contacts",
            Choice(ACTIONS),
            Is("\"report\""),
            "For mobile numbers and e-mail addresses in attributes of [contacts] in classification.toml.",
        ),
    ],
};

/// What may be done with what inspection finds.
const ACTIONS: &[&str] = &["report", "mask", "drop"];

pub(super) static TENANT_LIMITS: Table = Table {
    keys: &[
        required(
            "requests_per_second",
            Count(MOST_PER_SECOND),
            "Questions per second in the long run.",
        ),
        key(
            "burst",
            Count(MOST_PER_SECOND),
            From(same_as_rate),
            "Questions at once after a pause.",
        ),
    ],
};

pub(super) static SOURCE: Table = Table {
    keys: &[
        required("id", Text, "Its name, unique among all tenants."),
        required("adapter", Adapter, "The language that it speaks."),
        required("endpoint", Text, "Its address; of a store: sqlite: and a folder."),
        of_kinds(&OF_SOURCES),
        key(
            "ca",
            Text,
            Nothing,
            "The PEM file of those who sign its certificate; absent: the public authorities.",
        ),
        key(
            "credential",
            Kind::Table(&CREDENTIAL),
            Nothing,
            "How the gateway proves itself to it.",
        ),
        key(
            "personal_data",
            Choice(&["present", "none"]),
            Is("\"present\""),
            "present: whatever is unclassified is denied.",
        ),
        key(
            "ids",
            Choice(&["shared", "own"]),
            Is("\"shared\""),
            "own: no other source holds an entity of the same id, so that none is asked for parts, and counts are summed.",
        ),
        key(
            "mode",
            Choice(&["inclusive", "exclusive", "redirect", "auxiliary"]),
            Is("\"inclusive\""),
            "How it stands to the others of its tenant: as one of them, as the only place of what it provides, or only where no other has it.",
        ),
        key("writable", Boolean, Is("false"), "Whether it takes writes."),
        key(
            "timeout",
            Duration,
            Is("\"3s\""),
            "How long one request to it may take.",
        ),
        key(
            "poll",
            Duration,
            Nothing,
            "How often it is asked for changes; without effect in this version.",
        ),
        key("limits", Kind::Table(&SOURCE_LIMITS), Nothing, "What protects it."),
        key(
            "hold",
            Duration,
            Nothing,
            "For how long what is open of it is kept in memory and answers questions; absent: nothing is kept.",
        ),
        key(
            "named_by",
            Choice(&["operator", "tenant"]),
            Is("\"operator\""),
            "Who has named its address; tenant, which the admin API writes: it leads where its tenant's may.",
        ),
        required(
            "provides",
            List(&PROVIDES),
            "What it holds; it is asked for nothing else.",
        ),
    ],
};

pub(super) static SOURCE_LIMITS: Table = Table {
    keys: &[
        key(
            "requests_per_second",
            Count(MOST_PER_SECOND),
            Nothing,
            "Requests per second in the long run.",
        ),
        key(
            "burst",
            Count(MOST_PER_SECOND),
            From(same_as_rate),
            "Requests at once after a pause.",
        ),
        key("concurrency", Count(10_000), Is("32"), "Requests under way at once."),
    ],
};

pub(super) static PROVIDES: Table = Table {
    keys: &[
        required(
            "type",
            Text,
            "A short name of the gateway's own context, an IRI, or \"*\".",
        ),
        key("id", Text, Nothing, "The id of the only one of them that it holds."),
        key(
            "attributes",
            Texts,
            Nothing,
            "What it holds of them, and is believed; absent: any attribute.",
        ),
        key(
            "id_pattern",
            Text,
            Nothing,
            "A regular expression found in the ids of all of them.",
        ),
        key(
            "authoritative",
            Boolean,
            Is("false"),
            "Whether its attributes win over those of other sources.",
        ),
        key(
            "partition",
            Text,
            Nothing,
            "For store: the one partition that this is said of.",
        ),
    ],
};

pub(super) static CONSUMER: Table = Table {
    keys: &[
        key("name", Text, From(own_name), "Its name for people."),
        key("tenant", Text, Nothing, "The tenant that it belongs to."),
        key(
            "organisation",
            Text,
            Nothing,
            "The organisation outside of the platform that it belongs to.",
        ),
        key("roles", Texts, Is("[]"), "The roles that policies speak of."),
        key(
            "contracts",
            Texts,
            Is("[]"),
            "References of the contracts on anonymised data that bind it, as permits name them in @contract.",
        ),
        key(
            "consents",
            Texts,
            Is("[]"),
            "References of the consents that it has for person-related data, as permits name them in @consent.",
        ),
        key(
            "purposes",
            Texts,
            Is("[]"),
            "What it may ask data for; one of them is stated with each request, a single one always holds.",
        ),
        key(
            "limits",
            Kind::Table(&CONSUMER_LIMITS),
            Nothing,
            "How much it may ask; the anonymous one: each address.",
        ),
        key(
            "cors",
            Kind::Table(&cors::OF_CONSUMER),
            Nothing,
            "Which pages of other origins may ask as it; what is absent is as in [gateway.cors].",
        ),
        key("keys", List(&API_KEY), Nothing, "Its API keys."),
        key("jwt", Kind::Table(&JWT), Nothing, "Which tokens are its own."),
        key(
            "client_certificate",
            OneOrList(&CERTIFICATE_NAME),
            Nothing,
            "Which certificate is its own; a list while one replaces another.",
        ),
    ],
};

pub(super) static CONSUMER_LIMITS: Table = Table {
    keys: &[
        key(
            "requests_per_second",
            Count(MOST_PER_SECOND),
            From(consumer_rate),
            "Requests per second in the long run.",
        ),
        key(
            "burst",
            Count(MOST_PER_SECOND),
            From(consumer_burst),
            "Requests at once after a pause.",
        ),
        key("requests_per_day", Count(u32::MAX), Nothing, "Requests in one day."),
        key(
            "concurrency",
            Count(10_000),
            From(consumer_concurrency),
            "Requests under way at once.",
        ),
    ],
};

pub(super) static CERTIFICATE_NAME: Table = Table {
    keys: &[
        key(
            "san",
            Text,
            Nothing,
            "A subject alternative name: a DNS name, URI, e-mail or IP address.",
        ),
        key(
            "fingerprint",
            Text,
            Nothing,
            "The SHA-256 of the certificate, 64 hex digits.",
        ),
    ],
};

/// Of `{ env = "NAME" }` and `{ file = "..." }`.
pub(super) static SECRET: Table = Table {
    keys: &[
        key("env", Text, Nothing, "The variable of the environment that holds it."),
        key("file", Text, Nothing, "The file that holds it."),
    ],
};
