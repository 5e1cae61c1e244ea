//! One request that changes something, and what its answer means.

use std::time::Instant;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};

use crate::source::{ACCEPTED, Source};
use kakehashi_client::{Resend, Response, SourceRequest};
use kakehashi_contract::{Call, ErrorKind, WriteError};
use kakehashi_mapping::back::LostWhole;
use kakehashi_mapping::language::WriteRequest;

/// Why a change was not made.
#[derive(Debug)]
pub(super) enum Failed {
    /// There is no such record any more.
    IsGone,
    /// The record is not what it was when it was read.
    IsOther,
    Otherwise(WriteError),
}

impl<E: Into<WriteError>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self::Otherwise(error.into())
    }
}

/// One change that the platform makes at once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step<'a> {
    pub(super) request: &'a WriteRequest,
    /// Percent-encoded.
    pub(super) path: &'a str,
    /// What it is to be done to.
    pub(super) target: Target<'a>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Target<'a> {
    /// Nothing is there.
    Nothing,
    /// What was read; with its tag, if the platform gives one.
    Record(Option<&'a HeaderValue>),
}

impl Source {
    /// Sends one change, once. An empty body: none.
    ///
    /// # Errors
    /// [`Failed`]; whether it may have been done all the same, the error says.
    pub(super) async fn send(&self, step: Step<'_>, body: String, call: &Call) -> Result<(), Failed> {
        // What is answered at once is in time for whoever only waits: nothing is changed for a request that is over.
        if Instant::now() >= call.deadline {
            let detail = "the time was over before the change was sent";
            return Err(self.client.error(ErrorKind::Timeout, detail).into());
        }
        let mut headers: Vec<(HeaderName, HeaderValue)> = vec![ACCEPTED];
        if !body.is_empty() {
            headers.push((header::CONTENT_TYPE, HeaderValue::from_static("application/json")));
        }
        match step.target {
            Target::Record(Some(tag)) => headers.push((header::IF_MATCH, tag.clone())),
            // A record that somebody else has made meanwhile would be replaced.
            Target::Nothing if step.request.method == Method::PUT => {
                headers.push((header::IF_NONE_MATCH, HeaderValue::from_static("*")));
            }
            Target::Record(None) | Target::Nothing => {}
        }
        let request = SourceRequest {
            method: step.request.method.clone(),
            path_and_query: step.path,
            headers: &headers,
            body: Bytes::from(body),
            resend: Resend::Never,
        };
        let response = self.client.send(&request, call).await?;
        self.outcome(step, &response)
    }

    /// What can be read cannot be written.
    pub(super) fn not_there(&self) -> WriteError {
        let detail = "the source shows the entity, and says that it is not there to be written";
        self.client.error(ErrorKind::Status(404), detail).into()
    }

    fn outcome(&self, step: Step<'_>, response: &Response) -> Result<(), Failed> {
        let client = &self.client;
        if response.status.is_success() {
            client.understood(response);
            return Ok(());
        }
        Err(match (response.status, step.target) {
            (StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED, Target::Nothing) => {
                WriteError::AlreadyExists.into()
            }
            // What such a request does when it comes again, nobody knows.
            (StatusCode::NOT_FOUND | StatusCode::GONE, Target::Record(_)) if step.request.method == Method::POST => {
                self.not_there().into()
            }
            (StatusCode::NOT_FOUND | StatusCode::GONE, Target::Record(_)) => Failed::IsGone,
            (StatusCode::PRECONDITION_FAILED, Target::Record(Some(_))) => Failed::IsOther,
            (StatusCode::CONFLICT, Target::Record(_)) => LostWhole::Conflict.into(),
            (StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY, _) => LostWhole::RefusedBySource.into(),
            (StatusCode::PAYLOAD_TOO_LARGE, _) => LostWhole::TooLarge.into(),
            (status, _) => {
                let error = client.refusal(response, "the write was refused");
                // Whoever stands before the platform may not know what became of it, and who leads elsewhere may have done it.
                let is_unknown =
                    (status.is_server_error() && status != StatusCode::SERVICE_UNAVAILABLE) || status.is_redirection();
                let error = if is_unknown { error.may_have_been_done() } else { error };
                WriteError::Source(error).into()
            }
        })
    }
}
