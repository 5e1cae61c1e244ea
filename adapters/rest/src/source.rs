//! One platform: its client, its mapping, and the reading of one answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::header::ACCEPT;
use http::{HeaderName, HeaderValue, StatusCode};
use ngsi_ld::TypeName;

use super::filter::{Parameters, parameters};
use kakehashi_client::{SourceClient, Walked};
use kakehashi_contract::{AdapterError, AttributeSelection, Call, ErrorKind, PushDown, SourceQuery, Yielded};
use kakehashi_mapping::language::{Mapping, TypeMapping};
use kakehashi_mapping::record::{DocumentPaths, Finding, FindingCounts, Findings, Outside, Projection, UnreadableBody};
use kakehashi_mapping::translate::{RecordPage, read_records};

pub(super) const ACCEPTED: (HeaderName, HeaderValue) = (
    ACCEPT,
    HeaderValue::from_static("application/json, application/geo+json"),
);

/// Bodies beyond this are not read on the thread of the connection that they are asked for: at 150 MB/s a smaller one
/// takes less than a millisecond, a larger one would keep other requests waiting.
const LARGE_BODY: usize = 128 * 1024;

/// A platform.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) client: SourceClient,
    /// The path of the endpoint, as configured: links of the platform may repeat it.
    pub(super) base_path: String,
    pub(super) mapping: Arc<Mapping>,
    /// What is known of it beside its records.
    pub(super) outside: Outside,
    /// The places in the mapping of the types that the source provides.
    provided: Box<[usize]>,
    findings: FindingCounts,
    /// For each type of the mapping.
    irregular: Vec<Irregular>,
}

/// What of a platform's own order cannot be that of the view.
#[derive(Debug, Default)]
struct Irregular {
    /// Some record was left out, because it is the second of its id or its page is not as declared: neither positions
    /// nor totals are those of the view.
    positions: AtomicBool,
    /// Some record is no entity: it has its place in the view's pages, and does not count.
    total: AtomicBool,
}

// === impl Source ===

impl Source {
    pub(super) fn new(
        client: SourceClient,
        base_path: String,
        mapping: Arc<Mapping>,
        outside: Outside,
        provided: &[TypeName],
    ) -> Self {
        let types = mapping.type_mappings().iter().enumerate();
        let provided = types
            .filter(|(_, mapping)| provided.contains(&mapping.name))
            .map(|(place, _)| place)
            .collect();
        let irregular = mapping.type_mappings().iter().map(|_| Irregular::default()).collect();
        Self {
            client,
            base_path,
            mapping,
            outside,
            provided,
            findings: FindingCounts::default(),
            irregular,
        }
    }

    /// What a query wants of each of the types that it names and that the source provides.
    pub(super) fn types(&self, query: &SourceQuery) -> Vec<Arc<PreparedType>> {
        let mappings = self.mapping.type_mappings();
        let provided = self
            .provided
            .iter()
            .filter_map(|place| Some((*place, mappings.get(*place)?)));
        provided
            .filter(|(_, mapping)| query.types.contains(&mapping.name))
            .map(|(place, mapping)| Arc::new(PreparedType::of(place, mapping, query)))
            .collect()
    }

    /// The mappings of the types that the source provides.
    pub(super) fn provided(&self) -> impl Iterator<Item = &TypeMapping> {
        let mappings = self.mapping.type_mappings();
        self.provided.iter().filter_map(|place| mappings.get(*place))
    }

    pub(super) fn findings(&self, finding: Finding) -> u64 {
        self.findings.get(finding)
    }

    fn irregular(&self, place: usize) -> Option<&Irregular> {
        self.irregular.get(place)
    }
}

/// What one query wants of one type of one platform, whatever page is asked for.
#[derive(Debug)]
pub(super) struct PreparedType {
    place: usize,
    projection: Projection,
    /// The platform's own parameters for the conditions.
    pub(super) parameters: Parameters,
}

impl PreparedType {
    fn of(place: usize, mapping: &TypeMapping, query: &SourceQuery) -> Self {
        Self {
            place,
            projection: Projection::new(mapping, &query.attributes, query.system_attributes),
            parameters: parameters(mapping, query.filter.as_deref(), query.geo.as_deref()),
        }
    }

    /// The same, for somebody who looks at these attributes only.
    pub(super) fn with_attributes(
        &self,
        source: &Source,
        query: &SourceQuery,
        attributes: &AttributeSelection,
    ) -> Option<Self> {
        let mapping = source.mapping.type_mappings().get(self.place)?;
        Some(Self {
            place: self.place,
            projection: Projection::new(mapping, attributes, query.system_attributes),
            parameters: self.parameters.clone(),
        })
    }
}

/// What a platform is asked.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) query: SourceQuery,
    /// What is wanted of each of its types, in the order of the mapping.
    pub(super) types: Vec<Arc<PreparedType>>,
    pub(super) push_down: PushDown,
}

/// One walk through the records of one type.
#[derive(Debug)]
pub(super) struct TypeReading {
    pub(super) source: Arc<Source>,
    prepared: Arc<PreparedType>,
    walked: Walked,
}

/// Which of a mapping's descriptions of an answer.
#[derive(Debug, Clone, Copy)]
pub(super) enum Answer {
    /// Of the path of many records.
    Many,
    /// Of the path of one record.
    One,
}

// === impl TypeReading ===

