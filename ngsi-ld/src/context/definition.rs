//! From definitions to terms: the context processing and "create term definition" algorithms of JSON-LD 1.1
//! (JSON-LD API sections 4.1 and 4.2), for what NGSI-LD uses.

use compact_str::CompactString;
use hashbrown::{HashMap, HashSet};
use serde_json::Value;

use super::document::{ContextError, DefinitionFault, MAX_TERMS};
use super::{Coercion, Container, Context, DEFAULT_VOCABULARY, Meaning, Term};
use crate::{Iri, check_absolute};

/// The terms that hold while documents are processed in their order.
pub(super) struct ActiveContext {
    terms: HashMap<CompactString, Term>,
    /// `@vocab` of the documents so far. It gives IRIs to terms that are defined without one; for names that no
    /// document defines, the core's `@vocab` comes last and holds.
    vocabulary: Option<String>,
    of_core: bool,
}

/// One document's definitions while they are processed: a definition may need a later one.
struct LocalContext<'a> {
    definitions: HashMap<&'a str, &'a Value>,
    protected: bool,
    done: HashSet<&'a str>,
    open: Vec<&'a str>,
}

impl ActiveContext {
    /// Begins with the core context.
    pub(super) fn over(core: &Context) -> Self {
        Self {
            terms: core.terms.clone(),
            vocabulary: Some(DEFAULT_VOCABULARY.to_owned()),
            of_core: false,
        }
    }

    /// Begins with nothing, for the core context itself.
    pub(super) fn for_core() -> Self {
        Self {
            terms: HashMap::new(),
            vocabulary: None,
            of_core: true,
        }
    }

    /// A `null` among the contexts.
    pub(super) fn reset(&mut self) -> Result<(), ContextError> {
        let protected = self.terms.iter().find(|(_, term)| term.protected && !term.core);
        if let Some((name, _)) = protected {
            return Err(fault(name, DefinitionFault::Protected));
        }
        self.terms.retain(|_, term| term.core);
        self.vocabulary = Some(DEFAULT_VOCABULARY.to_owned());
        Ok(())
    }

    /// Adds the definitions of one context.
    pub(super) fn define(&mut self, members: &[(String, Value)]) -> Result<(), ContextError> {
        let mut local = LocalContext {
            definitions: HashMap::with_capacity(members.len()),
            protected: false,
            done: HashSet::with_capacity(members.len()),
            open: Vec::new(),
        };
        for (name, value) in members {
            if name.starts_with('@') {
                self.keyword(name, value, &mut local)?;
            } else {
                local.definitions.insert(name.as_str(), value);
            }
        }
        if self.terms.len() + local.definitions.len() > MAX_TERMS {
            return Err(ContextError::TooManyTerms);
        }
        for (name, _) in members {
            self.term(name, &mut local)?;
        }
        Ok(())
    }

    fn keyword(&mut self, name: &str, value: &Value, local: &mut LocalContext<'_>) -> Result<(), ContextError> {
        let accepted = match (name, value) {
            ("@vocab", Value::Null) => {
                self.vocabulary = None;
                true
            }
            ("@vocab", Value::String(vocabulary)) => {
                // A relative one extends the one before; only absolute ones make IRIs.
                let expanded = match &self.vocabulary {
                    Some(before) if !vocabulary.contains(':') => format!("{before}{vocabulary}"),
                    _ => self.compact_iri(vocabulary).unwrap_or_else(|| vocabulary.clone()),
                };
                check_absolute(&expanded).map_err(|error| fault(name, error.into()))?;
                self.vocabulary = Some(expanded);
                true
            }
            ("@protected", Value::Bool(protected)) => {
                local.protected = *protected;
                true
            }
            ("@version", Value::Number(version)) => version.as_f64() == Some(1.1),
            // Of no effect on names: relative IRIs, the language and direction of plain texts, sets of types.
            ("@base" | "@language" | "@direction", Value::String(_) | Value::Null) | ("@type", Value::Object(_)) => {
                true
            }
            ("@import" | "@propagate", _) => return Err(fault(name, DefinitionFault::Unsupported)),
            ("@vocab" | "@protected" | "@version" | "@base" | "@language" | "@direction", _) => false,
            _ => return Err(fault(name, DefinitionFault::Name)),
        };
        if accepted {
            Ok(())
        } else {
            Err(fault(name, DefinitionFault::Keyword))
        }
    }

