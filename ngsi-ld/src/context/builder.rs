//! Putting a context together: its documents in their order, what they refer to, and the core context last.

use hashbrown::{HashMap, HashSet};
use url::{ParseError, Url};

use super::Context;
use super::core::{CoreVersion, is_core_context};
use super::definition::ActiveContext;
use super::document::{ContextError, Part, parse_document, parse_value};

/// Most contexts that one context may be made of, those that it refers to included, each time they are
/// referred to.
pub const MAX_CONTEXTS: usize = 64;

/// Collects the documents of a context.
#[derive(Debug, Clone, Default)]
pub struct ContextBuilder {
    parts: Vec<Part>,
    remote: HashMap<String, Vec<Part>>,
}

impl ContextBuilder {
    /// Adds a document: a JSON object with the member `@context`. It may redefine what earlier ones define.
    ///
    /// # Errors
    /// [`ContextError`] when it is no such document.
    pub fn document(mut self, json: &str) -> Result<Self, ContextError> {
        self.parts.extend(parse_document(json)?);
        Ok(self)
    }

    /// Adds the value of a member `@context`, as the body of a request carries it: a URL, an object, or an
    /// array of those.
    ///
    /// # Errors
    /// [`ContextError`] when it is none of these.
    pub fn value(mut self, json: &str) -> Result<Self, ContextError> {
        self.parts.extend(parse_value(json)?);
        Ok(self)
    }

    /// Adds a reference, as a `Link` header carries it.
    #[must_use]
    pub fn reference(mut self, url: &str) -> Self {
        self.parts.push(Part::Remote(url.to_owned()));
        self
    }

    /// Gives the document that a URL refers to. What the document refers to is relative to that URL.
    ///
    /// # Errors
    /// [`ContextError`] when it is no context document.
    pub fn remote(self, url: &str, json: &str) -> Result<Self, ContextError> {
        self.remote_at(url, url, json)
    }

    /// Gives the document that a URL refers to, and where it was found in the end. What the document refers to is
    /// relative to that place (JSON-LD 1.1 API section 4.1.2, step 5.2.1: never to an `@base`).
    ///
    /// # Errors
    /// [`ContextError`] when it is no context document.
    pub fn remote_at(mut self, url: &str, place: &str, json: &str) -> Result<Self, ContextError> {
        let mut parts = parse_document(json)?;
        for part in &mut parts {
            if let Part::Remote(reference) = part
                && let Some(absolute) = resolved(place, reference)
            {
                *reference = absolute;
            }
        }
        self.remote.insert(url.to_owned(), parts);
        Ok(self)
    }

    /// The URLs that are referred to, from whatever depth, and whose documents were not given yet.
    #[must_use]
    pub fn missing(&self) -> Vec<String> {
        let mut missing = Vec::new();
        let mut seen = HashSet::new();
        let mut open: Vec<&[Part]> = vec![&self.parts];
        while let Some(parts) = open.pop() {
            for part in parts {
                let Part::Remote(url) = part else { continue };
                if is_core_context(url) || !seen.insert(url.as_str()) {
                    continue;
                }
                match self.remote.get(url) {
                    Some(parts) => open.push(parts),
                    None => missing.push(url.clone()),
                }
            }
        }
        missing
    }

    /// Compiles the context.
    ///
    /// # Errors
    /// [`ContextError`]: a document is missing, or one defines what JSON-LD or clause 5.5.7 does not allow.
    //= 4.4-2, 5.5.5-2, 5.5.7-6
    pub fn build(self) -> Result<Context, ContextError> {
        let mut active = ActiveContext::over(Context::core_of(self.core_version()));
        let mut contexts = 0;
        self.apply(&self.parts, &mut active, &mut contexts)?;
        Ok(active.finish())
    }

    /// The version of the core context that the request itself names: the newest of several, the current one when it
    /// names none. What documents of others name is theirs: they are read long after they were written.
    fn core_version(&self) -> CoreVersion {
        let named = self.parts.iter().filter_map(|part| match part {
            Part::Remote(url) => CoreVersion::of_url(url),
            _ => None,
        });
        named.max().unwrap_or_default()
    }

    fn apply(&self, parts: &[Part], active: &mut ActiveContext, contexts: &mut usize) -> Result<(), ContextError> {
        for part in parts {
            *contexts += 1;
            if *contexts > MAX_CONTEXTS {
                return Err(ContextError::TooManyContexts);
            }
            match part {
                // The core context cannot be left, and what protects its terms may not be undone (JSON-LD 1.1).
                Part::Reset => active.reset()?,
                Part::Remote(url) if is_core_context(url) => {}
                Part::Remote(url) => {
                    let parts = self.remote.get(url);
                    let parts = parts.ok_or_else(|| ContextError::Unavailable(url.clone()))?;
                    self.apply(parts, active, contexts)?;
                }
                Part::Local(members) => active.define(members)?,
            }
        }
        Ok(())
    }
}

/// What a relative reference stands for (RFC 3986 section 5); `None`: it is absolute, or there is nothing that it could
/// be relative to.
fn resolved(place: &str, reference: &str) -> Option<String> {
    match Url::parse(reference) {
        Err(ParseError::RelativeUrlWithoutBase) => {}
        _ => return None,
    }
    let place = Url::parse(place).ok()?;
    place.join(reference).ok().map(String::from)
}

/// The URLs that a document with a member `@context` refers to, core contexts left out.
///
/// # Errors
/// [`ContextError`] when it is no context document.
pub fn remote_references(json: &str) -> Result<Vec<String>, ContextError> {
    Ok(ContextBuilder::default().document(json)?.missing())
}