impl TypeReading {
    pub(super) fn new(source: &Arc<Source>, prepared: &Arc<PreparedType>) -> Arc<Self> {
        Arc::new(Self {
            source: Arc::clone(source),
            prepared: Arc::clone(prepared),
            walked: Walked::default(),
        })
    }

    /// The path of a page, with the conditions that the platform decides.
    pub(super) fn filtered(&self, mut path: String) -> String {
        let parameters = &self.prepared.parameters.text;
        if !parameters.is_empty() {
            path.push(if path.contains('?') { '&' } else { '?' });
            path.push_str(parameters);
        }
        path
    }

    /// The mapping of the type.
    pub(super) fn mapping(&self) -> Option<&TypeMapping> {
        self.source.mapping.type_mappings().get(self.prepared.place)
    }

    pub(super) fn error(&self, kind: ErrorKind, detail: impl Into<Arc<str>>) -> AdapterError {
        self.source.client.error(kind, detail)
    }

    /// Whether the platform's positions are not those of the view.
    pub(super) fn is_irregular(&self) -> bool {
        self.source
            .irregular(self.prepared.place)
            .is_none_or(|irregular| irregular.positions.load(Ordering::Relaxed))
    }

    pub(super) fn note_irregular(&self) {
        if let Some(irregular) = self.source.irregular(self.prepared.place) {
            irregular.positions.store(true, Ordering::Relaxed);
        }
    }

    /// Whether the platform's total is not that of the view.
    pub(super) fn has_irregular_total(&self) -> bool {
        let of_type = self.source.irregular(self.prepared.place);
        self.is_irregular() || of_type.is_none_or(|irregular| irregular.total.load(Ordering::Relaxed))
    }

    /// Counts a record that is the second of its id.
    pub(super) fn note_duplicates(&self, times: u64) {
        self.note_irregular();
        self.source.findings.add(Finding::DuplicateId, times);
        tracing::debug!(
            source = %self.source.client.source(),
            finding = Finding::DuplicateId.as_str(),
            times,
            "records left out"
        );
    }

    /// Asks for one path and reads the records. `None` when the platform says that there is nothing there.
    pub(super) async fn fetch(
        self: &Arc<Self>,
        path: &str,
        answer: Answer,
        call: &Call,
    ) -> Result<Option<RecordPage>, AdapterError> {
        let client = &self.source.client;
        let mut response = client.get(path, &[ACCEPTED], call).await?;
        match response.status {
            status if status.is_success() => {}
            StatusCode::NOT_FOUND | StatusCode::GONE => {
                client.understood(&response);
                return Ok(None);
            }
            _ => {
                return Err(client.refusal(&response, "the platform refused the request"));
            }
        }
        self.walked.count(response.body.len(), client)?;
        let exhausted = |exhausted| AdapterError::exhausted(client.source(), exhausted);
        // Its entities take about as much memory as their text.
        let length = response.body.len();
        response.held.grow(length).map_err(exhausted)?;
        let read = if length <= LARGE_BODY {
            self.read(&response.body, answer)
        } else {
            let (reading, body) = (Arc::clone(self), response.body.clone());
            let reading = async move { reading.read(&body, answer) };
            call.resources.compute_elsewhere(reading).await.map_err(exhausted)?
        };
        match read {
            Ok(mut page) => {
                client.understood(&response);
                // Records of a few characters take more than their text.
                let entities = page.yielded.len() * size_of::<Yielded>();
                response.held.become_of(length.max(entities)).map_err(exhausted)?;
                page.held = Some(response.held);
                Ok(Some(page))
            }
            Err(UnreadableBody::TooMany) => Err(self.error(ErrorKind::TooMany, UnreadableBody::TooMany.to_string())),
            Err(error) => Err(client.not_understood(&response, error.to_string())),
        }
    }

    fn read(&self, body: &Bytes, answer: Answer) -> Result<RecordPage, UnreadableBody> {
        let mapping = self.mapping().ok_or(UnreadableBody::NoRecords)?;
        let paths: &DocumentPaths = match answer {
            Answer::Many => &mapping.documents,
            Answer::One => &mapping.single,
        };
        let mut tally = Tally::default();
        let page = read_records(mapping, paths, &self.source.outside, &self.prepared.projection, body, &mut tally)?;
        if !page.is_complete()
            && let Some(irregular) = self.source.irregular(self.prepared.place)
        {
            irregular.total.store(true, Ordering::Relaxed);
        }
        self.report(mapping, &tally);
        Ok(page)
    }

    /// Counts what was odd, and tells it without a value.
    fn report(&self, mapping: &TypeMapping, tally: &Tally) {
        for (field, finding, times) in &tally.0 {
            self.source.findings.add(*finding, *times);
            tracing::debug!(
                source = %self.source.client.source(),
                entity_type = mapping.short_name,
                field,
                finding = finding.as_str(),
                times,
                "records differ from the mapping"
            );
        }
    }
}

/// What was odd about the records of one answer, and how often.
#[derive(Default)]
struct Tally(Vec<(String, Finding, u64)>);

impl Findings for Tally {
    fn note(&mut self, field: &str, finding: Finding) {
        let known = self
            .0
            .iter_mut()
            .find(|(other, kind, _)| *kind == finding && other == field);
        match known {
            Some((_, _, times)) => *times += 1,
            None => self.0.push((field.to_owned(), finding, 1)),
        }
    }

    fn forget(&mut self) {
        self.0.clear();
    }
}
