//! One request that changes something, and what its answer means.

use std::time::Instant;

use bytes::Bytes;
use http::{Method, StatusCode};
use ngsi_ld::AttributeName;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::super::Platform;
use super::super::names::raw_name;
use super::lost::{Lost, LostWhole};
use super::standing::Standing;
use kakehashi_client::{Resend, Response, SourceRequest};
use kakehashi_contract::{AdapterError, Call, ErrorKind, WriteError};

/// What does not stand for itself in a part of a path or the value of a parameter.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b':');

/// Why a change was not made.
#[derive(Debug)]
pub(super) enum Failed {
    /// There is no such entity any more.
    IsGone,
    Otherwise(WriteError),
}

impl<E: Into<WriteError>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self::Otherwise(error.into())
    }
}

/// One change that the source makes at once.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step<'a> {
    Create,
    /// Of all attributes.
    Replace(&'a Standing),
    /// Of those that are there, and of new ones.
    Append(&'a Standing),
    /// Of an attribute, by its name in the source.
    Remove(&'a Standing, &'a str),
    Delete(&'a Standing),
}

impl Step<'_> {
    fn method(self) -> Method {
        match self {
            Self::Create | Self::Append(_) => Method::POST,
            Self::Replace(_) => Method::PUT,
            Self::Remove(..) | Self::Delete(_) => Method::DELETE,
        }
    }

    fn path_and_query(self) -> String {
        match self {
            Self::Create => "/v2/entities".to_owned(),
            Self::Replace(standing) => format!("{}/attrs?{}", entity(standing), of_type(standing)),
            // Metadata that are not written go, as the rest of what the attribute was.
            Self::Append(standing) => format!(
                "{}/attrs?{}&options=overrideMetadata",
                entity(standing),
                of_type(standing)
            ),
            Self::Remove(standing, raw) => format!(
                "{}/attrs/{}?{}",
                entity(standing),
                utf8_percent_encode(raw, ESCAPED),
                of_type(standing)
            ),
            Self::Delete(standing) => format!("{}?{}", entity(standing), of_type(standing)),
        }
    }
}

fn entity(standing: &Standing) -> String {
    format!("/v2/entities/{}", utf8_percent_encode(&standing.raw, ESCAPED))
}

/// Never an id alone, which may be that of an entity of another type.
fn of_type(standing: &Standing) -> String {
    format!("type={}", utf8_percent_encode(&standing.short, ESCAPED))
}

impl Platform {
    /// Sends one change, once.
    ///
    /// # Errors
    /// [`Failed`]; whether it may have been done all the same, the error says.
    pub(super) async fn send(
        &self,
        service_path: &str,
        step: Step<'_>,
        body: String,
        call: &Call,
    ) -> Result<(), Failed> {
        // What is answered at once is in time for whoever only waits: nothing is changed for a request that is over.
        if Instant::now() >= call.deadline {
            let detail = "the time was over before the change was sent";
            return Err(self.source.client.error(ErrorKind::Timeout, detail).into());
        }
        let mut headers = self.headers_within(service_path)?;
        if body.is_empty() {
            // The source refuses a type of nothing.
            headers.pop();
        }
        let request = SourceRequest {
            method: step.method(),
            path_and_query: &step.path_and_query(),
            headers: &headers,
            body: Bytes::from(body),
            resend: Resend::Never,
        };
        let response = self.source.client.send(&request, call).await?;
        self.outcome(step, &response)
    }

    fn outcome(&self, step: Step<'_>, response: &Response) -> Result<(), Failed> {
        let client = &self.source.client;
        if response.status.is_success() {
            client.understood(response);
            return Ok(());
        }
        Err(Failed::Otherwise(match (response.status, step) {
            (StatusCode::UNPROCESSABLE_ENTITY, Step::Create) => WriteError::AlreadyExists,
            // It is gone already, as it was to be.
            (StatusCode::NOT_FOUND, Step::Remove(..)) => return Ok(()),
            (StatusCode::NOT_FOUND, Step::Replace(_) | Step::Append(_) | Step::Delete(_)) => {
                return Err(Failed::IsGone);
            }
            (StatusCode::CONFLICT, _) => LostWhole::Several.into(),
            (StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY, _) => LostWhole::RefusedBySource.into(),
            (StatusCode::PAYLOAD_TOO_LARGE, _) => LostWhole::TooLarge.into(),
            (StatusCode::INTERNAL_SERVER_ERROR, _) if is_about_a_place(response) => LostWhole::Place.into(),
            (status, _) => {
                let error = client.refusal(response, "the write was refused");
                // Whoever stands before the source may not know what became of it.
                let is_unknown = status.is_server_error() && status != StatusCode::SERVICE_UNAVAILABLE;
                let error = if is_unknown { error.may_have_been_done() } else { error };
                WriteError::Source(error)
            }
        }))
    }

    /// The name of an attribute that is to be removed.
    pub(super) fn raw_of(&self, name: &AttributeName) -> Result<String, WriteError> {
        let context = &self.settings.context;
        raw_name(context, name).ok_or_else(|| Lost::Name.of(context, name))
    }

    /// The same failure, of a change of which a part was made.
    pub(super) fn half_done(&self, failed: Failed) -> WriteError {
        let error = match failed {
            Failed::Otherwise(WriteError::Source(error)) => error,
            _ => AdapterError::new(
                self.source.client.source(),
                ErrorKind::InvalidPayload,
                "a part of the change was refused, after another was made",
            ),
        };
        WriteError::Source(error.may_have_been_done())
    }

    /// The same failure, of what cannot go because it is not there yet.
    pub(super) fn as_error(&self, failed: Failed) -> WriteError {
        match failed {
            Failed::Otherwise(error) => error,
            Failed::IsGone => self
                .source
                .client
                .error(ErrorKind::Status(404), "the write was refused")
                .into(),
        }
    }
}

/// Whether the database has refused a geometry: by its own words, which nobody is told.
fn is_about_a_place(response: &Response) -> bool {
    let says = |words: &[u8]| memchr::memmem::find(&response.body, words).is_some();
    says(b"geo keys") || says(b"GeoJSON")
}