    /// Defines one term, and first those that it needs.
    fn term<'a>(&mut self, name: &'a str, local: &mut LocalContext<'a>) -> Result<(), ContextError> {
        let Some(&definition) = local.definitions.get(name) else {
            return Ok(());
        };
        if local.done.contains(name) {
            return Ok(());
        }
        // Terms of depth beyond this are made to exhaust the stack.
        if local.open.contains(&name) || local.open.len() > MAX_TERM_DEPTH {
            return Err(fault(name, DefinitionFault::Cyclic));
        }
        if name.is_empty() || looks_like_keyword(name) {
            return Err(fault(name, DefinitionFault::Name));
        }
        local.open.push(name);
        let term = self.create(name, definition, local)?;
        local.open.pop();
        local.done.insert(name);
        match self.terms.get(name) {
            // Absolute precedence (clause 5.5.7): what others say about a term of the core has no effect.
            Some(present) if present.core && !self.of_core => {}
            Some(present) if present.protected && !present.same_as(&term) => {
                return Err(fault(name, DefinitionFault::Protected));
            }
            Some(present) => {
                let protected = present.protected || term.protected;
                self.terms.insert(name.into(), Term { protected, ..term });
            }
            None => {
                self.terms.insert(name.into(), term);
            }
        }
        Ok(())
    }

    //= 4.4-5, 5.5.7-5
    fn create<'a>(
        &mut self,
        name: &'a str,
        definition: &'a Value,
        local: &mut LocalContext<'a>,
    ) -> Result<Term, ContextError> {
        let mut term = Term {
            meaning: Meaning::Nothing,
            prefix: false,
            protected: local.protected,
            core: self.of_core,
            coercion: None,
            containers: Vec::new(),
        };
        let id = match definition {
            Value::Null => return Ok(term),
            Value::String(id) => {
                term.prefix = true;
                Some(id.as_str())
            }
            Value::Object(members) => {
                for (keyword, value) in members {
                    self.refine(name, &mut term, keyword, value, local)?;
                }
                match members.get("@id") {
                    Some(Value::Null) => return Ok(term),
                    Some(Value::String(id)) => Some(id.as_str()),
                    Some(_) => return Err(fault(name, DefinitionFault::Shape)),
                    None => None,
                }
            }
            _ => return Err(fault(name, DefinitionFault::Shape)),
        };
        let simple = term.prefix && definition.is_string();
        term.meaning = match id {
            Some(id) if id != name => self.meaning(name, id, local)?,
            _ => self.own_meaning(name, local)?,
        };
        // Only an IRI that ends like a namespace makes a term a prefix without saying so.
        if simple {
            term.prefix = matches!(&term.meaning, Meaning::Iri(iri) if iri.as_str().ends_with([':', '/', '?', '#', '[', ']', '@']));
        }
        term.prefix &= !name.contains([':', '/']);
        Ok(term)
    }

    /// Takes over one member of an expanded term definition, `@id` excepted.
    fn refine<'a>(
        &mut self,
        name: &str,
        term: &mut Term,
        keyword: &str,
        value: &'a Value,
        local: &mut LocalContext<'a>,
    ) -> Result<(), ContextError> {
        match (keyword, value) {
            ("@type", Value::String(r#type)) => {
                term.coercion = Some(match r#type.as_str() {
                    "@id" => Coercion::Id,
                    "@vocab" => Coercion::Vocab,
                    "@json" => Coercion::Json,
                    "@none" => Coercion::None,
                    other => match self.meaning(name, other, local)? {
                        Meaning::Iri(iri) => Coercion::DataType(iri),
                        _ => return Err(fault(name, DefinitionFault::Type)),
                    },
                });
            }
            ("@type", _) => return Err(fault(name, DefinitionFault::Type)),
            ("@container", Value::Array(containers)) => {
                for value in containers {
                    term.containers.push(container(name, value)?);
                }
            }
            ("@protected", Value::Bool(protected)) => term.protected = *protected,
            ("@prefix", Value::Bool(prefix)) => term.prefix = *prefix,
            ("@context", _) => return Err(fault(name, DefinitionFault::Scoped)),
            ("@reverse", _) => return Err(fault(name, DefinitionFault::Unsupported)),
            ("@protected" | "@prefix", _) => return Err(fault(name, DefinitionFault::Keyword)),
            // `@id` is read by the caller; the others say nothing about names.
            ("@id" | "@language" | "@direction" | "@index" | "@nest", _) | ("@container", Value::Null) => {}
            ("@container", value) => term.containers.push(container(name, value)?),
            // What JSON-LD 1.1 does not know makes the definition invalid (section 4.2.2 of its API).
            _ => return Err(fault(name, DefinitionFault::Member)),
        }
        Ok(())
    }

    /// What an `@id` (or `@type`) of a definition means: a keyword, a term, `prefix:name`, an IRI, or a name
    /// under `@vocab`.
    fn meaning<'a>(&mut self, name: &str, id: &'a str, local: &mut LocalContext<'a>) -> Result<Meaning, ContextError> {
        if looks_like_keyword(id) {
            return Ok(Meaning::Keyword(id.into()));
        }
        self.term(id, local)?;
        if let Some(term) = self.terms.get(id) {
            return Ok(term.meaning.clone());
        }
        if let Some((prefix, _)) = id.split_once(':') {
            self.term(prefix, local)?;
            let expanded = self.compact_iri(id).unwrap_or_else(|| id.to_owned());
            check_absolute(&expanded).map_err(|error| fault(name, error.into()))?;
            return Ok(Meaning::Iri(Iri::new(expanded)));
        }
        self.under_vocabulary(name, id)
    }

    /// What a term means that is defined without an `@id`.
    fn own_meaning<'a>(&mut self, name: &'a str, local: &mut LocalContext<'a>) -> Result<Meaning, ContextError> {
        let Some((prefix, _)) = name.split_once(':') else {
            return self.under_vocabulary(name, name);
        };
        self.term(prefix, local)?;
        let expanded = self.compact_iri(name).unwrap_or_else(|| name.to_owned());
        check_absolute(&expanded).map_err(|error| fault(name, error.into()))?;
        Ok(Meaning::Iri(Iri::new(expanded)))
    }

    fn under_vocabulary(&self, name: &str, relative: &str) -> Result<Meaning, ContextError> {
        let vocabulary = self.vocabulary.as_ref();
        let vocabulary = vocabulary.ok_or_else(|| fault(name, DefinitionFault::NoIri))?;
        let expanded = format!("{vocabulary}{relative}");
        check_absolute(&expanded).map_err(|error| fault(name, error.into()))?;
        Ok(Meaning::Iri(Iri::new(expanded)))
    }

    /// `prefix:name` with the prefix replaced by what it stands for; `None` when it is no such form.
    fn compact_iri(&self, text: &str) -> Option<String> {
        let (prefix, rest) = text.split_once(':')?;
        let term = self
            .terms
            .get(prefix)
            .filter(|term| term.prefix && !rest.starts_with("//"))?;
        match &term.meaning {
            Meaning::Iri(iri) => Some(format!("{iri}{rest}")),
            _ => None,
        }
    }

    /// The compiled context.
    pub(super) fn finish(self) -> Context {
        Context::of_terms(self.terms)
    }
}

impl Term {
    /// Whether both say the same; `@protected` does not count (JSON-LD 1.1).
    fn same_as(&self, other: &Self) -> bool {
        self.meaning == other.meaning
            && self.prefix == other.prefix
            && self.coercion == other.coercion
            && self.containers == other.containers
    }
}

/// Terms may be defined by terms this many times over.
const MAX_TERM_DEPTH: usize = 32;

fn fault(term: &str, reason: DefinitionFault) -> ContextError {
    ContextError::Definition {
        term: term.to_owned(),
        reason,
    }
}

/// `@` and letters: reserved by JSON-LD 1.1.
fn looks_like_keyword(text: &str) -> bool {
    let letters = text.strip_prefix('@').unwrap_or_default();
    !letters.is_empty() && letters.bytes().all(|byte| byte.is_ascii_alphabetic())
}

fn container(name: &str, value: &Value) -> Result<Container, ContextError> {
    Ok(match value.as_str() {
        Some("@list") => Container::List,
        Some("@set") => Container::Set,
        Some("@index") => Container::Index,
        Some("@language") => Container::Language,
        Some("@id") => Container::Id,
        Some("@type") => Container::Type,
        Some("@graph") => Container::Graph,
        _ => return Err(fault(name, DefinitionFault::Container)),
    })
}
